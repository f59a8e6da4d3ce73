"""Evidence made by hand: predictions of a seeded noisy model, with groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from auditkit.evaluators.predictions import predictions_table

LABELS = ("bad", "fair", "good")


@pytest.fixture(scope="session")
def single() -> pa.Table:
    """900 rows, three labels, a group column of values and one of lists."""
    rng = np.random.default_rng(7)
    n = 900
    truth = rng.choice(3, n, p=[0.5, 0.35, 0.15])
    logits = rng.normal(size=(n, 3)).astype(np.float32)
    logits[np.arange(n), truth] += 1.2
    examples = pa.table(
        {
            "example_id": [f"e{row:04d}" for row in range(n)],
            "label": [LABELS[code] for code in truth],
        }
    )
    table = predictions_table(
        examples, logits, np.zeros(n, dtype=bool), labels=LABELS, multi_label=False
    )
    region = rng.choice(["north", "south", "west", "tiny"], n, p=[0.4, 0.35, 0.24, 0.01])
    unknown = rng.random(n) < 0.05
    named = [
        sorted(set(rng.choice(["A", "B", "C"], rng.integers(0, 3)).tolist())) for _ in range(n)
    ]
    table = table.append_column(
        "group:region", pa.array([None if u else r for r, u in zip(region, unknown, strict=True)])
    )
    return table.append_column("group:named", pa.array(named, type=pa.list_(pa.string())))


@pytest.fixture(scope="session")
def binary() -> pa.Table:
    """400 rows, two labels, no groups."""
    rng = np.random.default_rng(3)
    n = 400
    truth = rng.choice(2, n, p=[0.7, 0.3])
    logits = rng.normal(size=(n, 2)).astype(np.float32)
    logits[np.arange(n), truth] += 1.0
    examples = pa.table(
        {
            "example_id": [f"e{row:04d}" for row in range(n)],
            "label": [("no", "yes")[code] for code in truth],
        }
    )
    return predictions_table(
        examples, logits, np.zeros(n, dtype=bool), labels=("no", "yes"), multi_label=False
    )


@pytest.fixture(scope="session")
def several() -> pa.Table:
    """500 rows, several labels a row."""
    rng = np.random.default_rng(5)
    n = 500
    held = rng.random((n, 3)) < [0.5, 0.2, 0.1]
    logits = (rng.normal(size=(n, 3)) + np.where(held, 1.5, -1.5)).astype(np.float32)
    examples = pa.table(
        {
            "example_id": [f"e{row:04d}" for row in range(n)],
            "label": pa.array(
                [[LABELS[code] for code in np.flatnonzero(row)] for row in held],
                type=pa.list_(pa.string()),
            ),
        }
    )
    return predictions_table(
        examples, logits, np.zeros(n, dtype=bool), labels=LABELS, multi_label=True
    )


@pytest.fixture(scope="session")
def multi_hot() -> Callable[[pa.Table, str], np.ndarray]:
    """Turn a column of label lists into 0/1 ``[rows, labels]``."""

    def convert(table: pa.Table, column: str) -> np.ndarray:
        return np.array([[label in row for label in LABELS] for row in table[column].to_pylist()])

    return convert
