import hashlib
import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer

from auditkit.errors import ModelError
from auditkit.models.loading import load_model
from tests.models.tiny import LABELS, MAX_POSITIONS, VOCABULARY, WORDS, network, save, texts
from tests.real import real

FAMILIES = [
    "bert", "roberta", "distilbert", "electra", "albert", "deberta-v2", "gpt2", "xlnet", "bart",
]  # fmt: skip


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save(tmp_path_factory.mktemp("bert"))


def ids(*words):
    return tuple(VOCABULARY.index(word) for word in words)


@pytest.mark.parametrize("family", FAMILIES)
def test_padded_batches_give_the_logits_of_each_text_alone(tmp_path, family):
    model = load_model(str(save(tmp_path, family)), device="cpu")
    inputs = texts(12, 30)
    encoded = model.encode(inputs)
    batch = model.forward(encoded, max(map(len, encoded)) + 3)
    plain = network(family)
    plain.config.pad_token_id = plain.config.pad_token_id or 0
    for row, one in zip(batch, encoded, strict=True):
        with torch.no_grad():
            alone = plain(input_ids=torch.tensor([one.token_ids])).logits[0].numpy()
        np.testing.assert_allclose(row, alone, atol=1e-5)
    assert batch.dtype == np.float32
    assert batch.std(axis=0).min() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [3, 7, MAX_POSITIONS])
def test_fillers_have_the_length_asked_and_run(tmp_path, family, length):
    model = load_model(str(save(tmp_path, family)), device="cpu")
    filler = model.filler(length)
    assert len(filler) == length
    assert np.isfinite(model.forward([filler, filler], length)).all()


def test_texts_are_framed_by_special_tokens(bert):
    model = load_model(str(bert), device="cpu")
    single, pair = model.encode([f"{WORDS[0]} {WORDS[1].upper()}", (WORDS[2], WORDS[3])])
    assert single.token_ids == ids("[CLS]", WORDS[0], WORDS[1], "[SEP]")
    assert single.type_ids == (0, 0, 0, 0)
    assert pair.token_ids == ids("[CLS]", WORDS[2], "[SEP]", WORDS[3], "[SEP]")
    assert pair.type_ids == (0, 0, 0, 1, 1)
    assert not single.truncated


def test_the_longer_text_of_a_pair_is_cut(bert):
    model = load_model(str(bert), device="cpu")
    short, long = " ".join(WORDS[:5]), " ".join(WORDS[:200])
    encoded = model.encode([(short, long)])[0]
    kept = MAX_POSITIONS - 3 - 5
    assert encoded.truncated
    assert encoded.token_ids == ids("[CLS]", *WORDS[:5], "[SEP]", *WORDS[:kept], "[SEP]")


def test_only_texts_that_lose_tokens_count_as_truncated(bert):
    model = load_model(str(bert), device="cpu")
    fits, over = " ".join(WORDS[: MAX_POSITIONS - 2]), " ".join(WORDS[: MAX_POSITIONS - 1])
    encoded = model.encode([fits, over])
    assert [len(one) for one in encoded] == [MAX_POSITIONS, MAX_POSITIONS]
    assert [one.truncated for one in encoded] == [False, True]


def test_truncation_and_padding_stored_with_the_tokenizer_are_ignored(tmp_path):
    save(tmp_path)
    path = tmp_path / "tokenizer.json"
    before = load_model(str(tmp_path), device="cpu")
    stored = json.loads(path.read_text())
    stored["truncation"] = {
        "direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    stored["padding"] = {
        "strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    path.write_text(json.dumps(stored))
    after = load_model(str(tmp_path), device="cpu")
    lengths = [len(one) for one in after.encode([" ".join(WORDS[:10]), WORDS[0]])]
    assert lengths == [12, 3]
    assert after.info.tokenizer_digest == before.info.tokenizer_digest


def test_an_empty_text_runs_without_special_tokens(tmp_path):
    model = load_model(str(save(tmp_path, "gpt2")), device="cpu")
    empty = model.encode([""])
    assert len(empty[0]) == 1
    assert np.isfinite(model.forward(empty, 4)).all()


@pytest.mark.parametrize(
    ("family", "limit", "changes", "expected"),
    [
        ("bert", 10**30, {}, 64),
        ("bert", 48, {}, 48),
        ("bert", 512, {}, 64),
        ("roberta", 512, {"max_position_embeddings": 40}, 39),  # padding index 0
        ("roberta", 512, {"max_position_embeddings": 40, "pad_token_id": 1}, 38),
        ("gpt2", 10**30, {"n_positions": 40}, 40),
        ("xlnet", 10**30, {}, 512),
        ("xlnet", 100, {}, 100),
    ],
)
def test_the_maximum_length_is_what_tokenizer_and_network_can_take(
    tmp_path, family, limit, changes, expected
):
    folder = save(tmp_path, family, {"model_max_length": limit}, **changes)
    if changes.get("pad_token_id") == 1:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config["pad_token"] = "[UNK]"  # token 1, to agree with the network
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model = load_model(str(folder), device="cpu")
    assert model.info.max_length == expected
    longest = model.encode([" ".join(WORDS * 2)])
    assert len(longest[0]) == expected
    assert np.isfinite(model.forward(longest, expected)).all()


def test_facts_of_the_checkpoint(bert):
    info = load_model(str(bert), device="cpu").info
    assert info.labels == tuple(LABELS.values())
    assert (info.architecture, info.device) == ("BertForSequenceClassification", "cpu")
    assert (info.multi_label, info.revision) == (False, None)
    assert info.parameters == sum(p.numel() for p in network("bert").parameters())
    assert info.size_on_disk == (bert / "model.safetensors").stat().st_size


def test_several_labels_at_once_from_config_or_argument(tmp_path):
    folder = str(save(tmp_path, problem_type="multi_label_classification"))
    assert load_model(folder, device="cpu").info.multi_label
    assert not load_model(folder, device="cpu", multi_label=False).info.multi_label


def test_half_precision_files_run_in_float32(bert, tmp_path):
    half = tmp_path / "half"
    model = network("bert").half()
    model.save_pretrained(half)
    for path in bert.glob("*token*"):
        (half / path.name).write_bytes(path.read_bytes())
    loaded = load_model(str(half), device="cpu")
    assert (loaded.info.stored_dtype, loaded.info.dtype) == ("float16", "float32")
    encoded = loaded.encode(texts(4, 10))
    logits = loaded.forward(encoded, 16)
    exact = model.float()
    for row, one in zip(logits, encoded, strict=True):
        with torch.no_grad():
            alone = exact(input_ids=torch.tensor([one.token_ids])).logits[0].numpy()
        np.testing.assert_allclose(row, alone, atol=1e-5)


def test_bfloat16_runs_in_bfloat16_and_answers_float32(bert):
    exact = load_model(str(bert), device="cpu")
    rough = load_model(str(bert), device="cpu", dtype="bfloat16")
    encoded = exact.encode(texts(8, 20))
    a, b = exact.forward(encoded, 24), rough.forward(encoded, 24)
    assert b.dtype == np.float32
    assert rough.info.dtype == "bfloat16"
    assert 0 < np.abs(a - b).max() < 0.3


def test_a_tokenizer_without_a_fast_version_is_used(tmp_path):
    # One token a byte, three special ones below, and an end-of-text token behind.
    network("bert", vocab_size=384).save_pretrained(tmp_path)
    ByT5Tokenizer().save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    short, full, cut, pair = model.encode(["ab", "x" * 63, "x" * 64, ("a", "b" * 99)])
    assert short.token_ids == (ord("a") + 3, ord("b") + 3, 1)
    assert [len(one) for one in (full, cut, pair)] == [MAX_POSITIONS] * 3
    assert [one.truncated for one in (short, full, cut, pair)] == [False, False, True, True]
    assert np.isfinite(model.forward([short, model.filler(5)], 8)).all()
    again = load_model(str(tmp_path), device="cpu")
    assert again.info.tokenizer_digest == model.info.tokenizer_digest


def test_a_dtype_the_architecture_cannot_run_in_is_refused(tmp_path):
    folder = save(tmp_path, "xlnet")
    with pytest.raises(
        ModelError, match=r"XLNet.* does not run in bfloat16 on cpu.*--dtype float32"
    ):
        load_model(str(folder), device="cpu", dtype="bfloat16")


class TestDigest:
    def digest(self, folder):
        return load_model(str(folder), device="cpu").info.digest

    def test_is_sha256_over_names_dtypes_shapes_and_bytes(self, bert):
        # Read with the safetensors library, where the code under test reads the bytes itself.
        expected = hashlib.sha256()
        tensors = load_file(bert / "model.safetensors")
        for name in sorted(tensors):
            heading = [name, "float32", list(tensors[name].shape)]
            expected.update(json.dumps(heading).encode() + b"\n")
            expected.update(tensors[name].numpy().tobytes())
        assert self.digest(bert) == expected.hexdigest()

    def test_does_not_depend_on_metadata_or_shards(self, bert, tmp_path):
        tensors = load_file(bert / "model.safetensors")
        noted, sharded = save(tmp_path / "noted"), save(tmp_path / "sharded")
        save_file(tensors, noted / "model.safetensors", {"format": "pt", "note": "x"})
        (sharded / "model.safetensors").unlink()
        network("bert").save_pretrained(sharded, max_shard_size="30KB")
        assert len(list(sharded.glob("model-*.safetensors"))) > 2
        assert self.digest(noted) == self.digest(sharded) == self.digest(bert)

    def test_changes_with_one_value(self, bert, tmp_path):
        other = save(tmp_path)
        tensors = load_file(other / "model.safetensors")
        tensors["classifier.bias"][0] += 1e-3
        save_file(tensors, other / "model.safetensors", {"format": "pt"})
        assert self.digest(other) != self.digest(bert)

    def test_is_the_same_for_an_allowed_pickle(self, bert, tmp_path):
        folder = save(tmp_path)
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        model = load_model(str(folder), device="cpu", allow_pickle=True)
        assert model.info.digest == self.digest(bert)

    def test_of_the_tokenizer_follows_vocabulary_and_length(self, bert, tmp_path):
        base = load_model(str(bert), device="cpu").info.tokenizer_digest
        shorter = save(tmp_path / "shorter", tokenizer_options={"model_max_length": 32})
        cased = save(tmp_path / "cased")
        content = json.loads((cased / "tokenizer.json").read_text())
        content["normalizer"] = None
        (cased / "tokenizer.json").write_text(json.dumps(content))
        again = save(tmp_path / "again")
        digests = [
            load_model(str(f), device="cpu").info.tokenizer_digest for f in (shorter, cased, again)
        ]
        assert len({base, *digests[:2]}) == 3
        assert digests[2] == base

    def test_header_entries_are_not_trusted_beyond_the_file(self, tmp_path):
        folder = save(tmp_path)
        path = folder / "model.safetensors"
        raw = path.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        assert length < len(raw)
        path.write_bytes(raw[: 8 + length])
        with pytest.raises(Exception, match="damaged or cut short"):
            load_model(str(folder), device="cpu")


@pytest.mark.shared_data
def test_stored_truncation_of_a_real_checkpoint_is_ignored():
    model = load_model(str(real("models/sst2-minilm")), device="cpu")
    assert model.info.max_length == 512
    assert len(model.encode(["good " * 100])[0]) == 102
    assert (model.info.stored_dtype, model.info.labels) == ("float16", ("negative", "positive"))
