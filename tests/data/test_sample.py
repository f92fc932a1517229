import time

import numpy as np
import pytest
import shapely
import xarray as xr

from motrain_app.data import sample as sample_module
from motrain_app.data.sample import OUTPUTS, REGIMES, STATES, make_sample, sample_regions, write_sample
from motrain_app.data.sample_geography import geography, land_grid

ON_SPACE_TIME = [*STATES, *OUTPUTS, "truth_backscatter", "truth_slope"]


@pytest.fixture(scope="module")
def small() -> xr.Dataset:
    return make_sample(cells=120, years=3)


@pytest.fixture(scope="module")
def default() -> xr.Dataset:
    started = time.perf_counter()
    dataset = make_sample()
    print(f"make_sample(): {time.perf_counter() - started:.1f} s for 400 cells × 8 years (wanted: under 10 s)")
    return dataset


def labels_of(regions: dict, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Name of the region of each cell: the first polygon that holds it, else the rest."""
    names = np.full(lat.size, "", dtype=object)
    for feature in regions["features"]:
        inside = (
            np.ones(lat.size, dtype=bool)
            if feature["geometry"] is None
            else shapely.contains_xy(shapely.geometry.shape(feature["geometry"]), lon, lat)
        )
        names[inside & (names == "")] = feature["properties"]["name"]
    return names


def test_it_has_the_canonical_form(default: xr.Dataset) -> None:
    assert default.sizes["space"] == 400
    assert set(default.coords) == {"lat", "lon", "time"}
    assert default.lat.dims == default.lon.dims == ("space",)
    assert default.time.dtype == "datetime64[ns]"
    assert (np.diff(default.time.values) > np.timedelta64(0)).all()
    assert all(default[name].dims == ("space", "time") and default[name].dtype == np.float32 for name in ON_SPACE_TIME)
    assert default.altitude.dims == default.truth_regime.dims == ("space",)
    assert default.ascending.dims == ("time",)


def test_every_variable_tells_what_it_is(default: xr.Dataset) -> None:
    units = {name: default[name].attrs["units"] for name in [*STATES, *OUTPUTS, "altitude"]}
    assert units == {
        "TG1": "K",
        "TG2": "K",
        "WG1": "m3 m-3",
        "WG2": "m3 m-3",
        "LAI": "m2 m-2",
        "WR": "kg m-2",
        "backscatter": "dB",
        "slope": "dB/deg",
        "altitude": "m",
    }
    assert all(default[name].attrs["long_name"] for name in default.data_vars)
    assert default.truth_regime.attrs["flag_values"] == [0, 1, 2]
    assert default.truth_regime.attrs["flag_meanings"].split() == list(REGIMES)


def test_it_covers_whole_calendar_years(default: xr.Dataset) -> None:
    years, counts = np.unique(default.time.dt.year, return_counts=True)
    np.testing.assert_array_equal(years, np.arange(2010, 2018))
    assert counts.min() > 0.8 * counts.max()


def test_values_are_those_of_western_europe(default: xr.Dataset) -> None:
    ranges = {
        "TG1": (255, 320),
        "TG2": (262, 310),
        "WG1": (0.02, 0.50),
        "WG2": (0.05, 0.45),
        "LAI": (0.1, 9.0),
        "WR": (0.0, 2.0),
        "backscatter": (-23, -3),
        "slope": (-0.19, -0.04),
        "altitude": (0, 3000),
    }
    for name, (low, high) in ranges.items():
        assert low <= float(default[name].min()), name
        assert float(default[name].max()) <= high, name
    july = default.TG1.sel(time=default.time.dt.month == 7).mean()
    january = default.TG1.sel(time=default.time.dt.month == 1).mean()
    assert 10 < float(july - january) < 25
    assert float(np.corrcoef(default.altitude, default.TG1.mean("time"))[0, 1]) < -0.3


def test_states_resemble_those_of_the_neighbours(default: xr.Dataset) -> None:
    middle = int(np.argmin((default.lat.values - 47) ** 2 + (default.lon.values - 2) ** 2))
    distance = np.hypot(default.lat - default.lat[middle], 0.7 * (default.lon - default.lon[middle])).values
    near, far = int(np.argsort(distance)[1]), int(np.argmax(distance))
    for name in ("TG1", "WG1", "WG2", "LAI"):
        anomaly = default[name].groupby("time.month") - default[name].groupby("time.month").mean()
        close = xr.corr(anomaly[middle], anomaly[near])
        assert float(close) > 0.7, name
        assert float(close) > float(xr.corr(anomaly[middle], anomaly[far])) + 0.3, name


def test_passes_are_irregular_and_seen_by_a_part_of_the_cells(default: xr.Dataset) -> None:
    seen = np.isfinite(default.TG1.values)
    observed = np.isfinite(default.backscatter.values) | np.isfinite(default.slope.values)
    assert not (observed & ~seen).any()
    days_between = 8 * 365.25 / observed.sum(axis=1)
    assert 1.0 < days_between.mean() < 2.0
    assert days_between.max() < 3.0
    assert observed.size < 3 * observed.sum()
    solar = (default.time.dt.hour + default.time.dt.minute / 60).values[None, :] + default.lon.values[:, None] / 15
    evening = default.ascending.values.astype(bool)
    assert np.abs(solar[:, ~evening] - 9.5)[seen[:, ~evening]].max() < 1.2
    assert np.abs(solar[:, evening] - 21.5)[seen[:, evening]].max() < 1.2
    gaps = np.diff(default.time.values[seen[0]]) / np.timedelta64(1, "D")
    assert np.unique(np.round(gaps, 1)).size > 10


def test_the_two_outputs_have_gaps_of_their_own(default: xr.Dataset) -> None:
    seen = np.isfinite(default.TG1.values)
    missing = {name: ~np.isfinite(default[name].values) & seen for name in OUTPUTS}
    share = {name: mask.sum() / seen.sum() for name, mask in missing.items()}
    assert 0.02 < share["backscatter"] < share["slope"] < 0.2
    together = (missing["backscatter"] & missing["slope"]).sum() / seen.sum()
    np.testing.assert_allclose(together, share["backscatter"] * share["slope"], rtol=0.3)
    # Gaps come in stretches too: being missing makes it likelier that the next pass is missing.
    both_missing = missing["slope"][:, :-1] & missing["slope"][:, 1:]
    assert both_missing.sum() > 2 * share["slope"] ** 2 * (seen[:, :-1] & seen[:, 1:]).sum()
    assert np.isfinite(default.truth_slope.values[missing["slope"]]).all()


@pytest.mark.parametrize("cells", [100, 400, 3000])
def test_the_regions_follow_the_true_regimes(cells: int) -> None:
    place = geography(cells)
    names = labels_of(sample_regions(), place.lat, place.lon)
    np.testing.assert_array_equal(names, np.array(REGIMES, dtype=object)[place.regime])
    assert np.bincount(place.regime, minlength=3).min() > 0.08 * cells


def test_the_regions_are_two_simple_polygons_and_the_rest() -> None:
    features = {feature["id"]: feature for feature in sample_regions()["features"]}
    assert list(features) == ["mountain", "forest", "cropland"]
    assert features["cropland"]["geometry"] is None
    assert features["cropland"]["properties"] == {"name": "cropland", "kind": "rest"}
    for name in ("mountain", "forest"):
        polygon = shapely.geometry.shape(features[name]["geometry"])
        assert polygon.is_valid
        assert len(polygon.exterior.coords) - 1 <= 12


def test_mountains_are_high(default: xr.Dataset) -> None:
    mountain = default.truth_regime.values == REGIMES.index("mountain")
    assert default.altitude.values[mountain].min() > 400
    assert np.median(default.altitude.values[mountain]) > default.altitude.values[~mountain].max()


@pytest.mark.parametrize("cells", [1, 7, 400, 10_000])
def test_cells_lie_on_a_regular_grid_of_land(cells: int) -> None:
    lat, lon = land_grid(cells)
    assert lat.shape == lon.shape == (cells,)
    assert len(set(zip(lat, lon, strict=True))) == cells
    if cells >= 400:
        np.testing.assert_allclose(np.diff(np.unique(lat)), np.diff(np.unique(lon))[0], atol=1e-9)
        np.testing.assert_allclose(np.diff(np.unique(lon)), np.diff(np.unique(lon))[0], atol=1e-9)


def test_the_same_seed_gives_the_same_bits(small: xr.Dataset) -> None:
    xr.testing.assert_identical(small, make_sample(cells=120, years=3))


def test_another_seed_gives_other_weather_noise_and_gaps(small: xr.Dataset) -> None:
    other = make_sample(cells=120, years=3, seed=1)
    assert other.time.size != small.time.size or (other.time.values != small.time.values).any()
    # Year means, because the passes differ too.
    for name in (*STATES, *OUTPUTS):
        ours = small[name].resample(time="YS").mean().values
        theirs = other[name].resample(time="YS").mean().values
        assert not np.isclose(ours, theirs, rtol=1e-6, atol=0).any(), name
    np.testing.assert_array_equal(other.altitude, small.altitude)


@pytest.mark.parametrize("block", [1, 37, 120, 500])
def test_blocks_of_cells_change_nothing(small: xr.Dataset, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_module, "_BLOCK", block)
    xr.testing.assert_identical(small, make_sample(cells=120, years=3))


def test_one_regime_and_two_regimes() -> None:
    one, two, three = (make_sample(cells=60, years=1, regimes=n) for n in (1, 2, 3))
    assert set(one.truth_regime.values) == {0}
    assert one.truth_regime.attrs["flag_meanings"] == "cropland"
    assert set(two.truth_regime.values) == {0, 2}
    assert two.truth_regime.attrs["flag_meanings"] == "cropland mountain"
    cropland = three.truth_regime.values == 0
    xr.testing.assert_equal(
        one.drop_vars("truth_regime").isel(space=cropland),
        three.drop_vars("truth_regime").isel(space=cropland),
    )


@pytest.mark.parametrize(
    ("options", "name"), [({"cells": 0}, "cells"), ({"years": 0}, "years"), ({"seed": -1}, "seed")]
)
def test_numbers_out_of_range_are_named(options: dict[str, int], name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is .*takes"):
        make_sample(**options)


def test_the_file_holds_what_memory_holds(tmp_path) -> None:
    path = write_sample(tmp_path / "new" / "data.zarr", cells=250, years=1)
    assert path == tmp_path / "new" / "data.zarr"
    with xr.open_zarr(path) as stored:
        assert stored.slope.chunks is not None
        xr.testing.assert_identical(stored.load(), make_sample(cells=250, years=1))
    assert [entry.name for entry in path.parent.iterdir()] == ["data.zarr"]


def test_a_file_is_replaced_only_when_asked(tmp_path) -> None:
    path = write_sample(tmp_path / "data.zarr", cells=5, years=1)
    with pytest.raises(FileExistsError, match=r"data\.zarr exists already"):
        write_sample(path, cells=6, years=1)
    with xr.open_zarr(path) as kept:
        assert kept.sizes["space"] == 5
    write_sample(path, cells=6, years=1, overwrite=True)
    with xr.open_zarr(path) as replaced:
        assert replaced.sizes["space"] == 6
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.zarr"]


def test_a_broken_write_leaves_nothing_and_spares_what_was_there(tmp_path, monkeypatch) -> None:
    path = write_sample(tmp_path / "data.zarr", cells=5, years=1)

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(sample_module, "make_states", fail)
    with pytest.raises(OSError, match="disk full"):
        write_sample(path, cells=6, years=1, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.zarr"]
    with xr.open_zarr(path) as kept:
        assert kept.sizes["space"] == 5
