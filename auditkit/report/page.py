"""A record as the parts of a card, in the order a reviewer reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditkit.record import DataRecord, Measurement, ModelRecord, Record, Verdict
from auditkit.report.attack import not_attacked
from auditkit.report.blocks import (
    Block,
    Cell,
    Column,
    Ids,
    Items,
    Prose,
    Section,
    Table,
)
from auditkit.report.charts import requirement_chart
from auditkit.report.checks import check_section
from auditkit.report.facts import about_section, facts_sections
from auditkit.report.formats import (
    bounds,
    count,
    digits_that_tell,
    interval,
    moment,
    percent,
    plural,
    quantity,
    shorten,
)
from auditkit.report.measured import requirement_title, slice_text
from auditkit.report.samples import Sample, examples_shown
from auditkit.report.words import DIMENSIONS, STATUS, term
from auditkit.requirements import outcome

__all__ = ["Page", "VerdictPanel", "build_page", "not_measured", "verdict_panel"]

_DRAWN_VERDICTS = 60
_REASONS = 40


@dataclass(frozen=True)
class VerdictPanel:
    """The answer at the top of the page."""

    status: str
    """``pass``, ``fail``, ``inconclusive``, ``missing``, ``error`` or ``none``."""
    tone: str
    """The status whose colour it wears: a partial run never wears that of a pass."""
    word: str
    sign: str
    sentences: tuple[str, ...]
    partial: tuple[str, ...]
    """Why the run is not for release; empty for a full one."""
    errors: tuple[str, ...]
    """Checks that did not finish, with the reason."""


@dataclass(frozen=True)
class Page:
    """Everything on a card."""

    title: str
    model: str
    suite: str
    created: str
    record_id: str
    version: str
    verdict: VerdictPanel
    sections: tuple[Section, ...]


def build_page(record: Record, samples: Mapping[str, Sample]) -> Page:
    """Return a record as the parts of a card, drawings included.

    Parameters
    ----------
    record
        The run.
    samples
        The texts to show, by check; see :func:`~auditkit.report.samples.read_samples`.
    """
    ids = Ids()
    model, suite = shorten(record.model.source, 160), shorten(record.suite.name, 80)
    if record.suite.implied:
        suite = "none; predictions from a file"
    # The anchors of the page itself come first, so that no name in the data can take them.
    for name in ("content", "verdict", "contents", "sign-off"):
        ids.new(name)
    sections = (
        about_section(record, ids),
        _requirements(record, ids),
        *(
            check_section(check, record, ids, samples.get(check.name), examples_shown(record))
            for check in record.checks
        ),
        _not_measured(record, ids),
        *facts_sections(record, ids),
    )
    return Page(
        title=f"Audit of {model}: {suite}",
        model=model,
        suite=suite,
        created=moment(record.created),
        record_id=record.id,
        version=record.environment.auditkit,
        verdict=verdict_panel(record),
        sections=sections,
    )


def verdict_panel(record: Record) -> VerdictPanel:
    """Return what a run comes to and why, in two sentences."""
    found = outcome(record.verdicts, record.checks)
    status, tone = STATUS[found.status], found.status
    word = status.word
    if record.partial and found.status == "pass":
        word, tone = f"{word}, on part of the audit only", "inconclusive"
    return VerdictPanel(
        status=found.status,
        tone=tone,
        word=word,
        sign=status.sign,
        sentences=(found.sentence, *_because(record, found.status)),
        partial=tuple(shorten(reason, 400) for reason in record.partial),
        errors=tuple(
            f"{check.name}: {shorten(check.error or 'no reason was recorded', 400)}"
            for check in record.checks
            if check.status == "error"
        ),
    )


def _because(record: Record, status: str) -> Iterator[str]:
    """Yield the sentence after the counts: the gravest verdict, or what a pass rests on."""
    gravest = [verdict for verdict in record.verdicts if verdict.status == status]
    if status == "pass":
        fewest = min((verdict.n for verdict in gravest if verdict.n is not None), default=None)
        if fewest is not None:
            behind = plural(fewest, "example")
            yield f"Each holds as stated; the one with the fewest rests on {behind}."
    elif status == "none":
        yield "What was measured is below; whether it is good enough is for the reader to say."
    elif gravest:
        words = {
            "fail": "Not met",
            "inconclusive": "Cannot be said from these examples",
            "missing": "Could not be judged",
        }
        first = gravest[0]
        more = f" {len(gravest) - 1} more below." if len(gravest) > 1 else ""
        about = shorten(requirement_title(first), 300)
        why = shorten(first.why, 300)
        yield f"{words[status]}: {about}. {why[:1].upper()}{why[1:]}.{more}"


def _requirements(record: Record, ids: Ids) -> Section:
    identity = ids.new("requirements")
    if not record.verdicts:
        said = "The suite states no requirements, so nothing was judged. A card without "
        return Section(
            identity, "Requirements", [Prose(said + "requirements is a report, not an approval.")]
        )
    rows, names = [], []
    for place, verdict in enumerate(record.verdicts):
        names.append(ids.new(f"requirement {verdict.requirement}"))
        rows.append(_requirement_row(verdict, names[-1], drawn=place < _DRAWN_VERDICTS))
    columns = [
        Column("Verdict"),
        Column("Requirement"),
        Column("Bound", numeric=True),
        Column("Measured", numeric=True),
        Column("Against the bound"),
        Column("Examples", numeric=True),
        Column("Why"),
    ]
    key = (
        "Under “Against the bound”: the shaded side is allowed, the upright line is the bound, the "
        "dot is the value, the bar its interval. Each row has a scale of its own."
    )
    if len(record.verdicts) > _DRAWN_VERDICTS:
        key += f" The first {_DRAWN_VERDICTS} are drawn."
    return Section(
        identity,
        "Requirements",
        [
            Prose(
                "A requirement passes only if the whole interval keeps its bound, unless it says "
                "that the point is judged. What lies across the bound is inconclusive, not passed."
            ),
            Table("Every requirement and its verdict", columns, rows, key, ids=names),
        ],
    )


def _requirement_row(verdict: Verdict, identity: str, *, drawn: bool) -> tuple[Cell, ...]:
    unit = term(verdict.metric.partition(".")[2]).unit
    digits = digits_that_tell(
        (verdict.value, verdict.low, verdict.high), (verdict.min, verdict.max), unit
    )
    code = verdict.metric + (f" where {slice_text(verdict.slice)}" if verdict.slice else "")
    judged = "point value" if verdict.bound == "point" else f"{verdict.confidence * 100:g}%"
    allowed = bounds(verdict.min, verdict.max, digits, unit)
    if verdict.value is None:
        measured, chart = Cell("not measured", kind="absent"), Cell("–", kind="absent")
    else:
        exact = verdict.low == verdict.high
        between = "" if exact else interval(verdict.low, verdict.high, digits, unit)
        measured = Cell(quantity(verdict.value, unit, digits), between, "number")
        chart = Cell("–", kind="absent")
        if drawn:
            word = STATUS[verdict.status].word.lower()
            drawing = requirement_chart(
                status=verdict.status,
                value=verdict.value,
                low=verdict.low,
                high=verdict.high,
                minimum=verdict.min,
                maximum=verdict.max,
                prefix=identity,
                title=f"{shorten(verdict.metric)}: {word}",
                description=f"Value {measured.text}, interval {between or 'not made'}, "
                f"bound {allowed}.",
            )
            chart = Cell(kind="figure", figure=drawing)
    line = f"; line {verdict.line} of the suite" if verdict.line is not None else ""
    return (
        Cell(verdict.status, kind="status"),
        Cell(shorten(requirement_title(verdict), 300), shorten(code, 300) + line),
        Cell(allowed, judged, "number"),
        measured,
        chart,
        Cell("–", kind="absent") if verdict.n is None else Cell(count(verdict.n), kind="number"),
        Cell(shorten(verdict.why, 500)),
    )


def _not_measured(record: Record, ids: Ids) -> Section:
    items = not_measured(record)
    blocks: list[Block] = [
        Prose("Nothing in this list was shown to be good; it was not shown at all."),
        Items(items),
    ]
    if not items:
        blocks = [Prose("Every check ran, every measurement has a value, no text was cut.")]
    return Section(ids.new("not measured"), "What was not measured", blocks)


def not_measured(record: Record) -> list[tuple[str, str]]:
    """Return what nobody may take for measured: what it is, and why it is not."""
    items: list[tuple[str, str]] = []
    for check in record.checks:
        if check.status != "ok":
            ended = "did not finish" if check.status == "error" else "was skipped"
            why = shorten(check.error or "no reason was recorded", 400)
            items.append((f"Check {check.name}", f"{ended}: {why}"))
    items += [
        (f"Requirement: {shorten(requirement_title(verdict), 200)}", shorten(verdict.why, 400))
        for verdict in record.verdicts
        if verdict.status == "missing"
    ]
    items += [item for check in record.checks for item in not_attacked(check)]
    items += _without_value(record)
    items += [item for data in record.data for item in _lost(data, record.model)]
    covered = {check.evaluator for check in record.checks}
    items += [
        (meaning.partition(": ")[0], f"{meaning.partition(': ')[2]}. Not measured in this run.")
        for name, meaning in DIMENSIONS.items()
        if name not in covered
    ]
    return items


def _without_value(record: Record) -> Iterator[tuple[str, str]]:
    """Yield measurements without a value, those with the same reason together."""
    alike: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
    for check in record.checks:
        for one in check.measurements:
            if one.value is None:
                alike[check.name, one.metric, one.note or "no reason was recorded"].append(one)
    for (check_name, metric, note), members in [*alike.items()][:_REASONS]:
        where = "; ".join(slice_text(one.slice) for one in members[:3])
        more = f" and {len(members) - 3} more" if len(members) > 3 else ""
        what = f"{term(metric).title} ({check_name}) for {where}{more}"
        yield what, f"not measurable: {shorten(note, 300)}"
    if len(alike) > _REASONS:
        rest = sum(len(members) for members in [*alike.values()][_REASONS:])
        yield plural(rest, "further measurement"), "have no value; record.json holds the reasons"


def _lost(data: DataRecord, model: ModelRecord) -> Iterator[tuple[str, str]]:
    """Yield what of a data set the figures do not speak of."""
    name = f"Data {shorten(data.source)}"
    if data.rows < data.rows_total:
        left = data.rows_total - data.rows
        yield name, f"{count(left)} of {count(data.rows_total)} examples were left out by a limit"
    if data.truncated is None and model.kind == "checkpoint":
        yield name, "how many texts were cut at the model's maximum length is not known"
    elif data.truncated:
        yield (
            name,
            f"the end of {plural(data.truncated, 'text')} of {count(data.rows)} "
            f"({percent(data.truncated, data.rows)}) was never read: the model takes "
            f"{count(model.max_length or 0)} tokens",
        )
    for column, n in data.unknown_groups.items():
        if n:
            yield (
                name,
                f"{plural(n, 'example')} of {count(data.rows)} without a value of {column} "
                "are in no group",
            )
