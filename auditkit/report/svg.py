"""From the SVG that vl-convert draws to one that may stand inside a page.

What comes in was drawn from labels other people chose, so what goes out holds only elements
and attributes on a list: shapes, texts and their geometry. Colours become CSS variables, so
that one drawing serves a light page, a dark one and paper.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from markupsafe import Markup

from auditkit.errors import InternalError

__all__ = ["COLOURS", "finish"]

COLOURS: dict[str, str] = {
    "#0a0001": "var(--ink)",
    "#0a0002": "var(--muted)",
    "#0a0003": "var(--line)",
    "#0a0004": "var(--accent)",
    "#0a0005": "var(--allowed)",
    "#0a0006": "var(--pass)",
    "#0a0007": "var(--fail)",
    "#0a0008": "var(--inconclusive)",
    "#0a0009": "var(--missing)",
    "#0a0010": "var(--heat-0)",
    "#0a0011": "var(--heat-1)",
    "#0a0012": "var(--heat-2)",
    "#0a0013": "var(--heat-3)",
    "#0a0014": "var(--heat-4)",
    "#0a0020": "var(--on-heat-low)",
    "#0a0021": "var(--on-heat-high)",
}
"""Stand-in colours that charts are drawn with, and the variable each stands for."""

_ELEMENTS = frozenset({"svg", "g", "path", "rect", "line", "circle", "text", "tspan"})
_GEOMETRY = frozenset(
    {"d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy"}
    | {"width", "height", "transform", "viewBox"}
)
_PAINT = frozenset(
    {"opacity", "fill-opacity", "stroke-opacity", "stroke-width", "stroke-dasharray"}
    | {"stroke-linecap", "stroke-linejoin", "stroke-miterlimit"}
    | {"font-size", "font-weight", "text-anchor"}
)
_COLOURED = frozenset({"fill", "stroke"})
# Nothing that could reach out of the page or be read as more than a number or a keyword.
_VALUE = re.compile(r"[\w\s.,#%()+\-]*")
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_RGB = re.compile(r"rgb\((\d+), ?(\d+), ?(\d+)\)")


def finish(svg: str, *, prefix: str, title: str, description: str) -> Markup:
    """Return a drawing made safe, themed and readable for assistive technology.

    The root has ``role="img"`` and is named by ``title`` and ``description``; the marks inside
    are hidden, since the page shows the same figures as a table.

    Parameters
    ----------
    svg
        What vl-convert drew.
    prefix
        A name that is unique on the page, for ids.
    title, description
        What it shows, and what it says, as plain text.

    Raises
    ------
    InternalError
        If the drawing holds an element or a value that is not on the list.
    """
    if "<!" in svg:
        raise InternalError("a chart holds a declaration")
    drawn = ET.fromstring(svg)  # noqa: S314 - made by vl-convert, and without declarations
    root = _copy(drawn)
    marks = ET.Element("g", {"aria-hidden": "true"})
    marks.extend(list(root))
    for child in list(root):
        root.remove(child)
    names = {"title": (f"{prefix}--title", title), "desc": (f"{prefix}--desc", description)}
    for tag, (name, text) in names.items():
        ET.SubElement(root, tag, {"id": name}).text = text
    root.append(marks)
    root.set("role", "img")
    root.set("aria-labelledby", " ".join(name for name, _ in names.values()))
    root.set("class", "chart")
    # Lets the page shrink a drawing on a phone, but not until its words are unreadable.
    root.set("style", f"--natural: {float(root.get('width', '0')):g}px")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - rebuilt from the list


def _copy(element: ET.Element) -> ET.Element:
    """Return the element with what is on the list; raise for an element that is not."""
    tag = element.tag.rpartition("}")[2]
    if tag not in _ELEMENTS:
        raise InternalError(f"a chart holds the element {tag!r}")
    copied = ET.Element(tag)
    for name, value in element.attrib.items():
        if name in _COLOURED:
            copied.set(name, _colour(value))
        elif name in _GEOMETRY or name in _PAINT:
            if not _VALUE.fullmatch(value) or "url" in value:
                raise InternalError(f"a chart holds the value {value!r} for {name!r}")
            copied.set(name, _LONG_DECIMAL.sub(_rounded, value))
    copied.text = element.text
    for child in element:
        if child.get("display") == "none":
            continue
        below = _copy(child)
        if _draws(below):
            below.tail = child.tail
            copied.append(below)
    return copied


def _draws(element: ET.Element) -> bool:
    """Whether anything is seen of it: empty groups and paths only add to the page's size."""
    if element.tag == "g":
        return len(element) > 0
    painted = any(element.get(name, "none") != "none" for name in _COLOURED)
    if element.tag == "path":
        return painted and element.get("d", "") not in ("", "M0,0h0v0h0Z")
    return painted or element.tag not in ("rect", "line", "circle")


def _colour(value: str) -> str:
    if value in ("none", "transparent"):
        return "none"
    rgb = _RGB.fullmatch(value)
    if rgb:
        value = "#" + "".join(f"{int(part):02x}" for part in rgb.groups())
    return COLOURS.get(value, "currentColor")


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".") or "0"
