"""What a design means for a dataset: labels, folds, and every reason why it cannot be."""

import time as clock

import numpy as np
import pytest
import xarray as xr

from motrain_app.data import open_dataset
from motrain_app.design import Blocks, Design, DesignError, LeaveYearsOut, Period, Region, Split, box, polygon, the_rest

YEARS = np.arange("2010-01-01", "2016-01-01", dtype="datetime64[D]")[::5]
LAT, LON = [40.0, 45.0, 50.0], [5.0, 6.0, 7.0]


def small(**changes):
    return Design(**{"data": "cells.nc", "inputs": ["TG1"], "outputs": ["sig"], **changes})


@pytest.fixture(scope="module")
def dataset(dataset_at):
    return dataset_at(LAT, LON, time=YEARS, variables=("TG1", "WG1", "sig", "flag"))


def reasons_of(design, dataset):
    with pytest.raises(DesignError) as refused:
        design.layout(dataset)
    return refused.value.reasons


def test_a_layout_holds_partitions_and_folds(dataset):
    design = small(
        regions=[box("south", 0, 30, 9, 47), the_rest()],
        periods=[Period("winter", months=(12, 1, 2)), Period("summer", months=(6, 7, 8))],
        test="2015-01-01",
        jackknife=LeaveYearsOut(embargo=10),
    )
    layout = design.layout(dataset)
    assert layout.partitions.names == (
        "south · winter",
        "south · summer",
        "the rest · winter",
        "the rest · summer",
    )
    assert layout.cells is layout.partitions.cells
    assert layout.cells.label.tolist() == [0, 0, 1]
    assert layout.folds.names == ("2010", "2011", "2012", "2013", "2014")


def test_a_layout_reads_no_row(dataset):
    def refuse(*_):
        raise AssertionError("a value was read")

    import dask.array as da

    lazy = da.from_delayed(__import__("dask").delayed(refuse)(), dataset["TG1"].shape, np.float32)
    unread = xr.Dataset(dict.fromkeys(("TG1", "sig"), (("space", "time"), lazy)), coords=dataset.coords)
    assert len(small(regions="cells").layout(unread).partitions) == 3


def test_absent_variables_are_told_with_the_nearest_name(dataset):
    design = small(inputs=["tg1", "TG_1", "snow"], outputs=["sig"], filters=["flags & 4", "lat > 40"])
    assert reasons_of(design, dataset) == (
        "The dataset has no variable 'tg1'. Did you mean 'TG1'?",
        "The dataset has no variable 'TG_1'. Did you mean 'TG1'?",
        "The dataset has no variable 'snow'. Known: TG1, WG1, sig, flag.",
        "The dataset has no variable 'flags'. Did you mean 'flag'?",
    )


def test_a_reference_is_a_variable_in_the_unit_of_its_output(dataset):
    data = dataset.assign(
        decibel=dataset["sig"].assign_attrs(units="dB"), linear=dataset["sig"].assign_attrs(units="1")
    )
    data["sig"] = data["sig"].assign_attrs(units="dB ")
    for name in ("decibel", "TG1", "WG1"):  # an input may be one; what has no unit is taken to be in the output's
        assert len(small(references=name).layout(data).partitions) == 1
    (told,) = reasons_of(small(references="linear"), data)
    assert "'linear' has the unit '1', and its output 'sig' has 'dB'" in told
    assert reasons_of(small(references="Decibel"), data) == (
        "The dataset has no variable 'Decibel'. Did you mean 'decibel'?",
    )
    (told,) = reasons_of(small(references="name"), data.assign(name=("space", ["a", "b", "c"])))
    assert "'name' holds no numbers" in told


def test_a_variable_that_is_no_number_is_told(dataset):
    odd = dataset.assign(
        name=("space", ["a", "b", "c"]),
        when=(("space", "time"), np.full((3, len(YEARS)), np.datetime64("2010-01-01", "ns"))),
    )
    first, second = reasons_of(small(inputs=["name", "when"]), odd)
    assert "'name' holds no numbers" in first
    assert "'when' holds no numbers" in second


def test_all_reasons_are_told_together(dataset_at):
    one_year = dataset_at(LAT, LON, time=YEARS[:70], variables=("TG1",))
    design = small(
        regions=[box("sea", 100, 0, 110, 10), box("land", 0, 30, 9, 60), polygon("in", [(5, 44), (7, 44), (6, 46)])],
        periods=[Period("later", intervals=[("2050-01-01", "2051-01-01")]), Period("summer", months=(7,))],
        jackknife="year",
    )
    reasons = reasons_of(design, one_year)
    told = "\n".join(reasons)
    for words in (
        "no variable 'sig'",
        "'sea' contains no cell",
        "Every cell of the region 'in'",
        "'later' contains no time",
        "only 1 fold (2010)",
    ):
        assert words in told
    assert len(reasons) == 5


def test_partitions_that_would_share_a_name_are_refused(dataset):
    shape = box("x", 0, 30, 9, 47).geometry
    design = small(
        regions=[Region("a · b", "box", shape), the_rest("a")],
        periods=[Period("c", months=(1, 2, 3)), Period("b · c", months=(7, 8, 9))],
    )
    assert reasons_of(design, dataset) == ("Two partitions are named 'a · b · c'. Rename a region or a period.",)


def test_two_designs_that_differ_in_a_region_share_the_ids_of_the_others(dataset):
    south, north = box("south", 0, 30, 9, 42), box("north", 0, 48, 9, 60)
    few, more = (
        small(regions=regions).layout(dataset).partitions
        for regions in ([south, the_rest()], [north, south, the_rest()])
    )
    ids = dict(zip(more.names, more.ids.tolist(), strict=True))
    assert dict(zip(few.names, few.ids.tolist(), strict=True)).items() <= ids.items()


def test_real_cells_have_a_partition_each(shared_data):
    dataset = open_dataset(shared_data / "ascat_isba_5cells.nc")
    layout = small(regions="cells", test=Split("2017-01-01")).layout(dataset)
    assert layout.partitions.names == tuple(f"cell-{number}" for number in range(5))
    assert layout.folds.names == tuple(str(year) for year in range(2007, 2017))


@pytest.mark.parametrize("regions", ["cells", [Blocks(2)]], ids=["cells", "blocks"])
def test_speed_of_a_layout_of_100_000_cells_and_3_000_times(dataset_at, regions, record_property):
    random = np.random.default_rng(0)
    times = np.arange("2010-01-01", "2018-03-20", dtype="datetime64[D]")[:3000]
    dataset = dataset_at(
        random.uniform(-60, 80, 100_000), random.uniform(-180, 180, 100_000), time=times, variables=("TG1", "sig")
    )
    design = small(regions=regions, test=Split("2017-01-01", 30), jackknife=LeaveYearsOut(embargo=30))
    begin = clock.perf_counter()
    layout = design.layout(dataset)
    assert len(layout.partitions.ids) == len(layout.partitions.names) > 10_000
    seconds = clock.perf_counter() - begin
    record_property("seconds", seconds)
    print(f"layout of {len(layout.partitions):,} partitions: {1000 * seconds:.0f} ms")
