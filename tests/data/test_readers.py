"""A new format is one decorated function; what headers declare is believed with care."""

import importlib.util
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xarray.backends.netCDF4_ import NetCDF4ArrayWrapper

from motrain_app.data import all_readers, check_dataset, chunking, open_dataset, open_source, reader
from motrain_app.data import readers as registry
from motrain_app.data.readers import Raw, netcdf


@pytest.fixture
def forget_readers() -> Iterator[None]:
    all_readers()
    before = list(registry._registry)
    yield
    registry._registry[:] = before


@pytest.mark.usefixtures("forget_readers")
def test_a_new_format_is_one_decorated_function(tmp_path: Path, make_points: Callable[..., xr.Dataset]) -> None:
    dataset = make_points(n_times=3)

    @reader("Points", suffixes=(".pts",), recognise=lambda path, head: head.startswith(b"POINTS"))
    def open_points(path: Path, where: str) -> Raw:
        # In memory, with datetime64 times: nothing is left to decode.
        return Raw(dataset)

    (tmp_path / "data.pts").write_bytes(b"POINTS 1.0")
    opened = open_source(tmp_path / "data.pts")
    assert opened.formats == ("Points",)
    np.testing.assert_array_equal(opened.dataset["TG1"], dataset["TG1"])


def test_the_readers_have_names_and_suffixes_for_file_dialogs() -> None:
    assert [one.name for one in all_readers()] == ["NetCDF", "Zarr"]
    assert all(suffix.startswith(".") for one in all_readers() for suffix in one.suffixes)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT"])
def test_without_the_netcdf4_library_others_read_the_same(
    tmp_path: Path, make_points: Callable[..., xr.Dataset], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    dataset = make_points(n_times=30)
    dataset.to_netcdf(tmp_path / "data.nc", format=form)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(netcdf.importlib.util, "find_spec", lambda name: None if name == "netCDF4" else find_spec(name))
    np.testing.assert_array_equal(open_dataset(tmp_path / "data.nc")["TG1"], dataset["TG1"])


def test_a_header_that_declares_800_gigabytes_opens_and_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    xr.Dataset(
        {"TG1": (("cell", "time"), np.zeros((2, 3)))},
        coords={"lat": ("cell", [45.0, 46]), "lon": ("cell", [5.0, 6]), "time": ("time", np.arange(3))},
    ).to_zarr(path, consolidated=False, encoding={"TG1": {"chunks": (2, 3)}})
    sizes = {"cell": 100_000, "time": 1_000_000}
    for metadata in path.glob("*/zarr.json"):
        content = json.loads(metadata.read_text())
        content["shape"] = [sizes[dim] for dim in content["dimension_names"]]
        is_field = metadata.parent.name == "TG1"
        content["chunk_grid"]["configuration"]["chunk_shape"] = [1000, 1000] if is_field else content["shape"]
        if metadata.parent.name == "time":
            content["attributes"] = {"units": "seconds since 2000-01-01"}
        content["fill_value"] = 0
        metadata.write_text(json.dumps(content))
    for chunk in path.glob("*/c/*"):
        if chunk.is_file():
            chunk.unlink()
    opened = open_source(path)
    assert opened.dataset["TG1"].nbytes == 800e9
    (note,) = (problem for problem in opened.problems if problem.code == "mostly_unwritten")
    assert note.severity == "note"
    assert "800 GB" in note.what
    # Neither does the check read 800 GB of nothing.
    assert "mostly_unwritten" in {problem.code for problem in check_dataset(opened.dataset)}


def test_the_check_of_a_tiled_grid_reads_each_value_of_the_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).normal(size=(800, 60, 70))
    xr.Dataset(
        {"T": (("time", "lat", "lon"), values)},
        coords={
            "time": pd.date_range("2007", periods=800),
            "lat": np.linspace(40, 50, 60),
            "lon": np.linspace(0, 10, 70),
        },
    ).to_netcdf(tmp_path / "data.nc", encoding={"T": {"chunksizes": (100, 20, 30)}})
    opened = open_dataset(tmp_path / "data.nc")
    sizes: list[int] = []
    read = NetCDF4ArrayWrapper._getitem

    def counted(self: NetCDF4ArrayWrapper, key: object) -> np.ndarray:
        found = read(self, key)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(NetCDF4ArrayWrapper, "_getitem", counted)
    assert check_dataset(opened) == []
    assert sum(sizes) == values.size
    assert max(sizes) < values.size / 2


def test_chunks_that_cross_a_large_grid_are_noted_with_their_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunking, "LARGEST_BYTES", 2**12)
    monkeypatch.setattr(chunking.plan_chunks, "__kwdefaults__", {"whole": None, "largest": 2**12})
    dataset = xr.Dataset(
        {"T": (("time", "lat", "lon"), np.zeros((50, 20, 20)))},
        coords={"time": pd.date_range("2007", periods=50), "lat": np.arange(20.0), "lon": np.arange(20.0)},
    )
    dataset.to_netcdf(tmp_path / "data.nc", encoding={"T": {"chunksizes": (50, 5, 5)}})
    opened = open_source(tmp_path / "data.nc")
    assert "unfavourable_chunks" in {problem.code for problem in opened.problems}
    np.testing.assert_array_equal(opened.dataset["T"], 0)


def test_an_opened_dataset_travels_to_another_process(tmp_path: Path, make_points: Callable[..., xr.Dataset]) -> None:
    make_points().to_netcdf(tmp_path / "data.nc")
    opened = open_dataset(tmp_path / "data.nc")
    again = pickle.loads(pickle.dumps(opened))
    assert again.identical(opened.compute())


def test_valid_ranges_are_told_in_the_units_of_the_values(
    tmp_path: Path, make_points: Callable[..., xr.Dataset]
) -> None:
    dataset = make_points(n_times=900)
    dataset["TG1"].values[0, :4] = 350.0
    dataset["TG1"].attrs["valid_range"] = np.array([-4000, 4000], dtype=np.int16)  # packed: 233.15 to 313.15 K
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768}
    dataset.to_netcdf(tmp_path / "data.nc", encoding={"TG1": packing})
    ours = open_dataset(tmp_path / "data.nc")
    assert ours["TG1"].attrs["valid_max"] == pytest.approx(313.15)
    (problem,) = (one for one in check_dataset(ours) if one.code == "outside_valid_range")
    assert problem.count == 4


def test_overflown_packing_is_found_in_a_file(tmp_path: Path, make_points: Callable[..., xr.Dataset]) -> None:
    dataset = make_points(n_times=4000)
    true = 600 * np.sin(np.arange(4000) / 30) + np.random.default_rng(0).normal(size=(3, 4000))
    packed = np.round(true / 0.01).astype(np.int64).astype(np.int16)  # wraps around at ±327.68
    dataset["TG1"] = (("station", "time"), packed, {"scale_factor": 0.01})
    dataset.to_netcdf(tmp_path / "data.nc")
    assert "packed_overflow" in {problem.code for problem in check_dataset(open_dataset(tmp_path / "data.nc"))}
