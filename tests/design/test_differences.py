"""What tells two designs apart, in full words and in short."""

from dataclasses import replace
from itertools import product

import pytest

from motrain_app.design import (
    Blocks,
    Design,
    Learner,
    LeaveBlocksOut,
    LeaveRandomOut,
    LeaveYearsOut,
    Period,
    Split,
    box,
    changes,
    differences,
    polygon,
    the_rest,
)

NORTH, SOUTH, REST = box("north", 0, 41, 10, 45), box("south", 0, 35, 10, 41), the_rest()
MOVED = replace(box("north", 0, 42, 10, 45), id="north")
WINTER, SUMMER = Period("winter", months=(12, 1, 2)), Period("summer", months=(6, 7, 8))
EARLY = Period("early", intervals=(("2007-01-01", "2010-01-01"),))
BASE = Design("data/cells.nc", ["TG1", "WG1"], ["sig"], test="2017-01-01", learner="ridge")
NETWORK = Learner("network", {"hidden": [16], "learning_rate": 0.01})

SAID = [
    ("data", "old/a.nc", "new/b.nc", ["data: a.nc → b.nc"]),
    ("data", "old/a.nc", "new/a.nc", ["data: old/a.nc → new/a.nc"]),
    ("data", ["a.nc", "b.nc"], ["a.nc", "c.nc"], ["file b.nc removed", "file c.nc added"]),
    ("data", ["a.nc", "b.nc"], ["b.nc", "a.nc"], ["files in another order: a.nc, b.nc → b.nc, a.nc"]),
    (
        "remedies",
        [],
        [{"code": "declare_missing", "variable": "TG1", "value": -9999.0}],
        ["remedy declare missing (variable TG1, value -9999) added"],
    ),
    (
        "remedies",
        [{"code": "repeated_times", "how": "average"}, {"code": "odd"}],
        [],
        ["remedies repeated times (how average), odd removed"],
    ),
    ("filters", [], ["TG1 > 273.65"], ["filter TG1 > 273.65 added"]),
    (
        "filters",
        ["TG1 > 273.65", "snow < 1"],
        ["TG1 > 280"],
        ["filters TG1 > 273.65, snow < 1 removed", "filter TG1 > 280 added"],
    ),
    ("inputs", ["TG1", "WG1"], ["TG1", "LAI"], ["input WG1 removed", "input LAI added"]),
    ("inputs", ["TG1", "WG1"], ["WG1", "TG1"], ["inputs in another order: TG1, WG1 → WG1, TG1"]),
    ("outputs", ["sig"], ["sig", "slop"], ["output slop added"]),
    ("references", None, "model", ["reference of sig: none → model"]),
    ("references", "model", "other", ["reference of sig: model → other"]),
    ("regions", [NORTH, SOUTH, REST], None, ["regions: 3 regions → one operator everywhere"]),
    ("regions", "cells", Blocks(2.5), ["regions: one partition a cell → blocks of 2.5°"]),
    ("regions", Blocks(2.5), Blocks(5.0), ["region block: size 2.5 → 5"]),
    ("regions", [NORTH, SOUTH], [MOVED, SOUTH], ["region north redrawn"]),
    ("regions", [NORTH], [NORTH, SOUTH], ["region south added"]),
    ("regions", [NORTH, SOUTH], [SOUTH, REST], ["region north removed", "region the rest added"]),
    ("regions", [NORTH, SOUTH], [SOUTH, NORTH], ["regions in another order: north, south → south, north"]),
    ("regions", [NORTH, SOUTH], [replace(NORTH, name="up"), SOUTH], ["region renamed: north → up"]),
    ("regions", [NORTH], [replace(MOVED, name="up")], ["region up redrawn", "region renamed: north → up"]),
    ("regions", [NORTH], [replace(NORTH, options={"colour": "#fff"})], ["region north recoloured"]),
    ("regions", [NORTH], [replace(NORTH, kind="polygon")], ["region north: kind box → polygon"]),
    (
        "regions",
        [NORTH, SOUTH],
        [replace(NORTH, id="1"), replace(SOUTH, id="2")],
        ["regions north, south removed", "regions north, south added"],
    ),
    (
        "regions",
        [REST],
        [REST, *(box(f"box {n}", n, 0, n + 1, 1) for n in range(8))],
        ["regions box 0, box 1, box 2, box 3, box 4 and 3 more added"],
    ),
    ("periods", None, [WINTER], ["periods: all time → winter"]),
    (
        "periods",
        [WINTER],
        [WINTER, SUMMER, EARLY],
        ["periods summer (months 6, 7, 8), early (2007-01-01 to 2010-01-01) added"],
    ),
    ("periods", [WINTER], [replace(WINTER, months=(12, 1))], ["period winter: months 12, 1, 2 → months 12, 1"]),
    ("periods", [WINTER], [replace(WINTER, name="cold", id="winter")], ["period renamed: winter → cold"]),
    ("periods", [WINTER, SUMMER], [SUMMER, WINTER], ["periods in another order: winter, summer → summer, winter"]),
    ("periods", [WINTER], [SUMMER], ["periods: winter → summer"]),
    (
        "periods",
        [WINTER],
        [replace(WINTER, id="w")],
        ["period winter (months 12, 1, 2) removed", "period winter (months 12, 1, 2) added"],
    ),
    ("test", "2017-01-01", None, ["test: from 2017-01-01 → none"]),
    (
        "test",
        "2017-01-01",
        Split("2017-01-01", embargo=10),
        ["test: from 2017-01-01 → from 2017-01-01, 10 days embargo"],
    ),
    ("jackknife", "year", None, ["jackknife: leave one year out → nothing left out"]),
    (
        "jackknife",
        "year",
        LeaveBlocksOut(90, embargo=10),
        ["jackknife: leave one year out → leave blocks of 90 days out, 10 days embargo"],
    ),
    (
        "jackknife",
        LeaveYearsOut(first_month=10),
        None,
        ["jackknife: leave one year out that begins in month 10 → nothing left out"],
    ),
    ("jackknife", "year", LeaveYearsOut(first_month=10, embargo=45), ["jackknife: first month 1 → 10, embargo 0 → 45"]),
    ("jackknife", LeaveRandomOut(seed=1), LeaveRandomOut(), ["jackknife: seed 1 → 0"]),
    ("learner", "ridge", "ridge2", ["learner: ridge → ridge2"]),
    ("learner", "ridge", NETWORK, ["learner: ridge → network (hidden 16, learning rate 0.01)"]),
    (
        "learner",
        NETWORK,
        Learner("network", {"hidden": [8, 8]}),
        ["learner network: hidden 16 → 8, 8, learning rate 0.01 → default"],
    ),
    ("seed", 0, 1, ["seed: 0 → 1"]),
]


@pytest.mark.parametrize(("part", "old", "new", "words"), SAID)
def test_each_difference_is_said_in_full(part, old, new, words):
    before, after = BASE.change(**{part: old}), BASE.change(**{part: new})
    assert differences(before, after) == words
    assert differences(before, before) == differences(after, after) == []


def test_parts_stand_in_the_order_of_the_pages():
    after = BASE.change(seed=3, learner="svr", regions="cells", inputs=["TG1"], test="2018-01-01")
    assert [one.partition(" ")[0] for one in differences(BASE, after)] == [
        "input",
        "regions:",
        "test:",
        "learner:",
        "seed:",
    ]
    assert changes(BASE, after) == ["the inputs", "the regions", "the test", "the learner", "the seed"]


@pytest.mark.parametrize("part", list(dict.fromkeys(part for part, *_ in SAID)))
def test_no_difference_goes_unsaid(part):
    """Whatever the document tells apart is told, and but for names and colours of regions in short as well."""
    values = [value for name, *both, _ in SAID if name == part for value in both]
    designs = [BASE.change(**{part: value}) for value in values]
    for before, after in product(designs, designs):
        same = before.to_json()[part] == after.to_json()[part]
        assert (differences(before, after) == []) == same
        assert changes(before, after) in ([], [f"the {part}"])
        if same or part != "regions":
            assert (changes(before, after) == []) == same


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ([replace(NORTH, name="up"), SOUTH], []),
        ([replace(NORTH, options={"colour": "red"}), SOUTH], []),
        ([replace(NORTH, kind="polygon"), SOUTH], ["the regions"]),
        ([polygon("north", [(0, 0), (1, 0), (1, 1)]), SOUTH], ["the regions"]),
        ([replace(NORTH, id="other"), SOUTH], ["the regions"]),
        ([SOUTH, NORTH], ["the regions"]),
        ([NORTH, SOUTH, REST], ["the regions"]),
        (None, ["the regions"]),
    ],
)
def test_what_only_renames_or_recolours_a_region_is_no_change(after, said):
    assert changes(BASE.change(regions=[NORTH, SOUTH]), BASE.change(regions=after)) == said


def test_a_design_that_was_saved_and_loaded_is_the_same(tmp_path):
    design = BASE.change(data=tmp_path / "cells.nc", regions=[NORTH, REST], periods=[WINTER], learner=NETWORK)
    assert differences(design, Design.load(design.save(tmp_path / "design.json"))) == []
