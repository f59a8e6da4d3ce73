"""Whole numbers in English words, and back."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NUMBER_WORDS", "number_of", "words_of"]

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_BY_TEN = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL, _TENS = _BELOW_TWENTY.split(), _BY_TEN.split()
_SCALES = ((1_000_000, "million"), (1_000, "thousand"))

_UNITS = {word: value for value, word in enumerate(_SMALL)}
_MULTIPLES = {word: 10 * value for value, word in enumerate(_TENS, start=2)}
NUMBER_WORDS = frozenset(_UNITS) | frozenset(_MULTIPLES) | {"hundred", "thousand", "million"}
"""The words that numbers are written with, but for "and"."""


def words_of(number: int) -> str:
    """Return the English for a number from 0 to 999,999,999.

    >>> words_of(1250), words_of(42)
    ('one thousand two hundred and fifty', 'forty-two')
    """
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_SMALL[hundreds]} hundred" + (f" and {words_of(rest)}" if rest else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    count, rest = divmod(number, size)
    joint = " and " if 0 < rest < 100 else " "
    return f"{words_of(count)} {name}" + (f"{joint}{words_of(rest)}" if rest else "")


def number_of(words: Sequence[str]) -> int | None:
    """Return the number that lower-case words make together, or None if they make none.

    "and" may stand after a hundred or a thousand; hyphens are cut before.

    >>> number_of(["three", "hundred", "and", "five"]), number_of(["four", "two"])
    (305, None)
    """
    total = below = 0
    last = ""
    for word in words:
        if word == "and":
            fits = last in ("hundred", "thousand", "million")
        elif word in _UNITS:
            fits = last in ("", "hundred", "thousand", "million", "and") or (
                last in _MULTIPLES and 1 <= _UNITS[word] <= 9
            )
            below += _UNITS[word]
        elif word in _MULTIPLES:
            fits = last in ("", "hundred", "thousand", "million", "and")
            below += _MULTIPLES[word]
        elif word == "hundred":
            fits = last in _UNITS and 1 <= below <= 9
            below *= 100
        else:
            size = {"thousand": 1_000, "million": 1_000_000}.get(word, 0)
            fits = 1 <= below < 1000 and size > 0 and (total == 0 or total > size) and last != "and"
            total, below = total + below * size, 0
        if not fits:
            return None
        last = word
    return None if last in ("", "and") else total + below
