"""Partitions: region × period; every row in at most one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import Blocks, Period, box, each_cell, the_rest
from motrain_app.design.partitions import Partitions
from motrain_app.design.periods import label_times
from motrain_app.design.regions import label_cells

LAT, LON = (axis.ravel() for axis in np.meshgrid(np.arange(40, 50.0), np.arange(0, 10.0), indexing="ij"))
DAYS = np.arange("2015-01-01", "2017-01-01", dtype="datetime64[D]")

regions = st.sampled_from(
    [
        None,
        [each_cell()],
        [Blocks(3)],
        [box("a", -1, 39, 4.5, 60), box("b", 3, 39, 7.2, 60)],
        [box("a", -1, 39, 4.5, 60), Blocks(3)],
        [the_rest(), box("a", -1, 39, 4.5, 60)],
    ]
)
periods = st.sampled_from(
    [
        None,
        [Period("summer", months=(6, 7, 8))],
        [Period("2015", intervals=[("2015-01-01", "2016-01-01")]), Period("winter", months=(12, 1, 2))],
        [Period(str(month), months=(month,)) for month in range(1, 13)],
    ]
)


@pytest.fixture(scope="session")
def partitions_of(dataset_at):
    dataset = dataset_at(LAT, LON)
    return lambda regions, periods: Partitions(label_cells(regions, dataset), label_times(periods, DAYS))


@settings(deadline=None)
@given(regions, periods)
def test_every_row_is_in_at_most_one_partition_and_sizes_sum(partitions_of, regions, periods):
    made = partitions_of(regions, periods)
    cell, time = np.ogrid[: len(LAT), : len(DAYS)]
    number = made.number(cell, time)
    assert number.shape == (len(LAT), len(DAYS))
    sizes = np.bincount(number[number >= 0], minlength=len(made))
    assert len(sizes) == len(made) == len(made.ids) == len(made.names)
    claimed_cells = (made.cells.label >= 0).sum()
    claimed_times = (made.times.label >= 0).sum()
    assert sizes.sum() == claimed_cells * claimed_times
    assert sizes.min() > 0


@settings(deadline=None)
@given(regions, periods)
def test_names_and_ids_are_unique(partitions_of, regions, periods):
    made = partitions_of(regions, periods)
    assert len(set(made.names)) == len(made)
    assert len(set(made.ids.tolist())) == len(made)


def test_a_partition_is_named_by_its_region_and_by_its_period_where_there_are_several(partitions_of):
    two = [Period("warm", months=(6,)), Period("cold", months=(1,))]
    shapes = [box("a", -1, 39, 4.5, 60), the_rest()]
    assert partitions_of(shapes, two[:1]).names == ("a", "the rest")
    assert partitions_of(shapes, two).names == ("a · warm", "a · cold", "the rest · warm", "the rest · cold")


def test_a_row_has_the_number_of_its_names(partitions_of):
    made = partitions_of([box("a", -1, 39, 4.5, 60), the_rest()], [Period("w", months=(1,)), Period("s", months=(6,))])
    day = int(np.flatnonzero(np.array(["2016-06-05"], "datetime64[D]") == DAYS)[0])
    east = int(np.flatnonzero(LON == 9)[0])
    assert made.names[made.number(np.array([east]), np.array([day]))[0]] == "the rest · s"
    assert made.number(np.array([east]), np.array([100])).tolist() == [-1]


@settings(deadline=None)
@given(regions, periods)
def test_the_number_of_a_row_is_that_of_its_region_and_period(partitions_of, regions, periods):
    made = partitions_of(regions, periods)
    cell, time = np.meshgrid(np.arange(0, len(LAT), 7), np.arange(0, len(DAYS), 29))
    number = made.number(cell, time)
    assert (number >= 0).any()
    for c, t, n in np.stack([cell, time, number], axis=-1)[number >= 0].tolist():
        region, period = made.cells.names[made.cells.label[c]], made.times.names[made.times.label[t]]
        assert made.names[n] == (region if len(made.times) == 1 else f"{region} · {period}")


def test_ids_do_not_depend_on_what_else_there_is(partitions_of):
    warm, cold = Period("warm", months=(6,)), Period("cold", months=(1,))
    a, b = box("a", -1, 39, 4.5, 60), box("b", 4.6, 39, 8, 60)
    few = partitions_of([a], [warm, cold])
    more = partitions_of([b, a, the_rest()], [cold, warm, Period("autumn", months=(10,))])
    ids = dict(zip(more.names, more.ids.tolist(), strict=True))
    assert dict(zip(few.names, few.ids.tolist(), strict=True)).items() <= ids.items()


def test_the_regions_of_partitions(partitions_of):
    made = partitions_of([box("a", -1, 39, 4.5, 60), the_rest()], [Period("w", months=(1,)), Period("s", months=(6,))])
    assert made.regions_of([0, 1]).tolist() == [0]
    assert made.regions_of([3, 0, 2]).tolist() == [0, 1]
