"""One operator for all learns from the rows of the partitions it is held against: what lies outside touches no bit."""

import numpy as np
import pytest

from motrain_app.design import Learner, Period, box
from motrain_app.runs import Run
from motrain_app.runs.comparison.equal_rows import has_equal_rows, row_words
from motrain_app.runs.comparison.one_for_all import one_for_all
from motrain_app.runs.comparison.paying import find_one_for_all
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from tests.runs.comparison.conftest import SVR, trained
from tests.runs.conftest import make_dataset

# Of six cells, at 40, 41 and 42 degrees north and 5 and 6 degrees east: two regions of one and two, three in none.
PAIR = [box("south", 4.5, 39.5, 5.5, 40.5), box("north", 4.5, 40.5, 5.5, 42.5)]
BOTH = [box("both", 4.5, 39.5, 5.5, 42.5)]
COLD, WARM = Period("cold", months=(11, 12, 1, 2)), Period("warm", months=(5, 6, 7))  # other months are in none
BOTH_SEASONS = [Period("cold and warm", months=(11, 12, 1, 2, 5, 6, 7))]
ALL_TIME, SEASONS = (None, None), ([COLD, WARM], BOTH_SEASONS)  # of partitions, and of one operator
FOREST = Learner("forest", {"n_estimators": 5})
X = np.array([[270.0, 285.0, 300.0], [0.2, 0.3, 0.45]])


def never(*some):
    raise AssertionError("nothing is to be trained")


def with_other_law(*, outside=True, off_season=False):
    """Return the small dataset with an output that follows another law where no region, or no period, is."""
    data = make_dataset()
    other = np.zeros(data["y"].shape, bool)
    other[3:] |= outside
    other[:, ~data["time"].dt.month.isin(BOTH_SEASONS[0].months).values] |= off_season
    return data.assign(y=data["y"].where(~other, 500 - 3 * data["a"] + 1000 * data["b"]))


def assert_equal(members, others, rtol=0.0):
    assert len(members) == len(others) > 0
    for one, other in zip(members, others, strict=True):
        np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=rtol)


@pytest.mark.parametrize(
    ("learner", "periods", "jackknife"),
    [
        ("ridge", ALL_TIME, "year"),
        ("ridge", SEASONS, None),
        ("ridge2", SEASONS, "year"),
        (SVR, ALL_TIME, None),
        (SVR, SEASONS, "year"),
    ],
)
def test_it_is_the_operator_of_one_partition_with_the_claimed_rows(run_of, learner, periods, jackknife, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.comparison.row_sums.PIECE", 500)
    many, one = periods
    data = with_other_law(off_season=many is not None)
    run = run_of(data=data, regions=PAIR, periods=many, learner=learner, jackknife=jackknife)
    alone = trained(run.design.change(regions=BOTH, periods=one), run.path.parent).operator("both")
    members = one_for_all(run, train=trained).members.values()
    assert_equal(members, alone.members, rtol=1e-6)
    everywhere = trained(run.design.change(regions=None, periods=None), run.path.parent).operator("everywhere")
    assert abs(everywhere.members[0].predict(X) - alone.members[0].predict(X))[0].max() > 1, "else nothing was shown"


@pytest.mark.parametrize("learner", ["ridge", FOREST])
def test_what_lies_outside_touches_no_bit(run_of, tmp_path, learner):
    found = []
    for outside in (False, True):
        (tmp_path / "cells.nc").unlink(missing_ok=True)
        run = run_of(data=with_other_law(outside=outside, off_season=outside), regions=PAIR, periods=[COLD, WARM],
                     learner=learner)  # fmt: skip
        found.append(list(one_for_all(run, train=trained).members.values()))
    assert_equal(*found)


def test_with_static_inputs_it_learns_from_the_same_rows_and_asks_claimed_cells_alone_for_them(run_of):
    data = with_other_law()
    data["tilt"] = ("space", [0.1, 0.2, 0.3, np.nan, 0.1, 0.1], {"units": "1"})
    run = run_of(data=data, regions=PAIR)
    static = one_for_all(run, static=True)
    assert [variable.name for variable in static.inputs] == ["a", "b", "tilt"]
    inputs = [*run.design.inputs, "tilt"]
    alone = trained(run.design.change(regions=BOTH, inputs=inputs), run.path.parent).operator("both")
    x = np.vstack([X, [0.1, 0.2, 0.3]])
    for mine, theirs in zip(static.members.values(), alone.members, strict=True):
        np.testing.assert_allclose(mine.predict(x), theirs.predict(x), rtol=1e-5)


def test_ridge_beside_a_run_that_took_a_sample_learns_from_this_sample(design, tmp_path):
    run = trained(design(data=with_other_law(), regions=PAIR), tmp_path / "runs", 100)
    blocks = Withheld(RunFolder(run.path)).chunks()
    rows = [rows for block in blocks for _, rows in block]
    observed = np.concatenate([part.observed for part in rows], axis=1)
    time = np.concatenate([part.key for part in rows]) % len(run._plan.time)
    year = run._plan.time[time].astype("datetime64[Y]").astype(int) + 1970
    for number, member in one_for_all(run).members.items():
        learnt = observed[:, year != 2010 + number]
        assert 100 < learnt.shape[1] < 200
        np.testing.assert_allclose(member.output_mean, np.nanmean(learnt, axis=1), rtol=1e-5)


def test_another_learner_is_trained_on_the_sample_of_the_run(design, tmp_path):
    run = trained(design(data=with_other_law(), regions=PAIR, learner=SVR), tmp_path / "runs", 100)
    one = one_for_all(run, train=trained)
    plan, beside = (Plan.load(path / "plan.safetensors") for path in (run.path, run.path.parent / one.run))
    assert (plan.training_rows <= 100).all()
    assert beside.training_rows.tolist() == [plan.training_rows.sum()]
    assert beside.test_rows.tolist() == [plan.test_rows.sum()]
    assert has_equal_rows(run, Run.open(run.path.parent / one.run))
    assert one_for_all(run, train=never).run == one.run
    same_limit = trained(run.design.change(regions=None), run.path.parent, 100)
    assert not has_equal_rows(run, same_limit)
    assert one_for_all(run, train=never).run == one.run


def test_random_partitions_divide_the_same_rows(design, tmp_path, monkeypatch):
    """What sums and judges random labels comes, for the run's own, to the figures of the run: of its sample as well."""
    monkeypatch.setattr("motrain_app.runs.comparison.dealt_ridge.PIECE", 700)
    regions = [box("a", 4.5, 39.5, 6.5, 40.5), box("b", 4.5, 40.5, 6.5, 41.5)]  # two cells each, two in none
    data = make_dataset()
    data["y"][[2, 5]] = 500 - 3 * data["a"][[2, 5]]
    for most in (None, 150):
        got = trained(design(data=data, regions=regions, periods=[COLD, WARM]), tmp_path / "runs", most).pays(control=3)
        np.testing.assert_array_equal(got.control.own.n, got.pooled.n)
        np.testing.assert_allclose(got.control.own.rmse, got.pooled.rmse, rtol=1e-5)
        np.testing.assert_allclose(got.control.own.other_rmse, got.pooled.other_rmse, rtol=1e-5)
        for draw in got.control.draws:
            np.testing.assert_array_equal(draw.n, got.pooled.n)
        data = None


def test_an_ordinary_run_of_one_operator_has_equal_rows_where_partitions_claim_every_row(run_of):
    data = make_dataset()
    for name in ("y", "bend"):
        data[name][4] = np.nan  # a cell without a row, in no region
    to_the_rest = [box("w", 4.5, 39, 5.5, 43), box("n", 5.5, 41.5, 6.5, 43), box("s", 5.5, 39, 6.5, 40.5)]
    until_the_test = [Period("training", [("2009-01-01", "2014-01-01")])]
    run = run_of(data=data, regions=to_the_rest, periods=until_the_test)
    everywhere = trained(run.design.change(regions=None, periods=None), run.path.parent)
    assert has_equal_rows(run, everywhere)
    assert row_words(run, everywhere) == ""
    assert find_one_for_all(run.path.parent, run, same_rows=True).path == everywhere.path
    for fewer in ({"regions": to_the_rest[:2]}, {"periods": [COLD, WARM]}):
        other = run_of(**{"regions": to_the_rest, "periods": until_the_test, **fewer})
        assert not has_equal_rows(other, everywhere)
        assert find_one_for_all(run.path.parent, other, same_rows=True) is None
        assert find_one_for_all(run.path.parent, other).path == everywhere.path


def test_one_with_equal_rows_is_found_before_a_newer_one_that_learnt_from_more(run_of):
    run = run_of(data=with_other_law(), regions=PAIR)
    one_design = run.design.change(regions=None)
    exact = trained(one_design, run.path.parent, None, run)
    everywhere = trained(one_design, run.path.parent)
    assert find_one_for_all(run.path.parent, run).path == exact.path
    assert find_one_for_all(run.path.parent, run, same_rows=True).path == exact.path
    other = run_of(regions=[*PAIR, box("east", 5.5, 39.5, 6.5, 40.5)])
    assert find_one_for_all(run.path.parent, other, same_rows=True) is None
    assert find_one_for_all(run.path.parent, other).path == everywhere.path, "one for another run's rows is of no use"


def test_how_rows_differ_is_said_in_words(run_of):
    run = run_of(data=with_other_law(), regions=PAIR)
    one_design = run.design.change(regions=None)
    n = int(run._plan.training_rows.sum())
    everywhere = trained(one_design, run.path.parent)
    more = round(100 * (int(everywhere._plan.training_rows.sum()) - n) / n)
    assert row_words(run, everywhere) == f"It learnt from {more} % more rows, outside every partition."
    assert row_words(run, trained(one_design, run.path.parent, None, run)) == ""
    said = row_words(run, trained(one_design, run.path.parent, n // 2, run))
    assert said in {f"It learnt from a sample: {share} % of the rows of the partitions." for share in (49, 50)}
    said = row_words(run, trained(one_design, run.path.parent, n))
    assert said.startswith("It learnt from a sample: ")
    assert said.endswith(" % more, outside every partition.")
