"""DeepWordBug on real sentences: auditkit against TextAttack, whole processes against each other.

Each contender is a process of its own that attacks the same sentences with the same seeds. What
it costs to start (imports, loading, and in auditkit's case the predictions) is measured by a run
on one sentence and taken off.

- ``auditkit``: ``auditkit run`` of a suite with the check alone, in the search dtype the
  hardware suggests; ``auditkit_float32`` the same with ``--search-dtype float32``.
- ``textattack``: TextAttack's own ``HuggingFaceModelWrapper``, which pads every query to the
  tokenizer's full length.
- ``textattack_dynamic``: TextAttack with a wrapper that pads to the longest text of a batch and
  takes a step's candidates at once, the best a user could do by hand.
- ``forward``: the bare float32 forward passes of all distinct queries that the attack asked,
  sorted by length, 32 at a time, nothing else timed. No search can take less in float32.

    python benchmarks/attack.py --model MODEL --data dev.tsv --output benchmarks/results/attack.json

The data is a TSV file with the columns ``sentence`` and ``label``. NLTK's stopwords are those
that auditkit brings, for all contenders.
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
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RECIPE = "deepwordbug"
SEED = 0
QUERIES = 1000

SUITE = """\
auditkit: 1
name: attack-benchmark
task: text-classification
data: {{path: {data}, text: sentence, label: label, id: id}}
checks:
  attack: {{recipes: [{recipe}], examples: {examples}, max_queries: {queries}}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument(
        "--own-examples",
        type=int,
        help="Sentences for TextAttack's own wrapper, which takes minutes; default: all.",
    )
    parser.add_argument("--rounds", type=int, default=1, help="Repetitions; the median counts.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--as", dest="role", help=argparse.SUPPRESS)
    parser.add_argument("--queries", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "forward":
        forward(options)
    elif options.role:
        serial(options)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run all contenders in turn, in rounds, and print ratios."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        rows = pd.read_csv(options.data, sep="\t", quoting=3, nrows=options.examples)
        rows.insert(0, "id", [f"s{place:05}" for place in range(len(rows))])
        own = min(options.own_examples or len(rows), len(rows))
        for count in {1, own, len(rows)}:
            rows.head(count).to_csv(
                work / f"{count}.tsv", sep="\t", index=False, quoting=3, escapechar=None
            )
        runs: dict[str, list[float]] = {}
        found: dict[str, Any] = {}
        for _ in range(options.rounds):
            for contender in ("auditkit", "auditkit_float32", "textattack_dynamic"):
                seconds, outcomes = whole(contender, len(rows), work, options)
                start, _ = whole(contender, 1, work, options)
                runs.setdefault(contender, []).append(seconds - start)
                found[contender] = outcomes
                print(f"{contender}: {seconds:.1f} s, {start:.1f} s of it to start", flush=True)
            path = work / "queries.json"
            path.write_text(json.dumps(found["textattack_dynamic"]["queries"]))
            answer = child("forward", ["--queries", str(path)], work / "1.tsv", options)
            runs.setdefault("forward", []).append(json.loads(answer)["seconds"])
            print(f"forward: {runs['forward'][-1]:.1f} s", flush=True)
        # Once: it takes minutes, beside which the noise of a repetition is small.
        seconds, outcomes = whole("textattack", own, work, options)
        start, _ = whole("textattack", 1, work, options)
        alike = [whole("auditkit", own, work, options)[0] - whole("auditkit", 1, work, options)[0]]
        print(f"textattack: {seconds:.1f} s, {start:.1f} s of it to start", flush=True)
    results = summarised(runs, found, options)
    results["textattack"] = {
        "sentences": own,
        "seconds": round(seconds - start, 2),
        "auditkit_seconds": round(alike[0], 2),
        "same_statuses": agreement(found["auditkit_float32"], outcomes),
    }
    results["ratios"]["textattack / auditkit"] = round((seconds - start) / alike[0], 2)
    text = json.dumps(results, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def summarised(
    runs: dict[str, list[float]], found: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    import torch
    import transformers

    median = {name: float(np.median(seconds)) for name, seconds in runs.items()}
    dynamic, ours = found["textattack_dynamic"], found["auditkit_float32"]
    return {
        "machine": {
            "cores": os.cpu_count(),
            "load_at_end": round(os.getloadavg()[0], 1),
            "device": options.device,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "sentences": options.examples,
        "distinct_queries": len(dynamic["queries"]),
        "seconds": {name: [round(one, 2) for one in seconds] for name, seconds in runs.items()},
        "statuses": {
            name: dict(Counter(found[name]["statuses"].values()))
            for name in ("auditkit", "auditkit_float32", "textattack_dynamic")
        },
        "same_statuses": {
            "float32 and a serial loop": agreement(ours, dynamic),
            "search dtype and float32": agreement(found["auditkit"], ours),
        },
        "search_dtype": found["auditkit"]["search_dtype"],
        "ratios": {
            "textattack_dynamic / auditkit": round(
                median["textattack_dynamic"] / median["auditkit"], 2
            ),
            "textattack_dynamic / auditkit_float32": round(
                median["textattack_dynamic"] / median["auditkit_float32"], 2
            ),
            "auditkit / forward": round(median["auditkit"] / median["forward"], 2),
            "auditkit_float32 / forward": round(median["auditkit_float32"] / median["forward"], 2),
        },
    }


def agreement(first: dict[str, Any], second: dict[str, Any]) -> str:
    shared = first["statuses"].keys() & second["statuses"].keys()
    same = sum(first["statuses"][one] == second["statuses"][one] for one in shared)
    return f"{same} of {len(shared)}"


def whole(
    contender: str, examples: int, work: Path, options: argparse.Namespace
) -> tuple[float, dict[str, Any]]:
    """Return the wall time of a process that attacks ``examples`` sentences, and what it found."""
    data = work / f"{examples}.tsv"
    started = time.perf_counter()
    if contender.startswith("auditkit"):
        folder = audit(contender, examples, data, work, options)
        seconds = time.perf_counter() - started
        return seconds, outcomes_of(folder)
    answer = child(contender, [], data, options)
    return time.perf_counter() - started, json.loads(answer)


def audit(
    contender: str, examples: int, data: Path, work: Path, options: argparse.Namespace
) -> Path:
    suite, folder = work / "suite.yaml", work / contender
    suite.write_text(SUITE.format(data=data, recipe=RECIPE, examples=examples, queries=QUERIES))
    dtype = ["--search-dtype", "float32"] if contender.endswith("float32") else []
    command = [
        sys.executable, "-m", "auditkit", "run", str(suite), "--model", str(options.model),
        "--output", str(folder), "--fresh", "--no-cache", "--quiet", "--seed", str(SEED),
        "--device", options.device, *dtype,
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(finished.stdout + finished.stderr)
    return folder


def outcomes_of(folder: Path) -> dict[str, Any]:
    rows = pd.read_parquet(folder / "evidence" / "attack")
    record = json.loads((folder / "record.json").read_text())
    return {
        "statuses": dict(zip(rows["example_id"], rows["status"], strict=True)),
        "search_dtype": record["engine"]["search_dtype"],
    }


def child(role: str, extra: list[str], data: Path, options: argparse.Namespace) -> str:
    command = [
        sys.executable, __file__, "--as", role, "--model", str(options.model), "--data", str(data),
        "--device", options.device, *extra,
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(finished.stderr)
    return finished.stdout.splitlines()[-1]


def serial(options: argparse.Namespace) -> None:
    """Attack sentence after sentence with TextAttack, and print what came of each."""
    from auditkit.evaluators.seeding import seeded_generators
    from auditkit.resources import Resources

    os.environ["NLTK_DATA"] = os.pathsep.join(Resources(offline=True).nltk_path())
    import textattack
    import torch
    from textattack.attack_recipes import DeepWordBugGao2018
    from textattack.models.wrappers import HuggingFaceModelWrapper
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, dtype=torch.float32)
    model = model.eval().to(options.device)
    asked: dict[str, None] = {}

    class Dynamic(HuggingFaceModelWrapper):
        def __call__(self, texts: list[str]) -> Any:
            asked.update(dict.fromkeys(texts))
            inputs = self.tokenizer(
                texts, padding=True, truncation=True, max_length=512, return_tensors="pt"
            ).to(options.device)
            with torch.inference_mode():
                return self.model(**inputs).logits

    kind = Dynamic if options.role == "textattack_dynamic" else HuggingFaceModelWrapper
    attack = DeepWordBugGao2018.build(kind(model, tokenizer))
    attack.goal_function.query_budget = QUERIES
    if kind is Dynamic:
        attack.goal_function.batch_size = 512
    rows = pd.read_csv(options.data, sep="\t", quoting=3)
    statuses = {}
    names = {
        textattack.attack_results.SuccessfulAttackResult: "succeeded",
        textattack.attack_results.FailedAttackResult: "failed",
        textattack.attack_results.SkippedAttackResult: "skipped",
    }
    for row in rows.itertuples():
        name = f"{SEED}\0attack\0{row.id} {RECIPE}"
        with seeded_generators(name.encode()):
            result = attack.attack(row.sentence, int(row.label))
        statuses[row.id] = names[type(result)]
    print(json.dumps({"statuses": statuses, "queries": list(asked)}))


def forward(options: argparse.Namespace) -> None:
    """Time the forward passes of the texts of a file, and nothing else."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, dtype=torch.float32)
    model = model.eval().to(options.device)
    texts = json.loads(options.queries.read_text())
    encoded = tokenizer(texts, truncation=True, max_length=512)["input_ids"]
    order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
    batches = [
        tokenizer.pad(
            {"input_ids": [encoded[place] for place in order[start : start + 32]]},
            return_tensors="pt",
        ).to(options.device)
        for start in range(0, len(order), 32)
    ]
    with torch.inference_mode():
        for batch in batches[:3]:
            model(**batch)
        started = time.perf_counter()
        for batch in batches:
            logits = model(**batch).logits
        logits.cpu()
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
