import inspect
import re

import numpy as np
import pytest

from motrain_app.skill import (
    get_metric,
    metric_names,
    moments,
    rmse,
    score_each_cell,
    score_frame,
    score_outputs,
    score_table,
    unpack_scores,
)
from motrain_app.skill.cell_medians import MAX_CELLS
from motrain_app.skill.groups import evenly

METRICS = (*metric_names(), "r_pooled", "skill_over_mean", "skill_over_climatology")
DAY = np.datetime64("2010-01-01")
COMPUTED = frozenset({"values"})  # kinds of which `moments` alone gives the value
AT = {name: index for index, name in enumerate(METRICS)}
SIZE = np.array([[1.0], [0.01], [100.0]])


def rows(days=1500, seed=0):
    """Three outputs of very different size, predictions with errors of half their spread, two baselines."""
    rng = np.random.default_rng(seed)
    observed = SIZE * rng.standard_normal((3, days))
    predicted = observed + SIZE * (0.1 + 0.5 * rng.standard_normal((3, days)))
    seasonal = observed + SIZE * 0.8 * rng.standard_normal((3, days))
    observed[0, :50] = np.nan
    predicted[1, 100:130] = np.nan
    return observed, predicted, {"mean": np.zeros((3, days)), "climatology": seasonal}, DAY + np.arange(days)


def score(observed, predicted, baselines, day, **options):
    options = {"metrics": METRICS, "key": (0, 7), "replicates": 200} | options
    return score_outputs(observed, predicted, baselines, day, **options)


def assert_equal(first, second):
    np.testing.assert_array_equal(first.pack(), second.pack())


def test_values_are_those_of_the_metrics_on_the_rows_of_each_output():
    observed, predicted, baselines, day = rows()
    scores = score(observed, predicted, baselines, day)
    np.testing.assert_array_equal(scores.n, [1450, 1470, 1500])
    beside = moments(observed, predicted, baseline=baselines["climatology"])
    for i, name in enumerate(METRICS):
        if get_metric(name).of in COMPUTED and name != "skill_over_mean":
            np.testing.assert_allclose(scores.value[:, i], get_metric(name).function(beside), rtol=1e-12)
    np.testing.assert_allclose(scores.value[1, AT["rmse"]], 0.01 * np.sqrt(0.26), rtol=0.05)


def test_every_estimate_lies_in_its_interval_and_the_number_of_rows_has_none():
    scores = score(*rows())
    estimates = [i for name, i in AT.items() if get_metric(name).has_interval and name != "coverage"]
    low, value, high = (a[:, estimates] for a in (scores.low, scores.value, scores.high))
    assert (low < value).all()
    assert (value < high).all()
    assert np.isnan(scores.low[:, AT["n"]]).all()
    assert (scores.blocks > 10).all()
    np.testing.assert_allclose(scores.block_days * scores.blocks, 1500, rtol=0.05)


def test_the_best_baseline_is_the_one_with_the_lowest_rmse_of_each_output():
    observed, predicted, baselines, day = rows()
    baselines["climatology"][2] = 1e6
    scores = score(observed, predicted, baselines, day)
    np.testing.assert_array_equal(scores.baseline, [1, 1, 0])
    assert scores.baseline_values.shape == (2, 3, len(METRICS))
    for output, best in enumerate(scores.baseline):
        np.testing.assert_array_equal(scores.baseline_value[output], scores.baseline_values[best, output])
    np.testing.assert_allclose(scores.baseline_values[1, 0, AT["rmse"]], 0.8, rtol=0.1)  # on the rows of the prediction
    np.testing.assert_allclose(scores.baseline_value[:, AT["skill"]], 0, atol=1e-14)
    assert scores.baseline_values[1, 2, AT["skill"]] < 0
    np.testing.assert_array_equal(scores.baseline_values[:, 1, AT["n"]], [1470, 1470])


def test_a_baseline_is_judged_on_the_rows_that_have_a_prediction():
    observed, predicted, baselines, day = rows()
    before = score(observed, predicted, baselines, day)
    baselines["climatology"][1, 100:130] = 1e9
    assert_equal(score(observed, predicted, baselines, day), before)


def test_a_baseline_that_misses_rows_gives_way_to_a_complete_one():
    observed, predicted, baselines, day = rows()
    baselines["climatology"][0, 1000:] = np.nan
    assert score(observed, predicted, baselines, day).baseline[0] == 0
    # Where no baseline is complete, the best of them is taken and skill is that of the rows they share.
    baselines["mean"][0, 1400:] = np.nan
    scores = score(observed, predicted, baselines, day)
    assert scores.baseline[0] == 1
    beside = moments(observed[0], predicted[0], baseline=baselines["climatology"][0])
    np.testing.assert_allclose(scores.value[0, AT["skill"]], get_metric("skill").function(beside))
    np.testing.assert_allclose(scores.value[0, AT["rmse"]], rmse(moments(observed[0], predicted[0])))
    assert (scores.low[0] < scores.value[0])[[AT["skill"], AT["rmse"]]].all()
    assert (scores.value[0] < scores.high[0])[[AT["skill"], AT["rmse"]]].all()


def test_the_mean_that_folds_leave_behind_has_no_correlation():
    rng = np.random.default_rng(1)
    year = np.repeat(np.arange(10), 150)
    observed = (rng.standard_normal(10)[year] + rng.standard_normal(1500))[None]
    left = np.array([observed[0, year != k].mean() for k in range(10)])[year][None]
    baselines = {"mean": left, "climatology": left + 0.1 * rng.standard_normal((1, 1500))}
    scores = score(observed, observed * 0.5, baselines, DAY + np.arange(1500))
    # It is −0.3 here, a trace of the folds alone.
    assert np.isnan(scores.baseline_values[0, 0, AT["r"]])
    assert np.isfinite(scores.baseline_values[1, 0, AT["r"]])
    named = score(observed, observed * 0.5, baselines, DAY + np.arange(1500), constant_baselines=())
    assert -0.8 < named.baseline_values[0, 0, AT["r"]] < -0.1


@pytest.mark.parametrize("name", ["climatology", "shared_climatology"])
def test_the_season_that_folds_leave_behind_has_no_anomaly_correlation(name):
    rng = np.random.default_rng(2)
    year = np.repeat(np.arange(6), 365)
    observed = (rng.standard_normal(6)[year] + rng.standard_normal(2190))[None]
    left = np.array([observed[0, year != k].mean() for k in range(6)])[year][None]
    baselines = {name: left + np.cos(np.arange(2190) / 58)}
    scores = score(observed, observed * 0.5, baselines, DAY + np.arange(2190))
    assert np.isnan(scores.baseline_values[0, 0, AT["anomaly_r"]])
    assert np.isfinite(scores.baseline_values[0, 0, AT["r"]])
    named = score(observed, observed * 0.5, baselines, DAY + np.arange(2190), seasonal_baselines=())
    assert named.baseline_values[0, 0, AT["anomaly_r"]] < -0.1


def test_without_baselines_there_is_no_skill():
    observed, predicted, _, day = rows()
    scores = score(observed, predicted, {}, day)
    np.testing.assert_array_equal(scores.baseline, [-1, -1, -1])
    assert np.isnan(scores.value[:, AT["skill"]]).all()
    assert np.isnan(scores.baseline_value).all()
    assert np.isfinite(scores.low[:, AT["rmse"]]).all()
    assert scores.baseline_values.shape == (0, 3, len(METRICS))


def test_an_output_without_predictions_has_no_scores_and_leaves_the_others_alone():
    observed, predicted, baselines, day = rows()
    before = score(observed, predicted, baselines, day)
    predicted[1] = np.nan
    scores = score(observed, predicted, baselines, day)
    assert scores.n[1] == 0
    assert scores.baseline[1] == -1
    assert np.isnan(scores.value[1, : AT["n"]]).all()
    np.testing.assert_array_equal(scores.pack()[[0, 2]], before.pack()[[0, 2]])


@pytest.mark.parametrize("days", [0, 1, 2])
def test_few_rows_have_scores_without_intervals(days):
    observed, predicted, baselines, day = rows(200)
    last = slice(200 - days, 200)
    scores = score(observed[:, last], predicted[:, last], {k: b[:, last] for k, b in baselines.items()}, day[last])
    np.testing.assert_array_equal(scores.n, [days, days, days])
    assert np.isfinite(scores.value[:, AT["rmse"]]).all() == (days > 0)
    assert np.isnan(scores.low).all()
    assert np.isnan(scores.high).all()


RELATIVE = [name for name in METRICS if get_metric(name).association or name.startswith(("r2", "sd_ratio", "skill"))]


@pytest.mark.parametrize("value", [0.0, 0.1, -9999.1, 285.3])
def test_constant_observations_have_errors_but_no_relative_scores(value):
    """Of a partition of one cell or two, and of each cell."""
    observed, predicted, _, day = rows()
    assert {"r", "spearman", "r2", "kge", "sd_ratio", "anomaly_r", "r_pooled"} < set(RELATIVE)
    constant = np.full(observed.shape, value)
    cell = np.arange(len(day)) % 2
    beside = dict.fromkeys(("mean", "climatology"), constant)
    whole = [score(constant, predicted, beside, day), score(constant, predicted, beside, day, cell=cell)]
    options = {"metrics": METRICS, "key": 0, "replicates": 200}
    _, each = score_each_cell(constant, predicted, beside, day, cell, **options)
    for scores in (*whole, each):
        for name in RELATIVE:
            for array in (scores.value, scores.low, scores.high):
                assert np.isnan(array[..., AT[name]]).all(), name
        assert np.isfinite(scores.low[..., AT["rmse"]]).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -9999.1, 285.3])
def test_constant_predictions_have_no_association_and_no_spread(value):
    observed, _, _, day = rows()
    constant, cell = np.full(observed.shape, value), np.arange(len(day)) % 2
    options = {"metrics": METRICS, "key": 0, "replicates": 0}
    _, each = score_each_cell(observed, constant, {}, day, cell, **options)
    for scores in (score_outputs(observed, constant, {}, day, **options), each):
        for name in METRICS:
            if get_metric(name).association:
                assert np.isnan(scores.value[..., AT[name]]).all(), name
        np.testing.assert_array_equal(scores.value[..., AT["sd_ratio"]], 0)


def test_no_replicates_give_no_intervals():
    scores = score(*rows(), replicates=0)
    assert np.isfinite(scores.value[:, [i for name, i in AT.items() if name != "coverage"]]).all()
    assert np.isnan(scores.low).all()
    assert np.isnan(scores.block_days).all()


def test_scores_are_determined_by_rows_and_key():
    assert_equal(score(*rows()), score(*rows()))
    assert_equal(score(*rows(), key=3), score(*rows(), key=np.int64(3)))
    other = score(*rows(), key=(0, 8))
    assert (other.low[:, AT["rmse"]] != score(*rows()).low[:, AT["rmse"]]).all()


def test_scores_of_an_output_do_not_depend_on_the_other_outputs_or_metrics():
    observed, predicted, baselines, day = rows()
    all_scores = score(observed, predicted, baselines, day)
    alone = score(observed[1], predicted[1], {k: b[1] for k, b in baselines.items()}, day)
    np.testing.assert_array_equal(alone.pack()[0], all_scores.pack()[1])
    few = score(observed, predicted, baselines, day, metrics=["rmse"])
    np.testing.assert_allclose(few.low[:, 0], all_scores.low[:, AT["rmse"]], rtol=1e-12)
    np.testing.assert_allclose(few.high[:, 0], all_scores.high[:, AT["rmse"]], rtol=1e-12)


def test_the_order_of_rows_does_not_matter():
    observed, predicted, baselines, day = rows()
    order = np.random.default_rng(2).permutation(len(day))
    shuffled = score(
        observed[:, order], predicted[:, order], {k: b[:, order] for k, b in baselines.items()}, day[order]
    )
    np.testing.assert_allclose(shuffled.pack(), score(observed, predicted, baselines, day).pack(), rtol=1e-9)


def test_the_number_of_rows_alone_can_be_asked_for():
    scores = score(*rows(), metrics=["n"])
    np.testing.assert_array_equal(scores.value[:, 0], scores.n)
    none = score(*rows(), metrics=[])
    assert none.value.shape == (3, 0)
    assert not len(score_table(none, partitions=["a"], outputs=["x", "y", "z"])["n"])


def test_what_does_not_fit_together_is_refused():
    observed, predicted, baselines, day = rows()
    with pytest.raises(ValueError, match=r"predicted has shape \(2, 1500\), but observed has \(3, 1500\)"):
        score(observed, predicted[:2], baselines, day)
    with pytest.raises(ValueError, match="climatology has shape"):
        score(observed, predicted, {"climatology": day}, day)
    with pytest.raises(ValueError, match="one for each of the 1500 rows"):
        score(observed, predicted, baselines, day[:10])
    with pytest.raises(ValueError, match="time is int64 of shape"):
        score(observed, predicted, baselines, day.astype(np.int64))
    with pytest.raises(ValueError, match="cell is float64 of shape"):
        score(observed, predicted, baselines, day, cell=np.zeros(1500))
    with pytest.raises(ValueError, match="within has shape"):
        score(observed, predicted, baselines, day, within=np.ones(1500))
    with pytest.raises(ValueError, match="there is no metric 'nse'"):
        score(observed, predicted, baselines, day, metrics=["nse"])


def test_packed_scores_come_back_alone_and_stacked():
    names = {"metrics": METRICS, "baselines": ("mean", "climatology")}
    each = [score(*rows(seed=seed)) for seed in range(4)]
    packed = np.stack([scores.pack() for scores in each])
    assert packed.shape == (4, 3, 4 + 2 + len(METRICS) * 7)
    assert packed.dtype == np.float64
    many = unpack_scores(packed, **names)
    np.testing.assert_array_equal(many.pack(), packed)
    one = unpack_scores(packed[2], **names)
    for field in (
        "value",
        "low",
        "high",
        "n",
        "rows",
        "baseline",
        "baseline_value",
        "baseline_values",
        "p",
        "block_days",
        "blocks",
    ):
        np.testing.assert_array_equal(getattr(one, field), getattr(each[2], field))
        np.testing.assert_array_equal(getattr(many, field)[2], getattr(each[2], field))
    with pytest.raises(
        ValueError, match=f"2 metrics and 2 baselines are 20 numbers wide, not {4 + 2 + len(METRICS) * 7}"
    ):
        unpack_scores(packed, metrics=("rmse", "r"), baselines=names["baselines"])


def test_the_table_has_a_line_for_each_partition_output_and_metric():
    observed, predicted, baselines, day = rows()
    first = score(observed, predicted, baselines, day)
    second = score(observed, predicted, {"mean": baselines["mean"], "climatology": predicted + np.nan}, day)
    third = score(observed, predicted * np.nan, baselines, day)
    scores = unpack_scores(
        np.stack([first.pack(), second.pack(), third.pack()]),
        metrics=METRICS,
        baselines=("mean", "climatology"),
    )
    table = score_table(scores, partitions=["north", "south", "sea"], outputs=["sig", "slop", "curv"])
    assert list(table) == [
        "partition",
        "output",
        "metric",
        "value",
        "low",
        "high",
        "n",
        "baseline",
        "baseline_value",
        "p",
    ]
    assert {len(column) for column in table.values()} == {3 * 3 * len(METRICS)}
    line = (table["partition"] == "south") & (table["output"] == "slop") & (table["metric"] == "rmse")
    assert table["value"][line] == second.value[1, AT["rmse"]]
    assert table["high"][line] == second.high[1, AT["rmse"]]
    assert table["n"][line] == 1470
    assert np.issubdtype(table["n"].dtype, np.integer)
    assert table["baseline"][line] == "mean"
    assert table["baseline_value"][line] == second.baseline_value[1, AT["rmse"]]
    best = table["metric"] != "skill_over_mean"
    assert set(table["baseline"][(table["partition"] == "north") & best]) == {"climatology"}
    assert set(table["baseline"][(table["partition"] == "north") & ~best]) == {"mean"}
    assert set(table["baseline"][(table["partition"] == "sea") & (table["metric"] == "rmse")]) == {""}

    frame = score_frame(scores, partitions=["north", "south", "sea"], outputs=["sig", "slop", "curv"])
    assert list(frame.columns) == list(table)
    assert frame["output"].tolist() == table["output"].tolist()


def test_names_must_be_as_many_as_scores():
    scores = score(*rows(200), replicates=0)
    with pytest.raises(ValueError, match=f"do not fit 2 partitions, 3 outputs and {len(METRICS)} metrics"):
        score_table(scores, partitions=["a", "b"], outputs=["sig", "slop", "curv"])
    with pytest.raises(ValueError, match="do not fit 3 partitions, 1 outputs"):
        score_table(scores, partitions=["a", "b", "c"], outputs=["sig"])


def _cells_with_an_infinite_prediction():
    """Return arguments of `score_outputs`, and the cell of each row; one of five cells has one infinite prediction."""
    rng = np.random.default_rng(6)
    time, cell = np.datetime64("2010-01-01") + np.arange(2000), np.arange(2000) % 5
    observed = rng.standard_normal((1, 2000))
    predicted = observed + 0.3 * rng.standard_normal((1, 2000))
    predicted[0, 7] = np.inf
    return observed, predicted, {"mean": np.zeros((1, 2000)), "climatology": 0.1 * observed}, time, cell


@pytest.mark.filterwarnings("error")
def test_no_median_over_cells_hides_an_infinite_prediction():
    *rows, cell = _cells_with_an_infinite_prediction()
    names = ["rmse", "ubrmse", "r", "r2", "kge", "sd_ratio", "anomaly_r", "skill"]
    scores = score_outputs(*rows, metrics=names, key=0, cell=cell)
    assert not np.isfinite(scores.value).any()
    assert np.isnan([scores.low, scores.high]).all()
    by_rank = score_outputs(*rows, metrics=["spearman"], key=0, cell=cell)
    assert 0.9 < by_rank.value.item() < 1  # of ranks it is but the highest


@pytest.mark.filterwarnings("error")
def test_an_infinite_prediction_spoils_the_scores_of_its_own_cell_alone():
    observed, predicted, baselines, time, cell = _cells_with_an_infinite_prediction()
    names = ["rmse", "r", "skill"]
    cells, scores = score_each_cell(observed, predicted, baselines, time, cell, metrics=names, key=0)
    others = cells != cell[7]
    assert not np.isfinite(scores.value[~others]).any()
    assert np.isnan([scores.low[~others], scores.high[~others]]).all()
    for part in (scores.value, scores.low, scores.high):
        assert np.isfinite(part[others]).all()
    finite = np.isfinite(predicted[0])
    alone = score_each_cell(
        observed[:, finite], predicted[:, finite], {name: b[:, finite] for name, b in baselines.items()},
        time[finite], cell[finite], metrics=names, key=0,
    )[1]  # fmt: skip
    np.testing.assert_allclose(scores.value[others], alone.value[others], rtol=1e-12)


def test_no_interval_reaches_beyond_what_a_score_can_be():
    rng = np.random.default_rng(1)
    n_cells, n_days = 192, 60
    time, cell = (
        np.tile(np.datetime64("2010-01-01") + np.arange(n_days), n_cells),
        np.repeat(np.arange(n_cells), n_days),
    )
    observed = rng.standard_normal((1, len(time)))
    worse = np.isin(cell, evenly(n_cells, MAX_CELLS))  # whose median an interval is made of, moved to that of all
    predicted = observed + np.where(worse, 0.6, 1e-3) * rng.standard_normal((1, len(time)))
    names = ["r", "spearman", "r2", "kge"]
    scores = score_outputs(observed, predicted, {}, time, metrics=names, key=0, cell=cell)
    assert (scores.value[0] > 0.99).all()
    assert (scores.low < scores.value).all()
    np.testing.assert_array_equal(scores.high, 1.0)


def test_no_interval_goes_beyond_what_the_docstring_says():
    for name in metric_names():
        one = get_metric(name)
        ends = [f"{end:g}".replace("-", "−").replace("inf", "∞") for end in one.bounds]
        said = re.search(r"Range [(\[]([^,]+),\s+([^)\]]+)[)\]]", inspect.getdoc(one.function))
        assert not one.has_interval or [*said.groups()] == ends, name
