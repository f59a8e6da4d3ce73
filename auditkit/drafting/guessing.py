"""What the columns of a data file seem to be, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shlex import quote

from auditkit.drafting.profiles import ColumnProfile, Sample
from auditkit.errors import DataError
from auditkit.suite import RESERVED_GROUPS

__all__ = ["Draft", "Guess", "guess_columns"]

_PAIRS = (
    ("premise", "hypothesis"),
    ("question", "answer"),
    ("question", "passage"),
    ("question", "context"),
    ("question", "sentence"),
    ("query", "document"),
    ("query", "passage"),
    ("claim", "evidence"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("text", "text_pair"),
)
_TEXTS = frozenset(
    {"text", "texts", "sentence", "message", "comment", "review", "content", "body"}
    | {"tweet", "post", "document", "utterance"}
)
_LABELS = (
    ("label", "labels", "gold", "truth", "y", "ytrue"),
    ("target", "class", "category", "intent", "topic", "sentiment", "stars", "rating"),
    ("toxic", "toxicity", "hate", "hateful", "offensive", "spam"),
)
"""Words that name labels, the surer ones first."""
_IDS = frozenset({"id", "ids", "uid", "uuid", "guid", "idx", "index", "key"})
_GROUPS = frozenset(
    {"gender", "sex", "race", "ethnicity", "religion", "nationality", "country", "region"}
    | {"language", "lang", "locale", "dialect", "age", "disability", "orientation", "caste"}
    | {"identity", "domain", "genre", "source", "channel", "platform"}
)
_RATIONALES = frozenset({"rationale", "rationales", "highlight", "highlights", "span", "spans"})
_PREDICTIONS = frozenset(
    {"pred", "prediction", "predictions", "predicted", "score", "scores", "prob", "probability"}
)
_MOST_GROUPS = 20


@dataclass(frozen=True)
class Guess:
    """A column and why it was chosen."""

    column: str
    why: str


@dataclass(frozen=True)
class Draft:
    """What each column seems to be."""

    text: Guess
    label: Guess
    pair: Guess | None = None
    id: Guess | None = None
    groups: tuple[Guess, ...] = ()
    rationale: Guess | None = None
    multi_label: bool = False
    """Whether the labels are lists."""
    more_groups: tuple[str, ...] = ()
    """Other columns with few values, which may be groups or something else."""


def guess_columns(sample: Sample, *, text: str | None = None, label: str | None = None) -> Draft:
    """Guess what each column is.

    Parameters
    ----------
    text, label
        Columns that are known.

    Raises
    ------
    DataError
        If a column that is said to be known is not there, or none looks like texts or labels.
    """
    columns = {column.name: column for column in sample.columns if column.name.strip()}
    for known in (text, label):
        if known is not None and known not in columns:
            raise DataError(
                "there is no such column",
                file=sample.path,
                column=known,
                hint=f"The columns are {', '.join(columns)}",
            )
    free = [column for column in columns.values() if column.name not in (text, label)]
    texts, pair = _texts(sample, free, text)
    free = _without(free, texts, pair)
    rationale = _rationale(free)
    free = _without(free, rationale)
    ident = _id(sample, free)
    free = _without(free, ident)
    labels = _label(sample, free, columns[label] if label is not None else None)
    free = _without(free, labels)
    groups = tuple(_groups(free))
    others = _without(free, *groups)
    return Draft(
        text=texts,
        pair=pair,
        label=labels,
        id=ident,
        groups=groups,
        rationale=rationale,
        multi_label=columns[labels.column].kind == "list",
        more_groups=tuple(column.name for column in others if _may_be_groups(column)),
    )


def _texts(
    sample: Sample, free: Sequence[ColumnProfile], known: str | None
) -> tuple[Guess, Guess | None]:
    texts = {column.name: column for column in free if column.kind == "text"}
    names = {_squeezed(name): name for name in (*texts, *([known] if known else []))}
    for first, second in _PAIRS:
        one, two = names.get(_squeezed(first)), names.get(_squeezed(second))
        if one is not None and two is not None and known in (None, one):
            why = f"'{one}' and '{two}' are named like a pair of texts"
            return Guess(one, "you said so" if known else why), Guess(two, why)
    if known is not None:
        return Guess(known, "you said so"), None
    no_texts = _RATIONALES | _PREDICTIONS
    possible = [column for column in texts.values() if not _words(column.name) & no_texts]
    named = [column for column in possible if _words(column.name) & _TEXTS]
    # A column with counts has few and short values.
    candidates = named or [
        column for column in possible if not column.counts and _last_word(column.name) not in _IDS
    ]
    if not candidates:
        raise DataError(
            "there is no column of texts",
            file=sample.path,
            hint=f"Name it with --text; {_listed(sample)}. A file of predictions is audited with "
            f"`auditkit run --predictions {quote(sample.path)}`",
        )
    longest = max(candidates, key=lambda column: column.mean_length)
    why = "its name, and " if named else "the longest texts, "
    return Guess(longest.name, f"{why}{longest.mean_length:.0f} characters on average"), None


def _rationale(free: Sequence[ColumnProfile]) -> Guess | None:
    for column in free:
        if column.kind in ("list", "written list") and _words(column.name) & _RATIONALES:
            return Guess(column.name, "its name, and its cells are lists")
    return None


def _id(sample: Sample, free: Sequence[ColumnProfile]) -> Guess | None:
    for column in free:
        unique = column.distinct == column.filled == sample.rows
        if unique and column.kind in ("text", "number") and _last_word(column.name) in _IDS:
            return Guess(column.name, "its name, and its values are all different")
    return None


def _label(sample: Sample, free: Sequence[ColumnProfile], known: ColumnProfile | None) -> Guess:
    if known is not None:
        return Guess(known.name, "you said so")
    candidates = [column for column in free if _may_be_labels(column)]
    for names in _LABELS:
        found = [column for column in candidates if _words(column.name) & {*names}]
        # A column that is called just so comes before one whose name has more words.
        exact = [column for column in found if _squeezed(column.name) in names]
        for column in (*exact, *found):
            return Guess(column.name, f"its name, and {_count(column)} different values")
    rest = [column for column in candidates if not _words(column.name) & _GROUPS]
    if not rest:
        raise DataError(
            "no column looks like labels",
            file=sample.path,
            hint=f"Name it with --label; {_listed(sample)}",
        )
    fewest = min(rest, key=lambda column: len(column.counts))
    return Guess(fewest.name, f"the fewest different values, {_count(fewest)}; not sure")


def _may_be_labels(column: ColumnProfile) -> bool:
    usable = column.kind in ("text", "number", "list") and len(column.counts) >= 2
    return usable and not _words(column.name) & _PREDICTIONS


def _groups(free: Sequence[ColumnProfile]) -> Iterable[Guess]:
    for column in free:
        if _words(column.name) & _GROUPS and _may_be_groups(column):
            yield Guess(column.name, f"its name, and {_count(column)} different values")


def _may_be_groups(column: ColumnProfile) -> bool:
    usable = column.kind in ("text", "number", "list") and column.name not in RESERVED_GROUPS
    return usable and 2 <= len(column.counts) <= _MOST_GROUPS


def _count(column: ColumnProfile) -> str:
    return f"{len(column.counts):,}"


def _without(columns: Sequence[ColumnProfile], *taken: Guess | None) -> list[ColumnProfile]:
    names = {guess.column for guess in taken if guess is not None}
    return [column for column in columns if column.name not in names]


def _listed(sample: Sample) -> str:
    return f"the columns are {', '.join(column.name for column in sample.columns)}"


def _words(name: str) -> frozenset[str]:
    """Return the words of a column's name.

    >>> sorted(_words("authorGender")), sorted(_words("gold_label"))
    (['author', 'gender'], ['gold', 'label'])
    """
    return frozenset(_parts(name))


def _last_word(name: str) -> str:
    return (_parts(name) or [""])[-1]


def _parts(name: str) -> list[str]:
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return re.findall(r"[a-z]+|\d+", parted.lower())


def _squeezed(name: str) -> str:
    return "".join(_parts(name))
