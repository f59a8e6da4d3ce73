"""An audit made ready: suite, model, engine and data at hand, and what they are called."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks import Check, prepare_checks
from auditkit.errors import ModelError, UsageError, did_you_mean
from auditkit.evidence import part_key
from auditkit.execution.threads import executor
from auditkit.metrics.measure import DRAWS
from auditkit.options import Options
from auditkit.progress import Progress
from auditkit.suite import DataConfig, Suite, load_suite

if TYPE_CHECKING:
    from auditkit.data import Examples
    from auditkit.inference.engine import BatchingEngine
    from auditkit.models.base import ModelInfo

__all__ = ["Prepared", "group_counts", "prepared"]

_REPORTS = Path("reports")
_TIMED_EXAMPLES = 128


@contextmanager
def prepared(
    suite: str | Path | Suite, model: str, options: Options, progress: Progress
) -> Iterator[Prepared]:
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
    _hold_model(suite, checks, loaded.info)
    with BatchingEngine(loaded) as engine:
        yield Prepared(suite, checks, loaded.info, engine, options, progress)


def _hold_model(suite: Suite, checks: Sequence[Check], info: ModelInfo) -> None:
    """Refuse a suite that speaks of labels the model does not have."""
    if info.multi_label and not suite.multi_label:
        raise ModelError(
            f"{info.source} gives several labels a text, the suite '{suite.name}' expects one",
            hint="Write 'multi_label: true' in the suite",
        )
    by_label = {
        f"{check.name}.{metric.name}"
        for check in checks
        for metric in check.metrics
        if metric.per_label
    }
    for index, requirement in enumerate(suite.requirements):
        label = requirement.where.get("label")
        metric = ".".join(requirement.metric.split(".")[:2])
        if label is not None and metric in by_label and label not in info.labels:
            raise suite.error(
                ("requirements", index),
                f"the model has no label '{label}'",
                did_you_mean(label, list(info.labels)),
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


class Prepared:
    """One audit with everything it needs."""

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
        self._hold_groups()
        self.executor = executor(options.workers)

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

    def _hold_groups(self) -> None:
        """Refuse a requirement on a group that the data does not have; a sample may miss one."""
        for index, requirement in enumerate(self.suite.requirements):
            examples = self.examples[self.data_of[requirement.check]]
            for column, value in requirement.where.items():
                if examples.limited or column not in examples.groups:
                    continue
                known = list(group_counts(examples, column))
                if value not in known:
                    raise self.suite.error(
                        ("requirements", index),
                        f"no example has '{value}' in the group column '{column}'",
                        did_you_mean(value, known),
                    )

    @cached_property
    def id(self) -> str:
        """Digest over everything that decides the outcome: equal for equal audits."""
        return part_key(
            {
                "suite": self.suite.digest,
                "model": self.model_facts(),
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
        # A quick trial must not take the place of a whole audit.
        partial = "-partial" if self.options.limit is not None or self.options.only else ""
        return _REPORTS / self.suite.name / f"{base}-{self.info.digest[:8]}{partial}"

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

    def model_facts(self) -> dict[str, Any]:
        """Return what evidence depends on in the model."""
        return {
            "weights": self.info.digest,
            "tokenizer": self.info.tokenizer_digest,
            "max_length": self.info.max_length,
            "labels": self.info.labels,
            "multi_label": self.info.multi_label,
            "dtype": self.info.dtype,
            "device": self.info.device.partition(":")[0],
        }

    def partial(self) -> list[str]:
        """Return why the audit is not for release, if anything was left out."""
        reasons = []
        limited = [examples for examples in self.examples.values() if examples.limited]
        if limited:
            shown = ", ".join(f"{len(one):,} of {one.rows_total:,}" for one in limited)
            reasons.append(f"--limit {self.options.limit}: a sample of {shown} examples")
        skipped = [check.name for check in self.checks if check.skipped is not None]
        if skipped:
            reasons.append(f"--only left out: {', '.join(skipped)}")
        return reasons


def group_counts(examples: Examples, group: str) -> dict[str, int]:
    """Return how many examples each value of a group column has, by value."""
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
