import pytest

from auditkit.inference.packing import CPU, CUDA, Packing, packing_for

LENGTHS = [5, 16, 17, 64, 100, 512, 514, 5000]


@pytest.mark.parametrize("table", [CPU, CUDA], ids=lambda t: t.name)
@pytest.mark.parametrize("max_length", LENGTHS)
def test_a_bucket_never_holds_both_full_and_padded_rows(table, max_length):
    packing = Packing(table, max_length)
    buckets = {}
    for length in range(1, max_length + 1):
        bucket = packing.bucket(length)
        assert length <= bucket.width <= max_length
        buckets.setdefault(bucket, []).append(length)
    for bucket, lengths in buckets.items():
        full = {length == bucket.width for length in [*lengths, bucket.filler_length]}
        assert len(full) == 1
        assert bucket.filler_length >= 1
        assert packing.rows(bucket) >= 1


@pytest.mark.parametrize("table", [CPU, CUDA], ids=lambda t: t.name)
def test_longer_inputs_have_no_narrower_bucket_and_little_padding(table):
    packing = Packing(table, 512)
    widths = [packing.bucket(length).width for length in range(1, 512)]
    assert widths == sorted(widths)
    for length in range(64, 512):
        assert packing.bucket(length).width - length <= max(16, length / 4)


@pytest.mark.parametrize("length", [0, 65])
def test_lengths_that_no_input_has_are_refused(length):
    with pytest.raises(ValueError, match=f"1 to 64 tokens, not {length}"):
        Packing(CPU, 64).bucket(length)


def test_halving_reaches_one_row_and_shows_in_the_name():
    packing = Packing(CPU, 64)
    bucket = packing.bucket(10)
    rows, names = [packing.rows(bucket)], {packing.name}
    for _ in range(6):
        packing.halve()
        rows.append(packing.rows(bucket))
        names.add(packing.name)
    assert rows == [24, 12, 8, 4, 2, 1, 1]
    assert len(names) == 7


@pytest.mark.parametrize("table", [CPU, CUDA], ids=lambda t: t.name)
def test_rows_are_those_whose_place_changes_no_bit(table):
    packing = Packing(table, 5000)
    for _ in range(10):
        for length in range(1, 5001, 7):
            rows = packing.rows(packing.bucket(length))
            assert rows in {1, 2} or rows % 4 == 0
            assert rows <= table.most_rows
        packing.halve()


def test_searches_have_wider_steps_on_a_cpu():
    packing = Packing(CPU, 512)
    for length in range(1, 513):
        usual, search = packing.bucket(length), packing.bucket(length, search=True)
        assert usual.width <= search.width
        assert search.exact == (length == search.width)
        assert search.filler_length >= 1
    assert packing.bucket(20) == packing.bucket(23) != packing.bucket(19)
    assert packing.bucket(19, search=True) == packing.bucket(20, search=True)
    cuda = Packing(CUDA, 512)
    assert all(cuda.bucket(n) == cuda.bucket(n, search=True) for n in range(1, 513))


def test_loose_batches_have_the_same_buckets_and_more_rows():
    packing = Packing(CPU, 5000)
    for length in (3, 10, 30, 120, 5000):
        bucket = packing.bucket(length)
        rows, loose = packing.rows(bucket), packing.rows(bucket, loose=True)
        assert rows < loose or bucket.width > 2 * CPU.tokens
        assert loose * bucket.width <= 2 * CPU.tokens + 2 * bucket.width
        assert loose <= 2 * CPU.most_rows


def test_the_device_decides_the_table():
    assert packing_for("cpu", 64).table is CPU
    assert packing_for("cuda:1", 64).table is CUDA
