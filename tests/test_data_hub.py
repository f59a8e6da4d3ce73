"""Hub data sets, against a hub of our own: a web server with a few answers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
COMMIT = "a1" * 20

CARD = """\
---
configs:
- config_name: en
  data_files:
  - {split: train, path: en/train.parquet}
  - {split: test, path: en/test.parquet}
- config_name: de
  data_files:
  - {split: test, path: de/test.parquet}
dataset_info:
- config_name: en
  features: [{name: text, dtype: string}, {name: label, dtype: int64}]
- config_name: de
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': positive, '1': negative}}}
  splits: [{name: test, num_examples: 3}]
---
"""


def _parquet(texts: list[str], labels: list[int]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "label": labels}), sink)
    return sink.getvalue()


FILES = {
    "README.md": CARD.encode(),
    "en/train.parquet": _parquet(["one", "two"], [0, 1]),
    "en/test.parquet": _parquet(["three", "null"], [1, 0]),
    "de/test.parquet": _parquet(["vier", "fünf", "sechs"], [0, 1, 1]),
}
TREE: list[dict[str, Any]] = [
    {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
    for path, content in FILES.items()
] + [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in ("en", "de")]


class _Hub(BaseHTTPRequestHandler):
    """The data set ``org/set`` at one commit; every other one is unknown."""

    requests = 0

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self) -> None:
        type(self).requests += 1
        path = unquote(urlsplit(self.path).path)
        if "/org/set" not in path:
            self._answer(404, X_Error_Code="RepoNotFound")
        elif "/resolve/" in path:
            revision, _, name = path.partition("/resolve/")[2].partition("/")
            if revision not in ("main", COMMIT):
                self._answer(404, X_Error_Code="RevisionNotFound")
            elif name not in FILES:
                self._answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
            else:
                tag = hashlib.sha1(FILES[name]).hexdigest()
                self._answer(200, FILES[name], ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        elif "/tree/" in path:
            folder = path.partition("/tree/")[2].partition("/")[2]
            inside = [e for e in TREE if not folder or e["path"].startswith(f"{folder}/")]
            self._answer(200, json.dumps(inside).encode())
        elif path.startswith("/api/datasets/org/set"):
            facts = {"id": "org/set", "sha": COMMIT, "siblings": [{"rfilename": f} for f in FILES]}
            self._answer(200, json.dumps(facts).encode())
        else:
            self._answer(404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        type(self).requests += 1
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = body.startswith("{")
        paths = json.loads(body)["paths"] if is_json else parse_qs(body)["paths"]
        self._answer(200, json.dumps([e for e in TREE if e["path"] in paths]).encode())


CHILD = """
import json, sys
import huggingface_hub.utils._http as http
http.time.sleep = lambda seconds: None  # the client waits between attempts
from auditkit.data import load_examples
from auditkit.errors import DataError
from auditkit.suite import DataConfig
import datasets, logging, huggingface_hub
answers = []
for request in json.load(sys.stdin):
    offline = request.pop("offline", False)
    try:
        examples = load_examples(
            DataConfig(**request), model_labels=["negative", "positive"], multi_label=False,
            limit=None, seed=0, offline=offline,
        )
        answers.append({
            "texts": examples.inputs(), "labels": examples.table["label"].to_pylist(),
            "revision": examples.revision, "source": examples.source, "notes": examples.notes,
        })
    except DataError as error:
        answers.append({"error": str(error)})
restored = not datasets.are_progress_bars_disabled() and not datasets.config.HF_HUB_OFFLINE
levels = [logging.getLogger(name).level for name in ("datasets", "huggingface_hub")]
print(json.dumps([answers, restored and logging.CRITICAL not in levels]))
"""


@dataclass
class Hub:
    environment: dict[str, str]
    server: ThreadingHTTPServer

    def ask(self, *requests: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        """Load each data set in one fresh process, which has to stay silent."""
        answer = subprocess.run(
            [sys.executable, "-W", "error::UserWarning:auditkit", "-c", CHILD],
            input=json.dumps(requests),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=self.environment | environment,
            check=True,
        )
        assert answer.stderr == ""
        answers, restored = json.loads(answer.stdout)
        assert restored or "HF_HUB_OFFLINE" in environment
        return answers


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    home = tmp_path_factory.mktemp("hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "AUDIT"))}
    endpoint = f"http://127.0.0.1:{server.server_port}"
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "NO_PROXY": "127.0.0.1"}
    yield Hub({**kept, **own, "AUDITKIT_CACHE": str(home / "cache")}, server)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def loaded(hub: Hub) -> dict[str, Any]:
    """One split, downloaded: the other tests find it in the cache."""
    [answer] = hub.ask({"path": "org/set", "name": "en", "split": "test"})
    return answer


def test_a_split_is_downloaded_and_its_commit_recorded(loaded: dict[str, Any]) -> None:
    assert loaded["texts"] == ["three", "null"]
    assert loaded["labels"] == ["positive", "negative"]
    assert loaded["revision"] == COMMIT
    assert loaded["source"] == "org/set"


def test_what_has_to_be_chosen_or_is_not_there_is_named(hub: Hub) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "several configurations, and 'name' chooses none. Set 'name' to one of: en, de"),
        ({"name": "enn"}, "no configuration 'enn'. Did you mean 'en'? Known: en, de"),
        ({"name": "en"}, "several splits, and 'split' chooses none. Set 'split' to one of: train,"),
        ({"name": "en", "split": "tset"}, "no split 'tset'. Did you mean 'test'? Known: train"),
        ({"name": "en", "split": "test", "revision": "v9"}, "Revision 'v9' doesn't exist"),
        ({"name": "en", "split": "test", "text": "txt"}, "column 'txt': is not there"),
        ({"path": "org/nothing"}, "org/nothing: the hub has no such data set"),
        ({"path": "org/set", "quoting": "none"}, "'quoting' is for CSV and TSV"),
    ]
    answers = hub.ask(*({"path": "org/set", **request} for request, _ in cases))
    for (_, message), answer in zip(cases, answers, strict=True):
        assert message in answer["error"]


def test_declared_names_and_a_single_split(hub: Hub) -> None:
    [answer] = hub.ask({"path": "org/set", "name": "de", "revision": COMMIT})
    assert answer["texts"] == ["vier", "fünf", "sechs"]
    assert answer["labels"] == ["positive", "negative", "negative"]
    assert answer["notes"] == []


@pytest.mark.parametrize("how", [{}, {"HF_HUB_OFFLINE": "1"}])
def test_offline_uses_the_cache_and_never_the_network(
    hub: Hub, loaded: dict[str, Any], how: dict[str, str]
) -> None:
    before = _Hub.requests
    request = {"path": "org/set", "name": "en", "split": "test", "offline": not how}
    found, main, other, absent = hub.ask(
        request,
        request | {"revision": "main"},
        request | {"revision": "b2" * 20},
        {"path": "org/unknown", "offline": not how},
        **how,
    )
    assert _Hub.requests == before
    assert found == loaded
    assert main["texts"] == loaded["texts"]
    assert f"the local cache has revision {COMMIT}, not 'b2b2" in other["error"]
    assert "not in the local cache, and the network may not be used" in absent["error"]
    assert "Run once without --offline" in absent["error"]


def test_a_hub_out_of_reach(hub: Hub, loaded: dict[str, Any]) -> None:
    found, absent = hub.ask(
        {"path": "org/set", "name": "en", "split": "test"},
        {"path": "org/unknown"},
        HF_ENDPOINT="http://127.0.0.1:9",  # the port of "discard", where nobody listens
    )
    assert found["texts"] == loaded["texts"]
    assert "the hub did not answer for org/set" in found["notes"][0]
    assert "the hub cannot be reached" in absent["error"]
    assert "Check the connection" in absent["error"]
