"""From the labels of the data to those of the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditkit.data.problems import Place
from auditkit.errors import DataError, did_you_mean

__all__ = ["LabelValue", "resolve_labels"]

_LISTED = 20


@dataclass
class LabelValue:
    """A value of the label column: how often it occurs and where it does first."""

    count: int
    position: int


def resolve_labels(
    values: Mapping[str, LabelValue],
    *,
    model_labels: Sequence[str],
    mapping: Mapping[str, str],
    class_names: Sequence[str] | None,
    place: Place,
    column: str,
) -> tuple[dict[str, str], list[str]]:
    """Return the model's label for each value of the data, and notes about them.

    One way holds for the whole column, the first of: the suite's mapping; names as the model has
    them; names but for upper and lower case; ids of the model's labels. Values whose names the data
    set declares (``class_names``) count as names, and as ids only for a model whose own labels say
    nothing (``LABEL_0``).

    Raises
    ------
    DataError
        With the labels of both sides and a line for the suite, if no way fits.
    """
    names = _declared_names(values, class_names, place, column)
    resolved: dict[str, str]
    if mapping:
        resolved = _by_mapping(names, values, model_labels, mapping, place=place, column=column)
        how = None
    else:
        by_id = _by_id(names, model_labels, class_names)
        resolved = _by_name(names, model_labels) or by_id or {}
        how = "labels are read as ids: " if resolved and resolved is by_id else None
        if values and not resolved:
            raise _mismatch(names, values, model_labels, place, column)
    notes = []
    if how:
        pairs = sorted(names.items(), key=lambda pair: list(model_labels).index(resolved[pair[0]]))
        notes.append(how + ", ".join(f"{name} = {resolved[value]}" for value, name in pairs))
    unseen = [label for label in model_labels if label not in resolved.values()]
    if unseen:
        notes.append(f"no example has the label {', '.join(unseen)}")
    return resolved, notes


def _declared_names(
    values: Mapping[str, LabelValue],
    class_names: Sequence[str] | None,
    place: Place,
    column: str,
) -> dict[str, str]:
    """Return the name of each value; the value itself where the data set declares none."""
    if "-1" in values and set(values) <= {"-1"}:
        raise place.error(
            "every label is -1, which marks examples whose labels are kept secret",
            column=column,
            hint="Choose another split",
        )
    if class_names is None:
        return {value: value for value in values}
    names = dict(enumerate(class_names))
    known = {str(index): name for index, name in names.items()}
    return {value: known.get(value, value) for value in values}


def _by_mapping(
    names: Mapping[str, str],
    values: Mapping[str, LabelValue],
    model_labels: Sequence[str],
    mapping: Mapping[str, str],
    *,
    place: Place,
    column: str,
) -> dict[str, str]:
    folded = {label.casefold(): label for label in model_labels}
    spelled = folded if len(folded) == len(model_labels) else {}
    mapping = {
        value: label if label in model_labels else spelled.get(label.casefold(), label)
        for value, label in mapping.items()
    }
    for value, label in mapping.items():
        if label not in model_labels:
            raise place.error(
                f"'labels' maps '{value}' to '{label}', which is no label of the model",
                column=column,
                hint=did_you_mean(label, list(model_labels)),
            )
    resolved = {
        value: mapping.get(name, mapping.get(value, "")) for value, name in names.items()
    }  # fmt: skip
    missing = [value for value, label in resolved.items() if not label]
    if missing:
        found = values[missing[0]]
        known = {names[value]: label for value, label in resolved.items() if label}
        line = _labels_line([names[value] for value in values], model_labels, known)
        raise place.error(
            f"'labels' says nothing of the value '{names[missing[0]]}'",
            position=found.position,
            column=column,
            hint=f"Complete it and replace each '?': {line}",
        )
    return resolved


def _by_name(names: Mapping[str, str], model_labels: Sequence[str]) -> dict[str, str] | None:
    if all(name in model_labels for name in names.values()):
        return dict(names)
    folded = {label.casefold(): label for label in model_labels}
    if len(folded) == len(model_labels) and all(n.casefold() in folded for n in names.values()):
        return {value: folded[name.casefold()] for value, name in names.items()}
    return None


def _by_id(
    names: Mapping[str, str], model_labels: Sequence[str], class_names: Sequence[str] | None
) -> dict[str, str] | None:
    if class_names is not None:
        generic = all(re.fullmatch(r"label_\d+", label, re.IGNORECASE) for label in model_labels)
        if not generic or len(class_names) != len(model_labels):
            return None
    elif any(label.isdecimal() for label in model_labels):
        return None  # "1" could be the label of that name as well as the second label
    ids = {str(index): label for index, label in enumerate(model_labels)}
    if not all(value in ids for value in names):
        return None
    return {value: ids[value] for value in names}


def _mismatch(
    names: Mapping[str, str],
    values: Mapping[str, LabelValue],
    model_labels: Sequence[str],
    place: Place,
    column: str,
) -> DataError:
    # Many values are hardly labels: they may be people's texts, which messages should not spread.
    many = len(values) > _LISTED
    shown = [f"{names[value][:40]} ({seen.count})" for value, seen in values.items()]
    found = f"{len(values)} different values" if many else ", ".join(shown)
    message = (
        f"the labels of the data and of the model differ. Data: {found}. "
        f"Model: {', '.join(model_labels)}"
    )
    known = {label.casefold() for label in model_labels}
    strays = [value for value in values if names[value].casefold() not in known]
    position = values[strays[0] if strays else next(iter(values))].position
    if many:
        hint = "Is this the column of the labels?"
    else:
        line = _labels_line([names[value] for value in values], model_labels, {})
        hint = f"Add to the suite's 'data' and replace each '?': {line}"
    return place.error(message, position=position, column=column, hint=hint)


def _labels_line(
    found: Sequence[str], model_labels: Sequence[str], known: Mapping[str, str]
) -> str:
    """Return a ``labels:`` line; what cannot be told is left as ``?``, never guessed."""
    folded = {label.casefold(): label for label in model_labels}
    choice = {name: known.get(name) or folded.get(name.casefold(), "?") for name in found}
    inner = ", ".join(
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(label, ensure_ascii=False)}"
        for name, label in choice.items()
    )
    return f"labels: {{{inner}}}"
