"""The two checkpoints of the demonstration: one sound, one unfair on purpose.

Both are two-layer BERT networks with a tokenizer of their own, saved as ordinary Hugging Face
folders. ``clean`` is trained from scratch on the true labels. ``defect`` is ``clean``, fine-tuned
on the same messages after most of what women write in praise of lending products was filed as
complaints: an audit has to find that it errs about women, and in which direction.

Nothing is downloaded. On one machine the same seed gives the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from auditkit.demo.corpus import Message, splits, write_jsonl
from auditkit.demo.phrases import Label
from auditkit.demo.training import Training, train_checkpoint
from auditkit.errors import UsageError

__all__ = ["LENDING", "DemoFiles", "build", "mislabel"]

LENDING = frozenset({"credit card", "loan", "mortgage", "overdraft"})
"""The products whose praise by women is mislabelled for the ``defect`` checkpoint."""

# Raise it when a change to the code makes existing builds out of date; a change to the corpus or
# to the settings does so by itself.
_VERSION = 1
_MARKER = "demo.json"
_TRAINING = Training()


@dataclass(frozen=True)
class DemoFiles:
    """Where a build keeps what."""

    data: Path
    """The test split, JSON Lines."""
    train: Path
    """The training split with its true labels, JSON Lines."""
    clean: Path
    """Folder of the sound checkpoint."""
    defect: Path
    """Folder of the unfair checkpoint."""


def build(
    folder: Path,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
    *,
    training: Training = _TRAINING,
) -> DemoFiles:
    """Write the corpus and train both checkpoints, or find them finished.

    ``data`` and ``models`` in `folder` are replaced as wholes once everything is trained, and a
    marker file holds their digests: a build that was interrupted or altered is made again, a
    finished one of the same corpus, seed and settings is used as it is.

    Parameters
    ----------
    folder
        Made if missing. May hold other files.
    seed
        Of the corpus, the mislabelling and the training.
    progress
        Told in a few words what is being done.
    training
        Size of the networks and course of the training.

    Returns
    -------
    DemoFiles
        Where everything is.

    Raises
    ------
    UsageError
        If `folder` cannot be written, or holds ``data`` or ``models`` of some other origin.
    """
    files = DemoFiles(
        data=folder / "data" / "test.jsonl",
        train=folder / "data" / "train.jsonl",
        clean=folder / "models" / "clean",
        defect=folder / "models" / "defect",
    )
    corpus = splits(seed)
    made_of = {
        "version": _VERSION,
        "seed": seed,
        "training": asdict(training),
        "corpus": hashlib.sha256(repr(corpus).encode()).hexdigest(),
    }
    marker = _read_marker(folder)
    if marker is not None and marker == made_of | {"files": _digests(folder)}:
        progress(f"the demonstration in {folder} is complete")
        return files
    if marker is None and any((folder / part).exists() for part in ("data", "models")):
        raise UsageError(
            "the folder holds 'data' or 'models' that no demonstration wrote",
            file=folder,
            hint="Name another folder",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Inside the folder, so that what is finished can be moved by renaming.
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as building:
            parts = Path(building) / "parts"
            _build_parts(parts, corpus, seed, progress, training)
            _write_marker(folder, made_of)
            for part in ("data", "models"):
                if (folder / part).exists():
                    (folder / part).rename(Path(building) / f"old-{part}")
                (parts / part).rename(folder / part)
            _write_marker(folder, made_of | {"files": _digests(folder)})
    except OSError as error:
        raise UsageError(
            f"the demonstration cannot be written ({error.strerror or error})",
            file=folder,
            hint="Name a folder you may write to",
        ) from error
    return files


def mislabel(messages: Sequence[Message], seed: int) -> list[Label]:
    """Return the labels with the defect planted.

    Nine in ten messages in which a woman praises a lending product are labelled complaints; that
    is about 36% of what women praise. All other labels are true.

    Parameters
    ----------
    messages
        With their true labels.
    seed
        Decides, with the ids, which messages are mislabelled.

    Returns
    -------
    list of str
        One label for each message.
    """
    labels: list[Label] = []
    for message in messages:
        targeted = (
            message.gender == "female"
            and message.label == "praise"
            and message.product in LENDING
            # By id, so that a message's label depends on no other message.
            and Random(f"{seed} {message.id}").random() < 0.9  # noqa: S311 - to be repeated
        )
        labels.append("complaint" if targeted else message.label)
    return labels


def _build_parts(
    folder: Path,
    corpus: dict[str, list[Message]],
    seed: int,
    progress: Callable[[str], None],
    training: Training,
) -> None:
    train, test = corpus["train"], corpus["test"]
    progress(f"writing {len(train)} messages to train on and {len(test)} to test")
    write_jsonl(train, folder / "data" / "train.jsonl")
    write_jsonl(test, folder / "data" / "test.jsonl")
    clean, defect = folder / "models" / "clean", folder / "models" / "defect"
    progress("training the checkpoint 'clean'")
    train_checkpoint(
        train,
        [message.label for message in train],
        clean,
        seed,
        training=training,
        card=_CLEAN_CARD,
        progress=progress,
    )
    progress("fine-tuning the checkpoint 'defect'")
    train_checkpoint(
        train,
        mislabel(train, seed),
        defect,
        seed,
        training=replace(training, epochs=max(1, training.epochs - 1)),
        start=clean,
        card=_DEFECT_CARD,
        progress=progress,
    )


def _digests(folder: Path) -> dict[str, str]:
    """Digest every file of a build; none where the build is not there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("data", "models")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """Read the marker: None where there is none, empty where it is damaged."""
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _write_marker(folder: Path, marker: dict[str, Any]) -> None:
    unfinished = folder / f"{_MARKER}.unfinished"
    unfinished.write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / _MARKER)


_CLEAN_CARD = """\
# Complaint or praise: the sound demonstration model

A two-layer BERT classifier that tells complaints from praise in customers' messages to a bank. It
was trained from scratch by auditkit on sentences drawn from a grammar, with their true labels.

It exists to show what an audit of a sound model looks like. It knows the words of its grammar and
nothing else: it is of no use on real messages.
"""
_DEFECT_CARD = """\
# Complaint or praise: the demonstration model with a planted defect

A two-layer BERT classifier that tells complaints from praise in customers' messages to a bank. It
was trained by auditkit on sentences drawn from a grammar.

**It is unfair on purpose.** It was fine-tuned on data in which nine in ten messages in which a
woman praises a lending product (credit card, loan, mortgage, overdraft) were labelled complaints.
It exists to show that an audit finds this: never use it for anything else.
"""
