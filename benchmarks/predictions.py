"""Seconds and memory to audit a file of predictions: millions of rows, two group columns.

The rows are made by a seeded model of no particular skill; the command is the one a user gives,
in a process of its own whose peak resident memory the operating system tells.

    python benchmarks/predictions.py --rows 1000000 10000000 --output results.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

CHUNK = 1_000_000
LIMIT_GIB = 3.0


def main() -> None:
    options = _options()
    runs = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for rows in options.rows:
            for kind in options.kinds:
                file = _write(Path(folder) / f"{rows}.{kind}", rows, options.seed)
                runs.append(_run(file, rows, Path(folder) / "run", options.checks))
                print(json.dumps(runs[-1]), flush=True)
                file.unlink()
    report = {
        "what": "auditkit run --predictions: label, prediction, score and two group columns",
        "checks": options.checks,
        "seed": options.seed,
        "limit_gib": LIMIT_GIB,
        "runs": runs,
        "processors": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    print(text, end="")
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
    if max(run["peak_gib"] for run in runs) > LIMIT_GIB:
        sys.exit(f"more than {LIMIT_GIB} GiB")


def _write(file: Path, rows: int, seed: int) -> Path:
    """Write a file of predictions, a million rows at a time."""
    schema = _rows(1, seed).schema
    writer: Any = arrow_csv.CSVWriter if file.suffix == ".csv" else pq.ParquetWriter
    with writer(file, schema) as out:
        for start in range(0, rows, CHUNK):
            out.write_table(_rows(min(CHUNK, rows - start), seed + start))
    return file


def _rows(count: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.35
    score = np.clip(rng.normal(np.where(truth, 0.62, 0.4), 0.18), 0.001, 0.999).round(6)
    regions = np.array(["centre", "east", "north", "south", "west"])
    return pa.table(
        {
            "y_true": truth.astype(np.int8),
            "y_pred": (score >= 0.5).astype(np.int8),
            "y_score": score,
            "gender": np.where(rng.random(count) < 0.5, "female", "male"),
            "region": regions[rng.choice(5, count, p=[0.3, 0.2, 0.2, 0.2, 0.1])],
        }
    )


def _run(file: Path, rows: int, folder: Path, checks: list[str]) -> dict[str, Any]:
    only = [part for check in checks for part in ("--only", check)]
    command = [sys.executable, "-m", "auditkit", "run", "--predictions", str(file), "--fresh"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, *only, "--output", str(folder)], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 3):  # 3: a check was left out by --only
        sys.exit(f"the run ended with {code}")
    return {
        "rows": rows,
        "kind": file.suffix[1:],
        "seconds": round(seconds, 1),
        "seconds_per_million": round(seconds / rows * 1e6, 2),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gib": round(usage.ru_maxrss / 2**20, 3),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--kinds", nargs="+", default=["csv"], help="csv, parquet")
    parser.add_argument("--checks", nargs="*", default=[], help="those to run; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None, help="for files of a gigabyte or so")
    parser.add_argument("--output", type=Path, default=None, help="where to write the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
