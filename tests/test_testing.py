"""What plugin authors test with: the contract test must find planted defects, and name them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from auditkit import Collector, Mean, Metric, Params, Task
from auditkit.evaluators.calibration import Calibration
from auditkit.evaluators.performance import Performance
from auditkit.metrics import Ratio
from auditkit.testing import (
    FakeEngine,
    check_evaluator,
    examine,
    make_context,
    make_examples,
)


class Loudness(Collector):
    """Keeps the contract; each defect below changes one thing."""

    name = "loudness"
    version = "1"
    shard_size = 10

    def metrics(self):
        return [Metric("flip_rate", Mean("flipped"), "lower")]

    def collect(self, shard, context):
        inputs = shard.inputs()
        loud = [
            one.upper() if isinstance(one, str) else tuple(map(str.upper, one)) for one in inputs
        ]
        before, after = (context.engine.predict(texts) > 0 for texts in (inputs, loud))
        ids = shard.table["example_id"].to_pylist()
        rows = pd.DataFrame({"example_id": ids, "flipped": (before != after).any(axis=1)})
        rows["noise"] = [context.rng(one).random() for one in ids]
        rows["nothing"] = np.nan
        return rows.sort_values("example_id")


class Global(Loudness):
    """Draws from a global generator, which process isolation seeds."""

    isolation = "process"

    def collect(self, shard, context):
        rows = super().collect(shard, context)
        rows["noise"] = np.random.random(len(rows))  # noqa: NPY002  (what is tested)
        return rows


class FewRows(Loudness):
    """Chooses, and has rows for some examples only and several for others."""

    def select(self, data, context):
        return data.take(np.flatnonzero([len(text) > 5 for text in data.table["text"].to_pylist()]))

    def collect(self, shard, context):
        rows = super().collect(shard, context)
        rows = pd.concat([rows, rows[rows["noise"] > 0.6]]).sort_values("example_id", kind="stable")
        return rows[rows["noise"] > 0.3]


@pytest.mark.parametrize("sound", [Loudness, Global, FewRows, Performance, Calibration])
def test_what_keeps_the_contract_passes(sound):
    check_evaluator(sound)


def test_settings_examples_and_engine_may_be_given():
    class Needs(Params):
        words: tuple[str, ...]

    class Needy(Loudness):
        tasks = frozenset({Task.TEXT})
        Params = Needs

    with pytest.raises(AssertionError, match="'words' is missing"):
        check_evaluator(Needy)
    engine = FakeEngine(labels=("a", "b", "c"))
    examples = make_examples(["one", "two"], ["a", "c"])
    check_evaluator(Needy, Needs(words=("x",)), examples, engine)
    assert {"one", "TWO"} <= set(engine.asked)
    pairs = make_examples(["one"], ["a"], pairs=["two"])
    with pytest.raises(AssertionError, match="pairs of texts with one label, which is not among"):
        check_evaluator(Needy, Needs(words=()), pairs)


class _Draws(Loudness):
    def collect(self, shard, context):
        rows = super().collect(shard, context)
        rows["noise"] = np.random.default_rng().random(len(rows))
        return rows


class _LooksAtNeighbours(Loudness):
    def collect(self, shard, context):
        rows = super().collect(shard, context)
        rows["share"] = rows["flipped"].mean() + np.arange(len(rows))
        return rows


class _KeepsState(Loudness):
    seen: ClassVar[list[str]] = []

    def collect(self, shard, context):
        rows = super().collect(shard, context)
        self.seen.extend(rows["example_id"])
        rows["place"] = len(self.seen)
        return rows


class _NotThreadSafe(Loudness):
    """Goes wrong only where two threads are inside at once."""

    def collect(self, shard, context):
        self.shard = shard
        time.sleep(0.002)
        rows = super().collect(shard, context)
        rows["mine"] = self.shard is shard
        return rows


class _Unsorted(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context).iloc[::-1]


class _NoId(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context)[["flipped", "example_id"]]


class _Infinite(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context).assign(ratio=np.inf)


class _Reserved(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context).assign(**{"group:region": "north"})


class _OtherColumns(Loudness):
    def collect(self, shard, context):
        rows = super().collect(shard, context)
        return rows if len(rows) > 5 else rows.drop(columns="noise")


class _OtherTypes(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context).assign(noise="x" if len(shard) > 5 else 1.0)


class _NoColumn(Loudness):
    def metrics(self):
        return [Metric("rate", Ratio("won", "played"), "higher")]


class _EmptySlices(Loudness):
    def metrics(self):
        return [Metric("flip_rate", Mean("flipped"), "lower", slice_by=("kind",))]

    def collect(self, shard, context):
        return super().collect(shard, context).assign(kind=None)


class _SelectsNothing(Loudness):
    def select(self, data, context):
        return data.take([])


class _SelectsByChance(Loudness):
    def select(self, data, context):
        return data.take(np.random.default_rng().permutation(len(data)))


class _SelectsTwice(Loudness):
    def select(self, data, context):
        return data.take([0, 0])


class _SelectsRows(Loudness):
    def select(self, data, context):
        return data.table.to_pylist()


class _CountsBadly(Loudness):
    def queries(self, examples):
        return examples / 2


class _Silent(Loudness):
    def collect(self, shard, context):
        return super().collect(shard, context).iloc[:0]


class _Words(Params):
    words: tuple[str, ...] = ("some",)

    def model_dump_json(self, **how):
        return '{"words": ["others"]}'


class _Forgetful(Loudness):
    Params = _Words


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        (_Draws, r"collected a second time.*'noise' of example.*context\.rng\(example_id\)"),
        (_LooksAtNeighbours, "in shards of one example, the last first.*'share'"),
        (_KeepsState, "a second time.*'place'.*keep nothing on self"),
        (_NotThreadSafe, "in four threads at a time.*'mine' of example .* is False"),
        (_Unsorted, "not sorted by example_id"),
        (_NoId, r"first column is not 'example_id' but \['flipped'\]"),
        (_Infinite, "infinite number in column 'ratio'"),
        (_Reserved, "a column 'group:region'; groups are joined for it"),
        (_OtherColumns, "other columns for other shards"),
        (_OtherTypes, "columns of other types for other shards|'noise' of example"),
        (_NoColumn, "no column 'won'; it has example_id, flipped"),
        (_EmptySlices, "nothing was measured of flip_rate.*slice_by"),
        (_SelectsNothing, "chose no example. Pass examples="),
        (_SelectsByChance, "chose other examples when asked again"),
        (_SelectsTwice, "each once"),
        (_SelectsRows, r"returned a list; it must be data\.take"),
        (_CountsBadly, r"queries\(\) returned 12\.0"),
        (_Silent, "no row for any example"),
        (_Forgetful, "come back from a record as"),
    ],
)
def test_a_planted_defect_is_found_and_named(defect, message):
    with pytest.raises(AssertionError, match=f"(?s)^{defect.__name__}.*({message})"):
        check_evaluator(defect)


def test_what_may_differ_is_not_compared():
    class Timing(_Draws):
        volatile = True

    check_evaluator(Timing)


def test_a_class_that_is_none_and_an_error_of_its_own():
    class NotOne:
        pass

    with pytest.raises(AssertionError, match="'NotOne' is not a subclass"):
        check_evaluator(NotOne)

    class Crashes(Loudness):
        def collect(self, shard, context):
            raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError, match="planted"):
        check_evaluator(Crashes)


def test_what_goes_to_a_worker_must_get_there():
    class Local(Global):
        pass

    with pytest.raises(AssertionError, match="Define both at the top of a module"):
        check_evaluator(Local)


def test_examine_gives_the_figures_of_a_hand_worked_case():
    """In the north three of four turn when shouted, in the south one; the seed is the noise's."""
    letters = "aaabbbba"
    examples = make_examples(
        [f"{letter} {row}" for row, letter in enumerate(letters)] * 10,
        ["positive"] * 80,
        ids=[f"e{row:02d}" for row in range(80)],
        groups={"region": (["north"] * 4 + ["south"] * 4) * 10},
    )
    engine = FakeEngine(lambda text: "negative" if text.startswith("A") else "positive")
    found = examine(Loudness, examples, engine)
    assert found.value("flip_rate") == 0.5
    assert found.value("flip_rate", region="north") == 0.75
    assert found.value("flip_rate.gap", group="region") == 0.5
    with pytest.raises(KeyError, match="was not measured in"):
        found.value("flip_rate", region="west")
    noise = [
        examine(Loudness, examples, engine, seed=seed).evidence["noise"].to_pylist()
        for seed in (0, 0, 1)
    ]
    assert noise[0] == noise[1] != noise[2]


def test_a_context_holds_the_predictions_in_the_order_of_the_examples():
    examples = make_examples(["x", "y"], ["no", "yes"], ids=["b", "a"])
    context = make_context(examples, FakeEngine({"x": "yes"}, labels=("no", "yes")), seed=3)
    rows = context.predictions.to_pylist()
    assert [row["example_id"] for row in rows] == ["b", "a"]
    assert rows[0]["prediction"] == "yes"
    assert rows[0]["correct"] is False
    assert context.seed == 3
    assert make_context(examples).labels == ("no", "yes")


def test_examples_of_every_task_and_lists_that_do_not_fit():
    several = make_examples(["a b", "c"], [["x"], []], pairs=["d", "e"], rationales=[[0, 1], None])
    assert several.has_pairs
    assert several.inputs() == [("a b", "d"), ("c", "e")]
    assert several.label_counts == {"x": 1}
    assert make_context(several).engine.multi_label
    with pytest.raises(ValueError, match="2 texts, but 1 values of 'group:g'"):
        make_examples(["a", "b"], ["x", "y"], groups={"g": ["one"]})


def test_the_engine_answers_as_it_was_told():
    engine = FakeEngine(
        {
            "label": "b",
            "probabilities": {"a": 0.5, "b": 0.3},
            "logits": [1.0, 2.0, 3.0],
            ("pair", "too"): "c",
        },
        labels=("a", "b", "c"),
    )
    logits = engine.predict(["label", "probabilities", "logits", ("pair", "too"), "unknown"])
    assert (logits.shape, logits.dtype) == ((5, 3), np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert probabilities[1] == pytest.approx([0.5, 0.3, 0.2])
    assert logits[2].tolist() == [1.0, 2.0, 3.0]
    assert logits.argmax(axis=1)[[0, 3]].tolist() == [1, 2]
    again = FakeEngine(labels=("a", "b", "c")).predict(["unknown"])
    assert np.array_equal(again[0], logits[4])
    assert not engine.truncated(["label"]).any()
    assert engine.predict([]).shape == (0, 3)


def test_the_engine_of_several_labels():
    engine = FakeEngine(
        {"both": ["a", "b"], "none": [], "half": {"a": 0.25}}, labels=("a", "b"), multi_label=True
    )
    logits = engine.predict(["both", "none", "half"])
    assert (logits > 0).tolist() == [[True, True], [False, False], [False, False]]
    assert 1 / (1 + np.exp(-logits[2, 0])) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("answer", "message"),
    [("z", "names 'z'"), (["a", "b"], "2 labels, where one holds"), ([1.0], "1 logits for 2")],
)
def test_an_answer_that_cannot_be_given(answer, message):
    with pytest.raises(ValueError, match=message):
        FakeEngine({"x": answer}, labels=("a", "b")).predict(["x"])


def test_the_engine_refuses_what_the_real_one_refuses():
    engine = FakeEngine()
    for bad in ([3], [None], [("a", "b", "c")], "one text"):
        with pytest.raises(TypeError):
            engine.predict(bad)
    assert engine.stats.queries == 0


def test_the_engine_counts_over_threads():
    engine = FakeEngine()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: engine.predict([f"text {n % 10}", "same"]), range(200)))
    assert (engine.stats.queries, engine.stats.unique, len(engine.asked)) == (400, 11, 400)
