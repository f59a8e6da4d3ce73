"""What a card says of groups: the gap in words, tables, and what cannot be told."""

from __future__ import annotations

import doctest
from types import ModuleType
from typing import Any

import pytest

from auditkit.record import Record, TableRecord
from auditkit.report import fairness_tables, fairness_words
from auditkit.report.card import render_card
from auditkit.report.fairness import fairness_readings
from auditkit.report.group_rates import Findings, ratio_interval
from auditkit.report.summary import render_summary
from auditkit.report.words import method_meaning, term
from tests.report import test_card as rules
from tests.report.fairness_records import (
    GENDER,
    REGION,
    Counts,
    column_measurements,
    fair,
    fairness_check,
    group_rates,
    rate,
)
from tests.report.fairness_records import fairness_tables as tables_of
from tests.report.html_tree import Node, parse
from tests.report.report_records import HOSTILE, check, dataset, measure
from tests.report.robustness_records import attack_check, noise_check
from tests.report.test_charts import dots

DESIGNED = [
    "count", "selection_rate", "accuracy", "f1", "true_positive_rate", "false_positive_rate",
    "false_negative_rate", "precision", "demographic_parity_difference",
    "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
    "equal_opportunity_difference", "predictive_parity_difference", "accuracy_difference",
    "f1_difference", "worst_group_accuracy", "impact_ratio", "subgroup_auc", "bpsn_auc",
    "bnsp_auc", "abroca", "calibration_difference", "flip_rate", "mean_absolute_shift",
    "signed_shift", "term_spread",
]  # fmt: skip


def section(page: str) -> Node:
    return parse(page).by_id("check-fairness")


def groups_only(column: str, groups: dict[str, Counts], **more: Any) -> Record:
    """A record of one column and nothing else."""
    measured = column_measurements(column, groups)
    return fair(fairness_check(measurements=measured, tables=[]), **more)


def told(record: Record) -> list[str]:
    said = fairness_readings(record.checks[0], record)
    return [one.replace("\u2068", "").replace("\u2069", "") for one in said]


def many_groups() -> Record:
    """A hundred groups of three columns, and the intersections of two of them."""
    names = [f"value {k}" for k in range(100)]
    measured = []
    for column in ("first", "second", "third"):
        groups = {name: (60 + k % 7, 20 + k % 11, 9 + k % 5, 70) for k, name in enumerate(names)}
        measured += column_measurements(column, groups)
    for one in names[:50]:
        for other in names[:40]:
            measured += group_rates((9, 4, 3, 20), {"first": one, "second": other})
    sizes = {column: dict.fromkeys(names, 160) for column in ("first", "second", "third")}
    return fair(fairness_check(measurements=measured), data=[dataset(groups=sizes)])


def several_labels() -> Record:
    """Three labels; groups lie furthest apart for fear."""
    measured = []
    for label, female in {"joy": 90, "fear": 40, "anger": 80}.items():
        groups = {"female": (female, 100 - female, 10, 90), "male": (90, 10, 10, 90)}
        measured += column_measurements("gender", groups, label)
    return fair(fairness_check(measurements=measured, tables=[]), means=None)


def hostile() -> Record:
    groups = {
        text: (30 + 4 * place, 40, 10 + place, 60) for place, text in enumerate(HOSTILE)
    }  # fmt: skip
    measured = column_measurements(HOSTILE[0], groups)
    measured += [rate("selection_rate", 0, 0, {HOSTILE[0]: HOSTILE[1]})]
    tables = [
        table.model_copy(
            update={
                "rows": [
                    [
                        cell if not isinstance(cell, str) else HOSTILE[int(name != "group")]
                        for name, cell in zip(table.columns, row, strict=True)
                    ]
                    for row in table.rows
                ],
                "note": HOSTILE[2],
            }
        )
        for table in tables_of()
    ]  # fmt: skip
    sizes = {HOSTILE[0]: dict.fromkeys(HOSTILE, 120)}
    return fair(
        fairness_check(measurements=measured, tables=tables, remarks=list(HOSTILE)),
        means=HOSTILE[0],
        data=[dataset(groups=sizes)],
    )


RECORDS = {
    "usual": lambda: fair(fairness_check(), noise_check(), attack_check()),
    "labels": several_labels,
    "many": many_groups,
    "hostile": hostile,
}


@pytest.fixture(scope="module")
def cards() -> dict[str, str]:
    return {name: render_card(make()) for name, make in RECORDS.items()}


@pytest.mark.parametrize("module", [fairness_tables, fairness_words])
def test_examples_of_the_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", list(RECORDS))
@pytest.mark.parametrize(
    "rule",
    [
        rules.test_headings_come_in_order,
        rules.test_ids_are_unique_and_links_lead_to_them,
        rules.test_tables_have_captions_scopes_and_full_rows,
        rules.test_drawings_are_named_images_of_plain_shapes,
        rules.test_page_can_reach_nothing,
        rules.test_policy_allows_no_script_and_stands_before_everything,
    ],
)
def test_card_keeps_the_rules_of_every_card(rule, cards, name: str) -> None:
    rule(cards[name])


# --- the gap in words --------------------------------------------------------------------


def test_people_are_spoken_of_where_the_suite_says_what_the_label_means() -> None:
    """128 of 412 women and 68 of 388 men who should be approved are not."""
    assert told(groups_only("gender", GENDER)) == [
        "Women are refused 1.8 times as often as men when both should be approved; 95% interval "
        "1.3–2.3; 412 and 388 examples (31 and 18 of 100)."
    ]


def test_labels_are_spoken_of_otherwise() -> None:
    record = groups_only("gender", GENDER, means=None)
    assert told(record) == [
        "Texts whose gender is “female” that are “approve” are missed 1.8 times as often as those "
        "whose gender is “male”; 95% interval 1.3–2.3; 412 and 388 examples (31 and 18 of 100)."
    ]
    of_a_file = record.model_copy(
        update={"model": record.model.model_copy(update={"kind": "predictions"})}
    )
    assert told(of_a_file)[0].startswith("Examples whose gender is “female” that are “approve” are")


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ("hired", "Women are turned down 1.8 times as often as men when both should be hired;"),
        ("escalated", "Women are not escalated 1.8 times as often as men when both should be "),
        ("gets the loan", "Women are not decided “gets the loan” 1.8 times as often as men when "),
    ],
)
def test_what_a_label_means_is_told_in_the_suites_words(means: str, said: str) -> None:
    assert told(groups_only("gender", GENDER, means=means))[0].startswith(said)


def test_false_alarms_are_told_as_such() -> None:
    groups = {"old": (90, 10, 60, 140), "young": (90, 10, 20, 180)}
    assert told(groups_only("age", groups))[0].startswith(
        "People whose age is “old” are approved 3.0 times as often as those whose age is “young” "
        "when neither should be; 95% interval 1.8–4.7; 200 and 200 examples (30 and 10 of 100)."
    )
    assert (
        "that are not “approve” are taken for “approve” 3.0 times as often"
        in (told(groups_only("age", groups, means=None))[0])
    )


def test_selection_is_told_where_nobody_knows_the_truth() -> None:
    """Without rates of errors what is left is who is selected."""
    measured = [
        rate("selection_rate", 200, 400, {"gender": "male"}),
        rate("selection_rate", 100, 400, {"gender": "female"}),
    ]
    said = told(fair(fairness_check(measurements=measured, tables=[])))
    assert said == [
        "Men are approved 2.0 times as often as women; 95% interval 1.6–2.5; 400 and 400 examples "
        "(50 and 25 of 100)."
    ]


def test_a_gap_that_may_be_chance_is_not_told_as_one() -> None:
    record = fair(fairness_check())
    page = section(render_card(record)).by_id("by-gender").text
    assert (
        "These examples cannot tell whether, of people who should not be approved, men and women "
        "differ in how often they are approved: 11 and 10 of 100 are approved; 95% interval of the "
        "difference −0.053 to 0.067; 412 and 400 examples. A gap of 0.070 or more would "
        "probably have been shown."
    ) in page


def test_the_judged_band_has_the_last_word() -> None:
    """The ratio alone would show a difference, the band over all groups does not."""
    measured = column_measurements("gender", GENDER)
    doubtful = [
        one.model_copy(update={"low": 0.0})
        if one.metric == "equal_opportunity_difference"
        else one
        for one in measured
    ]  # fmt: skip
    said = told(fair(fairness_check(measurements=doubtful, tables=[])))[0]
    assert said.startswith("These examples cannot tell whether, of people who should be approved,")


def test_of_many_groups_the_furthest_apart_are_named() -> None:
    groups = {f"{k}": (80 + k, 20, 10, 90) for k in range(8)}
    said = told(groups_only("region", groups))[0]
    assert (
        "whether, of people who should be approved, any of 8 groups are refused more often" in said
    )
    assert "most often those whose region is “0” (20 of 100)" in said


def test_a_group_that_is_never_refused_has_shares_not_a_ratio() -> None:
    groups = {"a": (300, 100, 10, 90), "b": (400, 0, 10, 90)}
    assert told(groups_only("team", groups))[0] == (
        "Of people who should be approved, people whose team is “a”: 25 of 100 are refused; those "
        "whose team is “b”: 0 of 100; 95% interval of the difference 0.190 to 0.310; 400 and 400 "
        "examples."
    )


def test_few_examples_are_told_as_they_are() -> None:
    groups = {"a": (6, 34, 10, 40), "b": (60, 2, 10, 90)}
    assert told(groups_only("team", groups))[0].endswith(
        "40 and 62 examples (34 of 40 and 2 of 62)."
    )


@pytest.mark.parametrize(("groups", "pairs"), [(2, 1), (3, 3), (5, 10)])
def test_interval_of_a_ratio_is_that_of_statsmodels(groups: int, pairs: int) -> None:
    """The adjusted log method, at a confidence shared by all pairs of groups."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    high, low = rate("false_negative_rate", 128, 412, {}), rate("false_negative_rate", 68, 388, {})
    expected = confint_proportions_2indep(
        128, 412, 68, 388, compare="ratio", method="log-adjusted", alpha=0.05 / pairs
    )
    assert groups * (groups - 1) / 2 == pairs
    assert ratio_interval(high, low, pairs) == pytest.approx(expected)


def test_confidence_of_a_ratio_is_shared_by_the_groups_it_was_picked_from() -> None:
    two = Findings(fairness_check(measurements=column_measurements("g", GENDER), tables=[]))
    more = {**GENDER, **{f"other {k}": (300, 100, 40, 360) for k in range(4)}}
    six = Findings(fairness_check(measurements=column_measurements("g", more), tables=[]))
    alone, among = (
        found.contrast("false_negative_rate", ["g"], None) for found in (two, six)
    )  # fmt: skip
    assert alone is not None
    assert among is not None
    assert (alone.compared, among.compared) == (2, 6)
    assert among.least < alone.least < alone.most < among.most


# --- tables and drawings -----------------------------------------------------------------


def test_groups_are_a_table_with_counts_and_intervals(cards) -> None:
    part = section(cards["usual"]).by_id("by-gender")
    assert rules.rows(rules.table_called(part, "Measured for each value of gender")) == [
        ["female", "812", "0.3990.366 to 0.433", "0.3110.268 to 0.357; n = 412",
         "0.1000.074 to 0.133; n = 400", "0.7930.764 to 0.820"],
        ["male", "800", "0.4550.421 to 0.490", "0.1750.141 to 0.216; n = 388",
         "0.1070.081 to 0.140; n = 412", "0.8600.834 to 0.882"],
        ["All examples", "1,612", "0.4270.403 to 0.451", "0.2450.216 to 0.276; n = 800",
         "0.1030.084 to 0.126; n = 812", "0.8260.807 to 0.844"],
    ]  # fmt: skip


def test_rates_are_drawn_with_a_panel_each(cards) -> None:
    svg = section(cards["usual"]).by_id("by-gender").first("svg")
    words = {node.text for node in svg.all("text")}
    assert {"female", "male", "Selection rate", "False negative rate"} <= words
    assert len(dots(svg)) == 6
    dashed = [node for node in svg.all("line") if "stroke-dasharray" in node.attributes]
    assert len(dashed) == 3


def test_small_groups_are_shown_and_named_as_left_out(cards) -> None:
    part = section(cards["usual"]).by_id("by-region")
    assert "Left out of every gap, with fewer than 30 examples: “island” (10)." in part.text
    island = rules.rows(rules.table_called(part, "Measured for each value of region"))[2]
    assert island[:2] == ["island", "10"]


def test_what_has_no_denominator_says_so() -> None:
    groups = {**GENDER, "unsaid": (0, 0, 20, 80)}
    page = section(render_card(groups_only("gender", groups)))
    row = rules.rows(rules.table_called(page, "Measured for each value of gender"))[2]
    assert row[:2] == ["unsaid", "100"]
    assert row[3] == "not measurableno row of the group has the label"
    # Nor is it taken for the group that is refused least.
    assert "Women are refused 1.8 times as often as men" in page.text


def test_no_two_groups_large_enough_is_told_with_the_reason() -> None:
    note = "needs two groups of at least 30 examples"
    measured = [
        measure("equalized_odds_difference", None, n=5, slice={"group": "team"}, note=note),
        *group_rates((2, 1, 1, 1), {"team": "a"}),
    ]
    page = section(render_card(fair(fairness_check(measurements=measured, tables=[]))))
    assert f"How groups differ over team is not measurable: {note}." in page.text


def test_what_a_gap_means_stands_below_it(cards) -> None:
    part = section(cards["usual"]).by_id("by-gender")
    table = rules.rows(rules.table_called(part, "What the gaps over gender mean"))
    assert table[0] == ["True positive rate", "0.136", "male", "female", "800", "0.0001", "0.090",
                        "no number would: the gap itself is 0.1 or more"]  # fmt: skip
    assert table[1][-1] == "about 240 more of “female”, and of 'male' (120) to bound it at 0.1"
    assert table[2][:2] == ["Equalized oddsneeds two groups", "–"]


def test_pairs_are_compared_with_their_denominators(cards) -> None:
    part = section(cards["usual"]).by_id("by-gender")
    table = rules.rows(rules.table_called(part, "Groups of gender compared two by two"))
    assert table[0] == ["True positive rate", "female", "male", "0.689n = 412", "0.825n = 388",
                        "−0.135−0.195 to −0.075", "0.004", "0.012"]  # fmt: skip


def test_impact_ratios_are_labelled_a_convention(cards) -> None:
    part = section(cards["usual"]).by_id("impact-ratios")
    assert "that is a convention, not a law" in part.text
    table = rules.table_called(part, "Impact ratios over gender")
    heads = [head.text for head in table.first("thead").all("th")]
    assert heads == ["Category", "Examples", "Share", "Selection rate", "Impact ratio", "Left out"]
    assert rules.rows(table) == [
        ["female", "812", "0.500", "0.399324 of 812", "0.877", "no"],
        ["male", "800", "0.490", "0.455364 of 800", "1.000", "no"],
        ["unknowncategory unknown", "12", "0.010", "0.2503 of 12", "–", "yes"],
    ]
    assert rules.rows(rules.table_called(part, "Impact ratios over region"))[0][0] == (
        "islandless than 2% of the rows"
    )


def test_thresholds_are_an_exploration_with_its_warning(cards) -> None:
    part = section(cards["usual"]).by_id("thresholds")
    assert part.text.index("An exploration, not a remedy") < part.text.index("may be unlawful")
    assert "Title VII, ECOA" in part.text
    table = rules.rows(rules.table_called(part, "Thresholds for each group, explored"))
    assert table == [
        ["genderleft out: 'x'", "all groups", "800", "0.0310.136", "0.8000.820"],
        ["gender", "female", "406", "–", "0.7800.790"],
    ]
    assert part.text.count("unlawful") == 1


def test_intersections_are_there_and_folded(cards) -> None:
    part = section(cards["usual"]).by_id("intersections-gender-region")
    assert "Women whose region is “north” are refused 1.77 times as often as men whose" in part.text
    table = rules.table_called(part, "Measured for each of gender × region")
    assert table in [one for fold in part.all("details") for one in fold.all("table")]
    assert "“female and island” (4)" in part.text


def test_gaps_of_other_checks_are_drawn_from_the_record(cards) -> None:
    part = section(cards["usual"]).by_id("gaps-in-other-checks")
    table = rules.rows(rules.table_called(part, "Gaps between groups in other checks"))
    assert table[0][:3] == ["Accuracy under attackattack", "region",
                            "recipe = deepwordbugthe surest of 3"]  # fmt: skip
    assert {row[0] for row in table} >= {"Flip rateperturbation", "Worst-case accuracyperturbation"}
    assert not any("×" in row[1] or "*" in row[1] for row in table)


def test_no_other_gaps_no_section() -> None:
    page = section(render_card(fair(fairness_check())))
    assert not [
        node for node in page.all("section") if node.attributes["id"] == "gaps-in-other-checks"
    ]


def test_of_several_labels_the_worst_is_open_and_the_others_folded(cards) -> None:
    part = section(cards["labels"]).by_id("by-gender")
    assert "Of 3 labels, groups lie furthest apart for “fear”" in part.text
    assert (
        "Texts whose gender is “female” that are “fear” are missed 6.0 times as often as those "
        "whose gender is “male”"
    ) in part.text
    folded = [one.text for fold in part.all("details") for one in fold.all("caption")]
    opened = [one.text for one in part.all("caption") if one.text not in folded]
    assert "Measured for each value of gender, label “fear”" in opened
    assert {f"Measured for each value of gender, label “{one}”" for one in ("joy", "anger")} <= {
        *folded
    }


def test_the_meaning_for_people_is_that_of_the_positive_label_alone() -> None:
    groups = {"female": (40, 60, 10, 90), "male": (90, 10, 10, 90)}
    for label, said in (("approve", "Women are refused 6.0"), ("other", "Texts whose gender is")):
        measured = column_measurements("gender", groups, label)
        assert told(fair(fairness_check(measurements=measured, tables=[])))[0].startswith(said)


def test_hostile_names_make_no_element_and_stay_as_written(cards) -> None:
    page = parse(cards["hostile"])
    assert not list(page.all("script", "img", "iframe", "b"))
    assert "\x00" not in cards["hostile"]
    for text in HOSTILE[:11]:
        assert " ".join(text.split()) in page.text


def test_a_hundred_groups_make_a_small_card(cards) -> None:
    page = parse(cards["many"])
    assert len(cards["many"].encode()) < 1_000_000
    assert max(len(rules.rows(table)) for table in page.all("table")) <= 201
    part = page.by_id("by-first")
    assert len(dots(part.first("svg"))) == 24 * 3
    assert "Drawn are the 12 groups with the lowest and the 12 with the highest" in part.text


def test_without_the_check_there_is_no_section() -> None:
    page = parse(render_card(fair(noise_check())))
    assert not [node for node in page.all("section") if "fairness" in (node.attributes["id"] or "")]
    assert "Group fairness" in page.by_id("not-measured").text


def test_a_check_of_nothing_and_one_that_failed_are_sections_all_the_same() -> None:
    page = section(render_card(fair(fairness_check(measurements=[], tables=[]))))
    assert "This check ran and measured nothing." in page.text
    failed = fairness_check(status="error", error="no group columns", measurements=[], tables=[])
    assert "did not finish: no group columns" in section(render_card(fair(failed))).text


def test_a_table_that_is_not_as_expected_is_left_to_the_record() -> None:
    odd = [TableRecord(name=one.name, columns=["x"], rows=[[1]]) for one in tables_of()]
    other = TableRecord(name="of_a_plugin", columns=["x"], rows=[[1]])
    page = section(render_card(fair(fairness_check(tables=[*odd, other]))))
    assert "Of a plugin" in page.text


# --- in few lines ------------------------------------------------------------------------


def test_summary_tells_people_and_the_main_gaps() -> None:
    text = render_summary(fair(fairness_check()))
    assert "Women are refused 1.8 times as often as men" in text
    assert text.count("| Equalized odds difference, by gender | 0.135 | 0.075 to 0.195 |") == 1


def test_without_the_record_no_meaning_is_guessed() -> None:
    said = fairness_readings(fairness_check())[0]
    assert "that have the positive label are missed 1.8 times as often" in said


@pytest.mark.parametrize("name", DESIGNED)
def test_every_metric_has_plain_words(name: str) -> None:
    assert term(name).title != name
    assert term(name).meaning


@pytest.mark.parametrize(
    "method",
    ["max-T band (log)", "max-T band of absolute errors", "DeLong (delta method)",
     "clustered Wilson", "cluster bootstrap (BCa)", "clustered delta method",
     "simultaneous t band (Bonferroni)"],
)  # fmt: skip
def test_methods_of_groups_and_swaps_are_explained(method: str) -> None:
    meaning = method_meaning(method)
    assert meaning
    assert ("ROC" in meaning) is (
        method in ("max-T band of absolute errors", "DeLong (delta method)")
    )


def test_check_of_another_name_is_told_the_same() -> None:
    mine = fairness_check(name="fairness_long")
    page = parse(render_card(fair(mine))).by_id("check-fairness-long")
    assert "Group fairness (fairness_long)" in page.text
    assert REGION["island"][0] < check().minimum_group
    assert "By gender" in page.text
