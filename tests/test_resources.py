"""What checks need besides model and data: where it is found, and what a run does without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from auditkit import Options, run_audit
from auditkit.cli import _run
from auditkit.contract import declared_resources
from auditkit.errors import PluginError, ResourceError
from auditkit.plugins import load_evaluator
from auditkit.resources import Resource, Resources, nltk_files, vectors
from tests.real import real

EVALUATOR = '''
import pandas as pd
from auditkit import Collector, Mean, Metric, Params
from auditkit.resources import Resource


class Stops(Collector):
    """How many words of a text are in the list."""

    name = "stops"
    version = "1"
    isolation = "ISOLATION"

    class Params(Params):
        needs: list[list[str]] = [["nltk", "corpora/listed"]]

    def metrics(self):
        return [Metric("share", Mean("share"), better="none")]

    def resources(self):
        return [Resource(kind, name, "words to count") for kind, name in self.params.needs]

    def collect(self, shard, context):
        listed = context.resources.find(self.resources()[0]) / "english"
        words = set(listed.read_text().split())
        texts = [text.split() for text in shard.table["text"].to_pylist()]
        rows = {
            "example_id": shard.table["example_id"].to_pylist(),
            "share": [sum(word in words for word in text) / len(text) for text in texts],
        }
        return pd.DataFrame(rows).sort_values("example_id")
'''


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch) -> Path:
    """A user without any cache, standing in an empty folder."""
    import huggingface_hub.constants

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AUDITKIT_CACHE", str(home / "cache"))
    for name in ("NLTK_DATA", "TA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.chdir(tmp_path)
    nltk_files.bundled.cache_clear()
    yield home
    nltk_files.bundled.cache_clear()


def write(path: Path, content: str = "the\n") -> Path:
    """Write a file that its owner alone may write, in such folders."""
    for folder in reversed([one for one in path.parents if not one.exists()]):
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    path.write_text(content)
    path.chmod(0o644)
    return path


def pack(path: Path, members: dict[str, str]) -> Path:
    write(path, "")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def nltk_data(name: str) -> Resource:
    return Resource("nltk", name, "a test")


# Order and places


def test_the_resources_folder_comes_before_caches_and_those_before_what_is_bundled(
    tmp_path, monkeypatch, bare
) -> None:
    stopwords = nltk_data("corpora/stopwords")
    resources = Resources(tmp_path / "kept")
    assert resources.locate(stopwords).origin == "bundled"
    write(bare / "nltk_data/corpora/stopwords/english")
    assert resources.locate(stopwords).origin == "cache"
    write(tmp_path / "variable/corpora/stopwords/english")
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "variable"))
    assert resources.find(stopwords) == tmp_path / "variable/corpora/stopwords"
    write(tmp_path / "kept/nltk_data/corpora/stopwords/english")
    found = resources.locate(stopwords)
    assert found.origin == "resources folder"
    assert found.path == tmp_path / "kept/nltk_data/corpora/stopwords"


def test_the_resources_folder_lies_in_the_cache_unless_it_is_named(
    tmp_path, monkeypatch, bare, needy, capsys
) -> None:
    assert Resources().home == bare / "cache/resources"
    suite = str(needy())
    monkeypatch.setenv("AUDITKIT_RESOURCES", "variable")
    write(tmp_path / "variable/nltk_data/corpora/listed/english")
    assert _run(["fetch", suite, "--offline"]) == 0
    assert str(tmp_path / "variable/nltk_data/corpora/listed") in capsys.readouterr().out
    assert _run(["fetch", suite, "--offline", "--resources", "flag"]) == 2
    assert str(tmp_path / "flag") in capsys.readouterr().err


def test_the_search_path_is_nltks(tmp_path, monkeypatch) -> None:
    pytest.importorskip("nltk")
    monkeypatch.setenv("NLTK_DATA", os.pathsep.join(["~/mine", str(tmp_path / "b")]))
    done = subprocess.run(
        [sys.executable, "-c", "import nltk.data; print(*nltk.data.path, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [str(one) for one in nltk_files.search_path()] == done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("open_to_others", ["nothing", "file", "folder", "root", "zip"])
def test_packages_are_found_where_nltk_finds_them(tmp_path, open_to_others) -> None:
    """Folders before zip files, in any root; nothing that others may write."""
    nltk = pytest.importorskip("nltk")
    version = tuple(map(int, nltk.__version__.split(".")[:2]))
    if version < (3, 10) and open_to_others != "nothing":
        pytest.skip("this NLTK reads whatever others may write")
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    packed = pack(first / "corpora/made.zip", {"made/english": "one"})
    folder = write(second / "corpora/made/english", "two").parent
    write(third / "corpora/made/english", "three")
    loose = {"file": folder / "english", "folder": folder, "root": second, "zip": packed}
    if open_to_others != "nothing":
        loose[open_to_others].chmod(loose[open_to_others].stat().st_mode | 0o020)
    roots = [first, second, third]
    found = nltk_files.find("corpora/made", roots)
    warns = open_to_others in ("file", "folder", "root")
    with pytest.warns(RuntimeWarning) if warns else nullcontext():
        theirs = nltk.data.find("corpora/made", [str(one) for one in roots])
    assert str(found[0]) == str(theirs)


def test_a_zip_file_is_found_and_has_the_digest_of_its_folder(tmp_path) -> None:
    packed, plain = Resources(tmp_path / "a"), Resources(tmp_path / "b")
    pack(tmp_path / "a/nltk_data/corpora/made.zip", {"made/x": "1", "made/deep/y": "2"})
    write(tmp_path / "b/nltk_data/corpora/made/x", "1")
    write(tmp_path / "b/nltk_data/corpora/made/deep/y", "2")
    made = nltk_data("corpora/made")
    assert packed.find(made).name == "made.zip"
    assert packed.digest(made) == plain.digest(made)
    write(tmp_path / "b/nltk_data/corpora/made/deep/.cache", "hidden")
    assert packed.digest(made) == plain.digest(made)
    write(tmp_path / "b/nltk_data/corpora/made/deep/y", "3")
    assert packed.digest(made) != plain.digest(made)


def test_what_others_may_write_is_said_to_be_the_reason(tmp_path) -> None:
    folder = write(tmp_path / "kept/nltk_data/corpora/made/x").parent
    folder.chmod(0o775)
    with pytest.raises(ResourceError, match=r"others may write to .*made, .*chmod -R go-w"):
        Resources(tmp_path / "kept").require(nltk_data("corpora/made"))


def test_the_bundled_files_are_served_privately_where_the_package_lies_open(
    tmp_path, monkeypatch, bare
) -> None:
    """As after an installation with umask 002, when NLTK would refuse them."""
    opened = write(tmp_path / "package/corpora/stopwords/english", "an\n").parents[2]
    (opened / "corpora/stopwords/english").chmod(0o664)
    monkeypatch.setattr(nltk_files, "_BUNDLED", opened)
    found = Resources().locate(nltk_data("corpora/stopwords"))
    assert found.origin == "bundled"
    assert found.path.is_relative_to(bare / "cache")
    assert (found.path / "english").read_text() == "an\n"
    assert (found.path / "english").stat().st_mode & 0o777 == 0o600
    # A copy that was tampered with is made again.
    (found.path / "english").write_text("no\n")
    nltk_files.bundled.cache_clear()
    assert (Resources().find(nltk_data("corpora/stopwords")) / "english").read_text() == "an\n"


def test_nltk_reads_the_bundled_stop_words(monkeypatch) -> None:
    nltk = pytest.importorskip("nltk")
    from nltk.corpus.reader import StopwordsCorpusReader

    monkeypatch.setattr(nltk.data, "path", Resources().nltk_path())
    root = nltk.data.find("corpora/stopwords")
    assert str(root) == str(Resources().find(nltk_data("corpora/stopwords")))
    words = StopwordsCorpusReader(root, r"(?!README|\.).*", encoding="utf8").words("english")
    assert len(words) == len(set(words)) > 200
    assert all(word == word.strip().lower() and word.isascii() for word in words)
    assert {"the", "of", "not", "i", "don", "t", "don't", "themselves"} <= set(words)
    assert not {"good", "bad", "great", "movie", "terrible", "like"} & set(words)


def test_snapshots_are_found_by_revision_and_only_whole(tmp_path, bare) -> None:
    commit = "a" * 40
    encoder = Resource("hub", "org/encoder@main", "similarity")
    snapshot = bare / "hub/models--org--encoder/snapshots" / commit
    write(bare / "hub/models--org--encoder/refs/main", commit)
    write(snapshot / "config.json", "{}")
    assert Resources().find(encoder) is None
    write(snapshot / "model.safetensors", "weights")
    found = Resources().locate(encoder)
    assert (found.path, found.origin) == (snapshot, "cache")
    assert Resources().find(Resource("hub", "org/encoder@other", "")) is None
    assert Resources().find(Resource("hub", "no such: name", "")) is None
    before = Resources().digest(encoder)
    write(snapshot / "README.md", "words")
    assert Resources().digest(encoder) == before
    write(snapshot / "model.safetensors", "Weights")
    assert Resources().digest(encoder) != before


def test_a_folder_of_the_machine_stands_for_a_checkpoint(tmp_path, checkpoint) -> None:
    found = Resources().locate(Resource("hub", str(checkpoint), ""))
    assert (found.path, found.origin) == (checkpoint, "local folder")
    with pytest.raises(ResourceError, match=r"no such folder with a .*path in the suite"):
        Resources().require(Resource("hub", "./nowhere", "a test"))


def test_word_vectors_are_found_whole_and_in_textattacks_cache(tmp_path, monkeypatch) -> None:
    paragram = Resource("vectors", "paragramcf", "neighbours")
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path / "ta"))
    for name in vectors.FILES:
        assert Resources().find(paragram) is None
        write(tmp_path / "ta/word_embeddings/paragramcf" / name)
    assert Resources().locate(paragram).origin == "cache"
    for name in vectors.FILES:
        write(tmp_path / "kept/vectors/paragramcf" / name)
    assert Resources(tmp_path / "kept").locate(paragram).origin == "resources folder"


def test_looking_imports_neither_nltk_nor_textattack() -> None:
    code = (
        "import sys; from auditkit.resources import Resource, Resources\n"
        "for kind, name in [('nltk', 'corpora/stopwords'), ('vectors', 'paragramcf')]:\n"
        "    Resources().locate(Resource(kind, name, ''))\n"
        "Resources().digest(Resource('nltk', 'corpora/stopwords', ''))\n"
        "print(*{'nltk', 'textattack', 'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.shared_data
def test_real_nltk_data_are_found(monkeypatch) -> None:
    monkeypatch.setenv("NLTK_DATA", str(real("data/nltk_data")))
    for name in ("corpora/wordnet", "taggers/universal_tagset", "tokenizers/punkt_tab"):
        assert Resources().locate(nltk_data(name)).origin == "cache"
        assert len(Resources().digest(nltk_data(name))) == 64


# Before and in a run


@pytest.fixture
def needy(tmp_path, make_suite):
    """Write a suite with a check that needs ``needs``."""

    def make(*needs: tuple[str, str], isolation: str = "thread") -> Path:
        (tmp_path / "stops.py").write_text(EVALUATOR.replace("ISOLATION", isolation))
        settings = f", needs: {json.dumps(needs)}" if needs else ""
        return make_suite(
            (
                "  performance: {}\n",
                f"  performance: {{}}\n  stops: {{evaluator: './stops.py:Stops'{settings}}}\n",
            )
        )

    return make


MISSING = [("nltk", "corpora/listed"), ("vectors", "paragramcf"), ("hub", "org/model")]


def test_all_that_is_missing_is_named_before_the_model_is_loaded(needy, capsys) -> None:
    suite = str(needy(*MISSING))
    for flags in ([], ["--dry-run"]):
        assert _run(["run", suite, "--model", "./no-such-model", *flags]) == 2
        said = capsys.readouterr().err
        for _, name in MISSING:
            assert f"'{name}' for check 'stops' (words to count)" in said
        head, *listed, tail = said.splitlines()
        assert head == "auditkit: the suite needs what is not here:"
        assert all(line.startswith(f"  {suite}:8: ") for line in listed)
        assert [line.partition("'")[2].partition("'")[0] for line in listed] == [
            name for _, name in MISSING
        ]
        assert tail == f"3 are missing. Fetch it: auditkit fetch {suite}"
        assert "no-such-model" not in said


def test_one_thing_that_is_missing_is_told_in_one_line(needy, capsys) -> None:
    suite = str(needy(MISSING[0]))
    assert _run(["run", suite, "--model", "./no-such-model"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    needs = "the suite needs what is not here: the NLTK data 'corpora/listed'"
    assert said.startswith(f"auditkit: {suite}:8: {needs}")
    assert said.endswith(f"Fetch it: auditkit fetch {suite}")


def test_offline_says_where_to_put_what_is_missing(needy, capsys, tmp_path) -> None:
    suite = str(needy(*MISSING))
    assert _run(["run", suite, "--model", "m", "--offline", "--resources", "kept"]) == 2
    said = capsys.readouterr().err
    kept = tmp_path / "kept"
    assert f"auditkit fetch {suite} --resources {kept}` where there is a network" in said
    assert f"corpora/listed in {kept / 'nltk_data'}" in said
    assert f"paragramcf in {kept / 'vectors'}" in said
    assert "org/model as a folder that the suite names" in said


def test_a_package_that_is_missing_is_named_before_the_model_is_loaded(needy, capsys) -> None:
    suite = needy()
    source = Path("stops.py").read_text()
    Path("stops.py").write_text(
        source.replace('version = "1"', 'version = "1"\n    libraries = ("not-there",)')
    )
    assert _run(["run", str(suite), "--model", "no-such-model"]) == 2
    said = capsys.readouterr().err
    assert "check 'stops' needs the package not-there, which is not installed" in said
    assert 'pip install "not-there"' in said
    assert "Traceback" not in said


def test_a_check_left_out_needs_nothing(needy, checkpoint) -> None:
    run = run_audit(needy(*MISSING), str(checkpoint), Options(only=("performance",), limit=5))
    assert [check.status for check in run.record.checks] == ["ok", "skipped"]


def test_validate_points_out_what_is_missing_and_ends_well(needy, capsys) -> None:
    suite = str(needy(*MISSING))
    assert _run(["validate", suite]) == 0
    said = capsys.readouterr().out
    assert f"{suite}: missing the word vectors 'paragramcf' for check 'stops'" in said
    assert f"auditkit fetch {suite}" in said
    assert _run(["validate", suite, "--format", "json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)["suites"]
    assert [(one["kind"], one["name"]) for one in described["missing"]] == MISSING
    assert {tuple(one["checks"]) for one in described["missing"]} == {("stops",)}


def test_rows_rest_on_the_content_of_a_resource(needy, checkpoint, tmp_path, messages) -> None:
    """Recorded by digest; other words are other rows, the same words elsewhere are not."""
    suite = needy()
    listed = write(tmp_path / "kept/nltk_data/corpora/listed/english", "the\n")

    def run(folder: str):
        options = Options(resources=Path(folder), limit=20, output=tmp_path / "run", workers=0)
        record = run_audit(suite, str(checkpoint), options).record
        check = record.check("stops")
        assert check.status == "ok", check.error
        return record.id, check

    first_id, first = run("kept")
    (used,) = first.resources
    assert (used.kind, used.name, used.origin) == ("nltk", "corpora/listed", "resources folder")
    assert used.digest == Resources(tmp_path / "kept").digest(nltk_data("corpora/listed"))
    assert str(tmp_path) not in used.model_dump_json()
    assert used.digest in (tmp_path / "run/card.html").read_text()

    write(tmp_path / "moved/nltk_data/corpora/listed/english", "the\n")
    moved_id, moved = run("moved")
    assert moved_id == first_id
    assert moved.resumed_parts == len(moved.evidence) == len(first.evidence)

    word = json.loads(messages.read_text().splitlines()[0])["text"].split()[0]
    listed.write_text(f"the\n{word}\n")
    changed_id, changed = run("kept")
    assert changed_id != first_id
    assert changed.resumed_parts == 0
    assert changed.resources[0].digest != used.digest


def test_worker_processes_find_what_the_parent_found(needy, checkpoint, tmp_path) -> None:
    write(tmp_path / "kept/nltk_data/corpora/listed/english")
    options = Options(resources=Path("kept"), limit=5, workers=1)
    run = run_audit(needy(isolation="process"), str(checkpoint), options)
    assert run.record.check("stops").status == "ok"


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("'corpora/wordnet'", "it must be a list"),
        ("['corpora/wordnet']", "everything in it must be an auditkit.resources.Resource"),
        ("[Resource('ntlk', 'corpora/wordnet', '')]", "Did you mean 'nltk'"),
        ("1 / 0", "raised ZeroDivisionError in resources()"),
    ],
)
def test_an_evaluator_that_declares_no_resources_is_refused(tmp_path, returned, message) -> None:
    code = EVALUATOR.replace("ISOLATION", "thread")
    body = '[Resource(kind, name, "words to count") for kind, name in self.params.needs]'
    assert body in code
    (tmp_path / "stops.py").write_text(code.replace(body, returned))
    kind = load_evaluator(f"{tmp_path}/stops.py:Stops")
    with pytest.raises(PluginError) as caught:
        declared_resources(kind(kind.Params()), "the evaluator 'stops'")
    assert message in str(caught.value)
