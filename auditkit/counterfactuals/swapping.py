"""The terms of a lexicon in a text, and the texts in which they are another group's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from auditkit.counterfactuals.english import (
    cased,
    form_here,
    has_person_after,
    looks_like_a_name,
    other_article,
    possessive,
)
from auditkit.counterfactuals.lexicon import HAN, Form, Lexicon, Match, Term

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Edit", "Found", "Variant", "pairs_of", "swapped", "terms_in", "variants"]

_WORD = re.compile(rf"[^\W_{HAN}]+")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[@#]\w+|\S+@\S+|\S+\.(?:com|org|net)\b\S*", re.I)
_BEFORE = re.compile(rf"(?:[^\W{HAN}]|[^\W{HAN}]['’.‐‑-]|[@#\\&])\Z")
_AFTER = re.compile(
    rf"[^\W{HAN}]|[\u0300-\u036f\\@]|[.‐‑-][^\W{HAN}]|['’](?!(?:s|d|ll|ve|re|m)\b)[^\W{HAN}]", re.I
)
_MIXED = "↔"
_TO = "→"


class Found(NamedTuple):
    """A term of a lexicon in a text."""

    start: int
    end: int
    term: Term


class Edit(NamedTuple):
    """What was replaced: ``at`` is its place in the original text, in characters from 0."""

    at: int
    old: str
    new: str


@dataclass(frozen=True)
class Variant:
    """Texts in which the terms of one group are another's."""

    texts: tuple[str, ...]
    edits: tuple[tuple[Edit, ...], ...]
    """Of each text, in order."""
    group_from: str
    """The group named before; both, joined by ↔, where a text names both and all is turned."""
    group_to: str
    terms: tuple[str, ...]
    """The terms that were replaced, as the lexicon writes them, each once, sorted."""

    @property
    def pair(self) -> str:
        """Such as ``female→male``, or ``female↔male`` where both were named."""
        if _MIXED in self.group_from:
            return self.group_from
        return f"{self.group_from}{_TO}{self.group_to}"


_Choose: TypeAlias = Callable[[Term], Term | None]


def pairs_of(lexicon: Lexicon) -> list[str]:
    """Return every pair that a variant may have."""
    found = [f"{a}{_TO}{b}" for a in lexicon.groups for b in lexicon.groups if a != b]
    return [*found, _MIXED.join(lexicon.groups)] if lexicon.is_turned else found


def terms_in(lexicon: Lexicon, text: str) -> list[Found]:
    """Return the terms of a lexicon in a text, in order and without overlap.

    Words are found whole: not inside another word, nor joined to one by a hyphen, nor in an
    address, a hashtag or a handle. Chinese has no spaces, so there a term is found anywhere. The
    longest counts, and what the lexicon says is never a term hides what is inside it.
    """
    index = _index(lexicon)
    found = [*_words(index, text), *_han(index, text)] if index.han else list(_words(index, text))
    return [one for one in found if one.term.match is not Match.NEVER]


def variants(
    lexicon: Lexicon, texts: Sequence[str], most: int, rng: Callable[[], np.random.Generator]
) -> list[Variant]:
    """Return the texts in which another group is named than in ``texts``.

    With two groups everything is turned at once: "her husband" becomes "his wife". With more, the
    terms of one group become those of another that the texts do not name yet, wherever that other
    has a counterpart to all of them.

    Parameters
    ----------
    lexicon
        The lexicon.
    texts
        A text, or two that belong together: what is replaced in one is in the other.
    most
        How many variants at most, where there are more than two groups.
    rng
        Returns the generator that draws them; asked only where there are more than ``most``.

    Returns
    -------
    list of Variant
        None where the texts hold no term.
    """
    found = [terms_in(lexicon, text) for text in texts]
    named = [one.term.group for some in found for one in some]
    present = [group for group in lexicon.groups if group in named]
    if not present:
        return []
    if lexicon.is_turned:
        first, second = lexicon.groups
        other = {first: second, second: first}
        both = len(present) == 2
        origin = _MIXED.join(lexicon.groups) if both else present[0]
        target = origin if both else other[origin]
        made = _variant(
            texts, found, origin, target, lambda one: lexicon.counterpart(one, other[one.group])
        )
        return [] if made is None else [made]
    choices = [
        (origin, target)
        for origin in present
        for target in lexicon.groups
        if target not in present
        and all(
            lexicon.counterpart(one.term, target) is not None
            for some in found
            for one in some
            if one.term.group == origin
        )
    ]
    if len(choices) > most:
        kept = sorted(rng().permutation(len(choices))[:most].tolist())
        choices = [choices[one] for one in kept]
    result = []
    for origin, target in choices:

        def choose(one: Term, origin: str = origin, target: str = target) -> Term | None:
            return lexicon.counterpart(one, target) if one.group == origin else None

        made = _variant(texts, found, origin, target, choose)
        if made is not None:
            result.append(made)
    return result


def swapped(text: str, found: Sequence[Found], choose: _Choose) -> tuple[str, tuple[Edit, ...]]:
    """Return a text with terms replaced, and what was; articles before them are made to fit."""
    edits: list[Edit] = []
    for start, end, term in found:
        target = choose(term)
        if target is None:
            continue
        old = text[start:end]
        new = cased(text, start, old, term.text, target.text)
        if not term.is_han:
            article = other_article(text, start, old, new)
            if article is not None and (
                not edits or edits[-1].at + len(edits[-1].old) <= article[0]
            ):
                edits.append(Edit(article[0], text[article[0] : article[1]], article[2]))
            if term.form is Form.PLURAL and (longer := possessive(text, end, old, new)):
                old, new = text[start : longer[0]], longer[1]
        if old != new:
            edits.append(Edit(start, old, new))
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += (text[at : edit.at], edit.new)
        at = edit.at + len(edit.old)
    return "".join([*parts, text[at:]]), tuple(edits)


def _variant(
    texts: Sequence[str],
    found: Sequence[Sequence[Found]],
    origin: str,
    target: str,
    choose: _Choose,
) -> Variant | None:
    made = [swapped(text, some, choose) for text, some in zip(texts, found, strict=True)]
    if all(new == text for (new, _), text in zip(made, texts, strict=True)):
        return None
    replaced = {
        one.term.text for some in found for one in some if origin in (one.term.group, target)
    }
    return Variant(
        tuple(new for new, _ in made),
        tuple(edits for _, edits in made),
        origin,
        target,
        tuple(sorted(replaced)),
    )


class _Index(NamedTuple):
    """The terms of a lexicon as a search needs them."""

    by_word: Mapping[str, Sequence[tuple[re.Pattern[str], Sequence[Term]]]]
    """By first word in lower case, the longest first: a pattern and the terms it is of."""
    han: re.Pattern[str] | None
    by_han: Mapping[str, Sequence[Term]]


@lru_cache(maxsize=64)
def _index(lexicon: Lexicon) -> _Index:
    words: dict[str, list[Term]] = {}
    han: dict[str, list[Term]] = {}
    for term in lexicon.terms:
        (han if term.is_han else words).setdefault(term.text.lower(), []).append(term)
    by_word: dict[str, list[tuple[re.Pattern[str], Sequence[Term]]]] = {}
    for text in sorted(words, key=lambda one: (-len(one), one)):
        first = _WORD.match(text)
        if first is not None:
            phrase = re.compile(r"\s+".join(map(re.escape, text.split(" "))), re.I)
            by_word.setdefault(first.group(), []).append((phrase, words[text]))
    parts = sorted(han, key=lambda one: (-len(one), one))
    pattern = re.compile("|".join(map(re.escape, parts)), re.I) if parts else None
    return _Index(by_word, pattern, han)


def _words(index: _Index, text: str) -> list[Found]:
    found: list[Found] = []
    addresses: list[tuple[int, int]] | None = None
    end = 0
    for word in _WORD.finditer(text):
        start = word.start()
        candidates = index.by_word.get(word.group().lower())
        if candidates is None or start < end or _BEFORE.search(text[max(0, start - 2) : start]):
            continue
        if addresses is None:
            addresses = [one.span() for one in _ADDRESS.finditer(text)]
        if any(first <= start < last for first, last in addresses):
            continue
        for pattern, terms in candidates:
            whole = pattern.match(text, start)
            if whole is None or _AFTER.match(text, whole.end()):
                continue
            fitting = [one for one in terms if _is_meant(one, text, start, whole.end())]
            if fitting:
                end = whole.end()
                form = form_here(text, start, end, [one.form for one in fitting])
                term = next(one for one in fitting if one.form is form)
                found.append(Found(start, end, term))
                break
    return found


def _han(index: _Index, text: str) -> list[Found]:
    if index.han is None:
        return []
    return [
        Found(one.start(), one.end(), index.by_han[one.group().lower()][0])
        for one in index.han.finditer(text)
        if one.group().lower() in index.by_han
    ]


def _is_meant(term: Term, text: str, start: int, end: int) -> bool:
    """Whether what stands here is the term, as its form and its ``match`` say."""
    found = text[start:end]
    if term.form is Form.NAME:
        # In a text without capitals names have none.
        return found[0].isupper() or text == text.lower()
    if term.match is Match.PERSON:
        return has_person_after(text, end)
    if term.match in (Match.EXACT, Match.NOT_NAME):
        if found != term.text and not (found == term.text.upper() and text == text.upper()):
            return False
        return term.match is Match.EXACT or not looks_like_a_name(text, start, end)
    return True
