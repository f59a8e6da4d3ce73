"""Records built by hand: what a card has to show, and what it must survive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditkit.record import (
    CheckRecord,
    DataRecord,
    EngineRecord,
    Environment,
    Measurement,
    ModelRecord,
    PartRecord,
    Record,
    SuiteRecord,
    TableRecord,
    Verdict,
)

HOSTILE = [
    "<script>document.title='pwned'</script>",
    '"><img src=x onerror="document.title=\'pwned\'">',
    "</title><script>document.title='pwned'</script>",
    "</style><script>document.title='pwned'</script>",
    "</svg><svg onload=\"document.title='pwned'\">",
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='pwned'",
    "<iframe src=\"javascript:parent.document.title='pwned'\"></iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--<b>",
    "&lt;b&gt;&#60;",
    "bell\x07null\x00\u202eright-to-left",
]


def measure(
    metric: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    n: int = 1600,
    **more: Any,
) -> Measurement:
    whole = metric == "support"
    more.setdefault("better", "none" if whole else "higher")
    more.setdefault("method", None if value is None or whole else "Wilson")
    return Measurement(metric=metric, value=value, low=low, high=high, n=n, **more)


def verdict(status: str, metric: str = "performance.accuracy", **more: Any) -> Verdict:
    facts: dict[str, Any] = {
        "requirement": f"{metric}-{status}",
        "text": f"{metric} at least 0.85 (95% confidence)",
        "status": status,
        "metric": metric,
        "min": 0.85,
        "confidence": 0.95,
        "value": 0.912,
        "low": 0.897,
        "high": 0.925,
        "n": 1600,
        "why": f"because it is {status}",
        "line": 12,
    }
    if status == "missing":
        facts |= {"value": None, "low": None, "high": None, "n": None}
    return Verdict(**{**facts, **more})


def group_measurements() -> list[Measurement]:
    return [
        measure("accuracy", 0.951, 0.935, 0.963, 880, slice={"gender": "male"}),
        measure("f1_macro", 0.949, 0.931, 0.962, 880, slice={"gender": "male"},
                method="cell bootstrap (BCa)"),
        measure("accuracy", 0.864, 0.837, 0.887, 720, slice={"gender": "female"}),
        measure("f1_macro", 0.861, 0.833, 0.885, 720, slice={"gender": "female"},
                method="cell bootstrap (BCa)"),
        measure("accuracy.gap", 0.087, 0.055, 0.119, slice={"group": "gender"}, better="lower",
                method="max-T band"),
        measure("accuracy.worst", 0.864, 0.834, 0.890, 720, slice={"group": "gender"},
                method="max-T band"),
        measure("recall", 0.97, 0.95, 0.98, 430, slice={"gender": "male", "label": "praise"}),
        measure("recall", 0.93, 0.90, 0.95, 450, slice={"gender": "male", "label": "complaint"}),
        measure("recall", 0.80, 0.76, 0.84, 370, slice={"gender": "female", "label": "praise"}),
        measure("recall", 0.93, 0.90, 0.95, 350, slice={"gender": "female", "label": "complaint"}),
        measure("accuracy", 0.96, 0.93, 0.98, 300,
                slice={"gender": "male", "region": "north"}),
        measure("accuracy", 0.85, 0.80, 0.89, 260,
                slice={"gender": "female", "region": "north"}),
        measure("accuracy", None, n=3, slice={"gender": "female", "region": "island"},
                note="3 examples, at least 30 are needed"),
        measure("accuracy.gap", 0.11, 0.04, 0.18, slice={"group": "gender*region"},
                better="lower", method="max-T band"),
    ]  # fmt: skip


def class_measurements() -> list[Measurement]:
    found = []
    for label, figures in {
        "praise": {"precision": (0.93, 0.91, 0.95), "recall": (0.89, 0.87, 0.91)},
        "complaint": {"precision": (0.89, 0.87, 0.91), "recall": (0.93, 0.91, 0.95)},
    }.items():
        for metric, ends in figures.items():
            found.append(measure(metric, *ends, n=800, slice={"label": label}))
        found.append(measure("f1", 0.91, 0.89, 0.93, n=800, slice={"label": label},
                             method="cell bootstrap (BCa)"))  # fmt: skip
        found.append(measure("support", 800, n=800, slice={"label": label}))
    return found


def overall_measurements() -> list[Measurement]:
    return [
        measure("accuracy", 0.912, 0.897, 0.925),
        measure("f1_macro", 0.911, 0.896, 0.924, method="cell bootstrap (BCa)"),
        measure("roc_auc", 0.968, 0.959, 0.975, method="DeLong (logit)"),
        measure("matthews_correlation", 0.823, 0.795, 0.850, method="cell bootstrap (BCa)"),
        measure("log_loss", 0.214, 0.190, 0.241, better="lower", method="BCa"),
        measure("my_plugin_score", 12.5, 11.0, 14.0, method=None),
    ]


def tables(labels: tuple[str, ...] = ("praise", "complaint")) -> list[TableRecord]:
    counts = [
        [a, b, 700 - 13 * i if a == b else 20 + i + j]
        for i, a in enumerate(labels)
        for j, b in enumerate(labels)
    ]
    curve = [(k / 40, (k / 40) ** 0.2) for k in range(41)]
    return [
        TableRecord(name="confusion_matrix", columns=["label", "prediction", "count"], rows=counts),
        TableRecord(
            name="roc_curve",
            columns=["class", "false_positive_rate", "true_positive_rate", "threshold"],
            rows=[[label, x, y, None] for label in labels for x, y in curve],
        ),
        TableRecord(
            name="precision_recall_curve",
            columns=["class", "recall", "precision", "threshold"],
            rows=[[label, x, 1 - x / 2, 0.5] for label in labels for x, _ in curve],
        ),
    ]


def check(**more: Any) -> CheckRecord:
    facts: dict[str, Any] = {
        "name": "performance",
        "evaluator": "performance",
        "evaluator_version": "1",
        "source_digest": "ab" * 32,
        "params": {"curve_points": 200},
        "minimum_group": 30,
        "data": "0123abcd",
        "status": "ok",
        "seconds": 12.4,
        "evidence": [PartRecord(file="evidence/p.parquet", digest="cd" * 32, rows=1600)],
    }
    return CheckRecord(**{**facts, **more})


def dataset(**more: Any) -> DataRecord:
    facts: dict[str, Any] = {
        "id": "0123abcd",
        "source": "data/test.jsonl",
        "fingerprint": "0123abcd" * 8,
        "rows": 1600,
        "rows_total": 1600,
        "columns": {"text": "message", "label": "label"},
        "label_counts": {"praise": 800, "complaint": 800},
        "groups": {
            "gender": {"male": 880, "female": 720},
            "region": {"north": 900, "south": 697, "island": 3},
        },
        "unknown_groups": {"gender": 0},
        "truncated": 12,
        "notes": ["Labels were matched by name."],
    }
    return DataRecord(**{**facts, **more})


def build(**more: Any) -> Record:
    facts: dict[str, Any] = {
        "id": "5f0c6bde91a2",
        "created": "2026-11-22T05:45:16+00:00",
        "suite": SuiteRecord(
            name="bank-messages",
            source="suites/bank.yaml",
            digest="ef" * 32,
            content={
                "data": {"path": "data/test.jsonl", "label": "label"},
                "card": {
                    "intended_use": "Sorting messages so that complaints are read first.",
                    "limitations": "English only.",
                },
            },
        ),
        "model": ModelRecord(
            source="models/bank-minilm",
            digest="12" * 32,
            tokenizer_digest="34" * 32,
            architecture="BertForSequenceClassification",
            task="text-classification",
            labels=["praise", "complaint"],
            multi_label=False,
            parameters=22_713_986,
            size_on_disk=90_868_376,
            stored_dtype="float32",
            dtype="float32",
            device="cpu",
            device_name="A processor",
            max_length=128,
        ),
        "data": [dataset()],
        "checks": [
            check(
                measurements=[
                    *overall_measurements(),
                    *class_measurements(),
                    *group_measurements(),
                ],
                tables=tables(),
            )
        ],
        "verdicts": [verdict("pass")],
        "engine": EngineRecord(
            queries=1600, unique=1588, cache_hits=12, batches=120, tokens=40_000, padding=2_000,
            filler_rows=31, truncated=12, device_seconds=9.8, halvings=0, shapes={"32": 16},
        ),
        "environment": Environment(
            auditkit="0.1.0", python="3.11.7", platform="Linux x86_64",
            packages={"torch": "2.4.0"}, seed=0, draws=2000, threads=2,
        ),
    }  # fmt: skip
    return Record(**{**facts, **more})


def _fail() -> Record:
    gap = verdict(
        "fail",
        "performance.accuracy.gap",
        text="accuracy gap over gender at most 0.05 (95% confidence)",
        slice={"group": "gender"},
        min=None,
        max=0.05,
        value=0.087,
        low=0.055,
        high=0.119,
        why="95% interval 0.055 to 0.119 breaks the maximum of 0.05",
    )
    near = verdict(
        "inconclusive",
        "performance.f1_macro",
        text="macro F1 at least 0.9 (95% confidence)",
        min=0.9,
        value=0.911,
        low=0.896,
        high=0.924,
        why="95% interval 0.896 to 0.924 reaches across the minimum of 0.9; about 3,000 examples "
        "would settle it, there are 1,600",
        settling_n=3000,
    )
    close = verdict(
        "fail",
        "performance.recall",
        text="recall of praise at least 0.89 by its point value",
        slice={"label": "praise"},
        min=0.89,
        bound="point",
        value=0.88996,
        low=0.87,
        high=0.91,
        n=800,
        why="the point value 0.88996 breaks the minimum of 0.89",
    )
    return build(
        verdicts=[verdict("pass"), gap, near, close, verdict("missing", "performance.roc_auc")]
    )


def _partial() -> Record:
    return build(
        partial=["only 200 of 1,600 examples were used (--limit)"],
        data=[dataset(rows=200)],
    )


def _error() -> Record:
    good = check(measurements=overall_measurements())
    bad = check(
        name="attack_long", evaluator="attack", status="error", error="worker was killed twice"
    )
    skipped = check(name="calibration", evaluator="calibration", status="skipped", error="left out")
    return build(checks=[good, bad, skipped])


def _empty() -> Record:
    return build(checks=[], verdicts=[], data=[])


def _hostile() -> Record:
    measurements = overall_measurements()
    for place, text in enumerate(HOSTILE):
        size = 40 + place
        measurements += [
            measure("accuracy", 0.5 + place / 40, 0.4, 0.9, size, slice={HOSTILE[0]: text}),
            measure("recall", 0.6, 0.5, 0.7, size, slice={"label": text}, note=text, method=text),
            measure("recall", None, n=0, slice={HOSTILE[0]: text, "label": text}, note=text),
            measure(text, 0.5, 0.4, 0.6, size, slice={text: text}),
        ]
    measurements.append(measure("accuracy.gap", 0.1, 0.0, 0.2, slice={"group": HOSTILE[0]}))
    odd = TableRecord(name=HOSTILE[1], columns=HOSTILE, rows=[list(HOSTILE)], note=HOSTILE[0])
    judged = [
        verdict("fail", text, requirement=text, text=text, slice={text: text}, why=text)
        for text in HOSTILE
    ]
    base = build()
    return build(
        partial=list(HOSTILE),
        suite=SuiteRecord(
            name=HOSTILE[2],
            source=HOSTILE[1],
            digest="ef",
            content={"card": {"intended_use": HOSTILE[0], "contact": HOSTILE[6]}, HOSTILE[0]: 1},
        ),
        model=base.model.model_copy(
            update={"source": HOSTILE[2], "labels": list(HOSTILE), "device_name": HOSTILE[4]}
        ),
        data=[
            dataset(
                source=HOSTILE[1],
                columns={HOSTILE[0]: HOSTILE[1]},
                label_counts=dict.fromkeys(HOSTILE, 5),
                groups={HOSTILE[0]: dict.fromkeys(HOSTILE, 40)},
                unknown_groups={HOSTILE[0]: 2},
                notes=list(HOSTILE),
            )
        ],
        checks=[
            check(
                name=HOSTILE[0],
                params={HOSTILE[0]: HOSTILE[1]},
                measurements=measurements,
                tables=[*tables(tuple(HOSTILE)), odd],
            ),
            check(name=HOSTILE[1], status="error", error=HOSTILE[0]),
        ],
        verdicts=judged,
    )


def _huge() -> Record:
    labels = tuple(f"label {k}" for k in range(15))
    columns = {f"group{k}": [f"value {k}.{j}" for j in range(50)] for k in range(3)}
    metrics = ["accuracy", "f1_macro", "f1_micro", "f1_weighted", "balanced_accuracy"]
    metrics += ["precision_macro", "recall_macro", "roc_auc", "matthews_correlation", "log_loss"]
    measurements = overall_measurements()
    for label in labels:
        measurements += [measure(m, 0.7, 0.6, 0.8, 90, slice={"label": label})
                         for m in ("precision", "recall", "f1", "support")]  # fmt: skip
    for column, values in columns.items():
        for place, value in enumerate(values):
            score = 0.5 + place / 100
            measurements += [
                measure(m, score, score - 0.1, min(1.0, score + 0.1), 60, slice={column: value})
                for m in metrics
            ]
            measurements += [
                measure(m, None, n=4, slice={column: value, "label": label},
                        note="4 examples, at least 30 are needed")
                for label in labels for m in ("precision", "recall", "f1")
            ]  # fmt: skip
    for place in range(500):
        where = {"group0": f"value 0.{place % 50}", "group1": f"value 1.{place // 50}"}
        measurements += [measure(m, 0.7, 0.6, 0.8, 33, slice=where) for m in metrics]
    return build(
        checks=[check(measurements=measurements, tables=tables(labels))],
        data=[
            dataset(
                groups={name: dict.fromkeys(values, 60) for name, values in columns.items()},
                label_counts=dict.fromkeys(labels, 200),
            )
        ],
        verdicts=[verdict("pass", requirement=f"r{k}") for k in range(80)],
    )


def _multi_label() -> Record:
    labels = ["anger", "joy", "fear"]
    rows = [
        [label, a, b, n]
        for label in labels
        for a, b, n in (("yes", "yes", 70), ("yes", "no", 11), ("no", "yes", 13), ("no", "no", 906))
    ]
    counts = TableRecord(
        name="confusion_matrix", columns=["class", "label", "prediction", "count"], rows=rows
    )
    base = build()
    return build(
        model=base.model.model_copy(update={"labels": labels, "multi_label": True}),
        checks=[
            check(
                measurements=[
                    measure("subset_accuracy", 0.71, 0.68, 0.74, 1000),
                    measure("f1_micro", 0.83, 0.80, 0.86, 1000),
                    *[measure("f1", 0.8, 0.7, 0.9, 81, slice={"label": x}) for x in labels],
                ],
                tables=[counts],
            )
        ],
    )


def _unicode() -> Record:
    labels = ("科技", "体育", "مراجعة إيجابية")
    base = build()
    return build(
        model=base.model.model_copy(update={"labels": list(labels), "source": "模型/分类器"}),
        data=[
            dataset(
                label_counts=dict.fromkeys(labels, 500),
                groups={"性别": {"女": 700, "男": 800}},
                source="数据/测试.csv",
            )
        ],
        checks=[
            check(
                measurements=[
                    *overall_measurements(),
                    *[measure("recall", 0.8, 0.7, 0.9, 500, slice={"label": x}) for x in labels],
                    measure("accuracy", 0.91, 0.88, 0.93, 700, slice={"性别": "女"}),
                    measure("accuracy", 0.90, 0.87, 0.92, 800, slice={"性别": "男"}),
                    measure("accuracy.gap", 0.01, 0.0, 0.05, slice={"group": "性别"}),
                ],
                tables=tables(labels),
            )
        ],
    )


RECORDS: dict[str, Callable[[], Record]] = {
    "pass": build,
    "fail": _fail,
    "partial": _partial,
    "error": _error,
    "none": lambda: build(verdicts=[]),
    "empty": _empty,
    "hostile": _hostile,
    "huge": _huge,
    "multi-label": _multi_label,
    "unicode": _unicode,
}
RECORD_NAMES = tuple(RECORDS)
