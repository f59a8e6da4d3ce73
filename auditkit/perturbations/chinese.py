"""Mistakes in Chinese text: of the input method, of the pen, of the keyboard's mode.

Negations and numerals are never touched: without "不" a sentence says the opposite, and "三" for
"五" is another fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation, Script
from auditkit.perturbations.editing import LIGHT_SHARES, Site, SiteKind, edited
from auditkit.perturbations.homophones import HOMOPHONES

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CharacterDrop", "CharacterSwap", "Homophone", "PunctuationWidth"]

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LEFT_ALONE = "不没無无非未别莫勿否休零〇一二三四五六七八九十百千万萬亿億两兩几半第"
# Neither an ideographic description nor a variation selector may follow: they belong to it.
_CHARACTER = re.compile(rf"(?![{_LEFT_ALONE}])[{_HAN}](?![\ufe00-\ufe0f\U000e0100-\U000e01ef])")


def _characters(text: str) -> list[int]:
    """Return where the characters are that may be changed."""
    return [found.start() for found in _CHARACTER.finditer(text)]


class CharacterSwap(Perturbation):
    """Two neighbouring characters swapped, as a fast typist does it and a reader hardly sees it.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the characters change places with a neighbour, at
    least one pair. Pairs are taken where both are Chinese characters, other than negations and
    numerals, and differ.
    """

    name = "character_swap"
    summary = "neighbouring Chinese characters swapped"
    script = Script.HAN
    keeps = frozenset(
        {Keeps.LENGTH, Keeps.WORDS, Keeps.LETTERS, Keeps.SCRIPT, Keeps.DIGITS}
    )  # fmt: skip

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        characters = _characters(text)
        known = set(characters)
        pairs = [at for at in characters if at + 1 in known and text[at] != text[at + 1]]
        wanted = max(1, int(LIGHT_SHARES[severity - 1] * len(characters) / 2 + 0.5))
        taken: set[int] = set()
        for at in (pairs[one] for one in rng.permutation(len(pairs))):
            if len(taken) == wanted:
                break
            if at - 1 not in taken and at + 1 not in taken:
                taken.add(at)
        return edited(text, ((at, at + 2, text[at + 1] + text[at]) for at in sorted(taken)))


class CharacterDrop(SiteKind):
    """A character left out.

    Severities 1 to 5: 5, 10, 15, 20 and 30% of the Chinese characters, at least one. One is left
    out only where another stands before it, and never a negation or a numeral.
    """

    name = "character_drop"
    summary = "Chinese characters left out"
    script = Script.HAN
    shares = (0.05, 0.10, 0.15, 0.20, 0.30)
    keeps = frozenset({Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def sites(self, text: str) -> Sequence[Site]:
        characters = _characters(text)
        known = set(characters)
        return [Site(at, at + 1, ("",)) for at in characters if at - 1 in known]


class Homophone(SiteKind):
    """A character replaced by one that sounds the same, the usual mistake of typing by sound.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the characters in a table of some 1,100 frequent
    simplified ones, at least one. Both have the same Mandarin syllable and tone.
    """

    name = "homophone"
    summary = "Chinese characters replaced by others of the same sound"
    script = Script.HAN
    shares = LIGHT_SHARES
    keeps = frozenset({Keeps.LENGTH, Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def sites(self, text: str) -> Sequence[Site]:
        return [
            Site(at, at + 1, HOMOPHONES[text[at]])
            for at in _characters(text)
            if text[at] in HOMOPHONES
        ]


_WIDTHS = {"，": ",", "。": ".", "！": "!", "？": "?", "：": ":", "；": ";", "（": "(", "）": ")"}
_OTHER_WIDTH = _WIDTHS | {narrow: wide for wide, narrow in _WIDTHS.items()}
# A mark belongs to Chinese text where it stands beside a character, an opening one before it.
_MARK = re.compile(rf"(?<=[{_HAN}])[，。！？：；）,.!?:;)]|[（(](?=[{_HAN}])")


class PunctuationWidth(SiteKind):
    """Full-width marks as half-width ones and the other way round: "，" and ",".

    Severities 1 to 5: 20, 40, 60, 80 and 100% of the marks next to Chinese characters, at least
    one. Half-width quotes stay, since they do not say which side they stand on.
    """

    name = "punctuation_width"
    summary = "full-width punctuation as half-width and the other way round"
    script = Script.HAN
    keeps = frozenset({Keeps.LENGTH, Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def sites(self, text: str) -> Sequence[Site]:
        return [
            Site(found.start(), found.end(), (_OTHER_WIDTH[found.group()],))
            for found in _MARK.finditer(text)
        ]
