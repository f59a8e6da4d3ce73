"""Tables of a record that are drawn: confusion matrices, curves, and any other as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from auditkit.record import TableRecord
from auditkit.report.blocks import (
    OPEN_ROWS,
    SHOWN_ROWS,
    Block,
    Cell,
    Column,
    Figure,
    Ids,
    Prose,
    Row,
    Section,
    Table,
    cut_rows,
)
from auditkit.report.calibration import CALIBRATION_TABLES
from auditkit.report.charts import Curve, confusion_chart, curve_chart
from auditkit.report.formats import count, number, percent, plural, quoted, shorten

__all__ = ["table_sections"]

_MATRIX_CLASSES = 12
"""With more classes a matrix of numbers is not read; the most confused pairs are."""
_WIDE_MATRIX = 30
_PAIRS = 20
_PANELS = 12
_POINTS = 200
_TABLE_POINTS = 11

Value: TypeAlias = str | float | int | None
Counts: TypeAlias = dict[tuple[str, str], int]

_CURVES = {
    "roc_curve": (
        "ROC curve",
        ("false_positive_rate", "true_positive_rate"),
        ("false positive rate", "true positive rate"),
        "How many of a class are found (up) for how many others are taken for it (right), at "
        "every threshold. Dashed: guessing.",
    ),
    "precision_recall_curve": (
        "Precision-recall curve",
        ("recall", "precision"),
        ("recall", "precision"),
        "How often a find is right (up) for how many of a class are found (right), at every "
        "threshold.",
    ),
}


def table_sections(tables: Sequence[TableRecord], ids: Ids) -> Iterator[Section]:
    """Yield sections for the tables: those known by name drawn, any other as it is."""
    curves = [table for table in tables if _is_curve(table)]
    for table in tables:
        if not table.rows:
            yield Section(ids.new(table.name), _title(table), [Prose(table.note or "It is empty.")])
        elif table.name == "confusion_matrix" and _has(table, "label", "prediction", "count"):
            make = _class_counts if _has(table, "class") else _confusion
            yield make(table, ids)
        elif table.name in CALIBRATION_TABLES and (
            drawn := CALIBRATION_TABLES[table.name](table, ids)
        ):
            yield drawn
        elif table not in curves:
            yield _generic(table, ids)
        elif table is curves[0]:
            yield _curves(curves, ids)


def _has(table: TableRecord, *names: str) -> bool:
    return set(names) <= set(table.columns)


def _is_curve(table: TableRecord) -> bool:
    known = table.name in _CURVES and _has(table, "class", *_CURVES[table.name][1])
    return known and bool(table.rows)


def _title(table: TableRecord) -> str:
    return table.name.replace("_", " ").capitalize()


def _columns(table: TableRecord, *names: str) -> Iterator[tuple[Value, ...]]:
    """Yield the values of some columns, row by row."""
    places = [table.columns.index(name) for name in names]
    for row in table.rows:
        yield tuple(row[place] for place in places)


def _whole(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _note(table: TableRecord) -> list[Block]:
    return [Prose(table.note)] if table.note else []


def _confusion(table: TableRecord, ids: Ids) -> Section:
    """Return the matrix of one label an example: a chart, or the pairs that stand out."""
    counts: Counts = defaultdict(int)
    labels: dict[str, None] = {}
    for label, prediction, n in _columns(table, "label", "prediction", "count"):
        counts[str(label), str(prediction)] += _whole(n)
        labels |= {str(label): None, str(prediction): None}
    names = list(labels)
    identity = ids.new("confusion matrix")
    title = "Confusion matrix"
    pairs = sorted(
        ((n, a, b) for (a, b), n in counts.items() if a != b and n), key=lambda pair: -pair[0]
    )
    totals = {a: sum(counts.get((a, b), 0) for b in names) for a in names}
    blocks: list[Block] = []
    if pairs:
        n, label, prediction = pairs[0]
        blocks.append(
            Prose(
                f"The most common mistake: {quoted(label)} taken for {quoted(prediction)}, "
                f"{plural(n, 'time')} in {plural(totals[label], 'example')} of "
                f"{quoted(label)} ({percent(n, totals[label])})."
            )
        )
    else:
        blocks.append(Prose("No mistake was made."))
    matrix = _matrix(names, counts, totals)
    if len(names) <= _MATRIX_CLASSES:
        right = sum(counts.get((a, a), 0) for a in names)
        svg = confusion_chart(
            names,
            counts,
            prefix=identity,
            title=f"{title} of {len(names)} classes",
            description=f"{count(right)} of {count(sum(totals.values()))} examples lie on the "
            "diagonal, where the answer is right. The table beside it has every count.",
        )
        caption = (
            "Rows: the label in the data; columns: the model's answer. Each cell has its count "
            "and its share of the row; the more a cell stands out, the larger its share."
        )
        blocks.append(Figure(svg, caption, matrix))
    else:
        rows = [
            (
                Cell(shorten(a)),
                Cell(shorten(b)),
                Cell(count(n), kind="number"),
                Cell(percent(n, totals[a]), kind="number"),
            )
            for n, a, b in pairs[:_PAIRS]
        ]
        heads = [
            Column("Label in the data"),
            Column("The model's answer"),
            Column("Count", numeric=True),
            Column("Share of the label", numeric=True),
        ]
        kinds = f"The most common mistakes of {plural(len(pairs), 'kind')} between {len(names)} "
        blocks += [Table(kinds + "classes", heads, rows), matrix]
    return Section(identity, title, [*blocks, *_note(table)])


def _matrix(names: Sequence[str], counts: Counts, totals: dict[str, int]) -> Table:
    """Return the matrix as a table, or its cells as a list where it is too wide."""
    caption = "Every count of the confusion matrix"
    if len(names) > _WIDE_MATRIX:
        cells = sorted(((n, a, b) for (a, b), n in counts.items() if n), reverse=True)
        rows = [
            (Cell(shorten(a)), Cell(shorten(b)), Cell(count(n), kind="number"))
            for n, a, b in cells[:SHOWN_ROWS]
        ]
        heads = [
            Column("Label in the data"),
            Column("The model's answer"),
            Column("Count", numeric=True),
        ]
        return Table(caption, heads, rows, cut_rows(len(cells), SHOWN_ROWS, "largest"), folded=True)
    columns = [
        Column("Label in the data"),
        *(Column(f"answered {shorten(name, 40)}", numeric=True) for name in names),
        Column("Total", numeric=True),
    ]
    return Table(
        caption,
        columns,
        [
            (
                Cell(shorten(a)),
                *(Cell(count(counts.get((a, b), 0)), kind="number") for b in names),
                Cell(count(totals[a]), kind="number"),
            )
            for a in names
        ],
        folded=True,
    )


def _class_counts(table: TableRecord, ids: Ids) -> Section:
    """Return the counts of each class of a model that may give several labels at once."""
    counts: dict[str, Counts] = defaultdict(lambda: defaultdict(int))
    for name, label, prediction, n in _columns(table, "class", "label", "prediction", "count"):
        counts[str(name)][str(label), str(prediction)] += _whole(n)
    cells = (("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no"))
    rows = [
        (
            Cell(shorten(name)),
            *(Cell(count(found[cell]), kind="number") for cell in cells),
        )
        for name, found in [*counts.items()][:SHOWN_ROWS]
    ]
    heads = ("Found", "Missed", "False alarms", "Rightly left")
    block = Table(
        "For each class: examples that have it and got it, have it and did not, got it wrongly, "
        "and neither have nor got it",
        [Column("Class"), *(Column(head, numeric=True) for head in heads)],
        rows,
        cut_rows(len(counts), SHOWN_ROWS),
        folded=len(counts) > OPEN_ROWS,
    )
    return Section(ids.new("confusion matrix"), "Right and wrong by class", [block, *_note(table)])


def _curves(tables: Sequence[TableRecord], ids: Ids) -> Section:
    """Return curves in panels, a handful of their points as tables."""
    figures = [figure for table in tables if (figure := _curve(table, ids)) is not None]
    notes = [Prose(table.note) for table in tables if table.note]
    return Section(ids.new("curves"), "Curves", [Row(figures), *notes])


def _curve(table: TableRecord, ids: Ids) -> Figure | None:
    """Return one kind of curve for each class, None where no point is complete."""
    title, (x_name, y_name), (x_title, y_title), meaning = _CURVES[table.name]
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, x, y in _columns(table, "class", x_name, y_name):
        if isinstance(x, int | float) and isinstance(y, int | float):
            points[str(name)].append((float(x), float(y)))
    curves = []
    for name, path in [*points.items()][:_PANELS]:
        kept = _thinned(path, _POINTS)
        curves.append(Curve(name, [x for x, _ in kept], [y for _, y in kept]))
    if not curves:
        return None
    svg = curve_chart(
        curves,
        x_title=x_title,
        y_title=y_title,
        diagonal=table.name == "roc_curve",
        prefix=ids.new(title),
        title=f"{title} of {plural(len(curves), 'class', 'classes')}",
        description=f"{y_title} against {x_title}, one panel for each class: "
        + ", ".join(shorten(curve.label, 40) for curve in curves),
    )
    folded = (
        f" Drawn are the first {_PANELS} of {len(points)} classes; record.json holds all."
        if len(points) > _PANELS
        else ""
    )
    rows = [
        (Cell(shorten(curve.label)), *(Cell(number(part), kind="number") for part in point))
        for curve in curves
        for point in _thinned(list(zip(curve.x, curve.y, strict=True)), _TABLE_POINTS)
    ]
    heads = [Column("Class"), Column(x_title, numeric=True), Column(y_title, numeric=True)]
    small = Table(
        f"Points of the {title}",
        heads,
        rows,
        f"At most {_TABLE_POINTS} points of each curve; record.json holds the others.",
        folded=True,
    )
    return Figure(svg, f"{title}. {meaning}{folded}", small)


def _thinned(points: Sequence[tuple[float, float]], limit: int) -> Sequence[tuple[float, float]]:
    """Return at most ``limit`` points spread evenly over the list, first and last among them."""
    if len(points) <= limit:
        return points
    step = (len(points) - 1) / (limit - 1)
    return [points[round(place * step)] for place in range(limit)]


def _generic(table: TableRecord, ids: Ids) -> Section:
    """Return a table nobody here knows, as it is."""

    def cell(value: Value) -> Cell:
        if value is None:
            return Cell("–", kind="absent")
        if isinstance(value, str):
            return Cell(shorten(value))
        return Cell(count(value) if isinstance(value, int) else number(value), kind="number")

    rows = [[cell(value) for value in row] for row in table.rows[:SHOWN_ROWS]]
    numeric = [
        all(isinstance(value, int | float) for value in column if value is not None)
        for column in zip(*table.rows, strict=False)
    ]
    block = Table(
        _title(table),
        [
            Column(name.replace("_", " "), numeric=is_number)
            for name, is_number in zip(table.columns, numeric, strict=False)
        ],
        rows,
        cut_rows(len(table.rows), SHOWN_ROWS),
        folded=len(table.rows) > OPEN_ROWS,
    )
    return Section(ids.new(table.name), _title(table), [block, *_note(table)])
