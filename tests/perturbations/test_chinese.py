"""Kinds for Chinese text: cases worked by hand, shares counted, and real headlines."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.perturbations import find_kind
from auditkit.perturbations.homophones import HOMOPHONES
from tests.real import real

NAMES = ["character_swap", "character_drop", "homophone", "punctuation_width"]
LEFT_ALONE = "不没无非未别莫勿零一二三四五六七八九十百千万亿两"


def outcomes(name: str, text: str, severity: int = 1) -> set[str]:
    """Return what a kind makes of a text, over many generators."""
    kind = find_kind(name)()
    return {kind.apply(text, severity, np.random.default_rng(seed)) for seed in range(60)}


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("character_swap", "你好", {"好你"}),
        ("character_swap", "他来晚", {"来他晚", "他晚来"}),
        # A negation keeps its place, and so do numerals and what stands apart.
        ("character_swap", "不好吃", {"不吃好"}),
        ("character_swap", "三百万", {"三百万"}),
        ("character_swap", "好 吃", {"好 吃"}),
        ("character_swap", "妈妈", {"妈妈"}),
        ("character_drop", "你好吗", {"你吗", "你好"}),
        ("character_drop", "我不去", {"我不去"}),
        ("character_drop", "好", {"好"}),
        ("homophone", "战", {"站"}),
        ("homophone", "我再说", {"我在说"}),
        ("homophone", "不", {"不"}),
        ("homophone", "plain text", {"plain text"}),
        ("punctuation_width", "好，坏", {"好,坏"}),
        ("punctuation_width", "好吗?", {"好吗？"}),
        ("punctuation_width", "涨了3.5，好", {"涨了3.5，好"}),
        ("punctuation_width", "(好", {"（好"}),
        ("punctuation_width", "well, yes", {"well, yes"}),
    ],
)
def test_cases_worked_by_hand(name, text, allowed):
    assert outcomes(name, text) == allowed


@pytest.mark.parametrize(("severity", "percent"), [(1, 5), (2, 10), (3, 20), (4, 35), (5, 50)])
def test_severity_is_a_share_of_the_characters(severity, percent):
    text = "机器能听懂人们的话题天地和你我山水风云" * 5
    known = sum(character in HOMOPHONES for character in text)
    for name, whole in (("homophone", known), ("character_swap", len(text))):
        for made in outcomes(name, text, severity):
            moved = sum(old != new for old, new in zip(text, made, strict=True))
            assert moved == pytest.approx(percent / 100 * whole, abs=1), name


def test_homophones_are_mutual_and_leave_negations_and_numerals_alone():
    for character, others in HOMOPHONES.items():
        assert others
        assert all(character in HOMOPHONES[other] for other in others)
    assert not set(HOMOPHONES) & set(LEFT_ALONE)
    assert len(HOMOPHONES) > 1000


@pytest.mark.shared_data
@pytest.mark.parametrize("name", NAMES)
def test_headlines_keep_their_negations_and_numbers(name):
    lines = real("data/tnews/dev.tsv").read_text(encoding="utf-8").splitlines()[:1000]
    titles = [line.split("\t")[0] for line in lines]
    kind = find_kind(name)()
    changed = 0
    for row, title in enumerate(titles):
        made = kind.apply(title, 3, np.random.default_rng(row))
        changed += made != title
        for kept in (LEFT_ALONE, "0123456789"):
            assert [one for one in made if one in kept] == [one for one in title if one in kept]
    assert changed / len(titles) > (0.7 if name == "punctuation_width" else 0.99)
