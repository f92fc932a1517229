"""Dask chunks are whole stored chunks, of a size that memory can hold, whatever a header declares."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.data.chunking import LARGEST_BYTES, MOST_CHUNKS, SMALL_BYTES, TARGET_BYTES, plan_chunks

SIZES = st.fixed_dictionaries({dim: st.integers(1, 3000) for dim in ("time", "y", "x")})


@given(sizes=SIZES, stored=SIZES, whole=st.sampled_from([None, "x"]), item=st.sampled_from([1, 4, 8]))
@settings(max_examples=300, deadline=None)
def test_chunks_are_multiples_of_stored_ones_unless_these_are_read_repeatedly(
    sizes: dict[str, int], stored: dict[str, int], whole: str | None, item: int
) -> None:
    plan = plan_chunks(sizes, stored=stored, item_bytes=item, whole=whole)
    bytes_of = item * math.prod(plan.chunks.values())
    assert all(1 <= plan.chunks[dim] <= sizes[dim] for dim in sizes)
    if whole:
        assert plan.chunks[whole] == sizes[whole]
    if plan.repeated_reads == 1:
        for dim, length in plan.chunks.items():
            assert length == sizes[dim] or length % min(stored[dim], sizes[dim]) == 0 or bytes_of > SMALL_BYTES
    assert bytes_of <= max(LARGEST_BYTES, item * sizes["x"])


@given(sizes=SIZES, item=st.sampled_from([1, 4, 8]))
@settings(max_examples=100, deadline=None)
def test_what_is_stored_in_one_piece_is_cut_along_its_first_dimensions(sizes: dict[str, int], item: int) -> None:
    chunks = plan_chunks({dim: sizes[dim] for dim in ("time", "y", "x")}, stored={}, item_bytes=item).chunks
    assert item * math.prod(chunks.values()) <= TARGET_BYTES
    if chunks["y"] > 1:
        assert chunks["x"] == sizes["x"]
    if chunks["time"] > 1:
        assert chunks["y"] == sizes["y"]


def test_good_chunks_stay_as_they_are() -> None:
    plan = plan_chunks({"space": 10**6, "time": 1000}, stored={"space": 10_000, "time": 100}, item_bytes=4)
    assert plan.chunks == {"space": 10_000, "time": 100}


def test_series_in_small_tiles_of_a_large_grid_are_known_to_be_read_repeatedly() -> None:
    sizes, tiles = {"time": 16_000, "lat": 720, "lon": 1440}, {"time": 16_000, "lat": 10, "lon": 10}
    plan = plan_chunks(sizes, stored=tiles, item_bytes=4, whole="lon")
    assert plan.repeated_reads > 1
    assert 4 * math.prod(plan.chunks.values()) <= LARGEST_BYTES


def test_a_declared_size_of_800_terabytes_makes_no_endless_list_of_chunks() -> None:
    sizes = {"space": 10**8, "time": 10**6}
    plan = plan_chunks(sizes, stored={"space": 1000, "time": 1}, item_bytes=8)
    assert math.prod(-(-sizes[dim] // plan.chunks[dim]) for dim in sizes) <= MOST_CHUNKS
