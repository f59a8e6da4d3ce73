"""What was changed in a text, word by word, and how much of it a card may show.

Everything here is pure. What is shown of a text is a sequence of runs: words that stayed, words
that went, words that came, and blocks or gaps in the place of what is not shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Literal

from auditkit.report.blocks import Run
from auditkit.report.formats import shorten

__all__ = ["BLOCK", "Piece", "align", "shown_runs"]

BLOCK = "▇"
"""Stands for a character that is not shown."""

_MOST_ALIGNED = 400
"""Words after the first change that are aligned; what follows is left out."""
_CONTEXT = 6
"""Words that stayed and are shown on each side of a change."""
_MOST_PIECES = 90
_LONGEST_WORD = 40
_MOST_READABLE = 6
"""Changed words of a text that are shown where the others may not be read."""

# Scripts written without spaces are taken character by character.
_SINGLE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SINGLE_MARKS = "\u3001-\u303f\uff01-\uff0f\uff1a-\uff1f\uff3b-\uff40\uff5b-\uff65"
_MARKS = r"!-/:-@\[-^`{-~¡§«¶·»¿،؛؟।॥\u2010-\u2027\u2030-\u205e"
_SPLIT = re.compile(rf"\s+|[{_SINGLE}{_SINGLE_MARKS}]|[^\s{_SINGLE}{_SINGLE_MARKS}]+")
_PARTS = re.compile(
    rf"[{_MARKS}]|[^{_MARKS}]+(?:['’\-][^{_MARKS}]+|(?<=\d)[.,](?=\d)[^{_MARKS}]+)*"
)
_MARK = re.compile(rf"[{_MARKS}{_SINGLE_MARKS}]+")
# Handles, e-mail addresses, addresses on the web; "word.word" may be one.
_PRIVATE = re.compile(r"[@＠]|://|www\.|[^\W\d_]\.[^\W\d_]{2,}", re.IGNORECASE)
_SPACES = {" ": "␣", "\t": "⇥", "\n": "↵", "\r": "↵", "\u00a0": "⍽"}


@dataclass(frozen=True)
class _Word:
    """A word with the white space before it; empty for white space at the end."""

    space: str
    text: str
    private: bool = False


@dataclass(frozen=True)
class Piece:
    """A word that stayed (``same``), went (``gone``) or came (``new``)."""

    kind: Literal["same", "gone", "new"]
    space: str
    """The white space before it."""
    text: str
    slot: int = -1
    """The place in the text where something changed; -1 for words and spaces that may be shown
    without telling any word."""
    private: bool = False
    """Whether it is part of an address or a handle, or stands in the place of one or of many
    words."""


def align(original: str, changed: str) -> list[Piece]:
    """Return both texts as one sequence of words that stayed, went or came.

    Words are what white space and punctuation part; characters of scripts without spaces stand
    alone. The pieces that did not come spell the original's words, those that did not go the
    changed text's. Of texts with very many words after the first change only a beginning is
    returned.

    >>> [(one.kind, one.text) for one in align("a good film", "a godo film")]
    [('same', 'a'), ('gone', 'good'), ('new', 'godo'), ('same', 'film')]
    """
    before, after = list(_words(original)), list(_words(changed))
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    a, b = before[start : len(before) - end], after[start : len(after) - end]
    cut = max(len(a), len(b)) > _MOST_ALIGNED
    middle = list(_numbered(_aligned(a[:_MOST_ALIGNED], b[:_MOST_ALIGNED])))
    if cut:
        # Where one text was cut sooner than the other, its last words only seem to have gone.
        last = max((at for at, one in enumerate(middle) if one.kind == "same"), default=None)
        middle = middle if last is None else middle[: last + 1]
    pieces = [Piece("same", word.space, word.text) for word in before[:start]] + middle
    if end and not cut:
        pieces += [Piece("same", word.space, word.text) for word in before[-end:]]
    return pieces


def shown_runs(pieces: Sequence[Piece], *, redacted: bool) -> list[Run]:
    """Return what a reader sees of aligned texts: the changes and some words around them.

    With ``redacted`` every word that stayed is a block of its length. So are digits, addresses
    and handles among the changed words, and changed words beyond a third of the text or beyond
    the first handful: what changes every word would spell the text.
    """
    if redacted:
        pieces = _redacted(pieces)
    pieces = _told_apart(pieces)
    near = _near_changes(pieces)
    runs: list[Run] = []
    for here, group in groupby(range(len(pieces)), key=near.__contains__):
        members = [pieces[at] for at in group]
        if here:
            runs += _spelled(members, redacted=redacted)
        else:
            words = sum(one.text != "" for one in members)
            runs.append(Run("…", "left-out", words))
    return runs


def _words(text: str) -> Iterator[_Word]:
    """Yield the words of a text; each mark of punctuation is one."""
    space = ""
    for found in _SPLIT.findall(text):
        if found.isspace():
            space += found
            continue
        private = _PRIVATE.search(found) is not None
        for part in [found] if private else _PARTS.findall(found):
            yield _Word(space, part, private)
            space = ""
    if space:
        yield _Word(space, "")


def _common(before: Sequence[_Word], after: Sequence[_Word]) -> int:
    """Return how many words both begin with."""
    for place, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return place
    return min(len(before), len(after))


def _aligned(before: Sequence[_Word], after: Sequence[_Word]) -> Iterator[Piece]:
    """Yield the pieces of texts that differ, changed ones with slot 0."""
    a, b = [one.text for one in before], [one.text for one in after]
    steps = SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes()
    private = _private_steps(steps, before, after)
    for step, (what, a_from, a_to, b_from, b_to) in enumerate(steps):
        gone, new = before[a_from:a_to], after[b_from:b_to]
        if what == "equal":
            for place, (one, other) in enumerate(zip(gone, new, strict=True)):
                if place or not step:
                    yield from _stayed(one, other)
                else:  # White space beside a change is part of it.
                    yield Piece("same", other.space or one.space, other.text)
            continue
        # One word in the place of many may spell them all, as where the spaces were dropped.
        hide = step in private or 0 < len(new) < len(gone) > 2
        went = [_changed("gone", one, hide) for one in gone]
        came = [_changed("new", one, hide) for one in new]
        if len(went) == len(came):
            for pair in zip(went, came, strict=True):
                yield from pair
        else:
            yield from (*went, *came)


def _changed(kind: Literal["gone", "new"], word: _Word, hide: bool) -> Piece:
    if not word.text:
        return Piece(kind, "", _visible(word.space))
    return Piece(kind, word.space, word.text, 0, hide)


def _stayed(one: _Word, other: _Word) -> Iterator[Piece]:
    """Yield a word that stayed, and before it what became of its white space."""
    if one.space == other.space:
        yield Piece("same", one.space, one.text)
        return
    if one.space:
        yield Piece("gone", "", _visible(one.space))
    if other.space:
        yield Piece("new", "", _visible(other.space))
    yield Piece("same", "", one.text)


def _visible(space: str) -> str:
    return shorten("".join(_SPACES.get(sign, "␣") for sign in space), 6)


def _private_steps(
    steps: Sequence[tuple[str, int, int, int, int]],
    before: Sequence[_Word],
    after: Sequence[_Word],
) -> set[int]:
    """Return which steps touch an address or a handle.

    What was an address may be none after the change, and its parts may be told as changes of
    their own with nothing but punctuation between: those belong together.
    """
    found: set[int] = set()
    together: list[int] = []
    for step, (what, a_from, a_to, b_from, b_to) in enumerate([*steps, ("equal", 0, 0, 0, 0)]):
        gone, new = before[a_from:a_to], after[b_from:b_to]
        if what != "equal":
            together.append(step)
            if any(one.private for one in (*gone, *new)):
                found.add(step)
        elif not gone or not all(_MARK.fullmatch(one.text) for one in gone):
            if found & set(together):
                found |= set(together)
            together = []
    return found


def _numbered(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the pieces with their slots: a word that went and the one in its place share one."""
    slot = 0
    for changed, group in groupby(pieces, key=lambda one: one.slot >= 0):
        members = list(group)
        if not changed:
            yield from members
            continue
        kinds = [[one for one in members if one.kind == kind] for kind in ("gone", "new")]
        slots = {
            id(one): slot + place
            for place, pair in enumerate(zip_longest(*kinds))
            for one in pair
            if one is not None
        }
        yield from (replace(one, slot=slots[id(one)]) for one in members)
        slot += max(map(len, kinds))


def _near_changes(pieces: Sequence[Piece]) -> set[int]:
    """Return the places of the pieces to show: changes and what is near them, not too many."""
    changes = [at for at, one in enumerate(pieces) if one.kind != "same"] or [0]
    near = {
        place
        for at in changes
        for place in range(at - _CONTEXT, at + _CONTEXT + 1)
        if 0 <= place < len(pieces)
    }
    return set(sorted(near)[:_MOST_PIECES])


def _redacted(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with blocks in the place of what may not be read."""
    words = sum(one.kind != "new" and not _MARK.fullmatch(one.text) for one in pieces)
    slots = sorted({one.slot for one in pieces if one.slot >= 0})
    readable = _spread(slots, max(1, min(_MOST_READABLE, words // 3)))

    def redacted(one: Piece) -> str:
        if _MARK.fullmatch(one.text) or (one.kind != "same" and one.slot < 0):
            return one.text
        if one.kind == "same" or one.private or one.slot not in readable:
            return BLOCK * len(one.text)
        return "".join(BLOCK if sign.isnumeric() else sign for sign in one.text)

    return [replace(one, text=redacted(one)) for one in pieces]


def _told_apart(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with code points behind words that came and look like those that went."""
    went = {one.slot: one.text for one in pieces if one.kind == "gone"}

    def told(one: Piece) -> str:
        old = went.get(one.slot, "") if one.slot >= 0 else ""
        unlike = [
            new
            for was, new in zip(old, one.text, strict=False)
            if len(old) == len(one.text) and was.isascii() and was.isalnum() and new.isalpha()
            if not new.isascii()
        ]
        unseen = [sign for sign in one.text if unicodedata.category(sign) == "Cf"]
        codes = [f"U+{ord(sign):04X}" for sign in dict.fromkeys([*unlike, *unseen])]
        return f"{one.text} ({', '.join(codes[:3])})" if codes else one.text

    return [replace(one, text=told(one)) if one.kind == "new" else one for one in pieces]


def _spread(slots: Sequence[int], most: int) -> set[int]:
    """Return ``most`` of the slots, spread evenly: neighbours would spell a phrase."""
    if len(slots) <= most:
        return set(slots)
    step = len(slots) / most
    return {slots[int(place * step)] for place in range(most)}


def _spelled(pieces: Sequence[Piece], *, redacted: bool) -> Iterator[Run]:
    """Yield runs of neighbouring pieces of a kind; what is hidden is a run of its own."""

    def kind_of(one: Piece) -> tuple[str, bool]:
        return one.kind, one.kind != "same" and set(one.text) == {BLOCK}

    for (kind, masked), group in groupby(pieces, key=kind_of):
        members = list(group)
        lead = " " if members[0].space else ""
        text = "".join(
            (" " if one.space and place else "") + shorten(one.text, _LONGEST_WORD)
            for place, one in enumerate(members)
        )
        if kind == "same":
            words = sum(BLOCK in one.text for one in members)
            hidden = redacted and words > 0
            yield Run(lead + text, "hidden", words) if hidden else Run(lead + text)
            continue
        # What came stands apart from what went, or both would read as one word.
        if lead or kind == "new":
            yield Run(" ")
        words = len(members) if redacted and masked else 0
        yield Run(text, "gone" if kind == "gone" else "new", words)
