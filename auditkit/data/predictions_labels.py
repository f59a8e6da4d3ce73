"""Which labels a file of predictions is about, and how its values name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditkit.data.problems import Place
from auditkit.errors import DataError, did_you_mean
from auditkit.suite import DataConfig

__all__ = ["LabelNames", "ValuesOf", "name_labels", "note_strays"]

_WHOLE = re.compile(r"-?\d+(\.0*)?")
_LISTED = 8
_LONGEST = 40
_STRAYS = 3


@dataclass(frozen=True)
class ValuesOf:
    """The different values of a column, with the row (from 1) each was first seen in."""

    column: str
    first: Mapping[str, int]


@dataclass(frozen=True)
class LabelNames:
    """The labels, and the one each value of a column stands for."""

    labels: tuple[str, ...]
    positive: str | None
    truth: Mapping[str, str]
    prediction: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())


def name_labels(
    truth: ValuesOf,
    prediction: ValuesOf | None,
    config: DataConfig,
    *,
    positive: str | None,
    place: Place,
    locate: Callable[[list[int]], list[int]],
) -> LabelNames:
    """Return the labels there are.

    Those that ``config.scores`` names, else all values that occur, sorted (as numbers where all
    are). ``config.labels`` renames values of the label column. Whole numbers written as fractions
    (``1.0``) are read as ``1``, and a note says so.

    Raises
    ------
    DataError
        If a label has no scores, two differ in case only, labels and predictions have no value in
        common, ``config.score`` does not go with two labels, or none is called ``positive``.
    """

    def refuse(row: int, column: str, message: str, hint: str) -> DataError:
        return place.error(message, position=locate([row])[0], column=column, hint=hint)

    mapping, notes = config.labels, list[str]()
    of_truth = {
        value: mapping.get(value, name)
        for value, name in _as_whole_numbers(truth, config, notes).items()
    }
    columns = [(truth, of_truth)]
    of_prediction: dict[str, str] = {}
    if prediction is not None:
        # A model's own names need no renaming.
        of_prediction = {
            value: name if name in mapping.values() else mapping.get(value, name)
            for value, name in _as_whole_numbers(prediction, config, notes).items()
        }
        columns.append((prediction, of_prediction))
    seen = [
        (values.column, names[value], row)
        for values, names in columns
        for value, row in values.first.items()
    ]
    if config.scores:
        labels = list(config.scores)
        for column, label, row in seen:
            if label not in labels:
                raise refuse(
                    row,
                    column,
                    f"'{_short(label)}' is a label without scores",
                    f"Name its column under 'scores', or correct it. {did_you_mean(label, labels)}",
                )
    else:
        labels = _sorted({label for _, label, _ in seen})
        if prediction is not None:
            _hold_common(truth, of_truth, prediction, of_prediction, place)
    alike: dict[str, str] = {}
    for column, label, row in seen:
        other = alike.setdefault(label.casefold(), label)
        if other != label and not config.scores:
            raise refuse(
                row,
                column,
                f"the labels '{_short(other)}' and '{_short(label)}' differ in case only",
                "Spell each label in one way",
            )
    if config.score is not None:
        true = {*of_truth.values()}
        if prediction is not None and len(true) == 2 < len(labels):
            value = next(value for value in prediction.first if of_prediction[value] not in true)
            raise refuse(
                prediction.first[value],
                prediction.column,
                f"'{_short(value)}' is a prediction but never a label, and one column of scores "
                f"goes with two labels, here {_listing(true)}",
                "Correct it, or name the column of each label under 'scores' in a suite's 'data'",
            )
        labels = _two(labels, positive, config.score, place)
    chosen = _find(labels, positive, config.label, place)
    if chosen is None and config.score is not None:
        chosen = labels[-1]
        notes.append(
            f"'{config.score}' is taken for the probability of '{chosen}', the last of the labels"
        )
    return LabelNames(tuple(labels), chosen, of_truth, of_prediction, tuple(notes))


def note_strays(
    prediction: ValuesOf,
    names: LabelNames,
    counts: Mapping[str, int],
    *,
    place: Place,
    locate: Callable[[list[int]], list[int]],
) -> Iterator[str]:
    """Say which predictions are never a label: where there are few labels, they may be slips.

    ``counts`` tells how many rows have each value of ``prediction``.
    """
    true = {*names.truth.values()}
    if len(true) > _LISTED:
        return
    strays = [value for value in prediction.first if names.prediction[value] not in true]
    for value in strays[:_STRAYS]:
        rows = "1 row" if counts[value] == 1 else f"{counts[value]:,} rows"
        where = f"{place.unit} {locate([prediction.first[value]])[0]}"
        yield f"'{_short(value)}' ({rows}, the first on {where}) is a prediction but never a label"
    if len(strays) > _STRAYS:
        yield f"{len(strays) - _STRAYS:,} more values are predictions but never labels"


def _as_whole_numbers(values: ValuesOf, config: DataConfig, notes: list[str]) -> dict[str, str]:
    """Read ``1.0`` as ``1`` where all values are whole numbers and the suite does not name it."""
    named = {*config.scores, *config.labels}
    fractions = [value for value in values.first if "." in value and value not in named]
    if not fractions or not all(_WHOLE.fullmatch(value) for value in values.first):
        return {value: value for value in values.first}
    whole = {value: str(int(float(value))) for value in fractions}
    notes.append(
        f"'{values.column}' holds whole numbers written as fractions: "
        f"'{fractions[0]}' is read as '{whole[fractions[0]]}'"
    )
    return {value: whole.get(value, value) for value in values.first}


def _sorted(labels: set[str]) -> list[str]:
    if all(re.fullmatch(r"-?\d{1,15}", label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)


def _hold_common(
    truth: ValuesOf,
    of_truth: Mapping[str, str],
    prediction: ValuesOf,
    of_prediction: Mapping[str, str],
    place: Place,
) -> None:
    """Refuse labels and predictions of which none can ever agree."""
    true, predicted = set(of_truth.values()), set(of_prediction.values())
    if true & predicted or not true or not predicted:
        return
    line = ", ".join(f'"{_short(value)}": "?"' for value in [*truth.first][:_LISTED])
    raise place.error(
        f"labels and predictions have no value in common: '{truth.column}' holds "
        f"{_listing(true)}, '{prediction.column}' holds {_listing(predicted)}",
        hint=f"Spell both alike, or add to the suite's 'data' and replace each '?': "
        f"labels: {{{line}}}",
    )


def _two(labels: list[str], positive: str | None, column: str, place: Place) -> list[str]:
    """Return the two labels that a single column of scores goes with."""
    if len(labels) == 1 and positive is not None and positive not in labels:
        labels = _sorted({*labels, positive})
    if len(labels) != 2:
        raise place.error(
            f"one column of scores goes with two labels, and there "
            f"{'is' if len(labels) == 1 else 'are'} {len(labels)}: {_listing(labels)}",
            column=column,
            hint="Name the column of each label under 'scores' in a suite's 'data'",
        )
    return labels


def _find(labels: Sequence[str], wanted: str | None, column: str, place: Place) -> str | None:
    """Return the positive label as the file spells it."""
    if wanted is None or wanted in labels:
        return wanted
    alike = [label for label in labels if label.casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise place.error(
        f"there is no label '{wanted}', which is to be the positive one",
        column=column,
        hint=did_you_mean(wanted, list(labels)),
    )


def _listing(labels: set[str] | Sequence[str]) -> str:
    shown = [f"'{_short(label)}'" for label in sorted(labels)]
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(shown[:_LISTED]) + more


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
