"""The drawings of a card: Altair's grammar, drawn to SVG by vl-convert without a network.

Every chart stands beside a table of the same figures; none tells anything by colour alone.
Colours are stand-ins that :mod:`auditkit.report.svg` turns into the page's variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditkit.report.formats import clean, count, percent, shorten
from auditkit.report.svg import COLOURS, finish

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "Curve",
    "Point",
    "confusion_chart",
    "curve_chart",
    "interval_chart",
    "requirement_chart",
]

_STAND_IN = {variable[6:-1]: stand_in for stand_in, variable in COLOURS.items()}
_HEAT = [_STAND_IN[f"heat-{step}"] for step in range(5)]
# The middle of the scale and darker carries light text; a test holds the contrast.
_FIRST_DARK = 3
_LABEL_WIDTH = 150
_PLOT_WIDTH = 280


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
    names = _distinct(dict.fromkeys(point.label for point in points))
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
        base.mark_rule(strokeWidth=3, strokeCap="round", color=_STAND_IN["accent"], opacity=0.45)
        .encode(x=x("low:Q"), x2="high:Q", y=row),
        base.mark_point(size=55, filled=True, opacity=1, color=_STAND_IN["accent"])
        .encode(x=x("value:Q"), y=row),
    ]  # fmt: skip
    if reference:
        dashed = base.mark_rule(strokeDash=[3, 3], strokeWidth=1, color=_STAND_IN["muted"])
        layers.insert(0, dashed.encode(x=x("min(reference):Q")))
    width = _PLOT_WIDTH if len(panels) == 1 else 170
    chart = alt.layer(*layers, data=alt.InlineData(values=rows)).properties(
        width=width, height=alt.Step(24)
    )
    if len(panels) > 1:
        chart = chart.facet(
            column=alt.Column("panel:N", sort=panels, title=None), spacing=30, columns=len(panels)
        )
    return _render(_spec(chart), prefix, title, description)


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
    return _render(spec, prefix, title, description)


@cache
def _requirement_spec(status: str, has_minimum: bool, has_maximum: bool) -> dict[str, Any]:
    """Return what is the same for every verdict of a kind; Altair takes longer than drawing."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale, axis=None)

    colour = _STAND_IN[status]
    base = alt.Chart()
    limits = [
        base.mark_rule(strokeWidth=2, color=_STAND_IN["ink"]).encode(x=x(field))
        for field, stated in (("from", has_minimum), ("to", has_maximum))
        if stated
    ]
    middle = alt.value(11)
    interval = base.mark_rule(strokeWidth=3, strokeCap="round", color=colour)
    dot = base.mark_point(size=60, filled=True, opacity=1, color=colour)
    chart = alt.layer(
        base.mark_rect(color=_STAND_IN["allowed"]).encode(x=x("from"), x2="to:Q"),
        *limits,
        interval.encode(x=x("low"), x2="high:Q", y=middle),
        dot.encode(x=x("value"), y=middle),
        data=alt.InlineData(values=[]),
    ).properties(width=150, height=22)
    return _spec(chart, padding=1)


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

    names = _distinct(labels)
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
            range=[_STAND_IN["on-heat-low"], _STAND_IN["on-heat-high"]],
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
    return _render(_spec(chart), prefix, title, description)


def curve_chart(
    curves: Sequence[Curve],
    *,
    x_title: str,
    y_title: str,
    diagonal: bool,
    prefix: str,
    title: str,
    description: str,
) -> Markup:
    """Draw curves in the unit square, each in a panel of its own, three to a row."""
    import altair as alt

    names = _distinct(curve.label for curve in curves)
    rows = [
        {"panel": names[curve.label], "x": x, "y": y, "order": position}
        for curve in curves
        for position, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    scale = alt.Scale(domain=[0, 1], nice=False)
    ticks = [0, 0.25, 0.5, 0.75, 1]

    def axis(title: str) -> Any:
        return alt.Axis(title=title, values=ticks, format=".2~f")

    line = (
        alt.Chart()
        .mark_line(strokeWidth=2, color=_STAND_IN["accent"], interpolate="linear")
        .encode(
            x=alt.X("x:Q", scale=scale, axis=axis(x_title)),
            y=alt.Y("y:Q", scale=scale, axis=axis(y_title)),
            order="order:Q",
        )
    )
    layers = [line]
    if diagonal:
        chance = alt.Chart(alt.InlineData(values=[{"a": 0, "b": 1}]))
        layers.insert(
            0,
            chance.mark_rule(strokeDash=[3, 3], color=_STAND_IN["muted"]).encode(
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
    return _render(_spec(chart), prefix, title, description)


def _distinct(labels: Any) -> dict[str, str]:
    """Return what to write for each label: clean, short, and no two alike."""
    written: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        name = base = shorten(clean(label).strip() or "(empty)", 40)
        copy = 2
        while name in taken:
            name, copy = f"{base} ({copy})", copy + 1
        taken.add(name)
        written[label] = name
    return written


def _domain(values: Sequence[float]) -> list[float]:
    """Return the part of [0, 1] that holds the values, from tenth to tenth, at least 0.2 wide."""
    from math import ceil, floor

    low = max(0.0, floor(min(values) * 10 - 0.2) / 10)
    high = min(1.0, ceil(max(values) * 10 + 0.2) / 10)
    if high - low < 0.2:
        low, high = (low, low + 0.2) if low < 0.1 else (high - 0.2, high)
    return [round(low, 1), round(high, 1)]


def _spec(chart: Any, padding: int = 4) -> dict[str, Any]:
    """Return an Altair chart in the page's dress as a Vega-Lite specification."""
    ink, muted, line = _STAND_IN["ink"], _STAND_IN["muted"], _STAND_IN["line"]
    themed = (
        chart.configure(background="transparent", padding=padding, font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            domain=False, ticks=False, gridColor=line, labelColor=ink, titleColor=muted,
            labelFontSize=13, titleFontSize=12, titleFontWeight="normal", titlePadding=10,
            labelOverlap=True,
        )
        .configure_header(labelColor=ink, labelFontSize=13, labelFontWeight=600, labelLimit=170)
    )  # fmt: skip
    spec: dict[str, Any] = themed.to_dict(validate=False)
    return spec


def _render(spec: dict[str, Any], prefix: str, title: str, description: str) -> Markup:
    """Return the finished SVG of a specification."""
    import altair as alt
    import vl_convert

    svg = vl_convert.vegalite_to_svg(
        spec,
        vl_version="_".join(alt.SCHEMA_VERSION.split(".")[:2]),
        allowed_base_urls=[],
    )
    return finish(svg, prefix=prefix, title=clean(title), description=clean(description))
