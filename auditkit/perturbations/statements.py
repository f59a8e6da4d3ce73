"""What kind of statement an English sentence makes, where transparent rules can tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from auditkit.perturbations.editing import word_set
from auditkit.perturbations.treebank import Token

__all__ = ["AUXILIARIES", "BE", "SIMPLE_FORMS", "Statement", "find_statement"]

BE = word_set("is are was were am 's 're 'm")
"""Forms of "be" that make a statement; clitics only after pronouns."""
AUXILIARIES = word_set("will would can could should")
"""Modal verbs whose negation is the opposite."""
_HAVE = word_set("has have had")

# Base, third person, past: verbs common in opinions whose forms tell number and tense.
_VERBS = """
love loves loved|like likes liked|enjoy enjoys enjoyed|want wants wanted|need needs needed
recommend recommends recommended|think thinks thought|believe believes believed|feel feels felt
work works worked|make makes made|give gives gave|get gets got|see sees saw|look looks looked
seem seems seemed|deserve deserves deserved|offer offers offered|deliver delivers delivered
succeed succeeds succeeded|help helps helped|appreciate appreciates appreciated|find finds found
trust trusts trusted|admire admires admired|support supports supported|agree agrees agreed
sound sounds sounded|taste tastes tasted|provide provides provided|contain contains contained
include includes included|explain explains explained|answer answers answered
understand understands understood|expect expects expected|provoke provokes provoked
engage engages engaged|entertain entertains entertained|inspire inspires inspired
hate hates hated|dislike dislikes disliked|bore bores bored|annoy annoys annoyed
disappoint disappoints disappointed|satisfy satisfies satisfied|impress impresses impressed
convince convinces convinced|remain remains remained|belong belongs belonged|suck sucks sucked
"""
SIMPLE_FORMS = {
    form: (helper, forms[0])
    for line in _VERBS.strip().replace("\n", "|").split("|")
    for forms in [line.split()]
    for helper, form in zip(("do", "does", "did"), forms, strict=True)
}
"""Of a simple form, the form of "do" that negates it, and the base form."""

_ONE = word_set("he she it this that")
_MANY = word_set("i you we they these those")
_DETERMINERS = word_set("this that these those the my your his her our their its")
_NO_SUBJECT = word_set(
    "i you he she it we they me him us them that this these those there who which whose whom what "
    "when where why how because since as if to than while though although not n't no or "
    "'s 're 'm 've 'll 'd"
)
_OPENING = word_set("and so well overall honestly frankly")
_CLOSING = word_set(". ! \" ' ” ’ )")
_BREAKS = word_set('. ! ? ; : ( [ … -- – — ` " “ ”')
_JOINING = word_set(", and so because as or")
_SUBJECTS = word_set("i he she it we they you there that this these those")
_CONTRAST = word_set(
    "but although though however yet despite while whereas unless if even except instead unlike "
    "only otherwise"
)
_MOST_TOKENS = 40


class Statement(NamedTuple):
    """A single sentence with one subject and one main verb, as far as the rules can tell."""

    subject: str
    """The first word of the subject, in lower case."""
    start: int
    """Number of the token the subject begins with."""
    verb: int
    """Number of the token that is the finite verb."""


def find_statement(cut: Sequence[Token]) -> Statement | None:
    """Return the statement that a text is, or None if it is several, none, or might be.

    It has to be one sentence that begins with a pronoun, or with an article or possessive and
    a short noun phrase, at once followed by a form of "be", "have" or a modal verb, or by a verb of
    a small table. Contrasts ("but"), conditions and a second subject are too much.
    """
    last = len(cut)
    while last and cut[last - 1].text in _CLOSING:
        last -= 1
    if not 2 <= last <= _MOST_TOKENS:
        return None
    if any(token.text in _BREAKS or token.lower in _CONTRAST for token in cut[:last]):
        return None
    if any(token.text == "?" for token in cut[last:]):
        return None
    if any(b.text == "-" and b.start > a.end for a, b in pairwise(cut[:last])):
        return None
    start = _after_opening(cut)
    verb = _main_verb(cut[:last], start)
    if verb is None or _goes_on(cut[:last], verb):
        return None
    return Statement(cut[start].lower, start, verb)


def _after_opening(cut: Sequence[Token]) -> int:
    """Return the number of the first token after "and", "overall ," and the like."""
    if cut[0].lower in _OPENING:
        return 2 if cut[1].text == "," else 1
    return 0


def _main_verb(cut: Sequence[Token], start: int) -> int | None:
    """Return the number of the finite verb of the subject that begins at ``start``."""
    if start >= len(cut):
        return None
    verb = _verb_of_pronoun(cut, start)
    return verb if verb is not None else _verb_of_noun(cut, start)


def _verb_of_pronoun(cut: Sequence[Token], start: int) -> int | None:
    """Return the number of the verb right after a pronoun, or after "really"."""
    subject = cut[start].lower
    place = start + 1
    if place + 1 < len(cut) and cut[place].lower == "really":
        place += 1
    if place >= len(cut) or subject not in _ONE | _MANY | {"there"}:
        return None
    if cut[place].lower in BE | AUXILIARIES | _HAVE:
        return place
    helper, _ = SIMPLE_FORMS.get(cut[place].lower, ("", ""))
    agrees = helper == "did" or (bool(helper) and (helper == "do") == (subject in _MANY))
    return place if agrees and subject != "there" else None


def _verb_of_noun(cut: Sequence[Token], start: int) -> int | None:
    """Return the number of the verb of a noun phrase of six words at most.

    Of the verbs in the table, one right after a single noun, since later it may be a noun.
    """
    if cut[start].lower not in _DETERMINERS:
        return None
    for place in range(start + 1, min(start + 7, len(cut))):
        word = cut[place]
        if not word.is_word or word.lower in _NO_SUBJECT:
            return None
        if place == start + 1:
            continue
        if word.lower in BE | AUXILIARIES | _HAVE:
            return place
        helper, _ = SIMPLE_FORMS.get(word.lower, ("", ""))
        expected = "do" if cut[place - 1].lower.endswith("s") else "does"
        if place == start + 2 and helper == expected:
            return place
    return None


def _goes_on(cut: Sequence[Token], verb: int) -> bool:
    """Whether a second statement, or a second verb of the same subject, follows the verb."""
    for place in range(verb + 1, len(cut) - 1):
        if cut[place].lower in _JOINING:
            after = cut[place + 1].lower
            if after in _SUBJECTS | BE | AUXILIARIES | _HAVE or (
                cut[place].lower == "and" and after in SIMPLE_FORMS
            ):
                return True
    return False
