"""Scores by several processes: the same to the last bit, and nothing is left of a process, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest

import motrain_app
from motrain_app.design import Period
from motrain_app.runs import Run, RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.scores import opened, portions, score_processes
from motrain_app.runs.scores.grouping import FOLD, SEASON, Grouping
from motrain_app.runs.scores.judged_rows import CHUNK_ROWS
from motrain_app.runs.scores.portions import PORTION_ROWS, cut_portions
from motrain_app.runs.scores.question import ScoreQuestion
from motrain_app.runs.scores.score_process import from_bytes, from_line, to_bytes, to_line
from motrain_app.runs.store import RunStore
from motrain_app.skill import metric, registry
from tests.conftest import PATIENCE
from tests.runs.scores.test_group_scores import data_with_classes, design_of
from tests.runs.takeovers import THREE, trained

METRICS = ["bias", "rmse", "spearman", "anomaly_r", "coverage", "n_effective", "skill_over_climatology", "r_pooled"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three regions of two cells, in two periods; the test is open."""
    folder = tmp_path_factory.mktemp("processes")
    data_with_classes().to_netcdf(folder / "cells.nc")
    periods = [Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))]
    run = trained(design_of(folder, regions=THREE, periods=periods), folder / "runs")
    run.open_test()
    return run


@pytest.fixture
def many(monkeypatch):
    """Makes of a few partitions what else takes thousands: each is a portion, and two are worth a process."""
    monkeypatch.setattr(portions, "PORTION_ROWS", 1)
    monkeypatch.setattr(portions, "_PORTIONS_EACH", 2)


@pytest.fixture
def command(monkeypatch, many):
    """Return a function that has Python run some code in place of a process that scores."""

    def set_to(code):
        monkeypatch.setattr(score_processes, "COMMAND", (sys.executable, "-c", code))

    return set_to


def children():
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"by": "season"},
        {"by": "cell"},
        {"by": "wind", "partitions": ["n · warm", "s · warm", "s · cold", "m · cold"]},
        {"by": "soil", "rows": "test"},
    ],
    ids=str,
)
def test_scores_are_the_same_bit_by_bit_whatever_the_number_of_processes(run, many, question, monkeypatch):
    started = []
    begin = score_processes._Scorer.__init__
    monkeypatch.setattr(score_processes._Scorer, "__init__", lambda self: (started.append(self), begin(self))[1])
    before = children()
    alone = run.skill(metrics=METRICS, workers=1, **question)
    assert not started
    by_two = run.skill(metrics=METRICS, workers=2, **question)
    assert len(started) == 2
    pd.testing.assert_frame_equal(by_two, alone, check_exact=True)
    assert by_two.attrs == alone.attrs
    assert len(alone) > 0
    assert children() == before


def _sealed(run, folder):
    """Return a copy of a run whose test was never opened."""
    shutil.copytree(run.path, folder)
    (folder / "openings.json").unlink()
    with RunStore(folder / "run.sqlite", write=True) as store:
        store._db.execute("UPDATE partition SET test_scores = NULL")
        store._db.commit()
    return Run.open(folder)


@pytest.mark.parametrize("by", ["all", ["all", "season"]])
def test_all_partitions_together_have_the_same_scores_whatever_the_number_of_threads(run, monkeypatch, by):
    monkeypatch.setattr("motrain_app.runs.scores.judged_rows.CHUNK_ROWS", 1)  # a piece for each region
    frames = [run.skill(by=by, metrics=METRICS, workers=workers) for workers in (1, 2, 4)]
    monkeypatch.setattr("motrain_app.runs.scores.group_scores.CHUNK_ROWS", 0)  # and no threads
    for frame in (*frames[1:], run.skill(by=by, metrics=METRICS)):
        pd.testing.assert_frame_equal(frame, frames[0], check_exact=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_opening_keeps_the_same_scores_whatever_the_number_of_processes(run, many, tmp_path, workers):
    copied = _sealed(run, tmp_path / "copied")
    pd.testing.assert_frame_equal(copied.open_test(workers=workers), run.test_skill(), check_exact=True)


def test_an_opening_that_is_cut_off_keeps_what_it_has_and_the_next_one_goes_on(run, many, tmp_path, monkeypatch):
    copied, scored = _sealed(run, tmp_path / "copied"), []
    score = opened.score_portions

    def until_the_third(portions, reader, *rest, **choices):
        if len(scored) == 4:
            raise KeyboardInterrupt
        scored.extend(row.name for row in reader.partitions)
        return score(portions, reader, *rest, **choices)

    monkeypatch.setattr(opened, "_TOGETHER", 2)
    monkeypatch.setattr(opened, "score_portions", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        copied.open_test(workers=1)
    assert len(copied.openings) == 1
    with RunStore(copied.path / "run.sqlite") as store:
        assert [row.name for row in store.partitions() if row.test_scores is not None] == scored
    monkeypatch.setattr(
        opened, "score_portions", lambda *given, **choices: (scored.append(0), score(*given, **choices))[1]
    )
    pd.testing.assert_frame_equal(copied.open_test(), run.test_skill(), check_exact=True)
    assert len(scored) == 4 + 1  # the two that were left, together


def test_few_rows_are_scored_in_this_process(run, monkeypatch):
    monkeypatch.setattr(score_processes, "COMMAND", ("/no/such/program",))
    assert len(run.skill(by="season", metrics=["rmse"], workers=2)) > 0


def test_a_metric_of_ones_own_is_known_in_this_process_alone(run, command, monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))  # forgotten when the test ends

    @metric(best=0.0, direction="min", unit="output")
    def doubled(m):
        """Twice the root of the mean square."""
        return 2 * np.sqrt(m.mse)

    command("raise SystemExit('not to be asked')")
    frame = run.skill(metrics=["rmse", "doubled"], workers=2)
    both = frame.pivot_table(index=["partition", "output"], columns="metric", values="value")
    np.testing.assert_array_equal(both["doubled"], 2 * both["rmse"])


PATCHED = "import os, motrain_app.runs.scores.score_process as p; p.score_entries = lambda *_: {}; p.main()"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (PATCHED.format("os.kill(os.getpid(), 9)"), "died (exit code -9, perhaps for want of memory)"),
        (PATCHED.format("1 / 0"), "died (ZeroDivisionError: division by zero)"),
        (PATCHED.format("os.write(1, b'no answer') and os._exit(0)"), "died (no answer)"),
        ("raise SystemExit('No module named motrain_app')", "died (No module named motrain_app)"),
    ],
)
def test_that_a_process_died_is_told_with_what_to_do_and_none_is_left(run, command, code, words):
    before = children()
    command(code)
    with pytest.raises(RunError) as told:
        run.skill(by="season", metrics=["rmse"], workers=2)
    assert words in str(told.value)
    assert "workers=1 scores in this process" in str(told.value)
    assert children() == before


def test_what_a_process_refuses_is_told_in_its_words(run, command):
    command(
        "import motrain_app.runs.scores.score_process as p; from motrain_app.runs import RunError\n"
        "def refuse(*_): raise RunError('The block file is absent.')\n"
        "p.score_entries = refuse; p.main()"
    )
    with pytest.raises(RunError, match=r"^The block file is absent\.$"):
        run.skill(by="season", metrics=["rmse"], workers=2)


@pytest.fixture
def interruptible():
    """Makes Ctrl-C raise KeyboardInterrupt also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_leaves_no_process(run, command, interruptible):
    before = children()
    command("import time; time.sleep(600)")
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run.skill(by="season", metrics=["rmse"], workers=2)
    timer.join()
    assert children() == before


def test_a_program_that_cannot_be_started_is_told(run, many, monkeypatch):
    monkeypatch.setattr(score_processes, "COMMAND", ("/no/such/program",))
    with pytest.raises(RunError, match="No process can be started"):
        run.skill(by="season", metrics=["rmse"], workers=2)


def test_a_process_ends_when_who_asked_is_gone(run):
    command = [*score_processes.COMMAND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=score_processes.own_environment()) as process:
        process.stdin.write(to_line(RunFolder(run.path), ScoreQuestion((), ("rmse",), None, "held-out"), None))
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_a_script_needs_no_main_guard_nor_an_installed_package(run, tmp_path):
    script = tmp_path / "asks.py"
    root = Path(motrain_app.__file__).parents[1]
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(root)!r})\n"
        "import motrain_app as mt\n"
        "from motrain_app.runs.scores import portions\n"
        "portions.PORTION_ROWS, portions._PORTIONS_EACH = 1, 2\n"
        f"print(len(mt.Run.open({str(run.path)!r}).skill(by='season', metrics=['rmse'], workers=2)))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(run.skill(by="season", metrics=["rmse"])))]  # once: nothing ran it again


def test_a_process_that_is_asked_for_a_sealed_test_refuses(run, tmp_path):
    sealed = _sealed(run, tmp_path / "copied")
    line = to_line(RunFolder(sealed.path), ScoreQuestion((), ("rmse",), None, "test"), None)
    with pytest.raises(RunError, match="sealed"):
        from_line(line)


def test_no_process_at_all_is_refused_before_anything_is_scored(run):
    for question in ({}, {"by": "season"}):
        with pytest.raises(RunError, match="workers is 0: give 1 or more"):
            run.skill(workers=0, **question)


def test_scores_go_through_bytes_unchanged(run):
    folder, question = RunFolder(run.path), ScoreQuestion(("season",), ("rmse",), None, "held-out")
    score = from_line(to_line(folder, question, None))
    entries = score([0, 3])
    again = from_bytes(to_bytes(entries))
    for name in ("number", "group", "packed"):
        np.testing.assert_array_equal(getattr(again, name), getattr(entries, name))
    assert set(entries.number.tolist()) == {0, 3}
    assert from_bytes(to_bytes(score([]))) is None


def reader(rows):
    """A reader of partitions of so many rows, numbered from 0."""
    partitions = [SimpleNamespace(number=number) for number in range(len(rows))]
    return SimpleNamespace(rows_of=np.array(rows, np.int64), partitions=partitions)


def test_portions_hold_few_rows_and_every_partition_once():
    grouping, question = Grouping(SEASON, ("a",) * 4, None), ScoreQuestion((SEASON,), ("rmse",), None, "held-out")
    rows = np.random.default_rng(0).integers(0, 9000, 3000)
    rows[1234] = 40 * PORTION_ROWS
    found = cut_portions(reader(rows), question, grouping)
    assert [number for portion in found for number in portion] == list(range(3000))
    sums = np.array([rows[portion].sum() for portion in found])
    large = [1234 in portion for portion in found]
    assert (sums[~np.array(large)] <= PORTION_ROWS + 9000).all()
    assert PORTION_ROWS <= CHUNK_ROWS  # so that a process holds no more at a time than one alone does
    assert cut_portions(reader([]), question, grouping) == []
    tiny = [len(portion) for portion in cut_portions(reader([50] * 20_000), question, grouping)]
    assert max(tiny) < 1000  # that they have few rows makes them no quicker than a thousand groups or so


def test_more_groups_make_smaller_portions():
    rows = reader([5000] * 1000)
    counts = [
        len(cut_portions(rows, ScoreQuestion((FOLD,), ("rmse",), None, "held-out"), Grouping(FOLD, ("a",) * n, None)))
        for n in (1, 4, 12)
    ]
    assert counts == sorted(counts)
    assert counts[2] > 2 * counts[0]


def test_a_question_survives_the_line_that_asks_it(run):
    folder = RunFolder(run.path)
    question = ScoreQuestion(("season",), ("rmse", "r"), ("a · b",), "held-out", (-1.5, 0.1))
    asked = json.loads(to_line(folder, question, None))
    assert asked["question"]["bins"] == [-1.5, 0.1]
    assert Run.open(asked["folder"]).path == run.path.resolve()
