"""One bit flipped in a run folder: does `auditkit verify` find it?

Flips a random bit at each of many random positions over all files of a run, one at a time, and
verifies after each. What is not found must lie in a rendered page, which `verify` names as not
covered.

    python benchmarks/verify.py --run reports/demo/runs/clean --output results.json
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from auditkit import __version__
from auditkit.verify import verify_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="Folder of a finished run.")
    parser.add_argument("--positions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()

    rng = random.Random(options.seed)
    found: Counter[str] = Counter()
    named: Counter[str] = Counter()
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(shutil.copytree(options.run, Path(scratch) / "run"))
        untouched = verify_run(run)
        assert untouched.exit_code == 0, untouched.sentence
        # A file first, then a place in it: the pages would take most places by their size.
        files = sorted(path for path in run.rglob("*") if path.is_file() and path.stat().st_size)
        seconds = []
        for _ in range(options.positions):
            path = rng.choice(files)
            name = path.relative_to(run).as_posix()
            original = path.read_bytes()
            changed = bytearray(original)
            position = rng.randrange(len(original))
            changed[position] ^= 1 << rng.randrange(8)
            path.write_bytes(changed)
            started = time.perf_counter()
            result = verify_run(run)
            seconds.append(time.perf_counter() - started)
            path.write_bytes(original)
            covered = not any(one.startswith(f"{name} (rendered") for one in result.not_covered)
            if result.exit_code == 1 and result.mismatches[0].name in (name, path.name):
                found[name] += 1
            elif not covered:
                named[name] += 1
            else:
                missed.append(f"{name}:{position}")
    results = {
        "auditkit": __version__,
        "positions": options.positions,
        "seed": options.seed,
        "found": dict(sorted(found.items())),
        "in_pages_named_as_not_covered": dict(sorted(named.items())),
        "missed": missed,
        "median_seconds": round(sorted(seconds)[len(seconds) // 2], 3),
    }
    text = json.dumps(results, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
