"""Undo and redo are exact, and survive a reload."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design import Design, DesignError
from motrain_app.design.history import STEPS_AT_MOST, DesignHistory

FIRST = Design("cells.nc", ["TG1"], ["sig"])


@given(st.lists(st.one_of(st.integers(0, 5), st.sampled_from(["undo", "redo"])), max_size=30))
def test_any_sequence_of_gestures_equals_a_list_with_a_cursor(tmp_path_factory, gestures):
    path = tmp_path_factory.mktemp("history") / "design.json"
    history, states, at = DesignHistory(path, FIRST), [0], 0
    for gesture in gestures:
        if gesture == "undo":
            assert bool(history.undo()) == (at > 0)
            at = max(at - 1, 0)
        elif gesture == "redo":
            assert bool(history.redo()) == (at + 1 < len(states))
            at = min(at + 1, len(states) - 1)
        elif gesture != states[at]:
            history.push(FIRST.change(seed=gesture), f"seed {gesture}")
            states, at = [*states[: at + 1], gesture], at + 1
        assert history.design.seed == states[at]
        again = DesignHistory(path)
        assert again.design == history.design
        assert (again.can_undo, again.can_redo) == (history.can_undo, history.can_redo)


def test_no_change_is_no_step(tmp_path):
    history = DesignHistory(tmp_path / "a.json", FIRST)
    history.push(FIRST.change(seed=0), "nothing")
    assert history.can_undo == ""


def test_a_long_history_forgets_its_beginning(tmp_path):
    history = DesignHistory(tmp_path / "a.json", FIRST)
    for seed in range(1, STEPS_AT_MOST + 10):
        history.push(FIRST.change(seed=seed), "seed")
    while history.undo():
        pass
    assert history.design.seed == 10


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"at": 5, "steps": []}), json.dumps({"at": 0, "steps": [1]})])
def test_a_damaged_history_is_told(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DesignError, match=r"a\.json"):
        DesignHistory(tmp_path / "a.json")
    with pytest.raises(DesignError, match="no design history"):
        DesignHistory(tmp_path / "b.json")
