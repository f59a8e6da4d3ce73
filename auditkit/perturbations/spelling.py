"""American and British spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from auditkit.perturbations.base import Keeps, Script
from auditkit.perturbations.editing import WORD, Site, SiteKind, begins_sentence, cased_like
from auditkit.perturbations.tables import read_table

__all__ = ["Spelling"]

_CAPITAL = re.compile(r" [A-Z]")


class Spelling(SiteKind):
    """American spelling made British, and British made American.

    Severities 1 to 5: 20, 40, 60, 80 and 100% of the words with two spellings, at least one. The
    table holds some 1,100 words. Where a spelling means something else too, it is left as it is:
    "tyre" becomes "tire", but "tire" stays. So does a word that is capitalised within a sentence,
    as it may be a name ("Pearl Harbor").
    """

    name = "spelling"
    summary = "American and British spelling exchanged"
    script = Script.LATIN
    keeps = frozenset({Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def sites(self, text: str) -> Sequence[Site]:
        other = _other_spellings()
        return [
            Site(*word.span(), (cased_like(word[0], other[word[0].lower()]),))
            for word in WORD.finditer(text)
            if word[0].lower() in other
            and not (word[0].istitle() and _may_be_name(text, word.start(), word.end()))
        ]


def _may_be_name(text: str, start: int, end: int) -> bool:
    """Whether a capitalised word is more than the first of a sentence."""
    return not begins_sentence(text, start) or _CAPITAL.match(text, end) is not None


@cache
def _other_spellings() -> Mapping[str, str]:
    """Return the spelling of the other side of the Atlantic, by word."""
    rows = read_table("spelling")
    return {
        row["american"]: row["british"] for row in rows if row["way"] in ("both", "to_british")
    } | {row["british"]: row["american"] for row in rows if row["way"] in ("both", "to_american")}
