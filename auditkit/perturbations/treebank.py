"""English cut into words, marks and clitics, as treebanks cut it: do|n't, it|'s."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Token", "tokens"]

_TOKEN = re.compile(
    r"[A-Za-z]+?(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|[A-Za-z]+|\d+|-{2,}|\S",
    re.IGNORECASE,
)


class Token(NamedTuple):
    """A word, a clitic or a mark, and where it stands."""

    start: int
    end: int
    text: str
    """As it is written."""
    lower: str
    """In lower case, with a straight apostrophe."""

    @property
    def is_word(self) -> bool:
        """Whether it is a word: neither a mark, nor a number, nor a clitic."""
        return self.lower[0].isalpha() and "'" not in self.lower


def tokens(text: str) -> list[Token]:
    """Cut a text; a clitic is a token whether it stands apart ("it 's") or not ("it's").

    >>> [token.lower for token in tokens("It isn’t, I ca n't.")]
    ['it', 'is', "n't", ',', 'i', 'ca', "n't", '.']
    """
    return [
        Token(*match.span(), match[0], match[0].lower().replace("’", "'"))
        for match in _TOKEN.finditer(text)
    ]
