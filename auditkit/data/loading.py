"""The way from a data set to examples, and the cache of its results.

Two steps, each batch by batch: cells become columns with one spelling in a temporary file; then,
with the whole in view, labels become the model's, examples get ids and a limit draws its rows.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from auditkit.cache_folder import cache_folder
from auditkit.data.columns import Columns
from auditkit.data.examples import Examples
from auditkit.data.files import Source, is_local, open_file
from auditkit.data.finishing import Finish
from auditkit.data.labels import resolve_labels
from auditkit.data.problems import Problems
from auditkit.errors import DataError, UsageError, did_you_mean
from auditkit.suite import DataConfig

__all__ = ["draw_rows", "load_examples"]

_VERSION = 1
"""Of the files in the cache; a change of what they hold makes old ones unknown."""
_METADATA = b"auditkit"


def load_examples(
    config: DataConfig,
    *,
    model_labels: Sequence[str],
    multi_label: bool,
    limit: int | None,
    seed: int,
    offline: bool,
    cache_dir: Path | None = None,
) -> Examples:
    """Read examples from a hub data set or a local file.

    A path is local if it exists, ends like a data file or begins with ``.``, ``/`` or ``~``;
    anything else is a hub id. Local files are CSV and TSV with a header, JSON Lines (each also
    gzipped) and Parquet.

    Labels may be names or ids of the model's labels, as :mod:`auditkit.data.labels` says; several
    labels are a list, in CSV and TSV separated by ``|``. A group column holds single values
    (numbers keep their spelling) or lists of memberships; what is empty, null or NaN is unknown.
    A rationale is a list of 0 and 1 for the words of ``text.split()``, of character offsets, or
    of ``[start, end)`` spans, one form for the whole column (in CSV and TSV as JSON), or null.

    Example ids come from the ``id`` column. Without one they are the first 16 hex digits of the
    SHA-256 over texts and label as spelled in the data, ``-``, and which example with that content
    it is, from 1; a limit does not change them.

    Parameters
    ----------
    config
        The suite's ``data``.
    model_labels
        Names of the model's outputs in the order of the logits.
    multi_label
        Whether several labels may hold for one example.
    limit
        Draw this many rows without replacement and keep their order; None for all.
    seed
        Seeds the draw.
    offline
        Never use the network.
    cache_dir
        Where the Arrow files go; by default see :func:`auditkit.cache_folder.cache_folder`.

    Raises
    ------
    DataError
        If the data cannot be read or does not fit; names the file and line, row or column.
    UsageError
        If ``limit`` is below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} leaves no examples", hint="Give at least 1")
    source = _open(config, offline)
    cache = cache_folder("examples") if cache_dir is None else cache_dir
    key = _key(source, config, list(model_labels), multi_label, limit, seed)
    file = cache / f"{key}.arrow"
    examples = _from_cache(file, source)
    if examples is None:
        _make_folder(cache)
        _build(
            file,
            source,
            config,
            model_labels=list(model_labels),
            multi_label=multi_label,
            limit=limit,
            seed=seed,
        )
        examples = _from_cache(file, source)
        if examples is None:
            raise DataError("cannot be read back", file=file, hint="Is the disk in order?")
    return examples


def _open(config: DataConfig, offline: bool) -> Source:
    if not is_local(config.location):
        if config.quoting is not None:
            raise DataError(
                "'quoting' is for CSV and TSV files only", file=config.path, hint="Remove it"
            )
        from auditkit.data.hub import open_hub

        return open_hub(config, offline)
    for key in ("name", "split", "revision"):
        if getattr(config, key) is not None:
            raise DataError(
                f"'{key}' is for hub data sets, and this is a local file",
                file=config.path,
                hint="Remove it",
            )
    return open_file(config.location, config.quoting)


def _key(source: Source, config: DataConfig, *settings: Any) -> str:
    content = [_VERSION, source.key, config.model_dump(exclude={"path"}), *settings]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _from_cache(file: Path, source: Source) -> Examples | None:
    """Return the examples of a finished file; None if there is none, or a damaged one."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        facts = json.loads(table.schema.metadata[_METADATA])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return Examples(
        table=table.replace_schema_metadata(None),
        source=source.place.source,
        revision=source.revision,
        rows_total=facts["rows_total"],
        limited=table.num_rows < facts["rows_total"],
        notes=(*source.notes, *facts["notes"]),
    )


def _make_folder(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cache_error(cache, error) from None


def _cache_error(cache: Path, error: OSError) -> DataError:
    return DataError(
        f"the cache cannot be written ({error.strerror})",
        file=cache,
        hint="Set AUDITKIT_CACHE to a folder with room for the data",
    )


@contextmanager
def _temporary(cache: Path) -> Iterator[Path]:
    """Yield a new file, readable by its owner alone; it is gone afterwards unless renamed."""
    handle, name = tempfile.mkstemp(suffix=".tmp", dir=cache)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _build(
    file: Path,
    source: Source,
    config: DataConfig,
    *,
    model_labels: list[str],
    multi_label: bool,
    limit: int | None,
    seed: int,
) -> None:
    try:
        with _temporary(file.parent) as raw, _temporary(file.parent) as finished:
            problems = Problems(source.place)
            columns = Columns(config, multi_label, source.cells_are_text, problems)
            rows = _write_columns(raw, source, config, columns)
            problems.check()
            table = pa.ipc.open_file(pa.memory_map(str(raw))).read_all()
            labels, notes = resolve_labels(
                columns.label_values,
                model_labels=model_labels,
                mapping=config.labels,
                class_names=source.class_names.get(config.label),
                place=source.place,
                column=config.label,
            )
            finish = Finish(
                table,
                config,
                columns,
                labels=labels,
                model_labels=model_labels,
                problems=problems,
            )
            chosen = draw_rows(rows, limit, seed)
            facts = {"rows_total": rows, "notes": notes}
            schema = finish.schema.with_metadata({_METADATA: json.dumps(facts)})
            with pa.OSFile(str(finished), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in finish.batches(chosen):
                    writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            problems.check()
            with finished.open("rb+") as stream:
                os.fsync(stream.fileno())
            finished.replace(file)
    except OSError as error:
        raise _cache_error(file.parent, error) from None


def _write_columns(raw: Path, source: Source, config: DataConfig, columns: Columns) -> int:
    wanted = _wanted(config)
    if source.columns is not None:
        _check_columns(source, wanted)
    rows = 0
    with pa.OSFile(str(raw), "wb") as sink, pa.ipc.new_file(sink, columns.schema) as writer:
        for batch in source.read(list(wanted)):
            rows += len(batch.positions)
            writer.write_batch(columns.convert(batch))
    if rows == 0:
        what = "there is a header and no row" if source.columns else "there are no rows"
        raise source.place.error(what)
    _check_columns(source, wanted)
    return rows


def _wanted(config: DataConfig) -> dict[str, str]:
    """Return the columns that are read, and what each is for."""
    wanted = {config.text: "text"}
    for role in ("pair", "label", "id", "rationale"):
        if (column := getattr(config, role)) is not None:
            wanted.setdefault(column, role)
    for column in config.groups:
        wanted.setdefault(column, "groups")
    return wanted


def _check_columns(source: Source, wanted: dict[str, str]) -> None:
    columns = list(source.columns or ())
    for name, role in wanted.items():
        if name in columns:
            continue
        hint = did_you_mean(name, columns)
        if len(columns) == 1 and source.cells_are_text:
            separator = next((c for c in (";", "\t", "|", ",") if c in columns[0]), None)
            if separator:
                hint = f"The header is one field: is {separator!r} its separator? {hint}"
        raise source.place.error(f"is not there (asked for by '{role}')", column=name, hint=hint)


def draw_rows(rows: int, limit: int | None, seed: int) -> npt.NDArray[np.int64]:
    """Return the row numbers of a seeded sample without replacement, ascending; all by default."""
    if limit is None or limit >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
