"""Real files: the five cells, the peer's pickle, and those of iris-sample-data."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from motrain_app.data import DataError, check_dataset, open_dataset, open_source, unstack_grid

OUTPUTS_AND_INPUTS = ["sig", "slop", "curv", "TG1", "TG2", "TG3", "WG1", "WG2", "WG3", "BIOMA1", "BIOMA2"]


def test_the_five_cells_open_as_they_are(shared_data: Path) -> None:
    opened = open_source(shared_data / "ascat_isba_5cells.nc")
    own = xr.load_dataset(shared_data / "ascat_isba_5cells.nc")
    assert opened.dataset.sizes == {"space": 5, "time": 8506}
    assert list(opened.dataset.data_vars) == OUTPUTS_AND_INPUTS
    for name in OUTPUTS_AND_INPUTS:
        np.testing.assert_array_equal(opened.dataset[name], own[name])
    np.testing.assert_array_equal(opened.dataset["time"], own["time"])
    assert opened.remedies == ()
    assert opened.dataset["sig"].attrs["units"] == "dB"


def test_the_check_of_the_five_cells_counts_their_gaps_and_finds_nothing_false(shared_data: Path) -> None:
    problems = check_dataset(open_dataset(shared_data / "ascat_isba_5cells.nc"))
    assert {(problem.severity, problem.code) for problem in problems} == {("note", "gaps")}
    own = xr.load_dataset(shared_data / "ascat_isba_5cells.nc")
    assert {problem.where: problem.count for problem in problems} == {
        name: int(own[name].isnull().sum()) for name in OUTPUTS_AND_INPUTS
    }


def test_the_pickle_of_the_peer_is_refused_with_advice(shared_data: Path) -> None:
    with pytest.raises(DataError, match="never opened") as caught:
        open_source(shared_data / "motrainer_example.pickle")
    (problem,) = caught.value.problems
    assert problem.code == "pickle"
    assert "to_netcdf" in problem.remedy
    assert "to_zarr" in problem.remedy


def test_a_table_is_refused_with_advice(shared_data: Path) -> None:
    with pytest.raises(DataError, match="to_xarray"):
        open_source(shared_data / "vesper_lst_errors.csv")


def test_two_scenarios_of_360_days_a_year_lie_side_by_side_on_north_america(iris_data: Path) -> None:
    opened = open_source([iris_data / "A1B_north_america.nc", iris_data / "E1_north_america.nc"])
    data = opened.dataset
    assert list(data.data_vars) == ["air_temperature_A1B_north_america", "air_temperature_E1_north_america"]
    assert data.sizes == {"space": 37 * 49, "time": 240}
    assert data["time"].values[[0, -1]].astype("datetime64[D]").astype(str).tolist() == [
        "1860-06-01",
        "2099-06-01",
    ]
    assert (data["lon"].min(), data["lon"].max()) == (-135.0, -45.0)
    # The Great Plains in June are warm, Hudson Bay is not.
    june = data["air_temperature_A1B_north_america"].mean("time")
    plains, bay = (np.argmin(np.hypot(data["lat"].data - n, data["lon"].data - e)) for n, e in ((40, -98), (59, -86)))
    assert june[plains] > june[bay] + 10
    with xr.open_dataset(iris_data / "E1_north_america.nc") as own:
        np.testing.assert_array_equal(
            unstack_grid(data)["air_temperature_E1_north_america"], own["air_temperature"].values
        )
    assert "convert_calendar" in {remedy["code"] for remedy in opened.remedies}
    assert {problem.severity for problem in opened.problems} == {"note"}


def test_longitudes_of_a_whole_ring_are_wrapped(iris_data: Path) -> None:
    data = open_dataset(iris_data / "ostia_monthly.nc")
    assert data.sizes == {"space": 18 * 432, "time": 54}
    with xr.open_dataset(iris_data / "ostia_monthly.nc") as own:
        west = own["surface_temperature"].sel(latitude=own["latitude"][3], longitude=270.0, method="nearest")
        east = float(west["longitude"]) - 360
        (cell,) = np.flatnonzero((data["lat"] == float(own["latitude"][3])) & (np.abs(data["lon"] - east) < 1e-6))
        np.testing.assert_array_equal(data["surface_temperature"][cell], west)


def test_a_curvilinear_snapshot_opens(iris_data: Path) -> None:
    data = open_dataset(iris_data / "orca2_votemper.nc")
    assert data["votemper"].sizes == {"space": 148 * 180, "time": 1}
    with xr.open_dataset(iris_data / "orca2_votemper.nc", decode_times=False) as own:
        np.testing.assert_array_equal(unstack_grid(data)["votemper"][0], own["votemper"])


def test_a_projected_image_opens_by_its_latitudes(iris_data: Path) -> None:
    data = open_dataset(iris_data / "toa_brightness_stereographic.nc")
    assert data["data"].sizes == {"space": 160 * 256, "time": 1}
    assert float(data["lat"].min()) > 16


def test_three_months_of_an_ocean_model_are_one_series(iris_data: Path) -> None:
    paths = sorted((iris_data / "NEMO").glob("*.nc"))
    data = open_dataset(paths)
    assert data["tos"].sizes == {"space": 330 * 360, "time": 3}
    assert data["time"].values.astype("datetime64[D]").astype(str).tolist() == [
        "2015-01-16",
        "2015-02-16",
        "2015-03-16",
    ]
    for number, path in enumerate(paths):
        with xr.open_dataset(path, decode_times=False) as own:
            np.testing.assert_array_equal(unstack_grid(data)["tos"][number], own["tos"][0])


@pytest.mark.parametrize(
    ("name", "code", "advice"),
    [
        ("atlantic_profiles.nc", "further_dimensions", "depth"),
        ("rotated_pole.nc", "rotated_grid", "setgridtype"),
        ("hybrid_height.nc", "rotated_grid", "setgridtype"),
        ("SOI_Darwin.nc", "no_coordinates", "latitude"),
        ("mesh_C4_synthetic_float.nc", "no_time", "days since"),
        ("space_weather.nc", "no_cells", "coordinates"),
        ("polar_stereo.grib2", "grib", "cdo"),
        ("air_temp.pp", "unknown_format", "NetCDF"),
        ("NAME_output.txt", "text", "NetCDF"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_right_advice(
    iris_data: Path, name: str, code: str, advice: str
) -> None:
    with pytest.raises(DataError) as caught:
        open_source(iris_data / name)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert advice in problem.sentence
