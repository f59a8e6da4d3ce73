"""Drawings: positions against hand-worked geometry, and what may not get into a page."""

from __future__ import annotations

import re

import pytest

from auditkit.errors import InternalError
from auditkit.report.charts import (
    Curve,
    Point,
    confusion_chart,
    curve_chart,
    interval_chart,
    requirement_chart,
)
from auditkit.report.svg import finish
from tests.report.html_tree import Node, parse

NAMES = {"prefix": "p", "title": "A title", "description": "What it says"}


def moves(node: Node) -> tuple[float, float]:
    """The translation of a mark, as numbers."""
    found = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", node.attributes.get("transform") or "")
    assert found is not None
    return float(found[1]), float(found[2])


def dots(svg: Node) -> list[Node]:
    return [node for node in svg.all("path") if "A" in (node.attributes.get("d") or "")]


def marks(svg: Node, colour: str, tag: str = "line") -> list[Node]:
    return [node for node in svg.all(tag) if node.attributes.get("stroke") == f"var(--{colour})"]


def test_dots_stand_where_their_values_are() -> None:
    """On the axis from 0.5 to 0.9, 280 wide, values 0.6, 0.7, 0.8 stand at 70, 140, 210."""
    points = [Point(f"row {k}", 0.6 + k / 10, 0.55 + k / 10, 0.65 + k / 10) for k in range(3)]
    svg = parse(interval_chart(points, **NAMES))
    found = [moves(dot) for dot in dots(svg)]
    assert [x for x, _ in found] == pytest.approx([70, 140, 210])
    assert sorted(y for _, y in found) == [y for _, y in found]
    bars = marks(svg, "accent")
    assert [moves(bar)[0] for bar in bars] == pytest.approx([35, 105, 175])
    assert [float(bar.attributes["x2"] or 0) for bar in bars] == pytest.approx([70, 70, 70])


def test_reference_is_a_dashed_line_in_its_own_panel() -> None:
    points = [Point("a", 0.6, panel="One"), Point("a", 0.7, panel="Two")]
    svg = parse(interval_chart(points, reference={"Two": 0.65}, **NAMES))
    dashed = [node for node in svg.all("line") if "stroke-dasharray" in node.attributes]
    assert len(dashed) == 1


def test_rows_with_the_same_words_stay_apart() -> None:
    """Two labels that differ only in what cannot be shown are two rows."""
    points = [Point("a\x00", 0.6), Point("a\x01", 0.7)]
    svg = parse(interval_chart(points, **NAMES))
    assert len({moves(dot)[1] for dot in dots(svg)}) == 2


@pytest.mark.parametrize(
    ("minimum", "maximum", "value", "low", "high", "inside"),
    [
        (0.85, None, 0.91, 0.90, 0.92, True),
        (0.85, None, 0.80, 0.78, 0.82, False),
        (None, 0.05, 0.02, 0.01, 0.03, True),
        (None, 0.05, 0.09, 0.07, 0.11, False),
        (-2.0, 40.0, 12.5, 11.0, 14.0, True),
    ],
)
def test_verdict_drawing_has_the_value_on_its_side_of_the_bound(
    minimum: float | None, maximum: float | None, value: float, low: float, high: float,
    inside: bool,
) -> None:  # fmt: skip
    svg = parse(
        requirement_chart(
            status="pass" if inside else "fail",
            value=value, low=low, high=high, minimum=minimum, maximum=maximum, **NAMES,
        )
    )  # fmt: skip
    allowed = next(
        node for node in svg.all("path") if node.attributes.get("fill") == "var(--allowed)"
    )
    shape = re.fullmatch(r"M([\d.]+),0h([\d.]+)v22h-[\d.]+Z", allowed.attributes["d"] or "")
    assert shape is not None
    left, width = float(shape[1]), float(shape[2])
    ((dot, _),) = [moves(node) for node in dots(svg)]
    assert (left <= dot <= left + width) is inside
    bounds = [moves(node)[0] for node in marks(svg, "ink")]
    stated = [limit for limit in (minimum, maximum) if limit is not None]
    assert len(bounds) == len(stated)
    assert all(bound == pytest.approx(left) or bound == pytest.approx(left + width)
               for bound in bounds)  # fmt: skip
    (bar,) = marks(svg, "pass" if inside else "fail")
    start, length = moves(bar)[0], float(bar.attributes["x2"] or 0)
    assert start < dot < start + length
    # The bar is to the bound's distance as the interval is to the value's: one linear scale.
    unit = length / (high - low)
    assert dot - bounds[0] == pytest.approx((value - stated[0]) * unit, abs=0.05)


def test_confusion_matrix_has_counts_shares_and_shades_of_each_row() -> None:
    counts = {("a", "a"): 30, ("a", "b"): 10, ("b", "b"): 0}
    svg = parse(confusion_chart(["a", "b"], counts, **NAMES))
    words = [node.text for node in svg.all("text")]
    # Row a: 30 of 40 and 10 of 40. Row b has no examples, so no shares.
    for expected in ("30", "75%", "10", "25%", "–"):
        assert expected in words
    cells = [node for node in svg.all("path", "rect")
             if (node.attributes.get("fill") or "").startswith("var(--heat-")]  # fmt: skip
    # Five steps of a fifth each: three quarters are step 3, a quarter is step 1.
    assert [cell.attributes["fill"] for cell in cells] == [
        "var(--heat-3)", "var(--heat-1)", "var(--heat-0)", "var(--heat-0)",
    ]  # fmt: skip


def test_curves_are_joined_in_their_order() -> None:
    curve = Curve("a", [0.0, 0.5, 1.0], [0.0, 1.0, 1.0])
    svg = parse(curve_chart([curve], x_title="x", y_title="y", diagonal=False, **NAMES))
    (line,) = marks(svg, "accent", "path")
    assert line.attributes["d"] == "M0,240L120,0L240,0"


def test_every_colour_is_a_variable_of_the_page() -> None:
    svg = parse(
        confusion_chart(["a", "b"], {("a", "a"): 1}, **NAMES)
        + interval_chart([Point("a", 0.5, panel="A"), Point("a", 0.5, panel="B")], **NAMES)
    )
    for node in svg.all():
        for name in ("fill", "stroke"):
            value = node.attributes.get(name) or "none"
            assert value in ("none", "currentColor") or re.fullmatch(r"var\(--[\w-]+\)", value)
    assert not [n for n in svg.all() if "currentColor" in n.attributes.values()]


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        "<a href='javascript:1'><text>x</text></a>",
        "<image href='http://example.org/x.png'/>",
        "<foreignObject><p>x</p></foreignObject>",
        "<use href='#x'/>",
        "<style>*{}</style>",
        "<animate attributeName='href'/>",
        "<path d='M0,0' fill='red' stroke='red' transform='url(#x)'/>",
        "<rect fill='red' width='1&quot; onload=&quot;x'/>",
    ],
)
def test_drawing_with_anything_but_shapes_is_refused(inside: str) -> None:
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'>{inside}</svg>"
    with pytest.raises(InternalError, match="a chart holds"):
        finish(svg, **NAMES)


def test_declarations_are_refused() -> None:
    bomb = "<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg xmlns='http://www.w3.org/2000/svg'>&a;</svg>"
    with pytest.raises(InternalError, match="declaration"):
        finish(bomb, **NAMES)


def test_attributes_off_the_list_are_dropped_and_words_escaped() -> None:
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10' onload='x()'>"
        "<text onclick='x()' href='#' class='c' aria-label='l' fill='#000'>&lt;b&gt;</text></svg>"
    )
    done = finish(svg, prefix="p", title="</title><b>", description="&")
    root = parse(done).first("svg")
    text = root.first("text")
    assert text.attributes == {"fill": "currentColor"}
    assert text.text == "<b>"
    assert root.by_id("p--title").text == "</title><b>"
    assert "onload" not in root.attributes
