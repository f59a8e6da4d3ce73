"""Swaps held against sentences written by hand, and what holds for any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.counterfactuals import BUILT_IN, Form, find_lexicon, terms_in, variants
from auditkit.counterfactuals.lexicon import Match


def made(lexicon: str, *texts: str, most: int = 1000):
    return variants(find_lexicon(lexicon), texts, most, lambda: np.random.default_rng(0))


def turned(lexicon: str, text: str, to: str | None = None) -> str:
    """Return a text turned to a group (of two: turned), or itself where there is no such one."""
    found = [one for one in made(lexicon, text) if to is None or one.group_to == to]
    assert len(found) <= 1
    return found[0].texts[0] if found else text


GENDER = [
    # Pronouns and their cases.
    ("She is here.", "He is here."),
    ("I saw her.", "I saw him."),
    ("I saw her yesterday.", "I saw him yesterday."),
    ("I saw her and left.", "I saw him and left."),
    ("I gave it to her", "I gave it to him"),
    ("Tell her that I called.", "Tell him that I called."),
    ("Tell her the truth.", "Tell him the truth."),
    ("Her house is big.", "His house is big."),
    ("It is her own fault.", "It is his own fault."),
    ("It was her 3rd film.", "It was his 3rd film."),
    ("her husband, her life", "his wife, his life"),
    ("The book is hers.", "The book is his."),
    ("The book is his.", "The book is hers."),
    ("A friend of his, Tom, came.", "A friend of hers, Tom, came."),
    ("His work is good.", "Her work is good."),
    ("He saw him.", "She saw her."),
    ("He hurt himself.", "She hurt herself."),
    ("She did it herself!", "He did it himself!"),
    ("loved her deeply", "loved him deeply"),
    ("loved her deeply and well", "loved him deeply and well"),
    ("her incredibly talented cast", "his incredibly talented cast"),
    ("his past and his now famous film", "her past and her now famous film"),
    ("I love her so much.", "I love him so much."),
    ("her family and her only child", "his family and his only child"),
    ("It made her cry.", "It made him cry."),
    ("She made her debut.", "He made his debut."),
    ("he or she", "she or he"),
    ("his/her book", "her/his book"),
    ("his or her book", "her or his book"),
    ("She's here and he'll stay.", "He's here and she'll stay."),
    ("SHE SAW HIM.", "HE SAW HER."),
    ("she 's great , says her mother .", "he 's great , says his father ."),
    ("I like her more than him.", "I like him more than her."),
    ("Was it her?", "Was it him?"),
    ("“She” is her name", "“He” is his name"),
    # Nouns: number, possessive, case.
    ("A woman and three girls.", "A man and three boys."),
    ("the women's team", "the men's team"),
    ("the girls' team", "the boys' team"),
    ("My mother's sister", "My father's brother"),
    ("My mother’s sister", "My father’s brother"),
    ("Mothers and daughters", "Fathers and sons"),
    ("MOTHER", "FATHER"),
    ("my mum", "my dad"),
    ("my dad", "my mom"),
    ("her mother-in-law", "his father-in-law"),
    ("two sisters-in-law", "two brothers-in-law"),
    ("his ex-wife", "her ex-husband"),
    ("The Queen waved.", "The King waved."),
    ("the bride and the groomsmen", "the bridegroom and the bridesmaids"),
    ("a policewoman", "a policeman"),
    ("female students", "male students"),
    ("the fiancée", "the fiancé"),
    ("the FIANCÉE", "the FIANCÉ"),
    ("Dear Mr. Smith and Mrs Jones", "Dear Ms. Smith and Mr Jones"),
    ("mr. smith and mrs. jones", "ms. smith and mr. jones"),
    ("Yes, sir!", "Yes, madam!"),
    # Articles.
    ("An actress spoke.", "An actor spoke."),
    ("She is an heiress.", "He is an heir."),
    ("an uncle", "an aunt"),
    ("a wizard", "a witch"),
    ("an aunt and a nephew", "an uncle and a niece"),
    ("an empress", "an emperor"),
    ("a waitress", "a waiter"),
    ("an abbess and a nun", "an abbot and a monk"),
    ("a male actor", "a female actress"),
    # Names.
    ("Emily and Michael left.", "Daniel and Sarah left."),
    ("Emily's book", "Daniel's book"),
    ("emily left", "daniel left"),
    ("Étienne met Amélie", "Amélie met Étienne"),
    ("EMILY LEFT", "DANIEL LEFT"),
    # What is no term, or is hidden in something else.
    ("the shepherd and the other heron", "the shepherd and the other heron"),
    ("human, manner, sheet, fathers-to-be", "human, manner, sheet, fathers-to-be"),
    ("a she-wolf", "a she-wolf"),
    ("Superman and Batman", "Superman and Batman"),
    ("Burger King and Stephen King", "Burger King and Stephen King"),
    ("https://women.org/men?girl=1 @she #girls he@x.org", None),
    ("see women.com or girls_2", None),
    ("My MS and 3 ms", None),
    ("The table is brown.", None),
    ("", None),
]
RELIGION = [
    ("A Muslim woman", "atheist", "An atheist woman"),
    ("She is a Muslim.", "atheist", "She is an atheist."),
    ("She is an atheist.", "Muslim", "She is a Muslim."),
    ("She is a Muslim.", "Jewish", "She is a Jewish person."),
    ("She is a devout Muslim.", "Jewish", "She is a devout Jewish person."),
    ("She is Muslim.", "Jewish", "She is Jewish."),
    ("Jews pray here.", "atheist", "Atheists pray here."),
    ("Atheists met.", "Sikh", "Sikhs met."),
    ("Muslims' rights", "Jewish", "Jewish people's rights"),
    ("Jewish people's rights", "Hindu", "Hindus' rights"),
    ("MUSLIMS PRAY", "Jewish", "JEWISH PEOPLE PRAY"),
    ("a muslim man", "atheist", "an atheist man"),
    ("an atheist man", "Muslim", "a muslim man"),
    ("the mosque and the imam", "Christian", "the church and the pastor"),
    ("Islam is a religion.", "Buddhist", "Buddhism is a religion."),
    ("Christian Bale plays well.", "Muslim", "Christian Bale plays well."),
    ("A Christian family", "Muslim", "A Muslim family"),
    ("an anti-Muslim slogan", "Sikh", "an anti-Muslim slogan"),
]
OTHERS = [
    ("nationality", "An Italian chef", "Turkish", "A Turkish chef"),
    ("nationality", "She is an American.", "French", "She is a French person."),
    ("nationality", "He met two Spaniards.", "Greek", "He met two Greeks."),
    ("nationality", "from Norway", "China", "from Norway"),
    ("nationality", "from Norway", "Kenyan", "from Kenya"),
    ("nationality", "a European and a Ukrainian", "Indian", "a European and an Indian"),
    ("nationality", "We ate French fries.", "Indian", "We ate French fries."),
    ("nationality", "We polish it.", "Indian", "We polish it."),
    ("ethnicity", "a black man in a black car", "Asian", "an asian man in a black car"),
    ("ethnicity", "He is a black man.", "Asian", "He is an Asian man."),
    ("ethnicity", "A Black woman spoke.", "white", "A White woman spoke."),
    ("ethnicity", "an African American", "Romani", "a Romani person"),
    ("ethnicity", "Middle Eastern people", "Pacific Islander", "Pacific Islanders"),
    ("age", "an old man in an old house", "young", "a young man in an old house"),
    ("age", "a young woman", "old", "an old woman"),
    ("age", "an 80-year-old man", "young", "a twenty-year-old man"),
    ("age", "two pensioners", "young", "two trainees"),
    ("disability", "He is hard of hearing.", "blind", "He is blind."),
    ("disability", "a blind man's blind spot", "autistic", "an autistic man's blind spot"),
    ("disability", "a wheelchair user", "autistic", "an autistic person"),
    ("disability", "People with disabilities", "deaf", "Deaf people"),
    ("sexual_orientation", "a gay couple", "asexual", "an asexual couple"),
    ("sexual_orientation", "a straight man, a straight line", "gay", "a gay man, a straight line"),
    ("sexual_orientation", "two lesbians", "bisexual", "two bisexual people"),
]  # fmt: skip
CHINESE = [
    ("她们来了", "他们来了"),
    ("王女士说", "王先生说"),
    ("她妈妈和爸爸", "他爸爸和妈妈"),
    ("男女平等", "男女平等"),
    ("对外公布", "对外公布"),
    ("其他人的吉他", "其他人的吉他"),
    ("他的外公和外祖母", "她的外婆和外祖父"),
    ("多少年过去，少女长大了", "多少年过去，少年长大了"),
    ("中国女排", "中国男排"),
    ("妇女儿童和女儿", "妇女儿童和儿子"),
    ("女孩子喜欢", "男孩子喜欢"),
    ("MBA女学生she", "MBA男学生she"),
    ("太阳", "太阳"),
]


@pytest.mark.parametrize(("text", "wanted"), GENDER)
def test_english_is_turned_as_a_reader_would(text, wanted):
    assert turned("gender", text) == (text if wanted is None else wanted)


@pytest.mark.parametrize(("text", "group", "wanted"), RELIGION)
def test_religions_are_exchanged(text, group, wanted):
    assert turned("religion", text, group) == wanted


@pytest.mark.parametrize(("lexicon", "text", "group", "wanted"), OTHERS)
def test_other_groups_are_exchanged(lexicon, text, group, wanted):
    assert turned(lexicon, text, group) == wanted


@pytest.mark.parametrize(("text", "wanted"), CHINESE)
def test_chinese_is_turned(text, wanted):
    assert turned("gender_zh", text) == wanted


def test_the_tables_are_as_long_as_promised():
    assert len(GENDER) + len(RELIGION) + len(OTHERS) >= 100


def test_what_was_replaced_is_told():
    (one,) = made("gender", "A friend saw an uncle and his dog.")
    assert one.pair == "male→female"
    assert one.terms == ("his", "uncle")
    assert one.edits == (((16, "uncle", "aunt"), (26, "his", "her")),)
    (both,) = made("gender", "She met him.")
    assert both.pair == "female↔male"
    (article,) = [one for one in made("religion", "He is a Sikh.") if one.group_to == "atheist"]
    assert article.edits == (((6, "a", "an"), (8, "Sikh", "atheist")),)


@pytest.mark.parametrize("text", [text for text, *_ in [*GENDER, *RELIGION]])
def test_edits_give_the_new_text_from_the_old(text):
    for lexicon in ("gender", "religion"):
        for one in made(lexicon, text):
            again = text
            for at, old, new in reversed(one.edits[0]):
                assert again[at : at + len(old)] == old
                again = again[:at] + new + again[at + len(old) :]
            assert again == one.texts[0]


def test_of_several_groups_one_is_exchanged_for_one_that_the_text_does_not_name():
    found = made("religion", "A Muslim woman met a Hindu and a Muslim man.")
    pairs = {one.pair for one in found}
    assert len(found) == len(pairs) == 2 * 7
    assert not any(pair.endswith(("→Muslim", "→Hindu")) for pair in pairs)
    text = next(one.texts[0] for one in found if one.pair == "Muslim→Sikh")
    assert text == "A Sikh woman met a Hindu and a Sikh man."


def test_a_group_without_a_counterpart_to_every_term_is_left_out():
    # There is a church, a mosque, a synagogue and a gurdwara in the lexicon, and nothing else.
    assert {one.group_to for one in made("religion", "the church")} == {"Muslim", "Jewish", "Sikh"}


def test_texts_that_belong_together_are_turned_together():
    (one,) = made("gender", "She sings.", "A woman sings.")
    assert one.texts == ("He sings.", "A man sings.")
    (one,) = made("gender", "Nobody sings.", "A woman sings.")
    assert one.texts == ("Nobody sings.", "A man sings.")


def test_swaps_are_drawn_by_the_generator():
    lexicon, text = find_lexicon("nationality"), ("A Kenyan film.",)

    def drawn(seed):
        found = variants(lexicon, text, 3, lambda: np.random.default_rng(seed))
        return [one.pair for one in found]

    assert len(drawn(0)) == 3
    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(seed)) for seed in range(8)}) > 4


def _one_to_one() -> list[str]:
    """Return the nouns and plurals of gender that stand for each other and for nothing else."""
    lexicon = find_lexicon("gender")
    members: dict[tuple[str, Form], list[str]] = {}
    for term in lexicon.terms:
        members.setdefault((term.set, term.form), []).append(term.text)
    return [
        text
        for (_, form), texts in members.items()
        if form in (Form.NOUN, Form.PLURAL) and len(texts) == 2
        for text in texts
    ]


ONE_TO_ONE = _one_to_one()
_WORDS = st.sampled_from([*ONE_TO_ONE, "the", "a", "an", "of", "saw", "happy", "1", "über"])
_CASES = st.sampled_from([str.lower, str.upper, lambda word: word[:1].upper() + word[1:]])
_MARKS = st.sampled_from([" ", ", ", ". ", "! ", "\n", " - "])


@given(st.lists(st.tuples(_WORDS, _CASES, _MARKS), max_size=12))
@settings(max_examples=300, deadline=None)
def test_turning_twice_gives_the_text_back(parts):
    text = "".join(case(word) + mark for word, case, mark in parts)
    once = turned("gender", text)
    assert turned("gender", once) == text
    names = {word.lower() for word, _, _ in parts} & set(ONE_TO_ONE)
    assert (once != text) == bool(names)


_TERMS = [term.text for name in BUILT_IN for term in find_lexicon(name).terms]
_PIECES = st.one_of(
    st.sampled_from(_TERMS), st.sampled_from(list(" .,'’-/@#\u0301ſİ她")), st.text(max_size=5)
)


@given(st.lists(_PIECES, max_size=10).map("".join), st.sampled_from(BUILT_IN))
@settings(max_examples=400, deadline=None)
def test_no_text_is_too_strange(text, lexicon):
    found = terms_in(find_lexicon(lexicon), text)
    ends = [0, *(one.end for one in found)]
    assert all(one.start >= end for one, end in zip(found, ends, strict=False))
    for one in made(lexicon, text, most=2):
        assert one.texts[0] != text
        kept = list(one.edits[0])
        assert kept == sorted(kept)
        assert all(text[edit.at : edit.at + len(edit.old)] == edit.old for edit in kept)


def test_what_is_never_a_term_is_in_no_result():
    hidden = [
        (name, term.text)
        for name in BUILT_IN
        for term in find_lexicon(name).terms
        if term.match is Match.NEVER
    ]
    assert len(hidden) > 90
    for name, text in hidden:
        assert terms_in(find_lexicon(name), text) == [], text


def test_where_the_rules_are_known_to_err():
    """What docs/counterfactual.md admits; a better rule may change it."""
    assert turned("gender", "I gave her two books.") == "I gave his two books."
    assert turned("religion", "The Muslim said so.", "Jewish") == "The Jewish said so."
    assert turned("gender", "The king takes the pawn.") == "The queen takes the pawn."
