"""Several files opened as one: over successive times, side by side, or refused in words."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.data import DataError, open_dataset, open_source

Points = Callable[..., xr.Dataset]
Grid = Callable[..., xr.Dataset]


def save(dataset: xr.Dataset, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    dataset.to_netcdf(path)
    return path


def refusal(paths: list[Path]) -> str:
    with pytest.raises(DataError) as caught:
        open_source(paths)
    (problem,) = caught.value.problems
    return problem.code


class TestSuccessiveTimes:
    def test_ten_daily_files_are_one_series_in_any_order(self, make_grid: Grid, tmp_path: Path) -> None:
        dataset = make_grid(n_times=10)
        paths = [save(dataset.isel(time=[day]), tmp_path / f"day_{day}.nc") for day in range(10)]
        opened = open_source(paths[::-1])
        save(dataset, tmp_path / "all.nc")
        xr.testing.assert_equal(opened.dataset.compute(), open_dataset(tmp_path / "all.nc").compute())
        assert {"code": "concatenate_files", "count": 10} in opened.remedies

    def test_constant_fields_are_taken_once(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=4).assign(elevation=("station", [1.0, 2.0, 3.0]))
        paths = [save(dataset.isel(time=part), tmp_path / f"y{part.start}.nc") for part in (slice(0, 2), slice(2, 4))]
        ours = open_dataset(paths)
        assert ours["elevation"].values.tolist() == [1.0, 2.0, 3.0]
        np.testing.assert_array_equal(ours["TG1"], dataset["TG1"])

    def test_a_variable_that_one_file_lacks_is_missing_there_and_told(
        self, make_points: Points, tmp_path: Path
    ) -> None:
        dataset = make_points(n_times=4).assign(sig=(("station", "time"), np.ones((3, 4))))
        first = save(dataset.isel(time=[0, 1]), tmp_path / "a.nc")
        second = save(dataset.isel(time=[2, 3]).drop_vars("sig"), tmp_path / "b.nc")
        opened = open_source([first, second])
        assert np.isnan(opened.dataset["sig"].values).tolist() == [[False, False, True, True]] * 3
        assert "variable_missing_in_file" in {problem.code for problem in opened.problems}

    def test_an_overlap_of_one_day_is_kept_apart_and_told(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=9)
        paths = [save(dataset.isel(time=slice(*ends)), tmp_path / f"{ends[0]}.nc") for ends in ((0, 5), (4, 9))]
        opened = open_source(paths)
        assert opened.dataset.sizes["time"] == 10
        assert {"code": "repeated_times", "how": "shift", "count": 1} in opened.remedies
        averaged = open_dataset(paths, remedies=[{"code": "repeated_times", "how": "average"}])
        np.testing.assert_array_equal(averaged["TG1"], dataset["TG1"])

    def test_different_units_are_refused(self, make_points: Points, tmp_path: Path) -> None:
        first, second = make_points(n_times=2), make_points(n_times=2, start="2008-01-01")
        second["TG1"].attrs["units"] = "degC"
        assert refusal([save(first, tmp_path / "a.nc"), save(second, tmp_path / "b.nc")]) == "units_differ"

    def test_mostly_the_same_times_are_refused(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=10)
        paths = [save(dataset, tmp_path / "a.nc"), save(dataset.isel(time=slice(1, None)), tmp_path / "b.nc")]
        assert refusal(paths) == "sources_overlap"


class TestSideBySide:
    def test_different_variables_keep_their_names(self, make_points: Points, tmp_path: Path) -> None:
        model, satellite = make_points(n_times=5), make_points(n_times=5, name="sig")
        ours = open_dataset([save(model, tmp_path / "model.nc"), save(satellite, tmp_path / "satellite.nc")])
        assert list(ours.data_vars) == ["TG1", "sig"]

    def test_equal_names_get_the_names_of_their_files_as_identifiers(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=5)
        paths = [save(dataset, tmp_path / "ERA 5.v1.nc"), save(dataset + 1, tmp_path / "isba-ol.nc")]
        ours = open_dataset(paths)
        assert list(ours.data_vars) == ["TG1_ERA_5_v1", "TG1_isba_ol"]
        assert all(name.isidentifier() for name in ours.data_vars)
        np.testing.assert_array_equal(ours["TG1_isba_ol"], dataset["TG1"] + 1)

    def test_files_of_the_same_name_get_the_names_of_their_folders(self, make_points: Points, tmp_path: Path) -> None:
        dataset = make_points(n_times=5)
        paths = [save(dataset, tmp_path / "a" / "data.nc"), save(dataset, tmp_path / "b" / "data.nc")]
        assert list(open_dataset(paths).data_vars) == ["TG1_a_data", "TG1_b_data"]

    def test_two_variables_in_two_years_each_are_four_files_and_one_dataset(
        self, make_points: Points, tmp_path: Path
    ) -> None:
        paths = [
            save(make_points(n_times=365, start=f"{year}-01-01", name=name), tmp_path / f"{name}_{year}.nc")
            for name in ("TG1", "sig")
            for year in (2007, 2009)
        ]
        ours = open_dataset(paths)
        assert ours.sizes == {"space": 3, "time": 730}
        assert not ours.to_array().isnull().any()

    def test_another_order_of_the_same_cells_is_recognised(self, make_grid: Grid, tmp_path: Path) -> None:
        one = make_grid()
        two = make_grid().rename(TG1="WG1").sortby("lat").transpose("lon", "lat", "time")
        opened = open_source([save(one, tmp_path / "a.nc"), save(two, tmp_path / "b.nc")])
        np.testing.assert_array_equal(opened.dataset["TG1"], opened.dataset["WG1"])
        assert "reorder_cells" in {remedy["code"] for remedy in opened.remedies}

    def test_longitudes_of_0_360_and_of_180_180_are_the_same_cells(self, make_grid: Grid, tmp_path: Path) -> None:
        one = make_grid(lon=[-10.0, 0.0, 10.0])
        two = make_grid(lon=[350.0, 0.0, 10.0]).rename(TG1="WG1")
        ours = open_dataset([save(one, tmp_path / "a.nc"), save(two, tmp_path / "b.nc")])
        np.testing.assert_array_equal(ours["TG1"], ours["WG1"])

    def test_the_same_cell_on_both_sides_of_the_antimeridian_is_recognised(
        self, make_grid: Grid, tmp_path: Path
    ) -> None:
        one, two = make_grid(lon=[179.9998]), make_grid(lon=[-179.9999]).rename(TG1="WG1")
        ours = open_dataset([save(one, tmp_path / "a.nc"), save(two, tmp_path / "b.nc")])
        np.testing.assert_array_equal(ours["TG1"], ours["WG1"])

    def test_a_constant_field_is_opened_with_a_series(self, make_grid: Grid, tmp_path: Path) -> None:
        series = make_grid()
        field = series.isel(time=0, drop=True).rename(TG1="elevation")
        ours = open_dataset([save(field, tmp_path / "elevation.nc"), save(series, tmp_path / "series.nc")])
        assert ours["elevation"].dims == ("space",)
        assert ours["TG1"].dims == ("space", "time")

    def test_a_series_of_no_place_is_opened_with_one_of_places(self, make_points: Points, tmp_path: Path) -> None:
        series = make_points(n_times=5)
        index = xr.Dataset({"SOI": ("time", np.arange(5.0))}, coords={"time": series["time"]})
        ours = open_dataset([save(series, tmp_path / "series.nc"), save(index, tmp_path / "index.nc")])
        assert ours["SOI"].dims == ("time",)

    def test_different_times_are_united_and_told(self, make_points: Points, tmp_path: Path) -> None:
        model = make_points(n_times=6)
        satellite = make_points(n_times=6, name="sig").isel(time=slice(2, None))
        opened = open_source([save(model, tmp_path / "model.nc"), save(satellite, tmp_path / "satellite.nc")])
        assert opened.dataset.sizes["time"] == 6
        assert np.isnan(opened.dataset["sig"].values[0]).tolist() == [True, True, False, False, False, False]
        np.testing.assert_array_equal(opened.dataset["TG1"], model["TG1"])
        (problem,) = (problem for problem in opened.problems if problem.code == "unite_times")
        assert (problem.severity, problem.count) == ("warning", 2)

    def test_no_common_time_is_refused(self, make_points: Points, tmp_path: Path) -> None:
        model = save(make_points(n_times=6), tmp_path / "model.nc")
        satellite = save(make_points(n_times=6, start="2015-06-01", name="sig"), tmp_path / "satellite.nc")
        assert refusal([model, satellite]) == "sources_do_not_overlap"

    @pytest.mark.parametrize("cells", [2, 3])
    def test_other_cells_are_refused(self, make_points: Points, tmp_path: Path, cells: int) -> None:
        other = make_points(n_cells=cells, n_times=5, name="sig")
        other["lat"] = other["lat"] + 0.5
        paths = [save(make_points(n_times=5), tmp_path / "model.nc"), save(other, tmp_path / "satellite.nc")]
        assert refusal(paths) == "grids_differ"

    def test_the_same_file_named_twice_is_used_once(self, make_points: Points, tmp_path: Path) -> None:
        path = save(make_points(n_times=5), tmp_path / "data.nc")
        opened = open_source([path, tmp_path / "." / "data.nc"])
        assert list(opened.dataset.data_vars) == ["TG1"]
        assert "same_file_twice" in {problem.code for problem in opened.problems}

    def test_what_all_files_share_is_told_once(self, make_points: Points, tmp_path: Path) -> None:
        paths = [
            save(make_points(n_times=5, start=str(day.date())), tmp_path / f"{day.date()}.nc")
            for day in pd.date_range("2007-01-01", periods=8, freq="5D")
        ]
        problems = open_source(paths).problems
        assert [problem.code for problem in problems] == ["no_checksum"]
        assert "and 5 more" in problems[0].where
