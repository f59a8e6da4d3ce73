"""How a message of the demonstration corpus is put together."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from auditkit.demo import phrases
from auditkit.demo.phrases import Gender, Label, Region

__all__ = ["compose", "pick"]

Item = TypeVar("Item")


def pick(rng: Random, items: Sequence[Item]) -> Item:
    """Draw one item, each as likely as the others.

    Uses ``rng.random()`` alone, the one method whose numbers Python promises never to change.
    """
    return items[int(rng.random() * len(items))]


def compose(
    rng: Random, *, label: Label, product: str, gender: Gender, age: int, region: Region
) -> tuple[str, tuple[int, ...]]:
    """Write one message.

    Parameters
    ----------
    rng
        Decides everything that the other arguments leave open.
    label
        What the message is.
    product
        A key of `phrases.PRODUCTS`.
    gender, age, region
        The customer the message speaks of: the writer or somebody else. Age in years.

    Returns
    -------
    text : str
        The message.
    rationale : tuple of int
        For each word of ``text.split()`` 1 where the word decides the label, else 0.
    """
    frame, slots = _customer(rng, gender, age)
    slots |= {
        "age": str(age),
        "an": "an" if age == 18 or 80 <= age <= 89 else "a",
        "region": region,
        "noun": pick(rng, phrases.PRODUCTS[product].nouns),
        "month": pick(rng, phrases.MONTHS),
    }
    main = _opinion(rng, label, product, slots)
    parts = [frame.format(**slots, main=main, Main=_capitalised(main))]
    if rng.random() < 0.2:
        parts.insert(0, pick(rng, phrases.OPENINGS).format(**slots))
    if rng.random() < 0.1:
        parts.append(pick(rng, phrases.AFTERWORDS[label]))
    if rng.random() < 0.2:
        parts.append(pick(rng, phrases.CLOSINGS).format(**slots))
    return _unmarked(" ".join(_capitalised(part) for part in parts))


def _customer(rng: Random, gender: Gender, age: int) -> tuple[str, dict[str, str]]:
    """Choose who is spoken of: a frame, and the words for the person."""
    kind = rng.random()
    if kind < 0.4:
        return pick(rng, phrases.WRITER_FRAMES), phrases.FIRST_PERSON | {
            "who": pick(rng, phrases.SELVES[gender])
        }
    pronouns = phrases.THIRD_PERSON[gender]
    if kind < 0.7:
        *anyone, parent, child, grandparent = phrases.RELATIVES[gender]
        if age >= 35:
            anyone.append(parent)
        if age < 65:
            anyone.append(child)
        else:
            anyone.append(grandparent)
        return pick(rng, phrases.RELATIVE_FRAMES), pronouns | {"who": pick(rng, anyone)}
    if kind < 0.85:
        return pick(rng, phrases.STRANGER_FRAMES), pronouns | {
            "who": pick(rng, phrases.STRANGERS[gender])
        }
    return pick(rng, phrases.ACQUAINTANCE_FRAMES), pronouns | {
        "who": pick(rng, phrases.ACQUAINTANCES)
    }


def _opinion(rng: Random, label: Label, product: str, slots: dict[str, str]) -> str:
    """Write the clause, or the two clauses, that hold the customer's opinion."""
    other: Label = "praise" if label == "complaint" else "complaint"
    kind = rng.random()
    if kind < 0.15:
        return _clause(rng, pick(rng, phrases.NEGATED_FRAMES), other, slots)
    main = _statement(rng, label, product, slots)
    if kind < 0.25:
        aside = _clause(rng, pick(rng, phrases.ASIDES), other, slots)
        return pick(rng, phrases.MIXED_FRAMES).format(main=main, aside=aside)
    return main


def _statement(rng: Random, label: Label, product: str, slots: dict[str, str]) -> str:
    events = (
        phrases.PRODUCTS[product].praise
        if label == "praise"
        else phrases.PRODUCTS[product].complaint
    )
    kinds = (
        phrases.ADJECTIVE_FRAMES,
        phrases.ADJECTIVE_FRAMES,
        phrases.ADVERB_FRAMES,
        phrases.FEELING_FRAMES,
        phrases.IDIOMS[label],
        events,
    )
    return _clause(rng, pick(rng, pick(rng, kinds)), label, slots)


def _clause(rng: Random, frame: str, words: Label, slots: dict[str, str]) -> str:
    """Fill a frame with opinion words of one label."""
    return frame.format(
        **slots,
        very=pick(rng, phrases.VERY),
        side=pick(rng, phrases.SIDES),
        adjective=_tail(rng, phrases.ADJECTIVES[words]),
        adverb=_tail(rng, phrases.ADVERBS[words]),
        feeling=_tail(rng, phrases.FEELINGS[words]),
    )


def _tail(rng: Random, words: Sequence[str]) -> str:
    """Draw a word, the later in the list the rarer: its density falls as 1 / (4 + rank)."""
    return words[int(4 * (1 + len(words) / 4) ** rng.random()) - 4]


def _capitalised(marked: str) -> str:
    start = 1 if marked.startswith("[") else 0
    return marked[:start] + marked[start].upper() + marked[start + 1 :]


def _unmarked(marked: str) -> tuple[str, tuple[int, ...]]:
    """Take the brackets out and say which words they enclosed."""
    words, flags, inside = [], [], False
    for word in marked.split():
        flags.append(int(inside or "[" in word))
        words.append(word.replace("[", "").replace("]", ""))
        inside = word.rfind("[") > word.rfind("]") or (inside and "]" not in word)
    return " ".join(words), tuple(flags)
