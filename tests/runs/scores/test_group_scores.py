"""Scores by group and over all partitions, beside what plain NumPy makes of the run's predictions."""

import shutil

import numpy as np
import pandas as pd
import pytest

from motrain_app.design import Design, Period
from motrain_app.runs import Run, RunError
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores import scoring
from motrain_app.runs.scores.group_scores import TOTAL
from motrain_app.runs.store import RunStore
from motrain_app.skill import judge_folds, metric, registry, score_frame, score_outputs
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import THREE, rows_of, trained

SEASONS = ["DJF", "MAM", "JJA", "SON"]
LONG_METRICS = ["bias", "rmse", "mae", "r", "spearman", "kge", "anomaly_r", "skill", "coverage", "n", "n_effective"]


def data_with_classes():
    data = make_dataset(years=6)
    data["soil"] = (
        "space",
        np.array([1, 1, 2, 2, 2, 7]),
        {"flag_values": [1, 2, 7], "flag_meanings": "sand clay peat"},
    )
    data["height"] = ("space", np.linspace(10.5, 800.25, 6), {"units": "m"})
    frozen = (data["time"].dt.month.values[None] + np.arange(6)[:, None]) % 4 == 0
    data["frozen"] = (("space", "time"), frozen.astype("i1"))
    data["wind"] = (("space", "time"), np.random.default_rng(1).gamma(2, 3, frozen.shape), {"units": "m s-1"})
    data["wind"][2, 10:40] = np.nan
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    data_with_classes().to_netcdf(folder / "cells.nc")
    return folder


def design_of(folder, **choices):
    standard = {"regions": "cells", "test": "2015-01-01", "learner": "ridge"}
    return Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], **{**standard, **choices})


@pytest.fixture(scope="module")
def run(folder):
    """One partition a cell."""
    return trained(design_of(folder), folder / "runs")


@pytest.fixture(scope="module")
def regions(folder):
    """Three regions of two cells, in two periods."""
    periods = [Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))]
    return trained(design_of(folder, regions=THREE, periods=periods), folder / "regions")


@pytest.fixture
def copied(run, tmp_path):
    shutil.copytree(run.path.parent, tmp_path / "runs")
    return Run.open(tmp_path / "runs" / run.path.name)


def errors(run, output="y", rows="held-out"):
    """Every row of an output as a table: partition, cell, time, error."""
    parts = []
    for name in run.partitions:
        got = run.predictions(name).sel(output=output)
        part = {"cell": np.broadcast_to(got["cell"], got["time"].shape), "time": got["time"], "rows": got["rows"]}
        part["error"] = (got["predicted"] - got["observed"]).values
        parts.append(pd.DataFrame({"partition": name} | part))
    table = pd.concat(parts).dropna(subset="error")
    return table[table["rows"] == rows]


def of(frame, metric, output="y"):
    return frame[(frame["metric"] == metric) & (frame["output"] == output)]


def assert_rmse_by(frame, table, group):
    """Compare RMSE and n of each partition and group with those of the rows."""
    expected = table.assign(group=group).groupby(["partition", "group"])["error"].agg(lambda e: np.sqrt((e**2).mean()))
    number = table.assign(group=group).groupby(["partition", "group"])["error"].size()
    rmse = of(frame, "rmse").set_index(["partition", "group"])
    assert set(rmse.index) == set(expected.index)
    np.testing.assert_allclose(rmse.loc[expected.index, "value"], expected, rtol=1e-5)
    np.testing.assert_array_equal(rmse.loc[expected.index, "n"], number)


def test_seasons_of_each_partition_are_scored_by_their_own_rows(run):
    frame = run.skill(by="season", metrics=["rmse", "skill", "n"])
    assert list(frame.columns) == [
        "partition", "by", "group", "output", "metric", "value", "low", "high", "n", "baseline", "baseline_value", "p",
        "significant",
    ]  # fmt: skip
    table = errors(run)
    season = np.array(SEASONS)[table["time"].dt.month.to_numpy() % 12 // 3]
    assert_rmse_by(frame, table, season)
    assert list(dict.fromkeys(frame["group"])) == SEASONS
    rmse, skill = (of(frame, name).reset_index() for name in ("rmse", "skill"))
    np.testing.assert_allclose(skill["value"], 1 - (rmse["value"] / rmse["baseline_value"]) ** 2, rtol=1e-5)
    known = rmse.dropna(subset="low")
    assert len(known) > 0.7 * len(rmse)  # of five seasons with a row every four days some have under ten blocks
    assert (known["low"] < known["value"]).all()
    assert (known["value"] < known["high"]).all()


def test_a_season_has_all_scores_of_its_rows_with_their_cells_times_intervals_and_baselines(regions):
    """To the last bit what `score_outputs` makes of these rows alone, picked from those that the run stored."""
    plan = Plan.load(RunFolder(regions.path).plan)
    metrics = [*LONG_METRICS, "r2", *(f"skill_over_{name}" for name in plan.baselines)]
    frame = regions.skill(by="season", metrics=metrics)
    told = 0
    for name, row in rows_of(regions).items():
        with BlockFile.open(regions.path / "blocks" / row.file) as file:
            rows, beside = dict(file.rows(row.place)), file.baselines(row.place)
        time, held = plan.time[rows["time"]], rows["fold"] >= 0
        within = np.full(rows["observed"].shape, np.nan)
        error = (rows["observed"] - rows["predicted"])[:, held]
        within[:, held], _ = judge_folds(error, time[held], rows["fold"][held], level=0.9)
        month = time.astype("datetime64[M]").astype(int) % 12 + 1
        season = np.array(SEASONS)[month % 12 // 3]
        for group in np.unique(season[held]):
            mine = held & (season == group)
            assert len(set(rows["cell"][mine])) == 2
            scores = score_outputs(
                rows["observed"][:, mine],
                rows["predicted"][:, mine],
                dict(zip(plan.baselines, beside[..., mine], strict=True)),
                time[mine],
                metrics=metrics,
                key=regions.design.seed,
                cell=rows["cell"][mine],
                within=within[:, mine],
            )
            expected = score_frame(scores, partitions=[name], outputs=["y", "bend"])
            found = frame[(frame["partition"] == name) & (frame["group"] == group)].reset_index(drop=True)
            pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)
            told += len(found)
    assert told == len(frame)
    known = frame.groupby("metric")[["value", "low", "baseline_value", "p"]].count()
    assert (known.loc[["r", "kge", "r2", "anomaly_r", "coverage"], "value"] > 0).all()
    assert (known.loc[["r", "kge", "r2", "coverage"], "low"] > 0).all()
    assert (known.loc[["r", "kge", "r2"], "baseline_value"] > 0).all()
    assert (known.loc[[f"skill_over_{name}" for name in plan.baselines], "p"] > 0).all()


@pytest.mark.parametrize(
    ("by", "group_of"),
    [
        ("year", lambda table: table["time"].dt.year.astype(str)),
        ("fold", lambda table: table["time"].dt.year.astype(str)),
        ("month", lambda table: table["time"].dt.strftime("%b")),
        ("soil", lambda table: np.array(["sand", "sand", "clay", "clay", "clay", "peat"])[table["cell"]]),
    ],
)
def test_other_groups_likewise(run, by, group_of):
    table = errors(run)
    assert_rmse_by(run.skill(by=by, metrics=["rmse"]), table, group_of(table))


def test_few_blocks_have_no_interval(run):
    frame = of(run.skill(by="month", metrics=["rmse"], partitions=["cell-1"]), "rmse")
    assert np.isfinite(frame["value"]).all()
    assert (frame["n"] > 10).all(), "rows enough, but in few blocks of days"
    assert frame["low"].isna().any()


def test_classes_over_space_and_time_come_from_the_data(run, folder):
    table = errors(run)
    data = data_with_classes()
    row = data["time"].to_index().get_indexer(table["time"])
    frozen = data["frozen"].values[table["cell"], row]
    assert_rmse_by(run.skill(by="frozen", metrics=["rmse"]), table, frozen.astype(str))


def test_a_quantity_has_five_ranges_of_equally_many_withheld_rows(run):
    table, data = errors(run), data_with_classes()
    wind = data["wind"].values[table["cell"], data["time"].to_index().get_indexer(table["time"])]
    frame = run.skill(by="wind", metrics=["rmse", "n"], partitions=None)
    names = list(dict.fromkeys(frame["group"]))
    assert len(set(names)) == 5
    assert all("m s-1" in name for name in names)
    number = of(frame, "n").groupby("group")["n"].sum()
    assert number.sum() == np.isfinite(wind).sum()
    assert number.max() / number.min() < 1.2
    assert any(name.startswith("under") for name in names)


def test_ranges_may_be_given_and_hold_their_lower_end(run):
    table, data = errors(run), data_with_classes()
    a = data["a"].values[table["cell"], data["time"].to_index().get_indexer(table["time"])]
    frame = run.skill(by="a", metrics=["rmse"], bins=[280, 285, 290])
    inside = (a >= 280) & (a <= 290)
    assert_rmse_by(frame, table[inside], np.where(a[inside] < 285, "280 – 285 K", "285 – 290 K"))


@pytest.mark.parametrize(("by", "bins"), [("y", [-20, -1, 0.5, 20]), ("bend", [-2, -0.2, 0.1, 2]), ("b", [0, 0.28, 1])])
def test_values_of_the_run_itself_are_those_of_the_data(run, by, bins):
    """Inputs and outputs were staged about offsets of their own."""
    frame = run.skill(by=by, bins=bins, metrics=["n"])
    of_y, groups = frame[frame["output"] == "y"], frame["group"].unique()
    assert len(groups) == len(bins) - 1
    data = data_with_classes().sel(time=slice(None, "2014-12-31"))
    values, there = data[by].values, np.isfinite(data["y"].values)
    for low, high, name in zip(bins[:-1], bins[1:], groups, strict=True):
        inside = ((values >= low) & (values < high) & there).sum(axis=1)
        assert of_y.loc[of_y["group"] == name, "n"].tolist() == inside.tolist()


def test_inputs_come_from_the_staged_rows_and_other_variables_need_the_data(copied, folder):
    path = copied.path / "design.json"
    path.write_text(path.read_text().replace(str(folder / "cells.nc"), "gone.nc"))
    moved = Run.open(copied.path)
    assert len(moved.skill(by="a", metrics=["rmse"])) > 0
    with pytest.raises(RunError, match=r"wind does not stand in the run .* cannot be read"):
        moved.skill(by="wind")
    shutil.rmtree(copied.path.parent / ".staged")
    with pytest.raises(RunError, match="a does not stand in the run"):
        moved.skill(by="a")


def test_data_that_changed_are_refused(copied, folder, tmp_path):
    changed = data_with_classes()
    changed["wind"][:] += 1
    changed.to_netcdf(tmp_path / "changed.nc")
    path = copied.path / "design.json"
    path.write_text(path.read_text().replace(str(folder / "cells.nc"), str(tmp_path / "changed.nc")))
    with pytest.raises(RunError, match=r"changed\.nc changed since it was trained"):
        Run.open(copied.path).skill(by="wind")


def test_cells_are_scored_as_partitions_of_one_cell_are(run, regions):
    expected = run.skill(metrics=LONG_METRICS)
    frame = run.skill(by="cell", metrics=LONG_METRICS)
    assert (frame["partition"] == "cell-" + frame["group"]).all()
    for name in ("value", "low", "high", "baseline_value"):
        np.testing.assert_allclose(frame[name], expected[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(frame["n"], expected["n"])
    np.testing.assert_array_equal(frame["baseline"], expected["baseline"])
    table = errors(regions)
    assert_rmse_by(regions.skill(by="cell", metrics=["rmse"]), table, table["cell"].astype(str))


def test_all_partitions_together_are_the_area_weighted_mean_over_cells(run, regions):
    area = np.cos(np.deg2rad(40 + np.arange(6) % 3))
    for one in (run, regions):
        frame = one.skill(by="all")
        assert set(frame["partition"]) == {TOTAL}
        assert "area" in frame.attrs["weights"]
        for output in ("y", "bend"):
            table = errors(one, output)
            mse = (table["error"] ** 2).groupby(table["cell"]).mean()
            row = of(frame, "rmse", output).iloc[0]
            assert row["value"] == pytest.approx(np.sqrt(np.average(mse, weights=area[mse.index])), rel=1e-6)
            assert row["n"] == len(table)
            assert row["low"] < row["value"] < row["high"]
            assert row["baseline"] != ""
            assert row["baseline_value"] > 0


def test_all_partitions_together_season_by_season(regions):
    frame = regions.skill(by=["all", "season"], metrics=["bias"])
    table = errors(regions)
    table["group"] = np.array(SEASONS)[table["time"].dt.month.to_numpy() % 12 // 3]
    area = np.cos(np.deg2rad(40 + np.arange(6) % 3))
    for season, part in table.groupby("group"):
        bias = part.groupby("cell")["error"].mean()
        row = of(frame, "bias").set_index("group").loc[season]
        assert row["value"] == pytest.approx(np.average(bias, weights=area[bias.index]), rel=1e-4, abs=1e-7)
    assert (frame["by"] == "season").all()


def test_a_metric_registered_after_training_is_computed_from_the_predictions(run, monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))  # forgotten when the test ends

    @metric(best=0.0, direction="min", unit="output")
    def root_of_mean_square(m):
        """Root of the mean square, by another name."""
        return np.sqrt(m.mse)

    both = run.skill(metrics=["rmse", "root_of_mean_square"])
    first, second = (of(both, name)["value"].to_numpy() for name in ("rmse", "root_of_mean_square"))
    np.testing.assert_array_equal(first, second)
    stored = run.skill(metrics=["rmse"])
    np.testing.assert_allclose(first, of(stored, "rmse")["value"], rtol=1e-5)
    assert set(stored["metric"]) == {"rmse"}
    np.testing.assert_allclose(of(both, "rmse")["high"], of(stored, "rmse")["high"], rtol=1e-3)


def test_the_interval_of_a_median_over_all_cells_is_made_of_cells_that_have_rows(folder, tmp_path, monkeypatch):
    """Of a grid that is mostly sea, cells without a row must not be those that are taken."""
    monkeypatch.setattr("motrain_app.skill.best_baselines.MAX_CELLS", 3)
    data = data_with_classes()
    data["y"][[0, 2, 5]], data["bend"][[0, 2, 5]] = np.nan, np.nan  # evenly taken from all, these are the three
    data.to_netcdf(tmp_path / "cells.nc")
    run = trained(design_of(tmp_path), tmp_path / "runs")
    frame = run.skill(by="all", metrics=["r", "ubrmse"])
    assert len(run.finished) == 3
    assert np.isfinite(frame[["value", "low", "high"]]).all(axis=None)
    monkeypatch.setattr("motrain_app.skill.best_baselines.MAX_CELLS", 6)
    whole = run.skill(by="all", metrics=["r", "ubrmse"])
    np.testing.assert_array_equal(frame[["value", "low", "high"]], whole[["value", "low", "high"]])


def test_what_is_computed_anew_is_what_was_stored(regions):
    stored = regions.skill()
    names = [*dict.fromkeys(stored["metric"]), "r_pooled"]
    anew = regions.skill(metrics=names)
    anew = anew[anew["metric"] != "r_pooled"].reset_index(drop=True)
    for name in ("value", "low", "high", "baseline_value"):
        np.testing.assert_array_equal(anew[name], stored[name])  # to the last bit: as predictions are rounded first
    np.testing.assert_array_equal(anew["baseline"], stored["baseline"])


def test_a_run_that_withheld_nothing_has_a_line_a_score_with_no_row_also_where_it_is_computed_anew(folder, tmp_path):
    nothing = trained(design_of(folder, jackknife=None), tmp_path)
    stored, anew = nothing.skill(metrics=["rmse"]), nothing.skill(metrics=["rmse", "r_pooled"])
    anew = anew[anew["metric"] == "rmse"].reset_index(drop=True)
    assert len(stored) == len(nothing.finished) * len(nothing.outputs)
    assert (stored["n"] == 0).all()
    assert stored["value"].isna().all()
    for name in ("partition", "output", "metric", "value", "n", "baseline"):
        np.testing.assert_array_equal(anew[name], stored[name])
    assert nothing.skill(by="season").empty


def test_test_rows_stay_sealed_in_every_grouping_until_the_test_is_opened(copied):
    for by in (None, "season", "cell", "all", "wind"):
        with pytest.raises(RunError, match="sealed"):
            copied.skill(by=by, rows="test")
    before = [copied.skill(by=by, metrics=["rmse"]) for by in ("season", "all", "wind", "cell")]
    opened = copied.open_test()
    pd.testing.assert_frame_equal(opened, copied.skill(rows="test"))
    after = [copied.skill(by=by, metrics=["rmse"]) for by in ("season", "all", "wind", "cell")]
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other)
    table = errors(copied, rows="test")
    assert_rmse_by(copied.skill(by="year", metrics=["rmse"], rows="test"), table, table["time"].dt.year.astype(str))
    whole = copied.skill(metrics=["rmse", "r_pooled"], rows="test")
    np.testing.assert_allclose(of(whole, "rmse")["value"], of(opened, "rmse")["value"], rtol=1e-6)
    with pytest.raises(RunError, match="belong to no fold"):
        copied.skill(by="fold", rows="test")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"by": "seasn"}, "Did you mean 'season'"),
        ({"by": "winds"}, "Did you mean 'wind'"),
        ({"by": ["season", "year"]}, "grouped by one thing"),
        ({"by": ["all", "cell"]}, "group by 'cell' alone"),
        ({"by": "season", "bins": [1, 2]}, "ends of ranges of a variable"),
        ({"by": "a", "bins": [2, 1]}, "each larger"),
        ({"by": "a", "bins": 5}, "bins are 5: give two or more numbers"),
        ({"by": "a", "bins": ["x", 2]}, "give two or more numbers"),
        ({"metrics": ["spearman_pooled"]}, "spearman_pooled"),
        ({"metrics": ["rmsd"]}, "There is no metric 'rmsd'"),
        ({"metrics": ["skill_over_moon"]}, "no baseline 'moon'"),
        ({"partitions": ["cell-9"]}, "no partition 'cell-9'"),
        ({"rows": "training"}, "'held-out' or 'test'"),
        ({"rows": ["test"]}, "'held-out' or 'test'"),
        ({"by": 1}, "by is 1: give a name, or a list of names"),
        ({"by": [None]}, "by is .None.: give a name"),
        ({"by": "a", "partitions": []}, "No partition was named"),
        ({"metrics": []}, "No metric was named"),
        ({"metrics": [], "by": "season"}, "No metric was named"),
        ({"metrics": [1]}, "metrics is .1.: give a name"),
        ({"partitions": [1]}, "partitions is .1.: give a name"),
        ({"workers": "2"}, "workers is '2': give 1 or more"),
    ],
)
def test_a_question_without_an_answer_is_refused_in_words(run, question, words):
    with pytest.raises(RunError, match=words):
        run.skill(**question)


@pytest.mark.parametrize(
    "ask",
    [
        lambda run, names: run.skill(partitions=names),
        lambda run, names: run.skill(by="season", partitions=names),
        lambda run, names: run.skill(by="all", partitions=names),
        lambda run, names: run.by_cell("rmse", partitions=names),
        lambda run, names: run.predictions(names[-1]),
    ],
    ids=["skill", "season", "all", "by_cell", "predictions"],
)
def test_a_partition_that_is_not_finished_is_refused_by_its_name(copied, ask):
    with RunStore(copied.path / "run.sqlite", write=True) as store:
        store.wait_again([1])
    assert "cell-1" not in set(copied.skill()["partition"])
    with pytest.raises(RunError, match=r"The partition 'cell-1' has no operator; it is waiting\."):
        ask(copied, ["cell-0", "cell-1"])


@pytest.mark.parametrize(
    ("metric", "partitions", "words"),
    [
        ("nope", None, "There is no metric 'nope'"),
        ("skill_over_typo", None, "no baseline 'typo'"),
        ("rmse", ["typo"], "no partition 'typo'"),
        ("rmse", "typo", "no partition 'typo'"),
        (["rmse"], None, r"metric is \['rmse'\]: give one name"),
        ("rmse", 1, "partitions is 1: give a name"),
    ],
)
def test_a_map_of_what_there_is_not_is_refused_in_words(run, metric, partitions, words):
    with pytest.raises(RunError, match=words):
        run.by_cell(metric, partitions=partitions)


@pytest.mark.parametrize("by", [None, "all", "season"])
def test_what_is_asked_for_twice_is_answered_once(run, by):
    twice = run.skill(by=by and [by, by], metrics=["rmse", "rmse", "skill"], partitions=["cell-0", "cell-0"])
    once = run.skill(by=by, metrics=["rmse", "skill"], partitions=["cell-0"])
    pd.testing.assert_frame_equal(twice, once)


def test_the_map_of_one_partition_may_be_asked_for_by_its_name(run):
    one, listed, none = (run.by_cell("rmse", partitions=names)["y"] for names in ("cell-3", ["cell-3"], []))
    assert np.flatnonzero(np.isfinite(one)).tolist() == [3]
    np.testing.assert_array_equal(one, listed)
    assert not np.isfinite(none).any()


def test_a_partition_that_ended_after_an_opening_has_its_test_scores_too(copied):
    opened = copied.open_test()
    with RunStore(copied.path / "run.sqlite", write=True) as store:
        store._db.execute("UPDATE partition SET test_scores = NULL WHERE number = 2")
        store._db.commit()
    found = Run.open(copied.path).test_skill()
    assert found["partition"].tolist() == opened["partition"].tolist()
    np.testing.assert_array_equal(found["value"], opened["value"])


def test_false_discoveries_are_controlled_over_cells_and_over_partitions_in_each_season(monkeypatch):
    p = np.random.default_rng(0).random(2000)
    frame = pd.DataFrame({"by": "cell", "group": np.arange(2000).astype(str), "output": "y", "metric": "rmse", "p": p})
    assert scoring._significant(frame).sum() == 0
    seasons = frame.assign(by="season", group=np.tile(SEASONS, 500), p=np.where(frame.index % 4, p, p / 1e6))
    assert set(seasons["group"][scoring._significant(seasons)]) == {"DJF"}


def test_some_partitions_may_be_asked_for(run):
    for by in ("season", "cell", None):
        frame = run.skill(by=by, partitions=["cell-3", "cell-1"], metrics=["rmse", "bias"])
        assert set(frame["partition"]) == {"cell-1", "cell-3"}
    frame, table = run.skill(by="all", partitions=["cell-3"], metrics=["rmse"]), errors(run)
    mine = table[table["partition"] == "cell-3"]
    assert of(frame, "rmse").iloc[0]["value"] == pytest.approx(np.sqrt((mine["error"] ** 2).mean()), rel=1e-6)


def test_the_map_of_a_cell_is_its_score_over_all_periods(regions):
    table = errors(regions)
    for name, of_errors in (("rmse", lambda e: np.sqrt((e**2).mean())), ("bias", np.mean)):
        found, expected = regions.by_cell(name)["y"], table.groupby("cell")["error"].agg(of_errors)
        np.testing.assert_allclose(found[expected.index], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(regions.by_cell("rmse")["n_y"], table.groupby("cell").size())


def test_the_map_knows_every_metric(run):
    stored = run.skill()
    for name in LONG_METRICS:
        got = run.by_cell(name)["y"]
        np.testing.assert_allclose(got, of(stored, name)["value"], rtol=1e-4, atol=1e-5)
