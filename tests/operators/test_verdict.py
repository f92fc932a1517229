import re

import numpy as np
import pytest

from motrain_app.operators.verdict import VERDICTS, Evidence, judge_operator, opposed_inputs

STEADY = np.array([[0.5, -0.2], [0.4, -0.3], [0.45, -0.25]])
GOOD = {
    "n": 4000,
    "n_effective": 900,
    "skill": {"climatology": (0.3, 0.2, 0.4), "the mean": (0.65, 0.6, 0.7)},
    "beyond_season": 0.3,
    "sensitivity": STEADY,
    "outside": np.array([0.01, 0.0, 0.01]),
    "inputs": ("TG1", "WG1"),
}


def verdict(**changes):
    return judge_operator(Evidence(**(GOOD | changes)))


def over(climatology=(0.2, 0.4), mean=(0.6, 0.7), value=0.3):
    return {"skill": {"climatology": (value, *climatology), "the mean": (value, *mean)}}


def test_a_good_operator_is_ready():
    assert verdict().kind == "ready"
    assert verdict().reason == "Skill over climatology is 0.20 to 0.40, over the mean is 0.60 to 0.70."


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"n": 0}, "thin", "No withheld row was predicted"),
        ({"n_effective": 12.0}, "thin", "4,000 withheld rows are worth 12 independent ones"),
        (over((np.nan, np.nan)), "thin", "over climatology has no interval on 4,000 withheld rows"),
        (over(mean=(np.nan, np.nan)), "thin", "over the mean has no interval on 4,000 withheld rows"),
        (over((0.0, 0.4)), "no better than climatology", "over climatology is 0.00 to 0.40: it may be none"),
        (over((0.004, 0.4)), "no better than climatology", "0.00 to 0.40: it may be next to none"),
        (over((0.01, 0.4)), "ready", "over climatology is 0.01 to 0.40"),
        (over((-0.5, -0.1)), "no better than climatology", "−0.50 to −0.10: it has none"),
        (over(mean=(-0.2, 0.3)), "no better than climatology", "over the mean is −0.20 to 0.30: it may be none"),
        ({"beyond_season": -0.003}, "no better than climatology", "R² about .* is −0.003: it adds nothing to them"),
        ({"beyond_season": np.nan}, "thin", "No cell has ten withheld rows"),
        (
            over((np.nan, np.nan), value=np.nan),
            "thin",
            "no interval on 4,000 withheld rows: observations that do not vary",
        ),
        (
            over((np.nan, np.nan), value=-np.inf),
            "no better than climatology",
            "squared error is infinite beside that of",
        ),
        ({"sensitivity": STEADY * [[1, 1], [1, -1], [1, 1]]}, "unstable", "sign of its derivative by WG1"),
        ({"outside": np.array([0.0, 0.2, 0.2])}, "outside its range", "20 % of its rows lie outside .* by WG1"),
    ],
)
def test_each_verdict_says_why(changes, kind, reason):
    found = verdict(**changes)
    assert found.kind == kind
    assert found.kind in VERDICTS
    assert re.search(reason, found.reason)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"n_effective": 29.9}, "thin"),
        ({"n_effective": 30.0}, "ready"),
        ({"outside": np.array([0.05, 0.0, 0.05])}, "ready"),
        ({"outside": np.array([0.051, 0.0, 0.051])}, "outside its range"),
        ({"outside": np.array([0.03, 0.03, 0.051])}, "outside its range"),  # of any input
        (over((0.0099, 0.4)), "no better than climatology"),
        ({"beyond_season": 0.0}, "no better than climatology"),
        ({"beyond_season": 0.001}, "ready"),
    ],
)
def test_where_verdicts_change(changes, kind):
    assert verdict(**changes).kind == kind


def test_the_gravest_reason_is_told():
    bad = {"sensitivity": STEADY * [[1, 1], [1, -1], [1, 1]], "outside": np.ones(3)}
    assert verdict(**bad).kind == "unstable"
    assert verdict(**bad, **over((-1.0, 0.4))).kind == "no better than climatology"
    assert verdict(**bad, **over((-1.0, 0.4)), n_effective=3.0).kind == "thin"


def test_members_that_hardly_depend_on_an_input_do_not_disagree_about_it():
    assert list(opposed_inputs(np.array([[0.04, 0.6], [-0.04, 0.1]]))) == []
    assert list(opposed_inputs(np.array([[0.04, 0.6], [-0.9, -0.1]]))) == [1]
    assert list(opposed_inputs(np.full((3, 2), np.nan))) == []  # members without derivatives
