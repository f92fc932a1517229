"""What another run of the folder has trained is taken over, exactly where nothing that decides it has changed."""

import os
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from motrain_app.design import Learner, LeaveBlocksOut, Period, box
from motrain_app.runs import Run
from motrain_app.runs import launch as launch_module
from motrain_app.runs.comparison.paying import pays
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import (
    MIDDLE,
    NETWORK,
    NORTH,
    SMALLER_SOUTH,
    SOUTH,
    THREE,
    TrainedError,
    bits_of,
    nowhere,
    rows_of,
    take_over_only,
    trained,
)

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("learner", ["ridge", pytest.param(NETWORK, marks=pytest.mark.slow)], ids=["ridge", "network"])
def test_where_one_of_three_regions_is_redrawn_the_two_others_are_taken_over_bit_for_bit(earlier, learner, tmp_path):
    design, before = earlier(learner=learner)
    redrawn = design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH])
    run, fresh = trained(redrawn, tmp_path / "runs"), trained(redrawn, tmp_path / "elsewhere")
    assert run.taken_over == {"n": before.path.name, "m": before.path.name}
    assert run.counts == {"done": 3}
    assert fresh.taken_over == {}
    for name in ("n", "m"):
        assert bits_of(run, name) == bits_of(before, name)
    assert bits_of(run, "s") != bits_of(before, "s")
    for name in ("n", "m", "s"):  # as if nothing had been taken over
        assert bits_of(run, name) == bits_of(fresh, name)
    pd.testing.assert_frame_equal(run.skill(), fresh.skill())


def test_a_period_more_leaves_the_seasons_that_were_there(earlier, tmp_path):
    design, _ = earlier(THREE)
    warm, cold = Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))
    seasons = design.change(periods=[warm, cold])
    before = trained(seasons, tmp_path / "runs")
    assert before.taken_over == {}, "half of the times are not all of them"
    spring = Period("spring", months=(10, 11))
    run = take_over_only(design.change(periods=[spring, warm, cold]), tmp_path / "runs")
    assert sorted(run.taken_over) == ["m · warm", "n · warm", "s · warm"], "autumn took its months from the cold season"


CHANGES = {
    "seed": {"seed": 1},
    "option": {"learner": Learner("ridge", {"strengths": [0.1, 1.0]})},
    "learner": {"learner": "ridge2"},
    "test date": {"test": "2013-12-01"},
    "no test": {"test": None},
    "jackknife": {"jackknife": LeaveBlocksOut(days=200)},
    "filter": {"filters": ["a > 250"]},  # which every row passes
    "remedy": {"remedies": [{"code": "declare_missing", "variable": "a", "value": -999.0}]},  # which changes nothing
    "order of inputs": {"inputs": ["b", "a"]},
    "outputs": {"outputs": ["y"]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_taken_over_where_something_else_changed(earlier, change, tmp_path):
    design, _ = earlier()
    run = take_over_only(design.change(**CHANGES[change]), tmp_path / "runs")
    assert run.taken_over == {}
    assert run.counts == {"waiting": 3}
    assert list((run.path / "blocks").iterdir()) == []


def test_nothing_is_taken_over_where_one_value_of_the_data_changed(earlier, tmp_path):
    design, _ = earlier()
    data = make_dataset()
    data["a"][0, 0] += 1e-3
    data.to_netcdf(tmp_path / "cells.nc")
    assert take_over_only(design.change(data=tmp_path / "cells.nc"), tmp_path / "runs").taken_over == {}
    make_dataset().to_netcdf(tmp_path / "same.nc")
    assert len(take_over_only(design.change(data=tmp_path / "same.nc"), tmp_path / "runs").taken_over) == 3


def test_another_name_or_order_of_the_regions_is_no_change(earlier, tmp_path):
    design, before = earlier()
    renamed = [SOUTH, replace(NORTH, name="the far north"), MIDDLE]
    run = take_over_only(design.change(regions=renamed), tmp_path / "runs")
    assert list(run.taken_over) == ["s", "the far north", "m"]
    assert run.state == "done"
    assert bits_of(run, "the far north") == bits_of(before, "n")
    assert run.operator("the far north").name == "the far north"


def test_it_can_be_left_out_and_a_resumed_run_remembers_that(earlier, tmp_path):
    design, _ = earlier()
    run = take_over_only(design, tmp_path / "runs", take_over=False)
    assert run.counts == {"waiting": 3}
    with pytest.raises(TrainedError):
        Driver(RunFolder(run.path), nowhere).drive()


def test_train_hands_on_whether_to_take_over(earlier, monkeypatch, tmp_path):
    design, _ = earlier()
    monkeypatch.setattr(launch_module, "start_driver", lambda folder, **options: folder)
    monkeypatch.setattr(launch_module, "_follow", lambda folder, driver: folder.info()["take_over"])
    assert launch_module.train(design, tmp_path / "runs") is True
    assert launch_module.train(design, tmp_path / "runs", take_over=False) is False


def test_two_folders_of_runs_do_not_mix(earlier, tmp_path):
    design, before = earlier()
    shutil.copytree(before.path.parent / ".staged", tmp_path / "others" / ".staged")
    assert take_over_only(design, tmp_path / "others").taken_over == {}
    (tmp_path / "others" / "link").symlink_to(before.path)
    assert take_over_only(design, tmp_path / "others").taken_over == {}


# Without the earlier run


def test_a_run_that_took_over_reads_like_any_other_when_the_earlier_ones_are_gone(earlier, tmp_path):
    design, before = earlier("cells")
    fresh = trained(design, tmp_path / "elsewhere")
    fewer = design.change(regions=[box("all", 0, 41.5, 10, 50), *design.regions])
    run = trained(fewer, tmp_path / "runs")
    assert len(run.taken_over) == 4
    shutil.rmtree(before.path)
    run.open_test()
    fresh.open_test()
    names = [name for name in run.partitions if name in run.taken_over]
    for read in (Run.skill, Run.test_skill):
        mine, theirs = (table[table["partition"].isin(names)] for table in map(read, (run, fresh)))
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), theirs.reset_index(drop=True))
    cells = [0, 1, 3, 4]
    pd.testing.assert_frame_equal(
        run.by_cell("rmse").isel(space=cells).to_dataframe(), fresh.by_cell("rmse").isel(space=cells).to_dataframe()
    )
    for name in names:
        mine, theirs = run.predictions(name), fresh.predictions(name)
        assert "test" in mine["rows"].values
        assert mine.identical(theirs)
        pd.testing.assert_frame_equal(run.coverage(name), fresh.coverage(name))
    compared = run.compare(fresh).frame().set_index("partition")
    assert (compared["n"] > 0).all()
    assert compared.loc[names, "change"].tolist() == pytest.approx([0] * 8, abs=1e-9)
    paths = run.export(tmp_path / "operators")
    theirs = {path.name[7:]: path for path in fresh.export(tmp_path / "others")}
    assert [path.read_bytes() == theirs[path.name[7:]].read_bytes() for path in paths if "cell" in path.name] == [
        True
    ] * 4
    everywhere = trained(design.change(regions=None), tmp_path / "runs")
    assert [payoff.n for payoff in pays(run, everywhere)] == [payoff.n for payoff in pays(fresh, everywhere)]


def test_what_was_taken_over_is_taken_over_again_and_says_who_trained_it(earlier, tmp_path):
    design, first = earlier()
    second = trained(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    bits = {name: bits_of(second, name) for name in second.partitions}
    shutil.rmtree(first.path)
    third = take_over_only(second.design, tmp_path / "runs")
    assert third.taken_over == {"n": first.path.name, "m": first.path.name, "s": second.path.name}
    shutil.rmtree(second.path)
    assert {name: bits_of(third, name) for name in third.partitions} == bits
    fourth = take_over_only(design, tmp_path / "runs")
    assert fourth.taken_over == {"n": first.path.name, "m": first.path.name}
    names = sorted(path.name for path in (fourth.path / "blocks").iterdir())
    assert names == [f"from.{first.path.name}.{block:06d}-0.safetensors" for block in (0, 1)]


def test_the_newest_run_is_asked_first_and_an_older_one_for_what_it_has_not(earlier, tmp_path):
    design, first = earlier()
    second = trained(design.change(regions=[NORTH, SMALLER_SOUTH]), tmp_path / "runs", take_over=False)
    run = take_over_only(design.change(regions=[NORTH, MIDDLE, SMALLER_SOUTH]), tmp_path / "runs")
    assert run.taken_over == {"n": second.path.name, "m": first.path.name, "s": second.path.name}


def test_a_file_has_a_second_name_where_that_is_possible_and_else_a_copy(earlier, tmp_path, monkeypatch):
    design, before = earlier()
    linked = take_over_only(design, tmp_path / "runs")

    def refuse(*names):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    copied = take_over_only(design, tmp_path / "runs")
    for block in range(3):
        source = before.path / "blocks" / f"{block:06d}-0.safetensors"
        name = f"from.{before.path.name}.{source.name}"
        one, other = linked.path / "blocks" / name, copied.path / "blocks" / name
        assert one.samefile(source)
        assert not other.samefile(source)
        assert other.read_bytes() == source.read_bytes()


# The test stays sealed


def test_the_test_stays_sealed_although_the_earlier_run_opened_it(earlier, tmp_path):
    design, before = earlier()
    before.open_test()
    run = take_over_only(design, tmp_path / "runs")
    assert run.openings == []
    assert all(row.test_scores is None for row in rows_of(run).values())
    assert set(run.predictions("n")["rows"].values) == {"held-out"}
    pd.testing.assert_frame_equal(run.open_test(), before.test_skill())
    assert len(run.openings) == 1
    assert len(before.openings) == 1
