"""Two runs compared: on the rows that both withheld, against NumPy on their predictions."""

import numpy as np
import pytest

from motrain_app.design import LeaveBlocksOut, Period, box, the_rest
from motrain_app.runs import Run, RunError, comparing, create_run
from motrain_app.runs.comparing import ALL, CHANGE_COLUMNS, compare_runs
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.store import RunStore
from motrain_app.skill import bootstrap, moments_by_group, rmse_change
from tests.runs.conftest import drive_here, make_dataset

WEST = [box("west", 4.5, 39, 5.5, 43), the_rest()]
SEASONS = [Period("cold", months=(10, 11, 12, 1, 2, 3)), Period("warm", months=(4, 5, 6, 7, 8, 9))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs on one dataset by name; each is trained when it is first asked for."""
    from motrain_app.design import Design

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
            rmse, other_rmse = (np.sqrt(((some - observed)[kept] ** 2).mean()) for some in (ours, others))
            assert change.n[at] == kept.sum()
            assert change.rmse[at] == pytest.approx(rmse, rel=1e-5)
            assert change.other_rmse[at] == pytest.approx(other_rmse, rel=1e-5)
            assert change.value[at] == pytest.approx(100 * (rmse / other_rmse - 1), abs=1e-3)
        wins = sum(found.by_partition.rmse[:, number] < found.by_partition.other_rmse[:, number])
        assert found.wins[number] == wins


def test_the_interval_is_that_of_the_paired_bootstrap_in_days_with_all_cells_of_a_day(trained):
    run, other = trained("cells"), trained("everywhere")
    found = compare_runs(run, other)
    mine, theirs = rows_of(run, "y"), rows_of(other, "y")
    common = sorted(mine.keys() & theirs.keys())
    observed, ours, others = np.array([(*mine[key][:2], theirs[key][1]) for key in common]).T
    day = np.array([key[1] for key in common]).astype("datetime64[D]").astype(np.int64)
    daily = moments_by_group(observed, ours, day - day.min(), int(np.ptp(day)) + 1, baseline=others)
    rng = np.random.default_rng((run.design.seed,))
    expected = bootstrap(daily, [rmse_change], replicates=REPLICATES, rng=rng)
    assert found.pooled.low[0] == pytest.approx(100 * expected.low[0], rel=1e-3)
    assert found.pooled.high[0] == pytest.approx(100 * expected.high[0], rel=1e-3)
    assert found.pooled.low[0] < found.pooled.value[0] < found.pooled.high[0] < 0


def test_the_table_tells_all_partitions_first(trained):
    run, other = trained("cells"), trained("everywhere")
    frame, found = run.compare(other), compare_runs(run, other)
    assert tuple(frame.columns) == CHANGE_COLUMNS
    assert frame["partition"].tolist() == [name for name in (ALL, *run.partitions) for _ in range(2)]
    assert frame["output"].tolist() == ["y", "bend"] * 7
    assert frame["unit"].tolist() == ["dB", "1"] * 7
    assert frame["change"].tolist()[:2] == found.pooled.value.tolist()
    assert frame["change"].tolist()[2:] == found.by_partition.value.ravel().tolist()


def test_a_run_beside_itself_changes_nothing_at_all(trained):
    found = compare_runs(trained("cells"), trained("cells"))
    for change in (found.pooled, found.by_partition):
        for values in (change.value, change.low, change.high):
            assert (values == 0).all()
    assert found.wins.tolist() == [0, 0]


def test_what_is_kept_of_the_other_run_changes_nothing(trained, monkeypatch):
    whole = compare_runs(trained("cells"), trained("west, seasons")).frame()
    monkeypatch.setattr("motrain_app.runs.withheld.KEPT_BYTES", 1)
    shares = []
    again = compare_runs(trained("cells"), trained("west, seasons"), progress=shares.append).frame()
    assert again.equals(whole)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_no_test_row_enters(trained, monkeypatch):
    """Also after an opening: its rows stand in the block files all along."""
    days = []
    original = comparing.moments_by_group

    def watched(observed, predicted, group, n_groups, **options):
        days.append(int(group.max()))
        return original(observed, predicted, group, n_groups, **options)

    monkeypatch.setattr(comparing, "moments_by_group", watched)
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


def _run_on(design, data, folder, **choices):
    chosen = design(data=data, **choices)
    created = create_run(chosen, folder)
    drive_here(created)
    return Run.open(created.path)


def test_runs_that_cannot_be_compared_say_why(design, tmp_path):
    data = make_dataset(cells=3)
    run = _run_on(design, data, tmp_path / "runs")
    alone = _run_on(design, None, tmp_path / "runs", regions=[box("one", 4.5, 39.5, 5.5, 40.5)])
    rest = _run_on(design, None, tmp_path / "runs", regions=[box("two", 4.5, 40.5, 5.5, 42.5)])
    with pytest.raises(RunError, match="withheld no row in common"):
        compare_runs(alone, rest)
    one, other = (
        _run_on(lambda data, **choices: design(data=data).change(**choices), None, tmp_path / "runs", outputs=[name])
        for name in ("y", "bend")
    )
    with pytest.raises(RunError, match=r"share no output: one predicts y, the other bend\."):
        compare_runs(one, other)
    (tmp_path / "cells.nc").unlink()
    changed = _run_on(design, make_dataset(cells=3, seed=1), tmp_path / "runs")
    with pytest.raises(RunError, match="were trained on different data"):
        compare_runs(run, changed)
