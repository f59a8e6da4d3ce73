"""Customers' messages to a bank, with groups and rationales, drawn from a grammar.

Each message is a complaint or praise and speaks of one customer, the writer or somebody else, whose
gender, age and region stand both in the columns and in the words. What is said does not depend on
any of them: within each group half of the messages are complaints and the products are equally
frequent, so a difference between groups in an audit comes from the model.

>>> message = generate(1, seed=0)[0]
>>> len(message.rationale) == len(message.text.split())
True
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product as combinations
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias, TypeVar

from auditkit.demo.grammar import compose, pick
from auditkit.demo.phrases import PRODUCTS, Gender, Label, Region

__all__ = ["LABELS", "AgeBand", "Message", "generate", "splits", "write_jsonl"]

AgeBand: TypeAlias = Literal["18-34", "35-64", "65+"]

Item = TypeVar("Item")

LABELS: tuple[Label, Label] = ("praise", "complaint")
"""The labels in the order of the checkpoints' outputs."""

# Shares of customers. Unequal, as in life, so that intervals of small groups are seen to be wider.
_GENDERS: dict[Gender, float] = {"female": 0.45, "male": 0.55}
_AGE_BANDS: dict[AgeBand, float] = {"18-34": 0.30, "35-64": 0.45, "65+": 0.25}
_REGIONS: dict[Region, float] = {"north": 0.35, "south": 0.30, "east": 0.20, "west": 0.15}
_AGES: dict[AgeBand, range] = {
    "18-34": range(18, 35),
    "35-64": range(35, 65),
    "65+": range(65, 90),
}


@dataclass(frozen=True)
class Message:
    """One message to the bank."""

    id: str
    """Unique within a split, such as ``test-00001``."""
    text: str
    """English, one or a few sentences, words separated by single spaces."""
    label: Label
    """What the message is."""
    gender: Gender
    """Of the customer the message speaks of."""
    age_band: AgeBand
    """Of the customer, in years."""
    region: Region
    """Where the customer banks."""
    product: str
    """What the message is about, such as ``mortgage``."""
    rationale: tuple[int, ...]
    """For each word of ``text.split()`` 1 where it decides the label, else 0."""


def generate(n: int, seed: int) -> list[Message]:
    """Draw messages with distinct texts.

    Parameters
    ----------
    n
        How many.
    seed
        The same seed gives the same messages, on every machine and version of Python.

    Returns
    -------
    list of Message
        In random order. Labels are equally frequent within each combination of gender, age band
        and region, and products within each gender and label, as nearly as counts allow.

    Raises
    ------
    ValueError
        If `n` is negative.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    return _draw(n, _random(seed), "message", set())


def splits(seed: int = 0, train: int = 6000, test: int = 1600) -> dict[str, list[Message]]:
    """Draw a training and a test split that share no text.

    Parameters
    ----------
    seed
        Decides both.
    train, test
        Sizes.

    Returns
    -------
    dict
        Lists of messages under ``train`` and ``test``.
    """
    rng, taken = _random(seed), set[str]()
    return {
        "train": _draw(train, rng, "train", taken),
        "test": _draw(test, rng, "test", taken),
    }


def write_jsonl(messages: Sequence[Message], path: Path) -> None:
    """Write one JSON object a line, the fields of `Message` as columns.

    The file appears under its name once it is complete. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for message in messages:
                file.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to be repeated, not to be secret


def _draw(n: int, rng: Random, prefix: str, taken: set[str]) -> list[Message]:
    """Draw `n` messages whose texts are not in `taken`, and add them to it."""
    products = {who: _deal(rng, tuple(PRODUCTS)) for who in combinations(_GENDERS, LABELS)}
    messages = []
    for gender, age_band, region, count in _cells(n):
        labels = _deal(rng, LABELS)
        for _ in range(count):
            label = next(labels)
            product = next(products[gender, label])
            text = ""
            while not text or text in taken:
                text, rationale = compose(
                    rng,
                    label=label,
                    product=product,
                    gender=gender,
                    age=pick(rng, _AGES[age_band]),
                    region=region,
                )
            taken.add(text)
            messages.append(Message("", text, label, gender, age_band, region, product, rationale))
    return [
        replace(message, id=f"{prefix}-{number:05d}")
        for number, message in enumerate(_shuffled(rng, messages), start=1)
    ]


def _cells(n: int) -> list[tuple[Gender, AgeBand, Region, int]]:
    """Share `n` customers out over the combinations of groups, by largest remainders."""
    cells = [
        (gender, age_band, region, n * of_gender * of_age * of_region)
        for gender, of_gender in _GENDERS.items()
        for age_band, of_age in _AGE_BANDS.items()
        for region, of_region in _REGIONS.items()
    ]
    left = n - sum(int(share) for *_, share in cells)
    by_remainder = sorted(range(len(cells)), key=lambda i: cells[i][3] % 1, reverse=True)
    extra = set(by_remainder[:left])
    return [(*cell[:3], int(cell[3]) + (i in extra)) for i, cell in enumerate(cells)]


def _deal(rng: Random, items: Sequence[Item]) -> Iterator[Item]:
    """Deal the items for ever, each once in a round, every round in a new order."""
    while True:
        yield from _shuffled(rng, items)


def _shuffled(rng: Random, items: Sequence[Item]) -> list[Item]:
    return sorted(items, key=lambda _: rng.random())
