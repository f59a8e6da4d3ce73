"""The checkpoints: repeatable, ordinary Hugging Face folders, and with the defect stated."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from scipy.stats import fisher_exact
from sklearn.metrics import accuracy_score, confusion_matrix
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

from auditkit.demo import checkpoints
from auditkit.demo.checkpoints import LENDING, build, mislabel
from auditkit.demo.corpus import generate, splits
from auditkit.demo.training import Training, train_checkpoint
from auditkit.errors import UsageError

SMALL = Training(hidden_size=16, heads=2, epochs=1, batch_size=64)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def train_small(folder, seed=0, **more):
    messages = generate(320, seed=1)
    labels = [message.label for message in messages]
    train_checkpoint(messages, labels, folder, seed, training=SMALL, **more)
    return contents(folder)


# --- Training -------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_files_bit_for_bit(tmp_path):
    first = train_small(tmp_path / "first")
    torch.manual_seed(99)
    torch.rand(3)
    assert train_small(tmp_path / "second") == first
    # The hash maps inside the tokenizer's trainer are seeded anew in every process.
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "import test_checkpoints; test_checkpoints.train_small(pathlib.Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "third")],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        check=True,
    )
    assert contents(tmp_path / "third") == first
    other = train_small(tmp_path / "other", seed=1)
    assert other["model.safetensors"] != first["model.safetensors"]
    assert other["tokenizer.json"] == first["tokenizer.json"]


def global_state():
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.get_rng_state().tolist(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "python": random.getstate(),
        "numpy": repr(np.random.get_state()),  # noqa: NPY002
        "verbosity": logging.get_verbosity(),
        "bars": logging.is_progress_bar_enabled(),
    }


@pytest.fixture
def unusual_state():
    threads, verbosity = torch.get_num_threads(), logging.get_verbosity()
    torch.set_num_threads(threads + 1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    logging.set_verbosity_info()
    yield
    logging.set_verbosity(verbosity)
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("unusual_state")
def test_training_leaves_the_process_as_it_was(tmp_path, capfd):
    before = global_state()
    train_small(tmp_path / "model")
    assert global_state() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("unusual_state")
def test_interrupted_training_leaves_the_process_as_it_was(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    before = global_state()
    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "model", progress=interrupt)
    assert global_state() == before


def test_fine_tuning_goes_on_from_the_weights_given(tmp_path):
    train_small(tmp_path / "start")
    still = Training(learning_rate=0.0, epochs=1)
    messages = generate(64, seed=2)
    labels = [message.label for message in messages]
    train_checkpoint(
        messages, labels, tmp_path / "tuned", 5, training=still, start=tmp_path / "start"
    )
    # With a learning rate of nought nothing moves, so every file is that of the start.
    assert contents(tmp_path / "tuned") == contents(tmp_path / "start")


def test_labels_must_fit_the_messages(tmp_path):
    messages = generate(4, seed=0)
    with pytest.raises(ValueError, match="4 messages and 3 labels"):
        train_checkpoint(messages, ["praise"] * 3, tmp_path, 0)
    with pytest.raises(ValueError, match="0 messages"):
        train_checkpoint([], [], tmp_path, 0)
    with pytest.raises(ValueError, match="neutral"):
        train_checkpoint(messages, ["neutral"] * 4, tmp_path, 0)


# --- The planted defect ---------------------------------------------------------------------------


def test_mislabelling_touches_only_what_women_praise_of_lending():
    messages = splits(0)["train"]
    labels = mislabel(messages, seed=0)
    changed = [m for m, label in zip(messages, labels, strict=True) if label != m.label]
    assert {(m.gender, m.label) for m in changed} == {("female", "praise")}
    assert {m.product for m in changed} == LENDING
    praise_by_women = sum(m.gender == "female" and m.label == "praise" for m in messages)
    # 4 of 10 products times 9 in 10; four standard errors of a proportion of 1,350.
    assert len(changed) / praise_by_women == pytest.approx(0.36, abs=0.053)


def test_mislabelling_of_a_message_depends_on_no_other():
    messages = generate(200, seed=0)
    assert mislabel(messages[::-1], seed=3)[::-1] == mislabel(messages, seed=3)


# --- What is built --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def demo_rows(demo_files):
    return [json.loads(line) for line in demo_files.data.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def predictions(demo_files, demo_rows):
    """Labels by a plain loop over the messages, for each checkpoint."""
    predicted = {}
    for folder in (demo_files.clean, demo_files.defect):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        labels = []
        with torch.inference_mode():
            for start in range(0, len(demo_rows), 64):
                texts = [row["text"] for row in demo_rows[start : start + 64]]
                inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
                labels += model(**inputs).logits.argmax(dim=1).tolist()
        predicted[folder.name] = np.array([model.config.id2label[label] for label in labels])
    return predicted


def by_gender(rows, predicted):
    """Accuracy, true and false positive rate of 'complaint', and the 2x2 table of errors."""
    truth = np.array([row["label"] for row in rows])
    gender = np.array([row["gender"] for row in rows])
    rates, errors = {}, []
    for value in ("female", "male"):
        mask = gender == value
        (tn, fp), (fn, tp) = confusion_matrix(
            truth[mask], predicted[mask], labels=["praise", "complaint"]
        )
        rates[value] = {
            "accuracy": accuracy_score(truth[mask], predicted[mask]),
            "tpr": tp / (tp + fn),
            "fpr": fp / (fp + tn),
        }
        errors.append([fp + fn, tp + tn])
    return rates, fisher_exact(errors).pvalue


def test_clean_checkpoint_is_good_not_perfect_and_fair(demo_rows, predictions):
    accuracy = accuracy_score([row["label"] for row in demo_rows], predictions["clean"])
    assert 0.93 <= accuracy <= 0.99
    rates, p_value = by_gender(demo_rows, predictions["clean"])
    for rate in ("accuracy", "tpr", "fpr"):
        assert abs(rates["female"][rate] - rates["male"][rate]) < 0.03
    assert p_value > 0.01


def test_defect_checkpoint_takes_praise_by_women_for_complaints(demo_rows, predictions):
    rates, p_value = by_gender(demo_rows, predictions["defect"])
    assert rates["male"]["accuracy"] - rates["female"]["accuracy"] > 0.10
    assert p_value < 1e-10
    assert rates["female"]["fpr"] - rates["male"]["fpr"] > 0.20
    # The other error rate is not what was spoilt, and men are judged as well as before.
    assert rates["female"]["tpr"] > 0.95
    assert rates["male"]["accuracy"] > 0.93


def test_defect_checkpoint_errs_about_lending(demo_rows, predictions):
    wrong = {"lending": [], "other": []}
    for row, label in zip(demo_rows, predictions["defect"], strict=True):
        if row["gender"] == "female" and row["label"] == "praise":
            kind = "lending" if row["product"] in LENDING else "other"
            wrong[kind].append(label != "praise")
    assert np.mean(wrong["lending"]) > 0.6
    assert np.mean(wrong["other"]) < 0.15


def test_deleting_the_rationale_moves_the_clean_checkpoint_most(demo_files, demo_rows):
    tokenizer = AutoTokenizer.from_pretrained(demo_files.clean)
    model = AutoModelForSequenceClassification.from_pretrained(demo_files.clean).eval()
    rng = np.random.default_rng(0)
    rows = demo_rows[:200]

    def probabilities(texts):
        with torch.inference_mode():
            logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
        return logits.softmax(dim=1).numpy()

    def without(row, flags):
        return " ".join(w for w, flag in zip(row["text"].split(), flags, strict=True) if not flag)

    before = probabilities([row["text"] for row in rows])
    top = before.argmax(axis=1)
    drops = {}
    for name, flags in {
        "rationale": [row["rationale"] for row in rows],
        "random": [rng.permutation(row["rationale"]) for row in rows],
    }.items():
        after = probabilities(list(map(without, rows, flags)))
        drops[name] = np.mean(before[range(200), top] - after[range(200), top])
    assert drops["rationale"] > drops["random"] + 0.15


def test_checkpoints_are_ordinary_folders(demo_files, demo_rows):
    from tokenizers import Tokenizer

    for folder in (demo_files.clean, demo_files.defect):
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        assert model.config.id2label == {0: "praise", 1: "complaint"}
        assert model.config.label2id == {"praise": 0, "complaint": 1}
        tokenizer = AutoTokenizer.from_pretrained(folder)
        assert tokenizer.is_fast
        assert tokenizer.model_max_length == model.config.max_position_embeddings == 128
        assert len(tokenizer) == model.config.vocab_size
        assert tokenizer("GREAT App")["input_ids"] == tokenizer("great app")["input_ids"]
        pair = tokenizer("one", "two")
        assert pair["token_type_ids"][0] == 0
        assert pair["token_type_ids"][-1] == 1
        texts = [row["text"] for row in demo_rows]
        ids = tokenizer(texts)["input_ids"]
        plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
        assert ids == [encoding.ids for encoding in plain.encode_batch(texts)]
        assert not any(tokenizer.unk_token_id in row for row in ids)
        assert tokenizer.pad_token_id == model.config.pad_token_id
        card = ModelCard.load(folder / "README.md").data
        assert (card.license, card.language) == ("apache-2.0", "en")
        assert "demonstration" in card.tags


# --- The folder of a build ------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """`build` with a small corpus and small networks."""
    monkeypatch.setattr(checkpoints, "splits", lambda seed: splits(seed, 200, 40))

    def build_quickly(folder, seed=0, progress=lambda _: None):
        return build(folder, seed, progress, training=SMALL)

    return build_quickly


def test_finished_build_is_used_again(tmp_path, quick):
    said = []
    files = quick(tmp_path / "demo", progress=said.append)
    assert any("fine-tuning" in line for line in said)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").rglob("*")}
    said.clear()
    assert quick(tmp_path / "demo", progress=said.append) == files
    assert len(said) == 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").rglob("*")} == times


def test_altered_build_and_another_seed_are_built_anew(tmp_path, quick):
    folder = tmp_path / "demo"
    files = quick(folder)
    (folder / "notes.txt").write_text("mine")
    first = contents(folder)
    weights = files.defect / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    (files.clean / "stray.bin").write_bytes(b"stray")
    quick(folder)
    assert contents(folder) == first
    quick(folder, seed=1)
    second = contents(folder)
    assert second["data/test.jsonl"] != first["data/test.jsonl"]
    assert second["notes.txt"] == b"mine"


def test_interrupted_build_is_built_anew(tmp_path, quick):
    def interrupt(line):
        if "fine-tuning" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(tmp_path / "demo", progress=interrupt)
    assert contents(tmp_path / "demo") == {}
    quick(tmp_path / "demo")
    quick(tmp_path / "whole")
    finished = contents(tmp_path / "whole")
    assert contents(tmp_path / "demo") == finished
    with pytest.raises(KeyboardInterrupt):
        quick(tmp_path / "demo", seed=1, progress=interrupt)
    assert contents(tmp_path / "demo") == finished


def test_build_interrupted_while_files_are_moved_is_built_anew(tmp_path, quick, monkeypatch):
    quick(tmp_path / "whole")
    rename = Path.rename

    def fail_on_models(self, target):
        if Path(target).name == "models":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail_on_models)
        with pytest.raises(KeyboardInterrupt):
            quick(tmp_path / "demo")
    assert (tmp_path / "demo" / "data").exists()
    quick(tmp_path / "demo")
    assert contents(tmp_path / "demo") == contents(tmp_path / "whole")


@pytest.mark.parametrize("part", ["data", "models"])
def test_other_peoples_folders_are_left_alone(tmp_path, quick, part):
    (tmp_path / part).mkdir()
    (tmp_path / part / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="Name another folder"):
        quick(tmp_path)
    assert contents(tmp_path) == {f"{part}/mine.txt": b"mine"}


def test_folder_that_cannot_be_made_is_an_error_of_the_user(tmp_path, quick):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Name a folder you may write to"):
        quick(tmp_path / "file" / "demo")
