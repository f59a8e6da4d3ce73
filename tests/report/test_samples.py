"""Which texts a card shows: read from evidence, chosen by what is in the rows alone."""

from __future__ import annotations

import doctest
import random
from collections import Counter
from pathlib import Path

import pytest

from auditkit.evaluators import attack
from auditkit.record import CheckRecord
from auditkit.report import samples
from auditkit.report.samples import Sample, read_samples
from tests.report.robustness_records import (
    GRADED,
    attack_check,
    attack_row,
    noise_check,
    noise_row,
    robust,
    write_evidence,
)


def test_examples_of_the_docstrings() -> None:
    result = doctest.testmod(samples)
    assert result.attempted > 0
    assert result.failed == 0


def attacks(count: int = 240) -> list[dict]:
    """Rows of two recipes; every third attack failed."""
    return [
        attack_row(k, recipe, f"text {k} of words", None if k % 3 == 0 else f"txet {k} of words")
        for k in range(count)
        for recipe in ("deepwordbug", "pwws")
    ]


def sample(check: CheckRecord, folder: Path | None, examples: str | None = None) -> Sample:
    return read_samples(robust(check, examples=examples), folder)[check.name]


def test_successes_are_chosen_over_labels_and_groups_and_counted(tmp_path) -> None:
    rows = attacks()
    # One rare combination, changed in more words than any other.
    rows.append(attack_row(999, "pwws", "a b c", "x y z", changed_words=3, label="rare"))
    found = sample(attack_check(write_evidence(tmp_path, "attack", rows)), tmp_path)
    assert found.totals == {"deepwordbug": 160, "pwws": 161}
    shown = [one for one in found.examples if one.under == "pwws"]
    assert len(shown) == 60
    assert Counter(one.label for one in shown)["rare"] == 1
    assert {one.label for one in shown} == {"praise", "complaint", "rare"}
    # Of what can be had, the ones that changed the fewest words come first.
    words = [one.changed_words for one in shown]
    assert words == sorted(words)
    assert all(one.after != one.before for one in shown)


def test_every_recipe_has_a_share_of_the_page(tmp_path) -> None:
    rows = [
        attack_row(k, f"recipe {r}", "one two", "one tow") for k in range(80) for r in range(12)
    ]
    found = sample(attack_check(write_evidence(tmp_path, "attack", rows)), tmp_path)
    assert Counter(one.under for one in found.examples) == {f"recipe {r}": 20 for r in range(12)}


def test_every_kind_is_represented_mildest_first(tmp_path) -> None:
    rng = random.Random(0)
    rows = [
        noise_row(k, rng.choice(GRADED), str(rng.randrange(1, 6)), f"text {k}", f"txet {k}")
        for k in range(600)
    ]
    rows += [noise_row(k, "typo", "1", "as it was", "as it is", flipped=False) for k in range(50)]
    found = sample(noise_check(write_evidence(tmp_path, "perturbation", rows)), tmp_path)
    assert sum(found.totals.values()) == 600
    assert len(found.examples) == 40
    assert {one.under for one in found.examples} == set(GRADED)
    assert {one.severity for one in found.examples} <= {"1", "2"}


def test_what_should_have_turned_and_did_not_is_shown(tmp_path) -> None:
    directed = {"expectation": "turns", "compared": None, "flipped": None, "should_turn": True}
    rows = [
        noise_row(1, "negation", "1", "good", "not good", turned=False, **directed),
        noise_row(2, "negation", "1", "bad", "not bad", turned=True, **directed),
    ]
    found = sample(noise_check(write_evidence(tmp_path, "perturbation", rows)), tmp_path)
    assert [(one.id, one.expected_to_turn) for one in found.examples] == [("00000001", True)]


def test_rows_of_labels_and_of_worst_cases_are_no_texts(tmp_path) -> None:
    both = {"original_prediction": ["joy", "fear"], "prediction": []}
    flipped = noise_row(1, "typo", "1", "good", "godo", **both)
    nothing = dict.fromkeys(flipped) | {"example_id": "00000001"}
    rows = [
        flipped | {"label": None, "label_compared": None, "label_flipped": None},
        nothing | {"kind": "typo", "severity": "1", "label": "joy", "label_flipped": True},
        nothing | {"worst_case_examined": True, "worst_case_correct": False},
    ]
    found = sample(noise_check(write_evidence(tmp_path, "perturbation", rows)), tmp_path)
    (one,) = found.examples
    assert (one.before, one.after) == ("joy, fear", "no label")


@pytest.mark.parametrize("parts", [1, 7])
def test_the_choice_does_not_hang_on_order_or_files(tmp_path, parts) -> None:
    rows = attacks()
    expected = sample(attack_check(write_evidence(tmp_path / "a", "attack", rows)), tmp_path / "a")
    random.Random(1).shuffle(rows)
    check = attack_check(write_evidence(tmp_path / "b", "attack", rows, parts))
    assert sample(check, tmp_path / "b") == expected


def test_many_rows_alike_are_chosen_as_if_all_were_held(tmp_path) -> None:
    """More rows of one label and group than are held at once, the best of them last."""
    same = {"label": "praise", "group:gender": "female"}
    rows = [
        attack_row(k, "pwws", "a b", "a c", changed_words=5000 - k, **same) for k in range(1000)
    ]
    found = sample(attack_check(write_evidence(tmp_path, "attack", rows)), tmp_path)
    assert [one.changed_words for one in found.examples] == list(range(4001, 4061))


def test_texts_are_not_at_hand_without_the_folder_or_its_evidence(tmp_path) -> None:
    check = attack_check(write_evidence(tmp_path, "attack", attacks(), 2))
    assert sample(check, None).absent == "the card was rendered without the run's folder"
    path = tmp_path / check.evidence[1].file
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"x" + whole[-8:])
    assert sample(check, tmp_path).absent == "the evidence is not what the record was made from"
    path.unlink()
    assert sample(check, tmp_path).absent == "the evidence is not in the run's folder"


def test_evidence_with_other_columns_has_no_texts(tmp_path) -> None:
    parts = write_evidence(tmp_path, "attack", [{"example_id": "a", "score": 1.0}])
    assert sample(attack_check(parts), tmp_path).absent == "the evidence has no column of texts"


def test_nothing_is_read_where_the_suite_wants_no_examples(tmp_path) -> None:
    check = attack_check(write_evidence(tmp_path, "attack", attacks(9)))
    assert read_samples(robust(check, examples="none"), tmp_path) == {}


@pytest.mark.parametrize("rows", [1, 0])
@pytest.mark.parametrize("make", [attack_check, noise_check])
def test_evidence_without_anything_to_show_is_an_empty_sample(tmp_path, make, rows) -> None:
    row = (
        attack_row(1, "pwws", "a", None)
        if make is attack_check
        else noise_row(1, "typo", "1", "a", "b", flipped=False)
    )
    found = sample(make(write_evidence(tmp_path, "any", [row], rows=rows)), tmp_path)
    assert (list(found.examples), found.totals, found.absent) == ([], {}, "")


def test_what_is_read_of_attacks_is_what_they_collect() -> None:
    assert set(samples._ATTACK) <= set(attack._COLUMNS.names)
