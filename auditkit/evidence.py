"""Evidence on disk: parquet parts with digests, found again when a run is resumed.

A part carries the key of what it was made from. A run that finds a part with the key it would
make itself does not make it again; a part that is torn, damaged or made from anything else is
made anew. Parts are written under a temporary name, synced and renamed, so that a name always
stands for a whole file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditkit.errors import CheckError, RecordError
from auditkit.record import PartRecord

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EvidenceFolder",
    "count_rows",
    "digest_file",
    "open_evidence",
    "part_key",
    "prepare_rows",
]

_KEY = b"auditkit.key"


def part_key(facts: Mapping[str, Any]) -> str:
    """Return the key of a part: SHA-256 over everything its content depends on."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_rows(path: Path) -> int:
    """Return how many rows a part has."""
    return int(pq.ParquetFile(path).metadata.num_rows)


@dataclass(frozen=True)
class EvidenceFolder:
    """The parts of one check, below the folder of a run."""

    run: Path
    """The run's folder."""
    name: str
    """The check's name, or ``predictions-<first 8 digits of the data's fingerprint>``."""

    @property
    def folder(self) -> Path:
        """Where the parts are."""
        return self.run / "evidence" / self.name

    def path(self, part: int) -> Path:
        """Return the file of a part."""
        return self.folder / f"part-{part:05d}.parquet"

    def holds(self, part: int, key: str) -> bool:
        """Whether the part is there, whole, and made from what ``key`` stands for."""
        path = self.path(part)
        if not path.is_file():
            return False
        try:
            file = pq.ParquetFile(path, page_checksum_verification=True)
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(_KEY, b"").decode() != key:
                return False
            file.read()
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            return False
        return True

    def write(self, part: int, key: str, table: pa.Table) -> None:
        """Write a part so that its name never stands for half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(part)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            pq.write_table(
                table.replace_schema_metadata({_KEY: key.encode()}),
                temporary,
                compression="zstd",
                write_page_checksum=True,
            )
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def keep_only(self, parts: int) -> None:
        """Delete parts beyond the first ``parts``, left by a run with more, and stray files."""
        if not self.folder.is_dir():
            return
        wanted = {self.path(part).name for part in range(parts)}
        for path in self.folder.iterdir():
            if path.name not in wanted:
                path.unlink()

    def records(self, parts: int) -> list[PartRecord]:
        """Return file, digest and rows of the first ``parts`` parts."""
        return [
            PartRecord(
                file=self.path(part).relative_to(self.run).as_posix(),
                digest=digest_file(self.path(part)),
                rows=count_rows(self.path(part)),
            )
            for part in range(parts)
        ]


def open_evidence(run: Path, parts: Sequence[PartRecord]) -> Any:
    """Open parts as one pyarrow dataset, without reading them.

    Raises
    ------
    RecordError
        If a part is missing or is no parquet file.
    """
    import pyarrow.dataset as ds

    paths = [run / part.file for part in parts]
    schemas = []
    for path in paths:
        try:
            schemas.append(pq.read_schema(path).remove_metadata())
        except FileNotFoundError:
            raise RecordError(
                "evidence is missing", file=path, hint="Run the audit again"
            ) from None
        except (pa.ArrowException, OSError) as error:
            raise RecordError(
                f"evidence cannot be read: {error}", file=path, hint="Run the audit again"
            ) from None
    if not schemas:
        raise RecordError("the check has no evidence", file=run, hint="Run the audit again")
    # A column without any value in one part has no type there; the other parts know it.
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    return ds.dataset(paths, schema=schema, format="parquet")


def prepare_rows(rows: pd.DataFrame | pa.Table, shard: pa.Table, check: str) -> pa.Table:
    """Hold collected rows against the contract and join the group columns of their examples.

    Raises
    ------
    CheckError
        If the first column is not ``example_id``, rows are not sorted by it, an id is not of
        this shard, a column name is reserved, or a number is infinite.
    """
    if not isinstance(rows, pa.Table):
        import pandas as pd

        if not isinstance(rows, pd.DataFrame):
            raise CheckError(
                f"'{check}' returned {type(rows).__name__} from collect()",
                hint="Return a pandas data frame or a pyarrow table",
            )
        rows = pa.Table.from_pandas(rows, preserve_index=False)
    table = rows
    names = table.column_names
    if not names or names[0] != "example_id":
        raise CheckError(
            f"'{check}' returned rows whose first column is not 'example_id' but {names[:1]}"
        )
    reserved = [name for name in names if name.startswith("group:")]
    if reserved:
        raise CheckError(f"'{check}' returned a column {reserved[0]!r}; groups are joined for it")
    identifiers = table.column("example_id").to_pylist()
    if any(not isinstance(one, str) for one in identifiers):
        raise CheckError(f"'{check}' returned an example_id that is not a text")
    if identifiers != sorted(identifiers):
        raise CheckError(f"'{check}' returned rows that are not sorted by example_id")
    position = {one: row for row, one in enumerate(shard.column("example_id").to_pylist())}
    unknown = [one for one in identifiers if one not in position]
    if unknown:
        raise CheckError(f"'{check}' returned the example_id {unknown[0]!r}, not of its shard")
    for name in names:
        column = table.column(name)
        if pa.types.is_floating(column.type):
            values = column.drop_null().to_numpy()
            if np.isinf(values).any():
                raise CheckError(f"'{check}' returned an infinite number in column {name!r}")
    take = pa.array([position[one] for one in identifiers], type=pa.int64())
    for name in shard.column_names:
        if name.startswith("group:"):
            table = table.append_column(name, shard.column(name).take(take))
    return table
