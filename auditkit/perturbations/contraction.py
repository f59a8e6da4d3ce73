"""Contractions written out, and full forms contracted."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.perturbations.base import Keeps, Script
from auditkit.perturbations.editing import Site, SiteKind, cased_like, is_tokenised, word_set
from auditkit.perturbations.treebank import Token, tokens

__all__ = ["Contraction"]


_VERBS = word_set("do does did is are was were has have had would could should must might")
_NEGATED = {verb: f"{verb} not" for verb in _VERBS} | {"ca": "cannot", "wo": "will not"}
_SHORT_VERBS = {verb: verb for verb in _NEGATED if verb not in ("must", "might", "ca", "wo")} | {
    "can": "ca",
    "will": "wo",
}
_SUBJECTS = word_set("i you he she it we they there this that these those the a an anyone anybody")
_ASKING = word_set("why how when where what who whom whose which and or but so")
_ADVERBS = word_set(
    "never always also already just only really not n't all so still often even ever probably "
    "rather actually certainly clearly definitely hardly simply truly usually"
)
_PARTICIPLES = word_set(
    "done gone come become made taken given seen known shown told found lost won left kept held "
    "brought thought bought caught taught felt met paid put set cut hit shot built spent sent sold "
    "grown thrown drawn worn written driven fallen broken spoken chosen stolen forgotten run begun "
    "heard read said led gotten finished"
)
_PERFECT = word_set("been seen had heard known gone done taken given become got never always")
_BASE = word_set(
    "be have like love want need say see get make take give go know think recommend find feel look "
    "come keep let enjoy rather prefer hate never always probably"
)
_OPENING = word_set("a an the not very so too quite really just also always never no such still")
_STRESSED_AFTER = word_set(
    "as what how where whatever than which however wherever who whoever that"
)
_NOT_ALONE = word_set("only just merely simply because")

_HAS_IS = word_set("it he she that there here what who where how")
_CLITICS = {
    "'m": (word_set("i"), "am"),
    "'re": (word_set("you we they there who"), "are"),
    "'ve": (word_set("i you we they who could should would might must"), "have"),
    "'ll": (word_set("i you he she it we they that there this who"), "will"),
}
_FULL = {
    "is": (word_set("it he she that there"), "'s", _OPENING),
    "am": (word_set("i"), "'m", _OPENING),
    "are": (word_set("you we they"), "'re", _OPENING),
    "have": (word_set("i you we they"), "'ve", _PERFECT),
    "will": (word_set("i you he she it we they"), "'ll", _BASE),
    "would": (word_set("i you he she we they"), "'d", _BASE),
}


class Contraction(SiteKind):
    """Contractions written out and full forms contracted: do not, don't.

    Severities 1 to 5: 20, 40, 60, 80 and 100% of the places where that is surely right, at least
    one. "'s" is written out only after pronouns and where it can be no "has" ("it 's played" may
    be either), "'d" only before a few verbs, and no question is turned around ("is n't it"). In
    a text whose clitics stand apart ("do n't", as in treebanks), so do new ones.
    """

    name = "contraction"
    summary = "contractions written out, full forms contracted: do not, don't"
    script = Script.LATIN
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS})

    def sites(self, text: str) -> Sequence[Site]:
        cut = tokens(text)
        found: list[Site] = []
        apart = is_tokenised(text)
        for place in range(len(cut)):
            for site in (_written_out(cut, place), _contracted(text, cut, place, apart=apart)):
                if site and (not found or site.start >= found[-1].end):
                    found.append(site)
        return found


def _written_out(cut: Sequence[Token], place: int) -> Site | None:
    """Return the full form of the clitic at ``place``, if it surely has one."""
    token = cut[place]
    before = cut[place - 1] if place else None
    after = cut[place + 1] if place + 1 < len(cut) else None
    if "'" not in token.lower or before is None:
        return None
    if token.lower == "n't":
        return _negation_written_out(cut, place, before, after)
    if after is None or not after.is_word or (after.text.istitle() and after.lower != "i"):
        return None  # before a capital: perhaps a title, "Let's Dance"
    word = _full_clitic(token.lower, before.lower, _past_adverbs(cut, place + 1), after.lower)
    if word is None:
        return None
    return Site(before.end, token.end, (f" {word.upper() if token.text[1:].isupper() else word}",))


def _full_clitic(clitic: str, before: str, verb: str, after: str) -> str | None:
    """Return the word that a clitic stands for after ``before``, or None where that is open."""
    if clitic in _CLITICS:
        subjects, word = _CLITICS[clitic]
        return word if before in subjects else None
    if clitic == "'s" and before == "let":
        return "us"
    if clitic == "'s" and before in _HAS_IS:
        if verb in ("been", "got"):
            return "has"
        turned = before in _ASKING and after in _SUBJECTS
        unclear = verb in _PARTICIPLES or verb.endswith(("ed", "en")) or verb == "had"
        return None if turned or unclear else "is"
    if clitic == "'d" and before in _FULL["would"][0]:
        if verb in _BASE:
            return "would"
        return "had" if verb in ("been", "better", "seen", "gone", "heard") else None
    return None


def _past_adverbs(cut: Sequence[Token], place: int) -> str:
    """Return the first word from ``place`` on that is no adverb, or nothing."""
    for token in cut[place : place + 4]:
        if token.lower not in _ADVERBS and not token.lower.endswith("ly"):
            return token.lower
    return ""


def _negation_written_out(
    cut: Sequence[Token], place: int, verb: Token, after: Token | None
) -> Site | None:
    """Return "do not" for "do n't", unless it asks: "do n't you", "why is n't"."""
    if verb.lower not in _NEGATED or (after is not None and after.lower in _SUBJECTS):
        return None
    subject = cut[place - 2] if place > 1 else None
    if subject is None or not (subject.is_word or "'" in subject.lower):
        commands = verb.lower == "do" and not any(
            token.text == "?" for token in cut[place : place + 60]
        )
        if not commands:
            return None
    elif subject.lower in _ASKING and subject.lower not in ("who", "which", "and", "but"):
        return None
    full = _NEGATED[verb.lower]
    loud = cut[place].text[0].isupper()
    return Site(
        verb.start, cut[place].end, (full.upper() if loud else cased_like(verb.text, full),)
    )


def _contracted(text: str, cut: Sequence[Token], place: int, *, apart: bool) -> Site | None:
    """Return the contraction of the full form that begins at ``place``, if there is one."""
    token = cut[place]
    after = cut[place + 1] if place + 1 < len(cut) else None
    gap = " " if apart else ""
    if token.lower == "cannot":
        if after is not None and after.lower in _NOT_ALONE:
            return None
        return _site(text, token, token, f"ca{gap}n't")
    if after is None or text[token.end : after.start] != " ":
        return None
    third = cut[place + 2] if place + 2 < len(cut) else None
    third_word = third.lower if third is not None else ""
    if after.text == "not" and (verb := _SHORT_VERBS.get(token.lower)):
        return None if third_word in _NOT_ALONE else _site(text, token, after, f"{verb}{gap}n't")
    if after.text not in _FULL:
        return None
    subjects, clitic, followers = _FULL[after.text]
    plain = place == 0 or cut[place - 1].lower not in _STRESSED_AFTER
    follows = third_word in followers or (clitic in ("'m", "'re") and third_word.endswith("ing"))
    if token.lower in subjects and plain and follows and third_word != "not":
        return Site(token.end, after.end, (f"{gap}{clitic}".replace("'", _apostrophe(text)),))
    return None


def _site(text: str, first: Token, last: Token, short: str) -> Site:
    """Return the place from ``first`` to ``last``, which may be written ``short``."""
    return Site(
        first.start, last.end, (cased_like(first.text, short.replace("'", _apostrophe(text))),)
    )


def _apostrophe(text: str) -> str:
    """Return the apostrophe that a text uses."""
    return "’" if "’" in text else "'"
