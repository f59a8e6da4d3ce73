"""The drawing of shifts: how far a score moves, to either side of 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.report.drawing import STAND_IN, distinct, dressed, render

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Shift", "shift_chart"]

_LABEL_WIDTH = 230
_WIDTH = 320
_REACHES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Shift:
    """How far a score moves, with its interval where it is known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


def shift_chart(shifts: Sequence[Shift], *, prefix: str, title: str, description: str) -> Markup:
    """Draw a dot with a bar for each shift, on an axis that reaches as far to either side of 0.

    Parameters
    ----------
    shifts
        Values within [-1, 1]; the rows come in this order. Bars are cut at the axis' ends.
    prefix, title, description
        Name for ids, what is shown and what it says.
    """
    import altair as alt

    names = distinct(dict.fromkeys(one.label for one in shifts))
    furthest = max(
        abs(end) for one in shifts for end in (one.value, one.low, one.high) if end is not None
    )
    reach = next((end for end in _REACHES if end >= furthest), 1.0)

    def within(end: float) -> float:
        return min(max(end, -reach), reach)

    rows = [
        {
            "row": names[one.label],
            "value": within(one.value),
            "low": within(one.value if one.low is None else one.low),
            "high": within(one.value if one.high is None else one.high),
        }
        for one in shifts
    ]
    scale = alt.Scale(domain=[-reach, reach], nice=False, zero=False)
    axis = alt.Axis(
        title=None,
        values=[-reach, -reach / 2, 0, reach / 2, reach],
        format="+.3~f",
        labelExpr="datum.value == 0 ? '0' : datum.label",
    )
    row = alt.Y(
        "row:N",
        sort=list(names.values()),
        title=None,
        axis=alt.Axis(labelLimit=_LABEL_WIDTH, labelPadding=10, grid=False),
    )

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale, axis=axis)

    base = alt.Chart()
    accent = STAND_IN["accent"]
    chart = alt.layer(
        base.mark_rule(strokeDash=[3, 3], strokeWidth=1, color=STAND_IN["muted"])
        .transform_calculate(zero="0")
        .transform_aggregate(nothing="min(zero)")
        .encode(x=alt.X("nothing:Q", scale=scale, axis=axis)),
        base.mark_rule(strokeWidth=3, strokeCap="round", color=accent, opacity=0.45)
        .encode(x=x("low"), x2="high:Q", y=row),
        base.mark_point(size=55, filled=True, opacity=1, color=accent)
        .encode(x=x("value"), y=row),
        data=alt.InlineData(values=rows),
    ).properties(width=_WIDTH, height=alt.Step(24))  # fmt: skip
    return render(dressed(chart), prefix, title, description)
