"""The live skill of staged rows is what a run on the same design reports, and is kept beside the rows."""

import os
from dataclasses import replace

import numpy as np
import pytest

from motrain_app.data.sample import STATES, make_sample, sample_regions
from motrain_app.design import Design, LeaveYearsOut, Period, Split, box, the_rest
from motrain_app.design.periods import label_times
from motrain_app.design.splits import make_folds
from motrain_app.learning.preview import preview
from motrain_app.runs import RunError, create_run, gram_store
from motrain_app.runs.gram_store import grams_path, load_grams, load_or_build_grams
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import stage_rows
from motrain_app.runs.store import RunStore
from motrain_app.skill import unpack_scores
from tests.runs.conftest import drive_here

WEST = [box("west", 4.5, 39, 5.5, 43), the_rest()]
SEASONS = [Period("cold", months=(10, 11, 12, 1, 2, 3)), Period("warm", months=(4, 5, 6, 7, 8, 9))]
EMBARGO = {"test": Split("2014-01-01", 15), "jackknife": LeaveYearsOut(embargo=15)}


@pytest.mark.parametrize(
    "choices",
    [{"regions": WEST, **EMBARGO}, {"regions": "cells", **EMBARGO}, {"regions": WEST, "periods": SEASONS, **EMBARGO}],
    ids=["drawn", "each cell", "seasons"],
)
def test_live_skill_is_the_skill_that_a_run_reports(choices, design, dataset, tmp_path):
    data = dataset()
    data["y"][4, 20:] = np.nan  # too few rows for a climatology, or a member, of its own
    chosen = design(data=data, **choices)
    run = create_run(chosen, tmp_path / "runs")
    assert drive_here(run) == "done"
    layout = chosen.layout(data)
    got = preview(load_or_build_grams(StagedRows(run.staged()), layout.folds, layout.partitions.times), layout.cells)

    with RunStore(run.store) as store:
        rows = store.partitions()
    assert [row.name for row in rows] == list(layout.partitions.names)
    assert [bool(reason) for reason in got.reasons] == [row.state != "done" for row in rows]
    done = [row.number for row in rows if row.state == "done"]
    plan = Plan.load(run.plan)
    metrics, baselines = plan.metrics, plan.baselines
    packed = np.stack([rows[number].scores for number in done]).reshape(len(done), 2, -1)
    scores = unpack_scores(packed, metrics=metrics, baselines=baselines)
    rmse, climatology = metrics.index("rmse"), baselines.index("climatology")
    np.testing.assert_array_equal(got.n[done], scores.n)
    np.testing.assert_allclose(got.ridge.rmse[done], scores.value[..., rmse], rtol=1e-6)
    np.testing.assert_allclose(got.climatology.rmse[done], scores.baseline_values[:, climatology, :, rmse], rtol=1e-6)
    assert np.isfinite(got.ridge.rmse[done]).any()


@pytest.fixture
def staged(design, dataset, tmp_path):
    """Staged rows of a small dataset, and the layout of its design."""
    data = dataset(cells=9)
    chosen = design(data=data, regions=WEST, **EMBARGO)
    return stage_rows(data, chosen, tmp_path / "staged" / "rows"), chosen.layout(data)


def _arrays(grams):
    return {name: array.tobytes() for name, array in grams.to_arrays().items()}


def _kept(rows):
    return sorted(rows.path.parent.glob("*.grams.safetensors"))


def test_what_is_kept_is_read_again_bit_by_bit(staged, monkeypatch):
    rows, layout = staged
    built = load_or_build_grams(rows, layout.folds)
    monkeypatch.setattr(gram_store, "_build", None)
    again = load_or_build_grams(StagedRows(rows.path), layout.folds)
    assert _arrays(again) == _arrays(built)
    one, other = (preview(grams, layout.cells) for grams in (built, again))
    assert one.ridge.squares.tobytes() == other.ridge.squares.tobytes()


def test_chunks_of_rows_change_no_bit_and_tell_their_progress(staged, monkeypatch, tmp_path):
    rows, layout = staged
    whole, shares = _arrays(load_or_build_grams(rows, layout.folds)), []
    _kept(rows)[0].unlink()
    monkeypatch.setattr(gram_store, "READ_ROWS", 700)
    assert _arrays(load_or_build_grams(rows, layout.folds, progress=shares.append)) == whole
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_stop_keeps_nothing(staged, monkeypatch):
    rows, layout = staged
    assert load_or_build_grams(rows, layout.folds, stopped=lambda: True) is None
    assert _kept(rows) == []


def test_the_name_follows_from_folds_and_periods(staged):
    rows, layout = staged
    again = make_folds(EMBARGO["test"], EMBARGO["jackknife"], rows.time)
    others = [
        make_folds(Split("2014-01-01", 15), LeaveYearsOut(embargo=20), rows.time),
        make_folds(Split("2014-01-01", 15), LeaveYearsOut(first_month=10, embargo=15), rows.time),
        make_folds(Split("2013-06-01", 15), LeaveYearsOut(embargo=15), rows.time),
        make_folds(Split("2014-01-01", 15), None, rows.time),
    ]
    periods = label_times(SEASONS, rows.time)
    name = grams_path(rows, layout.folds)
    assert grams_path(rows, again, layout.partitions.times) == name
    assert len({name, grams_path(rows, again, periods), *(grams_path(rows, folds) for folds in others)}) == 6


@pytest.mark.parametrize("content", [b"", b"no sums", None])
def test_a_damaged_file_is_built_anew(staged, content):
    rows, layout = staged
    whole = _arrays(load_or_build_grams(rows, layout.folds))
    (path,) = _kept(rows)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    assert load_grams(rows, layout.folds) is None
    assert _arrays(load_or_build_grams(rows, layout.folds)) == whole
    assert load_grams(rows, layout.folds) is not None


def test_of_many_embargoes_that_were_tried_the_last_ones_are_kept(staged, monkeypatch):
    rows, _ = staged
    monkeypatch.setattr(gram_store, "KEPT", 2)
    paths = []
    for number, days in enumerate((5, 10, 15, 20)):
        folds = make_folds(None, LeaveYearsOut(embargo=days), rows.time)
        load_or_build_grams(rows, folds)
        paths.append(grams_path(rows, folds))
        os.utime(paths[-1], (number, number))
    assert set(_kept(rows)) == set(paths[-2:])


def test_a_full_disk_is_told_and_leaves_nothing_behind(staged, monkeypatch):
    rows, layout = staged

    def full(arrays, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gram_store, "save_file", full)
    with pytest.raises(RunError, match="No space left on device"):
        load_or_build_grams(rows, layout.folds)
    assert {path.name for path in rows.path.parent.iterdir()} == {"rows"}


def test_more_than_memory_holds_is_refused_in_words(staged, monkeypatch):
    rows, layout = staged
    monkeypatch.setattr(gram_store, "MOST_BYTES", 1000)
    with pytest.raises(RunError, match="9 cells in 10 classes of times"):
        load_or_build_grams(rows, layout.folds)


def test_partitions_along_the_regimes_of_the_sample_gain_and_random_ones_do_not(tmp_path):
    sample = make_sample(cells=100, years=5)
    design = Design("sample.zarr", STATES, ["slope"], regions=sample_regions(), test="2014-01-01", learner="ridge")
    layout = design.layout(sample)
    grams = load_or_build_grams(stage_rows(sample, design, tmp_path / "rows"), layout.folds)
    along = preview(grams, layout.cells).together().gain_over_one_for_all
    assert along.value[0, 0] - along.spread[0, 0] > 0.1
    for seed in range(3):
        scattered = replace(layout.cells, label=np.random.default_rng(seed).permutation(layout.cells.label))
        random = preview(grams, scattered).together().gain_over_one_for_all
        assert random.value[0, 0] - random.spread[0, 0] < 0.02
        assert random.value[0, 0] < 0.1 * along.value[0, 0]
