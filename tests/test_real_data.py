"""Audits of real checkpoints on real data against a plain loop and scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from auditkit.audit import Options, Run, run_audit
from tests.real import real

pytestmark = pytest.mark.shared_data


def _plain_logits(checkpoint: Path, texts: list[str]) -> tuple[np.ndarray, list[str]]:
    """Logits by transformers alone, a batch after the other, in float32."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32)
    logits = []
    with torch.inference_mode():
        for start in range(0, len(texts), 32):
            inputs = tokenizer(
                texts[start : start + 32],
                padding="longest",
                truncation=True,
                max_length=512,
                return_tensors="pt",
            )
            logits.append(model.eval()(**inputs).logits.numpy())
    names = [model.config.id2label[code] for code in range(model.config.num_labels)]
    return np.concatenate(logits), names


def _values(run: Run) -> dict[tuple, float | None]:
    (check,) = run.record.checks
    assert check.status == "ok", check.error
    return {(one.metric, *sorted(one.slice.items())): one.value for one in check.measurements}


def _run(tmp_path: Path, model: Path, suite: str) -> Run:
    path = tmp_path / "suite.yaml"
    path.write_text(
        f"auditkit: 1\ntask: text-classification\n{suite}\nchecks: {{performance: {{}}}}\n"
    )
    return run_audit(path, str(model), Options(output=tmp_path / "run"))


def test_sst2(tmp_path):
    model, data = real("models/sst2-minilm"), real("data/sst2/dev.tsv")
    run = _run(tmp_path, model, f"data: {{path: {data}, text: sentence}}\npositive: positive")
    frame = pd.read_csv(data, sep="\t", quoting=3)
    logits, names = _plain_logits(model, frame["sentence"].tolist())
    truth = [names[code] for code in frame["label"]]
    predicted = [names[code] for code in logits.argmax(axis=1)]
    values = _values(run)
    assert values["accuracy",] == accuracy_score(truth, predicted)
    assert values["f1_macro",] == pytest.approx(f1_score(truth, predicted, average="macro"), 1e-12)
    score = torch.tensor(logits).double().softmax(dim=1)[:, 1].numpy()
    assert values["roc_auc",] == pytest.approx(roc_auc_score(frame["label"], score), abs=1e-5)
    # What the folder's own description says of this checkpoint.
    assert round(values["accuracy",], 3) == 0.875
    assert run.record.model.stored_dtype == "float16"
    assert run.record.model.dtype == "float32"
    assert run.record.model.max_length == 512
    assert run.record.data[0].truncated == 0


def test_hatexplain(tmp_path):
    model = real("models/hatexplain-minilm")
    data = real("data/hatexplain/audit_test.jsonl.gz")
    run = _run(
        tmp_path, model, f"data: {{path: {data}, id: id, groups: [targets], rationale: rationale}}"
    )
    frame = pd.read_json(data, lines=True, dtype={"id": str})
    logits, names = _plain_logits(model, frame["text"].tolist())
    predicted = np.array([names[code] for code in logits.argmax(axis=1)])
    values = _values(run)
    assert values["accuracy",] == accuracy_score(frame["label"], predicted)
    reference = f1_score(frame["label"], predicted, average="macro")
    assert values["f1_macro",] == pytest.approx(reference, 1e-12)
    assert (round(values["accuracy",], 3), round(values["f1_macro",], 3)) == (0.697, 0.685)
    for group in ("Women", "African", "Islam"):
        mask = frame["targets"].map(lambda named, group=group: group in named).to_numpy()
        accuracy = values["accuracy", ("targets", group)]
        assert accuracy == accuracy_score(frame["label"][mask], predicted[mask])
    assert values["accuracy.gap", ("group", "targets")] > 0
