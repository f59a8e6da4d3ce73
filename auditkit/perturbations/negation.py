"""The main statement of a sentence, negated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Expectation, Keeps, Perturbation, Script
from auditkit.perturbations.editing import edited, word_set
from auditkit.perturbations.statements import AUXILIARIES, BE, SIMPLE_FORMS, find_statement
from auditkit.perturbations.treebank import Token, tokens

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Negation"]

_NEGATIVE = word_set(
    "not n't no never nothing nobody none neither nor without hardly barely scarcely rarely seldom "
    "cannot nowhere little few lack lacks lacked fail fails failed refuse refuses anything anyone "
    "any"
)
# After the verb, what "not" would not turn into the opposite: "not only", "not really pretty".
_HALF = word_set(
    "only just merely simply almost nearly all still already also always often both either to well "
    "pretty rather fairly quite somewhat sometimes perhaps maybe every everything everyone each "
    "most more less better worse best worst as being having one so too another hard difficult "
    "impossible at what how why where that"
)
_UNCLEAR = word_set("some something someone somewhat somehow somewhere somebody once twice again")
_LY = word_set(
    "lovely friendly silly ugly lively deadly lonely costly likely unlikely holy early family "
    "really truly"
)
_PARTICIPLES = word_set(
    "been made become done seen gone given taken come known shown told found lost won left kept "
    "held brought thought bought caught taught felt met got gotten written drawn grown"
)
_MANY = word_set("much many enough")
_HAVE_HELPERS = {"has": "does", "have": "do", "had": "did"}
_LONGEST = 400


class Negation(Perturbation):
    """The main statement negated: "is good" becomes "is not good" (Ribeiro et al. 2020).

    A sound model predicts something else then, where the label is what is stated, as in
    sentiment; for topics and the like, leave this kind out. Transparent rules decide: one sentence,
    a pronoun or a short noun phrase with an article at its beginning, then "be", "have", a modal
    verb or a verb of a small table. Where there is a negation already, a contrast, a limit ("only",
    "almost"), a question or a second statement, the text is left alone, as are longer texts.
    """

    name = "negation"
    summary = "the main statement negated: is good, is not good"
    script = Script.LATIN
    severities = (1,)
    expectation = Expectation.TURNS
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        if len(text) > _LONGEST:
            return text
        cut = tokens(text)
        statement = find_statement(cut)
        if statement is None or any(token.lower in _NEGATIVE for token in cut):
            return text
        place = statement.verb
        if any(token.lower in _UNCLEAR for token in cut[place:]):
            return text
        if statement.subject == "there" and statement.verb == statement.start + 1:
            return _there_is_no(text, cut, place)
        new = _negated(cut, place)
        verb = cut[place]
        return edited(text, [(verb.start, verb.end, new)]) if new is not None else text


def _there_is_no(text: str, cut: Sequence[Token], place: int) -> str:
    """Return "there is no point" for "there is a point"."""
    verb, after = cut[place], cut[min(place + 1, len(cut) - 1)]
    if verb.lower not in BE:
        return text
    if after.lower in ("a", "an"):
        return edited(text, [(after.start, after.end, "no")])
    if after.lower in _MANY:
        return edited(text, [(verb.end, verb.end, " not")])
    return text


def _negated(cut: Sequence[Token], place: int) -> str | None:
    """Return the negated form of the verb at ``place``, or None where no rule surely applies."""
    verb = cut[place]
    if verb.text.istitle():  # in a title
        return None
    following = [token.lower for token in cut[place + 1 : place + 3]]
    after = following[0] if following else "."
    if after in _HALF or (after.endswith("ly") and after not in _LY):
        return None
    if not after.isalnum() and not (verb.lower in SIMPLE_FORMS and after in (".", "!")):
        return None
    if verb.lower in BE and following[1:] in ([","], ["and"]):  # which of two is negated?
        return None
    loud = verb.text.isupper()
    if verb.lower in BE:
        new = f"{verb.text} not"
    elif verb.lower in AUXILIARIES:
        new = f"{verb.text}not" if verb.lower == "can" else f"{verb.text} not"
    elif verb.lower in ("has", "have", "had"):
        if after in _PARTICIPLES or after.endswith("ed"):
            new = f"{verb.text} not"
        else:
            new = f"{_HAVE_HELPERS[verb.lower]} not have"
    else:
        helper, base = SIMPLE_FORMS[verb.lower]
        new = f"{helper} not {base}"
    return new.upper() if loud else new
