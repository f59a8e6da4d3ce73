"""Data sets: the same examples from every format, and what is refused with which words."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit.data import Examples, load_examples
from auditkit.errors import DataError, UsageError
from auditkit.suite import DataConfig
from tests.real import real

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = ["negative", "positive"]

ROWS = [
    {"id": "a", "text": "A fine, fine film", "label": "positive", "region": "north", "n": "1"},
    {"id": "b", "text": 'He said "no"\tand left', "label": "negative", "region": "NA", "n": "007"},
    {"id": "c", "text": "null", "label": "negative", "region": "no", "n": "1.0"},
    {"id": "d", "text": "Größe 电影 🎬", "label": "positive", "region": "", "n": "1e3"},
]
COLUMNS = list(ROWS[0])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path / "cache"))


def load(path: Path | str, **settings: Any) -> Examples:
    options = {"multi_label": False, "limit": None, "seed": 0, "offline": True}
    options |= {key: settings.pop(key) for key in list(settings) if key in options}
    labels = settings.pop("model", MODEL)
    config = DataConfig.model_validate({"path": str(path), **settings})
    return load_examples(config, model_labels=labels, **options)


def write_csv(file: Path, rows: list[dict[str, str]], delimiter: str = ",") -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(file: Path, rows: list[dict[str, Any]]) -> Path:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_parquet(file: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), file, **options)
    return file


def compress(file: Path) -> Path:
    packed = file.with_name(file.name + ".gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    return packed


def in_format(folder: Path, name: str, rows: list[dict[str, str]]) -> Path:
    if name.endswith(".gz"):
        return compress(in_format(folder, name.removesuffix(".gz"), rows))
    file = folder / name
    if name.endswith(".csv"):
        return write_csv(file, rows)
    if name.endswith(".tsv"):
        return write_csv(file, rows, "\t")  # the test asks for quoting, one text holds a tab
    if name.endswith(".parquet"):
        return write_parquet(file, rows)
    return write_jsonl(file, rows)


FORMATS = [
    "d.csv",
    "d.tsv",
    "d.jsonl",
    "d.ndjson",
    "d.parquet",
    "d.csv.gz",
    "d.tsv.gz",
    "d.jsonl.gz",
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_examples(tmp_path, name) -> None:
    quoting = {"quoting": "minimal"} if ".tsv" in name else {}
    examples = load(in_format(tmp_path, name, ROWS), id="id", groups=["region", "n"], **quoting)
    assert examples.table.to_pydict() == {
        "example_id": ["a", "b", "c", "d"],
        "text": [row["text"] for row in ROWS],
        "label": ["positive", "negative", "negative", "positive"],
        "group:region": ["north", "NA", "no", None],
        "group:n": ["1", "007", "1.0", "1e3"],
    }
    assert examples.label_counts == {"negative": 2, "positive": 2}
    assert examples.groups == ("region", "n")
    assert examples.unknown_groups == {"region": 1, "n": 0}
    assert (len(examples), examples.rows_total, examples.limited) == (4, 4, False)
    assert examples.inputs() == [row["text"] for row in ROWS]
    reference = load(write_csv(tmp_path / "ref.csv", ROWS), id="id", groups=["region", "n"])
    assert examples.fingerprint == reference.fingerprint


def test_the_fingerprint_changes_with_one_character(tmp_path) -> None:
    prints = {load(write_csv(tmp_path / "0.csv", ROWS), groups=["region"]).fingerprint}
    for index, (column, value) in enumerate(
        [("text", "A fine, fine filn"), ("label", "negative"), ("region", "North"), ("region", "")]
    ):
        changed = [{**ROWS[0], column: value}, *ROWS[1:]]
        file = write_csv(tmp_path / f"{index + 1}.csv", changed)
        prints.add(load(file, groups=["region"]).fingerprint)
    assert len(prints) == 5


def test_the_fingerprint_sees_where_a_text_ends_and_not_where_a_chunk_does() -> None:
    def examples(texts: list[list[str | None]]) -> str:
        table = pa.table({"text": pa.chunked_array([pa.array(t, pa.string()) for t in texts])})
        return Examples(table, source="x", rows_total=0).fingerprint

    base = examples([["ab", "c", None, ""]])
    assert base == examples([["ab"], [], ["c", None], [""]])
    others = [[["a", "bc", None, ""]], [["ab", "c", "", None]], [["ab", "c", None]]]
    assert len({base, *(examples(other) for other in others)}) == 4
    padded = pa.chunked_array([pa.array(["zz", "ab", "c", None, "", "zz"]).slice(1, 4)])
    assert Examples(pa.table({"text": padded}), source="x", rows_total=0).fingerprint == base


def test_ids_are_made_from_the_content(tmp_path) -> None:
    rows = [ROWS[0], ROWS[1], ROWS[0], {**ROWS[0], "label": "negative"}, ROWS[0]]
    ids = load(write_csv(tmp_path / "d.csv", rows)).table["example_id"].to_pylist()
    assert len(set(ids)) == 5
    assert [example_id.partition("-")[2] for example_id in ids] == ["1", "1", "2", "1", "3"]
    assert len({ids[i].partition("-")[0] for i in (0, 2, 4)}) == 1
    text, label = ROWS[0]["text"].encode(), b"positive"
    framed = b"%d:%b%d:%b" % (len(text), text, len(label), label)
    assert ids[0] == hashlib.sha256(framed).hexdigest()[:16] + "-1"


def test_ids_do_not_depend_on_the_model_or_the_limit(tmp_path) -> None:
    file = write_csv(tmp_path / "d.csv", [{**row, "label": "0"} for row in ROWS] * 5)
    whole = load(file).table["example_id"].to_pylist()
    assert load(file, model=["LABEL_0", "LABEL_1"]).table["example_id"].to_pylist() == whole
    drawn = load(file, limit=7, seed=3).table["example_id"].to_pylist()
    assert [i for i in whole if i in drawn] == drawn


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.parquet"])
def test_pairs(tmp_path, name) -> None:
    file = in_format(tmp_path, name, ROWS)
    examples = load(file, pair="n")
    assert examples.has_pairs
    assert examples.inputs()[1] == ('He said "no"\tand left', "007")
    assert not load(file).has_pairs


def test_a_limit_is_a_draw_that_keeps_the_order(tmp_path) -> None:
    rows = [
        {"id": f"{i:04}", "text": f"text {i}", "label": MODEL[i // 500], "region": "", "n": ""}
        for i in range(1000)
    ]
    file = write_csv(tmp_path / "sorted.csv", rows)
    drawn = load(file, id="id", limit=200, seed=1)
    ids = drawn.table["example_id"].to_pylist()
    assert (len(drawn), drawn.rows_total, drawn.limited) == (200, 1000, True)
    assert ids == sorted(set(ids))
    # 200 of 1000, half of each label: the count is hypergeometric, sd 6.3
    assert 70 < drawn.label_counts["positive"] < 130
    assert load(file, id="id", limit=200, seed=1).fingerprint == drawn.fingerprint
    assert load(file, id="id", limit=200, seed=2).fingerprint != drawn.fingerprint
    whole = load(file, id="id", limit=1000)
    assert (len(whole), whole.limited) == (1000, False)
    with pytest.raises(UsageError, match="limit of 0"):
        load(file, limit=0)


def test_shards_and_take(tmp_path) -> None:
    examples = load(write_csv(tmp_path / "d.csv", ROWS), id="id")
    shards = list(examples.shards(3))
    assert [len(shard) for shard in shards] == [3, 1]
    assert [t for shard in shards for t in shard.inputs()] == examples.inputs()
    assert shards[1].label_counts == {"positive": 1}
    taken = examples.take([3, 0])
    assert taken.table["example_id"].to_pylist() == ["d", "a"]
    assert taken.take([1, 0]).fingerprint == examples.take([0, 3]).fingerprint
    with pytest.raises(ValueError, match="shard"):
        next(examples.shards(0))


def test_a_pickled_shard_takes_only_its_own_rows_along(tmp_path) -> None:
    rows = [
        {"id": str(i), "text": f"text {i} " * 20, "label": "negative", "region": "", "n": ""}
        for i in range(5000)
    ]
    shard = next(load(write_csv(tmp_path / "d.csv", rows), id="id").shards(10))
    pickled = pickle.dumps(shard)
    assert len(pickled) < 10_000
    restored = pickle.loads(pickled)
    assert restored.fingerprint == shard.fingerprint
    assert (restored.rows_total, restored.notes) == (5000, shard.notes)


# --- labels ---------------------------------------------------------------------------------


def labelled(folder: Path, values: list[Any], name: str = "d.jsonl") -> Path:
    rows = [{"text": f"text {i}", "label": value} for i, value in enumerate(values)]
    return (write_parquet if name.endswith("parquet") else write_jsonl)(folder / name, rows)


@pytest.mark.parametrize("name", ["d.jsonl", "d.parquet"])
@pytest.mark.parametrize(
    ("values", "model", "mapping", "expected"),
    [
        (["positive", "negative"], MODEL, {}, ["positive", "negative"]),
        (["POSITIVE", "Negative"], MODEL, {}, ["positive", "negative"]),
        (["Yes", "yes"], ["yes", "Yes"], {}, ["Yes", "yes"]),
        ([1, 0], MODEL, {}, ["positive", "negative"]),
        (["1", "0"], MODEL, {}, ["positive", "negative"]),
        ([1, 0], ["1", "0"], {}, ["1", "0"]),  # names come before ids
        ([1, 0], MODEL, {"0": "positive", "1": "negative"}, ["negative", "positive"]),
        ([True, False], MODEL, {"true": "positive", "false": "negative"}, MODEL[::-1]),
        (["no", "1.0"], MODEL, {"no": "negative", "1.0": "positive"}, MODEL),
    ],
)
def test_labels_become_the_models(tmp_path, name, values, model, mapping, expected) -> None:
    examples = load(labelled(tmp_path, values, name), model=model, labels=mapping)
    assert examples.table["label"].to_pylist() == expected


def class_label_file(file: Path, names: list[str], ids: list[int]) -> Path:
    """A Parquet file as the datasets library leaves it: ids, their names in the metadata."""
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    table = pa.table({"text": [f"text {i}" for i in range(len(ids))], "label": ids})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), file)
    return file


def test_declared_names_are_what_counts(tmp_path) -> None:
    file = class_label_file(tmp_path / "d.parquet", ["positive", "negative"], [0, 1])
    assert load(file).table["label"].to_pylist() == ["positive", "negative"]
    generic = load(file, model=["LABEL_0", "LABEL_1"])
    assert generic.table["label"].to_pylist() == ["LABEL_0", "LABEL_1"]
    assert "positive = LABEL_0, negative = LABEL_1" in generic.notes[0]
    mapped = load(file, model=["bad", "good"], labels={"positive": "good", "1": "bad"})
    assert mapped.table["label"].to_pylist() == ["good", "bad"]
    mapped = load(file, model=["Bad", "GOOD"], labels={"positive": "good", "1": "bad"})
    assert mapped.table["label"].to_pylist() == ["GOOD", "Bad"]
    with pytest.raises(DataError, match=r"positive \(1\), negative \(1\).*Model: bad, good"):
        load(file, model=["bad", "good"])
    with pytest.raises(DataError, match="labels of the data and of the model differ"):
        load(file, model=["LABEL_0", "LABEL_1", "LABEL_2"])


def test_labels_that_never_occur_and_ids_are_noted(tmp_path) -> None:
    examples = load(labelled(tmp_path, [2, 0, 2]), model=["sad", "neutral", "happy"])
    assert examples.notes == (
        "labels are read as ids: 0 = sad, 2 = happy",
        "no example has the label neutral",
    )
    assert load(labelled(tmp_path, MODEL)).notes == ()


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.parquet"])
def test_several_labels(tmp_path, name) -> None:
    values = [["joy", "anger"], [], ["fear"]]
    if name == "d.csv":
        file = tmp_path / name
        file.write_text("text,label\na,joy | anger\nb,\nc,fear\n")
    else:
        rows = [{"text": t, "label": v} for t, v in zip("abc", values, strict=True)]
        file = write_jsonl(tmp_path / name, rows) if "json" in name else None
        file = file or write_parquet(tmp_path / name, rows)
    examples = load(file, multi_label=True, model=["anger", "fear", "joy"])
    assert examples.table["label"].to_pylist() == [["anger", "joy"], [], ["fear"]]
    assert examples.label_counts == {"anger": 1, "fear": 1, "joy": 1}


def test_several_labels_may_hold_nowhere(tmp_path) -> None:
    examples = load(labelled(tmp_path, [[], []]), multi_label=True)
    assert examples.table["label"].to_pylist() == [[], []]
    assert examples.notes == ("no example has the label negative, positive",)


# --- groups and rationales ------------------------------------------------------------------


@pytest.mark.parametrize("writer", [write_jsonl, write_parquet])
def test_groups_as_lists(tmp_path, writer) -> None:
    rows = [
        {"text": "a", "label": 0, "g": ["x", "y", "x"], "age": 3.5},
        {"text": "b", "label": 1, "g": [], "age": float("nan")},
        {"text": "c", "label": 1, "g": None, "age": None},
    ]
    examples = load(writer(tmp_path / f"d.{writer.__name__[6:]}", rows), groups=["g", "age"])
    assert examples.table["group:g"].to_pylist() == [["x", "y"], [], None]
    assert examples.table["group:age"].to_pylist() == ["3.5", None, None]
    assert examples.unknown_groups == {"g": 1, "age": 2}


def test_a_group_nobody_has_a_value_for(tmp_path) -> None:
    rows = [{"text": "a", "label": 0, "g": None}, {"text": "b", "label": 1}]
    examples = load(write_jsonl(tmp_path / "d.jsonl", rows), groups=["g"])
    assert examples.table["group:g"].to_pylist() == [None, None]


TEXT = "bad  food, good service"


@pytest.mark.parametrize(
    ("rationales", "expected"),
    [
        ([[1, 0, 0, 1], None], [[1, 0, 0, 1], None]),
        ([[True, False, False, True], None], [[1, 0, 0, 1], None]),
        ([[0, 1], [11, 12]], [[1, 0, 0, 0], [0, 0, 1, 0]]),  # offsets, for 12 is no mask
        ([[2], []], [[1, 0, 0, 0], [0, 0, 0, 0]]),
        ([[[0, 3]], [[9, 12], [16, 17]]], [[1, 0, 0, 0], [0, 1, 1, 1]]),
        ([[[3, 5]], []], [[0, 0, 0, 0], [0, 0, 0, 0]]),  # only the two spaces
        ([None, None], [None, None]),
    ],
)
@pytest.mark.parametrize("name", ["d.jsonl", "d.parquet", "d.tsv"])
def test_rationales_become_masks_over_words(tmp_path, name, rationales, expected) -> None:
    rows = [{"text": TEXT, "label": "positive", "why": why} for why in rationales]
    file = tmp_path / name
    if name == "d.tsv":
        cells = ["" if why is None else json.dumps(why) for why in rationales]
        lines = [f"{TEXT}\tpositive\t{cell}" for cell in cells]
        file.write_text("text\tlabel\twhy\n" + "\n".join(lines) + "\n")
    else:
        (write_parquet if name == "d.parquet" else write_jsonl)(file, rows)
    examples = load(file, rationale="why")
    assert examples.table["rationale"].to_pylist() == expected
    assert examples.table["rationale"].type == pa.list_(pa.int8())


# --- what is refused ------------------------------------------------------------------------

CSV_HEAD = "text,label\ngood,positive\n"
J_HEAD = '{"text": "good", "label": "positive"}\n'
BAD_FILES: dict[str, tuple[str, str | bytes, dict[str, Any], list[str]]] = {
    # name: (file name, content, settings, parts of the message after the file's name)
    "empty": ("d.csv", "", {}, [": the file is empty"]),
    "only blank lines": ("d.csv", "\n\n", {}, [": the file is empty"]),
    "header only": ("d.csv", "text,label\n", {}, ["a header and no row"]),
    "blank JSON Lines": ("d.jsonl", "\n \n", {}, ["no rows"]),
    "zip": ("d.csv.zip", b"PK\3\4", {}, ["cannot be read", "Unpack", "JSON Lines"]),
    "unknown kind": ("./d.xlsx", b"x", {}, ["files of this kind", "CSV, TSV, JSON Lines"]),
    "compressed Parquet": ("d.parquet.gz", b"x", {}, ["files of this kind"]),
    "too few fields": ("d.csv", CSV_HEAD + "bad\n", {}, [":3: has 1 field where", "has 2"]),
    "too many fields": (
        "d.csv", CSV_HEAD + "bad, really,negative\n", {}, [":3: has 3 fields", "Quote", "comma"],
    ),
    "too many after several lines": (
        "d.csv", 'text,label\n"a\nb\nc",positive\n\nx,y,z\n', {}, [":6: has 3 fields"],
    ),
    "tabs in a TSV": ("d.tsv", "text\tlabel\na\tb\tpositive\n", {}, [":2: has 3 fields", "tab"]),
    "open quote": (
        "d.csv", CSV_HEAD + '"bad,negative\nx,positive\n', {}, [":3:", "never closes", "quoting"],
    ),
    "text after a quote": (
        "d.csv", CSV_HEAD + '"bad" film,negative\n', {}, [":3:", "closing quote", "Double"],
    ),
    "endless cell": (
        "d.csv", CSV_HEAD + '"' + ("x" * 9999 + "\n") * 1700, {}, [":3:", "never closes"],
    ),
    "lone carriage return": ("d.tsv", "text\tlabel\na\rb\tpositive\n", {}, [":2:", "carriage"]),
    "not UTF-8": ("d.csv", CSV_HEAD.encode() + b"caf\xe9,negative\n", {}, [":3:", "not UTF-8"]),
    "not UTF-8 in JSON": ("d.jsonl", J_HEAD.encode() + b'{"text": "\xff"}', {}, [":2:", "0xff"]),
    "UTF-16": ("d.csv", CSV_HEAD.encode("utf-16"), {}, [":1:", "UTF-16", "UTF-8"]),
    "NUL": ("d.csv", CSV_HEAD + "a\0b,positive\n", {}, [":3:", "NUL"]),
    "broken gzip": ("d.csv.gz", gzip.compress(CSV_HEAD.encode() * 99)[:-9], {}, ["gzip"]),
    "no gzip": ("d.csv.gz", CSV_HEAD, {}, ["gzip"]),
    "column twice": ("d.csv", "text,label,text\na,b,c\n", {}, [":1:", "'text'", "twice", "Rename"]),
    "missing column": (
        "d.csv", CSV_HEAD, {"text": "txt"},
        ["column 'txt': is not there", "Did you mean 'text'", "Known: text, label"],
    ),
    "missing group": ("d.csv", CSV_HEAD, {"groups": ["gender"]}, ["'gender'", "groups"]),
    "other separator": ("d.csv", "text;label\na;b\n", {}, ["separator", "';'"]),
    "missing column in JSON": (
        "d.jsonl", J_HEAD, {"label": "lable"}, ["'lable'", "Did you mean 'label'"],
    ),
    "malformed JSON": ("d.jsonl", J_HEAD + '{"text": \n', {}, [":2:", "not valid JSON", "object"]),
    "JSON array": ("d.json", "[\n{}\n]", {}, [":1:", "JSON", "one object on each line"]),
    "array on a line": ("d.jsonl", J_HEAD + "[1]\n", {}, [":2:", "an array", "not an object"]),
    "value on a line": ("d.jsonl", J_HEAD + "3\n", {}, [":2:", "a single value"]),
    "key twice": ("d.jsonl", '{"text": "a", "text": "b"}\n', {}, [":1:", "'text' twice"]),
    "deep JSON": ("d.jsonl", J_HEAD + "[" * 100_000 + "\n", {}, [":2:", "nested"]),
    "text is a number": (
        "d.jsonl", J_HEAD + '{"text": 3, "label": "positive"}\n', {},
        [":2: column 'text'", "a number where a text", "1 row (line 2)"],
    ),
    "text is a list": ("d.jsonl", '{"text": ["a"], "label": 0}\n', {}, [":1:", "a list where a"]),
    "half a character": (
        "d.jsonl", J_HEAD + '{"text": "a\\ud800", "label": 0}\n', {}, [":2:", "surrogate"],
    ),
    "missing text": (
        "d.jsonl", J_HEAD + '{"text": null, "label": 0}\n{"label": 0}\n', {},
        [":2: column 'text'", "text is missing in 2 rows (lines 2, 3)", "Remove"],
    ),
    "empty texts": (
        "d.csv", CSV_HEAD + ",negative\n" * 4 + '" ",positive\n' * 4, {},
        [":3: column 'text'", "empty in 8 rows (lines 3, 4, 5, 6, 7 and 3 more)"],
    ),
    "missing label": (
        "d.csv", CSV_HEAD + "bad,\n", {}, [":3: column 'label'", "label is missing", "Remove"],
    ),
    "null label": (
        "d.jsonl", J_HEAD + '{"text": "a", "label": null}\n', {}, [":2: column 'label'", "missing"],
    ),
    "list of labels": (
        "d.jsonl", '{"text": "a", "label": ["positive"]}\n', {}, [":1:", "multi_label: true"],
    ),
    "one label of several": (
        "d.jsonl", J_HEAD, {"multi_label": True}, [":1:", "where a list of labels should be"],
    ),
    "zero-one vector": (
        "d.jsonl", '{"text": "a", "label": [0, 1, 0]}\n', {"multi_label": True},
        [":1:", "names a label twice", "not a 0 or 1 for each"],
    ),
    "null in labels": (
        "d.jsonl", '{"text": "a", "label": ["positive", null]}\n', {"multi_label": True},
        [":1:", "no label"],
    ),
    "unknown label": (
        "d.csv", CSV_HEAD + "bad,neg\n", {},
        [
            ":3: column 'label'", "positive (1), neg (1)", "Model: negative, positive",
            'labels: {"positive": "positive", "neg": "?"}',
        ],
    ),
    "ids out of range": (
        "d.csv", "text,label\na,1\nb,2\n", {}, ["1 (1), 2 (1)", 'labels: {"1": "?", "2": "?"}'],
    ),
    "numeric names": (
        "d.csv", "text,label\na,0\nb,1\n", {"model": ["1", "2"]}, ["0 (1), 1 (1)", "Model: 1, 2"],
    ),
    "secret labels": ("d.csv", "text,label\na,-1\n", {}, ["every label is -1", "another split"]),
    "map to nowhere": (
        "d.csv", CSV_HEAD, {"labels": {"positive": "positiv"}},
        ["'positiv', which is no label of the model", "Did you mean 'positive'"],
    ),
    "map with a hole": (
        "d.csv", CSV_HEAD + "bad,neg\n", {"labels": {"positive": "positive"}},
        [":3:", "nothing of the value 'neg'", '"neg": "?"'],
    ),
    "texts as labels": (
        "d.csv", "text,label\n" + "".join(f"a,b{i}\n" for i in range(10_001)), {},
        ["more than 10000 different values", "column of the labels?"],
    ),
    "many unknown labels": (
        "d.csv", "text,label\n" + "".join(f"a,private {i}\n" for i in range(30)), {},
        [":2:", "Data: 30 different values. Model: negative, positive. Is this the column"],
    ),
    "id twice": (
        "d.csv", "text,label,i\na,0,x\nb,1,y\nc,1,x\n", {"id": "i"},
        ["column 'i'", "'x' occurs twice (lines 2, 4)", "unique"],
    ),
    "no id": ("d.csv", "text,label,i\na,0,x\nb,1,\n", {"id": "i"}, [":3:", "id is missing"]),
    "mixed groups": (
        "d.jsonl", '{"text":"a","label":0,"g":"x"}\n{"text":"b","label":1,"g":["x"]}\n',
        {"groups": ["g"]}, [":2: column 'g'", "mixed"],
    ),
    "null in groups": (
        "d.jsonl", '{"text":"a","label":0,"g":["x",null]}\n', {"groups": ["g"]},
        [":1: column 'g'", "without a name"],
    ),
    "group is an object": (
        "d.jsonl", '{"text":"a","label":0,"g":{"x":1}}\n', {"groups": ["g"]}, [":1: column 'g'"],
    ),
    "short rationale": (
        "d.jsonl", '{"text":"a b c","label":0,"r":[0,1]}\n', {"rationale": "r"},
        [":1: column 'r'", "2 entries for 3 words"],
    ),
    "rationale outside": (
        "d.jsonl", '{"text":"a b c","label":0,"r":[[1,6]]}\n', {"rationale": "r"},
        [":1: column 'r'", "beyond the text"],
    ),
    "rationale of fractions": (
        "d.jsonl", '{"text":"a b c","label":0,"r":[0.5,1,1]}\n', {"rationale": "r"},
        [":1: column 'r'", "whole numbers", "character offsets"],
    ),
    "rationale of words": (
        "d.csv", "text,label,r\na,0,a\n", {"rationale": "r"}, [":2: column 'r'", "no list"],
    ),
    "mixed rationales": (
        "d.jsonl", '{"text":"a","label":0,"r":[[0,1]]}\n{"text":"b","label":1,"r":[1]}\n',
        {"rationale": "r"}, [":2:", "mixed"],
    ),
    "split of a file": ("d.csv", CSV_HEAD, {"split": "test"}, ["'split'", "local file", "Remove"]),
    "quoting of JSON": ("d.jsonl", J_HEAD, {"quoting": "none"}, ["'quoting'", "CSV and TSV"]),
    "no Parquet": ("d.parquet", b"PAR1 nonsense PAR1", {}, ["no complete Parquet file"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_wrong_is_named_with_its_place(tmp_path, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    file, content, settings, parts = BAD_FILES[name]
    Path(file).write_bytes(content.encode() if isinstance(content, str) else content)
    limit = csv.field_size_limit()
    with pytest.raises(DataError) as caught:
        load(file, **settings)
    message = str(caught.value)
    assert message.startswith(f"{file}:"), message
    for part in parts:
        assert part in message
    assert caught.value.exit_code == 2
    assert csv.field_size_limit() == limit
    assert list(Path("cache").rglob("*.*")) == []  # nothing half-done is left behind


def test_a_truncated_parquet_file(tmp_path) -> None:
    whole = write_parquet(tmp_path / "whole.parquet", ROWS * 500).read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 4):
        file = tmp_path / f"cut{size}.parquet"
        file.write_bytes(whole[:size])
        with pytest.raises(DataError, match="no complete Parquet file"):
            load(file)


def test_rows_of_parquet_are_counted_from_one(tmp_path) -> None:
    rows = [*ROWS, {**ROWS[0], "text": ""}, {**ROWS[0], "text": None}]
    with pytest.raises(DataError, match=r"column 'text': the text is empty in 1 row \(row 5\)"):
        load(write_parquet(tmp_path / "d.parquet", rows))


def test_missing_files_and_folders(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("reviews.csv"), ROWS)
    with pytest.raises(DataError, match=r"^reveiws\.csv: there is no such file.*'reviews\.csv'"):
        load("reveiws.csv")
    with pytest.raises(DataError, match=r"^\./nothing/d\.csv: .*no such folder"):
        load("./nothing/d.csv")
    with pytest.raises(DataError, match=r"is a folder.*reviews\.csv"):
        load("./")
    Path("org").mkdir()
    Path("org/set").mkdir()
    with pytest.raises(DataError, match="org/set: is a folder"):
        load("org/set")
    with pytest.raises(DataError, match="neither a file nor the id of a hub data set"):
        load("my reviews")


def test_good_oddities_of_csv(tmp_path) -> None:
    rows = '\ufeff,text,label\r\n0,"a ""b""\nc, d",1\r\n\r\n1,NA,0\r\n2,nan,0\r\n'
    (tmp_path / "d.csv").write_bytes(rows.encode())
    assert load(tmp_path / "d.csv").inputs() == ['a "b"\nc, d', "NA", "nan"]
    long = "x" * 300_000  # beyond the csv module's own limit
    (tmp_path / "long.csv").write_text(f"text,label\n{long},0\n")
    assert load(tmp_path / "long.csv").inputs() == [long]


def test_quoting_may_be_chosen(tmp_path) -> None:
    content = 'text\tlabel\n"a" b\t1\n"c\t0\n'
    (tmp_path / "d.tsv").write_text(content)
    assert load(tmp_path / "d.tsv").inputs() == ['"a" b', '"c']
    with pytest.raises(DataError, match=r"d\.tsv:2: .*closing quote"):
        load(tmp_path / "d.tsv", quoting="minimal")
    (tmp_path / "d.csv").write_text(content.replace("\t", ","))
    assert load(tmp_path / "d.csv", quoting="none").inputs() == ['"a" b', '"c']


def test_dictionary_and_large_columns_of_parquet(tmp_path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", "b"], pa.large_string()),
            "label": pa.array(["positive", "negative"]).dictionary_encode(),
            "g": pa.array(["x", None]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "d.parquet")
    examples = load(tmp_path / "d.parquet", groups=["g"])
    assert examples.table["label"].to_pylist() == ["positive", "negative"]
    assert examples.table["group:g"].to_pylist() == ["x", None]


# --- the cache ------------------------------------------------------------------------------


def test_a_changed_file_is_read_again_even_with_its_old_time(tmp_path) -> None:
    file = write_csv(tmp_path / "d.csv", ROWS)
    before = file.stat()
    first = load(file)
    changed = [{**ROWS[0], "text": "B fine, fine film"}, *ROWS[1:]]
    write_csv(file, changed)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert load(file).inputs()[0] == "B fine, fine film"
    assert first.inputs()[0] == "A fine, fine film"  # still mapped


def test_the_cache_is_used_repaired_and_kept_private(tmp_path) -> None:
    file = write_csv(tmp_path / "d.csv", ROWS)
    fingerprint = load(file).fingerprint
    [cached] = (tmp_path / "cache").rglob("*.arrow")
    assert cached.stat().st_mode & 0o077 == 0
    inode = cached.stat().st_ino
    assert load(file).fingerprint == fingerprint
    assert cached.stat().st_ino == inode  # not written again
    cached.write_bytes(cached.read_bytes()[:100])
    assert load(file).fingerprint == fingerprint
    assert list((tmp_path / "cache").rglob("*.tmp")) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "taken").write_text("a file")
    config = DataConfig(path=str(write_csv(tmp_path / "d.csv", ROWS)))
    with pytest.raises(DataError, match=r"cache cannot be written.*AUDITKIT_CACHE"):
        load_examples(
            config, model_labels=MODEL, multi_label=False, limit=None, seed=0, offline=True,
            cache_dir=tmp_path / "taken" / "cache",
        )  # fmt: skip


def test_two_runs_at_once(tmp_path) -> None:
    file = write_csv(tmp_path / "d.csv", ROWS * 2000)
    code = f"""
from auditkit.data import load_examples
from auditkit.suite import DataConfig
from tests.real import real
examples = load_examples(
    DataConfig(path={str(file)!r}), model_labels={MODEL!r}, multi_label=False, limit=None, seed=0,
    offline=True,
)
print(examples.fingerprint)
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=REPOSITORY)
        for _ in range(3)
    ]
    prints = {run.communicate()[0].decode().strip() for run in runs}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert prints == {load(file).fingerprint}
    assert len(list((tmp_path / "cache").rglob("*"))) == 2  # the folder and one file


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_small(tmp_path) -> None:
    """200,000 rows of 500 characters are 100 MB of text; reading them takes a fraction."""
    file = tmp_path / "big.csv"
    with file.open("w") as stream:
        stream.write("text,label,g\n")
        stream.writelines(f"{i} {'word ' * 100},{i % 2},{i % 7}\n" for i in range(200_000))
    code = f"""
import threading
from auditkit.data import load_examples
from auditkit.suite import DataConfig
from tests.real import real

def anonymous():  # MiB of this process that are no pages of a mapped file
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024

before, peak, done = anonymous(), 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
examples = load_examples(
    DataConfig(path={str(file)!r}, groups=["g"]), model_labels={MODEL!r}, multi_label=False,
    limit=None, seed=0, offline=True,
)
done.set()
watcher.join()
print(len(examples), round(peak - before))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    rows, growth = map(int, answer.stdout.split())
    assert rows == 200_000
    assert 0 < growth < 90


# --- real data ------------------------------------------------------------------------------


@pytest.mark.shared_data
def test_sst2() -> None:
    examples = load(real("data/sst2/dev.tsv"), text="sentence")
    lines = (real("data/sst2/dev.tsv")).read_text(encoding="utf-8").split("\n")[1:-1]
    expected = [line.split("\t") for line in lines]
    assert len(examples) == 872
    assert examples.inputs() == [text for text, _ in expected]
    assert examples.table["label"].to_pylist() == [MODEL[int(label)] for _, label in expected]
    assert examples.label_counts == {"negative": 428, "positive": 444}


@pytest.mark.shared_data
@pytest.mark.shared_data
def test_hatexplain_with_groups_and_rationales() -> None:
    file = real("data/hatexplain/audit_test.jsonl.gz")
    labels = ["hatespeech", "normal", "offensive"]
    examples = load(file, id="id", groups=["targets"], rationale="rationale", model=labels)
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    assert len(examples) == len(rows) == 1924
    assert examples.label_counts == dict(sorted(Counter(row["label"] for row in rows).items()))
    same = {
        "example_id": "id", "label": "label", "group:targets": "targets", "rationale": "rationale",
    }  # fmt: skip
    for ours, theirs in same.items():
        assert examples.table[ours].to_pylist() == [row[theirs] for row in rows], ours
    assert examples.unknown_groups == {"targets": 0}
    assert examples.table["rationale"].null_count == 782


@pytest.mark.shared_data
@pytest.mark.shared_data
def test_tnews_with_a_map_of_labels() -> None:
    lines = (real("data/tnews/labels.json")).read_text(encoding="utf-8").splitlines()
    mapping = {row["label"]: row["label_desc"] for row in map(json.loads, lines)}
    file, model = real("data/tnews/dev.json.gz"), sorted(mapping.values())
    examples = load(file, text="sentence", labels=mapping, model=model)
    by_name = load(file, text="sentence", label="label_desc", model=model)
    assert len(examples) == 10_000
    assert examples.table["label"].equals(by_name.table["label"])
    with pytest.raises(DataError, match=r'labels: \{"102": "\?"'):
        load(file, text="sentence", model=model)
