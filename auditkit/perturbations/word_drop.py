"""Function words left out, as in notes and headlines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from auditkit.perturbations.base import Keeps, Script
from auditkit.perturbations.editing import Site, SiteKind, begins_sentence, word_set
from auditkit.perturbations.treebank import Token, tokens

__all__ = ["WordDrop"]

_DETERMINERS = word_set("a an the my your his her its our their")
_SUBJECTS = word_set("i he she it we they")
_BE = word_set("is are")
# "There are many" and "what it is" are nothing without the verb.
_NO_NOUN = _SUBJECTS | word_set(
    "you there here this that these those what who which where how why when and or but as than not"
)
_CLAUSE = _DETERMINERS | _SUBJECTS | word_set("you this there")
_KEPT_BEFORE = word_set(
    "not n't little few lot bit must while one ones own most least more less better worse best "
    "worst longer first last same other"
)


class WordDrop(SiteKind):
    """Function words left out, as in notes and headlines: "Film is good", "Had great time".

    Severities 1 to 5: 10, 20, 35, 50 and 75% of the places, at least one. Places are articles and
    possessives, a pronoun a sentence begins with, "is" and "are" after a noun, and "that" before
    a clause. Negations, modal verbs, prepositions, degrees ("too", "so") and words that carry
    meaning stay, and so does what a negation, a clitic or a fixed phrase ("a few") rests on.
    """

    name = "word_drop"
    summary = "function words left out, as in notes: had great time"
    script = Script.LATIN
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS})
    shares = (0.10, 0.20, 0.35, 0.50, 0.75)

    def sites(self, text: str) -> Sequence[Site]:
        cut = tokens(text)
        found = []
        for place, (token, after) in enumerate(pairwise(cut)):
            if (
                not after.is_word
                or after.lower in _KEPT_BEFORE
                or not text[token.end : after.start].isspace()
                or not (token.start == 0 or text[token.start - 1] in ' \t\n"“(')
                or not _can_go(text, cut, place)
            ):
                continue
            if not begins_sentence(text, token.start) or not token.text[0].isupper():
                found.append(Site(token.start, after.start, ("",)))
            elif not _can_go(text, cut, place + 1):  # else it has no capital to give
                found.append(Site(token.start, after.start + 1, (after.text[0].upper(),)))
        return found


def _can_go(text: str, cut: Sequence[Token], place: int) -> bool:
    """Whether the sentence can be understood without the token at ``place``."""
    word = cut[place].lower
    if word in _DETERMINERS:
        return True
    if word in _SUBJECTS:
        return begins_sentence(text, cut[place].start)
    if word in _BE:
        return place > 0 and cut[place - 1].is_word and cut[place - 1].lower not in _NO_NOUN
    return word == "that" and place + 1 < len(cut) and cut[place + 1].lower in _CLAUSE
