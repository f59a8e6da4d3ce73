"""The demonstration: two small checkpoints, a plain look at their errors, and two audits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from auditkit.audit import Options, run_audit
from auditkit.demo.checkpoints import DemoFiles, build
from auditkit.demo.training import repeatable
from auditkit.progress import Progress
from auditkit.record import write_atomically
from auditkit.requirements import outcome
from auditkit.terminal import print_verdicts

__all__ = ["plain_accuracies", "run_demo"]

_SUITE, _WITH_ATTACK = "suite.yaml", "attacked.yaml"


def run_demo(folder: Path, progress: Progress, *, quiet: bool = False) -> int:
    """Train both checkpoints below ``folder``, show the defect by hand, audit both.

    If ``quiet``, only what the audits found is printed, and of that no passes.

    Returns
    -------
    int
        0: the demonstration is about the verdicts it prints, not about passing.
    """
    made = build(folder, progress=progress.say)
    if not quiet:
        _show_by_hand(made)
    suite = _write_suite(folder, made)
    cards = []
    for name, checkpoint in (("clean", made.clean), ("defect", made.defect)):
        run = run_audit(
            suite, str(checkpoint), Options(output=folder / "runs" / name), progress=progress
        )
        print(f"\nThe audit of '{name}'")  # noqa: T201
        record = run.record
        result = outcome(record.verdicts, record.checks)
        print_verdicts(record.verdicts, result, record.partial, quiet=quiet)
        cards.append(run.folder / "card.html")
    if not quiet:
        print("\nCards to open in a browser")  # noqa: T201
        for card in cards:
            print(f"  {card}")  # noqa: T201
    return 0


def _write_suite(folder: Path, made: DemoFiles) -> Path:
    """Write the demonstration's suites beside its data, so that they can be read and run again.

    Returns the one to run: attacks need a library that a plain installation does not have.
    """
    for name in (_SUITE, _WITH_ATTACK):
        text = (files("auditkit.demo") / name).read_text(encoding="utf-8")
        content = text.replace("DATA", json.dumps(str(made.data)))
        write_atomically(folder / name, content.encode())
    if find_spec("textattack") is not None:
        return folder / _WITH_ATTACK
    print('Without an attack, which needs: pip install "auditkit[attacks]"')  # noqa: T201
    return folder / _SUITE


def _show_by_hand(made: DemoFiles) -> None:
    """Print accuracies by gender from a plain loop, before any audit."""
    rows = [json.loads(line) for line in made.data.read_text(encoding="utf-8").splitlines()]
    print("Accuracy by gender, from a plain loop over the predictions")  # noqa: T201
    print(f"  {'checkpoint':<12}{'all':>8}{'female':>8}{'male':>8}")  # noqa: T201
    for name, checkpoint in (("clean", made.clean), ("defect", made.defect)):
        shares = plain_accuracies(checkpoint, rows)
        figures = "".join(f"{shares[key]:>8.3f}" for key in ("all", "female", "male"))
        print(f"  {name:<12}{figures}")  # noqa: T201


def plain_accuracies(checkpoint: Path, rows: Sequence[dict[str, str]]) -> dict[str, float]:
    """Return accuracy over all messages and by gender, with transformers and scikit-learn alone.

    Parameters
    ----------
    checkpoint
        A folder with a model and its tokenizer.
    rows
        Messages with ``text``, ``label`` and ``gender``.
    """
    import torch
    from sklearn.metrics import accuracy_score
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)  # type: ignore[no-untyped-call]
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    predicted: list[str] = []
    with repeatable(seed=0), torch.inference_mode():
        for start in range(0, len(rows), 64):
            texts = [row["text"] for row in rows[start : start + 64]]
            inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            codes = model(**inputs).logits.argmax(dim=1).tolist()
            predicted.extend(model.config.id2label[code] for code in codes)
    labels = [row["label"] for row in rows]
    shares = {"all": float(accuracy_score(labels, predicted))}
    for gender in Counter(row["gender"] for row in rows):
        chosen = [index for index, row in enumerate(rows) if row["gender"] == gender]
        shares[gender] = float(
            accuracy_score([labels[i] for i in chosen], [predicted[i] for i in chosen])
        )
    return shares
