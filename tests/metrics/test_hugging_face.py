"""Metrics of Hugging Face evaluate, from scripts written here, against scikit-learn."""

from __future__ import annotations

import socket
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import sklearn.metrics as sk
from pydantic import ValidationError

from auditkit.cli import _run
from auditkit.errors import CheckError, PluginError
from auditkit.evaluators.performance import Performance
from auditkit.metrics import Metric, metric_from_dict, metric_to_dict
from auditkit.metrics.hugging_face import no_network
from auditkit.metrics.measure import Settings, measure
from auditkit.record import Measurement, read_record

LABELS = ("bad", "fair", "good")

SCRIPT = """
import datasets
import evaluate
import numpy as np
import sklearn.metrics as sk

class Made(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="", format=FORMAT,
            features=datasets.Features(
                {name: datasets.Value("int32") for name in ("INPUT", "references")}
            ),
        )

    def _compute(self, INPUT, references, average="macro", scale=1):
        return BODY
"""


@pytest.fixture(scope="module", autouse=True)
def own_modules(tmp_path_factory):
    """Keep what evaluate copies out of the user's folders."""
    with warnings.catch_warnings(action="ignore"):
        import evaluate
    folder = tmp_path_factory.mktemp("hugging-face")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", folder / "modules")
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", folder / "metrics")
        patch.setattr(sys, "path", list(sys.path))
        yield folder / "modules"
    for name in [name for name in sys.modules if name.partition(".")[0] == "evaluate_modules"]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[object]:
    """Names that were looked up on the network, where nothing answers."""
    found: list[object] = []

    def refuse(host, *rest, **more):
        found.append(host)
        raise socket.gaierror("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return found


@pytest.fixture
def script(tmp_path) -> Callable[..., str]:
    """Write a metric's script into a folder of its own name, and return the folder's path."""

    def make(
        body: str, *, name: str = "made", given: str = "predictions", form: str = "None"
    ) -> str:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        text = SCRIPT.replace("INPUT", given).replace("FORMAT", form).replace("BODY", body)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return str(folder)

    return make


F1 = "{'f1': sk.f1_score(references, predictions, average=average), 'rows': len(references)}"


def _declared(*metrics: object) -> list[Metric]:
    params = Performance.Params.model_validate({"evaluate": list(metrics)})
    own = len(Performance(Performance.Params()).metrics())
    return list(Performance(params).metrics())[own:]


def _measured(table: pa.Table, *metrics: object, **settings) -> dict[tuple, Measurement]:
    settings = {"labels": LABELS, "draws": 60} | settings
    found = measure(ds.dataset(table), _declared(*metrics), Settings(**settings))
    return {(one.metric, *sorted(one.slice.items())): one for one in found}


def test_a_script_is_measured_as_scikit_learn_does_overall_and_by_group(single, script, asked):
    metric = {"metric": script(F1), "key": "f1", "better": "higher"}
    measured = _measured(single, metric, groups=("region",))
    frame = single.to_pandas()
    overall = measured["evaluate_f1",]
    assert overall.value == sk.f1_score(frame["label"], frame["prediction"], average="macro")
    assert overall.low < overall.value < overall.high
    assert overall.method == "row bootstrap, 60 draws"
    for region, part in frame.groupby("group:region"):
        value = sk.f1_score(part["label"], part["prediction"], average="macro")
        assert measured["evaluate_f1", ("region", region)].value == value
    assert measured["evaluate_f1.gap", ("group", "region")].value > 0
    assert asked == []


def test_it_is_what_the_library_itself_computes(single, script):
    """The harness calls ``_compute``, without the file that ``compute`` writes first."""
    import evaluate

    path = script(F1, name="same")
    frame = single.to_pandas()
    codes = {label: code for code, label in enumerate(LABELS)}
    module = evaluate.load(path, keep_in_memory=True)
    wanted = module.compute(
        predictions=frame["prediction"].map(codes), references=frame["label"].map(codes)
    )
    measured = _measured(single, {"metric": path, "key": "f1"})
    assert measured["evaluate_f1",].value == wanted["f1"]


def test_arguments_names_and_directions(single, script):
    path = script(F1)
    metrics = [
        {"metric": path, "key": "f1", "arguments": {"average": "weighted"}, "name": "weighted"},
        {"metric": f"{path}/made.py", "key": "rows"},
        {"metric": script("{'made': scale}", name="made_two"), "arguments": {"scale": 3}},
    ]
    measured = _measured(single, *metrics)
    frame = single.to_pandas()
    assert measured["weighted",].value == pytest.approx(
        sk.f1_score(frame["label"], frame["prediction"], average="weighted")
    )
    assert measured["evaluate_rows",].value == len(frame)
    assert measured["evaluate_made_two",].value == 3
    # Every draw gives the same, so nothing is known of rows not seen.
    assert measured["evaluate_rows",].low is None
    assert "all values are equal" in measured["evaluate_rows",].note
    assert [one.better for one in _declared(*metrics)] == ["none"] * 3


def test_labels_are_whole_numbers_in_the_order_of_the_model(single, script):
    frame = single.to_pandas()
    where = "{'made': float(np.mean(np.array(predictions) == 2)) + 10 * references.count(0)}"
    value = _measured(single, script(where))["evaluate_made",].value
    good, bad = (frame["prediction"] == "good").mean(), (frame["label"] == "bad").sum()
    assert value == pytest.approx(good + 10 * bad)


def test_a_metric_gets_arrays_where_it_asks_for_them(single, script):
    kind = "{'made': float(type(references).__name__ == 'ndarray')}"
    values = [
        _measured(single, script(kind, name=name, form=form))[f"evaluate_{name}",].value
        for name, form in (("lists", "None"), ("arrays", "'numpy'"))
    ]
    assert values == [0.0, 1.0]


def test_several_labels_are_matrices(several, script, multi_hot):
    measured = _measured(several, {"metric": script(F1), "key": "f1"})
    truth, guess = multi_hot(several, "label"), multi_hot(several, "prediction")
    assert measured["evaluate_f1",].value == sk.f1_score(
        truth, guess, average="macro", zero_division=0
    )


def test_scores_of_two_labels_are_those_of_the_positive_one(binary, script):
    area = "{'auc': sk.roc_auc_score(references, prediction_scores)}"
    metric = {"metric": script(area, given="prediction_scores"), "uses": "scores"}
    frame = binary.to_pandas()
    for positive in ("yes", "no", None):
        measured = _measured(binary, metric, labels=("no", "yes"), positive=positive)
        chosen = positive or "yes"
        assert measured["evaluate_made",].value == pytest.approx(
            sk.roc_auc_score(frame["label"] == chosen, frame[f"probability:{chosen}"])
        )
    # The sum of squared errors tells which label's probability it was.
    brier = "{'made': float(np.mean((np.array(predictions) - np.array(references)) ** 2))}"
    measured = _measured(
        binary, {"metric": script(brier), "uses": "scores"}, labels=("no", "yes"), positive="no"
    )
    assert measured["evaluate_made",].value == pytest.approx(
        sk.brier_score_loss(frame["label"] == "no", frame["probability:no"])
    )


def test_scores_of_more_labels_are_a_matrix(single, several, script, multi_hot):
    body = "{'made': sk.roc_auc_score(references, predictions, multi_class='ovr')}"
    metric = {"metric": script(body), "uses": "scores"}
    names = [f"probability:{label}" for label in LABELS]
    frame = single.to_pandas()
    assert _measured(single, metric)["evaluate_made",].value == pytest.approx(
        sk.roc_auc_score(frame["label"], frame[names], multi_class="ovr")
    )
    scores = several.to_pandas()[names]
    assert _measured(several, metric)["evaluate_made",].value == pytest.approx(
        sk.roc_auc_score(multi_hot(several, "label"), scores)
    )


def test_predictions_without_scores_have_none_to_give(binary, script):
    names = [name for name in binary.column_names if not name.startswith("probability:")]
    metric = {"metric": script("{'made': 1}"), "uses": "scores"}
    measured = _measured(binary.select(names), metric, labels=("no", "yes"))["evaluate_made",]
    assert measured.value is None
    assert "no scores" in measured.note


def test_ids_that_do_not_mean_the_positive_label_are_noted(binary, script):
    metric = {"metric": script(F1), "key": "f1", "arguments": {"average": "binary"}}
    settings = {"labels": ("no", "yes")}
    other = _measured(binary, metric, **settings, positive="no")["evaluate_f1",]
    assert "1 is 'yes', not the positive label" in other.note
    assert _measured(binary, metric, **settings, positive="yes")["evaluate_f1",].note is None


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("{'made': 'high'}", "it gave a str as 'made', not a number"),
        ("{'made': [0.5, 0.6]}", "it gave a list as 'made', not a number"),
        ("{'made': None}", "it gave a NoneType as 'made'"),
        ("{'made': float('nan')}", "not defined here"),
        ("{'made': float('inf')}", "not defined here"),
        ("{'a': 1, 'b': 2}", "it gave a, b, of which no number is called 'made': choose one"),
        ("None", "it gave a NoneType as 'made'"),
        ("{}", "it gave nothing"),
    ],
)
def test_what_is_no_number_is_not_measurable_and_says_why(body, note, single, script):
    measured = _measured(single, script(body))["evaluate_made",]
    assert (measured.value, measured.low, measured.high) == (None, None, None)
    assert note in measured.note


def test_a_warning_of_the_metric_is_a_note(single, script):
    """scikit-learn says that an undefined precision was made 0; a reader must hear it too."""
    metric = {"metric": script("{'p': sk.precision_score([1, 0], [0, 0])}")}
    measured = _measured(single, metric)["evaluate_made",]
    assert measured.value == 0.0
    assert measured.note.startswith("UndefinedMetricWarning: Precision is ill-defined")


def test_chance_in_a_metric_repeats_and_leaves_the_generator_alone(single, script):
    import numpy as np

    path = script("{'made': np.random.random()}")
    np.random.seed(5)  # noqa: NPY002
    wanted = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = _measured(single, path)["evaluate_made",].value
    assert np.random.random() == wanted  # noqa: NPY002
    assert _measured(single, path)["evaluate_made",].value == first


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"metric": "./nowhere"}, "there is no metric script nowhere/nowhere.py. Give the path"),
        ({"metric": "MADE", "arguments": {"averge": 1}}, "does not take these arguments.*averge"),
        ({"metric": "MADE/made.py", "name": "f1"}, None),
    ],
)
def test_what_cannot_be_declared(metric, message, script):
    metric = {**metric, "metric": metric["metric"].replace("MADE", script(F1))}
    if message is None:
        assert _declared(metric)[0].name == "f1"
        return
    with pytest.raises(PluginError, match=message):
        _declared(metric)


@pytest.mark.parametrize(
    ("given", "message"),
    [("prediction_scores", "asks for scores. Write 'uses: scores'"), ("sources", None)],
)
def test_what_a_metric_asks_for(given, message, script):
    path = script("{'made': 1}", given=given)
    if message:
        with pytest.raises(PluginError, match=message):
            _declared(path)
    assert _declared({"metric": path, "uses": "scores"})


def test_a_metric_that_needs_more_than_there_is(script):
    path = script("{'made': 1}")
    file = Path(path) / "made.py"
    file.write_text(file.read_text().replace('("predictions", ', '("predictions", "sources", '))
    with pytest.raises(
        PluginError, match="asks for predictions, sources, references; an audit has"
    ):
        _declared(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_like_it", "nothing_like_it"),
        ("def f(:", "SyntaxError"),
        ("x = 1", "cannot be loaded"),
    ],
)
def test_a_script_that_is_none(text, message, tmp_path):
    path = tmp_path / "metric.py"
    path.write_text(text)
    with pytest.raises(PluginError, match=message):
        _declared(str(path))


def test_an_id_needs_the_hub_or_the_cache(own_modules, single, asked):
    with no_network(True), pytest.raises(PluginError, match="not in the local cache") as caught:
        _declared("accuracy")
    assert "--offline" in str(caught.value)
    assert asked == []
    with pytest.raises(PluginError, match="no metric 'accuracy', or cannot be reached"):
        _declared("accuracy")
    assert set(asked) == {"huggingface.co"}
    asked.clear()
    cached = own_modules / "evaluate_modules" / "metrics" / "evaluate-metric--accuracy" / ("0" * 64)
    cached.mkdir(parents=True)
    body = "{'accuracy': sk.accuracy_score(references, predictions)}"
    text = SCRIPT.replace("INPUT", "predictions").replace("FORMAT", "None").replace("BODY", body)
    for folder in (cached, cached.parent, cached.parent.parent, cached.parent.parent.parent):
        (folder / "__init__.py").touch()
    (cached / "accuracy.py").write_text(text)
    with no_network(True):
        measured = _measured(single, "accuracy")
    frame = single.to_pandas()
    assert measured["evaluate_accuracy",].value == (frame["label"] == frame["prediction"]).mean()
    assert measured["evaluate_accuracy",].better == "higher"
    assert asked == []


def test_the_declaration_says_it_all_and_other_code_is_refused(single, script, monkeypatch):
    path = script(F1)
    metric = _declared({"metric": path, "key": "f1", "arguments": {"average": "micro"}})[0]
    saved = metric_to_dict(metric)
    assert saved["statistic"]["arguments"]["metric"] == path
    assert len(saved["statistic"]["arguments"]["digest"]) == 64
    monkeypatch.setattr("auditkit.metrics.hugging_face._loaded", {})  # as in another process
    settings = Settings(labels=LABELS, draws=20)
    again = measure(ds.dataset(single), [metric_from_dict(saved)], settings)
    assert again[0].value == pytest.approx(
        (single["label"].to_pandas() == single["prediction"].to_pandas()).mean()
    )
    script(F1.replace("average=average", "average='macro'"))
    monkeypatch.setattr("auditkit.metrics.hugging_face._loaded", {})
    with pytest.raises(CheckError, match="is not what the record was made with"):
        measure(ds.dataset(single), [metric_from_dict(saved)], settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": ""},
        {"metric": "f1", "better": "up"},
        {"metric": "f1", "avrage": "macro"},
        {"metric": "f1", "name": "F one"},
        {"metric": "f1", "uses": "logits"},
        3,
    ],
)
def test_settings_that_do_not_fit(wrong):
    with pytest.raises(ValidationError):
        Performance.Params.model_validate({"evaluate": [wrong]})


def test_a_suite_measures_and_requires_it(make_suite, checkpoint, script, tmp_path):
    check = f"performance: {{evaluate: [{{metric: {script(F1)}, key: f1, better: higher}}]}}"
    suite = make_suite(
        ("performance: {}", check),
        (", groups: [gender, region]", ""),
        ("performance.accuracy, min: 0.05", "performance.evaluate_f1, min: 0.05"),
    )
    folder = tmp_path / "run"
    command = ["run", str(suite), "--model", str(checkpoint), "--output", str(folder)]
    assert _run([*command, "--limit", "80"]) == 0
    record = read_record(folder)
    values = {
        one.metric: one.value for one in record.check("performance").measurements if not one.slice
    }
    assert values["evaluate_f1"] == values["f1_macro"]
    assert record.verdicts[0].status == "pass"


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("[f1]", "the metric 'f1' of Hugging Face evaluate is not in the local cache"),
        ("[./gone]", "there is no metric script gone/gone.py"),
        ("[{metric: ./gone, beter: lower}]", "Did you mean 'better'?"),
        ("f1", "should be a list"),
        ("[MADE, MADE]", "declares 'evaluate_made' twice"),
    ],
)
def test_a_wrong_one_is_told_with_its_line_before_a_model_is_loaded(
    metrics, said, make_suite, script, tmp_path, capsys
):
    check = f"performance: {{evaluate: {metrics.replace('MADE', script(F1))}}}"
    suite = make_suite(("performance: {}", check))
    command = ["run", str(suite), "--model", str(tmp_path / "no-model"), "--offline"]
    assert _run(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "suite.yaml:7" in error
    assert "no-model" not in error
