"""How a card speaks of groups: of people where the suite says what the label means for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, isfinite

from auditkit.record import Measurement, Record
from auditkit.report.formats import count, number, quoted, shorten
from auditkit.report.group_rates import Contrast
from auditkit.report.robustness import hundredths

__all__ = ["Voice", "contrast_said", "voice_of"]

_REFUSALS = {
    "accepted": "rejected",
    "admitted": "turned away",
    "approved": "refused",
    "granted": "refused",
    "hired": "turned down",
    "promoted": "passed over",
    "selected": "passed over",
    "shortlisted": "passed over",
}
"""What it is called when somebody does not get what a positive label means."""

_PEOPLE = {"female": "women", "woman": "women", "women": "women",
           "male": "men", "man": "men", "men": "men"}  # fmt: skip
_NAMED_COLUMNS = frozenset({"gender", "sex"})
_TOO_MANY_TIMES = 50
"""A ratio above this says less than the two shares do."""


@dataclass(frozen=True)
class Voice:
    """Whom or what a card speaks of."""

    positive: str
    """The label that rates are about where there are two; empty where it is not known."""
    means: str = ""
    """What it means for a person; empty where the suite does not say."""
    things: str = "texts"
    """What was examined."""

    def of_people(self, label: str | None) -> bool:
        """Whether a label is one whose meaning for people is known."""
        return bool(self.means) and label in (None, self.positive)


def voice_of(record: Record) -> Voice:
    """Return how to speak of the groups of a run."""
    labels = record.model.labels
    positive = record.suite.positive or (labels[-1] if labels else "")
    means = record.suite.content.get("positive_means")
    return Voice(
        positive,
        means.strip() if isinstance(means, str) else "",
        "examples" if record.model.kind == "predictions" else "texts",
    )


@dataclass(frozen=True)
class _Event:
    """What a rate counts: what happens, and to whom it can happen."""

    happens: str
    to: str = ""
    """Completes "of people", such as "who should be approved"."""
    both: str = ""
    """The same after a comparison of two, such as " when both should be approved"."""


def contrast_said(one: Contrast, voice: Voice) -> str:
    """Return who is how much worse or better off, in a sentence or two with the counts.

    Where the examples do not show that two groups differ, it says so, and how large a gap they
    would probably have shown.
    """
    event = _event(one, voice)
    named = [_named(voice, one, slice_) for slice_ in (one.high.slice, one.low.slice)]
    counts = f"{count(one.high.n)} and {count(one.low.n)} examples"
    shares = [_share(one.high), _share(one.low)]
    sure = f"{one.high.confidence * 100:g}% interval"
    if not one.shown:
        return _cannot_tell(one, voice, event, named, shares, counts)
    people = voice.of_people(one.label)
    things = "people" if people else voice.things
    if not isfinite(one.ratio) or one.ratio > _TOO_MANY_TIMES:
        subject = _sentence(f"of {_of(things, event.to)}{_comma(event.to)}{named[0][0]}")
        said = f"{subject}: {shares[0]} are {event.happens}; {named[1][1]}: {shares[1]}"
        band = ""
        if one.difference is not None:
            ends = " to ".join(number(end) for end in one.difference)
            band = f"; {sure} of the difference {ends}"
        return f"{said}{band}; {counts}."
    times, least, most = _times(one.ratio, one.least, one.most)
    if people:
        subject = _sentence(named[0][0])
        said = f"{subject} are {event.happens} {times} times as often as {named[1][1]}{event.both}"
    else:
        to = f" {event.to}" if event.to else ""
        subject = _sentence(named[0][0])
        said = f"{subject}{to} are {event.happens} {times} times as often as {named[1][1]}"
    return f"{said}; {sure} {least}–{most}; {counts} ({_both(*shares)})."


def _cannot_tell(
    one: Contrast,
    voice: Voice,
    event: _Event,
    named: list[tuple[str, str]],
    shares: list[str],
    counts: str,
) -> str:
    things = "people" if voice.of_people(one.label) else voice.things
    whom = f", of {things} {event.to}," if event.to else ""
    first, second = named[0][1 if whom else 0], named[1][1]
    between = ""
    if one.difference is not None:
        ends = " to ".join(number(end) for end in one.difference)
        between = f"; {one.high.confidence * 100:g}% interval of the difference {ends}"
    if one.compared == 2:
        said = (
            f"These examples cannot tell whether{whom} {first} and {second} differ in how often "
            f"they are {event.happens}: {_both(*shares)} are {event.happens}{between}; {counts}."
        )
    else:
        said = (
            f"These examples cannot tell whether{whom} any of {count(one.compared)} groups are "
            f"{event.happens} more often than others: most often {first} ({shares[0]}), "
            f"least often {second} ({shares[1]}){between}; {counts}."
        )
    if one.smallest_shown is not None:
        said += f" A gap of {number(one.smallest_shown)} or more would probably have been shown."
    return said


def _event(one: Contrast, voice: Voice) -> _Event:
    """Return what a rate counts in words."""
    if voice.of_people(one.label):
        means = _participle(voice.means)
        refused = _REFUSALS.get(voice.means.lower(), f"not {means}")
        return {
            "false_negative_rate": _Event(
                refused, f"who should be {means}", f" when both should be {means}"
            ),
            "false_positive_rate": _Event(
                means, f"who should not be {means}", " when neither should be"
            ),
        }.get(one.rate, _Event(means))
    label = one.label if one.label is not None else voice.positive
    if not label:
        return {
            "false_negative_rate": _Event("missed", "that have the positive label"),
            "false_positive_rate": _Event("given it", "that do not have the positive label"),
        }.get(one.rate, _Event("given the positive label"))
    named = quoted(label)
    return {
        "false_negative_rate": _Event("missed", f"that are {named}"),
        "false_positive_rate": _Event(f"taken for {named}", f"that are not {named}"),
    }.get(one.rate, _Event(f"called {named}"))


def _participle(means: str) -> str:
    """Return what happens to somebody after "are"; more than a word is quoted."""
    return means.lower() if means.isalpha() else f"decided {quoted(means)}"


def _named(voice: Voice, one: Contrast, slice_: Mapping[str, str]) -> tuple[str, str]:
    """Return a group as the first and as the second of two, such as texts and those."""
    groups = {key: slice_[key] for key in one.columns}
    people = voice.of_people(one.label)
    first, second = ("people" if people else voice.things), "those"
    if people:
        for key in [key for key in groups if key.lower() in _NAMED_COLUMNS]:
            if known := _PEOPLE.get(groups[key].lower()):
                first = second = known
                del groups[key]
    whose = " and ".join(
        f"whose {shorten(key, 40)} is {quoted(value)}" for key, value in groups.items()
    )
    return f"{first} {whose}".strip(), f"{second} {whose}".strip()


def _of(things: str, to: str) -> str:
    return f"{things} {to}" if to else "all"


def _comma(to: str) -> str:
    return ", " if to else " "


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(one: Measurement) -> str:
    """Return a share as so many of 100, or of what it rests on where that is less."""
    value = one.value or 0.0
    if one.n < 100:
        return f"{round(value * one.n)} of {one.n}"
    return f"{hundredths(value)} of 100"


def _both(one: str, other: str) -> str:
    """Return two shares, what they are of only once where it is the same.

    >>> _both("31 of 100", "18 of 100"), _both("6 of 20", "18 of 100")
    ('31 and 18 of 100', '6 of 20 and 18 of 100')
    """
    if one.endswith(" of 100") and other.endswith(" of 100"):
        one = one.removesuffix(" of 100")
    return f"{one} and {other}"


def _times(ratio: float, least: float, most: float) -> tuple[str, str, str]:
    """Return a ratio and its interval, the ends rounded outwards.

    >>> _times(1.81, 1.32, 2.44), _times(1.04, 1.012, 1.107), _times(12.3, 4.04, 40.2)
    (('1.8', '1.3', '2.5'), ('1.04', '1.01', '1.11'), ('12', '4', '41'))
    """
    digits = 0 if ratio >= 10 else 1
    # An interval that does not hold 1 must not read as if it did.
    while digits < 4 and floor(least * 10**digits) == 10**digits:
        digits += 1
    unit = 10**digits
    low, high = floor(least * unit + 1e-9) / unit, ceil(most * unit - 1e-9) / unit
    return f"{ratio:.{digits}f}", f"{low:.{digits}f}", f"{high:.{digits}f}"
