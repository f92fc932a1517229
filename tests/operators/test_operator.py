"""Operators on arrays and datasets: the members' mean, cross-fit, filters, range, spread."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.operators import EnsembleMember, Operator, OperatorError

TIME = np.arange("2009-07-01", "2013-07-01", dtype="datetime64[D]")[::40]


@pytest.fixture
def fields(states):
    """A dataset of states on (member, space, time), each input on dims of its own."""
    random = np.random.default_rng(2)
    shape = (2, 3, len(TIME))
    return xr.Dataset(
        {
            "TG1": (("ensemble", "space", "time"), 285 + 9 * random.normal(size=shape), {"units": "K"}),
            "WG1": (("space", "time"), (0.25 + 0.05 * random.normal(size=shape[1:])).astype(np.float32)),
            "LAI": (("time",), 1 + random.random(len(TIME)), {"units": "m2 m-2"}),
            "flag": (("space",), np.array([0, 4, 5])),
        },
        coords={
            "time": TIME.astype("datetime64[ns]"),
            "lat": ("space", [40.0, 45, 50]),
            "lon": ("space", [5.0, 6, 7]),
            "ensemble": [1, 2],
            "obs_time": (("space", "time"), np.zeros(shape[1:])),
        },
    )


def states_at(fields, **where):
    """One state out of the fields."""
    inputs = (fields[name] for name in ("TG1", "WG1", "LAI"))
    return np.array([float(field.isel({d: i for d, i in where.items() if d in field.dims})) for field in inputs])


# Arrays


def test_h_is_the_mean_of_its_members(make_operator, states):
    h = make_operator(hidden=(5,), activation="tanh")
    y = h(states)
    assert y.shape == (40, 2)
    for row, state in enumerate(states):
        one_by_one = [member.predict(state[:, None])[:, 0] for member in h.members]
        np.testing.assert_allclose(y[row], sum(one_by_one) / 3, rtol=1e-13)


@pytest.mark.parametrize("together", [5, 6, 7])
def test_rounding_carries_no_mean_beyond_the_bounds_of_its_members(make_member, make_operator, states, together):
    bounds = {"output_low": np.array([0.47, -np.inf]), "output_high": np.array([0.81, 0.1])}
    members = [make_member(str(year), hidden=(5,), **bounds) for year in range(together)]
    wild = 1e6 * (states - states.mean(axis=0))
    for said in (make_operator(members=members)(wild), EnsembleMember(tuple(members)).predict(wild.T).T):
        assert 0.47 == said[:, 0].min() < said[:, 0].max() == 0.81
        assert said[:, 1].min() < -1 < said[:, 1].max() <= 0.1


def test_members_of_different_architectures_act_together(make_operator, make_member, states):
    members = [
        make_member("2010"),
        make_member("2011", features="quadratic"),
        make_member("2012", hidden=(8, 3), activation="tanh", dtype=np.float32),
    ]
    h = make_operator(members=members)
    np.testing.assert_allclose(h(states), np.mean([one.predict(states.T).T for one in members], axis=0))
    np.testing.assert_allclose(
        h.jacobian(states), np.mean([np.moveaxis(one.jacobian(states.T), 2, 0) for one in members], axis=0)
    )


def test_the_jacobian_is_that_of_h(make_operator, states):
    h = make_operator(hidden=(5,), activation="tanh")
    jacobian = h.jacobian(states)
    assert jacobian.shape == (40, 2, 3)
    for number, scale in enumerate(h.members[0].input_scale):
        step = np.eye(3)[number] * 1e-5 * scale
        difference = (h(states + step) - h(states - step)) / (2e-5 * scale)
        largest = np.abs(difference).max()
        np.testing.assert_allclose(jacobian[:, :, number], difference, rtol=1e-6, atol=1e-6 * largest)


def test_crossfit_uses_the_member_that_withheld_each_time_and_else_the_mean(make_operator, states):
    h = make_operator()
    time = np.array(
        ["2009-12-31T23:59:59.999999", "2010-01-01", "2010-12-31T23", "2011-01-01", "2012-06-01", "2013-01-01"],
        "datetime64[us]",
    )
    x = states[: len(time)]
    expected = h(x)
    for row, member in ((1, 0), (2, 0), (3, 1), (4, 2)):
        expected[row] = h.members[member].predict(x[row : row + 1].T)[:, 0]
    np.testing.assert_allclose(h(x, crossfit=True, time=time), expected, rtol=1e-14)
    np.testing.assert_allclose(h(x, crossfit=True, time=[str(moment) for moment in time]), expected, rtol=1e-14)


def test_crossfit_knows_every_interval_that_a_member_left_out(make_operator, make_member, states, tmp_path):
    """As random folds have them; also from a file."""
    days = np.arange("2010-01-01", "2010-02-10", dtype="datetime64[D]")
    fold = np.random.default_rng(3).integers(0, 3, len(days))
    members = [
        make_member(str(k), seed=k, held_out=np.stack([days[fold == k], days[fold == k] + 1], axis=1)) for k in range(3)
    ]
    h = make_operator(members=members)
    expected = np.stack([members[k].predict(x[:, None])[:, 0] for k, x in zip(fold, states, strict=True)])
    noon = days + np.timedelta64(12, "h")
    for one in (h, Operator.load(h.save(tmp_path / "h.safetensors"))):
        np.testing.assert_allclose(one(states, crossfit=True, time=noon), expected, rtol=1e-14)
    outside = np.full(len(days), np.datetime64("2010-03-01"))
    np.testing.assert_array_equal(h(states, crossfit=True, time=outside), h(states))


def test_crossfit_without_folds_is_the_mean(make_operator, make_member, states):
    h = make_operator(members=[make_member("all")])
    np.testing.assert_array_equal(h(states, crossfit=True, time=["2010-01-01"] * 40), h(states))


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (None, "time of each row"),
        (["2010-01-01"] * 39, "one time for each of the 40 rows"),
        ("2010-01-01", "one time for each"),
        (["2010-01-01"] * 39 + ["NaT"], "none missing"),
        (["x"] * 40, "cannot be read as dates"),
        (np.arange(40), "plain numbers"),
        (np.arange(40) + np.int64(1_262_304_000_000_000_000), "plain numbers"),
        ([2010.5] * 40, "plain numbers"),
        (np.array([2010] * 40, object), "plain numbers"),
        (np.array([date(2010, 6, 1)] * 39 + [np.int64(2010)], object), "plain numbers"),
        (["2010-06-01T00:00+02:00"] * 40, "have a zone"),
        (["2010-06-01T00:00"] * 39 + ["2010-06-01T00:00Z"], "have a zone"),
        ([datetime(2010, 6, 1, tzinfo=UTC)] * 40, "have a zone"),
        (pd.DatetimeIndex(["2010-06-01"] * 40, tz="Europe/Vienna"), "have a zone"),
        (np.array(["2010-06-01T00:00-05"] * 40, object), "have a zone"),
    ],
)
def test_crossfit_needs_a_time_for_each_row(make_operator, states, time, words):
    with pytest.raises(OperatorError, match=words):
        make_operator()(states, crossfit=True, time=time)


def test_crossfit_takes_dates_as_text_and_as_objects(make_operator, states):
    h, expected = make_operator(), make_operator()(states, crossfit=True, time=np.full(40, np.datetime64("2011-06-01")))
    for one in (
        "2011-06-01",
        "2011-06-01T00:00:00.5",
        date(2011, 6, 1),
        datetime(2011, 6, 1),
        pd.Timestamp(2011, 6, 1),
    ):
        np.testing.assert_array_equal(h(states, crossfit=True, time=[one] * 40), expected)


def test_crossfit_is_nan_in_a_fold_without_a_member_as_the_others_have_seen_it(make_operator, states, fields, tmp_path):
    whole = make_operator()
    h = replace(whole, members=whole.members[::2], without_member=[["2011-01-01", "2012-01-01"]])
    time = np.array(["2010-06-01", "2010-12-31T23:59", "2011-01-01", "2011-12-31T23:59", "2012-01-01", "2013-01-01"])
    x = states[: len(time)]
    for one in (h, Operator.load(h.save(tmp_path / "h.safetensors"))):
        y = one(x, crossfit=True, time=time)
        assert np.isnan(y).all(axis=1).tolist() == [False, False, True, True, False, False]
        np.testing.assert_array_equal(y[[0, 1, 4]], whole(x, crossfit=True, time=time)[[0, 1, 4]])
        np.testing.assert_allclose(y[5], one(x)[5], rtol=1e-14)
        assert np.isfinite(one(x)).all()
        in_2011 = xr.DataArray(TIME.astype("datetime64[Y]") == np.datetime64("2011"), dims="time")
        assert (np.isnan(one(fields, crossfit=True)["sig"]).any(("ensemble", "space")) == in_2011.values).all()


def test_folds_without_a_member_that_are_no_intervals_are_refused(make_operator):
    with pytest.raises(OperatorError, match="folds without a member"):
        replace(make_operator(), without_member=[["2012-01-01", "2011-01-01"]])


def test_a_filter_gives_nan_where_it_fails_and_only_there(make_operator, states):
    h, free = make_operator(filters=["TG1 > 285", "LAI < 3"]), make_operator()
    y, fails = h(states), ~((states[:, 0] > 285) & (states[:, 2] < 3))
    assert 0 < fails.sum() < 40
    assert np.isnan(y[fails]).all()
    np.testing.assert_array_equal(y[~fails], free(states)[~fails])
    crossfit = h(states, crossfit=True, time=["2011-05-01"] * 40)
    assert (np.isnan(crossfit).all(axis=1) == fails).all()


def test_a_filter_sees_the_states_as_they_were_given(make_operator):
    x = np.array([[273.65, 0.2, 1.0]], np.float32)
    assert np.isfinite(make_operator(filters=["TG1 >= 273.65"])(x)).all()


def test_a_filter_on_what_is_no_input_asks_for_a_dataset(make_operator, states):
    with pytest.raises(OperatorError, match=r"needs flag, which is no input. Pass an xarray.Dataset"):
        make_operator(filters=["TG1 > 0 and flag & 4"])(states)


def test_derivatives_and_spread_do_not_depend_on_filters(make_operator, states):
    strict, free = make_operator(filters=["TG1 > 1000", "flag & 4"]), make_operator()
    np.testing.assert_array_equal(strict.jacobian(states), free.jacobian(states))
    np.testing.assert_array_equal(strict.spread(states), free.spread(states))


def test_the_spread_is_the_members_standard_deviation(make_operator, make_member, states):
    h = make_operator()
    each = np.stack([member.predict(states.T).T for member in h.members])
    np.testing.assert_allclose(h.spread(states), np.sqrt(((each - each.mean(axis=0)) ** 2).mean(axis=0)))
    assert not make_operator(members=[make_member()] * 3).spread(states).round(12).any()


def test_inside_range_is_where_every_input_lies_in_what_some_member_saw(make_operator, make_member):
    low, high = np.array([265.0, 0.02, 0.0]), np.array([310.0, 0.45, 5.0])
    wider = high + np.array([5.0, 0, 0])
    h = make_operator(members=[make_member(), make_member(input_high=wider)])
    x = np.array([low, high, wider, wider + 1, low - 1, [290, 0.2, np.nan], [290, 0.5, 1]])
    assert h.inside_range(x).tolist() == [True, True, True, False, False, False, False]


def test_the_rounding_of_staged_rows_is_no_way_out_of_the_range(make_operator, make_member):
    """Rows are staged as float32 of (value − offset), so the lowest training value is known no better."""
    state = np.array([[265.123456789, 0.2, 1.0]])
    low = np.array([np.float64(np.float32(state[0, 0] - 273.15 + 5e-6)) + 273.15, 0.02, 0.0])
    assert low[0] > state[0, 0]
    assert make_operator(members=[make_member(input_low=low)]).inside_range(state).all()


def test_missing_inputs_and_untrained_outputs_stay_nan(make_operator, make_member, states):
    h = make_operator(members=[make_member(output_mean=np.array([np.nan, 0.0]))])
    gappy = states.copy()
    gappy[5, 2] = np.nan
    y = h(gappy)
    assert np.isnan(y[:, 0]).all()
    assert np.isnan(y[:, 1]).nonzero()[0].tolist() == [5]
    assert np.isnan(h.jacobian(gappy)[5]).all()
    assert np.isnan(h.jacobian(gappy)[:, 0]).all()


@pytest.mark.parametrize(
    "x",
    [
        np.ones(3),
        np.ones((4, 2)),
        np.ones((2, 3, 3)),
        np.array([["a", "b", "c"]]),
        np.array([[1, 2, None]]),
        5.0,
        np.zeros((2, 3), "datetime64[s]"),
    ],
)
def test_states_of_the_wrong_shape_or_kind_are_refused(make_operator, x):
    with pytest.raises(OperatorError, match=r"\(n, 3\) with the columns TG1, WG1, LAI"):
        make_operator()(x)


def test_a_table_is_refused_since_its_columns_may_stand_in_any_order(make_operator, states):
    table = pd.DataFrame(states, columns=["LAI", "WG1", "TG1"])
    with pytest.raises(OperatorError, match="to_numpy"):
        make_operator()(table)


def test_no_rows_give_no_rows(make_operator):
    assert make_operator(filters=["TG1 > 0"])(np.zeros((0, 3))).shape == (0, 2)


def test_whole_numbers_are_states_too(make_operator):
    np.testing.assert_array_equal(make_operator()(np.array([[280, 0, 1]])), make_operator()(np.array([[280.0, 0, 1]])))


def test_an_operator_needs_members_that_fit(make_operator, make_member):
    h = make_operator()
    with pytest.raises(OperatorError, match="no member"):
        make_operator(members=[])
    with pytest.raises(OperatorError, match="its members have others"):
        Operator("a", h.inputs[:2], h.outputs, h.members)
    with pytest.raises(OperatorError, match="its members have others"):
        Operator("a", h.inputs, h.outputs[:1], h.members)


# Datasets


def test_further_dims_broadcast_and_coordinates_are_kept(make_operator, fields):
    h = make_operator(hidden=(4,), activation="tanh")
    y = h(fields)
    assert list(y.data_vars) == ["sig", "slop"]
    assert y["sig"].dims == ("ensemble", "space", "time")
    assert set(y.coords) == {"time", "lat", "lon", "ensemble", "obs_time"}
    xr.testing.assert_identical(y.coords.to_dataset(), fields.coords.to_dataset())
    for where in ({"ensemble": 0, "space": 0, "time": 0}, {"ensemble": 1, "space": 2, "time": 17}):
        expected = h(states_at(fields, **where)[None])[0]
        np.testing.assert_allclose([float(y[name].isel(where)) for name in ("sig", "slop")], expected, rtol=1e-13)


def test_outputs_carry_their_units(make_operator, fields):
    y = make_operator()(fields)
    assert (y["sig"].attrs, y["slop"].attrs) == ({"units": "dB"}, {"units": "dB/deg"})


def test_the_dataset_itself_is_left_alone(make_operator, fields):
    before = fields.copy(deep=True)
    make_operator(filters=["flag & 4"])(fields, crossfit=True)
    xr.testing.assert_identical(fields, before)


def test_another_unit_is_refused_and_a_missing_one_is_not(make_operator, fields):
    fields["TG1"].attrs["units"] = "degC"
    with pytest.raises(OperatorError, match=r"TG1 is in 'degC'; the operator was trained with 'K'"):
        make_operator()(fields)
    del fields["TG1"].attrs["units"]
    make_operator()(fields)


def test_absent_inputs_are_named(make_operator, fields):
    with pytest.raises(OperatorError, match=r"has no TG1, snow"):
        make_operator(filters=["snow < 1"])(fields.drop_vars("TG1"))


def test_a_filter_on_any_variable_or_coordinate_of_a_dataset(make_operator, fields):
    y = make_operator(filters=["not (flag & 1)", "lat > 42"])(fields)
    passed = np.isfinite(y["sig"]).all(dim=("ensemble", "time")).values
    failed = np.isnan(y["slop"]).all(dim=("ensemble", "time")).values
    assert passed.tolist() == [False, True, False]
    assert failed.tolist() == [True, False, True]


def test_crossfit_takes_the_time_of_the_dataset(make_operator, fields):
    h = make_operator()
    y, mean = h(fields, crossfit=True), h(fields)
    for number in range(len(TIME)):
        where = {"ensemble": 1, "space": 2, "time": number}
        year = int(str(TIME[number])[:4])
        state = states_at(fields, **where)[:, None]
        withheld = year in (2010, 2011, 2012)
        expected = h.members[year - 2010].predict(state)[0, 0] if withheld else float(mean["sig"].isel(where))
        np.testing.assert_allclose(float(y["sig"].isel(where)), expected, rtol=1e-13)


def test_crossfit_of_one_time_and_of_another_order_of_dims(make_operator, fields):
    h = make_operator()
    whole = h(fields, crossfit=True)["sig"]
    one = h(fields.isel(time=10), crossfit=True)["sig"]
    np.testing.assert_allclose(one.values, whole.isel(time=10).values, rtol=1e-13)
    turned = h(fields.transpose("time", "space", "ensemble"), crossfit=True)["sig"]
    np.testing.assert_allclose(turned.transpose(*whole.dims).values, whole.values, rtol=1e-13)


def test_crossfit_of_states_that_do_not_change_has_a_value_at_each_time(make_operator, fields):
    h = make_operator()
    still = fields[[variable.name for variable in h.inputs]].isel(time=0, drop=True).assign_coords(time=TIME)
    y = h(still, crossfit=True)["sig"]
    moving = h(still.broadcast_like(xr.DataArray(TIME, dims="time")).assign_coords(time=TIME), crossfit=True)["sig"]
    np.testing.assert_array_equal(y.transpose(*moving.dims).values, moving.values)


@pytest.mark.parametrize("dtype", ["U8", "datetime64[ns]"])
def test_what_holds_no_numbers_is_refused_by_name(make_operator, fields, dtype):
    odd = fields.assign(TG1=fields["TG1"].astype("U8") if dtype == "U8" else fields["TG1"].astype(int).astype(dtype))
    odd["TG1"].attrs = fields["TG1"].attrs
    with pytest.raises(OperatorError, match="no numbers in TG1"):
        make_operator()(odd)


def test_crossfit_of_a_dataset_without_time_is_refused(make_operator, fields):
    with pytest.raises(OperatorError, match="needs a time coordinate"):
        make_operator()(fields.isel(time=0, drop=True), crossfit=True)
    with pytest.raises(OperatorError, match="brings its own time"):
        make_operator()(fields, crossfit=True, time=TIME)


def test_a_calendar_that_is_not_the_standard_one_is_refused(make_operator, fields):
    cftime = pytest.importorskip("cftime")
    odd = fields.assign_coords(time=[cftime.Datetime360Day(2010, 2, 30)] * len(TIME))
    with pytest.raises(OperatorError, match="standard calendar"):
        make_operator()(odd, crossfit=True)


def test_lazy_fields_give_the_same(make_operator, fields):
    pytest.importorskip("dask")
    xr.testing.assert_identical(make_operator()(fields.chunk({"time": 5})).load(), make_operator()(fields))


def test_a_single_state_as_scalars(make_operator, fields):
    y = make_operator()(fields.isel(ensemble=0, space=0, time=0))
    assert y["sig"].shape == ()
    assert np.isfinite(y["sig"])


# Outputs that not every member has


@pytest.fixture
def gappy(make_operator):
    """An operator of three members, of which the second lacks the second output."""
    h = make_operator(hidden=(5,), activation="tanh")
    lacking = replace(h.members[1], output_mean=np.array([h.members[1].output_mean[0], np.nan]))
    return replace(h, members=(h.members[0], lacking, h.members[2]))


def _others(h):
    return replace(h, members=(h.members[0], h.members[2]))


def test_an_output_that_a_member_lacks_is_the_mean_of_the_others(gappy, states):
    whole = replace(
        gappy, members=(gappy.members[0], replace(gappy.members[1], output_mean=np.zeros(2)), gappy.members[2])
    )
    for say in (Operator.__call__, Operator.spread, Operator.jacobian):
        said = say(gappy, states)
        assert np.isfinite(said).all()
        np.testing.assert_allclose(said[:, 1], say(_others(gappy), states)[:, 1], rtol=1e-13)
        assert said[:, 0].shape == say(whole, states)[:, 0].shape
    np.testing.assert_allclose(
        gappy.spread(states)[:, 0], np.std([m.predict(states.T)[0] for m in gappy.members], axis=0)
    )


def test_an_output_that_no_member_has_is_nan(make_operator, states):
    h = make_operator()
    none = replace(h, members=tuple(replace(m, output_mean=np.array([m.output_mean[0], np.nan])) for m in h.members))
    assert np.isnan(none(states)[:, 1]).all()
    assert np.isnan(none.spread(states)[:, 1]).all()
    assert np.isnan(none.jacobian(states)[:, 1]).all()
    np.testing.assert_array_equal(none(states)[:, 0], h(states)[:, 0])


def test_cross_fit_asks_nobody_else_where_a_member_lacks_the_output(gappy, states):
    time = np.full(len(states), np.datetime64("2011-06-01"))
    assert np.isnan(gappy(states, crossfit=True, time=time)[:, 1]).all()
    assert np.isfinite(gappy(states, crossfit=True, time=time)[:, 0]).all()


def test_a_missing_input_and_an_infinite_answer_are_not_left_out_of_the_mean(gappy, states):
    states = states.copy()
    states[3, 0] = np.nan
    assert np.isnan(gappy(states)[3]).all()
    wild = replace(gappy.members[0], output_mean=np.array([0.0, np.inf]))
    assert np.isinf(replace(gappy, members=(wild, *gappy.members[1:]))(states)[0, 1])


def test_a_saved_operator_has_the_same_outputs(gappy, states, tmp_path):
    again = Operator.load(gappy.save(tmp_path / "h.safetensors"))
    np.testing.assert_array_equal(again(states), gappy(states))
