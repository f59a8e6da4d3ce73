"""Answers on disk: right whatever happens to the files, shared by processes, bounded."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auditkit.inference.disk_cache import DiskCache, answer_facts
from auditkit.inference.engine import BatchingEngine
from tests.inference.test_engine import ScriptedModel, expected

ROOT = Path(__file__).parents[2]
PLENTY = 1 << 30


def numbered(first, count):
    """Distinct texts without words of thirteen letters, which the scripted model refuses."""
    return [f"{'ab ' * (i % 30)}{'c' * (14 + i // 30)}" for i in range(first, first + count)]


TEXTS = numbered(0, 700)


def open_cache(folder, said=None, *, limit=PLENTY, **changes):
    info = replace(ScriptedModel().info, **changes)
    say = (lambda _: None) if said is None else said.append
    return DiskCache(folder, answer_facts(info, {"torch": "2"}), 2, limit=limit, say=say)


def ask(folder, texts=TEXTS, said=None, *, model=None, **options):
    """Ask a new engine; return its answers and counts."""
    model = model or ScriptedModel()
    with BatchingEngine(model, disk=open_cache(folder, said, **options)) as engine:
        return engine.predict(texts), engine.stats


def stores(folder):
    return sorted(folder.glob("*.sqlite"))


def test_a_second_engine_asks_the_model_nothing(tmp_path):
    first, before = ask(tmp_path)
    again, after = ask(tmp_path)
    np.testing.assert_array_equal(first, expected(TEXTS))
    assert again.tobytes() == first.tobytes()
    assert (before.unique, before.disk_hits) == (700, 0)
    assert (after.unique, after.disk_hits, after.cache_hits, after.batches) == (0, 700, 0, 0)


def test_duplicates_and_answers_in_memory_are_not_counted_as_of_the_disk(tmp_path):
    ask(tmp_path, ["a bc", "d"])
    with BatchingEngine(ScriptedModel(), disk=open_cache(tmp_path)) as engine:
        engine.predict(["a bc", "a bc", "new"])
        engine.predict(["d", "a bc", "new"])
        stats = engine.stats
    assert (stats.queries, stats.unique, stats.disk_hits, stats.cache_hits) == (6, 1, 2, 3)


def test_texts_and_pairs_are_told_apart(tmp_path):
    inputs = [("a", "b"), ("b", "a"), "a b", ("a b", ""), ("", "a b"), "\ud800 lone"]
    ask(tmp_path, inputs[:1])
    _, stats = ask(tmp_path, inputs)
    assert (stats.unique, stats.disk_hits) == (5, 1)


def test_what_was_truncated_is_known_of_answers_from_the_disk(tmp_path):
    inputs = ["short", " ".join(["long"] * 50)]
    ask(tmp_path, inputs)
    with BatchingEngine(ScriptedModel(), disk=open_cache(tmp_path)) as engine:
        engine.predict(inputs)
        assert engine.truncated(inputs).tolist() == [False, True]
        assert (engine.stats.unique, engine.stats.truncated) == (0, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "other"},
        {"config_digest": "other"},
        {"tokenizer_digest": "other"},
        {"max_length": 39},
        {"dtype": "bfloat16"},
        {"device": "cuda:0"},
        {"device_name": "other"},
    ],
)
def test_another_model_never_shares_an_answer(tmp_path, other):
    ask(tmp_path, TEXTS[:50])
    _, stats = ask(tmp_path, TEXTS[:50], **other)
    assert stats.disk_hits == 0


def test_shapes_halved_for_want_of_memory_have_answers_of_their_own(tmp_path):
    texts = ["a b c d", "e f g h"]
    model = ScriptedModel(capacity=70)
    with BatchingEngine(model, disk=open_cache(tmp_path)) as engine:
        engine.predict(texts)
        assert engine.stats.halvings == 1
    _, whole = ask(tmp_path, texts)
    assert whole.disk_hits == 0, "made with smaller batches than these"
    again = ScriptedModel(capacity=70)
    with BatchingEngine(again, disk=open_cache(tmp_path)) as engine:
        engine.predict(["w x y z"])
        engine.predict(texts)
        assert engine.stats.disk_hits == 2


def test_answers_of_a_search_are_found_by_searches_alone(tmp_path):
    def count(texts, *, search):
        model = ScriptedModel(search_dtype="bfloat16")
        with BatchingEngine(model, disk=open_cache(tmp_path)) as engine:
            answers = engine.predict(texts, search=search)
            return answers.tobytes(), engine.stats.unique, engine.stats.searched

    searched, *counts = count(TEXTS[:50], search=True)
    assert counts == [50, 50]
    exact, *counts = count(TEXTS[:50], search=False)
    assert counts == [50, 0]
    assert exact == expected(TEXTS[:50]).tobytes() != searched
    assert count(TEXTS[:50], search=True) == (searched, 0, 0)
    assert count(TEXTS[:50], search=False) == (exact, 0, 0)


def test_every_flipped_byte_is_noticed_and_mended(tmp_path):
    """Whatever the damage, answers are right, and after two runs all of them are found again."""
    ask(tmp_path)
    (path,) = stores(tmp_path)
    whole = path.read_bytes()
    rng = random.Random(0)
    # The header and the schema are the first kilobyte, where damage is worst.
    places = [18, 19, 24, 28, *rng.sample(range(100), 8), *rng.sample(range(len(whole)), 28)]
    for place in places:
        for old in stores(tmp_path):
            old.unlink()
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        for _ in range(3):
            answers, stats = ask(tmp_path)
            np.testing.assert_array_equal(answers, expected(TEXTS))
        assert stats.unique == 0, f"byte {place} was not mended"


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_database_is_begun_anew(tmp_path, content):
    ask(tmp_path)
    (path,) = stores(tmp_path)
    path.write_bytes(content)
    said = []
    answers, _ = ask(tmp_path, said=said)
    np.testing.assert_array_equal(answers, expected(TEXTS))
    assert ask(tmp_path)[1].unique == 0
    assert len(said) == (1 if content else 0)
    assert all("damaged and is begun anew" in one for one in said)


def test_a_torn_file_is_begun_anew(tmp_path):
    ask(tmp_path)
    (path,) = stores(tmp_path)
    path.write_bytes(path.read_bytes()[:-5000])
    answers, _ = ask(tmp_path)
    np.testing.assert_array_equal(answers, expected(TEXTS))
    assert ask(tmp_path)[1].unique == 0


def test_a_row_moved_to_another_input_is_no_answer(tmp_path):
    ask(tmp_path, ["a", "bb cc"])
    (path,) = stores(tmp_path)
    with sqlite3.connect(path) as connection:
        (one, first), (two, second) = connection.execute("SELECT input, answer FROM answers")
        connection.execute("UPDATE answers SET answer = ? WHERE input = ?", (second, one))
        connection.execute("UPDATE answers SET answer = ? WHERE input = ?", (first, two))
    connection.close()
    answers, stats = ask(tmp_path, ["a", "bb cc"])
    np.testing.assert_array_equal(answers, expected(["a", "bb cc"]))
    assert stats.disk_hits == 0


def test_the_folder_stays_below_its_limit_and_the_newest_answers_stay(tmp_path):
    limit = 100_000
    for start in range(0, 6000, 1000):
        texts = numbered(start, 1000)
        ask(tmp_path, texts, limit=limit)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit
    assert ask(tmp_path, texts[-500:], limit=limit)[1].disk_hits > 400


def test_the_model_used_least_recently_goes_first(tmp_path):
    for digest in ("old", "used", "new"):
        ask(tmp_path, digest=digest)
    for age, path in enumerate(stores(tmp_path)):
        os.utime(path, (age, age))
    ask(tmp_path, digest="used")
    size = sum(path.stat().st_size for path in stores(tmp_path))
    ask(tmp_path, TEXTS[:600], digest="newest", limit=size)
    assert ask(tmp_path, digest="used")[1].unique == 0
    assert len(stores(tmp_path)) == 3


def test_a_deleted_file_does_not_disturb_who_has_it_open(tmp_path):
    with BatchingEngine(ScriptedModel(), cache_entries=0, disk=open_cache(tmp_path)) as engine:
        engine.predict(TEXTS)
        for path in stores(tmp_path):
            path.unlink()
        np.testing.assert_array_equal(engine.predict(TEXTS), expected(TEXTS))
    np.testing.assert_array_equal(ask(tmp_path)[0], expected(TEXTS))


def test_only_the_owner_may_read_it_and_no_text_is_in_it(tmp_path):
    folder = tmp_path / "answers"
    ask(folder, ["a confidential remark"])
    (path,) = stores(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0
    assert b"confidential" not in path.read_bytes()


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = []
    answers, stats = ask(tmp_path / "file" / "answers", said=said)
    np.testing.assert_array_equal(answers, expected(TEXTS))
    assert stats.unique == 700
    assert len(said) == 1
    assert "cannot be used: Not a directory" in said[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_read(tmp_path):
    ask(tmp_path, TEXTS[:100])
    (path,) = stores(tmp_path)
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    said = []
    try:
        answers, stats = ask(tmp_path, said=said)
    finally:
        tmp_path.chmod(0o700)
    np.testing.assert_array_equal(answers, expected(TEXTS))
    assert stats.disk_hits == 100
    assert len(said) == 1
    assert "cannot be written any more" in said[0]


WRITER = """
import sys
from pathlib import Path
from tests.inference.test_disk_cache import ScriptedModel, numbered, open_cache
from auditkit.inference.engine import BatchingEngine
first, count = int(sys.argv[2]), int(sys.argv[3])
with BatchingEngine(ScriptedModel(), disk=open_cache(Path(sys.argv[1]))) as engine:
    for start in range(first, first + count, 500):
        engine.predict(numbered(start, 500))
        print("asked", flush=True)
    print(engine.stats.disk_hits)
"""


def start_writer(folder, first, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first), str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_share_a_folder(tmp_path):
    writers = [start_writer(tmp_path, first, 3000) for first in (0, 1500)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    answers, stats = ask(tmp_path, numbered(0, 4500))
    np.testing.assert_array_equal(answers, expected(numbered(0, 4500)))
    # They may have begun with a file each; the answers of one are then found.
    assert stats.disk_hits >= 3000


def test_a_process_killed_while_it_writes_leaves_right_answers(tmp_path):
    for rounds in range(1, 4):
        writer = start_writer(tmp_path, 0, 200_000)
        for _ in range(5 * rounds):
            assert writer.stdout.readline() == "asked\n"
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=60)
        answers, stats = ask(tmp_path, numbered(0, 2000))
        np.testing.assert_array_equal(answers, expected(numbered(0, 2000)))
    assert stats.unique == 0
