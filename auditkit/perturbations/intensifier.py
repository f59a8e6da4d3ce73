"""A statement made stronger without changing its direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation, Script
from auditkit.perturbations.editing import edited, pick, word_set
from auditkit.perturbations.statements import find_statement
from auditkit.perturbations.treebank import Token, tokens

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Intensifier"]

_LINKING = word_set(
    "is are was were am seem seems seemed look looks looked feel feels felt sound sounds sounded"
)
_CLITICS = {"'s": word_set("it he she that this"), "'re": word_set("you we they"), "'m": {"i"}}
_GRADABLE = word_set(
    "good bad nice happy sad angry funny boring dull slow fast easy hard difficult simple clear "
    "helpful useful useless weak strong poor rich cheap expensive interesting entertaining "
    "charming clever smart stupid silly sweet touching moving scary creepy dark bleak bright "
    "beautiful ugly friendly rude polite kind cruel honest pleased disappointed disappointing "
    "annoying annoyed frustrating frustrated impressive effective efficient reliable unreliable "
    "safe unsafe dangerous risky comfortable uncomfortable pleasant unpleasant exciting tired "
    "tiring long short big small large loud quiet noisy clean dirty warm cold hot fresh tasty "
    "popular familiar strange odd weird original predictable obvious subtle clumsy shallow deep "
    "smooth rough confusing confused refreshing satisfying engaging enjoyable likable lovely "
    "romantic sentimental serious light heavy thin intelligent witty imaginative inventive "
    "sincere talented careful careless lazy busy important grateful thankful proud worried sorry "
    "upset convenient responsive professional late early ambitious amusing violent tender"
)
_EXTREME = word_set(
    "great wonderful terrible awful amazing fantastic excellent horrible perfect brilliant superb "
    "hilarious delightful gorgeous magnificent dreadful fascinating outstanding stunning "
    "incredible awesome lousy pathetic miserable thrilling spectacular"
)
_NOT_BEFORE = word_set("enough of up pressed change - – —")
_SPEAKERS = word_set("i me we us my our")
_LONGEST = 400


class Intensifier(Perturbation):
    """A statement made stronger: "is good" becomes "is really good" (Ribeiro et al. 2020).

    Adjectives of a table get "really" or "very" where they stand right after "be", "seem", "look",
    "feel" or "sound"; extreme ones ("great") only "really". A text without such an adjective that
    is a single statement about somebody else than the writer begins with "I really think that"
    instead. Any other text is left alone.
    """

    name = "intensifier"
    summary = "really or very put before what is said: is good, is really good"
    script = Script.LATIN
    severities = (1,)
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        cut = tokens(text)
        edits = [
            (
                token.start,
                token.start,
                pick(("really ", "very "), rng) if token.lower in _GRADABLE else "really ",
            )
            for token in _predicates(text, cut)
        ]
        return edited(text, edits) if edits else _framed(text, cut)


def _predicates(text: str, cut: Sequence[Token]) -> Iterator[Token]:
    """Find the adjectives right after a linking verb."""
    for place in range(1, len(cut)):
        token, verb = cut[place], cut[place - 1]
        if token.text not in _GRADABLE | _EXTREME or not text[verb.end : token.start].isspace():
            continue
        if place + 1 < len(cut) and cut[place + 1].lower in _NOT_BEFORE:
            continue
        if any(before.lower == "than" for before in cut[max(0, place - 4) : place]):
            continue
        subjects = _CLITICS.get(verb.lower)
        if verb.lower in _LINKING or (subjects and place > 1 and cut[place - 2].lower in subjects):
            yield token


def _framed(text: str, cut: Sequence[Token]) -> str:
    """Return "I really think that" with the text, if it is one statement that is not on "I"."""
    if len(text) > _LONGEST:
        return text
    statement = find_statement(cut)
    if statement is None or statement.start != 0 or text.isupper():
        return text
    if any(token.lower in _SPEAKERS for token in cut):
        return text
    start = cut[0].start
    begin = "i" if text == text.lower() else "I"
    that = "" if statement.subject == "that" else "that "
    return f"{text[:start]}{begin} really think {that}{text[start].lower()}{text[start + 1 :]}"
