"""The Skill page's table, its words on the test, and its headline hold what the run says."""

from types import SimpleNamespace

import numpy as np
import pytest

from motrain_app.design import Design
from motrain_app.design.history import DesignHistory
from motrain_app.runs import Run, create_run
from motrain_app.runs.comparison.paying import Payoff
from motrain_app.runs.comparison.random_partitions import Control
from motrain_app.runs.comparison.run_comparison import Change
from motrain_app.ui.pages.skill import TESTS_LISTED, SkillPage
from motrain_app.ui.pays_headline import PaysHeadline, _Change
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import RunScores
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from tests.runs.conftest import drive_here, make_dataset


@pytest.fixture
def shown(tmp_path):
    """The page of a finished run of ten cells, of which one has predictions worse than its baseline."""
    data = make_dataset(cells=10, years=6)
    data["y"][3] = np.random.default_rng(1).normal(size=data["y"].shape[1])
    data.to_netcdf(tmp_path / "cells.nc")
    design = Design(
        tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2015-01-01", learner="ridge"
    )
    services = Services(tmp_path / "runs", roots=[tmp_path])
    folder = create_run(design, services.runs_folder)
    assert drive_here(folder) == "done"
    session = Session(DesignHistory(tmp_path / "history.json", design), services.dataset)
    session.dataset, session.run, session.output = services.dataset(design), Run.open(folder.path), "y"
    follower = RunFollower(session, services)
    starter = RunStarter(session, services)
    yield SkillPage(session, Stage(session), services, follower, starter, RunScores(follower))
    services.close()


def test_the_table_has_the_numbers_of_the_run_with_their_intervals(shown):
    frame = shown._session.run.skill()
    shown._show_table(frame)
    errors = frame[(frame["output"] == "y") & (frame["metric"] == "rmse")]
    rows = shown._table.rows
    assert list(rows.columns) == ["partition", "RMSE (dB)", "95 % interval", "n", "baseline"]
    assert rows["partition"].tolist() == errors["partition"].tolist() == shown._names
    assert rows["n"].tolist() == errors["n"].tolist()
    np.testing.assert_allclose(rows["RMSE (dB)"], errors["value"], rtol=1e-3)
    assert rows["95 % interval"].tolist() == [f"[{one.low:.3g}, {one.high:.3g}]" for one in errors.itertuples()]
    assert rows["baseline"].tolist() == [
        f"{one.baseline.replace('_', ' ')} {one.baseline_value:.3g}" for one in errors.itertuples()
    ]


def test_the_words_count_the_operators_that_have_a_lower_error_than_their_baseline(shown):
    frame = shown._session.run.skill()
    shown._show_table(frame)
    errors = frame[(frame["output"] == "y") & (frame["metric"] == "rmse")].set_index("partition")
    sure = frame[(frame["output"] == "y") & (frame["metric"] == "skill")].set_index("partition")["significant"]
    better = errors["value"] < errors["baseline_value"]
    assert better.tolist() == [number != 3 for number in range(10)]
    assert shown._words.object == (
        f"y: 9 of 10 operators have a lower RMSE than their best baseline, {(better & sure).sum()} of them "
        "significantly, out-of-fold. Click a cell for its series."
    )


def test_the_test_is_told_with_its_intervals_rows_and_baselines(shown):
    shown._show_test(None)
    assert shown._test.object == "The test is sealed; opening it is recorded."
    assert not shown._open.disabled
    frame = shown._session.run.open_test()
    shown._show_test(frame)
    errors = frame[(frame["output"] == "y") & (frame["metric"] == "rmse")]
    assert np.isfinite(errors["low"].head(TESTS_LISTED)).sum() > 4
    lines = [
        f"{one.partition} {one.value:.3g} "
        f"{'without interval' if np.isnan(one.low) else f'[{one.low:.3g}, {one.high:.3g}]'} "
        f"({one.baseline.replace('_', ' ')} {one.baseline_value:.3g}), n = {one.n:,}"
        for one in errors.head(TESTS_LISTED).itertuples()
    ]
    assert shown._test.object == (
        "Test (the members' mean), RMSE in dB, its 95 % interval and the best baseline: "
        f"{'; '.join(lines)} and {10 - TESTS_LISTED} more."
    )
    assert shown._open.disabled


def changes(*per_cent):
    """Return changes of the outputs `y` and `bend`, of which each is told within 1 %."""
    value, ones = np.array(per_cent, float), np.ones(2)
    return Change(
        np.full(2, 100), 1 + value / 100, ones, value, value - 1, value + 1, ones / 100, value < -1, blocks=50 * ones
    )


def control_of(*around):
    """Return 39 draws of random partitions, spread by 1 % about some changes of `y` and `bend`."""
    draws = tuple(changes(*(np.array(around) + move)) for move in np.linspace(-1, 1, 39))
    return Control("ridge2", "cells", ("y", "bend"), changes(-5, -5), draws)


@pytest.mark.parametrize(
    ("around", "severity", "said"),
    [
        ((0, -5), "success", "Partitioning pays: RMSE −5.0 % [−6.0, −4.0]."),
        ((-5, 0), "info", "Whether partitioning pays cannot be told: RMSE −5.0 % [−6.0, −4.0]."),
    ],
)
def test_the_headline_says_pays_only_where_it_does_beyond_random_partitions(around, severity, said):
    """Of the chosen output, whatever is true of the other."""
    headline = PaysHeadline(SimpleNamespace(output="y"), None, None)
    payoff = Payoff("y", -5.0, -6.0, -4.0, 100, 2, 2, p=0.01, rmse=0.95, other_rmse=1.0, blocks=50.0)
    headline._change = _Change(payoff, "n = 100, against one operator for all.")
    control = control_of(*around)
    low, high = control.beyond().low[0], control.beyond().high[0]
    assert low < high
    assert (high < 0) == (severity == "success")
    headline._show_random(control)
    assert headline.view.severity == severity
    assert headline.view.object == (
        f"{said} n = 100, against one operator for all. Beyond random partitions of the same sizes (cells dealt 39 "
        f"times, by ridge2): {control.beyond_words(0)}."
    )


def test_a_headline_without_random_partitions_says_why_there_are_none():
    headline = PaysHeadline(SimpleNamespace(output="y"), None, None)
    payoff = Payoff("y", -5.0, -6.0, -4.0, 100, 2, 2)
    headline._change = _Change(payoff, "n = 100.")
    headline._show_random("partitions are still to be trained")
    assert headline.view.severity == "success"
    assert headline.view.object.endswith("none were tried: partitions are still to be trained.")


@pytest.mark.parametrize("verdict", ["pays", "does not pay", "cannot be told"])
def test_random_partitions_are_tried_where_partitioning_seems_to_pay_and_nowhere_else(verdict):
    headline = PaysHeadline(SimpleNamespace(output="y"), None, None)
    tried: list[str] = []
    headline._trying = lambda: tried.append(headline.view.object)
    value = {"pays": -5.0, "does not pay": 5.0, "cannot be told": 0.0}[verdict]
    payoff = Payoff("y", value, value - 1, value + 1, 100, 2, 2)
    assert payoff.verdict == verdict
    headline._show_change(_Change(payoff, "n = 100."))
    if verdict == "pays":
        (said,) = tried
        assert said.endswith("n = 100. Random partitions of the same sizes are being tried…")
    else:
        assert tried == []
        assert headline.view.object.endswith("n = 100.")


def test_a_change_that_is_not_known_is_said_and_nothing_is_tried():
    headline = PaysHeadline(SimpleNamespace(output="y"), None, None)
    headline._trying = lambda: pytest.fail("there is nothing to try")
    headline._show_change(_Change(None, "Nothing of y was scored in both runs."))
    assert (headline.view.severity, headline.view.object) == ("info", "Nothing of y was scored in both runs.")
