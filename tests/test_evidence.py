"""Parts on disk: whole or not there, and made anew where anything differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from auditkit.errors import CheckError, RecordError
from auditkit.evidence import EvidenceFolder, digest_file, open_evidence, part_key, prepare_rows
from auditkit.record import PartRecord

SHARD = pa.table(
    {
        "example_id": ["b", "a", "c"],
        "label": ["x", "y", "x"],
        "group:gender": ["f", None, "m"],
        "group:named": pa.array([["A"], [], ["A", "B"]], type=pa.list_(pa.string())),
    }
)


@pytest.fixture
def folder(tmp_path):
    return EvidenceFolder(tmp_path, "check")


def _table(value: float) -> pa.Table:
    return pa.table({"example_id": ["a", "b"], "value": [value, 2.0]})


def test_a_part_is_found_again_by_its_key(folder):
    key = part_key({"seed": 0})
    assert not folder.holds(0, key)
    folder.write(0, key, _table(1.0))
    assert folder.holds(0, key)
    assert not folder.holds(0, part_key({"seed": 1}))
    assert not folder.holds(1, key)


def test_the_same_rows_are_the_same_bytes(folder):
    folder.write(0, "k", _table(1.0))
    folder.write(1, "k", _table(1.0))
    folder.write(2, "k", _table(1.5))
    digests = [digest_file(folder.path(part)) for part in range(3)]
    assert digests[0] == digests[1] != digests[2]


def test_a_flipped_byte_anywhere_in_the_values_is_noticed(folder):
    values = np.random.default_rng(0).random(4000)
    folder.write(0, "k", pa.table({"example_id": [str(i) for i in range(4000)], "value": values}))
    path = folder.path(0)
    whole = path.read_bytes()
    for position in np.linspace(8, len(whole) * 0.9, 25).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(bytes(damaged))
        assert not folder.holds(0, "k"), position
    path.write_bytes(whole[: len(whole) // 2])
    assert not folder.holds(0, "k")
    path.write_bytes(whole)
    assert folder.holds(0, "k")


def test_a_failing_write_leaves_the_old_part(folder, monkeypatch):
    folder.write(0, "k", _table(1.0))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        folder.write(0, "other", _table(9.0))
    assert folder.holds(0, "k")
    assert [path.name for path in folder.folder.iterdir()] == ["part-00000.parquet"]


def test_parts_of_a_longer_run_are_dropped(folder):
    for part in range(3):
        folder.write(part, "k", _table(1.0))
    folder.keep_only(1)
    assert [path.name for path in folder.folder.iterdir()] == ["part-00000.parquet"]


def test_parts_read_as_one_table_though_a_column_is_empty_in_one(tmp_path, folder):
    folder.write(0, "k", pa.table({"example_id": ["a"], "note": pa.array([None])}))
    folder.write(1, "k", pa.table({"example_id": ["b"], "note": ["said"]}))
    table = open_evidence(tmp_path, folder.records(2)).to_table()
    assert table["note"].to_pylist() == [None, "said"]


def test_a_missing_part_is_named(tmp_path, folder):
    folder.write(0, "k", _table(1.0))
    record = PartRecord(file="evidence/check/part-00007.parquet", digest="0", rows=1)
    with pytest.raises(RecordError, match=r"part-00007\.parquet: evidence is missing"):
        open_evidence(tmp_path, [*folder.records(1), record])
    folder.path(0).write_text("not parquet")
    with pytest.raises(RecordError, match="cannot be read"):
        open_evidence(
            tmp_path, [PartRecord(file="evidence/check/part-00000.parquet", digest="0", rows=1)]
        )


def test_groups_are_joined_by_example(folder):
    rows = pd.DataFrame({"example_id": ["a", "b", "b"], "value": [1, 2, 3]})
    table = prepare_rows(rows, SHARD, "check")
    assert table["group:gender"].to_pylist() == [None, "f", "f"]
    assert table["group:named"].to_pylist() == [[], ["A"], ["A"]]
    assert table["value"].to_pylist() == [1, 2, 3]


def test_pandas_missing_numbers_become_missing(folder):
    rows = pd.DataFrame({"example_id": ["a", "b"], "value": [1.0, np.nan]})
    assert prepare_rows(rows, SHARD, "check")["value"].to_pylist() == [1.0, None]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"value": [1]}, "first column is not 'example_id'"),
        ({"example_id": ["b", "a"]}, "not sorted"),
        ({"example_id": ["a", "z"]}, "'z', not of its shard"),
        ({"example_id": [1, 2]}, "not a text"),
        ({"example_id": ["a"], "group:gender": ["f"]}, "groups are joined for it"),
        ({"example_id": ["a"], "value": [np.inf]}, "infinite number in column 'value'"),
    ],
)
def test_rows_that_break_the_contract_are_refused(rows, message):
    with pytest.raises(CheckError, match=message):
        prepare_rows(pd.DataFrame(rows), SHARD, "check")
