"""Two runs compared: on the rows that both withheld, against NumPy on their predictions."""

from collections import Counter
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.design import Design, LeaveBlocksOut, Period, box, the_rest
from motrain_app.runs import Run, create_run
from motrain_app.runs.comparison import paired
from motrain_app.runs.comparison.comparing import compare_runs
from motrain_app.runs.comparison.run_comparison import ALL, CHANGE_COLUMNS
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import RunStore
from motrain_app.skill import bootstrap, cell_areas, discoveries, moments_by_group, mse_difference, rmse_change
from tests.runs.conftest import drive_here, make_dataset

WEST = [box("west", 4.5, 39, 5.5, 43), the_rest()]
SEASONS = [Period("cold", months=(10, 11, 12, 1, 2, 3)), Period("warm", months=(4, 5, 6, 7, 8, 9))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs on one dataset by name; each is trained when it is first asked for."""
    folder = tmp_path_factory.mktemp("compared")
    make_dataset(years=6).to_netcdf(folder / "cells.nc")
    choices = {
        "cells": {"regions": "cells"},
        "west, seasons": {"regions": WEST, "periods": SEASONS, "jackknife": LeaveBlocksOut(90, embargo=10)},
        "everywhere": {"regions": None},
        "a alone, warm rows": {"inputs": ["a"], "filters": ["a > 280"], "outputs": ["bend", "y"]},
    }
    runs: dict[str, Run] = {}

    def get(name: str) -> Run:
        if name not in runs:
            standard = {"inputs": ["a", "b"], "outputs": ["y", "bend"], "test": "2015-01-01", "learner": "ridge"}
            created = create_run(Design(folder / "cells.nc", **{**standard, **choices[name]}), folder / "runs")
            assert drive_here(created) == "done"
            runs[name] = Run.open(created.path)
        return runs[name]

    return get


def rows_of(run: Run, output: str) -> dict[tuple[int, np.datetime64], tuple[float, float, str]]:
    """Return observed, predicted and partition by cell and time, from what `Run.predictions` gives."""
    found = {}
    for name in run.partitions:
        got = run.predictions(name).sel(output=output)
        cells = np.broadcast_to(got["cell"].values, got["time"].shape).tolist()
        for cell, time, observed, predicted in zip(
            cells, got["time"].values, got["observed"].values, got["predicted"].values, strict=True
        ):
            if np.isfinite(observed) and np.isfinite(predicted):
                found[cell, time] = (observed, predicted, name)
    return found


def weights_of(run: Run, rows: list[tuple[int, np.datetime64]]) -> np.ndarray:
    """Return what rows count among all: their cell's area over how many of them lie there."""
    common = Counter(cell for cell, _ in rows)
    plan = Plan.load(RunFolder(run.path).plan)
    area = cell_areas(plan.lat, plan.lon).weight
    return np.array([area[cell] / common[cell] for cell, _ in rows])


@pytest.mark.parametrize("other", ["everywhere", "west, seasons", "a alone, warm rows"])
@pytest.mark.parametrize("first", ["cells", "west, seasons"])
def test_changes_are_those_of_the_common_rows(trained, first, other):
    run, beside = trained(first), trained(other)
    found = compare_runs(run, beside)
    assert [output.name for output in found.outputs] == ["y", "bend"]
    assert list(found.partitions) == run.partitions
    for number, output in enumerate(("y", "bend")):
        mine, theirs = rows_of(run, output), rows_of(beside, output)
        common = sorted(mine.keys() & theirs.keys())
        assert len(common) > 300
        observed, ours, others = np.array([(*mine[key][:2], theirs[key][1]) for key in common]).T
        partition = np.array([mine[key][2] for key in common])
        for name, change, at in [
            (None, found.pooled, (number,)),
            *((name, found.by_partition, (place, number)) for place, name in enumerate(run.partitions)),
        ]:
            kept = np.ones(len(common), bool) if name is None else partition == name
            weight = weights_of(run, common) if name is None else kept.astype(float)
            rmse, other_rmse = (np.sqrt(np.average((some - observed) ** 2, weights=weight)) for some in (ours, others))
            assert change.n[at] == kept.sum()
            assert change.rmse[at] == pytest.approx(rmse, rel=1e-5)
            assert change.other_rmse[at] == pytest.approx(other_rmse, rel=1e-5)
            assert change.value[at] == pytest.approx(100 * (rmse / other_rmse - 1), abs=1e-3)
        wins = sum(found.by_partition.rmse[:, number] < found.by_partition.other_rmse[:, number])
        assert found.wins[number] == wins


@pytest.mark.parametrize(("number", "output"), [(0, "y"), (1, "bend")])
def test_the_interval_is_that_of_the_paired_bootstrap_in_days_with_all_cells_of_a_day(trained, number, output):
    run, other = trained("cells"), trained("everywhere")
    found = compare_runs(run, other)
    mine, theirs = rows_of(run, output), rows_of(other, output)
    common = sorted(mine.keys() & theirs.keys())
    observed, ours, others = np.array([(*mine[key][:2], theirs[key][1]) for key in common]).T
    day = np.array([key[1] for key in common]).astype("datetime64[D]").astype(np.int64)
    weight = weights_of(run, common)
    daily = moments_by_group(observed, ours, day - day.min(), int(np.ptp(day)) + 1, baseline=others, weight=weight)
    rng = np.random.default_rng(run.design.seed)
    expected = bootstrap(daily, [rmse_change, mse_difference], replicates=REPLICATES, rng=rng)
    change = found.pooled
    assert change.low[number] == pytest.approx(100 * expected.low[0], rel=1e-3)
    assert change.high[number] == pytest.approx(100 * expected.high[0], rel=1e-3)
    assert change.p[number] == pytest.approx(expected.p[1], rel=1e-3)
    assert change.low[number] < change.value[number] < change.high[number]
    assert change.significant[number] == (expected.p[1] <= 0.05)


def test_false_discoveries_are_controlled_over_partitions_each_output_by_itself(trained):
    found = compare_runs(trained("cells"), trained("everywhere"))
    p, value = found.by_partition.p, found.by_partition.value
    assert np.isfinite(p).all()
    assert found.pooled.high[0] < 0, "the slope of y differs from cell to cell"
    np.testing.assert_array_equal(found.by_partition.significant, discoveries(p))
    for output in range(2):
        np.testing.assert_array_equal(found.by_partition.significant[:, output], discoveries(p[:, output]))
    wins, losses = ((found.by_partition.significant & (sign * value < 0)).sum(axis=0) for sign in (1, -1))
    assert found.significant_wins.tolist() == wins.tolist()
    assert found.significant_losses.tolist() == losses.tolist()
    assert (found.significant_wins <= found.wins).all()
    assert found.significant_wins[0] >= 3
    turned = compare_runs(trained("everywhere"), trained("cells"))
    assert turned.significant_wins[0] == turned.wins[0] == 0
    assert turned.significant_losses[0] == len(turned.partitions) == 1
    assert turned.pooled.significant[0]


def test_without_an_interval_nothing_is_significant(trained, monkeypatch):
    for module in ("motrain_app.skill.bootstrap", "motrain_app.runs.comparison.run_comparison"):
        monkeypatch.setattr(import_module(module), "MIN_BLOCKS", 1e9)
    found = compare_runs(trained("cells"), trained("everywhere"))
    assert np.isnan(found.by_partition.p).all()
    assert not found.by_partition.significant.any()
    assert "(no interval: by how long errors last the days are worth fewer than ten blocks)" in found.sentence()


def test_the_table_tells_all_partitions_first(trained):
    run, other = trained("cells"), trained("everywhere")
    found = run.compare(other)
    frame = found.frame()
    assert tuple(frame.columns) == CHANGE_COLUMNS
    assert frame["partition"].tolist() == [name for name in (ALL, *run.partitions) for _ in range(2)]
    assert frame["output"].tolist() == ["y", "bend"] * 7
    assert frame["unit"].tolist() == ["dB", "1"] * 7
    assert frame["change"].tolist()[:2] == found.pooled.value.tolist()
    assert frame["change"].tolist()[2:] == found.by_partition.value.ravel().tolist()
    assert frame["p"].tolist()[2:] == found.by_partition.p.ravel().tolist()
    assert frame["significant"].dtype == bool
    assert frame["significant"].tolist()[2:] == found.by_partition.significant.ravel().tolist()


def test_it_shows_itself_in_words(trained):
    run, other = trained("cells"), trained("everywhere")
    found = run.compare(other)
    y, bend = found.sentence().split(" bend: ")
    change = f"RMSE {found.pooled.value[0]:+.1f} % [{found.pooled.low[0]:+.1f}, {found.pooled.high[0]:+.1f}]"
    assert y.startswith(f"y: {change} on {found.pooled.n[0]:,} rows; lower in ".replace("-", "−"))
    assert y.endswith(f"lower in {found.wins[0]} of 6 partitions, significantly lower in {found.significant_wins[0]} "
        f"and higher in {found.significant_losses[0]}.")  # fmt: skip
    lines = repr(found).splitlines()
    assert lines[0].startswith(f"{run.path.name} beside {other.path.name}, ")
    assert lines[1:3] == [y, f"bend: {bend}"]
    assert (
        lines[3]
        == f"Designs, {other.path.name} → {run.path.name}: regions: one operator everywhere → one partition a cell."
    )
    assert len(lines) == 4
    assert found.notes == ()


def test_of_one_partition_no_partition_is_counted(trained):
    found = trained("everywhere").compare(trained("a alone, warm rows"))
    assert found.sentence().count("partition") == 0
    assert found.sentence().count(" rows.") == 2


def test_what_differs_in_the_designs_is_told(trained):
    found = trained("a alone, warm rows").compare(trained("cells"))
    assert found.differences == (
        "filter a > 280 added",
        "input b removed",
        "outputs in another order: y, bend → bend, y",
        "regions: one partition a cell → one operator everywhere",
    )


def test_names_are_shown_in_a_notebook_and_never_run(trained):
    found = replace(trained("cells").compare(trained("everywhere")), other="<script>", partitions=("<b>", *"abcde"))
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<table" in shown


def test_a_run_beside_itself_changes_nothing_at_all(trained):
    found = compare_runs(trained("cells"), trained("cells"))
    for change in (found.pooled, found.by_partition):
        for values in (change.value, change.low, change.high):
            assert (values == 0).all()
        assert (change.p == 1).all()
        assert not change.significant.any()
    assert found.wins.tolist() == [0, 0]
    assert repr(found).endswith(": the same.")


def test_what_is_kept_of_the_other_run_changes_nothing(trained, monkeypatch):
    whole = compare_runs(trained("cells"), trained("west, seasons")).frame()
    monkeypatch.setattr("motrain_app.runs.comparison.withheld.KEPT_BYTES", 1)
    shares = []
    again = compare_runs(trained("cells"), trained("west, seasons"), progress=shares.append).frame()
    assert again.equals(whole)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_no_test_row_enters(trained, monkeypatch):
    """Also after an opening: its rows stand in the block files all along."""
    days = []
    original = paired.moments_by_group

    def watched(observed, predicted, group, n_groups, **options):
        days.append(int(group.max()))
        return original(observed, predicted, group, n_groups, **options)

    monkeypatch.setattr(paired, "moments_by_group", watched)
    run, other = trained("cells"), trained("everywhere")
    before = compare_runs(run, other).frame()
    limit = (np.datetime64("2015-01-01") - np.datetime64("2010-01-01")).astype(int)
    assert max(days) < limit
    for one in (run, other):
        with RunStore(one.path / "run.sqlite") as store:
            assert all(row.test_scores is None for row in store.partitions())
        assert one.openings == []
    run.open_test()
    assert compare_runs(run, other).frame().equals(before)
    assert "test" in run.predictions("cell-0")["rows"].values, "they are there to be read"


def test_all_partitions_together_have_the_errors_that_their_scores_say(tmp_path):
    """Each cell counts by its area, here a twelfth of the other, whatever its rows are."""
    places = {"lat": ("space", [5.0, 5.0, 85.0, 85.0]), "lon": ("space", [0.0, 10.0, 0.0, 10.0])}
    data = make_dataset(cells=4, years=6).assign_coords(places)
    data["y"] = (data["y"] + data["b"].where(data["lat"] > 80, 0.0) ** 2).assign_attrs(data["y"].attrs)
    data["y"][2, ::2] = np.nan
    data.to_netcdf(tmp_path / "grid.nc")
    design = Design(tmp_path / "grid.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge")
    runs = []
    for one in (design, design.change(regions=None)):
        created = create_run(one, tmp_path / "runs")
        assert drive_here(created) == "done"
        runs.append(Run.open(created.path))
    found = compare_runs(*runs)
    for run, rmse in zip(runs, (found.pooled.rmse, found.pooled.other_rmse), strict=True):
        scores = run.skill(by="all", metrics=["rmse"])
        np.testing.assert_allclose(rmse, scores["value"], rtol=1e-6)
        assert found.pooled.n.tolist() == scores["n"].tolist()
    assert found.frame().attrs["weights"] == scores.attrs["weights"]
    assert "cosine of the latitude" in scores.attrs["weights"]


@pytest.mark.parametrize("regions", ["cells", None])
def test_a_cell_counts_by_its_area_however_few_of_its_rows_are_common(tmp_path, regions):
    """Of the first cell a tenth of the rows is common, and there the runs differ most."""
    data = make_dataset(cells=4, years=6, step=2)
    places = {"lat": ("space", [5.0, 5.0, 70.0, 70.0]), "lon": ("space", [0.0, 10.0, 0.0, 10.0])}
    thinned = np.random.default_rng(5).random(data["y"].shape) < 0.1
    thinned[1:] = True
    data["kept"] = (("space", "time"), thinned.astype(float), {"units": "1"})
    data.assign_coords(places).to_netcdf(tmp_path / "grid.nc")
    design = Design(tmp_path / "grid.nc", ["a", "b"], ["y", "bend"], regions=regions, periods=SEASONS, learner="ridge")
    runs = []
    for one in (design, design.change(regions=None, periods=None, filters=["kept > 0.5"])):
        created = create_run(one, tmp_path / "runs")
        assert drive_here(created) == "done"
        runs.append(Run.open(created.path))
    found, turned = compare_runs(*runs), compare_runs(*runs[::-1])
    area = np.cos(np.deg2rad(places["lat"][1]))
    for number, output in enumerate(("y", "bend")):
        mine, theirs = (rows_of(run, output) for run in runs)
        common = sorted(mine.keys() & theirs.keys())
        cell = np.array([cell for cell, _ in common])
        assert (cell == 0).sum() < 0.2 * (cell == 1).sum()
        errors = [np.array([rows[key][1] - rows[key][0] for key in common]) for rows in (mine, theirs)]
        mse = [[np.mean(error[cell == one] ** 2) for one in range(4)] for error in errors]
        rmse, other_rmse = np.sqrt(np.average(mse, weights=area, axis=1))
        for change, ends in ((found.pooled, (rmse, other_rmse)), (turned.pooled, (other_rmse, rmse))):
            assert (change.rmse[number], change.other_rmse[number]) == pytest.approx(ends, rel=1e-6)
        assert found.pooled.value[number] == pytest.approx(100 * (rmse / other_rmse - 1), abs=1e-4)
        for one, end, other_end in (("value", "value", "value"), ("low", "low", "high"), ("high", "high", "low")):
            there, back = getattr(found.pooled, end)[number], getattr(turned.pooled, other_end)[number]
            assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1, rel=0.01), one
    assert "cosine of the latitude" in found.frame().attrs["weights"]


def test_an_infinite_prediction_is_no_gap(trained, monkeypatch):
    run, other = trained("cells"), trained("everywhere")
    read = Withheld._read

    def with_infinity(self, rows):
        for row, part in zip(rows, read(self, rows), strict=True):
            if self._folder.path == run.path and row.number == 0:
                part.predicted[0, np.flatnonzero(np.isfinite(part.observed[0]))[3]] = np.inf
            yield part

    monkeypatch.setattr(Withheld, "_read", with_infinity)
    found = compare_runs(run, other)
    assert found.pooled.n[0] == compare_runs(other, run).pooled.n[0]
    assert np.isinf([found.pooled.rmse[0], found.by_partition.rmse[0, 0], found.pooled.value[0]]).all()
    assert np.isnan([found.pooled.low[0], found.pooled.p[0]]).all()
    assert np.isfinite(found.by_partition.rmse[1:]).all()
    assert "y: RMSE infinite (some predictions are) on" in repr(found)
    turned = repr(compare_runs(other, run))
    assert "y: no change of the RMSE can be told (the other one is infinite, as some predictions are) on" in turned


def test_a_run_that_took_partitions_over_compares_as_one_that_trained_them_all(tmp_path):
    """Those that were taken over lie in another file: the order of files is not that of partitions."""
    make_dataset(cells=8).to_netcdf(tmp_path / "cells.nc")
    regions = [box(f"r{i}", 4.5 + i, 39, 5.5 + i, 43) for i in range(3)]

    def trained(runs, **choices):
        design = Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], **{"learner": "ridge", **choices})
        created = create_run(design, tmp_path / runs)
        assert drive_here(created) == "done"
        return Run.open(created.path)

    trained("some", regions=regions[1:2])
    partly, whole = trained("some", regions=regions), trained("fresh", regions=regions)
    assert list(partly.taken_over) == ["r1"]
    assert not whole.taken_over
    other = trained("fresh", regions=regions, learner="ridge2")
    for one, two in ((partly.compare(other), whole.compare(other)), (partly.pays(control=0), whole.pays(control=0))):
        assert one.partitions == two.partitions == ("r0", "r1", "r2")
        for field in ("rmse", "other_rmse", "value", "low", "high", "p"):
            assert getattr(one.pooled, field).tobytes() == getattr(two.pooled, field).tobytes()


def test_whichever_run_is_asked_the_same_partitions_differ(tmp_path):
    """Also of unequal seeds: both ways draw the same blocks."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge")
    runs = []
    for one in (design, design.change(learner="ridge2", seed=1)):
        created = create_run(one, tmp_path / "runs")
        assert drive_here(created) == "done"
        runs.append(Run.open(created.path))
    there, back = runs[0].compare(runs[1]), runs[1].compare(runs[0])
    np.testing.assert_allclose(there.by_partition.p, back.by_partition.p, rtol=1e-9)
    np.testing.assert_array_equal(there.by_partition.significant, back.by_partition.significant)
    assert (np.sign(there.by_partition.value) == -np.sign(back.by_partition.value)).all()


def test_intervals_are_as_wide_as_differences_that_last_ask_for(tmp_path):
    """One run has an input whose errors last for months, the other has none of it."""
    data = make_dataset(years=8, step=1, cells=2)
    random = np.random.default_rng(3)
    noise = random.normal(size=(2, data["time"].size + 500)) * np.sqrt(1 - 0.98**2)
    slow = 2 * lfilter([1.0], [1.0, -0.98], noise, axis=1)[:, 500:]
    data["y"] = (data["y"] + slow).assign_attrs(data["y"].attrs)
    data["a"] = (data["a"] + 5 * slow).assign_attrs(data["a"].attrs)
    data.to_netcdf(tmp_path / "cells.nc")
    runs = []
    for inputs in (["a", "b"], ["b"]):
        created = create_run(
            Design(tmp_path / "cells.nc", inputs, ["y"], regions="cells", learner="ridge"), tmp_path / "runs"
        )
        assert drive_here(created) == "done"
        runs.append(Run.open(created.path))
    found = compare_runs(*runs)
    n_days = data["time"].size
    for change in (found.pooled, found.by_partition):
        assert (change.blocks < n_days / 20).all()
        assert (change.blocks >= 10).all()
