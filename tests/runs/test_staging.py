"""Staged rows are the dataset's rows: all of them that count, none twice, values unchanged."""

import numpy as np
import pytest

from motrain_app.design import Design, Filter
from motrain_app.runs import staging
from motrain_app.runs.errors import RunError
from motrain_app.runs.staging import morton_order, stage_rows, staged_path


def _by_cell_and_time(rows, offset):
    return {
        (int(c), int(t)): rows.inputs[:, i] + offset for i, (c, t) in enumerate(zip(rows.cell, rows.time, strict=True))
    }


def test_rows_are_those_with_all_inputs_and_an_output_that_pass_the_filters(dataset, design, tmp_path):
    data = dataset()
    data["a"][2, 5] = np.nan
    data["y"][3, 7], data["bend"][3, 7] = np.nan, np.inf
    chosen = design(filters=["a > 280"])
    rows = stage_rows(data, chosen, tmp_path / "staged")
    read = rows.read(np.arange(6))
    found = np.zeros((6, data.sizes["time"]), int)
    np.add.at(found, (read.cell, read.time), 1)
    a, y, bend = (data[name].values for name in ("a", "y", "bend"))
    expected = (a > 280) & np.isfinite(a) & (np.isfinite(y) | np.isfinite(bend))
    np.testing.assert_array_equal(found, expected)
    assert not expected[2, 5]
    assert not expected[3, 7]


def test_values_are_the_datasets_to_single_precision(dataset, design, tmp_path):
    data = dataset()
    rows = stage_rows(data, design(), tmp_path / "staged")
    read = rows.read(np.arange(6))
    inputs = read.inputs + rows.input_offset[:, None]
    np.testing.assert_allclose(inputs[0], data["a"].values[read.cell, read.time], rtol=1e-7)
    np.testing.assert_allclose(inputs[1], data["b"].values[read.cell, read.time], rtol=1e-7)
    np.testing.assert_allclose(read.outputs[0], data["y"].values[read.cell, read.time], rtol=1e-6)
    assert rows.input_offset.tolist() == [273.15, 0.0]
    assert [(v.name, v.unit) for v in rows.inputs] == [("a", "K"), ("b", "m3 m-3")]


def test_references_stand_beside_the_outputs_and_decide_no_row(dataset, design, tmp_path):
    data = dataset()
    data["model"] = data["a"] + 1.0
    data["model"][:, ::3] = np.nan
    data["model"][2] = np.inf
    plain = stage_rows(data, design(), tmp_path / "plain")
    rows = stage_rows(data, design().change(references={"bend": "model"}), tmp_path / "staged")
    read, expected = rows.read(np.array([0, 3, 4])), plain.read(np.array([0, 3, 4]))
    assert (plain.references, rows.references) == ({}, {"bend": "model"})
    assert expected.references is None
    for name in ("inputs", "outputs", "cell", "time"):
        np.testing.assert_array_equal(getattr(read, name), getattr(expected, name))
    assert np.isnan(read.references[0]).all(), "y has none"
    model = np.where(np.isfinite(data["model"]), data["model"], np.nan)[read.cell, read.time]
    np.testing.assert_allclose(read.references[1], model, rtol=1e-6)


def test_a_reference_is_staged_with_the_offset_of_its_output(dataset, design, tmp_path):
    data = dataset()
    data["model"] = data["a"] + 1.0
    chosen = design().change(inputs=["b"], outputs=["a", "y"], references={"a": "model"})
    rows = stage_rows(data, chosen, tmp_path / "staged")
    read = rows.read(np.arange(6))
    np.testing.assert_allclose(read.references[0] - read.outputs[0], 1.0, atol=1e-5)
    assert rows.output_offset.tolist() == [273.15, 0.0]


def test_slabs_change_the_order_of_cells_and_nothing_else(dataset, design, tmp_path, monkeypatch):
    data, chosen = dataset(cells=9), design(data=dataset(cells=9))
    whole = stage_rows(data, chosen, tmp_path / "whole")
    monkeypatch.setattr(staging, "SLAB_BYTES", 8 * data.sizes["time"] * 6 * 2)
    parts = stage_rows(data, chosen, tmp_path / "parts")
    assert parts.cell_at.tolist() != whole.cell_at.tolist()
    one, other = (_by_cell_and_time(rows.read(np.arange(9)), rows.input_offset) for rows in (whole, parts))
    assert one.keys() == other.keys()
    assert all((one[key] == other[key]).all() for key in one)


def test_some_cells_are_read_without_the_others(dataset, design, tmp_path):
    rows = stage_rows(dataset(), design(), tmp_path / "staged")
    read = rows.read(np.array([0, 1, 4]))
    assert set(read.cell) == set(rows.cell_at[[0, 1, 4]])
    assert len(rows.read(np.array([], int)).cell) == 0


def test_variables_on_one_axis_are_broadcast(dataset, design, tmp_path):
    data = dataset()
    data["height"] = ("space", np.arange(6.0))
    data["hour"] = ("time", np.arange(data.sizes["time"]) % 24.0)
    rows = stage_rows(data, design(data=data).change(inputs=["height", "hour", "lat"]), tmp_path / "staged")
    read = rows.read(np.arange(6))
    np.testing.assert_array_equal(read.inputs[0], read.cell)
    np.testing.assert_array_equal(read.inputs[1], read.time % 24)
    np.testing.assert_array_equal(read.inputs[2], data["lat"].values[read.cell])


def test_rows_staged_already_are_not_written_again(dataset, design, tmp_path):
    path = tmp_path / "staged"
    stage_rows(dataset(), design(), path)
    before = path.stat().st_mtime_ns
    stage_rows(None, design(), path)
    assert path.stat().st_mtime_ns == before


def test_a_stop_leaves_nothing_behind(dataset, design, tmp_path):
    path = tmp_path / "folder" / "staged"
    assert stage_rows(dataset(), design(), path, stopped=lambda: True) is None
    assert list(path.parent.iterdir()) == []


def test_too_small_a_disk_is_told_before_anything_is_written(dataset, design, tmp_path, monkeypatch):
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(RunError, match="Free some, or choose another --runs"):
        stage_rows(dataset(), design(), tmp_path / "staged")


def test_the_name_of_a_staged_store_follows_from_what_decides_its_values(design, tmp_path):
    first = design()
    same = first.change(regions=None, test=None, learner="network", jackknife=None, seed=5)
    others = [
        first.change(filters=[Filter("a > 280")]),
        first.change(inputs=["b", "a"]),
        first.change(remedies=[{"code": "x"}]),
        first.change(references={"y": "model"}),
        first.change(references={"bend": "model"}),
    ]
    name = staged_path(tmp_path, "f", first)
    assert staged_path(tmp_path, "f", same) == name
    assert (
        len(
            {
                name,
                staged_path(tmp_path, "g", first),
                *(staged_path(tmp_path, "f", other) for other in others),
            }
        )
        == 7
    )


def test_a_design_without_references_finds_what_was_staged_before_there_were_any(tmp_path):
    path = staged_path(tmp_path, "f", Design("cells.nc", ["a"], ["y"]))
    assert path.name == "cccec2952e0146f5dd958cbb"


def test_near_cells_stand_near_each_other_along_the_curve():
    lat, lon = (part.ravel() for part in np.meshgrid(np.linspace(-60, 60, 64), np.linspace(-170, 170, 64)))
    order = morton_order(lat, lon)
    jump = np.hypot(np.diff(lat[order]), np.diff(lon[order]))
    assert sorted(order) == list(range(64 * 64))
    assert np.median(jump) < 8
    assert len(order) == len(set(order.tolist()))
