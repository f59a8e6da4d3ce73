"""Lexicons and templates: those that come along, and files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.counterfactuals import (
    BUILT_IN,
    Form,
    Template,
    built_in_templates,
    fillings,
    find_lexicon,
)
from auditkit.counterfactuals.reading import read_lexicon, read_templates
from auditkit.errors import DataError

GOOD = "set,form,group,term\nstaff,noun,union,shop steward\nstaff,noun,office,manager\n"


@pytest.mark.parametrize(
    ("name", "groups", "entries"),
    [
        ("gender", 2, 160),
        ("nationality", 30, 30),
        ("religion", 8, 20),
        ("ethnicity", 10, 20),
        ("age", 3, 16),
        ("disability", 10, 16),
        ("sexual_orientation", 6, 14),
        ("gender_zh", 2, 80),
    ],
)
def test_lexicons_are_large_enough(name, groups, entries):
    lexicon = find_lexicon(name)
    assert len(lexicon.groups) >= groups
    assert len([term for term in lexicon.terms if term.group]) >= entries
    assert lexicon.is_turned == (groups == 2)


def test_gender_has_words_and_names_of_both():
    lexicon = find_lexicon("gender")
    sets = {term.set for term in lexicon.terms if term.form is Form.NOUN}
    names = [term.text for term in lexicon.terms if term.form is Form.NAME]
    assert len(sets) >= 60
    assert len(names) == len(set(names)) >= 60
    other = {"female": "male", "male": "female"}
    for term in lexicon.terms:
        if term.group:
            assert lexicon.counterpart(term, other[term.group]) is not None


def test_every_lexicon_is_named():
    folder = Path(__file__).parents[2] / "auditkit" / "resources" / "identity"
    assert {path.stem for path in folder.glob("*.csv")} == {*BUILT_IN, "templates"}
    with pytest.raises(DataError, match=r"no lexicon 'gendr'.*Did you mean 'gender'"):
        find_lexicon("gendr")


def test_a_lexicon_of_ones_own(tmp_path):
    path = tmp_path / "staff.csv"
    path.write_text(f"\ufeff{GOOD}\n", encoding="utf-8")
    lexicon = read_lexicon("staff", str(path))
    assert lexicon.groups == ("union", "office")
    assert [term.text for term in lexicon.terms] == ["shop steward", "manager"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("set,form", "sets,form", r":1: has no column 'set'.*Did you mean 'sets'"),
        ("office,manager", "office", ":3: has 3 cells, the header has 4"),
        ("office,manager", ",manager", ":3: column 'group': the cell is empty"),
        ("office,manager", "office, ", ":3: column 'term': the cell is empty"),
        ("staff,noun,office", "boss,noun,office", ":2: column 'set': .*'union' only"),
        ("noun,office", "plural,office", ":2: column 'set': .*noun of the group 'union' only"),
        ("noun,office", "nuon,office", r":3: column 'form': .*'nuon'.*Did you mean 'noun'"),
        ("office,manager", "union,manager", "column 'group': has terms of fewer than two groups"),
        ("office,manager", "office,shop steward", ":3: column 'term': .* in line 2 already"),
        ("manager", "?!", ":3: column 'term': '\\?!' does not begin with a letter"),
        ("noun,office", "noun,a→b", ":3: column 'group': a group's name holds no arrow"),
        (",manager", ',"manager', "cannot be read"),
        (GOOD[20:], "", "has no row below its header"),
    ],
)
def test_a_bad_lexicon_is_one_message(tmp_path, old, new, message):
    path = tmp_path / "mine.csv"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_lexicon("mine", str(path))
    assert caught.value.file == str(path)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_lexicon("mine", str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match=r"a lexicon is a \.csv file"):
        read_lexicon("mine", str(tmp_path / "mine.txt"))
    (tmp_path / "latin.csv").write_bytes(GOOD.replace("office", "büro").encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8"):
        read_lexicon("mine", str(tmp_path / "latin.csv"))


def test_templates_are_filled_with_what_fits():
    templates = built_in_templates()
    assert sum(not one.is_han for one in templates) >= 20
    assert sum(one.is_han for one in templates) >= 8
    for name in BUILT_IN:
        lexicon = find_lexicon(name)
        for template in templates:
            found = fillings(template, lexicon)
            assert bool(found) == (template.is_han == lexicon.is_han), (name, template)
            assert len({one.text for one in found}) == len(found)
            assert all("{" not in one.text and one.text != template.neutral for one in found)


@pytest.mark.parametrize(
    ("text", "lexicon", "term", "wanted"),
    [
        ("I met {a person}.", "gender", "aunt", "I met an aunt."),
        ("I met {a person}.", "gender", "Emily", "I met Emily."),
        ("{The person} sang.", "gender", "Emily", "Emily sang."),
        ("{The person} sang.", "religion", "Sikh", "The Sikh person sang."),
        ("{A person} sang.", "age", "old", "An old person sang."),
        ("{A person} sang.", "disability", "wheelchair user", "A wheelchair user sang."),
        ("{People} sang.", "nationality", "Ukrainian", "Ukrainian people sang."),
        ("Every {person} sang.", "ethnicity", "Arab", "Every Arab person sang."),
        ("这个{person}来了。", "gender_zh", "女孩", "这个女孩来了。"),
    ],
)
def test_a_filled_template_is_good_english(text, lexicon, term, wanted):
    found = fillings(Template(text), find_lexicon(lexicon))
    assert next(one.text for one in found if one.term.text == term) == wanted


def test_templates_without_a_group_are_the_sentence_they_are_compared_with():
    assert Template("{The person} met {a person}.").neutral == "The person met a person."
    assert Template("这个{person}来了。").neutral == "这个人来了。"
    texts = [
        one.text for one in fillings(Template("{A person}, {people}."), find_lexicon("gender"))
    ]
    assert texts == ["A female person, female people.", "A male person, male people."]


@pytest.mark.parametrize("ending", ["csv", "yaml"])
def test_templates_of_ones_own(tmp_path, ending):
    path = tmp_path / f"mine.{ending}"
    texts = {
        "csv": "text,label\n{A person} is kind.,good\n\n{People} wait.,\n",
        "yaml": "# mine\n- {text: '{A person} is kind.', label: good}\n- '{People} wait.'\n",
    }
    path.write_text(texts[ending], encoding="utf-8")
    assert read_templates(str(path)) == (
        Template("{A person} is kind.", "good"),
        Template("{People} wait.", None),
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text\nno slot here\n", ":2: column 'text': the template has no slot"),
        ("a.csv", "text\n{A persn} sang\n", r":2: column 'text': there is no slot \{A persn\}"),
        ("a.csv", "text\n{A person} sang}\n", ":2: .* has a brace by itself"),
        ("a.csv", "text\n{a person}来了\n", ":2: .*Chinese template"),
        ("a.csv", "sentence\n{A person} sang\n", ":1: has no column 'text'"),
        ("a.csv", "text\n", "has no row below its header"),
        ("a.yaml", "", "has no template"),
        ("a.yaml", "a: b\n", ":1: is no list of templates"),
        ("a.yaml", "- '{A person} sang'\n- [x]\n", ":2: is neither a text nor texts by name"),
        ("a.yaml", "- '{A person} sang'\n- text: '{People}'\n  lable: x\n", ":3: .*'lable'"),
        ("a.yaml", "- label: x\n", ":1: has no 'text'"),
        ("a.yaml", "- 'x\n", "is no YAML"),
        ("a.txt", "", r"templates are a \.csv or a \.yaml file"),
    ],
)
def test_bad_templates_are_one_message(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_templates(str(path))
    assert "\n" not in str(caught.value)
