"""Numbers written another way: 1000, 1,000 and one thousand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditkit.perturbations.base import Keeps, Script
from auditkit.perturbations.editing import Site, SiteKind, begins_sentence, cased_like
from auditkit.perturbations.number_words import NUMBER_WORDS, number_of, words_of

__all__ = ["Numbers"]

# A whole number by itself: no decimals, no part of a code, a date, a time, a score or a range.
_DIGITS = re.compile(
    r"(?<![\w.,:/+#%°@&'’*=~^<>($£€–—-])(?P<money>[$£€])?(?P<digits>\d{1,3}(?:,\d{3}){1,2}|\d{1,7})"
    r"(?![\w:/+#%°@&'’*=~^<>–—-]|[.,]\w)",
    re.ASCII,
)
_ONE = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_WORDS = re.compile(
    rf"(?<![\w'’-])(?:{_ONE})(?:(?: and |[ -])(?:{_ONE})\b){{0,12}}(?![\w'’-])",
    re.IGNORECASE | re.ASCII,
)
# Only what is counted is surely a count: "9 sequels", not "section 9" or "the two of them".
_COUNTED = re.compile(
    r" (?:people|men|women|children|feet|percent|thousand|million|billion"
    r"|(?!(?:is|was|has|does|as|this|us|its|his|yes|plus|ends|starts|begins|comes|goes)\b)"
    r"[a-z]+[a-rt-z]s)\b(?!['’])"
)
_NAMING = re.compile(
    r"\b(?:no|nr|number|chapter|page|part|vol|volume|season|episode|version|level|room|route|gate"
    r"|highway|flight|platform|section|article|windows|in|since|from|until|by|of|at) \Z",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[A-Za-z]+")


class Numbers(SiteKind):
    """Numbers in digits, with a comma, or in words.

    Severities 1 to 5: 20, 40, 60, 80 and 100% of the numbers that can be written another way, at
    least one. 1,000 becomes 1000 or, where things are counted, one thousand; 5000 people become
    5,000; up to 99, and for round hundreds and thousands, digits and words change places before
    what is counted ("9 sequels", "two hours"). Years, decimals, dates, times, percentages, parts
    of codes and numbers that name something ("section 9") stay.
    """

    name = "numbers"
    summary = "numbers written another way: 1000, 1,000, one thousand"
    script = Script.LATIN
    keeps = frozenset({Keeps.SCRIPT})

    def sites(self, text: str) -> Sequence[Site]:
        found = [
            Site(*match.span("digits"), others)
            for match in _DIGITS.finditer(text)
            if (others := _in_another_way(text, match))
        ]
        for match in _WORDS.finditer(text):
            value = number_of(_PARTS.findall(match[0].lower()))
            if value is not None and value != 1 and _is_counted(text, *match.span()):
                found.append(Site(*match.span(), (f"{value:,}",)))
        return sorted(found)


def _in_another_way(text: str, match: re.Match[str]) -> tuple[str, ...]:
    """Return how else a number in digits may be written."""
    digits = match["digits"]
    value = int(digits.replace(",", ""))
    if digits != str(value) and digits != f"{value:,}":  # a leading zero: a code
        return ()
    counted = not match["money"] and _is_counted(text, *match.span())
    others = []
    if "," in digits:
        others.append(str(value))
    elif value >= 1000 and (match["money"] or (counted and not 1100 <= value <= 2100)):
        others.append(f"{value:,}")
    short = value < 100 or value in range(100, 1000, 100) or value in range(1000, 100_000, 1000)
    if counted and short and (others or value < 1000):
        begins = begins_sentence(text, match.start())
        others.append(cased_like("A" if begins and not text.islower() else "a", words_of(value)))
    return tuple(others)


def _is_counted(text: str, start: int, end: int) -> bool:
    """Whether a number stands before what it counts, and is no name."""
    return _COUNTED.match(text, end) is not None and not _NAMING.search(
        text, max(0, start - 12), start
    )
