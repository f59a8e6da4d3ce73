"""Texts about one group of people turned into texts about another, all else alike."""

from auditkit.counterfactuals.lexicon import BUILT_IN, Form, Lexicon, Term, find_lexicon
from auditkit.counterfactuals.swapping import Edit, Variant, pairs_of, terms_in, variants
from auditkit.counterfactuals.templates import Filling, Template, built_in_templates, fillings

__all__ = [
    "BUILT_IN",
    "Edit",
    "Filling",
    "Form",
    "Lexicon",
    "Template",
    "Term",
    "Variant",
    "built_in_templates",
    "fillings",
    "find_lexicon",
    "pairs_of",
    "terms_in",
    "variants",
]
