"""Intervals of operators: around h(x), by season, on arrays and datasets, kept in files bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from motrain_app.operators import Operator, OperatorError
from motrain_app.operators.calibration import calibrate
from motrain_app.operators.seasons import season_of

DAYS = np.arange("2010-01-01", "2013-01-01", dtype="datetime64[D]")


@pytest.fixture
def quantiles():
    """Of two outputs whose spread differs from season to season."""
    random = np.random.default_rng(4)
    width = np.array([[1.0, 2, 3, 4], [0.04, 0.03, 0.02, 0.01]])[:, season_of(DAYS)]
    return calibrate(width * random.standard_normal(width.shape), DAYS)


@pytest.fixture
def h(make_operator, quantiles):
    return replace(make_operator(hidden=(5,), activation="tanh"), residuals=quantiles)


@pytest.fixture
def times(states):
    """A time for each state, over all seasons."""
    return np.datetime64("2020-01-10") + 10 * np.arange(len(states)).astype("timedelta64[D]")


def test_the_ends_lie_around_h_as_the_season_says(h, states, times, quantiles):
    low, high = h.interval(states, times, level=0.8)
    assert low.shape == high.shape == (40, 2)
    y, offsets = h(states), quantiles.offsets(0.8)
    for row, season in enumerate(season_of(times)):
        np.testing.assert_array_equal(low[row], y[row] + offsets[:, season, 0])
        np.testing.assert_array_equal(high[row], y[row] + offsets[:, season, 1])
    assert len(set(season_of(times))) == 4


def test_nine_tenths_are_what_is_meant_by_default(h, states, times):
    for one, other in zip(h.interval(states, times), h.interval(states, times, level=0.9), strict=True):
        np.testing.assert_array_equal(one, other)


def test_there_is_no_interval_where_there_is_no_prediction(h, states, times, make_operator, quantiles):
    strict = replace(make_operator(filters=["TG1 > 285"]), residuals=quantiles)
    gappy = states.copy()
    gappy[5, 2] = np.nan
    for end in strict.interval(gappy, times):
        np.testing.assert_array_equal(np.isnan(end), np.isnan(strict(gappy)))
        assert np.isfinite(end).any()


def test_no_rows_give_no_rows(h):
    low, high = h.interval(np.zeros((0, 3)), np.zeros(0, "datetime64[D]"))
    assert low.shape == high.shape == (0, 2)


def test_a_dataset_gives_the_same_kind_with_two_variables_an_output(h, states, times):
    names = ("TG1", "WG1", "LAI")
    fields = xr.Dataset(
        {name: (("space", "time"), states[:, n].reshape(4, 10)) for n, name in enumerate(names)},
        coords={"time": times[::4].astype("datetime64[ns]"), "lat": ("space", np.arange(4.0)), "run": 3},
    )
    found = h.interval(fields, level=0.8)
    assert list(found.data_vars) == ["sig_low", "sig_high", "slop_low", "slop_high"]
    xr.testing.assert_identical(found.coords.to_dataset(), h(fields).coords.to_dataset())
    low, high = h.interval(states, np.tile(times[::4], 4), level=0.8)
    for number, name in enumerate(("sig", "slop")):
        assert found[f"{name}_low"].dims == ("space", "time")
        assert found[f"{name}_low"].attrs == {"units": h.outputs[number].unit, "level": 0.8}
        np.testing.assert_allclose(found[f"{name}_low"], low[:, number].reshape(4, 10), rtol=1e-14)
        np.testing.assert_allclose(found[f"{name}_high"], high[:, number].reshape(4, 10), rtol=1e-14)


def test_states_without_time_have_an_interval_for_each_time_of_the_dataset(h, states, times):
    fields = xr.Dataset(
        {name: ("space", states[:, n]) for n, name in enumerate(("TG1", "WG1", "LAI"))},
        coords={"time": times[:20:5].astype("datetime64[ns]")},
    )
    found = h.interval(fields)
    assert found["sig_low"].dims == ("space", "time")
    low, _ = h.interval(states, [times[5]] * 40)
    np.testing.assert_allclose(found["sig_low"][:, 1], low[:, 0], rtol=1e-14)


def test_one_time_for_all_is_a_time(h, states, times):
    fields = xr.Dataset(
        {name: ("space", states[:, n]) for n, name in enumerate(("TG1", "WG1", "LAI"))},
        coords={"time": times[0].astype("datetime64[ns]")},
    )
    np.testing.assert_allclose(h.interval(fields)["slop_high"], h.interval(states, [times[0]] * 40)[1][:, 1])


def test_a_dataset_says_which_seasons_have_no_interval_of_their_own(make_operator, states, times):
    random, summer = np.random.default_rng(0), season_of(DAYS) == 2
    residual = random.standard_normal((2, len(DAYS)))
    residual[0, summer] = np.nan
    residual[1, 15:] = np.nan
    h = replace(make_operator(), residuals=calibrate(residual, DAYS))
    fields = xr.Dataset(
        {name: ("time", states[:, n]) for n, name in enumerate(("TG1", "WG1", "LAI"))}, coords={"time": times}
    )
    found = h.interval(fields)
    assert found["sig_low"].attrs["comment"] == "Interval of the whole year in JJA: too few residuals of the season."
    assert found["slop_low"].attrs["comment"].startswith("No interval in DJF, MAM, JJA, SON")
    assert np.isnan(found["slop_high"]).all()


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (None, "An interval depends on the season. Pass the time of each row"),
        (["2010-01-01"] * 39, "one time for each of the 40 rows"),
        (["2010-01-01"] * 39 + ["NaT"], "none missing"),
        (["x"] * 40, "cannot be read as dates"),
    ],
)
def test_a_time_is_needed_for_each_row(h, states, time, words):
    with pytest.raises(OperatorError, match=words):
        h.interval(states, time)


def test_a_dataset_brings_its_own_time(h, states, times):
    fields = xr.Dataset({name: ("time", states[:, n]) for n, name in enumerate(("TG1", "WG1", "LAI"))})
    with pytest.raises(OperatorError, match="the dataset needs a time coordinate"):
        h.interval(fields)
    with pytest.raises(OperatorError, match="brings its own time"):
        h.interval(fields.assign_coords(time=times), times)


def test_without_residuals_there_is_no_interval(make_operator, states, times):
    with pytest.raises(OperatorError, match="'cell-0' knows no out-of-fold residuals"):
        make_operator().interval(states, times)


def test_a_level_that_is_none_is_refused(h, states, times):
    with pytest.raises(OperatorError, match="level is 95"):
        h.interval(states, times, level=95)


def test_residuals_of_other_outputs_are_refused(make_operator, quantiles):
    with pytest.raises(OperatorError, match="those of other outputs"):
        replace(make_operator(), outputs=make_operator().outputs[:1], residuals=quantiles, members=_one_output())


def _one_output():
    from motrain_app.operators import Member

    one = np.ones(1)
    return (Member("2010", (np.ones((1, 3)),), (one,), *[np.ones(3)] * 4, one, one),)


# Files


def test_quantiles_come_back_bit_by_bit(h, states, times, tmp_path):
    again = Operator.load(h.save(tmp_path / "h.safetensors"))
    for name, array in h.residuals.to_arrays().items():
        loaded = again.residuals.to_arrays()[name]
        assert (loaded.dtype, loaded.shape, loaded.tobytes()) == (array.dtype, array.shape, array.tobytes())
    for one, other in zip(again.interval(states, times), h.interval(states, times), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_operator_without_residuals_is_saved_as_it_was_before_there_were_any(make_operator, h, tmp_path):
    plain = make_operator().save(tmp_path / "plain.safetensors")
    assert b"residuals" not in plain.read_bytes()
    assert Operator.load(plain).residuals is None
    assert len(h.save(tmp_path / "h.safetensors").read_bytes()) - len(plain.read_bytes()) < 6000


def test_a_changed_bit_of_a_quantile_is_noticed(h, tmp_path):
    path = h.save(tmp_path / "h.safetensors")
    content = bytearray(path.read_bytes())
    place = content.find(h.residuals.knots.tobytes())
    assert place > 0
    content[place + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(OperatorError, match="checksum"):
        Operator.load(path)
