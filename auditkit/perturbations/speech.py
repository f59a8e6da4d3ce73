"""A text as a speech recogniser writes it down."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation, Script, has_script
from auditkit.perturbations.editing import chosen, pick
from auditkit.perturbations.number_words import NUMBER_WORDS, words_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Speech"]

_GROUPS = """
their there they're|your you're|its it's|to too two|for four|here hear|then than|whether weather
through threw|whole hole|our hour|by buy|write right|piece peace|see sea|son sun|some sum
wait weight|scene seen|role roll|soul sole|plain plane|which witch|would wood|where wear
one won|past passed|whose who's|made maid|main mane|meet meat|tale tail|new knew|hair hare
knight night|pair pear|rain reign|sight site|stair stare|higher hire|heal heel|tide tied
vain vein|cell sell|sent cent scent|dear deer|flower flour|brake break|steal steel|war wore
"""
_HOMOPHONES = {
    word: tuple(other for other in group.split() if other != word)
    for group in _GROUPS.replace("\n", "|").split("|")
    for word in group.split()
    if word not in NUMBER_WORDS  # a recogniser knows an amount when it hears one
}
_FILLERS = ("um", "uh", "er", "you know", "i mean")
_BOUND = frozenset(("not", "no", "never"))  # nothing comes between these and what they negate

_APART = re.compile(r"(?<=\w)\s(?=(?:n't|'(?:s|re|ve|ll|d|m))\b)", re.IGNORECASE)
_BRACKET = re.compile(r"-[lr][rsc]b-", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?<![\w.,])(?P<money>[$£€])?(?P<whole>\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?:\.(?P<part>\d{1,6}))?"
    r"(?P<percent> ?%)?(?!\w|[.,]\d)",
    re.ASCII,
)
_MONEY = {"$": "dollars", "£": "pounds", "€": "euros"}
_STRAIGHT = str.maketrans("’", "'")
_INNER_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


class Speech(Perturbation):
    """A text as a speech recogniser writes it down.

    Severity 1: lower case, without punctuation. 2: numbers in words too. 3: also a filler such as
    "um" for each twelve words, none after a negation. 4: also a homophone for a third of the words
    that have one in a small table ("there" for "their"). 5: a filler for each six words, and
    a homophone for every such word. White space becomes single spaces.
    """

    name = "speech"
    summary = "as a speech recogniser writes: no marks or capitals, fillers, homophones"
    script = Script.LATIN
    keeps = frozenset({Keeps.SCRIPT})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        if not has_script(text, Script.LATIN):
            return text
        heard = _BRACKET.sub(" ", _APART.sub("", text.translate(_STRAIGHT)))
        if severity >= 2:
            heard = _AMOUNT.sub(_spoken, heard)
        words = _spoken_only(heard).split()
        if not words:
            return text
        if severity >= 4:
            places = [place for place, word in enumerate(words) if word in _HOMOPHONES]
            for one in chosen(len(places), 1 if severity == 5 else 1 / 3, rng):
                words[places[one]] = pick(_HOMOPHONES[words[places[one]]], rng)
        if severity >= 3:
            for place in chosen(len(words), 1 / 6 if severity == 5 else 1 / 12, rng):
                before = words[place - 1] if place else ""
                if before not in _BOUND:
                    words[place] = f"{pick(_FILLERS, rng)} {words[place]}"
        return " ".join(words)


def _spoken(match: re.Match[str]) -> str:
    """Return an amount as it is said: $3.50, 1,000, 50%, 1978."""
    whole = match["whole"]
    value = int(whole.replace(",", ""))
    if whole.startswith("0") and len(whole) > 1:
        said = " ".join(words_of(int(digit)) for digit in whole)
    elif "," not in whole and not match["money"] and not match["part"] and 1100 <= value < 2100:
        said = _year(value)
    else:
        said = words_of(value)
    if match["part"]:
        said += " point " + " ".join(words_of(int(digit)) for digit in match["part"])
    said += f" {_MONEY[match['money']]}" if match["money"] else ""
    said += " percent" if match["percent"] else ""
    return said.replace("-", " ")


def _year(value: int) -> str:
    """Return a year as it is said: nineteen seventy eight, two thousand two."""
    century, rest = divmod(value, 100)
    if 2000 <= value < 2010:
        return "two thousand" + (f" {words_of(rest)}" if rest else "")
    if rest == 0:
        return f"{words_of(century)} hundred"
    return f"{words_of(century)} {'oh ' if rest < 10 else ''}{words_of(rest)}"


def _spoken_only(text: str) -> str:
    """Return ``text`` in lower case, without what is not said."""
    inner = {match.start() for match in _INNER_APOSTROPHE.finditer(text)}
    return "".join(
        character.lower() if place in inner or _is_said(character) else " "
        for place, character in enumerate(text)
    )


def _is_said(character: str) -> bool:
    """Whether it is a letter, a digit or a mark of a letter."""
    category = unicodedata.category(character)[0]
    return category in "LN" or (category == "M" and not "\ufe00" <= character <= "\ufe0f")
