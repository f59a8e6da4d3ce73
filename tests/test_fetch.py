"""``auditkit fetch``: what comes, what stays when a transfer breaks, and no network unasked."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub.utils.tqdm import enable_progress_bars

from auditkit.cli import _run
from auditkit.errors import ResourceError
from auditkit.resources import Resource, Resources, fetching, hub, nltk_files, vectors
from auditkit.resources.download import Transfer
from auditkit.resources.fetching import fetch

PARAGRAM = Resource("vectors", "paragramcf", "neighbours")
LISTED = Resource("nltk", "corpora/listed", "words")
MODEL = Resource("hub", "org/model@main", "similarity")

EVALUATOR = '''
from auditkit import Evaluator, Mean, Metric, Params
from auditkit.resources import Resource


class Needy(Evaluator):
    """Needs what its settings name."""

    name = "needy"
    version = "1"

    class Params(Params):
        needs: list[list[str]]

    def metrics(self):
        return [Metric("share", Mean("share"), better="none")]

    def resources(self):
        return [Resource(kind, name, "for the test") for kind, name in self.params.needs]
'''


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch) -> None:
    """A user without any cache, in an empty folder; nobody listens where the vectors come from."""
    import huggingface_hub.constants

    for name in ("NLTK_DATA", "TA_CACHE_DIR", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "home/hub"))
    monkeypatch.setattr(vectors, "URL", "http://127.0.0.1:9/nobody-listens")
    monkeypatch.chdir(tmp_path)
    nltk_files.bundled.cache_clear()
    yield
    enable_progress_bars()  # the command turns those of the hub's client off


@pytest.fixture
def suite(tmp_path, make_suite):
    """Write a suite with a check that needs ``needs``."""

    def make(*needs: Resource) -> str:
        (tmp_path / "needy.py").write_text(EVALUATOR)
        listed = json.dumps([[one.kind, one.name] for one in needs])
        check = f"  needy: {{evaluator: './needy.py:Needy', needs: {listed}}}\n"
        return str(make_suite(("  performance: {}\n", f"  performance: {{}}\n{check}")))

    return make


class Told:
    """Notes what a transfer tells."""

    def __init__(self) -> None:
        self.began: list[tuple[int, int]] = []
        self.bytes = 0
        self.transfer = Transfer(lambda *said: self.began.append(said), self._got)

    def _got(self, size: int) -> None:
        self.bytes += size


def archive(names=vectors.FILES, extra: tuple[str, ...] = (), *, loud: bool = False) -> bytes:
    """Return a zip file as TextAttack's server has it, or an older one, ``loud``."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name in names:
            word = name.upper() if loud else name
            packed.writestr(f"paragramcf/{name}", word.encode() * 100_000)
        for name in extra:
            packed.writestr(name, b"unwanted")
    return made.getvalue()


class Server(ThreadingHTTPServer):
    """Serves ``content``; breaks off after ``breaks_at`` bytes of a reply if that is set."""

    content = archive()
    etag: str | None = '"one"'
    breaks_at: int | None = None
    knows_ranges = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = 0
        if wanted and self.server.knows_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        body = self.server.content[start:]
        self.send_response(206 if start else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        with suppress(OSError):  # the client may have seen enough
            self.wfile.write(body[: self.server.breaks_at])

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setattr(vectors, "URL", f"http://127.0.0.1:{one.server_port}/paragramcf")
        yield one
        one.shutdown()
        thread.join()


def kept(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


# Word vectors, from a real server


def test_vectors_come_whole_and_nothing_else_does(server, tmp_path) -> None:
    server.content = archive(extra=("paragramcf/more.txt", "../escaped.npy", "__MACOSX/._nn.npy"))
    told = Told()
    found = fetch(PARAGRAM, Resources(tmp_path / "kept"), told.transfer)
    assert found == tmp_path / "kept/vectors/paragramcf"
    assert kept(found) == {name: name.encode() * 100_000 for name in vectors.FILES}
    assert [one.name for one in found.parent.iterdir()] == ["paragramcf"]
    assert told.began == [(len(server.content), 0)]
    assert told.bytes == len(server.content)


def test_a_broken_transfer_goes_on_where_it_broke(server, tmp_path) -> None:
    resources = Resources(tmp_path / "kept")
    server.breaks_at = 1_500_000
    with pytest.raises(ResourceError, match=r"1,500,000 of [\d,]+ bytes came.*goes on"):
        fetch(PARAGRAM, resources, Told().transfer)
    assert resources.find(PARAGRAM) is None
    server.breaks_at = None
    told = Told()
    found = fetch(PARAGRAM, resources, told.transfer)
    assert server.ranges == [None, None, "bytes=1500000-"]
    assert told.began == [(len(server.content), 1_500_000)]
    assert told.bytes == len(server.content) - 1_500_000
    assert kept(found)["nn.npy"] == b"nn.npy" * 100_000


@pytest.mark.parametrize("change", ["another version", "no version", "no ranges"])
def test_what_came_is_only_used_for_the_same_version(server, tmp_path, change) -> None:
    server.content = archive(loud=True)
    if change == "no version":
        server.etag = None
    server.breaks_at = 1_500_000
    with pytest.raises(ResourceError):
        fetch(PARAGRAM, Resources(tmp_path / "kept"), Told().transfer)
    server.breaks_at = None
    server.content = archive()
    if change == "another version":
        server.etag = '"two"'
    server.knows_ranges = change != "no ranges"
    told = Told()
    found = fetch(PARAGRAM, Resources(tmp_path / "kept"), told.transfer)
    assert told.began == [(len(server.content), 0)]
    assert kept(found) == {name: name.encode() * 100_000 for name in vectors.FILES}


@pytest.mark.parametrize(
    "content",
    [
        b"<html>not found</html>",
        archive().replace(b"cos_sim.pcos_sim.p", b"cos_sim.pXos_sim.p", 1),
        archive(vectors.FILES[1:]),
    ],
    ids=["no zip file", "a flipped byte", "a file short"],
)
def test_damaged_vectors_are_not_kept(server, tmp_path, content) -> None:
    server.content = content
    with pytest.raises(ResourceError, match="is damaged"):
        fetch(PARAGRAM, Resources(tmp_path / "kept"), Told().transfer)
    assert list((tmp_path / "kept/vectors").iterdir()) == []


def test_a_server_that_refuses_is_named(server, tmp_path) -> None:
    server.status = 403
    with pytest.raises(ResourceError, match=r"127\.0\.0\.1.*the server answers 403"):
        fetch(PARAGRAM, Resources(tmp_path / "kept"), Told().transfer)
    assert list((tmp_path / "kept/vectors").iterdir()) == []


def test_the_command_shows_progress_and_where_things_are(server, suite, tmp_path, capsys) -> None:
    one = suite(PARAGRAM, Resource("nltk", "corpora/stopwords", ""))
    assert _run(["fetch", one, "--resources", "kept"]) == 0
    said = capsys.readouterr()
    assert "Fetching the word vectors 'paragramcf'" in said.err
    assert "paragramcf: 5 MB" in said.err
    assert "fetched  the word vectors 'paragramcf' for check 'needy' (for the test)" in said.out
    assert f"[resources folder: {tmp_path / 'kept/vectors/paragramcf'}]" in said.out
    assert "there    the NLTK data 'corpora/stopwords'" in said.out
    assert "Fetched 1 of 2" in said.out
    server.ranges.clear()
    assert _run(["fetch", one, "--resources", "kept"]) == 0
    assert "Everything the suite needs is there; no network was touched" in capsys.readouterr().out
    assert server.ranges == []


# NLTK's data and checkpoints, with their own clients replaced


@pytest.fixture
def nltk_download(monkeypatch):
    """Replace NLTK's downloader by one that installs a package of one file."""
    nltk = pytest.importorskip("nltk")
    asked = []

    def download(package, *, download_dir, quiet, raise_on_error, print_error_to):
        asked.append(package)
        assert quiet
        assert raise_on_error
        if package == "unknown":
            print("[nltk_data] complaint", file=print_error_to)
            raise ValueError("Package 'unknown' not found in index")
        folder = Path(download_dir) / "corpora" / package
        folder.mkdir(parents=True)
        (folder / "english").write_text("the\n")
        return True

    monkeypatch.setattr(nltk, "download", download)
    return asked


def test_nltk_data_come_by_nltks_downloader(nltk_download, tmp_path, capsys) -> None:
    resources = Resources(tmp_path / "kept")
    (tmp_path / "kept/nltk_data").mkdir(parents=True)
    (tmp_path / "kept/nltk_data").chmod(0o777)
    before = os.umask(0o002)  # files would be open to others, and NLTK would refuse them
    try:
        folder = fetch(LISTED, resources, Told().transfer)
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    assert folder == tmp_path / "kept/nltk_data/corpora/listed"
    assert nltk_download == ["listed"]
    unknown = Resource("nltk", "corpora/unknown", "words")
    with pytest.raises(ResourceError, match="not found in index"):
        fetch(unknown, resources, Told().transfer)
    assert capsys.readouterr().err == ""


@pytest.fixture
def snapshot_download(monkeypatch):
    """Replace the hub's client, as far as it would use the network."""
    import huggingface_hub

    real = huggingface_hub.snapshot_download
    asked = []

    def download(hub_id, *, revision, cache_dir, local_files_only=False, **patterns):
        if local_files_only:
            return real(
                hub_id, revision=revision, cache_dir=cache_dir, local_files_only=True, **patterns
            )
        asked.append((hub_id, revision, patterns["allow_patterns"]))
        if hub_id != "org/model":
            raise ConnectionError("the network is unreachable\nand more")
        commit = "b" * 40
        place = Path(cache_dir) / "models--org--model"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / revision).write_text(commit)
        (place / "snapshots" / commit).mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (place / "snapshots" / commit / name).write_text("{}")
        return str(place / "snapshots" / commit)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


def test_checkpoints_come_by_the_hubs_client(snapshot_download, tmp_path) -> None:
    resources = Resources(tmp_path / "kept")
    folder = fetch(MODEL, resources, Told().transfer)
    assert folder == tmp_path / "kept/hub/models--org--model/snapshots" / ("b" * 40)
    assert snapshot_download == [("org/model", "main", list(hub.FILES))]
    with pytest.raises(ResourceError, match=r"the network is unreachable\. Check"):
        fetch(Resource("hub", "org/other", ""), resources, Told().transfer)


def test_all_that_can_be_had_is_fetched_and_the_rest_named(
    snapshot_download, nltk_download, suite, capsys
) -> None:
    """The server of the vectors does not answer, a folder is not there."""
    one = suite(PARAGRAM, MODEL, Resource("hub", "./nowhere", ""), LISTED)
    assert _run(["fetch", one, "--resources", "kept"]) == 2
    before, head, vectors_line, folder_line, tail = capsys.readouterr().err.rsplit("\n", 5)[:-1]
    assert "org/model" in before
    assert head == "auditkit: could not be fetched:"
    assert "nobody-listens could not be downloaded" in vectors_line
    assert "'./nowhere' is a folder of this machine, and not there" in folder_line
    assert tail.startswith("2 of 4 are still missing. ")
    assert _run(["fetch", one, "--resources", "kept", "--dry-run", "--format", "json"]) == 3
    printed = json.loads(capsys.readouterr().out)
    listed = printed["resources"]
    assert printed["exit_code"] == 3
    assert [(one["name"], one["status"]) for one in listed] == [
        ("paragramcf", "missing"),
        ("org/model@main", "there"),
        ("./nowhere", "missing"),
        ("corpora/listed", "there"),
    ]


# No network unasked


@pytest.fixture
def no_network(monkeypatch):
    """Fail the test if anything is fetched."""
    monkeypatch.setattr(fetching, "fetch", lambda *given: pytest.fail("the network was used"))


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE"])
def test_offline_lists_what_would_be_fetched_and_refuses(
    no_network, suite, capsys, monkeypatch, how
) -> None:
    if how == "HF_HUB_OFFLINE":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    one = suite(PARAGRAM, LISTED)
    flags = ["--offline"] if how == "--offline" else []
    assert _run(["fetch", one, *flags]) == 2
    head, *listed, tail = capsys.readouterr().err.splitlines()
    assert head.startswith("auditkit: the network is switched off")
    assert listed == [
        f"  {one}:8: the word vectors 'paragramcf' for check 'needy' (for the test)",
        f"  {one}:8: the NLTK data 'corpora/listed' for check 'needy' (for the test)",
    ]
    assert tail.startswith(f"2 are missing. Run `auditkit fetch {one}` where there is a network")


@pytest.mark.parametrize("flag", ["--offline", "--dry-run", "--quiet"])
def test_what_is_there_needs_no_network(no_network, suite, capsys, flag) -> None:
    one = suite(Resource("nltk", "corpora/stopwords", ""))
    assert _run(["fetch", one, flag]) == 0
    said = capsys.readouterr().out
    assert said == "" if flag == "--quiet" else "Everything the suite needs is there" in said


def test_a_dry_run_fetches_nothing(no_network, suite, capsys) -> None:
    one = suite(PARAGRAM, Resource("nltk", "corpora/stopwords", ""))
    assert _run(["fetch", one, "--dry-run"]) == 3
    said = capsys.readouterr().out
    assert "missing  the word vectors 'paragramcf'" in said
    assert "there    the NLTK data 'corpora/stopwords'" in said
    assert "1 of 2 are missing; nothing was fetched." in said
    assert _run(["fetch", one, "--dry-run", "--quiet"]) == 3
    quiet = capsys.readouterr().out
    assert "paragramcf" in quiet
    assert "stopwords" not in quiet


def test_a_suite_that_needs_nothing_says_so(no_network, capsys) -> None:
    assert _run(["fetch", "smoke"]) == 0
    assert "needs nothing besides model and data" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_named(suite, capsys, tmp_path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert _run(["fetch", suite(PARAGRAM), "--resources", "kept"]) == 2
    said = capsys.readouterr().err
    assert f"cannot be kept in {tmp_path / 'kept/vectors'}" in said
    assert "Name another folder with --resources" in said
