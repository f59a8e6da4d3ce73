"""The drawings of a card: Altair's grammar, drawn to SVG by vl-convert without a network.

Every chart stands beside a table of the same figures; none tells anything by colour alone.
Colours are stand-ins that :mod:`auditkit.report.svg` turns into the page's variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditkit.report.drawing import STAND_IN, distinct, dressed, render
from auditkit.report.formats import count, percent

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "Curve",
    "Point",
    "ReliabilityBin",
    "confusion_chart",
    "curve_chart",
    "interval_chart",
    "reliability_chart",
    "requirement_chart",
]

_HEAT = [STAND_IN[f"heat-{step}"] for step in range(5)]
# The middle of the scale and darker carries light text; a test holds the contrast.
_FIRST_DARK = 3
_LABEL_WIDTH = 230
_PLOT_WIDTH = 280
_NARROW_PLOT_WIDTH = 200
_LONG_LABEL = 22
"""Characters of a label that fit in half of the room there is for labels."""


@dataclass(frozen=True)
class Point:
    """A value with its interval on one row of one panel."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    panel: str = ""


@dataclass(frozen=True)
class Curve:
    """Points of a curve in the unit square, in the order they are joined."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows whose confidence lies between two edges: how sure they are and how often right."""

    low_edge: float
    high_edge: float
    count: int
    confidence: float
    accuracy: float
    low: float
    high: float


def interval_chart(
    points: Sequence[Point],
    *,
    prefix: str,
    title: str,
    description: str,
    reference: Mapping[str, float] | None = None,
) -> Markup:
    """Draw dots with their intervals, one row a label, one panel beside the other.

    Parameters
    ----------
    points
        Values within [0, 1]; the rows come in the order of first appearance.
    prefix, title, description
        Name for ids, what is shown and what it says.
    reference
        For each panel a value drawn as a dashed line, such as that of all examples.
    """
    import altair as alt

    reference = reference or {}
    panels = list(dict.fromkeys(point.panel for point in points))
    names = distinct(dict.fromkeys(point.label for point in points))
    rows = [
        {
            "row": names[point.label],
            "panel": point.panel,
            "value": point.value,
            "low": point.value if point.low is None else point.low,
            "high": point.value if point.high is None else point.high,
            "reference": reference.get(point.panel),
        }
        for point in points
    ]
    ends = [
        end for point in points for end in (point.value, point.low, point.high) if end is not None
    ]
    scale = alt.Scale(domain=_domain([*ends, *reference.values()]), nice=False, zero=False)
    ticks = 4 if len(panels) == 1 else 2

    def x(field: str) -> Any:
        axis = alt.Axis(title=None, tickCount=ticks, format=".2~f")
        return alt.X(field, scale=scale, axis=axis)

    row = alt.Y(
        "row:N",
        sort=list(names.values()),
        title=None,
        axis=alt.Axis(labelLimit=_LABEL_WIDTH, labelPadding=10, grid=False),
    )
    base = alt.Chart()
    layers = [
        base.mark_rule(strokeWidth=3, strokeCap="round", color=STAND_IN["accent"], opacity=0.45)
        .encode(x=x("low:Q"), x2="high:Q", y=row),
        base.mark_point(size=55, filled=True, opacity=1, color=STAND_IN["accent"])
        .encode(x=x("value:Q"), y=row),
    ]  # fmt: skip
    if reference:
        dashed = base.mark_rule(strokeDash=[3, 3], strokeWidth=1, color=STAND_IN["muted"])
        layers.insert(0, dashed.encode(x=x("min(reference):Q")))
    # Long names take from the plot, so that the drawing still stands beside its table.
    alone = _PLOT_WIDTH if max(map(len, names.values())) <= _LONG_LABEL else _NARROW_PLOT_WIDTH
    width = alone if len(panels) == 1 else 170
    chart = alt.layer(*layers, data=alt.InlineData(values=rows)).properties(
        width=width, height=alt.Step(24)
    )
    if len(panels) > 1:
        chart = chart.facet(
            column=alt.Column("panel:N", sort=panels, title=None), spacing=30, columns=len(panels)
        )
    return render(dressed(chart), prefix, title, description)


def requirement_chart(
    *,
    status: str,
    value: float,
    low: float | None,
    high: float | None,
    minimum: float | None,
    maximum: float | None,
    prefix: str,
    title: str,
    description: str,
) -> Markup:
    """Draw one verdict without an axis: what is allowed, the bound, the interval and the value."""
    known = [end for end in (value, low, high, minimum, maximum) if end is not None]
    spread = (max(known) - min(known)) or abs(value) * 0.1 or 1.0
    left, right = min(known) - spread * 0.25, max(known) + spread * 0.25

    def at(end: float) -> float:
        return (end - left) / (right - left)

    row = {
        "value": at(value),
        "low": at(value if low is None else low),
        "high": at(value if high is None else high),
        "from": 0.0 if minimum is None else at(minimum),
        "to": 1.0 if maximum is None else at(maximum),
    }
    spec = _requirement_spec(status, minimum is not None, maximum is not None)
    spec = {**spec, "data": {"values": [row]}}
    return render(spec, prefix, title, description)


@cache
def _requirement_spec(status: str, has_minimum: bool, has_maximum: bool) -> dict[str, Any]:
    """Return what is the same for every verdict of a kind; Altair takes longer than drawing."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale, axis=None)

    colour = STAND_IN[status]
    base = alt.Chart()
    limits = [
        base.mark_rule(strokeWidth=2, color=STAND_IN["ink"]).encode(x=x(field))
        for field, stated in (("from", has_minimum), ("to", has_maximum))
        if stated
    ]
    middle = alt.value(11)
    interval = base.mark_rule(strokeWidth=3, strokeCap="round", color=colour)
    dot = base.mark_point(size=60, filled=True, opacity=1, color=colour)
    chart = alt.layer(
        base.mark_rect(color=STAND_IN["allowed"]).encode(x=x("from"), x2="to:Q"),
        *limits,
        interval.encode(x=x("low"), x2="high:Q", y=middle),
        dot.encode(x=x("value"), y=middle),
        data=alt.InlineData(values=[]),
    ).properties(width=150, height=22)
    return dressed(chart, padding=1)


def confusion_chart(
    labels: Sequence[str],
    counts: Mapping[tuple[str, str], int],
    *,
    prefix: str,
    title: str,
    description: str,
) -> Markup:
    """Draw a confusion matrix: rows are the true labels, shaded by their share of the row."""
    import altair as alt

    names = distinct(labels)
    cells = []
    for label in labels:
        total = sum(counts.get((label, other), 0) for other in labels)
        for prediction in labels:
            n = counts.get((label, prediction), 0)
            step = min(int(5 * n / total), 4) if total else 0
            cells.append(
                {
                    "label": names[label],
                    "prediction": names[prediction],
                    "count": count(n),
                    "share": percent(n, total),
                    "step": str(step),
                    "ink": "dark" if step < _FIRST_DARK else "light",
                }
            )
    order = list(names.values())
    side = 84 if len(labels) <= 3 else 62 if len(labels) <= 6 else 46
    # The cell of a square that is as wide as its labels need is still a square.
    y = alt.Y("label:N", sort=order, title="label in the data",
              axis=alt.Axis(labelLimit=120, labelPadding=8, grid=False))  # fmt: skip
    x = alt.X("prediction:N", sort=order, title="the model's answer",
              axis=alt.Axis(orient="top", labelAngle=0 if len(labels) <= 3 else -45, grid=False,
                            labelLimit=side + 20, labelPadding=8))  # fmt: skip
    base = alt.Chart().encode(x=x, y=y)
    ink = alt.Color(
        "ink:N",
        scale=alt.Scale(
            domain=["dark", "light"],
            range=[STAND_IN["on-heat-low"], STAND_IN["on-heat-high"]],
        ),
        legend=None,
    )
    shade = alt.Color(
        "step:N",
        scale=alt.Scale(domain=[str(step) for step in range(5)], range=_HEAT),
        legend=None,
    )
    big, small = (15, 11) if side > 50 else (11, 9)
    text = base.mark_text(fontSize=big, dy=-big / 2, fontWeight=600)
    chart = (
        alt.layer(
            base.mark_rect().encode(color=shade),
            text.encode(text="count:N", color=ink),
            base.mark_text(fontSize=small, dy=big * 0.7).encode(text="share:N", color=ink),
            data=alt.InlineData(values=cells),
        )
        .resolve_scale(color="independent")
        .properties(width=alt.Step(side), height=alt.Step(side))
    )
    return render(dressed(chart), prefix, title, description)


def curve_chart(
    curves: Sequence[Curve],
    *,
    x_title: str,
    y_title: str,
    diagonal: bool,
    top: float = 1.0,
    prefix: str,
    title: str,
    description: str,
) -> Markup:
    """Draw curves in a square, each in a panel of its own, three to a row.

    Both axes begin at 0; the horizontal one ends at 1, the upright one at ``top``.
    """
    import altair as alt

    names = distinct(curve.label for curve in curves)
    rows = [
        {"panel": names[curve.label], "x": x, "y": y, "order": position}
        for curve in curves
        for position, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    scale = alt.Scale(domain=[0, 1], nice=False)
    upright = alt.Scale(domain=[0, top], nice=False)

    def axis(title: str, end: float = 1.0) -> Any:
        ticks = [end * part / 4 for part in range(5)]
        return alt.Axis(title=title, values=ticks, format=".3~f")

    line = (
        alt.Chart()
        .mark_line(strokeWidth=2, color=STAND_IN["accent"], interpolate="linear")
        .encode(
            x=alt.X("x:Q", scale=scale, axis=axis(x_title)),
            y=alt.Y("y:Q", scale=upright, axis=axis(y_title, top)),
            order="order:Q",
        )
    )
    layers = [line]
    if diagonal:
        chance = alt.Chart(alt.InlineData(values=[{"a": 0, "b": 1}]))
        layers.insert(
            0,
            chance.mark_rule(strokeDash=[3, 3], color=STAND_IN["muted"]).encode(
                x=alt.X("a:Q", scale=scale), x2="b:Q", y=alt.Y("a:Q", scale=scale), y2="b:Q"
            ),
        )
    side = 240 if len(curves) == 1 else 180
    chart = alt.layer(*layers, data=alt.InlineData(values=rows)).properties(width=side, height=side)
    if len(curves) > 1:
        chart = chart.facet(
            facet=alt.Facet("panel:N", sort=list(names.values()), title=None),
            columns=min(3, len(curves)),
            spacing=28,
        )
    return render(dressed(chart), prefix, title, description)


def reliability_chart(
    panels: Mapping[str, Sequence[ReliabilityBin]],
    *,
    x_title: str,
    y_title: str,
    prefix: str,
    title: str,
    description: str,
) -> Markup:
    """Draw accuracy against confidence with the diagonal, and below it how many rows each bin has.

    Parameters
    ----------
    panels
        Bins of each class; a single panel needs no name.
    x_title, y_title
        Titles of the axes of the square.
    prefix, title, description
        Name for ids, what is shown and what it says.
    """
    import altair as alt

    side = 260 if len(panels) == 1 else 190
    names = distinct(panels)
    scale = alt.Scale(domain=[0, 1], nice=False)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    above = alt.Axis(title=None, values=ticks, labels=False)
    below = alt.Axis(title=x_title, values=ticks, format=".2~f")
    upright = alt.Axis(title=y_title, values=ticks, format=".2~f")
    drawn = []
    for name, bins in panels.items():
        rows = alt.InlineData(values=[asdict(one) for one in bins])
        x = alt.X("confidence:Q", scale=scale, axis=above)
        base = alt.Chart(rows)
        diagonal = alt.Chart(alt.InlineData(values=[{"a": 0, "b": 1}])).mark_rule(
            strokeDash=[3, 3], color=STAND_IN["muted"]
        )
        square = alt.layer(
            diagonal.encode(
                x=alt.X("a:Q", scale=scale, axis=above), x2="b:Q",
                y=alt.Y("a:Q", scale=scale, axis=upright), y2="b:Q",
            ),
            base.mark_rule(strokeWidth=3, strokeCap="round", color=STAND_IN["accent"], opacity=0.45)
            .encode(x=x, y=alt.Y("low:Q", scale=scale, axis=upright), y2="high:Q"),
            base.mark_point(size=55, filled=True, opacity=1, color=STAND_IN["accent"])
            .encode(x=x, y=alt.Y("accuracy:Q", scale=scale, axis=upright)),
        ).properties(width=side, height=side)  # fmt: skip
        counts = (
            base.mark_bar(color=STAND_IN["accent"], opacity=0.45)
            .encode(
                x=alt.X("low_edge:Q", bin="binned", scale=scale, axis=below), x2="high_edge:Q",
                y=alt.Y("count:Q", axis=alt.Axis(title="examples", tickCount=2, format="~s")),
            )
            .properties(width=side, height=56)
        )  # fmt: skip
        both = alt.vconcat(square, counts, spacing=6)
        drawn.append(both.properties(title=names[name]) if len(panels) > 1 else both)
    chart = alt.concat(*drawn, columns=3, spacing=28)
    return render(dressed(chart), prefix, title, description)


def _domain(values: Sequence[float]) -> list[float]:
    """Return the part of [0, 1] that holds the values, from tenth to tenth, at least 0.2 wide."""
    from math import ceil, floor

    low = max(0.0, floor(min(values) * 10 - 0.2) / 10)
    high = min(1.0, ceil(max(values) * 10 + 0.2) / 10)
    if high - low < 0.2:
        low, high = (low, low + 0.2) if low < 0.1 else (high - 0.2, high)
    return [round(low, 1), round(high, 1)]
