"""What was tested, on what, with what, and how to do it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping

from auditkit.record import DataRecord, EngineRecord, ModelRecord, Record
from auditkit.report.blocks import (
    OPEN_ROWS,
    SHOWN_ROWS,
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Ids,
    Items,
    Prose,
    Row,
    Section,
    Table,
    cut_rows,
)
from auditkit.report.formats import (
    bytes_on_disk,
    count,
    large,
    number,
    percent,
    plural,
    shorten,
)
from auditkit.report.words import CARD_FIELDS, method_meaning

__all__ = ["about_section", "facts_sections", "repeat_command", "suite_name"]


def about_section(record: Record, ids: Ids) -> Section:
    """Return what was tested and for what use; what nobody stated is shown as a gap."""
    model = record.model
    stated = record.suite.content.get("card")
    stated = stated if isinstance(stated, Mapping) else {}
    supplied = model.kind == "predictions"
    facts = [
        Fact("Predictions", f"From the file {shorten(model.source, 300)}; no model was loaded")
        if supplied
        else Fact("Model", shorten(model.source, 300)),
        Fact(
            "What it does",
            f"{model.task}, {plural(len(model.labels), 'label')}"
            + (", several may hold at once: " if model.multi_label else ": ")
            + _some(model.labels),
        ),
        *(
            Fact(
                "Data",
                ("The same file" if supplied else shorten(data.source, 300))
                + (f", split {data.split}" if data.split else "")
                + f": {plural(data.rows, 'example')}",
            )
            for data in record.data
        ),
        Fact(
            "Suite",
            ("None was given; measured: " if record.suite.implied else f"{record.suite.name}: ")
            + (_some([c.name for c in record.checks]) or "-"),
        ),
    ]
    for key, title in CARD_FIELDS.items():
        text = stated.get(key)
        said = text.strip() if isinstance(text, str) else ""
        facts.append(Fact(title, said) if said else Fact(title, "Not stated", "absent"))
    return Section(ids.new("tested"), "What was tested", [Facts(facts)])


def _some(names: list[str], limit: int = 20) -> str:
    shown = ", ".join(shorten(name, 60) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


def facts_sections(record: Record, ids: Ids) -> Iterator[Section]:
    """Yield the sections a reviewer turns to for detail."""
    yield _data(record, ids)
    yield _model(record, ids)
    yield _intervals(record, ids)
    yield _reproduce(record, ids)


def _data(record: Record, ids: Ids) -> Section:
    identity = ids.new("data")
    if not record.data:
        return Section(identity, "Data", [Prose("No data set is recorded.")])
    if len(record.data) == 1:
        return Section(identity, "Data", _one_data(record.data[0], record.model))
    sections = [
        Section(ids.new(f"data {data.id}"), f"Data {data.id}", _one_data(data, record.model))
        for data in record.data
    ]
    return Section(identity, "Data", [], sections)


def _one_data(data: DataRecord, model: ModelRecord) -> list[Block]:
    optional = (
        ("Revision", data.revision),
        ("Split", data.split),
    )
    columns = ", ".join(f"{role}: {name}" for role, name in data.columns.items())
    facts = [
        Fact("Source", shorten(data.source, 300)),
        *(Fact(name, text) for name, text in optional if text),
        Fact("Examples", f"{count(data.rows)} of {count(data.rows_total)}"),
        Fact("Columns", columns or "–"),
        Fact("Fingerprint", data.fingerprint, "code"),
        *([] if model.kind == "predictions" else [_cut(data)]),
        Fact("Predictions", _evidence(data)),
    ]
    blocks: list[Block] = [Facts(facts)]
    if data.notes:
        blocks.append(Items([("", shorten(note, 400)) for note in data.notes[:30]]))
    counts = [_counts(data.label_counts, data.rows, "Examples for each label", "Label")]
    for column, values in data.groups.items():
        unknown = data.unknown_groups.get(column, 0)
        note = f"{plural(unknown, 'example')} without a value." if unknown else ""
        counts.append(_counts(values, data.rows, f"Examples for each {column}", column, note))
    return [*blocks, Row(counts)]


def _cut(data: DataRecord) -> Fact:
    known = "not known" if data.truncated is None else count(data.truncated)
    return Fact("Texts cut at the model's limit", known)


def _evidence(data: DataRecord) -> str:
    if not data.evidence:
        return "none were kept"
    rows = sum(part.rows for part in data.evidence)
    return f"{plural(rows, 'row')} in {plural(len(data.evidence), 'file')}"


def _counts(
    counts: Mapping[str, int], total: int, caption: str, head: str, note: str = ""
) -> Table:
    rows = [
        (
            Cell(shorten(name) or "(empty)"),
            Cell(count(n), kind="number"),
            Cell(percent(n, total), kind="number"),
        )
        for name, n in [*counts.items()][:SHOWN_ROWS]
    ]
    columns = [Column(head), Column("Examples", numeric=True), Column("Share", numeric=True)]
    notes = " ".join(part for part in (note, cut_rows(len(counts), SHOWN_ROWS)) if part)
    return Table(caption, columns, rows, notes, folded=len(counts) > OPEN_ROWS)


def _model(record: Record, ids: Ids) -> Section:
    model = record.model
    supplied = model.kind == "predictions"
    facts = [
        Fact("Source", shorten(model.source, 300)),
        Fact("Revision", model.revision) if model.revision else None,
        Fact("File, SHA-256" if supplied else "Weights, SHA-256", model.digest, "code"),
        Fact("Task", model.task),
        Fact("Labels", _some(model.labels, 50)),
        Fact("Several labels at once", "yes" if model.multi_label else "no"),
        *([] if supplied else _checkpoint(model)),
    ]
    blocks: list[Block] = [Facts([fact for fact in facts if fact])]
    if supplied:
        blocks.insert(
            0,
            Prose(
                "No model was loaded: labels, predictions and scores were read from a file. "
                "What made them, and how, the file does not say."
            ),
        )
    return Section(ids.new("model"), "Predictions" if supplied else "Model", blocks)


def _checkpoint(model: ModelRecord) -> Iterator[Fact]:
    """Yield what only a checkpoint has."""
    dtypes = model.dtype or ""
    if model.stored_dtype != model.dtype:
        dtypes += f" (stored as {model.stored_dtype})"
    parameters, longest = model.parameters or 0, model.max_length or 0
    yield Fact("Tokenizer, SHA-256", model.tokenizer_digest or "", "code")
    yield Fact("Architecture", model.architecture or "")
    yield Fact("Parameters", f"{large(parameters)} ({count(parameters)})")
    yield Fact("Size on disk", bytes_on_disk(model.size_on_disk or 0))
    yield Fact("Number format", dtypes)
    yield Fact("Device", f"{model.device}, {model.device_name}")
    yield Fact("Longest input", plural(longest, "token"))


def _intervals(record: Record, ids: Ids) -> Section:
    methods = dict.fromkeys(
        one.method for check in record.checks for one in check.measurements if one.method
    )
    judged = [verdict for verdict in record.verdicts if verdict.status != "missing"]
    blocks: list[Block] = [
        Prose(
            "An interval says how far the value could be off because only these examples were "
            "seen: with a confidence of 95%, intervals made this way hold the true value in 95 "
            "of 100 audits like this one. It says nothing of examples unlike these."
        )
    ]
    if methods:
        blocks.append(Items([(method, method_meaning(method)) for method in methods]))
        blocks.append(
            Prose(f"Bootstrap intervals rest on {count(record.environment.draws)} draws.")
        )
    else:
        blocks.append(Prose("No interval was made in this run."))
    if judged:
        blocks.append(Prose(_multiplicity(record)))
    return Section(ids.new("intervals"), "How the intervals were made", blocks)


def _multiplicity(record: Record) -> str:
    """Return how many requirements shared the run, and what that does to being sure."""
    judged = [verdict for verdict in record.verdicts if verdict.status != "missing"]
    levels = ", ".join(
        f"{level * 100:g}%" for level in sorted({verdict.confidence for verdict in judged})
    )
    said = (
        f"{plural(len(judged), 'requirement')} {'was' if len(judged) == 1 else 'were'} judged, "
        f"each at its own confidence ({levels}). The confidence was not corrected for their "
        "number."
    )
    points = sum(verdict.bound == "point" for verdict in judged)
    # A bound is judged at one end of a two-sided interval, so half of what the confidence
    # leaves over can go wrong; chances of several add up to no more than their sum.
    risk = sum((1 - verdict.confidence) / 2 for verdict in judged if verdict.bound == "interval")
    if risk:
        said += (
            " If the intervals are exact, the chance that one requirement or more passed although "
            f"the truth breaks its bound is at most {min(risk, 1) * 100:.3g}%."
        )
    if points:
        said += f" {plural(points, 'requirement')} judged by the point value carry no such promise."
    return said


def _reproduce(record: Record, ids: Ids) -> Section:
    environment = record.environment
    facts = [
        Fact("Command", repeat_command(record), "code"),
        Fact("Run", record.id, "code"),
        Fact("Suite, SHA-256", record.suite.digest, "code"),
        Fact("Seed", str(environment.seed)),
        Fact("auditkit", environment.auditkit),
        Fact("Python", environment.python),
        Fact("Platform", environment.platform),
        *([] if environment.threads is None else [Fact("Threads", str(environment.threads))]),
        Fact("Commit", environment.commit or "not in a git checkout", "code"),
        Fact(
            "Libraries",
            ", ".join(f"{name} {version}" for name, version in environment.packages.items()) or "–",
        ),
    ]
    content = json.dumps(record.suite.content, ensure_ascii=False, default=str, indent=1)
    suite = [
        Fact("Source", "none was given" if record.suite.implied else record.suite.source),
        Fact("Content", shorten(content, 20_000), "code"),
    ]
    audited = "file" if record.model.kind == "predictions" else "model, data"
    blocks: list[Block] = [
        Prose(f"A repeat with the same suite, {audited} and seed has the same run id."),
        Facts(facts),
        Facts(suite, summary="The suite as it was run"),
    ]
    if record.engine is not None:
        cost = list(_cost(record.engine))
        blocks.append(Facts(cost, summary="What was asked of the model, and what it cost"))
    return Section(ids.new("reproduce"), "How to reproduce it", blocks)


def _cost(engine: EngineRecord) -> Iterator[Fact]:
    shapes = ", ".join(f"{length}: {rows}" for length, rows in engine.shapes.items())
    yield Fact("Texts asked for", count(engine.queries))
    yield Fact("Texts the model ran", count(engine.unique))
    if engine.searched:
        yield Fact(f"… of them in {engine.search_dtype}, for a search", count(engine.searched))
    yield Fact("Answered from memory", count(engine.cache_hits))
    yield Fact("Answered from the cache on disk", count(engine.disk_hits))
    yield Fact("Forward passes", count(engine.batches))
    yield Fact("Tokens", count(engine.tokens))
    yield Fact("Padding tokens", count(engine.padding))
    yield Fact("Filler rows", count(engine.filler_rows))
    yield Fact("Distinct texts cut at the limit", count(engine.truncated))
    yield Fact("Device busy", f"{number(engine.device_seconds, 1)} seconds")
    yield Fact("Batch size halved for want of memory", plural(engine.halvings, "time"))
    yield Fact("Rows in a batch by padded length", shorten(shapes, 400) or "–")


def suite_name(record: Record) -> str:
    """Return what the suite is called, or that there was none."""
    return "No suite" if record.suite.implied else f"Suite {record.suite.name}"


def repeat_command(record: Record) -> str:
    """Return the command that makes the same audit again, quoted for a shell.

    The suite's content holds overrides from the command line already, so the data's place is
    always spelled out; seed and limit are, since results hang on them.
    """
    model = record.model
    limited = [data for data in record.data if data.rows < data.rows_total]
    last = ["--seed", str(record.environment.seed)]
    if limited:
        last += ["--limit", str(limited[0].rows)]
    if model.kind == "predictions":
        return shlex.join(["auditkit", "run", *_predictions_flags(record), *last])
    source = model.source
    if model.revision and "@" not in source:
        source = f"{source}@{model.revision}"
    parts = ["auditkit", "run", record.suite.source, "--model", source]
    parts += _column_flags(
        record, data="path", text="text", pair="pair", label="label", id="id", split="split"
    )
    parts += last
    if model.dtype not in (None, "float32"):
        parts += ["--dtype", str(model.dtype)]
    if record.engine is not None and record.engine.search_dtype not in (None, model.dtype):
        parts += ["--search-dtype", str(record.engine.search_dtype)]
    return shlex.join(parts)


def _predictions_flags(record: Record) -> Iterator[str]:
    """Yield suite, file and columns; what a suite alone can name, it names again."""
    if not record.suite.implied:
        yield record.suite.source
    yield from ("--predictions", record.model.source)
    yield from _column_flags(record, label="label", prediction="prediction", score="score", id="id")


def _column_flags(record: Record, **keys: str) -> Iterator[str]:
    """Yield a flag for each of these keys of ``data`` that is set, for groups, and the positive."""
    content = record.suite.content
    config = content.get("data")
    config = config if isinstance(config, Mapping) else {}
    for flag, key in keys.items():
        if config.get(key) is not None:
            yield from (f"--{flag}", str(config[key]))
    for column in config.get("groups") or ():
        yield from ("--group", str(column))
    if content.get("positive") is not None:
        yield from ("--positive", str(content["positive"]))
