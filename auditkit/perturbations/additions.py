"""What people add to a text: emoji, links, handles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation
from auditkit.perturbations.editing import WORD, edited, pick

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Emoji", "Url"]

# Things without a mood.
_NEUTRAL = (
    "\U0001f4cc",  # pushpin
    "\U0001f4ce",  # paperclip
    "\U0001f4dd",  # memo
    "\U0001f4ac",  # speech balloon
    "\U0001f4c5",  # calendar
    "\U0001f539",  # small blue diamond
    "\U0001f538",  # small orange diamond
    "\U0001f4c1",  # file folder
)
_EMOTICONS = {
    ":)": "\U0001f642",
    ":-)": "\U0001f642",
    "(:": "\U0001f642",
    ":(": "\U0001f641",
    ":-(": "\U0001f641",
    ":'(": "\U0001f622",
    ";)": "\U0001f609",
    ";-)": "\U0001f609",
    ":D": "\U0001f600",
    ":-D": "\U0001f600",
    ":P": "\U0001f61b",
    ":-P": "\U0001f61b",
    ":/": "\U0001f615",
    ":-/": "\U0001f615",
    ":O": "\U0001f62e",
    "<3": "\u2764",
    "</3": "\U0001f494",
}
_EMOTICON = re.compile(
    rf"(?<!\S)(?:{'|'.join(re.escape(one) for one in sorted(_EMOTICONS, key=len, reverse=True))})"
    r"(?!\S)"
)
_THINGS = {
    "pizza": "\U0001f355",
    "hamburger": "\U0001f354",
    "banana": "\U0001f34c",
    "strawberry": "\U0001f353",
    "avocado": "\U0001f951",
    "mushroom": "\U0001f344",
    "sushi": "\U0001f363",
    "coffee": "\u2615",
    "umbrella": "\u2602",
    "bicycle": "\U0001f6b2",
    "airplane": "\u2708",
    "helicopter": "\U0001f681",
    "guitar": "\U0001f3b8",
    "violin": "\U0001f3bb",
    "elephant": "\U0001f418",
    "penguin": "\U0001f427",
    "octopus": "\U0001f419",
    "camera": "\U0001f4f7",
    "telescope": "\U0001f52d",
    "microscope": "\U0001f52c",
    "cactus": "\U0001f335",
    "volcano": "\U0001f30b",
}
_PAUSE = re.compile(r"(?<=\w)[.,;!?]+(?=\s)|(?<=\s)[.,;!?]+(?=\s)|[。，！？；]")

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_CODE = "abcdefghijkmnpqrstuvwxyz23456789"


class Emoji(Perturbation):
    """Emoji added, and written for emoticons and some things.

    Severities 1 to 5: as many emoji of things without a mood (a pin, a calendar) are added at the
    end and after marks. Emoticons become emoji; from severity 3 on, so do nouns for some twenty
    things of which there is one picture and no doubt, such as "pizza".
    """

    name = "emoji"
    summary = "neutral emoji added, emoticons and some nouns written as emoji"
    keeps = frozenset({Keeps.SCRIPT})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        if not text.strip():
            return text
        new = _EMOTICON.sub(lambda match: _EMOTICONS[match[0]], text)
        if severity >= 3:
            new = WORD.sub(lambda match: _THINGS.get(match[0], match[0]), new)
        places = [len(new.rstrip()), *(mark.end() for mark in _PAUSE.finditer(new))]
        added: dict[int, str] = {}
        for _ in range(severity):
            place = pick(places, rng)
            added[place] = added.get(place, " ") + pick(_NEUTRAL, rng)
        return edited(new, ((place, place, added[place]) for place in sorted(added)))


class Url(Perturbation):
    """A short link or a handle added at the end, as in posts (Ribeiro et al. 2020).

    The link is drawn at random within ``example.com``, which no site may use; the handle is made of
    syllables and a number.
    """

    name = "url"
    summary = "a short link or an @handle added at the end"
    severities = (1,)
    keeps = frozenset({Keeps.ORIGINAL_AS_PART})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        if not text.strip():
            return text
        if rng.random() < 0.5:
            added = "https://example.com/" + "".join(pick(_CODE, rng) for _ in range(6))
        else:
            syllables = (pick(_CONSONANTS, rng) + pick(_VOWELS, rng) for _ in range(3))
            added = f"@{''.join(syllables)}{int(rng.random() * 100)}"
        return f"{text} {added}"
