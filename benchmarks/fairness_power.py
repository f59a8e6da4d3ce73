"""How often an audit finds the demo's planted unfairness, and how often it accuses the sound model.

The demo's two checkpoints are trained once. Then, for each seed, a fresh test set is drawn from
the demo's grammar, both models predict it, and the ``fairness`` check's metrics are measured as an
audit of that test set would. Counted are

- ``found``: seeds in which the defective model fails ``equalized_odds_difference <= limit`` by
  gender, and the measurement names the false positive rate of women as the highest one;
- ``accused``: seeds in which the sound model fails that requirement for any group column;
- ``accused_of_a_difference``: seeds in which the permutation test of the sound model's gap by
  gender, which knows no limit, is below 0.05. Its true gaps are small but not zero;
- ``coverage``: how often the interval that the verdict rests on holds the gap in all test sets
  together, for each summary, model and group column.

    python benchmarks/fairness_power.py --output benchmarks/results/fairness_power.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from auditkit.demo.checkpoints import build
from auditkit.demo.corpus import LABELS, Message, generate
from auditkit.evaluators.fairness import Fairness
from auditkit.inference.engine import BatchingEngine
from auditkit.metrics import GapSignificance
from auditkit.metrics.measure import Settings, measure
from auditkit.metrics.tables import tabulate
from auditkit.models.loading import load_model

GROUPS = ("gender", "age_band", "region")
POSITIVE = "complaint"
JUDGED = (
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "accuracy_difference",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1600, help="Messages in a test set.")
    parser.add_argument("--limit", type=float, default=0.10)
    parser.add_argument("--demo", type=Path, help="A folder of the demo's checkpoints.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = build(options.demo or Path(name))
        sets = [generate(options.rows, 10_000 + seed) for seed in range(options.seeds)]
        results = {
            "seeds": options.seeds,
            "rows": options.rows,
            "limit": options.limit,
            "models": {
                model: examined(folder, sets, options.limit)
                for model, folder in (("clean", files.clean), ("defect", files.defect))
            },
        }
    text = json.dumps(results, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def examined(folder: Path, sets: list[list[Message]], limit: float) -> dict[str, object]:
    metrics = [one for one in Fairness(Fairness.Params()).metrics() if one.name in JUDGED]
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    with BatchingEngine(load_model(str(folder), device="cpu")) as engine:
        tables = [
            evidence(messages, engine.predict([one.text for one in messages])) for messages in sets
        ]
    pooled = ds.dataset(pa.concat_tables(tables))
    truth = {
        (one.metric, one.slice["group"]): one.value
        for one in measure(pooled, metrics, settings(0))
        if one.slice.get("group") in GROUPS
    }
    failed: dict[str, list[bool]] = defaultdict(list)
    named, significant = [], []
    for seed, table in enumerate(tables):
        source = ds.dataset(table)
        for one in measure(source, metrics, settings(seed)):
            key = (one.metric, one.slice.get("group", ""))
            if key not in truth:
                continue
            found[key].append(one.low <= truth[key] <= one.high)
            if one.metric == "equalized_odds_difference":
                failed[key[1]].append(one.low > limit)
                if key[1] == "gender":
                    named.append(
                        "false_positive_rate" in one.note and "highest in 'female'" in one.note
                    )
        (told,) = tabulate(source, [GapSignificance()], settings(seed))
        places = [told.columns.index(name) for name in ("group", "rate", "p")]
        rows = {(row[places[0]], row[places[1]]): row[places[2]] for row in told.rows}
        significant.append(float(rows["gender", "equalized_odds"]) < 0.05)
    by_gender = np.array(failed["gender"])
    return {
        "true_gaps": {" by ".join(key): round(value, 4) for key, value in truth.items()},
        "failed": {group: int(np.sum(ones)) for group, ones in failed.items()},
        "failed_by_any_column": int(np.sum(np.any(list(failed.values()), axis=0))),
        "failed_by_gender_and_named": int(np.sum(by_gender & np.array(named))),
        "permutation_below_0.05_by_gender": int(np.sum(significant)),
        "coverage": {" by ".join(key): float(np.mean(ones)) for key, ones in found.items()},
    }


def settings(seed: int) -> Settings:
    return Settings(labels=LABELS, groups=GROUPS, positive=POSITIVE, seed=seed)


def evidence(messages: list[Message], logits: np.ndarray) -> pa.Table:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    predictions = [LABELS[place] for place in logits.argmax(axis=1)]
    columns = {
        "example_id": [one.id for one in messages],
        "label": [one.label for one in messages],
        "prediction": predictions,
        "correct": [one.label == said for one, said in zip(messages, predictions, strict=True)],
        **{f"probability:{label}": probabilities[:, k] for k, label in enumerate(LABELS)},
        **{f"group:{group}": [getattr(one, group) for one in messages] for group in GROUPS},
    }
    return pa.table(columns)


if __name__ == "__main__":
    main()
