import numpy as np
import pytest

from auditkit.inference.cache import AnswerCache
from auditkit.inference.inputs import Question

ROW = np.zeros(2, dtype=np.float32)


def exact(text):
    return Question(text, search=False)


def test_the_least_recently_used_answer_goes_first():
    cache = AnswerCache(max_entries=2, max_bytes=1 << 20)
    cache.put(exact("a"), ROW)
    cache.put(exact("b"), ROW)
    cache.get(exact("a"))
    cache.put(exact("c"), ROW)
    assert [cache.get(exact(key)) is not None for key in "abc"] == [True, False, True]


def test_bytes_are_bounded_and_given_back():
    cache = AnswerCache(max_entries=1000, max_bytes=10_000)
    for i in range(100):
        cache.put(exact(f"{i} " + "x" * 500), ROW)
    assert 5_000 < cache.bytes <= 10_000
    kept = len(cache)
    for i in range(kept):
        cache.put(exact(f"{i}"), ROW)
        cache.put(exact(f"{i}"), ROW)
    assert cache.bytes <= 10_000
    assert cache.get(exact("99 " + "x" * 500)) is None or len(cache) > kept


def test_an_answer_larger_than_the_cache_is_not_kept():
    cache = AnswerCache(max_entries=10, max_bytes=1000)
    cache.put(exact("small"), ROW)
    cache.put(exact("x" * 2000), ROW)
    assert cache.get(exact("small")) is not None
    assert len(cache) == 1


def test_no_entries_keeps_nothing():
    cache = AnswerCache(max_entries=0, max_bytes=1000)
    cache.put(exact("a"), ROW)
    assert len(cache) == 0


def test_a_text_and_a_pair_are_different_keys():
    cache = AnswerCache(max_entries=10, max_bytes=10_000)
    cache.put(exact(("a", "b")), ROW)
    assert cache.get(exact("a b")) is None
    assert cache.get(exact(("b", "a"))) is None


def test_what_a_search_asked_is_another_key():
    cache = AnswerCache(max_entries=10, max_bytes=10_000)
    cache.put(Question("a", search=True), ROW)
    assert cache.get(exact("a")) is None
    assert cache.get(Question("a", search=True)) is not None


def test_negative_sizes_are_refused():
    with pytest.raises(ValueError, match="negative"):
        AnswerCache(max_entries=-1, max_bytes=0)
