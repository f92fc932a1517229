"""Writes files whose content cannot be used, each registered with the code of its refusal."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

Case = Callable[[Path], Path]
CASES: dict[str, tuple[str, Case]] = {}


def refused_as(code: str) -> Callable[[Case], Case]:
    """Registers a function that writes a file which must be refused with this code."""

    def register(write: Case) -> Case:
        CASES[write.__name__] = (code, write)
        return write

    return register


def points(n_cells: int = 2, n_times: int = 10) -> xr.Dataset:
    return xr.Dataset(
        {"TG1": (("cell", "time"), np.random.default_rng(0).normal(280, 5, (n_cells, n_times)))},
        coords={
            "lat": ("cell", 45.0 + np.arange(n_cells)),
            "lon": ("cell", 5.0 + np.arange(n_cells)),
            "time": np.datetime64("2007-01-01", "ns") + np.arange(n_times) * np.timedelta64(1, "D"),
        },
    )


def saved(dataset: xr.Dataset, folder: Path, **options: object) -> Path:
    path = folder / "data.nc"
    dataset.to_netcdf(path, **options)
    return path


def cut(path: Path, keep: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    return path


@refused_as("missing_file")
def nothing_there(folder: Path) -> Path:
    return folder / "nothing.nc"


@refused_as("missing_file")
def a_name_of_10000_characters(folder: Path) -> Path:
    return folder / ("x" * 10_000)


@refused_as("missing_file")
def a_name_with_a_null_character(folder: Path) -> Path:
    return folder / "da\0ta.nc"


@refused_as("not_zarr")
def an_empty_folder(folder: Path) -> Path:
    return folder


@refused_as("not_zarr")
def a_folder_of_netcdf_files(folder: Path) -> Path:
    saved(points(), folder)
    return folder


@refused_as("not_zarr")
def a_zarr_store_without_its_metadata(folder: Path) -> Path:
    path = folder / "data.zarr"
    points().to_zarr(path, consolidated=False)
    for metadata in path.rglob("zarr.json"):
        metadata.unlink()
    return path


@refused_as("not_a_file")
def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "data.nc")
    return folder / "data.nc"


@refused_as("empty_file")
def zero_bytes(folder: Path) -> Path:
    (folder / "data.nc").touch()
    return folder / "data.nc"


def written(folder: Path, content: bytes, name: str = "data.nc") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@refused_as("text")
def text_named_nc(folder: Path) -> Path:
    return written(folder, "latitude,longitude\n45.0,5.0\nMünchen".encode())


@refused_as("html")
def a_login_page_named_nc(folder: Path) -> Path:
    return written(folder, b"\n<!DOCTYPE html><html><body>Please log in</body></html>")


@refused_as("pickle")
def a_pickle(folder: Path) -> Path:
    return written(folder, pickle.dumps({"TG1": [1, 2]}), "data.pickle")


@refused_as("pickle")
def a_pickle_named_nc(folder: Path) -> Path:
    return written(folder, pickle.dumps({"TG1": [1, 2]}))


@refused_as("pickle")
def a_pickle_of_protocol_0(folder: Path) -> Path:
    return written(folder, pickle.dumps({"TG1": [1, 2]}, protocol=0), "data.pkl")


@refused_as("grib")
def grib(folder: Path) -> Path:
    return written(folder, b"GRIB" + bytes(100))


@refused_as("compressed")
def gzip(folder: Path) -> Path:
    return written(folder, b"\x1f\x8b\x08" + bytes(100))


@refused_as("archive")
def a_zip_archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "data.zarr", "w") as archive:
        archive.writestr("zarr.json", "{}")
    return folder / "data.zarr"


@refused_as("archive")
def npz(folder: Path) -> Path:
    stream = io.BytesIO()
    np.savez(stream, TG1=np.zeros(3))
    return written(folder, stream.getvalue())


@refused_as("tiff")
def geotiff(folder: Path) -> Path:
    return written(folder, b"II*\x00" + bytes(100))


@refused_as("unknown_format")
def noise(folder: Path) -> Path:
    return written(folder, np.random.default_rng(0).bytes(5000))


@refused_as("truncated")
def truncated_netcdf_3(folder: Path) -> Path:
    return cut(saved(points(n_times=1000), folder, format="NETCDF3_64BIT", engine="netcdf4"), 0.6)


@refused_as("truncated")
def truncated_netcdf_3_with_records(folder: Path) -> Path:
    dataset = points(n_times=1000).transpose("time", "cell")
    return cut(saved(dataset, folder, format="NETCDF3_CLASSIC", unlimited_dims=["time"]), 0.99)


@refused_as("truncated")
def truncated_netcdf_5(folder: Path) -> Path:
    with netCDF4.Dataset(folder / "data.nc", "w", format="NETCDF3_64BIT_DATA") as file:
        file.createDimension("cell", 1000)
        file.createVariable("TG1", "f8", ("cell",))[:] = np.arange(1000)
    return cut(folder / "data.nc", 0.9)


@refused_as("broken_header")
def netcdf_3_that_ends_in_its_header(folder: Path) -> Path:
    path = saved(points(), folder, format="NETCDF3_CLASSIC")
    path.write_bytes(path.read_bytes()[:60])
    return path


@refused_as("broken_header")
def netcdf_3_whose_header_promises_four_billion_dimensions(folder: Path) -> Path:
    return written(folder, b"CDF\x01" + bytes(4) + (10).to_bytes(4, "big") + b"\xff\xff\xff\xfe" + bytes(100))


@refused_as("unfinished_file")
def netcdf_3_whose_number_of_records_was_left_open(folder: Path) -> Path:
    dataset = points().transpose("time", "cell")
    path = saved(dataset, folder, format="NETCDF3_CLASSIC", unlimited_dims=["time"])
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff\xff\xff\xff" + content[8:])
    return path


@refused_as("truncated")
def truncated_netcdf_4(folder: Path) -> Path:
    return cut(saved(points(n_times=1000), folder), 0.6)


@refused_as("truncated")
def netcdf_4_without_its_last_byte(folder: Path) -> Path:
    path = saved(points(), folder)
    path.write_bytes(path.read_bytes()[:-1])
    return path


@refused_as("unreadable")
def netcdf_4_with_a_damaged_middle(folder: Path) -> Path:
    path = saved(points(), folder)
    content = bytearray(path.read_bytes())
    content[48:2000] = bytes(1952)
    path.write_bytes(content)
    return path


@refused_as("only_groups")
def netcdf_4_with_groups_only(folder: Path) -> Path:
    points().to_netcdf(folder / "data.nc", group="forecast")
    return folder / "data.nc"


@refused_as("no_variables")
def netcdf_without_variables(folder: Path) -> Path:
    return saved(xr.Dataset(attrs={"title": "nothing"}), folder)


@refused_as("no_variables")
def netcdf_of_coordinates_only(folder: Path) -> Path:
    return saved(points().drop_vars("TG1"), folder)


@refused_as("no_variables")
def netcdf_of_names_only(folder: Path) -> Path:
    dataset = points().drop_vars("TG1")
    return saved(dataset.assign(name=(("cell", "time"), np.full((2, 10), "a name"))), folder)


@refused_as("not_a_group")
def a_single_zarr_array(folder: Path) -> Path:
    points().to_zarr(folder / "data.zarr", consolidated=False)
    return folder / "data.zarr" / "TG1"


@refused_as("not_a_group")
def a_single_zarr_2_array(folder: Path) -> Path:
    points().to_zarr(folder / "data.zarr", zarr_format=2)
    return folder / "data.zarr" / "TG1"


@refused_as("only_groups")
def zarr_with_groups_only(folder: Path) -> Path:
    points().to_zarr(folder / "data.zarr", group="forecast", consolidated=False)
    return folder / "data.zarr"


@refused_as("zarr_without_dimensions")
def zarr_2_without_dimension_names(folder: Path) -> Path:
    path = folder / "data.zarr"
    points().to_zarr(path, zarr_format=2, consolidated=False)
    for attributes in path.glob("*/.zattrs"):
        attributes.write_text("{}")
    return path


@refused_as("zarr_without_dimensions")
def zarr_3_without_dimension_names(folder: Path) -> Path:
    path = folder / "data.zarr"
    points().to_zarr(path, consolidated=False)
    for metadata in path.glob("*/zarr.json"):
        content = json.loads(metadata.read_text())
        del content["dimension_names"]
        metadata.write_text(json.dumps(content))
    return path


@refused_as("unreadable")
def zarr_with_damaged_metadata(folder: Path) -> Path:
    path = folder / "data.zarr"
    points().to_zarr(path, consolidated=False)
    (path / "zarr.json").write_text('{"zarr_format": 3, ')
    return path


@refused_as("too_many_times")
def zarr_that_declares_a_hundred_billion_times(folder: Path) -> Path:
    return declaring(
        folder, {"time": 10**11, "cell": 2}, on={"TG1": ["cell", "time"], "lat": ["cell"], "lon": ["cell"]}
    )


@refused_as("too_many_cells")
def zarr_that_declares_a_hundred_billion_cells(folder: Path) -> Path:
    return declaring(
        folder, {"time": 2, "cell": 10**11}, on={"TG1": ["cell", "time"], "lat": ["cell"], "lon": ["cell"]}
    )


@refused_as("too_many_cells")
def zarr_whose_grid_would_have_a_million_times_a_million_cells(folder: Path) -> Path:
    dims = {"time": 2, "lat": 10**6, "lon": 10**6}
    return declaring(folder, dims, on={"TG1": ["time", "lat", "lon"], "lat": ["lat"], "lon": ["lon"]})


def declaring(folder: Path, sizes: dict[str, int], on: dict[str, list[str]]) -> Path:
    """A Zarr store of version 2 whose header declares sizes that nothing was written for."""
    path = folder / "data.zarr"
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    for name, dims in {**on, "time": ["time"]}.items():
        shape = [sizes[dim] for dim in dims]
        header = {
            "zarr_format": 2,
            "shape": shape,
            "chunks": [min(size, 1000) for size in shape],
            "dtype": "<f8",
            "fill_value": 0.0,
            "order": "C",
            "compressor": None,
            "filters": None,
        }
        (path / name).mkdir()
        (path / name / ".zarray").write_text(json.dumps(header))
        units = {"units": "days since 2000-01-01"} if name == "time" else {}
        (path / name / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": dims, **units}))
    return path
