"""Several shards at a time in one worker process: as if each were alone."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from auditkit.errors import CheckError
from auditkit.execution.processes import ProcessExecutor
from auditkit.plugins import load_evaluator
from tests.execution.conftest import (
    PLUGIN,
    DigestEngine,
    alive,
    digests,
    make_examples,
    make_job,
    make_shards,
    pids,
    rows,
    runner,
)

WANDERING = f"{PLUGIN}:Wandering"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Digests and rows of a run in the calling thread, one example after the other."""
    evidence, _ = runner(tmp_path_factory.mktemp("undisturbed"))(0, evaluator=WANDERING)
    return digests(evidence), rows(evidence)


@pytest.fixture
def at_once(monkeypatch):
    """Let the demonstrators walk so many shards at once."""

    def choose(concurrency: int, evaluator: str = WANDERING) -> None:
        monkeypatch.setattr(load_evaluator(evaluator), "concurrency", concurrency)

    return choose


@pytest.mark.parametrize(("concurrency", "workers"), [(1, 2), (4, 1), (4, 4), (16, 1)])
def test_evidence_is_the_same_for_any_number_at_once(
    concurrency, workers, run_check, at_once, undisturbed, facts
):
    """Nor do two of them ever run at the same moment: the collector would raise."""
    at_once(concurrency)
    evidence, _ = run_check(workers, evaluator=WANDERING, facts=str(facts))
    assert digests(evidence) == undisturbed[0]
    assert 1 <= len(pids(facts)) <= workers


def test_rows_depend_on_neither_order_nor_thread(run_check, at_once, undisturbed):
    at_once(5)
    examples = make_examples(30).take(np.arange(30)[::-1])
    evidence, _ = run_check(1, evaluator=WANDERING, examples=examples)
    assert rows(evidence) == undisturbed[1]
    assert all(row["remembered"] == row["example_id"] for row in undisturbed[1])
    assert len({row["trail"] for row in undisturbed[1]}) == 30


def test_a_generator_that_is_imported_in_the_middle_of_others_examples(run_check, at_once):
    """The first to draw from torch imports it, after each of the four has begun an example."""
    at_once(4)
    more = {"evaluator": WANDERING, "examples": make_examples(12), "libraries": ("torch",)}
    evidence, _ = run_check(1, **more)
    assert digests(evidence) == digests(run_check(0, **more)[0])


def test_all_of_them_ask_at_the_same_time(run_check, at_once, undisturbed):
    at_once(5)
    # Nobody is answered before five have asked, and one slot asks one thing at a time.
    five = threading.Barrier(5, timeout=60)
    evidence, _ = run_check(1, evaluator=WANDERING, engine=DigestEngine(five.wait))
    assert digests(evidence) == undisturbed[0]


def test_a_worker_that_is_killed_changes_nothing(run_check, undisturbed, facts):
    # A shard is twelve questions. Up to four are under way at the first kill, and begun again one
    # after the other: at the second one, four others are.
    kills = (20, 90)
    questions = itertools.count(1)
    killed = set()

    def kill() -> None:
        if next(questions) in kills:
            (victim,) = pids(facts) - killed
            killed.add(victim)
            os.kill(victim, signal.SIGKILL)

    engine = DigestEngine(kill)
    evidence, _ = run_check(1, evaluator=WANDERING, engine=engine, facts=str(facts))
    assert digests(evidence) == undisturbed[0]
    assert len(killed) == len(kills)
    # Those that ran in it begin again together, not each in a process of its own.
    assert len(pids(facts)) == len(kills) + 1


def test_only_the_shard_that_kills_its_worker_is_lost(at_once, facts):
    demonstrator = f"{PLUGIN}:Demonstrator"
    at_once(8, demonstrator)
    job = make_job(demonstrator, habits={"e009": "segfault", "e030": "exit"}, facts=str(facts))
    ended = sorted(ProcessExecutor(1).run(job, make_shards(56)), key=lambda one: one.index)
    errors = {one.index: str(one.error) for one in ended if one.error is not None}
    assert errors == {
        1: "a worker running 'demo' died of SIGSEGV, twice on the same shard (examples e007 to "
        "e013)",
        4: "a worker running 'demo' ended with exit code 7, twice on the same shard (examples "
        "e028 to e034)",
    }
    assert [len(one.rows) for one in ended if one.error is None] == [7] * 6
    # One that both ran in, one for each of them by itself, and one for who came after them.
    assert len(pids(facts)) <= 4


def test_a_worker_that_dies_while_it_is_loaded_is_not_started_for_each_slot(run_check, tmp_path):
    plugin = tmp_path / "deadly.py"
    plugin.write_text(
        f"{PLUGIN.read_text()}\n"
        f"if os.getpid() != {os.getpid()}:\n"
        f"    (Path({str(tmp_path)!r}) / f'{{os.getpid()}}.started').touch()\n"
        "    os._exit(3)\n"
    )
    with pytest.raises(CheckError) as refused:
        run_check(1, evaluator=f"{plugin}:Wandering")
    assert str(refused.value) == (
        "a worker running 'demo' ended with exit code 3 while it was loaded, twice"
    )
    assert len(list(tmp_path.glob("*.started"))) == 2


def test_only_the_thread_that_collects_may_ask(run_check, at_once):
    at_once(2, f"{PLUGIN}:Demonstrator")
    with pytest.raises(CheckError, match=r"with concurrency > 1 only the thread that called"):
        run_check(1, habits={"e003": "ask from a thread"}, examples=make_examples(7))


def test_a_slot_that_hangs_is_ended_by_the_timeout(run_check, at_once, facts):
    at_once(4, f"{PLUGIN}:Demonstrator")
    with pytest.raises(CheckError, match=r"'demo' took longer than its timeout of 3 s"):
        run_check(1, timeout=3, habits={"e003": "hang"}, facts=str(facts))
    assert not any(map(alive, pids(facts)))


@pytest.mark.parametrize(("device", "started"), [("cpu", 1), ("cuda:0", 3)])
def test_how_many_processes_suit_the_device(device, started, run_check, monkeypatch, facts):
    """A model on the CPU has the cores; a GPU leaves them to the collector."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    engine = DigestEngine()
    engine.info = replace(engine.info, device=device)
    run_check(None, evaluator=WANDERING, engine=engine, facts=str(facts))
    assert len(pids(facts)) == started
