"""The evaluator `attack` against TextAttack by itself, and against what may go wrong.

Importing TextAttack takes seconds, so all that needs it is in this file.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
import zlib
from collections import defaultdict
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from auditkit import Options, load_suite, run_audit
from auditkit.checks import prepare_checks
from auditkit.cli import _run
from auditkit.collection import collect
from auditkit.errors import CheckError, SuiteError
from auditkit.evaluators.attack import Attack
from auditkit.evaluators.seeding import seeded_generators
from auditkit.evidence import EvidenceFolder, digest_file
from auditkit.execution.base import Job
from auditkit.execution.choice import executor
from auditkit.plugins import source_digest
from auditkit.progress import SilentProgress
from auditkit.resources import Resources
from auditkit.testing import FakeEngine, check_evaluator, examine, make_context, make_examples
from auditkit.testing.building import predicted
from tests.models import tiny
from tests.real import real

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("textattack") is None, reason="TextAttack is not installed"
)

WORDS = {"fine": 2.0, "lovely": 3.0, "grand": 2.5, "dull": -2.0, "dreadful": -3.0, "poor": -2.5}


def opinion(text) -> list[float]:
    """Return logits that add up what known words say: easy to fool, easy to follow."""
    parts = (text,) if isinstance(text, str) else text
    words = [word for part in parts for word in part.split()]
    # Other words say a little, each something else, so that nothing ties.
    score = sum(WORDS.get(word, zlib.crc32(word.encode()) / 2**31 - 1) for word in words)
    return [-score, score]


def films(count: int = 12) -> tuple[list[str], list[str]]:
    good, bad = ["fine", "lovely", "grand"], ["dull", "dreadful", "poor"]
    texts, labels = [], []
    for row in range(count):
        words = (good, bad)[row % 2]
        loud = " and ".join(words[: 1 + row // 2 % 3])
        texts.append(f"this film of number {row} is {loud} throughout")
        # Each sixth is labelled wrongly, so that the model is wrong from the start.
        labels.append(("positive", "negative")[(row % 2 + (row % 6 == 5)) % 2])
    return texts, labels


def run(recipes=("deepwordbug",), texts=None, labels=None, engine=None, pairs=None, **params):
    if texts is None:
        texts, labels = films()
    examples = make_examples(texts, labels, pairs=pairs)
    engine = engine or FakeEngine(opinion)
    return examine(Attack, examples, engine, params={"recipes": list(recipes), **params})


def rows_of(examined, recipe: str | None = None) -> pd.DataFrame:
    rows = examined.evidence.to_pandas()
    return rows if recipe is None else rows[rows["recipe"] == recipe].reset_index(drop=True)


# Against TextAttack by itself


def hashed(text: str) -> list[float]:
    """Return logits of three labels that change with every letter, and never tie."""
    words = [np.frombuffer(sha256(word.encode()).digest()[:24], "<u8") for word in text.split()]
    return (sum(words, np.zeros(3)) / 2**62).astype(np.float32).tolist()


@pytest.fixture(scope="module")
def both_ways():
    """Rows of the evaluator, and results of a plain loop over TextAttack's own classes."""
    import torch

    texts = tiny.texts(24, 9, seed=5)
    labels = ["bad", "fair", "good"]
    # Most examples are labelled as the model sees them.
    truth = [
        labels[int(np.argmax(hashed(text))) if row % 5 else row % 3]
        for row, text in enumerate(texts)
    ]
    engine = FakeEngine(hashed, labels=labels)
    found = run(
        ["deepwordbug", "pruthi", "input_reduction"], texts, truth, engine, max_queries=None
    )

    import textattack
    from textattack.attack_recipes import (
        DeepWordBugGao2018,
        InputReductionFeng2018,
        Pruthi2019,
    )

    class Wrapper(textattack.models.wrappers.ModelWrapper):
        model = None

        def __call__(self, texts):
            return torch.tensor([hashed(text) for text in texts], dtype=torch.float64)

    plain = {}
    kinds = {
        "deepwordbug": DeepWordBugGao2018,
        "pruthi": Pruthi2019,
        "input_reduction": InputReductionFeng2018,
    }
    import nltk

    nltk.data.path[:0] = Resources().nltk_path()
    for recipe, kind in kinds.items():
        with pytest.warns(DeprecationWarning, match="warn"):
            attack = kind.build(Wrapper())
        plain[recipe] = []
        for row, (text, label) in enumerate(zip(texts, truth, strict=True)):
            with seeded_generators(f"0\0attack\0e{row:04d} {recipe}".encode()):
                plain[recipe].append(attack.attack(text, labels.index(label)))
    return found, plain


@pytest.mark.parametrize("recipe", ["deepwordbug", "pruthi", "input_reduction"])
def test_statuses_and_texts_are_those_of_a_plain_loop(both_ways, recipe):
    found, plain = both_ways
    rows = rows_of(found, recipe)
    wanted = [
        {
            "SuccessfulAttackResult": "succeeded",
            "MaximizedAttackResult": "succeeded",
            "FailedAttackResult": "failed",
            "SkippedAttackResult": "skipped",
        }[type(result).__name__]
        for result in plain[recipe]
    ]
    texts = [
        result.perturbed_result.attacked_text.text if status == "succeeded" else None
        for result, status in zip(plain[recipe], wanted, strict=True)
    ]
    if recipe == "input_reduction":
        # TextAttack counts a text that nothing could be taken from as a success.
        for row, result in enumerate(plain[recipe]):
            if texts[row] == result.original_result.attacked_text.text:
                wanted[row], texts[row] = "failed", None
    assert rows["status"].tolist() == wanted
    assert (
        found.evidence.filter(pc.field("recipe") == recipe)["adversarial_text"].to_pylist() == texts
    )
    assert {"succeeded", "skipped"} <= set(wanted)


def test_rates_are_those_of_textattack(both_ways):
    from textattack.metrics import AttackSuccessRate

    found, plain = both_ways
    for recipe in ("deepwordbug", "pruthi"):
        theirs = AttackSuccessRate().calculate(plain[recipe])
        ours = found.value("attack_success_rate", recipe=recipe)
        assert ours == pytest.approx(theirs["attack_success_rate"] / 100, abs=1e-4)
        ours = found.value("accuracy_under_attack", recipe=recipe)
        assert ours == pytest.approx(theirs["attack_accuracy_perc"] / 100, abs=1e-4)


def test_changed_words_are_those_of_textattacks_edit_distance(both_ways):
    found, plain = both_ways
    for recipe, results in plain.items():
        rows = rows_of(found, recipe)
        for row in rows[rows["status"] == "succeeded"].itertuples():
            result = results[row.Index]
            before, after = (
                one.attacked_text for one in (result.original_result, result.perturbed_result)
            )
            assert row.changed_words == before.words_diff_num(after)
            assert row.perturbed_word_share == row.changed_words / before.num_words


# What the columns say


def test_rows_add_up_to_the_metrics():
    engine = FakeEngine(opinion)
    found = run(["deepwordbug", "input_reduction"], engine=engine)
    for recipe in ("deepwordbug", "input_reduction"):
        rows = rows_of(found, recipe)
        assert (rows["status"] == "skipped").sum() == 2
        assert rows["queries"].notna().tolist() == rows["attempted"].tolist()
        succeeded, failed = ((rows["status"] == one).sum() for one in ("succeeded", "failed"))
        assert found.value("attack_success_rate", recipe=recipe) == succeeded / (succeeded + failed)
        assert found.value("accuracy_under_attack", recipe=recipe) == failed / len(rows)
        assert found.value("not_attacked_rate", recipe=recipe) == 0
        assert found.value("queries", recipe=recipe) == pytest.approx(rows["queries"].mean())
        assert found.value("perturbed_word_rate", recipe=recipe) == pytest.approx(
            rows["perturbed_word_share"].mean()
        )
    fooled = rows_of(found, "deepwordbug").query("status == 'succeeded'")
    assert len(fooled) > 5
    for row in fooled.itertuples():
        before, after = (
            np.array(opinion(text)) for text in (row.original_text, row.adversarial_text)
        )
        share = np.exp(before) / np.exp(before).sum(), np.exp(after) / np.exp(after).sum()
        place = engine.labels.index(row.original_prediction)
        assert row.original_prediction == row.label == engine.labels[int(before.argmax())]
        assert row.adversarial_prediction == engine.labels[int(after.argmax())] != row.label
        assert row.original_probability == pytest.approx(share[0][place], rel=1e-5)
        assert row.adversarial_probability == pytest.approx(share[1][place], rel=1e-5)
    reduced = rows_of(found, "input_reduction").query("status == 'succeeded'")
    assert (reduced["adversarial_prediction"] == reduced["label"]).all()
    assert (reduced["adversarial_text"].str.len() < reduced["original_text"].str.len()).all()


def test_queries_are_the_distinct_inputs_that_were_asked():
    text = "this film is fine throughout"
    engine = FakeEngine(opinion)
    found = run(["deepwordbug"], [text], ["positive"], engine)
    assert rows_of(found)["queries"].tolist() == [len(set(engine.asked))]


def test_the_rows_of_a_recipe_do_not_depend_on_the_others():
    alone = rows_of(run(["deepwordbug"]))
    among = rows_of(run(["input_reduction", "deepwordbug", "pruthi"]), "deepwordbug")
    pd.testing.assert_frame_equal(alone, among)


def test_the_contract_is_kept():
    check_evaluator(Attack, {"examples": 6}, make_examples(*films()), FakeEngine(opinion))


def test_evidence_is_the_same_in_worker_processes(tmp_path):
    """In many slots of two processes at once, and with the last example first."""
    examples = make_examples(*films(14))
    attack = Attack(Attack.Params(recipes=["deepwordbug", "pruthi"], max_queries=120))

    def rows(name: str, workers: int, order: int) -> list[list[dict]]:
        engine = FakeEngine(opinion)
        job = Job(attack, source_digest(Attack), engine, engine.labels, None, "attack", 0)
        whole = predicted(examples, engine)
        folder = EvidenceFolder(tmp_path / name, "attack")
        collect(
            job,
            examples.take(range(len(examples))[::order]),
            folder,
            executor(job, workers),
            facts=dict,
            predictions=lambda shard: whole.take(
                pa.array([int(one[1:]) for one in shard["example_id"].to_pylist()])
            ),
            fresh=True,
            timeout=None,
            progress=SilentProgress(),
        )
        return [pq.read_table(path).to_pylist() for path in sorted(folder.folder.iterdir())]

    serial = rows("serial", 0, 1)
    assert len(serial) == 7
    assert rows("workers", 2, -1) == serial[::-1]


# The search dtype


class Halved(FakeEngine):
    """Answers the questions of a search with figures of its own."""

    search_dtype = "bfloat16"

    def __init__(self, scored, answers=opinion, labels=("negative", "positive")) -> None:
        super().__init__(answers, labels=labels)
        self.scored = scored
        self.searched: list[str] = []

    def predict(self, inputs, *, search=False):
        if not search:
            return super().predict(inputs)
        self.searched += inputs
        return np.array([self.scored(text) for text in inputs], dtype=np.float32)


def test_every_success_is_confirmed_in_the_runs_own_dtype():
    engine = Halved(lambda text: np.round(np.multiply(opinion(text), 5)) / 5)
    rows = rows_of(run(engine=engine))
    assert engine.searched
    fooled = rows[rows["status"] == "succeeded"]
    assert len(fooled) > 5
    for row in fooled.itertuples():
        assert row.adversarial_text in engine.asked
        assert engine.labels[int(np.argmax(opinion(row.adversarial_text)))] != row.label
    originals = set(rows["original_text"])
    assert not originals & set(engine.searched)


def test_where_nothing_is_confirmed_the_search_goes_on_as_if_there_were_no_other_dtype():
    def three(text):
        return [*opinion(text), -99.0]

    labels = ["negative", "positive", "other"]
    lying = Halved(lambda text: [0.0, 0.0, 9.0], three, labels)
    rows = rows_of(run(engine=lying))
    plain = rows_of(run(engine=FakeEngine(three, labels=labels)))
    assert rows.drop(columns="queries").equals(plain.drop(columns="queries"))
    # What was asked in vain is counted too; after one success that was none it is believed no more.
    tried = rows["status"].isin(["succeeded", "failed"])
    assert (rows["queries"] > plain["queries"])[tried].all()
    assert 0 < len(lying.searched) < len(lying.asked)


def test_what_keeps_the_prediction_is_not_searched_in_another_dtype():
    engine = Halved(opinion)
    run(["input_reduction"], engine=engine)
    assert not engine.searched


# Settings


def test_pairs_and_sides():
    texts = ["the film is fine", "the book is dull"]
    pairs = ["a lovely day", "a dreadful night"]
    labels = ["positive", "negative"]
    for side, other in (("text", "pair"), ("pair", "text")):
        rows = rows_of(
            run(["pruthi", "deepwordbug"], texts, labels, pairs=pairs, side=side, max_queries=None)
        )
        fooled = rows[rows["status"] == "succeeded"]
        assert (fooled[f"adversarial_{other}"] == fooled[f"original_{other}"]).all()
        assert (fooled[f"adversarial_{side}"] != fooled[f"original_{side}"]).all()
    rows = rows_of(run(texts=texts, labels=labels, pairs=pairs))
    assert (rows["status"] == "succeeded").all()
    changed = [
        (rows["adversarial_text"] != rows["original_text"]).sum(),
        (rows["adversarial_pair"] != rows["original_pair"]).sum(),
    ]
    assert all(changed)


def test_a_target_is_aimed_at():
    def three(text):
        negative, positive = opinion(text)
        return [negative, 0.5 if "film" in text else 1.5, positive]

    labels = ["negative", "neutral", "positive"]
    texts, truth = films()
    engine = FakeEngine(three, labels=labels)
    examples = make_examples([*texts, "a film"], [*truth, "neutral"])
    found = examine(Attack, examples, engine, params={"target": "neutral"})
    rows = rows_of(found)
    assert len(rows) == len(texts)  # what is labelled neutral is not attacked
    fooled = rows[rows["status"] == "succeeded"]
    assert len(fooled) > 3
    assert set(fooled["adversarial_prediction"]) == {"neutral"}
    # What was wrong from the start may be attacked, but withstands nothing.
    wrong = rows[rows["original_prediction"] != rows["label"]]
    assert wrong["attempted"].all()
    assert not wrong["withstood"].any()


def test_a_target_that_is_no_label_is_refused_before_the_run(
    checkpoint, messages, make_suite, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    suite = make_suite(("requirements:", "  attack: {target: baad}\nrequirements:"))
    assert _run(["run", str(suite), "--model", str(checkpoint), "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert "check 'attack': the target 'baad' is no label of the model" in said
    assert "suite.yaml:" in said
    assert "Known: bad" in said


def test_a_target_that_is_no_label_is_an_error_of_the_check():
    with pytest.raises(CheckError, match=r"'positve' is no label of the model. Did you mean 'pos"):
        run(target="positve")


def test_budgets_are_counted_apart():
    stubborn = FakeEngine(lambda text: opinion("lovely grand"))
    texts = ["a rather long sentence about nothing at all in particular"] * 3
    found = run(texts=texts, labels=["positive"] * 3, engine=stubborn, max_queries=4)
    rows = rows_of(found)
    assert rows["status"].tolist() == ["not_attacked"] * 3
    assert rows["reason"].tolist() == ["max_queries"] * 3
    assert found.value("not_attacked_rate", recipe="deepwordbug") == 1
    assert found.value("accuracy_under_attack", recipe="deepwordbug") is None
    rows = rows_of(run(["pruthi"], max_queries=2))  # a search that stumbles over its budget
    assert set(rows["reason"].dropna()) <= {"max_queries"}
    rows = rows_of(run(max_seconds=1e-9))
    assert rows["reason"].tolist() == ["max_seconds"] * len(rows)


def test_the_unknown_token_is_the_tokenizers():
    class Roberta(FakeEngine):
        @property
        def info(self):
            return replace(super().info, unknown_token="<unk>")

    engine = Roberta(opinion)
    run(engine=engine)
    assert any("<unk>" in text for text in engine.asked)
    assert not any("[UNK]" in text for text in engine.asked)


def test_odd_texts_are_attacked_or_counted_apart():
    texts = [
        "",
        "  ",
        "!?",
        "a",
        "x y",
        "👍 fine 👍",
        "今天天气很好",
        "e\u0301te\u0301 fine",
        "fine " * 40,
    ]
    texts += ["مرحبا fine", "fine <SPLIT> film", "\ufeff\u200bfine\x00\x07"]
    labels = ["positive"] * len(texts)
    engine = FakeEngine(lambda text: [0.0, 1.0] if "fine" in text or len(text) < 9 else [1.0, 0.0])
    rows = rows_of(run(["deepwordbug", "pruthi", "input_reduction"], texts, labels, engine))
    assert len(rows) == 3 * len(texts)
    apart = rows[rows["reason"].notna()]
    assert set(apart["reason"]) <= {"error: ValueError", "error: ZeroDivisionError"}
    assert apart["not_attacked"].all()
    # TextAttack would cut a text at what it puts between pairs.
    assert set(rows[rows["original_text"].str.contains("<SPLIT>")]["reason"]) == {
        "error: ValueError"
    }
    assert not rows[rows["original_text"].str.contains("مرحبا")]["not_attacked"].any()


def test_an_error_of_the_engine_is_no_outcome():
    class Broken(FakeEngine):
        def predict(self, inputs, *, search=False):
            if any("[UNK]" in text for text in inputs):
                raise RuntimeError("the engine was closed")
            return super().predict(inputs)

    with pytest.raises(RuntimeError, match="the engine was closed"):
        run(engine=Broken(opinion))


def test_an_audit_says_what_was_attacked_and_resumes(make_suite, checkpoint, tmp_path):
    (tmp_path / "recipe.py").write_text(RECIPE)
    suite = make_suite(
        ("performance: {}", f"attack: {{recipes: ['{tmp_path}/recipe.py:Mine'], examples: 8}}"),
        (
            "performance.accuracy, min: 0.05",
            "attack.accuracy_under_attack, where: {recipe: Mine}, min: 0.0",
        ),
    )

    def audit():
        options = Options(output=tmp_path / "run", workers=0)
        return run_audit(suite, str(checkpoint), options).record

    record = audit()
    (check,) = record.checks
    assert check.status == "ok", check.error
    assert any("8 of 300 examples were attacked" in remark for remark in check.remarks)
    assert [one.name for one in check.resources] == ["corpora/stopwords"]
    assert check.params["recipes"][0]["digest"] == digest_file(tmp_path / "recipe.py")
    sliced = {(one.metric, one.slice.get("gender")) for one in check.measurements}
    assert ("accuracy_under_attack", "female") in sliced
    assert (record.verdicts[0].status, record.verdicts[0].n) == ("pass", 8)
    assert audit().checks[0].resumed_parts == 4
    # Another file is another attack.
    (tmp_path / "recipe.py").write_text(f"# mended\n{RECIPE}")
    assert audit().checks[0].resumed_parts == 0


# Recipes of one's own

RECIPE = """\
import textattack
from textattack.attack_recipes import AttackRecipe, DeepWordBugGao2018
from textattack.goal_functions import UntargetedClassification


class Mine(AttackRecipe):
    @staticmethod
    def build(model_wrapper):
        attack = DeepWordBugGao2018.build(model_wrapper)
        return attack


class Stumbles(AttackRecipe):
    @staticmethod
    def build(model_wrapper):
        attack = DeepWordBugGao2018.build(model_wrapper)
        attack.search_method.perform_search = lambda result: 1 / 0
        return attack


class Nothing:
    @staticmethod
    def build(model_wrapper):
        return None
"""


def test_a_recipe_of_ones_own_runs_and_its_digest_is_a_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.py").write_text(RECIPE)
    rows = rows_of(run(["./recipe.py:Mine"]))
    assert set(rows["recipe"]) == {"Mine"}
    assert (rows["status"] == "succeeded").sum() > 5
    params = Attack.Params.model_validate({"recipes": ["./recipe.py:Mine"]})
    (setting,) = params.recipes
    assert setting.digest == digest_file(tmp_path / "recipe.py")
    with pytest.raises(CheckError, match="returned a NoneType"):
        run(["./recipe.py:Nothing"])
    found = run(["./recipe.py:Stumbles"])
    assert set(rows_of(found)["reason"].dropna()) == {"error: ZeroDivisionError"}
    assert found.value("accuracy_under_attack", recipe="Stumbles") == 0
    assert found.value("attack_success_rate", recipe="Stumbles") is None
    source = "import textattack\n\nraise OSError('no disk')\nclass A:\n def build(): 0"
    (tmp_path / "other.py").write_text(source)
    with pytest.raises(CheckError, match=r"OSError: no disk \(line 3\)"):
        run(["./other.py:A"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{recipes: [deepwordbugs]}", "there is no recipe 'deepwordbugs'. Did you mean 'deepw"),
        ("{recipes: [hotflip]}", "'hotflip' cannot be run here: it needs the gradients"),
        ("{recipes: [pwws, pwws]}", "the recipe 'pwws' is named twice"),
        ("{recipes: [./none.py:Mine]}", "there is no such file: ./none.py"),
        ("{recipes: [input_reduction], target: bad}", "cannot be aimed at a label"),
        ("{masked_lm: some/model}", "none of the recipes uses the masked_lm"),
        ("{max_queries: 1}", "'max_queries' should be at least 2, not 1"),
        ("{side: pair}", "'side: pair' is for pairs of texts"),
    ],
)
def test_settings_that_make_no_sense_name_the_line(make_suite, settings, message):
    path = make_suite(("performance: {}", f"performance: {{}}\n  attack: {settings}"))
    with pytest.raises(SuiteError, match=message) as caught:
        prepare_checks(load_suite(path))
    assert caught.value.line is not None
    assert "attack" in path.read_text().splitlines()[caught.value.line - 1]


def test_several_labels_a_text_are_refused_with_the_reason(make_suite):
    path = make_suite(("performance: {}", "attack: {}"), ("task:", "multi_label: true\ntask:"))
    path.write_text(
        path.read_text().replace("performance.accuracy", "attack.accuracy_under_attack")
    )
    with pytest.raises(SuiteError, match="TextAttack's goals know one label a text"):
        prepare_checks(load_suite(path))


def test_without_textattack_the_check_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    examples = make_examples(*films())
    with pytest.raises(CheckError, match=r'pip install "auditkit\[attacks\]"'):
        Attack(Attack.Params()).select(examples, make_context(examples))


def test_remarks_say_what_a_reader_has_to_know():
    examples = make_examples(*films())
    attack = Attack(
        Attack.Params(recipes=["deepwordbug", "input_reduction", "textfooler"], examples=5)
    )
    context = make_context(examples, Halved(opinion))
    remarks = "; ".join(attack.remarks(attack.select(examples, context), context))
    assert "5 of 12 examples" in remarks
    assert "input_reduction succeeds where the prediction stays" in remarks
    assert "textfooler: texts are compared by the suite's sentence encoder" in remarks
    assert "scored in bfloat16, and every success was confirmed in float32" in remarks


def test_resources_follow_from_recipes():
    def names(**params):
        return [one.name for one in Attack(Attack.Params(**params)).resources()]

    assert names() == ["corpora/stopwords"]
    assert names(recipes=["pwws"]) == ["corpora/stopwords", "corpora/wordnet"]
    assert names(recipes=["bert_attack"], masked_lm="./lm", encoder="./enc") == [
        "corpora/stopwords",
        "./lm",
        "./enc",
    ]
    assert "sentence-transformers/all-MiniLM-L6-v2" in names(recipes=["textfooler"])


# Recipes with resources


def test_pwws_over_wordnet(monkeypatch):
    monkeypatch.setenv("NLTK_DATA", str(real("data/nltk_data")))
    found = run(["pwws"])
    rows = rows_of(found)
    assert (rows["status"] == "succeeded").any()
    fooled = rows[rows["status"] == "succeeded"].iloc[0]
    # A synonym takes a word's place: as many words as before.
    assert len(fooled["adversarial_text"].split()) == len(fooled["original_text"].split())


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A tiny masked language model, which is a sentence encoder too, that knows films' words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("masked")
    words = sorted({word for text in films()[0] for word in text.split()} | WORDS.keys())
    vocabulary = {word: place for place, word in enumerate([*tiny.SPECIALS, *words])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    BertTokenizerFast(tokenizer_object=backend, model_max_length=40).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(vocabulary), intermediate_size=64, max_position_embeddings=40, **size
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


def test_words_of_a_masked_language_model_take_others_places(checkpoints):
    found = run(["bert_attack"], masked_lm=str(checkpoints), encoder=str(checkpoints))
    rows = rows_of(found)
    fooled = rows[rows["status"] == "succeeded"]
    assert len(fooled) > 3
    known = {word for text in films()[0] for word in text.split()} | {*WORDS, *tiny.SPECIALS}
    for text in fooled["adversarial_text"]:
        assert set(text.split()) <= known
    assert fooled["similarity"].between(-1, 1 + 1e-6).all()
    assert found.value("similarity", recipe="bert_attack") == pytest.approx(
        fooled["similarity"].mean()
    )


def test_similarity_is_the_cosine_of_mean_pooled_states(checkpoints):
    import torch
    from transformers import AutoModel, AutoTokenizer

    rows = rows_of(run(["deepwordbug"], encoder=str(checkpoints)))
    tokenizer = AutoTokenizer.from_pretrained(checkpoints)
    model = AutoModel.from_pretrained(checkpoints).eval()

    def vector(text):
        with torch.inference_mode():
            return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)

    for row in rows[rows["status"] == "succeeded"].itertuples():
        wanted = torch.cosine_similarity(
            vector(row.original_text), vector(row.adversarial_text), dim=0
        )
        assert row.similarity == pytest.approx(float(wanted), abs=1e-5)


@pytest.mark.parametrize("recipe", ["bae", "clare"])
def test_recipes_with_a_tagger_over_local_checkpoints(checkpoints, monkeypatch, recipe):
    monkeypatch.setenv("NLTK_DATA", str(real("data/nltk_data")))
    texts, labels = (part[:4] for part in films())
    rows = rows_of(
        run([recipe], texts, labels, masked_lm=str(checkpoints), encoder=str(checkpoints))
    )
    assert not rows["reason"].str.startswith("error").any()
    assert (rows["status"] == "succeeded").any()


def test_vectors_are_looked_up_and_not_downloaded(tmp_path, checkpoints, monkeypatch):
    """IGA and TextFooler swap words for neighbours: here each for one of the other mind."""
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("NLTK_DATA", str(real("data/nltk_data")))
    folder = tmp_path / "resources" / "vectors" / "paragramcf"
    folder.mkdir(parents=True)
    words = list(WORDS)
    rng = np.random.default_rng(0)
    np.save(folder / "paragram.npy", (1 + 0.01 * rng.random((len(words), 4))).astype(np.float32))
    near = [[place, (place + 3) % 6, *[one for one in range(6) if one % 3 != place % 3]]
            for place in range(6)]  # fmt: skip
    np.save(folder / "nn.npy", np.array(near))
    for name, content in (
        ("wordlist.pickle", {word: place for place, word in enumerate(words)}),
        # They fill up as words are compared.
        ("mse_dist.p", defaultdict(dict)),
        ("cos_sim.p", defaultdict(dict)),
    ):
        (folder / name).write_bytes(pickle.dumps(content))
    texts, labels = (part[:4] for part in films())
    found = run(["iga", "textfooler"], texts, labels, encoder=str(checkpoints))
    for recipe in ("iga", "textfooler"):
        rows = rows_of(found, recipe)
        assert (rows["status"] == "succeeded").any(), rows["reason"].tolist()


def test_importing_textattack_leaves_no_traces(tmp_path):
    """No network, no mark in the user's cache, no changed variable; in a process of its own."""
    code = """
import os, socket
def refuse(*_, **__):
    raise AssertionError("touched the network")
socket.socket.connect = refuse
from auditkit.attacks.library import import_textattack
from auditkit.resources import Resources
import_textattack(Resources())
set_by_textattack = {"HF_HOME", "XDG_CACHE_HOME", "TA_CACHE_DIR", "TFHUB_CACHE_DIR"}
assert not set_by_textattack & set(os.environ)
import textattack
"""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        env={**environment, "HOME": str(tmp_path), "AUDITKIT_CACHE": str(tmp_path / "auditkit")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "nltk" not in done.stderr.lower()
    assert not (tmp_path / ".cache" / "textattack").exists()
