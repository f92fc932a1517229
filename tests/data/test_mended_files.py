"""Every silent trap of a usable file is found by its code, and mended so that the values are right."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.data import DataError, Opened, check_dataset, open_source

Points = Callable[..., xr.Dataset]
Grid = Callable[..., xr.Dataset]


def opened(dataset: xr.Dataset, folder: Path, **options: object) -> Opened:
    dataset.to_netcdf(folder / "data.nc", **options)
    return open_source(folder / "data.nc")


def codes(source: Opened) -> set[str]:
    return {problem.code for problem in source.problems} - {"no_checksum"}


def remedy(source: Opened, code: str) -> dict[str, object]:
    (found,) = (remedy for remedy in source.remedies if remedy["code"] == code)
    return found


class TestPositions:
    def test_longitudes_from_0_to_360_are_wrapped_cell_by_cell(self, make_grid: Grid, tmp_path: Path) -> None:
        source = opened(make_grid(lon=[0.0, 90.0, 180.0, 270.5, 359.0]), tmp_path)
        assert source.dataset["lon"].values[:5].tolist() == [0.0, 90.0, -180.0, -89.5, -1.0]
        assert source.dataset["TG1"].values[:5, 0].tolist() == [0, 1, 2, 3, 4]
        assert codes(source) == {"wrap_longitudes"}
        assert remedy(source, "wrap_longitudes")["count"] == 9

    def test_longitudes_in_range_keep_their_last_bit(self, make_points: Points, tmp_path: Path) -> None:
        odd = [0.1 + 0.2, -179.99999999999997, 1e-17]
        source = opened(make_points().assign_coords(lon=("station", odd)), tmp_path)
        assert source.dataset["lon"].values.tolist() == odd
        assert codes(source) == set()

    def test_a_longitude_a_hair_below_0_of_360_does_not_become_180(self, make_points: Points, tmp_path: Path) -> None:
        source = opened(
            make_points().assign_coords(lon=("station", [180.0, 540.0, np.nextafter(-180, -181)])), tmp_path
        )
        assert (source.dataset["lon"].values >= -180).all()
        assert (source.dataset["lon"].values < 180).all()

    def test_descending_latitudes_need_no_remedy(self, make_grid: Grid, tmp_path: Path) -> None:
        source = opened(make_grid(lat=[50.0, 49.0, 48.0]), tmp_path)
        north = source.dataset["TG1"].where(source.dataset["lat"] == 50.0, drop=True)
        assert north.values[:, 0].tolist() == [0, 1]
        assert source.remedies == ()

    @pytest.mark.parametrize("nowhere", [np.nan, np.inf, 9.96921e36])
    def test_cells_without_a_position_are_left_out_and_counted(
        self, make_points: Points, tmp_path: Path, nowhere: float
    ) -> None:
        dataset = make_points(n_cells=4).assign_coords(lat=("station", [45.0, nowhere, 47.0, nowhere]))
        source = opened(dataset, tmp_path, encoding={"lat": {"_FillValue": None}})
        assert source.dataset["lat"].values.tolist() == [45.0, 47.0]
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"][[0, 2]])
        assert remedy(source, "drop_unplaced_cells")["count"] == 2

    def test_radians_become_degrees(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points()
        for name in ("lat", "lon"):
            dataset[name] = ("station", np.deg2rad(dataset[name].values), {"units": "radian"})
        source = opened(dataset, tmp_path)
        np.testing.assert_allclose(source.dataset["lat"], [45, 46, 47])
        assert "radians_to_degrees" in codes(source)

    def test_names_that_contradict_their_units_yield_to_them(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points()
        exchanged = dataset.rename(lat="other").rename(lon="lat").rename(other="lon")
        source = opened(exchanged, tmp_path)
        assert source.dataset["lat"].values.tolist() == [45.0, 46.0, 47.0]
        assert source.dataset["lon"].values.tolist() == [5.0, 6.0, 7.0]
        assert {problem.code for problem in source.problems if problem.severity == "warning"} == {"names_contradict"}


class TestTimes:
    def test_unsorted_times_are_sorted_with_their_values(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=10)
        order = [3, 1, 2, 0, 4, 5, 9, 8, 7, 6]
        source = opened(dataset.isel(time=order), tmp_path)
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])
        np.testing.assert_array_equal(source.dataset["time"], dataset["time"])
        assert remedy(source, "sort_time")["count"] == 6

    def test_two_passes_under_one_stamp_are_kept_half_an_hour_apart(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4)
        stamps = pd.to_datetime(["2007-01-01", "2007-01-01", "2007-01-02", "2007-01-03"])
        source = opened(dataset.assign_coords(time=stamps), tmp_path)
        expected = pd.to_datetime(["2007-01-01 00:00", "2007-01-01 00:30", "2007-01-02 00:00", "2007-01-03 00:00"])
        np.testing.assert_array_equal(source.dataset["time"], expected.to_numpy())
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])
        (problem,) = (problem for problem in source.problems if problem.code == "repeated_times")
        assert (problem.severity, problem.count) == ("warning", 1)

    def test_the_fix_offered_for_repeated_times_averages_them(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4)
        dataset["TG1"].values[0, :] = [1.0, 3.0, np.nan, 5.0]
        stamps = pd.to_datetime(["2007-01-01", "2007-01-01", "2007-01-02", "2007-01-02"])
        source = opened(dataset.assign_coords(time=stamps), tmp_path)
        (problem,) = (problem for problem in source.problems if problem.code == "repeated_times")
        assert problem.fix is not None
        averaged = open_source(tmp_path / "data.nc", remedies=[problem.fix])
        assert averaged.dataset["TG1"].values[0].tolist() == [2.0, 5.0]
        np.testing.assert_allclose(averaged.dataset["TG1"][1], dataset["TG1"].values[1].reshape(2, 2).mean(axis=1))
        assert remedy(averaged, "repeated_times") == {"code": "repeated_times", "how": "average", "count": 2}

    def test_rows_without_a_time_are_left_out_and_counted(self, make_points: Points, tmp_path: Path) -> None:
        stamps = pd.to_datetime(["2007-01-01", None, "2007-01-02", None])
        source = opened(make_points(n_times=4).assign_coords(time=stamps), tmp_path)
        assert source.dataset.sizes["time"] == 2
        assert remedy(source, "drop_missing_times")["count"] == 2

    def test_whole_months_since_a_date_are_calendar_months(self, make_points: Points, tmp_path: Path) -> None:
        time = ("time", [0, 1, 14], {"units": "months since 1960-01-15"})
        source = opened(make_points(n_times=3).assign_coords(time=time), tmp_path)
        expected = np.array(["1960-01-15", "1960-02-15", "1961-03-15"], dtype="datetime64[ns]")
        np.testing.assert_array_equal(source.dataset["time"], expected)
        assert codes(source) == {"decode_months"}

    @pytest.mark.parametrize(
        ("values", "form"),
        [
            (["2007-01-02T00:00:00Z", "2007-01-03T00:00:00Z"], "ISO8601"),
            (["2007-01-02_00:00:00", "2007-01-03_00:00:00"], "ISO8601"),
            (["20070102", "20070103"], "%Y%m%d"),
            (["02.01.2007", "03.01.2007"], "%d.%m.%Y"),
            (["02-Jan-2007", "03-Jan-2007"], "%d-%b-%Y"),
            ([20070102, 20070103], "%Y%m%d"),
        ],
    )
    def test_text_and_date_numbers_are_read(
        self, make_points: Points, tmp_path: Path, values: list[object], form: str
    ) -> None:
        source = opened(make_points(n_times=2).assign_coords(time=("time", values)), tmp_path)
        expected = np.array(["2007-01-02", "2007-01-03"], dtype="datetime64[ns]")
        np.testing.assert_array_equal(source.dataset["time"], expected)
        assert remedy(source, "parse_times")["format"] == form

    def test_character_arrays_are_read_as_text(self, make_points: Points, tmp_path: Path) -> None:
        text = np.array([b"2007-01-02_00:00:00", b"2007-01-03_00:00:00"])
        dataset = make_points(n_times=2).drop_vars("time").assign(Times=("time", text))
        source = opened(dataset, tmp_path, encoding={"Times": {"dtype": "S1"}})
        assert source.dataset["time"].values[1] == np.datetime64("2007-01-03", "ns")

    def test_times_before_1678_keep_their_year(self, make_points: Points, tmp_path: Path) -> None:
        time = ("time", [0, 1], {"units": "days since 0850-01-01", "calendar": "proleptic_gregorian"})
        source = opened(make_points(n_times=2).assign_coords(time=time), tmp_path)
        assert source.dataset["time"].values.astype("datetime64[D]").astype(str).tolist() == [
            "0850-01-01",
            "0850-01-02",
        ]


class TestVariables:
    def test_what_cannot_be_used_is_left_out_and_named(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3).assign(
            crs=((), 0, {"grid_mapping_name": "latitude_longitude"}),
            time_bnds=(("time", "bnds"), np.zeros((3, 2))),
            station_name=("station", ["a", "b", "c"]),
            threshold=((), 0.5),
            profile=(("station", "time", "depth"), np.zeros((3, 3, 4))),
        )
        source = opened(dataset, tmp_path)
        assert list(source.dataset.data_vars) == ["TG1"]
        left_out = {problem.code: problem.what.split(": ")[-1] for problem in source.problems}
        assert left_out["left_out_helpers"] == "crs, time_bnds"
        assert left_out["left_out_text"] == "station_name"
        assert left_out["left_out_elsewhere"] == "threshold"
        assert left_out["further_dimensions"] == "profile"

    def test_dimensions_of_size_one_are_removed(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3)
        source = opened(dataset.expand_dims(height=[2.0]), tmp_path)
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])
        assert remedy(source, "squeeze") == {"code": "squeeze", "dim": "height"}

    def test_static_and_temporal_variables_stay_on_their_dims(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3).assign(
            elevation=("station", [1.0, 2.0, 3.0]),
            index=("time", [0.1, 0.2, 0.3]),
            flag=("station", [1, 0, 1]),
        )
        source = opened(dataset, tmp_path)
        assert source.dataset["elevation"].dims == ("space",)
        assert source.dataset["index"].dims == ("time",)
        assert source.dataset["flag"].dtype.kind == "i"

    def test_the_true_time_of_observations_is_kept(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3)
        passes = dataset["time"].values + np.array([[1], [2], [3]], dtype="timedelta64[h]")
        source = opened(dataset.assign(obs_time=(("station", "time"), passes)), tmp_path)
        np.testing.assert_array_equal(source.dataset["obs_time"], passes)

    def test_a_variable_named_like_a_coordinate_gets_another_name(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3).assign(space=(("station", "time"), np.ones((3, 3))))
        source = opened(dataset, tmp_path)
        assert set(source.dataset.data_vars) == {"TG1", "space_variable"}
        assert "rename_variable" in codes(source)

    def test_both_of_two_fill_values_are_missing(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4)
        dataset["TG1"].values[0] = [-999.0, -888.0, 1.0, 2.0]
        dataset["TG1"].attrs = {"missing_value": -888.0}
        source = opened(dataset, tmp_path, encoding={"TG1": {"_FillValue": -999.0}})
        assert np.isnan(source.dataset["TG1"].values[0]).tolist() == [True, True, False, False]

    def test_hostile_names_are_cut_in_messages_and_kept_in_the_data(self, tmp_path: Path) -> None:
        name = "<img src=x onerror=alert(1)>" + "x" * 10_000
        path = zarr_with_name(tmp_path, name)
        source = open_source(path)
        assert list(source.dataset.data_vars) == ["TG1"]
        assert all(len(problem.sentence) < 1500 for problem in source.problems)
        assert any("<img" in problem.what for problem in source.problems)

    def test_four_hundred_variables_open(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=3)
        many = xr.Dataset({f"v{k}": dataset["TG1"] + k for k in range(400)})
        source = opened(many, tmp_path)
        assert len(source.dataset.data_vars) == 400
        assert source.dataset["v399"].values[0, 0] == many["v399"].values[0, 0]

    def test_missing_values_can_be_declared(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points().astype(np.float32)
        dataset["TG1"].values[0, :5] = 1e20
        source = opened(dataset, tmp_path, encoding={"TG1": {"_FillValue": None}})
        (problem,) = (one for one in check_dataset(source.dataset) if one.code == "undeclared_sentinel")
        assert problem.count == 5
        assert problem.fix is not None
        chosen = json.loads(json.dumps(problem.fix))  # as a design carries it
        mended = open_source(tmp_path / "data.nc", remedies=[chosen])
        assert np.isnan(mended.dataset["TG1"].values[0]).nonzero()[0].tolist() == [0, 1, 2, 3, 4]
        assert mended.dataset["TG1"].dtype == np.float32
        assert mended.dataset["TG1"].attrs["units"] == "K"
        assert "undeclared_sentinel" not in {one.code for one in check_dataset(mended.dataset)}

    def test_a_value_written_by_hand_means_the_one_in_single_precision(
        self, make_points: Points, tmp_path: Path
    ) -> None:
        dataset = make_points(n_times=4).astype(np.float32)
        dataset["TG1"].values[0, 0] = 1e20  # which float32 holds as 1.00000002e20
        dataset.to_netcdf(tmp_path / "data.nc", encoding={"TG1": {"_FillValue": None}})
        chosen = {"code": "declare_missing", "variable": "TG1", "value": 1e20}
        assert np.isnan(open_source(tmp_path / "data.nc", remedies=[chosen]).dataset["TG1"].values[0, 0])

    def test_missing_values_of_whole_numbers_can_be_declared(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4).assign(count=(("station", "time"), np.arange(12).reshape(3, 4)))
        dataset["count"].values[0, 0] = -9999
        dataset.to_netcdf(tmp_path / "data.nc")
        chosen = {"code": "declare_missing", "variable": "count", "value": -9999}
        mended = open_source(tmp_path / "data.nc", remedies=[chosen]).dataset["count"].values
        assert np.isnan(mended[0, 0])
        assert mended.reshape(-1)[1:].tolist() == list(range(1, 12))


def zarr_with_name(folder: Path, name: str) -> Path:
    """A store with a scalar of a name that no file system would hold: in consolidated metadata only."""
    path = folder / "data.zarr"
    dataset = xr.Dataset(
        {"TG1": (("cell", "time"), np.ones((1, 2)))},
        coords={
            "lat": ("cell", [45.0]),
            "lon": ("cell", [5.0]),
            "time": pd.date_range("2007-01-01", periods=2),
        },
    )
    dataset.to_zarr(path, zarr_format=2, consolidated=True)
    metadata = json.loads((path / ".zmetadata").read_text())
    array = dict(metadata["metadata"]["lat/.zarray"], shape=[], chunks=[])
    metadata["metadata"][f"{name}/.zarray"] = array
    metadata["metadata"][f"{name}/.zattrs"] = {"_ARRAY_DIMENSIONS": []}
    (path / ".zmetadata").write_text(json.dumps(metadata))
    return path


class TestFormats:
    @pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4", "NETCDF4_CLASSIC"])
    def test_every_kind_of_netcdf_opens(self, make_points: Points, tmp_path: Path, form: str) -> None:
        dataset = make_points()
        source = opened(dataset, tmp_path, format=form)
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])
        assert source.formats == ("NetCDF",)

    def test_netcdf_5_opens(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4)
        with netCDF4.Dataset(tmp_path / "data.nc", "w", format="NETCDF3_64BIT_DATA") as file:
            for dim, size in dataset.sizes.items():
                file.createDimension(dim, size)
            for name in ("lat", "lon", "TG1"):
                file.createVariable(name, "f8", dataset[name].dims)[:] = dataset[name].values
            time = file.createVariable("time", "i8", ("time",))
            time.units = "days since 2007-01-01"
            time[:] = np.arange(4)
        source = open_source(tmp_path / "data.nc")
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])

    @pytest.mark.parametrize("version", [2, 3])
    @pytest.mark.parametrize("consolidated", [True, False])
    def test_every_kind_of_zarr_opens(
        self, make_points: Points, tmp_path: Path, version: int, *, consolidated: bool
    ) -> None:
        dataset = make_points()
        with warnings.catch_warnings():
            # zarr-python warns that consolidated metadata of version 3 are its own invention.
            warnings.simplefilter("ignore")
            dataset.to_zarr(tmp_path / "data", zarr_format=version, consolidated=consolidated)
        source = open_source(tmp_path / "data")
        np.testing.assert_array_equal(source.dataset["TG1"], dataset["TG1"])
        assert source.formats == ("Zarr",)

    def test_content_decides_not_the_name(self, make_points: Points, tmp_path: Path) -> None:
        make_points().to_netcdf(tmp_path / "data.txt")
        make_points().to_zarr(tmp_path / "data.nc", consolidated=False)
        assert open_source(tmp_path / "data.txt").formats == ("NetCDF",)
        assert open_source(tmp_path / "data.nc").formats == ("Zarr",)

    def test_files_without_checksums_are_noted_as_unverifiable(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points()
        dataset.to_netcdf(tmp_path / "plain.nc")
        dataset.to_netcdf(tmp_path / "sure.nc", encoding={"TG1": {"fletcher32": True, "chunksizes": (3, 800)}})
        assert [problem.code for problem in open_source(tmp_path / "plain.nc").problems] == ["no_checksum"]
        assert open_source(tmp_path / "sure.nc").problems == ()


@dataclass(frozen=True)
class Wrong:
    remedy: dict[str, object]
    code: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong({"code": "make_it_better"}, "unknown_remedy"),
        Wrong({}, "unknown_remedy"),
        Wrong({"code": "repeated_times", "how": "drop"}, "bad_remedy"),
        Wrong({"code": "declare_missing", "variable": "TG1"}, "bad_remedy"),
        Wrong({"code": "declare_missing", "variable": "TG1", "value": "-999"}, "bad_remedy"),
        Wrong({"code": "declare_missing", "variable": "TG9", "value": -999}, "unknown_variable"),
    ],
)
def test_remedies_that_cannot_be_applied_are_refused(make_points: Points, tmp_path: Path, wrong: Wrong) -> None:
    make_points(n_times=3).to_netcdf(tmp_path / "data.nc")
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / "data.nc", remedies=[wrong.remedy])
    assert caught.value.problems[0].code == wrong.code


def test_all_remedies_of_an_opened_source_can_be_given_back(make_grid: Grid, tmp_path: Path) -> None:
    dataset = make_grid(lon=[0.0, 359.0]).isel(time=[1, 0, 2, 2])
    first = opened(dataset, tmp_path)
    again = open_source(tmp_path / "data.nc", remedies=json.loads(json.dumps(first.remedies)))
    assert again.remedies == first.remedies
    assert again.dataset.identical(first.dataset.load())


def test_opening_reads_no_values_but_those_of_coordinates(make_points: Points, tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    make_points().to_zarr(path, consolidated=False)
    for chunk in (path / "TG1" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    source = open_source(path)
    assert source.dataset.sizes == {"space": 3, "time": 800}
    assert [problem.code for problem in check_dataset(source.dataset)] == ["unreadable_values"]
