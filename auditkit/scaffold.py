"""A new plugin: a package that works as it is, to be changed."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template

from auditkit._version import __version__
from auditkit.errors import UsageError
from auditkit.plugins import find_evaluators

__all__ = ["write_plugin"]

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "An evaluator for auditkit"
requires-python = ">=3.11"
dependencies = ["auditkit>=$auditkit"]

[project.optional-dependencies]
dev = ["pytest>=8.2"]

# What makes auditkit find it: the evaluator's name, its module and its class.
[project.entry-points."auditkit.evaluators"]
$name = "$package.evaluator:$cls"

[tool.hatch.build.targets.wheel]
packages = ["src/$package"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
"""

_INIT = '"""An evaluator for auditkit."""\n'

_EVALUATOR = '''\
"""Does the prediction change when a text says something more that means nothing?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from auditkit import Collector, Context, Mean, Metric, Params, Task
from auditkit.data import Examples

__all__ = ["$cls"]


class Settings(Params):
    """What a suite may set. Unknown keys are refused with file and line."""

    addition: str = "That is all."
    """What is added to the end of a text."""


class $cls(Collector):
    """Whether a sentence that means nothing changes the prediction."""

    name = "$name"
    version = "1"  # change it whenever the same inputs give other rows
    tasks = frozenset({Task.TEXT})  # texts with one label; leave it out for every task
    Params = Settings
    params: Settings

    def metrics(self) -> Sequence[Metric]:
        """Return what is to be measured: values, intervals, groups and gaps follow from it."""
        return [Metric("flip_rate", Mean("flipped"), better="lower")]

    def collect(self, shard: Examples, context: Context) -> pd.DataFrame:
        """Return one row an example: whether the prediction changed."""
        texts = shard.table["text"].to_pylist()
        # Ask for many texts at once; the engine batches what all shards ask.
        logits = context.engine.predict([f"{text} {self.params.addition}" for text in texts])
        after = [context.labels[code] for code in logits.argmax(axis=1)]
        before = context.predictions["prediction"].to_pylist()
        rows = pd.DataFrame(
            {
                "example_id": shard.table["example_id"].to_pylist(),
                "flipped": [a != b for a, b in zip(after, before, strict=True)],
            }
        )
        return rows.sort_values("example_id")
'''

_TEST = '''\
from $package.evaluator import $cls

from auditkit.testing import FakeEngine, check_evaluator, examine, make_examples


def test_it_keeps_the_contract():
    check_evaluator($cls)


def test_it_counts_what_changed():
    """Of two texts, the model changes its mind about one."""
    examples = make_examples(["fine", "bad"], ["positive", "negative"])
    engine = FakeEngine(
        {
            "fine": "positive",
            "fine Indeed.": "positive",
            "bad": "negative",
            "bad Indeed.": "positive",
        }
    )
    found = examine($cls, examples, engine, params={"addition": "Indeed."})
    assert found.value("flip_rate") == 0.5
'''

_README = """\
# $distribution

An evaluator for [auditkit](https://pypi.org/project/auditkit/), called `$name`.

```console
$$ pip install -e ".[dev]"
$$ pytest
$$ auditkit list
```

Then name it in a suite:

```yaml
checks:
  $name: {addition: "That is all."}
requirements:
  - {metric: $name.flip_rate, max: 0.02}
```

Change `src/$package/evaluator.py`: declare the metrics, collect the rows they are measured from.
The test in `tests/` holds it against the contract.
"""

_FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "src/$package/__init__.py": _INIT,
    "src/$package/py.typed": "",
    "src/$package/evaluator.py": _EVALUATOR,
    "tests/test_$name.py": _TEST,
}


def write_plugin(name: str, folder: Path) -> list[Path]:
    """Write a package with an evaluator that works, its test, and how to install it.

    Parameters
    ----------
    name
        Name of the evaluator, such as ``toxicity``; the package is called
        ``auditkit-toxicity``.
    folder
        The package's folder, such as ``auditkit-toxicity``; made where there is none.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        If the name cannot be one or is taken, or a file is already there: none is written then.
    """
    _hold_name(name)
    package = f"auditkit_{name}"
    values = {
        "name": name,
        "package": package,
        "distribution": package.replace("_", "-"),
        "cls": "".join(part.capitalize() for part in name.split("_")) + "Evaluator",
        "auditkit": __version__,
    }
    files = {
        folder / Template(path).substitute(values): Template(text).substitute(values)
        for path, text in _FILES.items()
    }
    for path in files:
        if path.exists():
            raise UsageError(
                f"{path} is already there; nothing was written", hint="Choose another folder"
            )
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"the plugin cannot be written: {error}") from error
    return list(files)


def _hold_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' cannot be the name of an evaluator",
            hint="Write lower-case letters and digits, with single underscores between them",
        )
    taken = {listing.plain_name: listing.package for listing in find_evaluators()}
    if name in taken:
        raise UsageError(f"{taken[name]} has an evaluator '{name}'", hint="Choose another name")
