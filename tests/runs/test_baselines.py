"""What a run is compared with: fitted and judged as its members are, and stored beside every judged row."""

import numpy as np
import pytest

from motrain_app.design import DesignError, Learner
from motrain_app.learning import resolve_learner
from motrain_app.runs import create_run
from motrain_app.runs.baselines import ALWAYS, CLIMATOLOGY, HARMONICS, MEAN, RIDGE, SHARED, baselines_of
from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.predicting import predict_rows
from motrain_app.skill import day_of_year, fit_climatology, season_harmonics, unpack_scores
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import THREE, rows_of, take_over_only, trained


def _plan(run):
    return Plan.load(RunFolder(run.path).plan)


def _stored(run, name):
    """Return the judged rows of a partition, those of sealed rows too, and what each baseline says of them."""
    row = rows_of(run)[name]
    with BlockFile.open(run.path / "blocks" / row.file) as file:
        baselines = dict(zip(_plan(run).baselines, file.baselines(row.position), strict=True))
        return dict(file.rows(row.position)), baselines


def _scores(run, name):
    packed = rows_of(run)[name].scores.reshape(len(run.outputs), -1)
    return unpack_scores(packed, metrics=_plan(run).metrics, baselines=_plan(run).baselines)


# Which


@pytest.mark.parametrize("learner", ["ridge2", "network", "forest", Learner("ridge", {"strengths": [0.1]})], ids=str)
def test_whatever_is_not_linear_ridge_itself_is_compared_with_it(learner):
    learner = learner if isinstance(learner, Learner) else Learner(learner)
    assert baselines_of(*resolve_learner(learner), {}) == (*ALWAYS, "ridge")


def test_linear_ridge_is_not_compared_with_itself():
    assert baselines_of(*resolve_learner(Learner("ridge")), {}) == ALWAYS


# What they say


def test_ridge_as_a_baseline_is_ridge_as_the_learner(design, tmp_path):
    chosen = design(regions=THREE)
    ridge = trained(chosen, tmp_path / "ridge")
    run = trained(chosen.change(learner="ridge2"), tmp_path / "runs")
    at = _plan(run).baselines.index(RIDGE)
    rmse = _plan(run).metrics.index("rmse")
    for name in run.partitions:
        (mine, beside), (alone, _) = _stored(run, name), _stored(ridge, name)
        assert (mine["fold"] == TEST).any()
        np.testing.assert_array_equal(mine["time"], alone["time"])
        np.testing.assert_allclose(beside[RIDGE], alone["predicted"], rtol=1e-6)
        of_baseline = _scores(run, name).baseline_values[at, :, rmse]
        np.testing.assert_allclose(of_baseline, _scores(ridge, name).value[:, rmse], rtol=1e-6)
        assert not np.allclose(beside[RIDGE], mine["predicted"])


def _noise(data, rows):
    """Replace all outputs there are at some times by noise."""
    noisy, random = data.copy(deep=True), np.random.default_rng(1)
    for name in ("y", "bend"):
        there = np.isfinite(noisy[name].values) & rows
        noisy[name].values[there] = 100 * random.normal(size=there.sum())
    return noisy


def test_test_rows_touch_no_baseline(design, tmp_path):
    data = make_dataset()
    before = trained(design(data=data, learner="ridge2"), tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    after = trained(design(data=_noise(data, data["time"].dt.year.values == 2014), learner="ridge2"), tmp_path / "new")
    for name in before.partitions:
        (rows, one), (_, other) = _stored(before, name), _stored(after, name)
        assert (rows["fold"] == TEST).any()
        for baseline in (MEAN, CLIMATOLOGY, SHARED, RIDGE):
            assert one[baseline].tobytes() == other[baseline].tobytes()


def test_of_test_rows_a_baseline_says_the_mean_of_what_all_folds_have_fitted(design, tmp_path):
    run = trained(design(regions=THREE), tmp_path / "runs")
    for name in run.partitions:
        rows, beside = _stored(run, name)
        test, cell = rows["fold"] == TEST, np.unique(rows["cell"], return_inverse=True)[1]
        day = day_of_year(_plan(run).time)[rows["time"]]
        folds = np.unique(rows["fold"][rows["fold"] >= 0])
        assert (test.sum() > 100, cell.max(), len(folds)) == (True, 1, 4)
        for baseline in (MEAN, CLIMATOLOGY, SHARED):
            each = []
            for fold in folds:
                mine = (rows["fold"] >= 0) & (rows["fold"] != fold)
                fit = fit_climatology(
                    rows["observed"][:, mine].astype(np.float64),
                    day[mine],
                    cell[mine],
                    rows["fold"][mine],
                    np.ones((1, 4), bool),
                    2,
                    harmonics=HARMONICS.get(baseline, 2),
                )
                each.append(fit.predict(day[test], cell[test], 0, shared=baseline == SHARED))
            np.testing.assert_allclose(beside[baseline][:, test], np.mean(each, axis=0), rtol=1e-5, atol=1e-6)
            for number, one in enumerate(each):  # no fold's own says that
                assert not np.allclose(one, np.mean(each, axis=0), rtol=1e-3, atol=1e-3), number


def test_held_out_rows_touch_no_baseline_of_their_fold(design, tmp_path):
    data = make_dataset()
    before = trained(design(data=data, learner="ridge2"), tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    after = trained(design(data=_noise(data, data["time"].dt.year.values == 2012), learner="ridge2"), tmp_path / "new")
    for name in before.partitions:
        (rows, one), (_, other) = _stored(before, name), _stored(after, name)
        mine, others = rows["fold"] == 2, (rows["fold"] >= 0) & (rows["fold"] != 2)  # the third year is 2012
        for baseline in (MEAN, CLIMATOLOGY, SHARED, RIDGE):
            assert one[baseline][:, mine].tobytes() == other[baseline][:, mine].tobytes()
            assert (one[baseline][:, others] != other[baseline][:, others]).all()


def test_where_there_is_no_member_nothing_is_predicted():
    assert np.isnan(predict_rows({}, np.ones((2, 3)), np.array([0, 1, TEST], np.int16), 1)).all()


def test_a_cell_that_no_training_row_has_seen_takes_the_climatology_of_its_partition(design, tmp_path):
    data = make_dataset()
    years = data["time"].dt.year.values
    for name in ("y", "bend"):
        data[name].values[5, years != 2012] = np.nan
    run = trained(design(data=data, regions=None, learner="ridge2"), tmp_path / "runs")
    rows, beside = _stored(run, "everywhere")
    unseen = rows["cell"] == 5
    assert set(rows["fold"][unseen]) == {2}
    training = np.broadcast_to((years < 2014) & (years != 2012), data["y"].shape) & np.isfinite(data["y"].values)
    x = season_harmonics(day_of_year(data["time"].values), 2).T
    season, *_ = np.linalg.lstsq(x[np.nonzero(training)[1]], data["y"].values[training], rcond=None)
    np.testing.assert_allclose(beside[CLIMATOLOGY][0, unseen], x[rows["time"][unseen]] @ season, atol=1e-4)
    # What cells share is the season that is fitted beside a level of each.
    by_cell = np.eye(6)[np.nonzero(training)[0]]
    both, *_ = np.linalg.lstsq(
        np.hstack([by_cell, x[np.nonzero(training)[1], 1:]]), data["y"].values[training], rcond=None
    )
    for cell in range(6):
        mine = (rows["fold"] == 2) & (rows["cell"] == cell)
        assert np.ptp(beside[SHARED][0, mine] - x[rows["time"][mine], 1:] @ both[6:]) < 1e-4
    np.testing.assert_allclose(beside[MEAN][0, unseen], data["y"].values[training].mean(), atol=1e-4)
    share = 100 * unseen[(rows["fold"] >= 0) & np.isfinite(rows["observed"][0])].mean()
    (told,) = (one for one in run.remarks() if one.startswith("y: the climatology is the partition's"))
    assert f"in 1 of 1 partitions, for {share:.0f} % of their rows" in told


# A variable of the file


@pytest.fixture
def with_model(design):
    """A design whose outputs have a reference with gaps, and the data that it is on."""
    data = make_dataset()
    random = np.random.default_rng(5)
    data["model"] = data["y"] + random.normal(size=data["y"].shape)
    data["model"][:, ::3] = np.nan
    data["model"].attrs["units"] = "dB"
    return design(data=data, regions=THREE, references={"y": "model"}, learner="ridge2"), data


def test_a_reference_is_taken_as_it_stands_and_scored_on_the_rows_that_have_it(with_model, tmp_path):
    chosen, data = with_model
    run = trained(chosen, tmp_path / "runs")
    plan = _plan(run)
    assert plan.baselines == (*ALWAYS, "ridge", "reference")
    for name in run.partitions:
        rows, beside = _stored(run, name)
        model = data["model"].values[rows["cell"], rows["time"]]
        np.testing.assert_allclose(beside["reference"][0], model, rtol=1e-6)
        assert np.isnan(beside["reference"][1]).all(), "nothing is said of bend"
        held = rows["fold"] >= 0
        error = (model - rows["observed"][0])[held & np.isfinite(rows["predicted"][0])]
        scores, n, rmse = _scores(run, name), plan.metrics.index("n"), plan.metrics.index("rmse")
        assert scores.baseline_values[-1, 0, n] == np.isfinite(error).sum() < scores.n[0]
        assert scores.baseline_values[-1, 0, rmse] == pytest.approx(np.sqrt(np.nanmean(error**2)), rel=1e-5)
        assert scores.baseline_values[-1, 1, n] == 0


def test_a_table_has_the_skill_over_each_baseline_on_the_rows_of_both(with_model, tmp_path):
    chosen, _ = with_model
    run = trained(chosen, tmp_path / "runs")
    frame = run.skill().query("partition == 'n'").set_index(["output", "metric"])
    rows, beside = _stored(run, "n")
    held = rows["fold"] >= 0
    observed, predicted = (rows[name][:, held].astype(np.float64) for name in ("observed", "predicted"))
    for number, output in enumerate(["y", "bend"]):
        for baseline, values in beside.items():
            row = frame.loc[(output, f"skill_over_{baseline}")]
            assert row["baseline"] == baseline
            both = np.isfinite(values[number, held] + observed[number] + predicted[number])
            if not both.any():
                assert (output, baseline) == ("bend", "reference")
                assert np.isnan(row["value"])
                continue
            mse, of_baseline = (
                np.mean((one[both] - observed[number, both]) ** 2)
                for one in (predicted[number], values[number, held].astype(np.float64))
            )
            assert row["value"] == pytest.approx(1 - mse / of_baseline, abs=1e-5)
            assert row["low"] < row["value"] < row["high"]
            assert 0 < row["p"] <= 1
    assert set(run.open_test()["metric"]) == set(run.skill()["metric"])


def test_a_reference_touches_no_fit(with_model, tmp_path):
    chosen, _ = with_model
    beside, alone = trained(chosen, tmp_path / "runs"), trained(chosen.change(references=None), tmp_path / "alone")
    for name in alone.partitions:
        (rows, baselines), (others, fewer) = _stored(beside, name), _stored(alone, name)
        assert all(rows[key].tobytes() == others[key].tobytes() for key in rows)
        assert all(baselines[key].tobytes() == fewer[key].tobytes() for key in fewer)
        pairs = zip(beside.operator(name).members, alone.operator(name).members, strict=True)
        for one, other in pairs:
            assert all(array.tobytes() == other.to_arrays()[key].tobytes() for key, array in one.to_arrays().items())


def test_a_run_with_a_reference_takes_over_none_without(with_model, tmp_path):
    chosen, _ = with_model
    trained(chosen.change(references=None), tmp_path / "runs")
    assert take_over_only(chosen, tmp_path / "runs").taken_over == {}


def test_a_reference_in_another_unit_leaves_no_run(with_model, tmp_path):
    chosen, _ = with_model
    with pytest.raises(DesignError, match="'b' has the unit 'm3 m-3', and its output 'y' has 'dB'"):
        create_run(chosen.change(references={"y": "b"}), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


# How they are kept


def test_the_score_of_the_best_baseline_follows_from_what_is_stored(design, tmp_path):
    run = trained(design(learner="ridge2"), tmp_path / "runs")
    rows, beside = _stored(run, "cell-2")
    held = rows["fold"] >= 0
    error = np.stack([one[:, held].astype(np.float64) for one in beside.values()]) - rows["observed"][:, held]
    rmse = run.skill().query("partition == 'cell-2' and metric == 'rmse'")
    best = np.sqrt(np.nanmean(error**2, axis=-1))
    np.testing.assert_allclose(rmse["baseline_value"], best.min(axis=0), rtol=1e-5)
    assert rmse["baseline"].tolist() == [list(beside)[number] for number in best.argmin(axis=0)]
