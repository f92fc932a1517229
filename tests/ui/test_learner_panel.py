"""The learner panel: each edit is one gesture that undo takes back; nonsense is told and changes nothing."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace

import pandas as pd
import pytest

from motrain_app.design import Design, Learner
from motrain_app.design.history import DesignHistory
from motrain_app.learning import LEARNER_KINDS, default_options, register_learner
from motrain_app.learning.network_work import Pace
from motrain_app.learning.presets import NAMED, PEER, QUICK, USUAL_SEARCH, VESPER
from motrain_app.runs.paces import PaceStore
from motrain_app.ui.learner_panel import CUSTOM, LearnerPanel
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from tests.conftest import PATIENCE
from tests.runs.conftest import make_dataset

HIDDEN = "<img src=x onerror=alert(1)>"


class Measured(Services):
    """Services whose helper measures at once, and remembers what."""

    def submit(self, function, *arguments):
        runs, shapes = arguments
        self.asked = [*getattr(self, "asked", []), *shapes]
        PaceStore(runs)._keep({shape: Pace(1e-4, 1e-5, 1.0) for shape in shapes})
        job = Future()
        job.set_result(None)
        return job


@pytest.fixture
def services(tmp_path):
    made = Measured(tmp_path / "runs", roots=[tmp_path])
    yield made
    made.close()


@pytest.fixture
def open_panel(services, tmp_path):
    """Return a function that opens the panel on a design with a learner."""
    make_dataset(cells=5).to_netcdf(tmp_path / "cells.nc")

    def open_with(learner="network", outputs=("y", "bend")):
        design = Design(tmp_path / "cells.nc", ["a", "b"], list(outputs), regions="cells", learner=learner)
        history = DesignHistory(tmp_path / "history.json", design)
        session = Session(history, services.dataset, page="training")
        return Opened(session, here(lambda: LearnerPanel(session, services, "training"), lambda panel: panel), history)

    return open_with


def here(act, panel_of):
    """Act, and see to its end what that begins; in a thread, as browser tests of this process keep a loop in ours."""

    async def settled():
        result = act()
        budget = panel_of(result)._budget
        while budget._counting.is_on_its_way or budget._measuring.is_on_its_way:
            await asyncio.sleep(0.01)
        return result

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(settled(), PATIENCE)).result()


@dataclass
class Opened:
    """A session with its panel, and hands."""

    session: Session
    panel: LearnerPanel
    history: DesignHistory

    def do(self, act):
        here(act, lambda result: self.panel)

    @property
    def learner(self):
        return self.session.design.learner

    @property
    def steps(self):
        return len(self.history._steps)

    @property
    def budget(self):
        return self.panel._budget.view.object

    def find(self, css):
        """Return the one part that a class names."""
        (found,) = [
            one for part in self.panel.parts() for one in part.select() if css in (getattr(one, "css_classes", 0) or ())
        ]
        return found

    def put(self, css, value):
        self.do(lambda: self.find(css).param.update(value=value))

    def edit(self, name, text):
        """Type into a cell of the search space, as Tabulator tells it."""
        table = self.find("mt-search-space")
        row = table.value.iloc[:, 0].tolist().index(name)
        value = table.value.copy()
        value.iloc[row, 1] = text
        table.param.update(value=value)
        event = SimpleNamespace(row=row, column=value.columns[1], value=text)
        self.do(lambda: [act(event) for act in table._on_edit_callbacks])

    def space(self):
        rows = self.find("mt-search-space").value
        return {name: text for name, text in rows.itertuples(index=False) if text}


def test_each_preset_is_one_gesture_and_undo_brings_back_what_was(open_panel):
    opened = open_panel("ridge2")
    assert opened.find("mt-preset").value == "Default"
    for preset in NAMED:
        opened.put("mt-preset", preset.name)
        assert opened.learner == preset.learner
        assert opened.find("mt-learner").value == "network"
        assert opened.find("mt-purpose").object == preset.purpose.replace("'", "’")
        assert opened.session.can_undo == f"Chose the preset {preset.name}"
        opened.do(opened.session.undo)
        assert opened.learner == Learner("ridge2")
        assert opened.find("mt-preset").value == "Default"
        assert opened.find("mt-learner").value == "ridge2"


def test_a_setting_that_differs_from_all_presets_is_custom_until_it_is_the_same_again(open_panel):
    opened = open_panel()
    opened.put("mt-option-hidden", "15, 15; 15 15")
    assert opened.learner == Learner("network", {"hidden": [15] * 4})
    assert opened.find("mt-preset").value == CUSTOM
    opened.put("mt-option-activation", "relu")
    assert opened.find("mt-preset").value == VESPER.name
    assert opened.steps == 3


def test_every_setting_is_shown_and_can_be_typed_over(open_panel):
    opened = open_panel()
    for name, (shown, typed, value) in {
        "hidden": ("16, 16", "8", [8]),
        "learning_rate": ("0.005", "1e-2", 0.01),
        "batch": ("128", "64", 64),
        "epochs": ("150", "20", 20),
        "patience": ("25", "5", 5),
        "l2": ("1e-05", "0", 0),
        "low": ("none", "none, -3.5", [None, -3.5]),
    }.items():
        before = opened.steps
        assert opened.find(f"mt-option-{name}").value == shown
        opened.put(f"mt-option-{name}", typed)
        assert opened.learner.options[name] == value
        assert opened.steps == before + 1
        opened.put(f"mt-option-{name}", typed)  # said once more by a browser
        assert opened.steps == before + 1
        opened.put(f"mt-option-{name}", shown)
        assert name not in opened.learner.options, "defaults are left out"


@pytest.mark.parametrize(
    ("css", "typed", "told"),
    [
        ("mt-option-hidden", "none", "hidden is (); it must be a list with at least one entry."),
        ("mt-option-hidden", "8, x", "hidden is ”x”; it must be a whole number from 1 on."),
        ("mt-option-learning_rate", "fast", "learning_rate is ’fast’; it must be a number above zero."),
        ("mt-option-learning_rate", "nan", "nan"),
        ("mt-option-batch", "1.5", "batch is 1.5; it must be a whole number from 1 on."),
        ("mt-option-output_weights", "1, 2, 3", "output_weights has 3 entries; there are 2 outputs."),
        ("mt-candidates", "0", "is a range, which has no end of values."),
        ("mt-halving", "1", "halving is 1, which drops nothing"),
        ("mt-candidates", HIDDEN, "candidates is ’‹img src=x onerror=alert(1)›’"),
    ],
)
def test_a_bad_value_is_told_in_a_sentence_and_changes_nothing(open_panel, css, typed, told):
    opened = open_panel(Learner("network", {"search": USUAL_SEARCH}))
    learner, shown = opened.learner, opened.find(css).value
    opened.put(css, typed)
    kind, words = opened.session.notice
    assert kind == "error"
    assert told.replace("”", "’") in words.replace("”", "’")
    assert "<" not in words
    assert opened.learner == learner
    assert opened.find(css).value == shown
    assert opened.steps == 1


def test_the_search_is_switched_on_and_off(open_panel):
    opened = open_panel()
    assert opened.space() == {}
    opened.put("mt-search", True)
    assert opened.learner.options == {"search": USUAL_SEARCH}
    assert opened.space() == {"Width": "4 … 64 log", "Learning rate": "0.001 … 0.02 log"}
    assert opened.find("mt-candidates").value == "12"
    opened.put("mt-search", False)
    assert opened.learner == Learner("network")
    opened.do(opened.session.undo)
    assert opened.find("mt-search").value is True


def test_the_search_space_is_a_table_with_a_row_for_all_that_can_be_searched(open_panel):
    opened = open_panel(PEER.learner)
    assert opened.find("mt-search-space").value.iloc[:, 0].tolist() == [
        "Hidden", "Layers", "First width", "Width", "Activation", "Learning rate", "Batch", "L2",
    ]  # fmt: skip
    assert opened.space() == {
        "Learning rate": "0.0005 … 0.01 log",
        "Layers": "2, 3",
        "First width": "2 … 6",
        "Width": "1 … 128",
        "Batch": "7 … 365",
    }
    opened.edit("Batch", "64")
    assert opened.learner.options["search"]["space"]["batch"] == [64]
    opened.edit("L2", "0, 1e-5")
    opened.edit("Width", "4 ... 32 log")
    opened.edit("First width", "")
    space = opened.learner.options["search"]["space"]
    assert space["l2"] == [0, 1e-5]
    assert space["width"] == {"low": 4, "high": 32, "log": True}
    assert "first_width" not in space
    assert opened.find("mt-preset").value == CUSTOM
    for _ in range(4):
        opened.do(opened.session.undo)
    assert opened.find("mt-preset").value == PEER.name
    assert opened.space()["Batch"] == "7 … 365"


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("Learning rate", "a … b", "needs low and high"),
        ("Learning rate", "0.1 … 0.01", "low comes first"),
        ("Activation", "sigmoid", "activation is ’sigmoid’; it must be one of"),
        ("Hidden", "16, 16; 8", "hidden says the whole architecture"),
        ("Batch", "16, 32, 48, 64, 80, 96, 112", "programs"),
        ("Width", HIDDEN, "it must be a whole number"),
    ],
)
def test_a_bad_cell_is_told_and_the_table_shows_what_the_design_holds(open_panel, name, typed, told):
    opened = open_panel(Learner("network", {"search": USUAL_SEARCH}))
    learner, shown = opened.learner, opened.space()
    opened.edit(name, typed)
    kind, words = opened.session.notice
    assert kind == "error"
    assert told in words.replace("”", "’")
    assert "<" not in words
    assert opened.learner == learner
    assert opened.space() == shown


def test_the_last_row_of_a_space_cannot_be_emptied(open_panel):
    search = {"space": {"l2": [0.0, 1e-3]}}
    opened = open_panel(Learner("network", {"search": search}))
    opened.edit("L2", " ")
    assert "search has no space" in opened.session.notice[1]
    assert opened.learner.options["search"] == search


@pytest.mark.parametrize("kind", [kind for kind in LEARNER_KINDS if kind != "network"])
def test_every_other_kind_shows_its_own_options_and_no_search(open_panel, kind):
    opened = open_panel(kind)
    for name in default_options(kind):
        assert opened.find(f"mt-option-{name}").label[1:] == name.replace("_", " ")[1:]
    assert not opened.panel._search.view.visible
    assert opened.budget == "5 members × 5 partitions"


def test_a_kind_that_somebody_registers_has_its_fields_without_an_edit_here(open_panel):
    @dataclass(frozen=True)
    class Options:
        """Of neighbours.

        Attributes
        ----------
        neighbours
            How many are asked.
        weights
            How they count.
        sparse
            Whether not all are kept.
        """

        neighbours: int = 10
        weights: str = field(default="uniform", metadata={"choices": ("uniform", "distance")})
        sparse: bool = False

    register_learner("neighbours", Options)(lambda block, options: None)
    try:
        opened = open_panel("ridge")
        opened.put("mt-learner", "neighbours")
        assert opened.learner == Learner("neighbours")
        assert opened.find("mt-option-neighbours").value == "10"
        assert opened.find("mt-option-neighbours").description == "How many are asked."
        assert opened.find("mt-option-weights").options == ["uniform", "distance"]
        opened.put("mt-option-weights", "distance")
        opened.put("mt-option-sparse", True)
        assert opened.learner == Learner("neighbours", {"weights": "distance", "sparse": True})
    finally:
        del LEARNER_KINDS["neighbours"]


def test_a_learner_of_a_user_that_demands_an_option_says_which(open_panel):
    @dataclass(frozen=True)
    class Options:
        neighbours: int
        sparse: bool = False

    register_learner("neighbours", Options)(lambda block, options: None)
    try:
        opened = open_panel("ridge")
        opened.put("mt-learner", "neighbours")
        kind, text = opened.session.notice
        assert kind == "error"
        assert "no default for the hyper-parameter" in text
        assert "neighbours" in text
        assert opened.learner == Learner("ridge")
        opened.do(lambda: opened.session.change("Opened a design", learner=Learner("neighbours", {"neighbours": 3})))
        opened.put("mt-option-sparse", True)
        assert opened.learner == Learner("neighbours", {"neighbours": 3, "sparse": True})
    finally:
        del LEARNER_KINDS["neighbours"]


def test_a_learner_that_nobody_knows_here_is_named_and_can_be_left(open_panel):
    opened = open_panel(Learner(HIDDEN, {"x": 1}))
    assert opened.find("mt-learner").value == HIDDEN
    assert not any("<" in label for label in opened.find("mt-learner").options)
    assert "There is no learner" in opened.budget
    assert "<" not in opened.budget
    opened.put("mt-learner", "ridge")
    assert opened.learner == Learner("ridge")
    assert opened.budget.endswith("× 5 partitions")


def test_a_design_whose_settings_make_no_sense_shows_them_and_says_why(open_panel):
    opened = open_panel(Learner("network", {"batch": "many", "search": {"space": {"l2": HIDDEN}}}))
    assert opened.find("mt-option-batch").value == "many"
    assert opened.space() == {"L2": "‹img src=x onerror=alert(1)›"}
    assert opened.find("mt-preset").value == CUSTOM
    assert "l2 is" in opened.budget
    opened.put("mt-preset", "Default")
    assert opened.learner == Learner("network")


# The budget


def test_the_budget_follows_the_learner_and_the_partitions_and_paces_are_measured_once(open_panel, services):
    opened = open_panel(QUICK.learner)
    assert opened.budget.startswith("5 members × 5 partitions · at most 1,000 model-epochs · about ")
    assert len(services.asked) == 1
    opened.put("mt-preset", PEER.name)
    assert opened.budget.startswith("11 candidates × 5 members × 5 partitions · at most 27,500 model-epochs · about ")
    assert len(services.asked) == 3
    opened.do(lambda: opened.session.change("Deleted all", regions=None))
    assert opened.budget.startswith("11 candidates × 5 members × 1 partition · at most 5,500 model-epochs")
    asked = len(services.asked)
    opened.do(opened.session.undo)
    opened.do(opened.session.undo)
    assert opened.budget.startswith("5 members × 5 partitions")
    assert len(services.asked) == asked


def test_without_a_pace_the_budget_says_roughly_and_does_not_ask_again_and_again(open_panel, services, monkeypatch):
    from motrain_app.runs import RunError

    asked = []

    def refuse(function, *arguments):
        asked.append(arguments)
        job = Future()
        job.set_exception(RunError("no TensorFlow here"))
        return job

    monkeypatch.setattr(services, "submit", refuse)
    opened = open_panel(QUICK.learner)
    assert "· roughly " in opened.budget
    opened.do(opened.panel._show)
    assert "· roughly " in opened.budget
    assert len(asked) == 1


def test_a_design_that_is_not_complete_has_no_budget(open_panel):
    opened = open_panel(QUICK.learner)
    opened.do(lambda: opened.session.change("Moved the test", test="2090-01-01"))
    assert opened.budget == "The design is not complete: what it takes cannot be told."


def test_elsewhere_the_panel_rests(open_panel):
    opened = open_panel()
    opened.session.page = "skill"
    opened.do(lambda: opened.session.change("Chose", learner="ridge"))
    assert opened.find("mt-learner").value == "network"
    opened.do(lambda: opened.session.param.update(page="training"))
    assert opened.find("mt-learner").value == "ridge"
    assert isinstance(opened.find("mt-search-space").value, pd.DataFrame)
