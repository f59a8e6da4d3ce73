"""Plain words for kinds of noise and for what attacks may do."""

from __future__ import annotations

from auditkit.report.formats import quoted

__all__ = ["kind_title", "recipe_meaning"]

_KINDS = {
    "typo": "typing errors",
    "typo_keyboard": "slips to a neighbouring key",
    "typo_swap": "swapped letters",
    "typo_drop": "dropped letters",
    "case": "changed upper and lower case",
    "punctuation": "changed punctuation",
    "whitespace": "changed spacing",
    "contraction": "contractions written out or put in",
    "ocr": "errors of text recognition",
    "homoglyph": "letters that look alike",
    "repeated_letters": "repeated letters",
    "emoji": "emoji",
    "numbers": "numbers written in another way",
    "spelling": "British or American spelling",
    "entity": "other names of people and places",
    "speech": "text as a speech recogniser writes it",
    "word_drop": "dropped small words",
    "negation": "a negation",
    "intensifier": "words that add force",
    "url": "an added link or handle",
    "character_swap": "swapped characters",
    "character_drop": "dropped characters",
    "homophone": "characters that sound alike",
    "punctuation_width": "punctuation of the other width",
}


def kind_title(kind: str) -> str:
    """Return a kind of perturbation in words, quoted by its name where it has none.

    >>> kind_title("typo")
    'typing errors'
    """
    return _KINDS.get(kind) or quoted(kind)


_RECIPES = {
    "deepwordbug": "change letters",
    "pruthi": "make typing errors",
    "pwws": "swap words for synonyms",
    "textfooler": "swap words for near synonyms",
    "iga": "swap words for near synonyms",
    "kuleshov": "swap words for near synonyms",
    "alzantot": "swap words for near synonyms",
    "faster_genetic_algorithm": "swap words for near synonyms",
    "leap": "swap words for synonyms",
    "pso": "swap words for synonyms",
    "bae": "swap words for what a language model would write there",
    "bert_attack": "swap words for what a language model would write there",
    "clare": "replace, insert and merge words as a language model would",
    "checklist": "swap names, places and numbers",
    "chinese": "swap words and characters",
    "input_reduction": "leave words out",
}


def recipe_meaning(recipe: str) -> str:
    """Return what someone who attacks may do, after "may".

    >>> recipe_meaning("deepwordbug"), recipe_meaning("mine")
    ('change letters', 'change the text')
    """
    return _RECIPES.get(recipe, "change the text")
