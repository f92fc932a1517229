"""What pages show is what was computed: tables, boards, live runs, and the snippet that a person pastes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import panel_material_ui as pmui
import pytest

from motrain_app.data import open_dataset
from motrain_app.design import Design, LeaveYearsOut, Period, box, the_rest
from motrain_app.design.history import DesignHistory
from motrain_app.operators import EnsembleMember, Member
from motrain_app.runs import Run, create_run
from motrain_app.ui.fold_board import EMBARGO, HELD_OUT, TEST, TRAIN, fold_board, roles
from motrain_app.ui.live import LiveSkill
from motrain_app.ui.pages.data import DataPage
from motrain_app.ui.pages.operators import architectures, operator_table, snippet
from motrain_app.ui.pages.validation import optimism_words, verdict
from motrain_app.ui.partition_table import headline, partition_table
from motrain_app.ui.run_watch import STATES, RunWatch
from motrain_app.ui.series import HINT, SeriesView
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from tests.runs.conftest import drive_here, environment, make_dataset

REGIONS = (box("north", 0, 41.5, 10, 50), the_rest())


def follow(live):
    """Let a live skill follow its design to the end, in a thread: browser tests of this process keep a loop in ours."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(live.follow).result()


@pytest.fixture
def design(tmp_path):
    """A design with two regions on six cells."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    return Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions=REGIONS, test="2014-01-01", learner="ridge")


@pytest.fixture
def services(tmp_path):
    """Services whose files and runs lie in the test's folder."""
    made = Services(tmp_path / "runs", roots=[tmp_path])
    yield made
    made.close()


@pytest.fixture
def session(design, services, tmp_path):
    """A session on that design."""
    return Session(DesignHistory(tmp_path / "history.json", design), services.dataset)


def test_a_chosen_cell_is_answered_before_its_series_is_drawn(session, services, monkeypatch):
    monkeypatch.setattr("motrain_app.ui.series.Background.__call__", lambda self: None)
    series = SeriesView(session, None, (session.page,))
    assert series.view[0].object == HINT
    session.dataset, session.cell = services.dataset(session.design), 2
    series.show()
    assert series.view[0].object.startswith("Cell 2 at ")
    assert series.view[0].object.endswith("being drawn …")


def test_an_output_that_is_no_longer_used_takes_its_reference_with_it(session, services):
    session.change("Named references", inputs=["b"], outputs=["a", "y"], references={"a": "bend", "y": "bend"})
    page = DataPage(session, Stage(session), services)
    (buttons,) = page.inspector()[2].select(pmui.RadioButtonGroup)
    buttons.value = "not used"  # the first variable
    assert session.design.outputs == ("y",)
    assert session.design.references == {"y": "bend"}


@pytest.mark.slow
def test_live_skill_follows_the_design_and_equals_the_run_that_is_trained(session, services, design):
    live = LiveSkill(session, services)
    follow(live)
    assert live.status == ""
    table = partition_table(session.layout, live.preview, "y", design.outputs, "dB")
    folder = create_run(design, services.runs_folder)
    drive_here(folder)
    trained = Run.open(folder.path).skill().query("metric == 'rmse' and output == 'y'")
    assert table["partition"].tolist() == trained["partition"].tolist() == ["north", "the rest"]
    np.testing.assert_allclose(table["RMSE (dB)"], trained["value"], rtol=1e-5)
    assert table["n"].tolist() == trained["n"].tolist()
    assert table["cells"].tolist() == [2, 4]
    assert "partitioning lowers the RMSE of ridge by" in headline(live.preview, "y", design.outputs)
    session.change("Deleted all", regions=None)
    follow(live)
    assert len(live.preview.reasons) == 1
    assert "ridge is" in headline(live.preview, "y", design.outputs)


def test_the_table_stands_before_there_is_a_preview(session, design):
    table = partition_table(session.layout, None, "y", design.outputs, "dB")
    assert table["cells"].tolist() == [2, 4]
    assert table.loc[:, "gain over one for all (%)":].isna().all(axis=None)
    assert headline(None, "y", design.outputs) == ""


def test_a_design_that_fits_no_data_has_no_preview(session, services):
    live = LiveSkill(session, services)
    session.change("Drew far away", regions=[box("far", -60, -60, -50, -50)])
    follow(live)
    assert live.preview is None
    assert live.status == "The design is not complete"


def test_a_watch_takes_in_what_is_new_and_equals_the_table(design, tmp_path):
    periods = [Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))]
    folder = create_run(design.change(periods=periods), tmp_path / "runs")
    early = RunWatch(Run.open(folder.path))
    assert not early.look()
    drive_here(folder)
    assert early.look()
    assert not early.look()
    assert early.counts == {"done": 4}
    frame = Run.open(folder.path).skill().query("metric == 'skill' and output == 'y'")
    np.testing.assert_array_equal(early.skill[:, 0], frame["value"])
    cells = early.cells(early.skill[:, 0])
    region = early.plan.region_of_cell
    np.testing.assert_array_equal(cells, early.skill[region * 2, 0])
    assert set(early.state) == {STATES.index("done")}


def test_the_board_shows_each_time_of_each_fold_in_its_role(session):
    session.change("Set an embargo", jackknife=LeaveYearsOut(embargo=20))
    folds, time = session.layout.folds, session.dataset["time"].values
    board = fold_board(folds, time)
    names = ["train", "held out", "embargo", "test"]
    ms = time.astype("datetime64[ms]").astype(np.int64)
    of_time = roles(folds)[:, folds.atom_of_time]
    for member, name in enumerate(folds.names):
        mine = [number for number, fold in enumerate(board["fold"]) if fold == name]
        for number in mine:
            inside = (ms >= board["left"][number]) & (ms < board["right"][number])
            assert {names[role] for role in of_time[member][inside]} == {board["role"][number]}
        assert board["left"][mine[0]] == ms[0]
        assert board["right"][mine[-1]] == ms[-1]
    assert {TRAIN, HELD_OUT, EMBARGO, TEST} == set(np.unique(of_time))


def test_the_verdict_says_which_question_is_asked_and_what_leaks(session):
    time = session.dataset["time"].values
    severity, words = verdict(session.layout.folds, time)
    assert severity == "info"
    assert "There is no embargo" in words
    assert "4 folds; 20 % of the times are test" in words
    severity, words = verdict(session.layout.folds, time, is_random=True)
    assert severity == "error"
    assert "Random folds answer no question" in words
    session.change("Set an embargo", jackknife=LeaveYearsOut(embargo=20))
    severity, words = verdict(session.layout.folds, time)
    assert severity == "success"
    assert "embargo" not in words
    session.change("Left nothing out", jackknife=None)
    severity, words = verdict(session.layout.folds, time)
    assert severity == "warning"
    assert "no skill can be claimed" in words


def test_optimism_is_told_in_per_cent_or_why_it_cannot_be():
    found = {"outputs": {"y": 0.034, "z": -0.002}, "reference": "leaving years out", "n": {"y": 1234, "z": 900}}
    assert "y: optimistic by 3.4 % for ridge" in optimism_words(found, "y")
    assert "1,234 rows" in optimism_words(found, "y")
    assert "not optimistic for ridge (RMSE +0.2 % against leaving years out)" in optimism_words(found, "z")
    assert optimism_words({"outputs": {}, "reason": "There is one year only."}, "y") == "There is one year only."


def test_the_pasted_snippet_prints_the_predictions(design, tmp_path):
    folder = create_run(design, tmp_path / "runs")
    drive_here(folder)
    code = snippet(str(folder.path), "the rest")
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    ).stdout
    assert "predicted" in said
    assert "['a', 'b'] -> ['y', 'bend']" in said


def test_every_score_of_an_operator_has_its_interval_and_its_n(design, tmp_path):
    folder = create_run(design, tmp_path / "runs")
    drive_here(folder)
    run = Run.open(folder.path)
    table = operator_table(run.skill(), run.verdicts(), run.outputs)
    assert table.index.tolist() == table["partition"].tolist() == ["north", "the rest"]
    scores = run.skill().query("metric == 'rmse'")
    for output in ("y", "bend"):
        of_output = scores[scores["output"] == output]
        column = next(name for name in table if name.startswith(f"RMSE {output}"))
        np.testing.assert_array_equal(table[column], of_output["value"])
        assert table[f"n {output}"].tolist() == of_output["n"].tolist()
        judged = run.verdicts().query("output == @output")["verdict"]
        assert table[f"verdict {output}"].tolist() == judged.tolist()
        assert table[f"95 % {output}"].tolist() == [
            f"[{row.low:.3g}, {row.high:.3g}]" for row in of_output.itertuples()
        ]


def test_members_are_told_by_their_networks_the_most_frequent_first():
    def member(activation, *hidden):
        widths = [2, *hidden, 1]
        layers = [np.zeros((after, before)) for before, after in pairwise(widths)]
        x, y = np.ones(2), np.ones(1)
        return Member("", layers, [layer[:, 0] for layer in layers], x, x, x, x, y, y, activation=activation)

    members = [member("tanh", 8, 8), *[member("relu", 16)] * 3, member("tanh", 8, 8)]
    assert architectures(members) == "16 relu ×3, 8·8 tanh ×2"
    assert architectures([member("relu")]) == "", "ridge is a single layer"
    means = [EnsembleMember((member("relu", 16), member("tanh", 8, 8))) for _ in range(3)]
    assert architectures(means) == "16 relu ×3, 8·8 tanh ×3"


def test_the_services_dataset_is_that_of_the_file(session, tmp_path):
    assert session.dataset.equals(open_dataset(tmp_path / "cells.nc"))
