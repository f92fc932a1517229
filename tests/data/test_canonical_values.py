"""Canonical values are those that xarray reads, cell by cell; and the grid comes back as it was."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.data import DataError, open_dataset, unstack_grid
from motrain_app.data import chunking as chunking_module

FORMATS = ("NETCDF3_64BIT", "NETCDF4", "zarr 2", "zarr 3")


@dataclass(frozen=True)
class Written:
    """One grid as a file may hold it."""

    lat: list[float]
    lon: list[float]
    n_times: int
    dims: tuple[str, ...]
    packed: bool
    chunks: tuple[int, ...]
    form: str
    seed: int

    def write(self, folder: Path) -> Path:
        sizes = {"time": self.n_times, "lat": len(self.lat), "lon": len(self.lon)}
        rng = np.random.default_rng(self.seed)
        values = rng.normal(280, 10, [sizes[dim] for dim in self.dims])
        values[rng.random(values.shape) < 0.2] = np.nan
        dataset = xr.Dataset(
            {
                "TG1": (self.dims, values),
                "height": (("lon", "lat"), rng.normal(size=(len(self.lon), len(self.lat)))),
            },
            coords={
                "lat": self.lat,
                "lon": self.lon,
                "time": pd.date_range("2007-01-01", periods=self.n_times),
            },
        )
        encoding = {}
        if self.packed:
            encoding = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768}
        lengths = [min(chunk, sizes[dim]) for chunk, dim in zip(self.chunks, self.dims, strict=True)]
        path = folder / "data"
        if self.form.startswith("zarr"):
            encoding = {**encoding, "chunks": lengths}
            dataset.to_zarr(path, encoding={"TG1": encoding}, zarr_format=int(self.form[-1]), consolidated=False)
        elif self.form == "NETCDF4":
            dataset.to_netcdf(path, encoding={"TG1": {**encoding, "chunksizes": lengths}})
        else:
            dataset.to_netcdf(path, encoding={"TG1": encoding}, format=self.form)
        return path

    def read_by_xarray(self, path: Path) -> xr.Dataset:
        engine, options = ("zarr", {"consolidated": False}) if self.form.startswith("zarr") else ("netcdf4", {})
        with xr.open_dataset(path, engine=engine, **options) as dataset:
            return dataset.load()


@st.composite
def files(draw: st.DrawFn) -> Written:
    lat = draw(st.lists(st.integers(-90, 90), min_size=1, max_size=5, unique=True))
    lon = draw(st.lists(st.integers(0, 359), min_size=1, max_size=5, unique=True))
    order = draw(st.sampled_from(["ascending", "descending", "as they come"]))
    if order != "as they come":
        lat.sort(reverse=order == "descending")
    first = draw(st.sampled_from([0, -180]))
    return Written(
        lat=[float(one) for one in lat],
        lon=[one + first + 0.25 for one in lon],
        n_times=draw(st.integers(1, 6)),
        dims=tuple(draw(st.permutations(["time", "lat", "lon"]))),
        packed=draw(st.booleans()),
        chunks=draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))),
        form=draw(st.sampled_from(FORMATS)),
        seed=draw(st.integers(0, 1000)),
    )


@given(written=files())
@settings(max_examples=30, deadline=None)
def test_every_cell_holds_the_values_that_xarray_reads_there(written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written.write(Path(folder))
        ours = open_dataset(path).load()
        own = written.read_by_xarray(path)
    assert ours["TG1"].dims == ("space", "time")
    assert ours["TG1"].dtype == own["TG1"].dtype
    assert ours["lat"].dtype == ours["lon"].dtype == np.float64
    assert ours.sizes["space"] == own.sizes["lat"] * own.sizes["lon"]
    series, height = ours["TG1"].values, ours["height"].values
    own_series, own_height = (
        own["TG1"].transpose("lat", "lon", "time").values,
        own["height"].transpose("lat", "lon").values,
    )
    for row, lat in enumerate(own["lat"].values):
        for column, lon in enumerate(own["lon"].values):
            (cell,) = np.flatnonzero((ours["lat"].values == lat) & (np.abs((ours["lon"].values - lon) % 360) < 1e-9))
            np.testing.assert_array_equal(series[cell], own_series[row, column])
            assert height[cell] == own_height[row, column]


@given(written=files(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_grid_comes_back_as_it_was_and_any_part_of_it_in_its_place(written: Written, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written.write(Path(folder))
        ours = open_dataset(path).load()
        own = written.read_by_xarray(path).transpose("time", "lat", "lon")
    back = unstack_grid(ours)
    np.testing.assert_array_equal(back["TG1"].transpose("time", "lat", "lon"), own["TG1"])
    np.testing.assert_array_equal(back["height"].transpose("lat", "lon"), own["height"])
    np.testing.assert_array_equal(back["lat"], own["lat"])
    np.testing.assert_allclose((back["lon"] - own["lon"].values) % 360, 0, atol=1e-9)

    chosen = np.flatnonzero(np.random.default_rng(seed).random(ours.sizes["space"]) < 0.6)
    if len(chosen):
        part = unstack_grid(ours.isel(space=np.random.default_rng(seed).permutation(chosen)))
        rows, columns = np.divmod(chosen, own.sizes["lon"])
        inside = np.zeros((own.sizes["lat"], own.sizes["lon"]), dtype=bool)
        inside[rows, columns] = True
        np.testing.assert_array_equal(part["TG1"].values, np.where(inside, own["TG1"].values, np.nan))


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 9)),
    time_first=st.booleans(),
    dim=st.sampled_from(["space", "cell", "station", "lat_index"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_scattered_cells_hold_the_values_that_xarray_reads(
    shape: tuple[int, int], time_first: bool, dim: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dataset = xr.Dataset(
        {"sig": ((dim, "time"), rng.normal(size=shape))},
        coords={
            "latitude": (dim, rng.uniform(-90, 90, shape[0])),
            "longitude": (dim, rng.uniform(-180, 180, shape[0])),
            "time": pd.date_range("2007", periods=shape[1], freq="h"),
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        (dataset.transpose("time", ...) if time_first else dataset).to_netcdf(Path(folder) / "data.nc")
        ours = open_dataset(Path(folder) / "data.nc").load()
    np.testing.assert_array_equal(ours["sig"], dataset["sig"])
    np.testing.assert_array_equal(ours["lat"], dataset["latitude"])
    np.testing.assert_array_equal(ours["lon"], dataset["longitude"])
    with pytest.raises(DataError, match="did not come from a grid"):
        unstack_grid(ours)


def curvilinear(rng: np.random.Generator) -> xr.Dataset:
    y, x = np.mgrid[0:4, 0:3]
    return xr.Dataset(
        {"tos": (("time", "y", "x"), rng.normal(size=(2, 4, 3)))},
        coords={
            "nav_lat": (("y", "x"), 50 + y + 0.1 * x, {"standard_name": "latitude"}),
            "nav_lon": (("y", "x"), x - 0.1 * y, {"standard_name": "longitude"}),
            "time": pd.date_range("2007", periods=2),
        },
    )


def test_a_curvilinear_grid_comes_back_with_its_positions(tmp_path: Path) -> None:
    dataset = curvilinear(np.random.default_rng(0))
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours.sizes == {"space": 12, "time": 2}
    assert ours["lat"].values[4] == dataset["nav_lat"].values[1, 1]
    back = unstack_grid(ours)
    np.testing.assert_array_equal(back["tos"].transpose("time", "y", "x"), dataset["tos"])
    np.testing.assert_array_equal(back["lat"], dataset["nav_lat"])
    np.testing.assert_array_equal(back["lon"], dataset["nav_lon"])


def test_a_disc_that_fills_only_part_of_its_grid_comes_back_with_gaps(tmp_path: Path) -> None:
    dataset = curvilinear(np.random.default_rng(0))
    dataset["nav_lat"].values[0, 0] = dataset["nav_lon"].values[0, 0] = np.inf
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours.sizes["space"] == 11
    back = unstack_grid(ours)["tos"].transpose("time", "y", "x").values
    assert np.isnan(back[:, 0, 0]).all()
    np.testing.assert_array_equal(back[:, 1:], dataset["tos"].values[:, 1:])


def test_a_single_point_is_one_cell(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {"SM": ("time", [0.1, 0.2])},
        coords={"lat": 45.0, "lon": 5.0, "time": pd.date_range("2007", periods=2)},
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["SM"].dims == ("space", "time")
    assert ours["SM"].values.tolist() == [[0.1, 0.2]]


def test_a_snapshot_has_one_time(tmp_path: Path) -> None:
    dataset = curvilinear(np.random.default_rng(0)).isel(time=0)
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["tos"].dims == ("space", "time")
    assert ours["time"].values == [np.datetime64("2007-01-01", "ns")]


def test_zonal_values_are_spread_over_their_rows(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {
            "T": (("time", "lat", "lon"), np.zeros((2, 2, 3))),
            "zonal": (("lat", "time"), [[1.0, 2.0], [3.0, 4.0]]),
        },
        coords={"lat": [10.0, 20.0], "lon": [1.0, 2.0, 3.0], "time": pd.date_range("2007", periods=2)},
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["zonal"].values.tolist() == [[1.0, 2.0]] * 3 + [[3.0, 4.0]] * 3


def test_of_several_positions_those_of_the_data_are_taken(tmp_path: Path) -> None:
    place = {"lat": {"standard_name": "latitude"}, "lon": {"standard_name": "longitude"}}
    dataset = xr.Dataset(
        {
            "T": (("time", "face"), np.zeros((2, 3))),
            "node_y": ("node", np.arange(4.0), place["lat"]),
            "node_x": ("node", np.arange(4.0), place["lon"]),
            "face_y": ("face", [1.0, 2.0, 3.0], place["lat"]),
            "face_x": ("face", [4.0, 5.0, 6.0], place["lon"]),
        },
        coords={"time": pd.date_range("2007", periods=2)},
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["lat"].values.tolist() == [1.0, 2.0, 3.0]
    assert ours["lon"].values.tolist() == [4.0, 5.0, 6.0]


def test_positions_that_no_variable_lies_on_are_passed_over(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {"T": (("time", "y", "x"), np.zeros((2, 2, 2)))},
        coords={
            "nav_lat": (("y", "x"), [[1.0, 1.0], [2.0, 2.0]]),
            "nav_lon": (("y", "x"), [[3.0, 4.0], [3.0, 4.0]]),
            "lat": ("buoy", [50.0], {"standard_name": "latitude", "units": "degrees_north"}),
            "lon": ("buoy", [60.0], {"standard_name": "longitude", "units": "degrees_east"}),
            "time": pd.date_range("2007", periods=2),
        },
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    assert open_dataset(tmp_path / "data.nc")["lat"].values.tolist() == [1.0, 1.0, 2.0, 2.0]


def test_positions_that_repeat_over_time_are_taken_once(tmp_path: Path) -> None:
    y, x = np.mgrid[0:2, 0:3]
    dataset = xr.Dataset(
        {"T2": (("Time", "south_north", "west_east"), np.arange(12.0).reshape(2, 2, 3))},
        coords={
            "XLAT": (
                ("Time", "south_north", "west_east"),
                np.stack([50.0 + y] * 2),
                {"units": "degree_north"},
            ),
            "XLONG": (
                ("Time", "south_north", "west_east"),
                np.stack([5.0 + x] * 2),
                {"units": "degree_east"},
            ),
            "XTIME": ("Time", pd.date_range("2007", periods=2, freq="h")),
        },
    )
    dataset.to_netcdf(tmp_path / "data.nc")
    ours = open_dataset(tmp_path / "data.nc")
    assert ours.sizes == {"space": 6, "time": 2}
    assert ours["T2"].values[:, 1].tolist() == [6, 7, 8, 9, 10, 11]


def test_one_element_chunks_are_joined(tmp_path: Path, make_grid: object) -> None:
    dataset = make_grid(n_times=30)  # type: ignore[operator]
    dataset.to_netcdf(tmp_path / "data.nc", encoding={"TG1": {"chunksizes": (1, 1, 1)}})
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["TG1"].data.npartitions == 1


def test_large_chunks_of_a_file_are_not_cut_or_joined(tmp_path: Path) -> None:
    dataset = xr.Dataset(
        {"T": (("time", "lat", "lon"), np.zeros((4, 200, 800)))},
        coords={
            "time": pd.date_range("2007", periods=4),
            "lat": np.linspace(-80, 80, 200),
            "lon": np.arange(800) / 4,
        },
    )
    dataset.to_zarr(tmp_path / "data.zarr", encoding={"T": {"chunks": (1, 200, 800)}}, consolidated=False)
    assert dataset["T"][0].nbytes >= chunking_module.SMALL_BYTES
    ours = open_dataset(tmp_path / "data.zarr")
    assert ours["T"].data.chunks == ((160000,), (1, 1, 1, 1))
