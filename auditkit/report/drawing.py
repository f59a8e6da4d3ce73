"""What every drawing shares: colours, the page's dress, and the way to SVG."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from auditkit.report.formats import clean, shorten
from auditkit.report.svg import COLOURS, finish

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["STAND_IN", "distinct", "dressed", "render"]

STAND_IN = {variable[6:-1]: stand_in for stand_in, variable in COLOURS.items()}
"""The colour to draw with for each colour of the page, by its name."""


def distinct(labels: Iterable[str]) -> dict[str, str]:
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


def dressed(chart: Any, padding: int = 4) -> dict[str, Any]:
    """Return an Altair chart in the page's dress as a Vega-Lite specification."""
    ink, muted, line = STAND_IN["ink"], STAND_IN["muted"], STAND_IN["line"]
    themed = (
        chart.configure(background="transparent", padding=padding, font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            domain=False, ticks=False, gridColor=line, labelColor=ink, titleColor=muted,
            labelFontSize=13, titleFontSize=12, titleFontWeight="normal", titlePadding=10,
            labelOverlap=True,
        )
        .configure_title(color=ink, fontSize=13, fontWeight=600, limit=170, anchor="middle")
        .configure_header(labelColor=ink, labelFontSize=13, labelFontWeight=600, labelLimit=170)
    )  # fmt: skip
    spec: dict[str, Any] = themed.to_dict(validate=False)
    return spec


def render(spec: dict[str, Any], prefix: str, title: str, description: str) -> Markup:
    """Return the finished SVG of a specification."""
    import altair as alt
    import vl_convert

    svg = vl_convert.vegalite_to_svg(
        spec,
        vl_version="_".join(alt.SCHEMA_VERSION.split(".")[:2]),
        allowed_base_urls=[],
    )
    return finish(svg, prefix=prefix, title=clean(title), description=clean(description))
