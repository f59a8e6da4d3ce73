"""Metrics of Hugging Face ``evaluate``, by id or from a script, as declared statistics.

A metric is loaded when it is declared, so that one that is not at hand is noticed before a model
is loaded; the digest of its code goes into the record, and code that is another one later is
refused. It runs as :class:`~auditkit.metrics.Custom` code, through the metric's ``_compute``:
``compute`` writes what it is given to an Arrow file first, which for a bootstrap of small data
takes many times as long as the metric itself.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from auditkit.errors import AuditkitError, CheckError, PluginError
from auditkit.metrics.declare import Custom, Metric

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Uses", "compute", "declare", "no_network"]

Uses: TypeAlias = Literal["labels", "scores"]
_Array: TypeAlias = npt.NDArray[Any]

_COLUMNS: dict[Uses, tuple[str, ...]] = {
    "labels": ("label", "prediction"),
    "scores": ("label", "probability:*"),
}
_DRAWS = 200  # most of these metrics cost milliseconds a call, however few the rows
_loaded: dict[tuple[str, str | None, str | None, str], Any] = {}
_no_network: ContextVar[bool] = ContextVar("no_network", default=False)


@contextmanager
def no_network(wanted: bool) -> Iterator[None]:
    """Let no metric be fetched from the hub inside, where ``wanted``."""
    token = _no_network.set(wanted)
    try:
        yield
    finally:
        _no_network.reset(token)


def declare(
    metric: str,
    *,
    name: str,
    better: Literal["higher", "lower", "none"],
    uses: Uses = "labels",
    key: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Metric:
    """Load a metric and return it as a declared one.

    Parameters
    ----------
    metric
        An id on the hub (``f1``, ``org/name``), or the path of a script or of the folder that
        holds one of its own name; a path begins with ``.``, ``/`` or ``~`` or ends in ``.py``.
    name, better
        Of the declared metric.
    uses
        What it is given with the true labels: predicted labels, or probabilities.
    key
        Which of the numbers it returns; by default its only one, or the one of its own name.
    config, revision
        Passed to ``evaluate.load``.
    arguments
        Passed to the metric's ``compute``.

    Raises
    ------
    PluginError
        If it cannot be loaded, needs what an audit does not have, or does not take
        ``arguments``.
    ValueError
        If ``name`` is no name of a metric.
    """
    arguments = dict(arguments or {})
    module = _load(metric, config, revision)
    _hold_inputs(metric, module, uses, arguments)
    stated = {
        "metric": metric,
        "digest": module._hash,
        "uses": uses,
        "key": key,
        "config": config,
        "revision": revision,
        "options": arguments,
    }
    _loaded[metric, config, revision, module._hash] = module
    function = f"{__name__}:{compute.__name__}"
    return Metric(name, Custom(function, _COLUMNS[uses], stated, _DRAWS), better)


def compute(
    frame: pd.DataFrame,
    *,
    labels: Sequence[str],
    positive: str | None,
    metric: str,
    digest: str,
    uses: Uses,
    key: str | None,
    config: str | None,
    revision: str | None,
    options: Mapping[str, Any],
) -> float:
    """Compute a declared metric on rows of predictions.

    Labels are given as whole numbers in the order of the model's, several labels a text as a 0/1
    matrix ``[rows, labels]``. Scores of two labels are the probability of the positive one (the
    second where the suite names none), and the true labels 1 where it holds; other scores are the
    matrix of probabilities.

    Raises
    ------
    CheckError
        If the metric's code is not at hand, or not the code that was declared.
    ValueError
        If it does not return the one number that is wanted.
    """
    module = _loaded.get((metric, config, revision, digest))
    if module is None:
        module = _reloaded(metric, config, revision, digest)
    truth, given = _inputs(frame, labels, positive, uses)
    _, prediction_name = _input_names(module)
    if module.format != "numpy":
        truth, given = truth.tolist(), given.tolist()
    with _seeded():
        found = module._compute(references=truth, **{prediction_name: given}, **options)
    return _number(found, key, Path(metric).stem)


def _reloaded(metric: str, config: str | None, revision: str | None, digest: str) -> Any:
    try:
        module = _load(metric, config, revision)
    except AuditkitError as error:
        raise CheckError(error.message, hint=error.hint) from error
    if module._hash != digest:
        raise CheckError(
            f"the code of the metric '{metric}' is not what the record was made with",
            hint="Name the script, or the revision, that was used",
        )
    _loaded[metric, config, revision, digest] = module
    return module


def _is_path(metric: str) -> bool:
    return metric.startswith((".", "/", "~")) or metric.endswith(".py")


def _load(metric: str, config: str | None, revision: str | None) -> Any:
    """Return the module of a metric; one with a path touches no network."""
    if _is_path(metric):
        source = str(_script(metric))
    else:
        # The whole id, so that a folder that happens to be called so is not taken instead.
        source = metric if "/" in metric else f"evaluate-metric/{metric}"
    with warnings.catch_warnings(action="ignore"):
        import evaluate
        from huggingface_hub import constants

        offline = bool(
            _no_network.get() or constants.HF_HUB_OFFLINE or evaluate.config.HF_EVALUATE_OFFLINE
        )
        try:
            with _quiet(evaluate, offline):
                return evaluate.load(source, config, module_type="metric", revision=revision)
        except (ConnectionError, FileNotFoundError) as error:
            raise _not_at_hand(metric, error, offline=offline) from error
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise PluginError(
                f"the metric '{metric}' cannot be loaded: {type(error).__name__}: {reason}"
            ) from error


def _script(metric: str) -> Path:
    path = Path(metric).expanduser()
    script = path if path.suffix == ".py" else path / f"{path.name}.py"
    if not script.is_file():
        raise PluginError(
            f"there is no metric script {script}",
            hint="Give the path of a .py file, or of a folder that holds one of its own name",
        )
    return script


def _not_at_hand(metric: str, error: Exception, *, offline: bool) -> PluginError:
    if _is_path(metric):
        return PluginError(f"the metric '{metric}' cannot be loaded: {error}")
    if offline:
        return PluginError(
            f"the metric '{metric}' of Hugging Face evaluate is not in the local cache, and no "
            "network is to be touched",
            hint="Run once without --offline and HF_HUB_OFFLINE, or give the path of its script",
        )
    return PluginError(
        f"the Hugging Face hub has no metric '{metric}', or cannot be reached",
        hint="See https://huggingface.co/evaluate-metric, or give the path of a script (./name)",
    )


@contextmanager
def _quiet(evaluate: Any, offline: bool) -> Iterator[None]:
    """Keep ``evaluate`` silent, and off the network where that is wanted.

    What is downloaded is not reported to its makers either.
    """
    config, level = evaluate.config, evaluate.logging.get_verbosity()
    before = config.HF_EVALUATE_OFFLINE, config.HF_UPDATE_DOWNLOAD_COUNTS
    config.HF_EVALUATE_OFFLINE, config.HF_UPDATE_DOWNLOAD_COUNTS = offline, False
    evaluate.logging.set_verbosity_error()
    try:
        yield
    finally:
        config.HF_EVALUATE_OFFLINE, config.HF_UPDATE_DOWNLOAD_COUNTS = before
        evaluate.logging.set_verbosity(level)


def _input_names(module: Any) -> tuple[list[str], str]:
    """Return what a metric asks for, and what it calls the predictions."""
    features = module.features
    names = list(features[0] if isinstance(features, list) else features)
    others = [name for name in names if name != "references"]
    return names, others[0] if len(others) == 1 else ""


def _hold_inputs(metric: str, module: Any, uses: Uses, arguments: Mapping[str, Any]) -> None:
    names, prediction_name = _input_names(module)
    if "references" not in names or not prediction_name:
        raise PluginError(
            f"the metric '{metric}' asks for {', '.join(names)}; an audit has references and "
            "predictions"
        )
    if prediction_name == "prediction_scores" and uses == "labels":
        raise PluginError(f"the metric '{metric}' asks for scores", hint="Write 'uses: scores'")
    try:
        inspect.signature(module._compute).bind(
            **{"references": None, prediction_name: None}, **arguments
        )
    except TypeError as error:
        raise PluginError(
            f"the metric '{metric}' does not take these arguments: {error}"
        ) from error


def _inputs(
    frame: pd.DataFrame, labels: Sequence[str], positive: str | None, uses: Uses
) -> tuple[Any, Any]:
    truth = _encoded(frame["label"], labels)
    if uses == "labels":
        if truth.ndim == 1 and len(labels) == 2 and positive == labels[0]:
            warnings.warn(
                f"labels are given as the model's ids: 1 is '{labels[1]}', not the positive label",
                stacklevel=2,
            )
        return truth, _encoded(frame["prediction"], labels)
    if truth.ndim == 1 and len(labels) == 2:
        chosen = positive if positive in labels else labels[1]
        return (frame["label"] == chosen).to_numpy(int), frame[f"probability:{chosen}"].to_numpy()
    return truth, frame[[f"probability:{label}" for label in labels]].to_numpy()


def _encoded(column: pd.Series[Any], labels: Sequence[str]) -> _Array:
    """Return ids ``[rows]`` of a column of labels, or 0/1 ``[rows, labels]`` of one of lists."""
    position = {label: code for code, label in enumerate(labels)}
    values = column.to_list()
    try:
        if isinstance(values[0], str):
            return np.array([position[value] for value in values])
        held = np.zeros((len(values), len(labels)), dtype=np.int64)
        for row, names in enumerate(values):
            held[row, [position[name] for name in names]] = 1
        return held
    except KeyError as error:
        raise ValueError(f"the model has no label {error}") from None


@contextmanager
def _seeded() -> Iterator[None]:
    """Give a metric that draws the same numbers each time, and others their generator back."""
    state = np.random.get_state()  # noqa: NPY002  (it is the one that metrics use)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _number(found: Any, key: str | None, own: str) -> float:
    """Return the one number of a metric's result that is wanted."""
    if not isinstance(found, Mapping):
        found = {own: found}
    numbers = {
        name: value for name, given in found.items() if (value := _scalar(given)) is not None
    }
    if key is None:
        key = next(iter(numbers)) if len(numbers) == 1 else own
    if key in numbers:
        return numbers[key]
    if key in found:
        raise ValueError(f"it gave a {type(found[key]).__name__} as '{key}', not a number")
    gave = ", ".join(map(str, found)) or "nothing"
    raise ValueError(f"it gave {gave}, of which no number is called '{key}': choose one with 'key'")


def _scalar(value: Any) -> float | None:
    if getattr(value, "ndim", None) == 0:  # an array or tensor of one number
        value = value.item()
    return float(value) if isinstance(value, Real) else None
