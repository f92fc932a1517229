"""Writes files that open but whose positions, times or variables cannot be used."""

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from tests.data.hostile_files import points, refused_as, saved


@refused_as("no_coordinates")
def no_latitude_longitude_or_time(folder: Path) -> Path:
    return saved(xr.Dataset({"TG1": (("y", "x"), np.zeros((3, 4)))}), folder)


@refused_as("no_coordinates")
def a_time_series_of_no_place(folder: Path) -> Path:
    return saved(points().isel(cell=0).drop_vars(["lat", "lon"]), folder)


@refused_as("one_coordinate_missing")
def no_longitude(folder: Path) -> Path:
    return saved(points().drop_vars("lon"), folder)


@refused_as("text_coordinates")
def latitudes_as_text(folder: Path) -> Path:
    return saved(points().assign_coords(lat=("cell", ["45N", "46N"])), folder)


@refused_as("coordinates_not_degrees")
def metres_called_latitude(folder: Path) -> Path:
    return saved(points().assign_coords(lat=("cell", [5e6, 6e6]), lon=("cell", [1e5, 2e5])), folder)


@refused_as("no_cells")
def no_cell_with_a_position(folder: Path) -> Path:
    return saved(points().assign_coords(lat=("cell", [np.nan, np.inf])), folder)


@refused_as("no_cells")
def no_cells_at_all(folder: Path) -> Path:
    return saved(points(n_cells=0), folder)


@refused_as("projected_grid")
def a_projection_without_latitudes(folder: Path) -> Path:
    axes = {name: (name, np.arange(3.0), {"standard_name": f"projection_{name}_coordinate"}) for name in "xy"}
    return saved(xr.Dataset({"TG1": (("y", "x"), np.zeros((3, 3)))}, coords=axes), folder)


@refused_as("rotated_grid")
def a_rotated_pole_without_latitudes(folder: Path) -> Path:
    axes = {
        "rlat": ("rlat", np.arange(3.0), {"standard_name": "grid_latitude", "units": "degrees"}),
        "rlon": ("rlon", np.arange(3.0), {"standard_name": "grid_longitude", "units": "degrees"}),
    }
    return saved(xr.Dataset({"TG1": (("rlat", "rlon"), np.zeros((3, 3)))}, coords=axes), folder)


@refused_as("trajectory")
def a_ship_track(folder: Path) -> Path:
    dataset = points().isel(cell=0)
    track = {"lat": ("time", np.linspace(40, 50, 10)), "lon": ("time", np.linspace(0, 9, 10))}
    return saved(dataset.drop_vars(["lat", "lon"]).assign_coords(track), folder)


@refused_as("moving_grid")
def a_moving_nest(folder: Path) -> Path:
    where = np.arange(24.0).reshape(2, 3, 4)
    dataset = xr.Dataset(
        {"T2": (("time", "y", "x"), where)},
        coords={
            "time": np.array(["2007-01-01", "2007-01-02"], dtype="datetime64[ns]"),
            "XLAT": (("time", "y", "x"), where, {"units": "degree_north"}),
            "XLONG": (("time", "y", "x"), where, {"units": "degree_east"}),
        },
    )
    return saved(dataset, folder)


@refused_as("ragged")
def ragged_series(folder: Path) -> Path:
    dataset = xr.Dataset(
        {
            "TG1": ("obs", np.arange(7.0)),
            "row_size": ("station", [3, 4], {"sample_dimension": "obs"}),
            "time": ("obs", np.arange(7.0), {"units": "days since 2000-01-01"}),
            "lat": ("station", [45.0, 46.0]),
            "lon": ("station", [5.0, 6.0]),
        }
    )
    return saved(dataset, folder)


@refused_as("nothing_in_space")
def ragged_series_without_attributes(folder: Path) -> Path:
    path = ragged_series(folder)
    dataset = xr.load_dataset(path, decode_times=False).drop_vars("row_size")
    return saved(dataset, folder)


@refused_as("further_dimensions")
def depths(folder: Path) -> Path:
    return saved(points().expand_dims(depth=[5.0, 10.0]), folder)


@refused_as("no_time")
def a_constant_field(folder: Path) -> Path:
    return saved(points().isel(time=0, drop=True), folder)


@refused_as("time_without_values")
def a_time_dimension_without_times(folder: Path) -> Path:
    return saved(points().drop_vars("time"), folder)


@refused_as("times_of_each_cell")
def times_that_differ_from_cell_to_cell(folder: Path) -> Path:
    dataset = points()
    times = dataset["time"].values + np.array([[0], [1]], dtype="timedelta64[h]")
    return saved(dataset.drop_vars("time").rename(time="obs").assign(time=(("cell", "obs"), times)), folder)


@refused_as("no_times")
def no_time_steps(folder: Path) -> Path:
    return saved(points(n_times=0), folder, encoding={"time": {"units": "days since 2000-01-01"}})


def timed(folder: Path, values: object, **attributes: str) -> Path:
    """The points with other times."""
    time = xr.Variable("time", np.asarray(values), attributes)
    return saved(points(n_times=len(time)).assign_coords(time=time), folder)


@refused_as("time_without_units")
def times_that_only_count(folder: Path) -> Path:
    return timed(folder, np.arange(10))


@refused_as("time_without_units")
def times_in_days_since_nothing(folder: Path) -> Path:
    return timed(folder, np.arange(10), units="days")


@refused_as("time_units")
def half_months_since_a_date(folder: Path) -> Path:
    return timed(folder, np.arange(10) + 0.5, units="months since 1960-01-01")


@refused_as("time_units")
def months_since_the_end_of_a_month(folder: Path) -> Path:
    return timed(folder, np.arange(10), units="months since 1960-01-31")


@refused_as("time_units")
def days_since_no_date(folder: Path) -> Path:
    return timed(folder, np.arange(10), units="days since the flood")


@refused_as("unknown_calendar")
def a_calendar_of_mars(folder: Path) -> Path:
    return timed(folder, np.arange(10), units="days since 2000-01-01", calendar="martian")


@refused_as("ambiguous_times")
def days_that_may_be_months(folder: Path) -> Path:
    return timed(folder, ["01/02/2007", "03/04/2007"])


@refused_as("unreadable_times")
def times_in_words(folder: Path) -> Path:
    return timed(folder, ["yesterday", "today"])


@refused_as("unreadable")
def a_scale_factor_that_is_text(folder: Path) -> Path:
    path = saved(points(), folder)
    with h5py.File(path, "a") as file:
        file["TG1"].attrs["scale_factor"] = "ten"
    return path
