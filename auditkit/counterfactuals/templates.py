"""Sentences with a place for a person, filled with every term of a lexicon."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from auditkit.counterfactuals.english import capitalized, sounds_like_vowel
from auditkit.counterfactuals.lexicon import HAN, Form, Lexicon, Term
from auditkit.errors import DataError

__all__ = ["SLOTS", "Filling", "Template", "built_in_templates", "fillings", "template_of"]

SLOTS = ("a person", "the person", "person", "people")
"""What may stand in braces, with a capital at the beginning of a sentence."""

_SLOT = re.compile(r"\{([^{}]*)\}")
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class Template:
    """A sentence with places for a person or for people."""

    text: str
    """Such as "I met {a person} today." """
    label: str | None = None
    """The right answer, whoever it is about; None where nobody says."""

    @property
    def is_han(self) -> bool:
        """Whether it is Chinese."""
        return _HAN.search(self.text) is not None

    @property
    def neutral(self) -> str:
        """The sentence with no group named: "I met a person today."."""
        return _SLOT.sub(lambda slot: "人" if self.is_han else slot[1], self.text)

    @property
    def slots(self) -> frozenset[str]:
        """What stands in braces, in lower case."""
        return frozenset(slot.lower() for slot in _SLOT.findall(self.text))


@dataclass(frozen=True)
class Filling:
    """A template filled with a term."""

    term: Term
    text: str


def template_of(text: str, label: str | None, file: str, line: int) -> Template:
    """Return a template.

    Raises
    ------
    DataError
        Naming file and line, if it has no slot, an unknown one, or a brace that is none.
    """
    where = {"file": file, "line": line, "column": "text"}
    known = ", ".join(f"{{{slot}}}" for slot in SLOTS)
    slots = _SLOT.findall(text)
    for slot in slots:
        if slot[:1].lower() + slot[1:] not in SLOTS:
            raise DataError(f"there is no slot {{{slot}}}", **where, hint=f"Known: {known}")  # type: ignore[arg-type]
    rest = _SLOT.sub("", text)
    if not slots or "{" in rest or "}" in rest:
        what = "has no slot" if not slots else "has a brace by itself"
        raise DataError(f"the template {what}", **where, hint=f"Known: {known}")  # type: ignore[arg-type]
    template = Template(text.strip(), label)
    if template.is_han and template.slots != {"person"}:
        raise DataError("a Chinese template has the slot {person} only", **where)  # type: ignore[arg-type]
    return template


@cache
def built_in_templates() -> tuple[Template, ...]:
    """Return auditkit's own templates, in English and in Chinese, none of which takes a side."""
    from auditkit.counterfactuals.reading import rows_of

    name = "templates.csv"
    text = (files("auditkit") / "resources" / "identity" / name).read_text(encoding="utf-8")
    rows = rows_of(text, name, ("text",))
    return tuple(template_of(row.cells["text"], None, name, row.line) for row in rows)


def fillings(template: Template, lexicon: Lexicon) -> list[Filling]:
    """Return a template filled with each term that fits, in the order of the lexicon.

    A noun fits ``{a person}``, ``{the person}`` and ``{person}``, a plural ``{people}``, an
    adjective all of them ("a Muslim person"), a name the first two, whose article goes. A lexicon
    in Chinese fits templates in Chinese, others do not. Of terms that make the same text the first
    stands.

    Examples
    --------
    >>> from auditkit.counterfactuals.lexicon import find_lexicon
    >>> found = fillings(Template("I met {a person}."), find_lexicon("religion"))
    >>> [one.text for one in found if one.term.group in ("atheist", "Jewish")]
    ['I met a Jewish person.', 'I met a Jew.', 'I met an atheist person.', 'I met an atheist.']
    """
    if template.is_han != lexicon.is_han:
        return []
    found: dict[str, Filling] = {}
    for term in lexicon.terms:
        if not term.group:
            continue
        phrases = _phrases(term)
        if template.slots <= phrases.keys():
            text = _SLOT.sub(lambda slot, of=phrases: _fill(slot[1], of), template.text)  # type: ignore[misc]
            found.setdefault(text, Filling(term, text))
    return list(found.values())


def _phrases(term: Term) -> dict[str, str]:
    """Return what a term is in each slot that it fits."""
    if term.form is Form.NAME:
        return {"a person": term.text, "the person": term.text}
    if term.form is Form.PLURAL:
        return {"people": term.text}
    if term.form not in (Form.NOUN, Form.ADJECTIVE):
        return {}
    if term.is_han:
        return {"person": term.text if term.form is Form.NOUN else f"{term.text}人"}
    noun = term.text if term.form is Form.NOUN else f"{term.text} person"
    article = "an" if sounds_like_vowel(noun) else "a"
    found = {"a person": f"{article} {noun}", "the person": f"the {noun}", "person": noun}
    if term.form is Form.ADJECTIVE:
        found["people"] = f"{term.text} people"
    return found


def _fill(slot: str, phrases: dict[str, str]) -> str:
    phrase = phrases[slot.lower()]
    return capitalized(phrase) if slot[0].isupper() else phrase
