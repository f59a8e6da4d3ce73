"""What is refused, and with which message."""

import http.server
import json
import subprocess
import sys
import threading

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from auditkit.errors import ModelError, UsageError
from auditkit.models.loading import load_model, parse_source
from tests.models.tiny import VOCABULARY, save

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def edit(path, **changes):
    content = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    path.write_text(json.dumps(content))


def edit_weights(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def cut_head(folder):
    edit_weights(folder, lambda t: [t.pop("classifier.weight"), t.pop("classifier.bias")])


def other_shape(folder):
    def change(tensors):
        tensors["classifier.weight"] = torch.zeros(5, 64)
        tensors["classifier.bias"] = torch.zeros(5)

    edit_weights(folder, change)


def plant(value):
    def change(folder):
        edit_weights(folder, lambda t: t["classifier.bias"].__setitem__(1, value))

    return change


def to_pickle(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def without_tokenizer(folder):
    for path in folder.glob("*token*"):
        path.unlink()


def break_json(name):
    def change(folder):
        (folder / name).write_text('{\n "a": 1,\n oops\n}')

    return change


def enlarge_vocabulary(folder):
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["onemore"] = len(VOCABULARY)
    path.write_text(json.dumps(content))


def index_of_missing_shards(folder):
    (folder / "model.safetensors").unlink()
    weight_map = {"classifier.bias": "model-00001-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def with_own_code(folder):
    auto_map = {"AutoConfig": "own.OwnConfig", "AutoModelForSequenceClassification": "own.Own"}
    edit(folder / "config.json", model_type="own", auto_map=auto_map)


REFUSED = {
    "no config": (
        lambda f: (f / "config.json").unlink(), ["has no config.json", "save_pretrained"],
    ),
    "broken config": (break_json("config.json"), ["config.json:3: not valid JSON"]),
    "config of unknown type": (
        lambda f: edit(f / "config.json", model_type="nothing_known"),
        ["config.json", "nothing_known"],
    ),
    "no tokenizer": (without_tokenizer, ["no tokenizer", "tokenizer.save_pretrained()"]),
    "broken tokenizer": (break_json("tokenizer.json"), ["tokenizer.json:3: not valid JSON"]),
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(), ["no weights (model.safetensors)"],
    ),
    "cut weights": (cut_weights, ["model.safetensors", "damaged or cut short", "again"]),
    "missing shard": (
        index_of_missing_shards, ["index.json", "model-00001-of-00002.safetensors", "missing"],
    ),
    "no head": (
        cut_head,
        ["lacks weights of BertForSequenceClassification", "classifier.bias, classifier.weight",
         "fine-tuned for sequence classification"],
    ),
    "other shape": (other_shape, ["other shapes", "classifier.bias", "classifier.weight"]),
    "one label": (
        lambda f: edit(f / "config.json", id2label={"0": "score"}, label2id={"score": 0}),
        ["regression", "two or more labels"],
    ),
    "regression of several": (
        lambda f: edit(f / "config.json", problem_type="regression"), ["regression"],
    ),
    "twins": (
        lambda f: edit(f / "config.json", id2label={"0": "a", "1": "b", "2": "a"}),
        ["same label"],
    ),
    "NaN": (plant(float("nan")), ["not finite", "classifier.bias", "float32"]),
    "infinity": (plant(float("inf")), ["not finite", "classifier.bias"]),
    "large vocabulary": (
        enlarge_vocabulary, [f"token {len(VOCABULARY)}", f"only {len(VOCABULARY)} rows"],
    ),
    "pickle": (to_pickle, ["pytorch_model.bin", "--allow-pickle"]),
    "own code": (with_own_code, ["Python code of its own", "--trust-remote-code"]),
}  # fmt: skip


@pytest.mark.parametrize("defect", REFUSED)
def test_a_defect_of_the_checkpoint_is_named(tmp_path, defect):
    plant_defect, words = REFUSED[defect]
    folder = save(tmp_path / "checkpoint")
    load_model(str(folder), device="cpu")
    plant_defect(folder)
    with pytest.raises(ModelError) as caught:
        load_model(str(folder), device="cpu")
    message = str(caught.value)
    assert str(folder) in message
    for word in words:
        assert word in message
    assert "\n" not in message


def test_a_pickle_may_not_run_code_even_when_allowed(tmp_path):
    folder = save(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"a": threading.Thread}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights cannot be read"):
        load_model(str(folder), device="cpu", allow_pickle=True)


@pytest.mark.parametrize(
    ("source", "folder", "hub_id", "revision"),
    [
        ("org/name", None, "org/name", None),
        ("name", None, "name", None),
        ("org/name@main", None, "org/name", "main"),
        ("org/name@refs/pr/3", None, "org/name", "refs/pr/3"),
        ("made", "made", None, None),
        ("org/here", "org/here", None, None),
        ("with@sign", "with@sign", None, None),
    ],
)
def test_sources_are_folders_or_hub_ids(tmp_path, monkeypatch, source, folder, hub_id, revision):
    monkeypatch.chdir(tmp_path)
    for name in ("made", "org/here", "with@sign"):
        (tmp_path / name).mkdir(parents=True)
    found = parse_source(source)
    assert (found.hub_id, found.revision) == (hub_id, revision)
    assert (None if found.folder is None else str(found.folder)) == folder


@pytest.mark.parametrize("source", ["./gone", "../gone", "~/gone-xyz", "/gone/x", "a/b/c", "."])
def test_a_missing_folder_is_never_asked_of_the_hub(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", pytest.fail)
    with pytest.raises(ModelError, match=r"no such model folder|has no config\.json"):
        load_model(source)


@pytest.mark.parametrize("source", ["", "a b", "org/name@", "org/", "@main"])
def test_what_is_neither_folder_nor_hub_id(source):
    with pytest.raises(ModelError, match="neither a folder nor a hub id"):
        parse_source(source)


def test_a_file_is_no_model(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="is a file, not a model folder"):
        parse_source(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "tpu"}, ["unknown device 'tpu'", "cuda:N"]),
        ({"device": "cuda:x"}, ["unknown device"]),
        ({"device": "cuda:99"}, ["'cuda:99' is not there", "--device"]),
        ({"dtype": "float8"}, ["unknown dtype 'float8'", "bfloat16"]),
        ({"device": "cpu", "dtype": "float16"}, ["float16", "CPU", "--dtype"]),
        ({"device": "cpu", "threads": 0}, ["threads must be at least 1"]),
    ],
)
def test_flags_that_do_not_fit(tmp_path, options, words):
    with pytest.raises(UsageError) as caught:
        load_model(str(tmp_path), **options)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("wished", "streams", "each"), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1), (9, 4, 2)]
)
def test_threads_are_set_where_the_model_runs_and_nowhere_else(
    tmp_path, monkeypatch, wished, streams, each
):
    monkeypatch.setenv("OMP_NUM_THREADS", str(wished))
    before = torch.get_num_threads()
    model = load_model(str(save(tmp_path)), device="cpu")
    assert (model.info.threads, model.info.streams) == (wished, streams)
    assert torch.get_num_threads() == before
    seen = []

    def run():
        for alone in (False, True):
            model.forward(model.encode(["a"]), 8, alone=alone)
            seen.append(torch.get_num_threads())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [each, wished]
    assert torch.get_num_threads() == before


def test_loading_says_nothing_on_the_terminal(tmp_path):
    # In a process of its own: the libraries write to the streams they found at import.
    folder = save(tmp_path)
    edit(folder / "config.json", unknown_setting=3)
    edit_weights(folder, lambda t: t.__setitem__("left.over", torch.zeros(2)))
    code = (
        "import sys; from auditkit.models.loading import load_model; "
        "m = load_model(sys.argv[1], device='cpu'); m.forward(m.encode(['a'] * 3), 8)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


class TestHub:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path, monkeypatch):
        path = tmp_path / "cache"
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(path))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        return path

    @pytest.fixture
    def cached(self, cache):
        """What a download of org/name leaves in the cache."""
        base = cache / "models--org--name"
        save(base / "snapshots" / COMMIT)
        (base / "refs").mkdir()
        (base / "refs" / "main").write_text(COMMIT)
        return "org/name"

    @pytest.fixture
    def hub(self, monkeypatch):
        """A hub on this machine that answers each request alike."""

        class Handler(http.server.BaseHTTPRequestHandler):
            status, code = 404, "RepoNotFound"

            def do_GET(self):
                self.send_response(type(self).status)
                self.send_header("X-Error-Code", type(self).code)
                self.send_header("X-Error-Message", "no")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            monkeypatch.setattr(
                "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}"
            )
            yield Handler
            server.shutdown()
            thread.join()

    def test_offline_uses_the_cache_and_knows_the_commit(self, cached):
        info = load_model(cached, device="cpu", offline=True).info
        assert (info.source, info.revision) == ("org/name", COMMIT)
        by_commit = load_model(f"{cached}@{COMMIT}", device="cpu", offline=True).info
        assert by_commit.digest == info.digest

    def test_offline_without_a_cached_copy(self):
        with pytest.raises(ModelError, match=r"not in the local cache.*switched off.*Download it"):
            load_model("org/other", offline=True)

    def test_the_variable_for_offline_work_is_heeded(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ModelError, match="switched off"):
            load_model("org/other")

    def test_a_revision_that_is_not_cached(self, cached):
        with pytest.raises(ModelError, match=r"'org/name@v2' is not in the local cache"):
            load_model(f"{cached}@v2", offline=True)

    def test_a_hub_out_of_reach(self, monkeypatch):
        # Nothing listens on the port that was just given back.
        with http.server.HTTPServer(("127.0.0.1", 0), None) as server:
            port = server.server_port
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
        with pytest.raises(ModelError, match=r"hub cannot be reached.*Check the connection"):
            load_model("org/other")

    @pytest.mark.parametrize(
        ("status", "code", "words"),
        [
            (404, "RepoNotFound", "no model 'org/other', or it is private"),
            (401, "RepoNotFound", "no model 'org/other', or it is private"),
            (403, "GatedRepo", "access to 'org/other@v2' is gated"),
            (404, "RevisionNotFound", "has no revision 'v2'"),
        ],
    )
    def test_what_the_hub_refuses(self, hub, status, code, words):
        hub.status, hub.code = status, code
        with pytest.raises(ModelError, match=words):
            load_model("org/other@v2")
