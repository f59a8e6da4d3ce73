"""The main flow: a suite and a checkpoint become evidence, verdicts, a record and a card."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks import Check, prepare_checks
from auditkit.collection import Collected, collect
from auditkit.environment import collecting_versions, environment
from auditkit.errors import AuditkitError, CheckError, ModelError, UsageError, did_you_mean
from auditkit.evaluators.base import Collector, Context
from auditkit.evaluators.predictions import Predictions
from auditkit.evidence import EvidenceFolder, open_evidence, part_key
from auditkit.execution.threads import executor
from auditkit.metrics import metric_to_dict
from auditkit.metrics.measure import DRAWS, Settings, measure
from auditkit.metrics.tables import tabulate
from auditkit.plugins import source_digest
from auditkit.progress import Progress, SilentProgress
from auditkit.record import (
    RECORD_NAME,
    CheckRecord,
    DataRecord,
    EngineRecord,
    ModelRecord,
    PartRecord,
    Record,
    SuiteRecord,
    read_record,
    write_record,
)
from auditkit.saved import judge_run
from auditkit.suite import DataConfig, Suite, load_suite

if TYPE_CHECKING:
    import pyarrow as pa

    from auditkit.data import Examples
    from auditkit.inference.engine import BatchingEngine
    from auditkit.models.base import ModelInfo

__all__ = ["Options", "Plan", "Run", "plan_audit", "run_audit"]

_REPORTS = Path("reports")
_TIMED_EXAMPLES = 128
_ALL_PARTS = ("record.json", "card.html", "summary.md")


@dataclass(frozen=True)
class Run:
    """A finished audit."""

    record: Record
    """Everything about it."""
    folder: Path
    """Where it lies."""


@dataclass(frozen=True)
class Options:
    """What an audit can be told besides suite and model."""

    output: Path | None = None
    """Folder of the run; ``reports/<suite>/<model>-<digest>`` by default."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:1``."""
    dtype: str = "auto"
    """``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``."""
    limit: int | None = None
    """Examine a seeded sample of this many examples; the record is then partial."""
    seed: int = 0
    """Seed of samples, evaluators and bootstraps."""
    only: tuple[str, ...] = ()
    """Run these checks only; the record is then partial."""
    offline: bool = False
    """Touch no network."""
    workers: int | None = None
    """Threads that ask the engine; 0 for none, None to choose."""
    fresh: bool = False
    """Make all evidence anew."""
    allow_pickle: bool = False
    """Load pickled weights, which can run code, where there are no safetensors."""
    trust_remote_code: bool = False
    """Run Python code that comes with a checkpoint."""


@dataclass(frozen=True)
class Plan:
    """What an audit would do."""

    folder: Path
    """Where the run would lie."""
    checks: tuple[str, ...]
    """Checks that would run."""
    examples: int
    """Examples of all data sets."""
    queries: int
    """About how many questions the model would be asked, if nothing is resumed."""
    seconds: float
    """About how long the model would take, from timing a sample on this machine."""


def run_audit(
    suite: str | Path | Suite,
    model: str,
    options: Options | None = None,
    *,
    progress: Progress | None = None,
) -> Run:
    """Audit a checkpoint.

    Parameters
    ----------
    suite
        A suite, its path or its name.
    model
        A folder, or a hub id with ``@revision`` if need be.
    options
        Everything else.
    progress
        Told how far it is.

    Returns
    -------
    Run
        The record and the folder that holds it, its evidence and its card.

    Raises
    ------
    UserError
        If suite, model or data cannot be used. Checks that fail do not raise: they are
        recorded as in error, and their requirements as missing.
    """
    with _prepared(suite, model, options or Options(), progress or SilentProgress()) as audit:
        folder = audit.folder
        with _only_run_in(folder):
            _drop_stale(folder, audit.id)
            predictions = {key: audit.predict(key) for key in audit.examples}
            checks = [audit.examine(check, predictions) for check in audit.checks]
            record = audit.record(checks, predictions)
            _write(record, folder)
    return Run(record, folder)


def plan_audit(
    suite: str | Path | Suite,
    model: str,
    options: Options | None = None,
    *,
    progress: Progress | None = None,
) -> Plan:
    """Validate everything an audit needs and estimate its cost, without running it.

    Takes the arguments of :func:`run_audit` and raises the same errors. Writes nothing.
    """
    with _prepared(suite, model, options or Options(), progress or SilentProgress()) as audit:
        checks = [check for check in audit.checks if check.skipped is None]
        queries = sum(len(examples) for examples in audit.examples.values())
        for check in checks:
            if check.collector is not None:
                queries += check.collector.queries(len(audit.examples[audit.data_of[check.name]]))
        return Plan(
            folder=audit.folder,
            checks=tuple(check.name for check in checks),
            examples=sum(len(examples) for examples in audit.examples.values()),
            queries=queries,
            seconds=queries * audit.seconds_per_query(),
        )


@contextmanager
def _prepared(
    suite: str | Path | Suite, model: str, options: Options, progress: Progress
) -> Iterator[_Audit]:
    """Load what an audit needs, cheap things first, and close the engine in the end."""
    if not isinstance(suite, Suite):
        suite = load_suite(suite)
    if options.limit is not None and options.limit < 1:
        raise UsageError("--limit must be at least 1")
    checks = prepare_checks(suite, options.only)

    from auditkit.inference.engine import BatchingEngine
    from auditkit.models.loading import load_model

    progress.say(f"Loading model {model}")
    loaded = load_model(
        model,
        device=options.device,
        dtype=options.dtype,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
        offline=options.offline,
        multi_label=suite.multi_label or None,
    )
    _hold_model(suite, loaded.info)
    with BatchingEngine(loaded) as engine:
        yield _Audit(suite, checks, loaded.info, engine, options, progress)


def _hold_model(suite: Suite, info: ModelInfo) -> None:
    """Refuse a suite that speaks of labels the model does not have."""
    if info.multi_label and not suite.multi_label:
        raise ModelError(
            f"{info.source} gives several labels a text, the suite '{suite.name}' expects one",
            hint="Write 'multi_label: true' in the suite",
        )


def _positive_label(suite: Suite, labels: Sequence[str]) -> str | None:
    """Return the suite's positive label as the model spells it: a name, in any case, or an id."""
    wanted = suite.positive
    if wanted is None or wanted in labels:
        return wanted
    alike = [label for label in labels if label.casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    if wanted.isdecimal() and int(wanted) < len(labels):
        return labels[int(wanted)]
    raise suite.error(
        ("positive",),
        f"the model has no label '{wanted}'",
        did_you_mean(wanted, list(labels)),
    )


class _Audit:
    """One audit under way: what is examined, and what is asked of it."""

    def __init__(
        self,
        suite: Suite,
        checks: list[Check],
        info: ModelInfo,
        engine: BatchingEngine,
        options: Options,
        progress: Progress,
    ) -> None:
        self.suite = suite
        self.checks = checks
        self.info = info
        self.engine = engine
        self.options = options
        self.progress = progress
        self.positive = _positive_label(suite, info.labels)
        self.examples: dict[str, Examples] = {}
        self.configs: dict[str, DataConfig] = {}
        self.data_of: dict[str, str] = {}
        self._load_data()
        self._executor = executor(options.workers)

    def _load_data(self) -> None:
        from auditkit.data import load_examples

        loaded: list[tuple[DataConfig, str]] = []
        for check in self.checks:
            key = next((key for config, key in loaded if config == check.data), None)
            if key is None:
                self.progress.say(f"Reading data {check.data.path}")
                examples = load_examples(
                    check.data,
                    model_labels=self.info.labels,
                    multi_label=self.info.multi_label,
                    limit=self.options.limit,
                    seed=self.options.seed,
                    offline=self.options.offline,
                )
                key = examples.fingerprint[:8]
                loaded.append((check.data, key))
                self.examples[key] = examples
                self.configs[key] = check.data
            self.data_of[check.name] = key

    @cached_property
    def id(self) -> str:
        """Digest over everything that decides the outcome: equal for equal audits."""
        return part_key(
            {
                "suite": self.suite.digest,
                "model": self._model_facts(),
                "data": sorted(examples.fingerprint for examples in self.examples.values()),
                "limit": self.options.limit,
                "only": sorted(self.options.only),
                "seed": self.options.seed,
                "draws": DRAWS,
            }
        )[:16]

    @cached_property
    def folder(self) -> Path:
        """Where the run lies."""
        if self.options.output is not None:
            return self.options.output
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(self.info.source).name).strip("-.") or "model"
        return _REPORTS / self.suite.name / f"{base}-{self.info.digest[:8]}"

    def seconds_per_query(self) -> float:
        """Time a sample of the data on the model, after a first one that warms it up."""
        examples = next(iter(self.examples.values()))
        rng = np.random.default_rng(self.options.seed)
        order = rng.permutation(len(examples))[: 2 * _TIMED_EXAMPLES]
        half = max(1, len(order) // 2)
        self.engine.predict(examples.take(np.sort(order[:half])).inputs())
        timed = examples.take(np.sort(order[half:] if len(order) > half else order)).inputs()
        start = time.perf_counter()
        self.engine.predict(timed)
        return (time.perf_counter() - start) / len(timed)

    # --- collecting ---------------------------------------------------------------------------

    def predict(self, key: str) -> Collected | CheckError:
        """Collect the predictions on a data set; what went wrong is returned, not raised."""
        collector = Predictions(Predictions.Params())
        folder = EvidenceFolder(self.folder, f"predictions-{key}")
        try:
            return self._collect(
                collector,
                "predictions",
                source_digest(Predictions),
                folder,
                self.examples[key],
                lambda shard: self._context("predictions", shard.select([])),
            )
        except CheckError as error:
            return error

    def examine(
        self, check: Check, predictions: Mapping[str, Collected | CheckError]
    ) -> CheckRecord:
        """Collect and measure one check; what goes wrong in it is recorded."""
        started = time.perf_counter()
        if check.skipped is not None:
            return self._check_record(check, "skipped", 0.0, error=check.skipped)
        base = predictions[self.data_of[check.name]]
        if isinstance(base, CheckError):
            return self._check_record(check, "error", 0.0, error=str(base))
        try:
            found = self._examine(check, base)
        except Exception as error:
            message = (
                str(error)
                if isinstance(error, AuditkitError)
                else f"'{check.name}' raised {type(error).__name__}: {error}"
            )
            self.progress.say(f"Check {check.name} is in error: {message}")
            return self._check_record(check, "error", time.perf_counter() - started, error=message)
        return self._check_record(check, "ok", time.perf_counter() - started, **found)

    def _examine(self, check: Check, base: Collected) -> dict[str, Any]:
        examples = self.examples[self.data_of[check.name]]
        own: list[PartRecord] = []
        resumed = 0
        if check.collector is not None:
            collected = self._collect_check(check, check.collector, examples, base)
            own, resumed = collected.parts, collected.resumed
            if not own:
                raise CheckError(f"'{check.name}' selected no examples")
        self.progress.say(f"Measuring {check.name}")
        source = open_evidence(self.folder, own or base.parts)
        settings = Settings(
            labels=self.info.labels,
            groups=examples.groups,
            positive=self.positive,
            minimum_group=check.minimum_group,
            seed=self.options.seed,
        )
        return {
            "resumed_parts": resumed,
            "evidence": own,
            "measurements": measure(source, check.metrics, settings),
            "tables": tabulate(source, check.evaluator.tables(), settings),
        }

    def _collect_check(
        self, check: Check, collector: Collector, examples: Examples, base: Collected
    ) -> Collected:
        whole = open_evidence(self.folder, base.parts).to_table()
        everything = self._context(check.name, whole)
        chosen = collector.select(examples, everything)
        position = {one: row for row, one in enumerate(whole.column("example_id").to_pylist())}

        def context(shard: pa.Table) -> Context:
            rows = [position[one] for one in shard.column("example_id").to_pylist()]
            return self._context(check.name, whole.take(rows))

        return self._collect(
            collector,
            check.name,
            check.digest,
            EvidenceFolder(self.folder, check.name),
            chosen,
            context,
        )

    def _collect(
        self,
        collector: Collector,
        name: str,
        digest: str,
        folder: EvidenceFolder,
        examples: Examples,
        context: Any,
    ) -> Collected:
        constant = {
            "check": name,
            "evaluator": collector.name,
            "version": collector.version,
            "source": digest,
            "params": collector.params.model_dump(mode="json"),
            "positive": self.positive,
            "seed": self.options.seed,
            "model": self._model_facts(),
            "libraries": collecting_versions(),
        }
        return collect(
            collector,
            examples,
            folder,
            self._executor,
            # Shapes are asked for when a part is made: they change where memory runs out.
            facts=lambda: {**constant, "shapes": self.engine.shapes},
            context=context,
            fresh=self.options.fresh,
            progress=self.progress,
        )

    def _model_facts(self) -> dict[str, Any]:
        return {
            "weights": self.info.digest,
            "tokenizer": self.info.tokenizer_digest,
            "max_length": self.info.max_length,
            "labels": self.info.labels,
            "multi_label": self.info.multi_label,
            "dtype": self.info.dtype,
            "device": self.info.device.partition(":")[0],
        }

    def _context(self, check: str, predictions: pa.Table) -> Context:
        return Context(
            engine=self.engine,
            labels=self.info.labels,
            positive=self.positive,
            predictions=predictions,
            check=check,
            seed=self.options.seed,
        )

    # --- recording ----------------------------------------------------------------------------

    def _check_record(self, check: Check, status: Any, seconds: float, **found: Any) -> CheckRecord:
        return CheckRecord(
            name=check.name,
            evaluator=check.evaluator.name,
            evaluator_version=check.evaluator.version,
            source_digest=check.digest,
            params=check.evaluator.params.model_dump(mode="json"),
            minimum_group=check.minimum_group,
            data=self.data_of[check.name],
            status=status,
            seconds=round(seconds, 3),
            metrics=[metric_to_dict(metric) for metric in check.metrics],
            **found,
        )

    def record(
        self, checks: list[CheckRecord], predictions: Mapping[str, Collected | CheckError]
    ) -> Record:
        """Put the record together, with the verdicts on the suite's requirements."""
        stats = self.engine.stats
        record = Record(
            id=self.id,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            partial=self._partial(),
            suite=SuiteRecord(
                name=self.suite.name,
                source=self.suite.source,
                digest=self.suite.digest,
                content=self.suite.model_dump(mode="json"),
                positive=self.positive,
            ),
            model=ModelRecord(
                task=self.suite.task,
                **{
                    key: getattr(self.info, key)
                    for key in ModelRecord.model_fields
                    if key != "task"
                },
            ),
            data=[self._data_record(key, predictions[key]) for key in self.examples],
            checks=checks,
            verdicts=[],
            engine=EngineRecord(
                **{
                    key: getattr(stats, key) for key in EngineRecord.model_fields if key != "shapes"
                },
                shapes={str(length): rows for length, rows in sorted(stats.shapes.items())},
            ),
            environment=environment(seed=self.options.seed, draws=DRAWS, threads=_torch_threads()),
        )
        verdicts = judge_run(record, self.folder, self.suite.requirements)
        return record.model_copy(update={"verdicts": verdicts})

    def _partial(self) -> list[str]:
        reasons = []
        limited = [examples for examples in self.examples.values() if examples.limited]
        if limited:
            shown = ", ".join(f"{len(one):,} of {one.rows_total:,}" for one in limited)
            reasons.append(f"--limit {self.options.limit}: a sample of {shown} examples")
        skipped = [check.name for check in self.checks if check.skipped is not None]
        if skipped:
            reasons.append(f"--only left out: {', '.join(skipped)}")
        return reasons

    def _data_record(self, key: str, predictions: Collected | CheckError) -> DataRecord:
        examples, config = self.examples[key], self.configs[key]
        evidence = predictions.parts if isinstance(predictions, Collected) else []
        truncated = None
        if evidence:
            column = open_evidence(self.folder, evidence).to_table(columns=["truncated"]).column(0)
            truncated = int(np.count_nonzero(column.to_numpy()))
        columns = {
            role: name
            for role in ("text", "pair", "label", "id", "rationale")
            if (name := getattr(config, role)) is not None
        }
        return DataRecord(
            id=key,
            source=examples.source,
            revision=examples.revision,
            split=config.split,
            fingerprint=examples.fingerprint,
            rows=len(examples),
            rows_total=examples.rows_total,
            columns={**columns, **{f"group:{group}": group for group in examples.groups}},
            label_counts=dict(examples.label_counts),
            groups={group: _group_counts(examples, group) for group in examples.groups},
            unknown_groups=dict(examples.unknown_groups),
            truncated=truncated,
            notes=list(examples.notes),
            evidence=evidence,
        )


def _torch_threads() -> int:
    import torch

    return int(torch.get_num_threads())


def _group_counts(examples: Examples, group: str) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = examples.table.column(f"group:{group}")
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.list_flatten(column)
    counts = {
        one["values"]: int(one["counts"])
        for one in pc.value_counts(column).to_pylist()
        if one["values"] is not None
    }
    return dict(sorted(counts.items()))


@contextmanager
def _only_run_in(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs at once do not write over each other."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another run is writing to {folder}", hint="Wait for it, or name another --output"
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror}", hint="Name another folder with --output"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _drop_stale(folder: Path, audit_id: str) -> None:
    """Remove the record of another audit, so that old verdicts never lie beside new evidence."""
    if not (folder / RECORD_NAME).exists():
        return
    try:
        if read_record(folder).id == audit_id:
            return
    except AuditkitError:
        pass
    for name in _ALL_PARTS:
        (folder / name).unlink(missing_ok=True)


def _write(record: Record, folder: Path) -> None:
    from auditkit.report.card import write_card
    from auditkit.report.summary import write_summary

    write_record(record, folder)
    write_summary(record, folder)
    write_card(record, folder)
