"""What English asks for where a word is replaced: form, case, article, possessive.

No parser: each decision rests on the words next to the term. The rules are stated where they are
made, and docs/counterfactual.md tells where they err.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from auditkit.counterfactuals.lexicon import Form
from auditkit.perturbations.editing import begins_sentence, word_set

__all__ = [
    "capitalized",
    "cased",
    "form_here",
    "has_person_after",
    "looks_like_a_name",
    "other_article",
    "possessive",
    "sounds_like_vowel",
]

_NEXT = re.compile(r"[ \t\n\r\u00a0]+[\"“'‘(]?([^\W_]+(?:['’-][^\W_]+)*)")
_PREVIOUS = re.compile(r"([^\W_]+(?:['’-][^\W_]+)*)[ \t\n\r\u00a0]+\Z")
_ARTICLE = re.compile(r"(?<![\w'’-])([Aa][Nn]?)[ \t\n\r\u00a0]+\Z")
# "his/her", "his or her": what follows the second follows the first.
_COORDINATED = re.compile(
    r"\s*(?:/|\b(?:and|or|nor)\b)\s*(?:her|his|their|its|my|your|our)\b", re.I
)

# What never begins the noun phrase that "her" or "his" would own.
_NO_NOUN = word_set(
    "to of in on at by for with from into onto about after before over under through during "
    "without within against between among around behind beside near toward towards upon off out "
    "up down away back along across since until till like and or but nor yet because if when "
    "while as than that which who whom whose what where why how though although unless a an the "
    "this these those some any each every all both either neither no another i you he she it we "
    "they me him us them my your his her its our their is are was were be been being am do does "
    "did has have had will would can could shall should may might must again here there today "
    "yesterday tomorrow tonight twice well anyway instead alone together anymore"
)
# These may belong to the verb before or to the noun phrase after: the word after them decides.
_ADVERBS = word_set(
    "more less much very even still already so too not now then once ever never always often "
    "sometimes soon later also just"
)
_NO_ADVERBS = word_set(
    "family lovely early only daily weekly monthly yearly friendly elderly lonely ugly silly holy "
    "likely curly ally belly jelly reply lively deadly costly worldly motherly fatherly sisterly "
    "brotherly womanly manly bully fly july italy supply assembly anomaly melancholy homely"
)
_CAUSES = word_set(
    "make makes made making let lets letting see sees saw seen watch watches watched hear hears "
    "heard help helps helped feel felt"
)
_VERBS = word_set(
    "feel look seem cry laugh smile go come leave do be have get want think say speak talk walk "
    "run sing dance die live understand realize realise know forget remember believe happy sad "
    "angry proud famous suffer sleep eat drink work play win lose grow fall"
)
_DETERMINERS = word_set(
    "a an the this that every each another any some no one my your his her its our their"
)
_COPULAS = word_set(
    "is are was were be been being am become becomes became seem seems seemed feel feels felt "
    "look looks looked not isn't aren't wasn't weren't he's she's they're i'm you're we're and or "
    "but"
)
_PEOPLE = word_set(
    "person persons people man men woman women boy boys girl girls child children kid kids baby "
    "babies teenager teenagers teen teens adult adults lady ladies gentleman gentlemen guy guys "
    "couple couples family families mother mothers father fathers mom mum dad parent parents son "
    "sons daughter daughters brother brothers sister sisters husband husbands wife wives friend "
    "friends neighbor neighbour neighbors neighbours student students teacher teachers worker "
    "workers employee employees colleague colleagues voter voters citizen citizens resident "
    "residents immigrant immigrants community communities patient patients customer customers "
    "driver drivers actor actors actress actresses artist artists athlete athletes author authors "
    "player players politician politicians candidate candidates soldier soldiers doctor doctors "
    "nurse nurses lawyer lawyers writer writers singer singers musician musicians folks folk male "
    "males female females individual individuals youth youths american americans"
)

# Written with a vowel, spoken with a consonant, and the other way round.
_CONSONANT = re.compile(r"eu|ewe|one\b|once|u(?:[bcfhjkqrst][aeiou]|ni(?!n|m))|ukr|ouija", re.I)
_SILENT_H = re.compile(r"hon(?:est|or|our)|hour|heir", re.I)
_SPELLED = re.compile(r"[A-Z]{2,5}\b")


def sounds_like_vowel(word: str) -> bool:
    """Whether "an" stands before a word, as its letters tell.

    >>> [sounds_like_vowel(one) for one in ("atheist", "Ukrainian", "heir", "LGBT", "woman")]
    [True, False, True, True, False]
    """
    if _SPELLED.match(word) and word.upper() == word:
        return word[0] in "AEFHILMNORSX8"
    if _SILENT_H.match(word):
        return True
    # Eight, eleven, eighteen, eighty.
    if word[0] == "8" or re.match(r"1[18]\b", word):
        return True
    return word[0] in "aeiouAEIOUÀÁÂÄÈÉÊËÌÍÎÏÒÓÔÖÙÚÛÜàáâäèéêëìíîïòóôöùúûü" and not _CONSONANT.match(
        word
    )


def capitalized(text: str) -> str:
    """Return a text with its first letter a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def cased(text: str, start: int, found: str, term: str, new: str) -> str:
    """Return ``new`` in the case of what it replaces.

    In a text without any capital it has none; in capitals where ``found`` is; with a capital first
    where ``found`` has one that is not the term's own, and at the beginning of a sentence; else as
    the lexicon writes it.

    Parameters
    ----------
    text, start
        The text, and where the term stands.
    found
        The term as the text writes it.
    term, new
        The term and its replacement as the lexicon writes them.
    """
    if found == found.lower() and text == text.lower():
        return new.lower()
    if len(found) > 1 and found.isupper() and not term.isupper():
        return new.upper()
    if found[0].isupper() and (term[0].islower() or begins_sentence(text, start)):
        return capitalized(new)
    if found[0].islower() and term[0].isupper():
        return new.lower()
    return new


def form_here(text: str, start: int, end: int, forms: Collection[Form]) -> Form:
    """Return which of the forms that a term may have it has in its place.

    "her" is a determiner where the next word may begin a noun phrase, else an object; "his" a
    determiner there, else a possessive. A term that is a noun and an adjective is a noun where a
    determiner stands up to three words before it and no noun follows, else an adjective.
    """
    forms = list(forms)
    if Form.DETERMINER in forms and len(forms) > 1:
        other = next(one for one in forms if one is not Form.DETERMINER)
        return Form.DETERMINER if _owns(text, start, end) else other
    if Form.NOUN in forms and Form.ADJECTIVE in forms:
        return Form.NOUN if _is_noun(text, start, end) else Form.ADJECTIVE
    return forms[0]


def _owns(text: str, start: int, end: int) -> bool:
    if coordinated := _COORDINATED.match(text, end):
        return _owns(text, start, coordinated.end())
    following = _NEXT.match(text, end)
    if following is None:
        return False
    word = following[1].lower()
    previous = _PREVIOUS.search(text[max(0, start - 24) : start])
    if previous is not None and previous[1].lower() in _CAUSES and word in _VERBS:
        return False
    if word in _ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in _NO_ADVERBS):
        return _NEXT.match(text, following.end()) is not None and _owns(
            text, start, following.end()
        )
    return word not in _NO_NOUN


def _is_noun(text: str, start: int, end: int) -> bool:
    following = _NEXT.match(text, end)
    if following is not None and following[1].lower() not in _NO_NOUN:
        return False
    if re.match(r"['’]s\b", text[end : end + 3]):
        return True
    place = start
    for _ in range(3):
        previous = _PREVIOUS.search(text[max(0, place - 40) : place])
        if previous is None or previous[1].lower() in _COPULAS:
            return False
        if previous[1].lower() in _DETERMINERS:
            return True
        place = max(0, place - 40) + previous.start(1)
    return False


def has_person_after(text: str, end: int) -> bool:
    """Whether the next word names people."""
    following = _NEXT.match(text, end)
    if following is None:
        return False
    return re.split("['’]", following[1].lower())[0] in _PEOPLE


def looks_like_a_name(text: str, start: int, end: int) -> bool:
    """Whether a capitalised word may be somebody's name: see ``Match.NOT_NAME``."""
    if has_person_after(text, end):
        return False
    following = _NEXT.match(text, end)
    if following is not None and following[1][0].isupper():
        return True
    return begins_sentence(text, start)


def other_article(text: str, start: int, old: str, new: str) -> tuple[int, int, str] | None:
    """Return where the article before a term stands and what it is before the new one.

    None where there is none, or it can stay. What was wrong stays wrong.
    """
    if sounds_like_vowel(old) == sounds_like_vowel(new):
        return None
    found = _ARTICLE.search(text[max(0, start - 12) : start])
    if found is None:
        return None
    at, article = max(0, start - 12) + found.start(1), found[1]
    # "Plan A", "vitamin A": only a letter, unless a sentence begins or everything is in capitals.
    if article == "A" and not (begins_sentence(text, at) or text == text.upper()):
        return None
    if len(article) == 2:
        return at, at + 2, article[0]
    upper = article == "A" and old.isupper() and text == text.upper()
    return at, at + 1, "AN" if upper else f"{article}n"


def possessive(text: str, end: int, old: str, new: str) -> tuple[int, str] | None:
    """Return where a plural's possessive ends and what the new plural is with its own.

    "Muslims' rights" and "Jewish people's rights"; None where nothing is to be done.
    """
    after = re.match(r"(['’])([sS]?)(?!\w)", text[end : end + 3])
    if after is None:
        return None
    has_s, is_s = bool(after[2]), new[-1:] in ("s", "S")
    if not has_s and not is_s and old[-1:] in ("s", "S"):
        return end + 1, f"{new}{after[1]}{'S' if new.isupper() else 's'}"
    if has_s and is_s and old[-1:] not in ("s", "S"):
        return end + 2, f"{new}{after[1]}"
    return None
