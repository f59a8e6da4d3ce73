"""The drawings of robustness: what noise does as it grows, and what an attack leaves standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from auditkit.report.drawing import STAND_IN, distinct, dressed, render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Fall", "Step", "fall_chart", "severity_chart"]

_COLUMNS = 4
_PANEL_WIDTH = 132
_PANEL_HEIGHT = 96
_TOPS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_LABEL_WIDTH = 230


@dataclass(frozen=True)
class Step:
    """A value with its interval at one severity of one kind."""

    panel: str
    severity: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fall:
    """Accuracy before an attack, and under it with its interval."""

    label: str
    before: float
    under: float
    low: float
    high: float


def severity_chart(steps: Sequence[Step], *, prefix: str, title: str, description: str) -> Markup:
    """Draw a small panel for each kind: a line over severities 1 to 5, with interval bars.

    Parameters
    ----------
    steps
        Values within [0, 1]; panels come in the order of first appearance.
    prefix, title, description
        Name for ids, what is shown and what it says.
    """
    import altair as alt

    names = distinct(dict.fromkeys(step.panel for step in steps))
    rows = [asdict(replace(step, panel=names[step.panel])) for step in steps]
    top = next(end for end in _TOPS if end >= min(max(step.high for step in steps), 1.0))
    x = alt.X(
        "severity:Q",
        scale=alt.Scale(domain=[0.6, 5.4], nice=False),
        axis=alt.Axis(title=None, values=[1, 2, 3, 4, 5], format="d", grid=False),
    )
    upright = alt.Scale(domain=[0, top], nice=False)
    axis = alt.Axis(title=None, values=[0, top / 2, top], format=".2~f")

    def y(field: str) -> Any:
        return alt.Y(f"{field}:Q", scale=upright, axis=axis)

    base = alt.Chart()
    accent = STAND_IN["accent"]
    layers = [
        base.mark_rule(strokeWidth=3, strokeCap="round", color=accent, opacity=0.45)
        .encode(x=x, y=y("low"), y2="high:Q"),
        base.mark_line(strokeWidth=1.5, color=accent, interpolate="linear")
        .encode(x=x, y=y("value")),
        base.mark_point(size=34, filled=True, opacity=1, color=accent)
        .encode(x=x, y=y("value")),
    ]  # fmt: skip
    chart = (
        alt.layer(*layers, data=alt.InlineData(values=[]))
        .properties(width=_PANEL_WIDTH, height=_PANEL_HEIGHT)
        .facet(
            facet=alt.Facet(
                "panel:N", sort=list(names.values()), title=None, header=alt.Header(labelPadding=4)
            ),
            columns=min(_COLUMNS, len(names)),
            spacing={"column": 26, "row": 12},
        )
        # Or the axis of a column stands below an empty place where the last row is not full.
        .resolve_axis(x="independent")
    )
    # Put in last: Altair copies all it is given, over and over.
    return render({**dressed(chart), "data": {"values": rows}}, prefix, title, description)


def fall_chart(falls: Sequence[Fall], *, prefix: str, title: str, description: str) -> Markup:
    """Draw for each recipe a ring for the accuracy before and a dot with a bar for that under it.

    Parameters
    ----------
    falls
        Shares within [0, 1]; the rows come in this order.
    prefix, title, description
        Name for ids, what is shown and what it says.
    """
    import altair as alt

    names = distinct(fall.label for fall in falls)
    rows = [asdict(replace(fall, label=names[fall.label])) for fall in falls]
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(title=None, values=[0, 0.25, 0.5, 0.75, 1], format=".2~f")
    row = alt.Y(
        "label:N",
        sort=list(names.values()),
        title=None,
        axis=alt.Axis(labelLimit=_LABEL_WIDTH, labelPadding=10, grid=False),
    )

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale, axis=axis)

    base = alt.Chart()
    accent, muted = STAND_IN["accent"], STAND_IN["muted"]
    chart = alt.layer(
        base.mark_rule(strokeWidth=1, strokeDash=[3, 3], color=muted)
        .encode(x=x("under"), x2="before:Q", y=row),
        base.mark_rule(strokeWidth=3, strokeCap="round", color=accent, opacity=0.45)
        .encode(x=x("low"), x2="high:Q", y=row),
        base.mark_point(size=60, filled=False, strokeWidth=1.5, opacity=1, color=muted)
        .encode(x=x("before"), y=row),
        base.mark_point(size=60, filled=True, opacity=1, color=accent)
        .encode(x=x("under"), y=row),
        data=alt.InlineData(values=rows),
    ).properties(width=300, height=alt.Step(28))  # fmt: skip
    return render(dressed(chart), prefix, title, description)
