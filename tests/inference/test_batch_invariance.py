"""A text's logits are bitwise the same alone, in any company, in any order, from any thread."""

import os
import random
import threading

import numpy as np
import pytest
import torch

from auditkit.inference.engine import BatchingEngine
from auditkit.models import sequence_classification
from auditkit.models.loading import load_model
from tests.models.tiny import save, texts
from tests.real import real

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
        ],
    ),
]
# The families whose attention and pooling differ; all run with one network of the shared code.
FAMILIES = ["bert", "roberta", "distilbert", "electra", "deberta-v2", "gpt2", "xlnet", "bart"]


def alone(model, inputs, search=False):
    with BatchingEngine(model, cache_entries=0) as engine:
        return np.concatenate([engine.predict([text], search=search) for text in inputs])


def together(model, inputs, search=False):
    with BatchingEngine(model, cache_entries=0) as engine:
        return engine.predict(inputs, search=search)


def by_threads(model, inputs, seed, kinds=(False,)):
    """Eight threads, each with its own part in random order and in calls of random size.

    Returns an array for each of `kinds`, which say whether it is of a search.
    """
    shape = (len(inputs), len(model.info.labels))
    results = [np.full(shape, np.nan, dtype=np.float32) for _ in kinds]
    order = [(kind, place) for kind in range(len(kinds)) for place in range(len(inputs))]
    random.Random(seed).shuffle(order)
    with BatchingEngine(model, cache_entries=0) as engine:

        def ask(part, rng):
            while part:
                size = rng.randint(1, 9)
                now, part = part[:size], part[size:]
                for kind, search in enumerate(kinds):
                    places = [place for other, place in now if other == kind]
                    answers = engine.predict([inputs[i] for i in places], search=search)
                    results[kind][places] = answers

        threads = [
            threading.Thread(target=ask, args=(order[k::8], random.Random(k)), daemon=True)
            for k in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def assert_same_bits(model, inputs):
    one_by_one = alone(model, inputs)
    assert np.isfinite(one_by_one).all()
    assert len(np.unique(one_by_one[:, 0])) > 1
    for other in (
        together(model, inputs),
        *by_threads(model, inputs, 1),
        *by_threads(model, inputs, 2),
    ):
        np.testing.assert_array_equal(one_by_one.view(np.int32), other.view(np.int32))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_bits_however_it_is_asked(tmp_path, device, dtype):
    model = load_model(str(save(tmp_path)), device=device, dtype=dtype)
    # 1 to 80 words, where the network takes 62: texts of just the maximum length, and cut ones.
    assert_same_bits(model, texts(500, 80))


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_bits_with_two_threads_at_one_pass_or_one_each(
    tmp_path, monkeypatch, dtype, streams
):
    monkeypatch.setattr(sequence_classification, "_MOST_STREAMS", streams)
    # Lengths whose batches have few rows, and texts enough to fill them: where a product of few
    # rows is split, the last ones would differ from the first.
    inputs = [text for text in texts(400, 80) if 18 <= len(text.split()) <= 46]
    before = torch.get_num_threads()
    try:
        model = load_model(str(save(tmp_path)), device="cpu", dtype=dtype, threads=2)
        assert model.info.streams == streams
        assert_same_bits(model, inputs)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_search_and_other_questions_keep_their_bits_among_each_other(tmp_path, threads, device):
    # Rows are few where texts are long, and products of few rows are split among threads.
    inputs = [text for text in texts(160, 80) if 18 <= len(text.split()) <= 46]
    before = torch.get_num_threads()
    try:
        model = load_model(
            str(save(tmp_path)), device=device, search_dtype="bfloat16", threads=threads
        )
        kinds = (False, True)
        wanted = [alone(model, inputs, search) for search in kinds]
        mixed = by_threads(model, inputs, 1, kinds)
        full = [together(model, inputs, search) for search in kinds]
    finally:
        torch.set_num_threads(before)
    for one, other in zip([*wanted, *wanted], [*mixed, *full], strict=True):
        np.testing.assert_array_equal(one.view(np.int32), other.view(np.int32))
    assert (wanted[0] != wanted[1]).any(axis=1).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_networks_keeps_its_bits(tmp_path, family, dtype, device):
    if (family, dtype) == ("xlnet", "bfloat16"):
        pytest.skip("transformers cannot run XLNet in bfloat16")
    model = load_model(str(save(tmp_path, family)), device=device, dtype=dtype)
    assert_same_bits(model, texts(80, 80, seed=3))


def test_pairs_keep_their_bits(tmp_path):
    model = load_model(str(save(tmp_path)), device="cpu")
    firsts, seconds = texts(60, 50), texts(60, 50, seed=9)
    assert_same_bits(model, [*zip(firsts, seconds, strict=True), *firsts])


def test_eager_attention_keeps_its_bits(tmp_path):
    folder = save(tmp_path)
    model = load_model(str(folder), device="cpu")
    model._network.set_attn_implementation("eager")
    assert_same_bits(model, texts(80, 80, seed=4))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_values_are_those_of_a_plain_forward_pass(tmp_path, family):
    from tests.models.tiny import MAX_POSITIONS, network, tokenizer

    inputs = texts(80, 80, seed=5)
    logits = together(load_model(str(save(tmp_path, family)), device="cpu"), inputs)
    plain, encode = network(family), tokenizer(family)
    for text, row in zip(inputs, logits, strict=True):
        batch = encode(text, truncation=True, max_length=MAX_POSITIONS, return_tensors="pt")
        with torch.no_grad():
            expected = plain(**batch).logits[0].numpy()
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_one_thread_and_two_give_the_same_bits(tmp_path):
    folder = str(save(tmp_path))
    inputs = texts(80, 80, seed=6)
    before = torch.get_num_threads()
    try:
        results = [together(load_model(folder, device="cpu", threads=n), inputs) for n in (1, 2)]
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*(result.view(np.int32) for result in results))


def sst2():
    lines = real("data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.rsplit("\t", 1) for line in lines]
    return [text for text, _ in rows], np.array([int(label) for _, label in rows])


@pytest.mark.shared_data
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_real_checkpoint_keeps_its_bits(dtype, device):
    model = load_model(str(real("models/sst2-minilm")), device=device, dtype=dtype)
    # Fewer texts by default: each alone pays for a whole batch of a real network.
    count = int(os.environ.get("AUDITKIT_TEST_TEXTS", "80"))
    words = sorted({word for text in sst2()[0] for word in text.split() if word.isalpha()})
    rng = random.Random(0)
    inputs = [" ".join(rng.choices(words, k=1 + i % 80)) for i in range(count - 2)]
    assert_same_bits(model, [*inputs, "good " * 510, "good " * 600])


@pytest.mark.shared_data
def test_a_real_checkpoint_is_as_accurate_as_in_a_plain_loop():
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = real("models/sst2-minilm")
    inputs, labels = sst2()
    logits = together(load_model(str(folder), device="cpu"), inputs)
    encode = AutoTokenizer.from_pretrained(folder)
    plain = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
    expected = np.empty_like(logits)
    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        batch = encode(
            [inputs[i] for i in chosen],
            truncation=True, max_length=512, padding=True, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            expected[chosen] = plain(**batch).logits.numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert (logits.argmax(1) == labels).mean() == (expected.argmax(1) == labels).mean()
    assert (logits.argmax(1) == labels).mean() == pytest.approx(0.875, abs=0.0005)


@pytest.mark.shared_data
def test_a_real_search_rarely_predicts_another_label_and_changes_no_bit_of_the_rest():
    model = load_model(str(real("models/sst2-minilm")), device="cpu", search_dtype="bfloat16")
    count = int(os.environ.get("AUDITKIT_TEST_TEXTS", "80"))
    inputs = sst2()[0][:count]
    undisturbed = together(model, inputs)
    (among_searches, searched) = by_threads(model, inputs, 1, (False, True))
    np.testing.assert_array_equal(undisturbed.view(np.int32), among_searches.view(np.int32))
    assert 0 < np.abs(searched - undisturbed).max() < 0.2
    # Of all 872 sentences none differs on the processor this was written on.
    assert (searched.argmax(1) != undisturbed.argmax(1)).mean() <= 0.01
