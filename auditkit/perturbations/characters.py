"""Characters taken for others, by a scanner or on purpose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditkit.perturbations.base import Keeps, Script, has_script
from auditkit.perturbations.editing import LIGHT_SHARES, Site, SiteKind

__all__ = ["Homoglyph", "Ocr"]

_CONFUSED: dict[str, tuple[str, ...]] = {
    "rn": ("m",),
    "m": ("rn",),
    "cl": ("d",),
    "d": ("cl",),
    "vv": ("w",),
    "w": ("vv",),
    "li": ("h",),
    "h": ("li", "b"),
    "l": ("1", "I"),
    "i": ("l", "1"),
    "I": ("l", "1"),
    "1": ("l", "I"),
    "o": ("0",),
    "O": ("0",),
    "0": ("O",),
    "c": ("e",),
    "e": ("c",),
    "g": ("q", "9"),
    "s": ("5",),
    "S": ("5",),
    "5": ("S",),
    "B": ("8",),
    "8": ("B",),
    "Z": ("2",),
    "z": ("2",),
    "t": ("f",),
    "u": ("ii",),
    "n": ("ri",),
}
# Longest first, so that "rn" is seen before "n".
_CONFUSABLE = re.compile("|".join(sorted(_CONFUSED, key=len, reverse=True)))

# Latin letters and what looks the same in most fonts: Cyrillic, in a few cases Greek.
_LOOK_ALIKES: dict[str, tuple[str, ...]] = {
    "a": ("\u0430",),
    "c": ("\u0441",),
    "d": ("\u0501",),
    "e": ("\u0435",),
    "h": ("\u04bb",),
    "i": ("\u0456",),
    "j": ("\u0458",),
    "o": ("\u043e", "\u03bf"),
    "p": ("\u0440",),
    "q": ("\u051b",),
    "s": ("\u0455",),
    "w": ("\u051d",),
    "x": ("\u0445",),
    "y": ("\u0443",),
    "A": ("\u0410", "\u0391"),
    "B": ("\u0412", "\u0392"),
    "C": ("\u0421",),
    "E": ("\u0415", "\u0395"),
    "H": ("\u041d", "\u0397"),
    "I": ("\u0406", "\u0399"),
    "J": ("\u0408",),
    "K": ("\u041a", "\u039a"),
    "M": ("\u041c", "\u039c"),
    "N": ("\u039d",),
    "O": ("\u041e", "\u039f"),
    "P": ("\u0420", "\u03a1"),
    "S": ("\u0405",),
    "T": ("\u0422", "\u03a4"),
    "X": ("\u0425", "\u03a7"),
    "Y": ("\u04ae", "\u03a5"),
    "Z": ("\u0396",),
}


class Ocr(SiteKind):
    """What a scanner misreads: l for 1, O for 0, rn for m.

    Severities 1 to 5: 2, 4, 7, 11 and 16% of the characters and pairs that are easily misread, at
    least one; on bad scans recognisers err as often.
    """

    name = "ocr"
    summary = "characters misread by a scanner: rn for m, 1 for l"
    script = Script.LATIN
    keeps = frozenset({Keeps.WORDS, Keeps.SCRIPT})
    shares = (0.02, 0.04, 0.07, 0.11, 0.16)

    def sites(self, text: str) -> Sequence[Site]:
        if not has_script(text, Script.LATIN):
            return []
        return [Site(*place.span(), _CONFUSED[place[0]]) for place in _CONFUSABLE.finditer(text)]


class Homoglyph(SiteKind):
    """Latin letters replaced by Cyrillic and Greek ones that look the same.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the letters that have a look-alike, at least one.
    To a reader the text is the same; it is how filters are evaded.
    """

    name = "homoglyph"
    summary = "letters replaced by Cyrillic and Greek look-alikes"
    script = Script.LATIN
    keeps = frozenset({Keeps.LENGTH, Keeps.WORDS, Keeps.DIGITS})
    shares = LIGHT_SHARES

    def sites(self, text: str) -> Sequence[Site]:
        return [
            Site(place, place + 1, _LOOK_ALIKES[letter])
            for place, letter in enumerate(text)
            if letter in _LOOK_ALIKES
        ]
