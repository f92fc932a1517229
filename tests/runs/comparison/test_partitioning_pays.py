"""Whether partitioning pays, measured against one operator for all on every row that was withheld."""

import gc
import pickle
import sqlite3
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from distributed import Client, LocalCluster

from motrain_app.data.sample import STATES, sample_regions, write_sample
from motrain_app.design import Design, Learner, Period, box, the_rest
from motrain_app.runs import Run, RunError, create_run, cutting
from motrain_app.runs.comparison import partitioning_pays
from motrain_app.runs.comparison.comparing import compare_runs
from motrain_app.runs.comparison.partitioning_pays import (
    DRAWS,
    PAYS_COLUMNS,
    measure_partitioning,
    payoffs_over_sums,
    random_partitions_of,
    verdict_beyond,
)
from motrain_app.runs.comparison.paying import Payoff
from motrain_app.runs.comparison.random_partitions import Beyond, Control
from motrain_app.runs.driver import Driver
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import RunStore
from tests.runs.comparison.conftest import SVR, WEST, trained
from tests.runs.conftest import make_dataset

UNASKED = "No random partitions were tried: none were asked for (control=0)."
SEASONS = [Period("cold", months=(10, 11, 12, 1, 2, 3)), Period("warm", months=(4, 5, 6, 7, 8, 9))]


@pytest.mark.parametrize("learner", ["ridge", "ridge2", SVR])
def test_figures_are_those_of_a_comparison_with_one_operator_everywhere(run_of, learner, monkeypatch):
    monkeypatch.setattr("motrain_app.runs.comparison.crossing.READ_ROWS", 300)
    run = run_of(learner=learner, periods=SEASONS)
    everywhere = trained(run.design.change(regions=None, periods=None), run.path.parent)
    got, expected = measure_partitioning(run, control=0), compare_runs(run, everywhere).frame()
    frame = got.frame()
    assert tuple(frame.columns) == PAYS_COLUMNS
    assert frame["n"].tolist() == expected["n"].tolist()
    for mine, theirs in {"rmse": "rmse", "one_for_all": "other_rmse"}.items():
        np.testing.assert_allclose(frame[mine], expected[theirs], rtol=1e-5)
    np.testing.assert_allclose(frame["change"], expected["change"], atol=1e-3)
    np.testing.assert_allclose(frame["p"], expected["p"], atol=1e-4)
    assert frame["significant"].tolist() == expected["significant"].tolist()
    assert got.partitions == tuple(run.partitions)
    for payoff, line in zip(got.payoffs, frame.itertuples(), strict=False):
        assert (payoff.change, payoff.low, payoff.high, payoff.n, payoff.p) == (*line[7:10], line.n, line.p)
        assert payoff.wins == (frame.query("output == @payoff.output")["change"][1:] < 0).sum()


def test_rows_that_a_sampled_operator_never_saw_are_judged_as_well(run_of):
    run = run_of(learner=SVR)
    got = measure_partitioning(run, control=0, max_rows=300, train=trained)
    assert got.one_for_all.run is not None
    assert got.payoffs[0].n == int(run.skill().query("metric == 'rmse' and output == 'y'")["n"].sum())


def test_a_cell_counts_by_its_area_also_where_one_operator_for_all_lacks_most_of_its_rows(run_of, monkeypatch):
    """It has no member for 2010, in which most rows of the first cell lie; random partitions are judged likewise."""
    data = make_dataset(cells=4)
    year = data["time"].dt.year.values
    scarce = (year > 2010) & (np.arange(len(year)) % 8 > 0)
    for output in ("y", "bend"):
        data[output][0] = np.where(scarce, np.nan, data[output][0] + 2 * data["b"][0] ** 2)
    run = run_of(data=data)
    everywhere = trained(run.design.change(regions=None), run.path.parent)
    original = partitioning_pays.one_for_all

    def lacking(*run, **options):
        found = original(*run, **options)
        return replace(found, members={number: member for number, member in found.members.items() if number != 0})

    monkeypatch.setattr(partitioning_pays, "one_for_all", lacking)
    got = measure_partitioning(run, control=2)
    for number, output in enumerate(("y", "bend")):
        mine, theirs = (errors_of(one, output) for one in (run, everywhere))
        common = sorted(key for key in mine.keys() & theirs.keys() if key[1] >= np.datetime64("2011-01-01"))
        cell = np.array([cell for cell, _ in common])
        assert (cell == 0).sum() < 0.5 * sum(cell == 0 for cell, _ in mine)
        errors = [np.array([rows[key] for key in common]) for rows in (mine, theirs)]
        mse = [[np.mean(error[cell == one] ** 2) for one in range(4)] for error in errors]
        rmse = np.sqrt(np.average(mse, weights=np.cos(np.deg2rad(data["lat"].values)), axis=1))
        for change in (got.pooled, got.control.own):
            assert (change.rmse[number], change.other_rmse[number]) == pytest.approx(tuple(rmse), rel=1e-5)
            assert change.n[number] == len(common)
        for draw in got.control.draws:
            assert draw.n[number] == len(common)
            assert draw.other_rmse[number] == pytest.approx(rmse[1], rel=1e-5)


def errors_of(run, output):
    """Return the errors of what members withheld, by cell and time."""
    found = {}
    for name in run.partitions:
        got = run.predictions(name).sel(output=output)
        cell = np.broadcast_to(got["cell"].values, got["time"].shape).tolist()
        error = (got["predicted"] - got["observed"]).values
        found |= {(at, time): one for at, time, one in zip(cell, got["time"].values, error, strict=True) if one == one}
    return found


def test_of_an_interrupted_run_the_finished_partitions_are_judged_and_it_is_told(run_of):
    whole = run_of()
    assert whole.pays().control is not None
    complete = whole.pays(control=0).frame()
    with RunStore(whole.path / "run.sqlite", write=True) as store:
        store.wait_again([1])
    partial = Run.open(whole.path)
    got = partial.pays()
    note = f"{whole.path.name} is partial: 1 of 2 partitions are finished."
    assert got.control is None, "its own partitions are not all there to be held against random ones"
    assert got.partitions == ("west",)
    untried = "No random partitions were tried: partitions are still to be trained."
    assert got.notes == (note, untried)
    areas = "cells count by their area (cosine of the latitude)"
    told = {"rows": "out-of-fold", "partial": note, "weights": areas, "notes": (note, untried)}
    assert got.frame().attrs == told
    assert partial.pays(control=5).notes == (note, untried), "also where they were asked for"
    assert complete.attrs == told | {"partial": "", "notes": (UNASKED,)}
    assert repr(got).endswith(f"{note} {untried}")


def test_of_a_run_that_failed_in_part_it_is_told_how_many_failed(run_of):
    run = run_of(regions="cells")
    with sqlite3.connect(run.path / "run.sqlite") as store:
        store.execute("UPDATE partition SET state = 'failed', error = 'It diverged.' WHERE number = 1")
    n = len(run.partitions)
    note = f"{run.path.name} is partial: {n - 1} of {n} partitions are finished, 1 failed: run.failures says why."
    assert Run.open(run.path).pays(control=0).notes == (note, UNASKED)


def test_why_there_is_no_control_is_told(run_of):
    run = run_of(regions="cells")
    why = "cells can only be dealt in one way where each region is one"
    assert random_partitions_of(str(run.path)) == why
    got = run.pays()
    assert got.control is None
    assert got.notes == (f"No random partitions were tried: {why}.",)
    got = run.pays(control=0)
    assert got.notes == (UNASKED,)
    assert got.sentence().endswith(f". {UNASKED}"), "what pays does so beside one operator for all alone"


def test_cells_without_rows_are_none_that_could_be_dealt(run_of):
    data = make_dataset(cells=4)
    for name in ("y", "bend"):
        data[name].values[[0, 2]] = np.nan
    got = run_of(
        data=data, regions=[box("south", 4, 38.5, 20, 40.6), the_rest()]
    ).pays()  # two cells each, one of them empty
    assert got.control is None
    assert "can only be dealt in one way" in got.notes[-1]


def test_times_are_dealt_where_there_is_one_cell_with_periods(run_of):
    got = run_of(data=make_dataset(cells=1), regions=None, periods=SEASONS).pays()
    assert got.control is not None
    assert got.control.dealt == "times"
    assert got.notes == ()


def test_an_output_that_some_partitions_lack_counts_those_that_have_it(run_of):
    data = make_dataset(cells=6)
    west = data["lon"].values < 5.5
    data["bend"].values[west] = np.nan
    y, bend = run_of(data=data).pays(control=0).payoffs
    assert (y.partitions, bend.partitions) == (2, 1)
    data["bend"].values[:] = np.nan
    (_, nothing) = run_of(data=data).pays(control=0).payoffs
    assert nothing.sentence() == "Whether partitioning pays for bend cannot be told: no common row."


@pytest.mark.parametrize(("high", "verdict"), [(-0.1, "pays"), (0.1, "cannot be told"), (np.nan, "cannot be told")])
def test_partitioning_pays_where_it_does_so_beyond_random_partitions(run_of, monkeypatch, high, verdict):
    control = run_of().pays(control=2).control
    beyond = Beyond(*(np.array([value, -9.0]) for value in (-1.0, -2.0, high)))
    monkeypatch.setattr(Control, "beyond", lambda self: beyond)
    payoff = Payoff("y", -5.0, -6.0, -4.0, 100, 2, 2)
    assert verdict_beyond(payoff, control) == verdict
    assert verdict_beyond(payoff, None) == "pays"
    assert verdict_beyond(replace(payoff, high=1.0), control) == "cannot be told"
    assert verdict_beyond(replace(payoff, output="bend"), control) == "pays"


def test_another_process_is_given_a_folder_and_answers_what_a_run_does(run_of):
    run = run_of()
    whole = run.pays()
    assert payoffs_over_sums(str(run.path)) == whole.payoffs
    control = random_partitions_of(str(run.path))
    assert control.frame().equals(whole.control.frame())
    assert pickle.loads(pickle.dumps(control)).sentence() == control.sentence()


def test_an_operator_that_can_tell_places_apart_is_harder_to_beat(run_of):
    data = make_dataset(years=6)
    data["tilt"] = ("space", np.linspace(0.1, 0.3, data.sizes["space"]), {"units": "1"})
    run = run_of(data=data, regions="cells", learner="ridge2")  # y = tilt · (a − 285) − 8 b
    plain, static = run.pays(control=0), run.pays(control=0, static=True)
    assert [variable.name for variable in static.one_for_all.inputs] == ["a", "b", "tilt"]
    assert plain.payoffs[0].verdict == "pays"
    assert static.payoffs[0].verdict != "pays"
    assert static.pooled.other_rmse[0] < 0.9 * plain.pooled.other_rmse[0]
    np.testing.assert_array_equal(static.pooled.n, plain.pooled.n)


def test_random_partitions_are_held_against_one_operator_without_the_static_inputs(run_of):
    """They have none either: beside one that can tell places apart they would look worse than they are."""
    data = make_dataset(years=6)
    data["tilt"] = ("space", np.linspace(0.1, 0.3, data.sizes["space"]), {"units": "1"})
    run = run_of(data=data, learner="ridge2")
    plain, static = run.pays(control=3), run.pays(control=3, static=True)
    assert static.pooled.other_rmse[0] < plain.pooled.other_rmse[0]
    assert static.control.frame().equals(plain.control.frame())


@pytest.mark.parametrize("learner", ["ridge", SVR])
def test_the_number_of_workers_changes_no_bit(design, tmp_path, learner):
    frames = []
    for workers in (1, 2):

        def cluster(n=workers):
            options = {"n_workers": n, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
            return ClientOf(LocalCluster(**options, silence_logs=50))

        def train(chosen, runs, max_rows, rows_of, cluster=cluster):
            folder = create_run(chosen, runs, max_rows=max_rows, rows_of=rows_of, take_over=False)
            assert Driver(folder, cluster).drive() == "done"
            return Run.open(folder.path)

        runs = tmp_path / f"{workers}"
        run = train(design(regions="cells", learner=learner), runs, None, None)
        frames.append(measure_partitioning(run, control=0, max_rows=500, train=train).frame())
    assert frames[0].equals(frames[1])


class ClientOf:
    """A cluster with its client, closed together."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __enter__(self):
        self._client = Client(self._cluster, set_as_default=False)
        return self._client

    def __exit__(self, *error):
        self._client.close()
        self._cluster.close()


def test_test_rows_are_read_nowhere(run_of, tmp_path):
    def everything(data):
        run = run_of(data=data, learner="ridge2")
        got = run.pays(static=True)
        assert run.openings == []
        return got.frame(), got.control.frame(), run.cross()

    data = make_dataset()
    frame, control, crossed = everything(data)
    (tmp_path / "cells.nc").unlink()
    test = data["time"].values >= np.datetime64("2014-01-01")
    for name in ("a", "b", "y", "bend"):
        data[name] = data[name].where(~test, 1e3 * data[name])
    other_frame, other_control, other_crossed = everything(data)
    assert frame.equals(other_frame)
    assert control.equals(other_control)
    assert crossed.identical(other_crossed)


def test_memory_does_not_grow_with_partitions(design, tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "BLOCKS_AT_LEAST", 10_000)  # blocks of one partition
    monkeypatch.setattr("motrain_app.runs.comparison.crossing.READ_ROWS", 1)
    monkeypatch.setattr("motrain_app.runs.comparison.withheld.CHUNK_ROWS", 1)
    monkeypatch.setattr("motrain_app.runs.comparison.row_sums.PIECE", 1000)
    peaks, few, many = [], 24, 56
    for cells in (few, many):
        (tmp_path / "cells.nc").unlink(missing_ok=True)
        run = trained(design(data=make_dataset(cells=cells), regions="cells"), tmp_path / "runs")
        # What is imported and cached is no part of it.
        assert len(measure_partitioning(run, control=0).partitions) == cells
        peaks.append(min(_peak(run) for _ in range(3)))  # now and then threads overlap, and two blocks are read
    assert peaks[1] - peaks[0] < 12_000 * (many - few)  # what is told of a partition; its rows take 15,000 or more


def _peak(run):
    gc.collect()
    gc.freeze()  # else garbage waits the longer the more other tests have left in memory
    tracemalloc.start()
    measure_partitioning(run, control=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    gc.unfreeze()
    return peak


def test_what_cannot_pay_is_refused_in_words(run_of):
    with pytest.raises(RunError, match="is one operator for all itself"):
        run_of(regions=None).pays()
    with pytest.raises(RunError, match="Nothing was withheld"):
        run_of(jackknife=None).pays()
    with pytest.raises(RunError, match=r"has one partition with rows.*run.compare\(other\)"):
        run_of(regions=WEST[:1]).pays()


def test_partitions_are_not_said_to_pay_where_random_ones_do_as_well(run_of):
    """Random cells put together: each group's operator knows its own few cells, which one for all does not."""
    got = run_of(data=make_dataset(cells=8), regions=[box("odd", 4.5, 39.5, 9, 40.5), the_rest()]).pays()
    assert len(got.control.draws) == DRAWS
    assert got.verdicts[0] == "cannot be told"
    assert got.sentence().startswith("Whether partitioning pays for y cannot be told: RMSE ")
    assert got.control.own.value == pytest.approx(got.pooled.value, abs=1e-3)
    assert "Control by ridge for y, cells dealt at random 39 times" in got.sentence()
    assert repr(got) == got.sentence()


@pytest.mark.slow
def test_a_driver_process_trains_the_one_operator_beside_the_run(run_of):
    run = run_of(learner=SVR, regions=[WEST[0], box("east", 5.5, 39.5, 6.5, 41.5)])  # a cell is in no region
    got = run.pays(control=0, workers=1)
    beside = Run.open(run.path.parent / got.one_for_all.run)
    assert (beside.design.regions, beside.state) == (None, "done")
    training = [Plan.load(one.path / "plan.safetensors").training_rows.sum() for one in (run, beside)]
    assert training[0] == training[1]
    assert len(list(run.path.parent.glob("2*"))) == 2
    assert run.pays(control=0, workers=1).frame().equals(got.frame())
    assert len(list(run.path.parent.glob("2*"))) == 2


@pytest.mark.slow
def test_networks_along_the_regimes_of_the_sample_pay(tmp_path):
    """Also against one network for all that learned from a sample of the rows, which is judged on all of them."""
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    path = write_sample(tmp_path / "sample.zarr", cells=60, years=5)
    network = Learner("network", {"hidden": [8], "epochs": 20, "batch": 256, "learning_rate": 0.01})
    design = Design(path, STATES, ["slope"], regions=sample_regions(), test="2014-01-01", learner=network)
    run = trained(design, tmp_path / "runs")
    got = measure_partitioning(run, max_rows=20_000, train=trained)
    beside = Plan.load(tmp_path / "runs" / got.one_for_all.run / "plan.safetensors")
    assert beside.training_rows[0] <= 20_000 < got.payoffs[0].n
    assert got.payoffs[0].high < -20
    assert got.verdicts == ("pays",)
    assert got.control.learner == "ridge2"


def test_where_nothing_varies_nothing_pays(run_of):
    data = make_dataset(years=6)
    data["y"] = data["y"] * 0 - 12.3
    run = run_of(data=data, regions="cells")
    found = run.pays(control=0)
    assert found.payoffs[0].verdict == "cannot be told"
    assert "Whether partitioning pays for y cannot be told: no change of the RMSE can be told" in repr(found)
    assert "y: no change of the RMSE can be told (both are zero) on" in repr(run.compare(run))


def test_partitions_without_a_row_make_no_run_partial(run_of):
    data = make_dataset(years=6)
    data["y"][0], data["bend"][0] = np.nan, np.nan
    run = run_of(data=data, regions="cells")
    assert run.counts["skipped"] == 1
    assert run.partial == run.pays().partial == run.compare(run).partial == run.cross().attrs["partial"] == ""
    assert run.skill().attrs["partial"] == run.compare(run).frame().attrs["partial"] == ""


def test_where_all_partitions_failed_nobody_is_told_to_go_on(run_of):
    run = run_of(regions="cells")
    with sqlite3.connect(run.path / "run.sqlite") as store:
        store.execute("UPDATE partition SET state = 'failed'")
    for ask in (run.pays, lambda: run.compare(run), run.cross):
        with pytest.raises(RunError, match=r"no partition of .* could be trained; run.failures says why"):
            ask()
