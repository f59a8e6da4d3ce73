"""How many words two texts differ in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["word_edits"]


def word_edits(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many words are put in, taken out or replaced on the shortest way between texts.

    This is Levenshtein's distance over words. TextAttack's own figure compares place by place, so
    that after one deleted word all that follow count as changed.

    Examples
    --------
    >>> word_edits("a fine film".split(), "a film".split())
    1
    >>> word_edits("a fine film".split(), "one fime film".split())
    2
    """
    codes: dict[str, int] = {}
    first, second = (
        np.array([codes.setdefault(word, len(codes)) for word in words], dtype=np.int64)
        for words in (before, after)
    )
    places = np.arange(len(second) + 1)
    row = places
    for count, word in enumerate(first, start=1):
        replaced_or_taken = np.minimum(row[:-1] + (second != word), row[1:] + 1)
        # Putting words in runs along the row: its minimum so far, one more each place.
        row = np.minimum.accumulate(np.append(count, replaced_or_taken) - places) + places
    return int(row[-1])
