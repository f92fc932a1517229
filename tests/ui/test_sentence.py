"""The sentence in the top bar says what the design is."""

import pytest

from motrain_app.design import Blocks, Design, LeaveBlocksOut, LeaveYearsOut, Period, box, the_rest
from motrain_app.ui.sentence import design_sentence

BASE = Design("data/cells.nc", ["TG1"], ["sig"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "cells.nc: TG1 → sig"),
        ({"data": ["a.nc", "b.nc", "c.nc"]}, "a.nc and 2 more"),
        ({"inputs": ["a", "b", "c", "d"]}, "4 variables → sig"),
        ({"filters": ["TG1 > 273.65", "snow < 0.1"]}, "where TG1 > 273.65 and snow < 0.1"),
        ({}, "one operator everywhere × all time"),
        ({"regions": "cells"}, "one partition a cell"),
        ({"regions": Blocks(2.5)}, "blocks of 2.5°"),
        ({"regions": box("Alps", 5, 44, 10, 48)}, "Alps × all time"),
        ({"regions": [box("Alps", 5, 44, 10, 48), the_rest()]}, "2 regions"),
        ({"periods": [Period("winter", months=(12, 1, 2))]}, "× winter"),
        ({"periods": [Period("a", months=(1,)), Period("b", months=(2,))]}, "2 periods"),
        ({}, "no test"),
        ({"test": "2017-01-01"}, "test from 2017, sealed"),
        ({"test": "2017-04-15"}, "test from 2017-04-15, sealed"),
        ({"jackknife": None}, "nothing left out"),
        ({"jackknife": LeaveYearsOut(years=3, embargo=45)}, "leave 3 years out, 45 days embargo"),
        ({"jackknife": LeaveBlocksOut(days=90)}, "leave blocks of 90 days out"),
        ({"learner": "ridge2"}, "ridge2"),
    ],
)
def test_each_choice_is_said(changes, words):
    assert words in " · ".join(clause.text for clause in design_sentence(BASE.change(**changes)))


def test_openings_are_counted():
    design = BASE.change(test="2017-01-01")
    said = [design_sentence(design, opened=number)[2].text for number in range(3)]
    assert said == ["test from 2017, sealed", "test from 2017, opened", "test from 2017, opened 2 times"]


def test_every_clause_leads_to_a_page():
    assert [clause.page for clause in design_sentence(BASE)] == [
        "data",
        "partitions",
        "validation",
        "validation",
        "training",
    ]
