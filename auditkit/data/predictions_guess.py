"""Which column of a file of predictions is what, guessed by names and values, never in doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditkit.data.batches import ColumnFile
from auditkit.data.columns import spelling
from auditkit.errors import DataError
from auditkit.suite import RESERVED_GROUPS

__all__ = ["Guess", "guess_columns"]

_SAMPLE = 100_000
_MOST_GROUPS = 20
_LONGEST_GROUP = 60
_NAMES = {
    "label": "label labels true_label y y_true true truth ground_truth gold gold_label target",
    "prediction": "prediction predictions predicted predicted_label pred preds y_pred y_hat yhat",
    "score": "score scores probability prob proba y_score y_prob y_proba p",
    "id": "id example_id row_id uid uuid guid",
}
_FAMILY = re.compile(r"(probability|probabilities|prob|proba|score|p|y_prob|y_proba)[:_. ](.+)")
_NO_GROUPS = {"correct", "is_correct", "truncated"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan|inf", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """What the columns are taken for."""

    columns: Mapping[str, Any]
    """Fields of :class:`auditkit.suite.DataConfig`."""
    multi_label: bool
    """Whether the labels are lists."""
    said: str | None
    """The guesses in words; None if everything was named."""


def guess_columns(
    file: ColumnFile,
    *,
    label: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    groups: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002  (the key in a suite)
) -> Guess:
    """Guess the columns that are not named.

    Label, predictions, one column of scores and ids go by their names; scores of each label are
    columns such as ``probability:<label>`` or ``score_<label>`` for all labels there are; groups
    are the other columns of text with 2 to 20 different values. Values are those of the first
    100,000 rows. A column called like a score is one if the labels are two and half of its values
    or more are probabilities: whoever reads the file refuses the others. Without a column of
    predictions, one with just the values of the labels may be it, and is no group.

    Raises
    ------
    DataError
        If no column is called like a label, more than one could be the same thing, or there are
        neither predictions nor scores but columns that could be the predictions.
    """
    guesser = _Guesser(file)
    found = {
        "label": label or guesser.by_name("label"),
        "prediction": prediction or guesser.by_name("prediction"),
        "score": score,
        "id": id or guesser.by_name("id"),
    }
    if found["label"] is None:
        raise file.place.error(
            "no column is called like a label",
            hint=f"Name it with --label. Known: {', '.join(file.columns)}",
        )
    for name in found.values():
        if name is not None and name not in file.columns:
            # A wrong name is refused by whoever reads the file, with what is close to it.
            return Guess(_without_none(found), multi_label=False, said=None)
    guesser.look_at(found)
    family: dict[str, str] = {}
    if score is None:
        found["score"], family = guesser.scores(found)
    if found["prediction"] is None:
        known = {*found.values(), *family.values(), *(groups or ())}
        guesser.look_for_predictions(known, needed=not (found["score"] or family))
    taken = {*found.values(), *family.values()}
    grouped = guesser.groups(taken) if groups is None else list(groups)
    guessed = [
        f"{role} '{found[role]}'"
        for role, given in (("label", label), ("prediction", prediction), ("score", score))
        if given is None and found[role] is not None
    ]
    if family:
        guessed.append(f"scores {_listing(family.values())}")
    if id is None and found["id"] is not None:
        guessed.append(f"id '{found['id']}'")
    if groups is None:
        guessed.append(f"groups {_listing(grouped)}" if grouped else "no groups")
    columns = _without_none(found) | {"scores": family, "groups": tuple(grouped)}
    said = f"Columns guessed by their names: {', '.join(guessed)}{guesser.reservation()}"
    return Guess(columns, guesser.lists, said if guessed else None)


def _without_none(found: Mapping[str, str | None]) -> dict[str, Any]:
    return {role: name for role, name in found.items() if name is not None}


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class _Guesser:
    def __init__(self, file: ColumnFile) -> None:
        self._file = file
        self._sample: dict[str, pa.ChunkedArray] = {}
        self._labels: set[str] = set()
        self._predicted: set[str] = set()
        self._likely_predictions: list[str] = []
        self._whole = True
        self._passed_over: list[str] = []
        self.lists = False
        """Whether the labels are lists."""

    def by_name(self, role: str) -> str | None:
        """Return the column called like ``role``."""
        return self._one(role, [c for c in self._file.columns if _plain(c) in _NAMES[role].split()])

    def _one(self, role: str, names: Sequence[str]) -> str | None:
        if len(names) > 1:
            raise self._doubt(role, names)
        return names[0] if names else None

    def _doubt(self, role: str, names: Sequence[str]) -> DataError:
        flag = f"Name one with --{role}" if role != "id" else "Name one as 'data.id' in a suite"
        return self._file.place.error(
            f"{len(names)} columns could be the {role}: {_listing(names)}", hint=flag
        )

    def look_at(self, found: Mapping[str, str | None]) -> None:
        """Read the first rows."""
        names = list(dict.fromkeys(self._file.columns))
        parts: dict[str, list[pa.Array]] = {name: [] for name in names}
        rows = 0
        for batch in self._file.read(names):
            if rows >= _SAMPLE:
                self._whole = False
                break
            for name in names:
                parts[name].append(batch[name])
            rows += len(batch[names[0]])
        if not rows:
            raise self._file.place.error("there are no rows")
        self._sample = {name: pa.chunked_array(arrays) for name, arrays in parts.items()}
        for role in ("label", "prediction"):
            named = found[role]
            if named is not None:
                column = self._sample[named]
                if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
                    self.lists = True
                    column = pc.list_flatten(column)
                values = self._labels if role == "label" else self._predicted
                values |= set(self._values(column))

    def _values(self, column: pa.ChunkedArray) -> list[str]:
        if pa.types.is_nested(column.type):
            return []
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return [text for one in column.unique().to_pylist() if (text := spelling(one))]

    def scores(self, found: Mapping[str, str | None]) -> tuple[str | None, dict[str, str]]:
        """Return the column of scores, or those of each label."""
        families: dict[str, dict[str, str]] = {}
        for column in self._file.columns:
            if (match := _FAMILY.fullmatch(column)) and column not in found.values():
                families.setdefault(match[1], {})[match[2]] = column
        complete = [one for one in families.values() if len(one) > 1 and self._labels <= one.keys()]
        single = self.by_name("score")
        if single is not None and not self._is_score(single):
            self._passed_over.append(single)
            single = None
        if len(complete) > 1 or (complete and single):
            every = [next(iter(one.values())) for one in complete]
            raise self._doubt("score", [*([single] if single else []), *every])
        return single, complete[0] if complete else {}

    def _is_score(self, name: str) -> bool:
        """Whether a column is meant as the probability of one of two labels.

        Neither a few bad cells nor a slip among the predictions of two labels speak against it:
        they are refused later.
        """
        two = len(self._labels) == 2 or len(self._labels | self._predicted) <= 2
        if self.lists or not two:
            return False
        cells = [cell for cell in self._sample[name].to_pylist() if cell not in (None, "")]
        return 0 < len(cells) <= 2 * sum(map(_is_probability, cells))

    def look_for_predictions(self, taken: set[str | None], *, needed: bool) -> None:
        """Note the columns with just the values of the labels; if one is needed, ask for it."""
        self._likely_predictions = [
            name
            for name, column in self._sample.items()
            if name not in taken
            and not self.lists
            and len(self._labels) > 1
            and {*self._values(column)} == self._labels
        ]
        if needed and self._likely_predictions:
            flags = " or ".join(f"--prediction {quote(name)}" for name in self._likely_predictions)
            raise self._file.place.error(
                "no column is called like predictions, and there are no scores to make them from",
                hint=f"Name it with {flags}: the values are those of the labels",
            )

    def groups(self, taken: set[str | None]) -> list[str]:
        """Return the columns of few different texts."""
        return [
            name
            for name in self._sample
            if name not in taken
            and name not in self._likely_predictions
            and name not in RESERVED_GROUPS
            and _plain(name) not in _NO_GROUPS
            and self._is_group(self._sample[name])
        ]

    def _is_group(self, column: pa.ChunkedArray) -> bool:
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return False
        if not 2 <= pc.count_distinct(column).as_py() <= _MOST_GROUPS + 1:  # empty is no group
            return False
        values = self._values(column)
        return (
            2 <= len(values) <= _MOST_GROUPS
            and max(map(len, values)) <= _LONGEST_GROUP
            and not all(_NUMBER.fullmatch(value.strip()) for value in values)
        )

    def reservation(self) -> str:
        """Return what weakens the guess."""
        said = "" if self._whole else f" (values from the first {_SAMPLE:,} rows)"
        if self._passed_over:
            said += (
                f"; {_listing(self._passed_over)} not, since it is no probability of one of two "
                "labels"
            )
        if self._likely_predictions:
            said += (
                f"; {_listing(self._likely_predictions)} no group: with the values of the labels, "
                "it may be the predictions (--prediction)"
            )
        return said


def _is_probability(cell: Any) -> bool:
    try:
        return 0.0 <= float(cell) <= 1.0
    except (TypeError, ValueError):
        return False


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
