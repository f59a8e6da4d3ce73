"""Kinds of one's own: tables and Python files, what they do and what is refused, with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auditkit.checks import prepare_checks
from auditkit.errors import CheckError, DataError, SuiteError
from auditkit.evaluators.perturbation import Perturbations
from auditkit.perturbations.custom import table_kind
from auditkit.suite import load_suite
from auditkit.testing import FakeEngine, examine, make_examples

SUITE = """\
auditkit: 1
name: mine
task: text-classification
data: {path: texts.csv}
checks:
  perturbation:
    severities: [1, 5]
    kinds:
      - typo
      - KIND
"""
SLANG = "from,to\nvery,well\nvery,dead\nnot bad,decent\nbad,wack\nUSA,the States\n"
SHOUT = """\
from auditkit.perturbations import Expectation, Perturbation


class Shout(Perturbation):
    name = "shout"
    summary = "in capitals"
    severities = (1,)

    def apply(self, text, severity, rng):
        return text.upper()


class Unfinished(Perturbation):
    name = "unfinished"
    summary = "nothing yet"


class Typo(Shout):
    name = "typo"


class Named(Shout):
    name = "My kind"


class Strong(Shout):
    name = "strong"
    severities = (1, 6)


class Needy(Shout):
    name = "needy"

    def apply(self, text):
        return text


class Raises(Shout):
    name = "raises"

    def apply(self, text, severity, rng):
        return text[99]


class Silent(Shout):
    name = "silent"

    def apply(self, text, severity, rng):
        text.upper()


class Half(Shout):
    name = "half"

    def apply(self, text, severity, rng):
        return text + chr(0xD83D)


class Plain:
    name = "plain"
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("slang.csv").write_text(SLANG, encoding="utf-8")
    Path("kinds.py").write_text(SHOUT, encoding="utf-8")
    return tmp_path


def outcomes(text: str, severity: int = 5, file: str = "slang.csv") -> set[str]:
    kind = table_kind("slang", file)()
    return {kind.apply(text, severity, np.random.default_rng(seed)) for seed in range(40)}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("a very good film", {"a well good film", "a dead good film"}),
        # The longest phrase, whole words only, and the case of what stood there.
        ("not bad, bad badly", {"decent, wack badly"}),
        ("BAD. Bad", {"WACK. Wack"}),
        ("made in the usa", {"made in the the States"}),
        ("everyday", {"everyday"}),
        ("", {""}),
    ],
)
def test_a_table_replaces_whole_words(text, allowed):
    assert outcomes(text) == allowed


def test_severity_is_the_share_of_matches():
    text = "bad " * 10
    for severity, replaced in ((1, 2), (3, 6), (5, 10)):
        assert {made.count("wack") for made in outcomes(text, severity)} == {replaced}


def test_chinese_words_are_found_without_spaces(here):
    Path("slang.tsv").write_text("note\tfrom\tto\n-\t电影\t片子\n", encoding="utf-8")
    assert outcomes("这部电影很好", file="slang.tsv") == {"这部片子很好"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"slang\.csv: cannot be read \(No such file"),
        ("", r"slang\.csv:1: has no column 'from'"),
        ("form,to\nbad,wack\n", r"slang\.csv:1: has no column 'from'\. Did you mean 'form'"),
        ("from,to\n", r"slang\.csv: has no row below its header"),
        ("from,to\nbad,wack\n,well\n", r"slang\.csv:3: 'from' is empty"),
        ("from,to\nbad\n", r"slang\.csv:2: has 1 cells, the header has 2"),
        ("from,to\nbad,bad\n", r"slang\.csv:2: 'bad' is replaced by itself"),
        ('from,to\nbad,"wack\n', r"slang\.csv:2: cannot be read"),
        (b"from,to\nbad,\xff\n", r"slang\.csv: is not UTF-8"),
        (
            "from,to\n" + "".join(f"w{row},x\n" for row in range(10_001)),
            "more than 10,000 words",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(content, message):
    path = Path("slang.csv")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        table_kind("slang", "slang.csv")


def kinds_of(kind: str):
    """Return the kinds of the suite with this one beside ``typo``."""
    Path("suite.yaml").write_text(SUITE.replace("KIND", kind), encoding="utf-8")
    (check,) = prepare_checks(load_suite("suite.yaml"))
    return check.evaluator.params.kinds


def test_they_are_named_in_suites_with_the_digest_of_their_files():
    kinds = kinds_of("{name: slang, table: slang.csv}")
    assert [one.name for one in kinds] == ["typo", "slang"]
    assert kinds[0].digest is None
    assert kinds_of("./kinds.py:Shout")[1].kind().name == "shout"
    before = [kinds[1].digest, kinds_of("./kinds.py:Shout")[1].digest]
    for name in ("slang.csv", "kinds.py"):
        Path(name).write_text(Path(name).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    after = [kinds_of("{name: slang, table: slang.csv}")[1].digest]
    after.append(kinds_of("./kinds.py:Shout")[1].digest)
    assert all(one != other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("tpyo", "no kind of perturbation is called 'tpyo'. Did you mean 'typo'"),
        ("typo", "'kinds' names 'typo' twice"),
        ("7", "entry 2 of 'kinds' should be a mapping"),
        ("{table: slang.csv}", "'name' is missing in entry 2 of 'kinds'"),
        ("{name: slang, table: gone.csv}", "there is no such file: gone.csv"),
        ("{name: slang, tabel: slang.csv}", "unknown key 'tabel'.*Did you mean 'table'"),
        ("{name: slang, table: slang.csv, digest: abc}", "slang.csv has changed"),
        ("{name: case, digest: abc}", "which is for kinds of your own"),
        ("{name: Slang!, table: slang.csv}", "must be lower-case letters"),
        ("{name: case, table: slang.csv}", "is called 'case', as a kind that auditkit brings"),
        ("{name: slang, table: kinds.py}", "a table is a .csv or a .tsv file"),
        ("./gone.py:Kind", "there is no such file: ./gone.py"),
        ("./kinds.py:Shot", "has no class 'Shot'. Did you mean 'Shout'"),
        ("./kinds.py:Plain", "is no subclass of auditkit.perturbations.Perturbation"),
        ("./kinds.py:Unfinished", "does not define apply"),
        ("./kinds.py:Typo", "is called 'typo', as a kind that auditkit brings"),
        ("./kinds.py:Named", "has name = 'My kind'; it must be lower-case letters"),
        ("./kinds.py:Strong", r"severities = \(1, 6\); it must be a tuple of different numbers"),
        ("./kinds.py:Needy", "TypeError: too many positional arguments"),
        ("./slang.csv:Kind", "slang.csv is not a Python file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_suites_line(kind, message):
    with pytest.raises(SuiteError, match=message) as caught:
        kinds_of(kind)
    line = 6 if "twice" in message else 10
    assert str(caught.value).startswith(f"suite.yaml:{line}: check 'perturbation': ")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Raises", "the kind 'raises' at severity 1 raised IndexError on example 'e0000'"),
        ("Silent", "the kind 'silent' at severity 1 returned NoneType, no text, on 'e0000'"),
        ("Half", "the kind 'half' .* made half a character .* of example 'e0000'"),
    ],
)
def test_a_kind_that_fails_on_a_text_is_named_with_the_example(kind, message):
    examples = make_examples(["fine", "awful"], ["positive", "negative"])
    with pytest.raises(CheckError, match=message):
        examine(Perturbations, examples, FakeEngine(), params={"kinds": [f"./kinds.py:{kind}"]})


def test_what_raises_in_a_kind_is_named_with_file_and_line():
    """Also where a library that the file calls raises; one of auditkit's own kinds has no place."""
    Path("deep.py").write_text(
        SHOUT + "\n\nclass Deep(Shout):\n    name = 'deep'\n\n"
        "    def apply(self, text, severity, rng):\n        return json.loads(text)\n",
        encoding="utf-8",
    )
    source = "import json\n" + Path("deep.py").read_text(encoding="utf-8")
    Path("deep.py").write_text(source, encoding="utf-8")
    line = source.splitlines().index("        return json.loads(text)") + 1
    with pytest.raises(CheckError) as caught:
        examine(
            Perturbations,
            make_examples(["fine", "awful"], ["positive", "negative"]),
            FakeEngine(),
            params={"kinds": ["./deep.py:Deep"]},
        )
    assert (caught.value.file, caught.value.line) == ("deep.py", line)
    said = f"deep.py:{line}: the kind 'deep' at severity 1 raised JSONDecodeError on example"
    assert str(caught.value).startswith(said)
