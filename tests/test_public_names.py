"""The package's public names: importable, documented, and free until they are used."""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import motrain_app
from tests.conftest import PATIENCE

ROOT = Path(__file__).parents[1]
SECTION_5 = {"open_dataset", "DataError", "Design", "Blocks", "Period", "Split", "Learner", "train", "Run", "Operator"}


@pytest.mark.parametrize("name", motrain_app.__all__)
def test_a_public_name_imports_and_is_documented(name):
    thing = getattr(motrain_app, name)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert inspect.getdoc(thing)
    assert inspect.getdoc(thing) != inspect.getdoc(inspect.getmro(thing)[1] if inspect.isclass(thing) else object)
    assert thing.__module__.startswith("motrain_app.")


@pytest.mark.parametrize("name", motrain_app.__all__)
def test_public_methods_are_documented(name):
    thing = getattr(motrain_app, name)
    members = vars(thing).items() if inspect.isclass(thing) else ()
    undocumented = [
        key
        for key, member in members
        if not key.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property))
        and not inspect.getdoc(getattr(thing, key))
    ]
    assert undocumented == []


def test_a_public_name_is_that_of_its_room():
    for name in motrain_app.__all__:
        room = importlib.import_module(f"motrain_app.{getattr(motrain_app, name).__module__.split('.')[1]}")
        assert getattr(room, name) is getattr(motrain_app, name)
        assert name in room.__all__


def test_the_names_that_the_design_promises_are_there():
    assert set(motrain_app.__all__) >= SECTION_5
    assert motrain_app.__all__ == sorted(motrain_app.__all__)
    assert dir(motrain_app) == motrain_app.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'opn_dataset'"):
        _ = motrain_app.opn_dataset


def test_a_star_import_brings_exactly_the_public_names():
    names: dict[str, object] = {}
    exec("from motrain_app import *", names)
    assert set(names) - {"__builtins__"} == set(motrain_app.__all__)


def modules_after(code):
    report = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


def test_importing_the_package_imports_no_room_and_nothing_heavy():
    loaded = modules_after("import motrain_app")
    assert {name for name in loaded if name.startswith("motrain_app")} == {"motrain_app"}
    heavy = {"numpy", "pandas", "xarray", "zarr", "dask", "distributed", "sklearn", "scipy", "tensorflow", "panel"}
    screen = {"bokeh", "panel_material_ui", "holoviews", "hvplot", "geoviews", "keras"}
    assert not loaded & (heavy | screen)


def test_a_name_imports_its_room_and_those_to_its_left_only():
    loaded = modules_after("import motrain_app; motrain_app.Operator")
    assert "motrain_app.operators" in loaded
    assert not loaded & {"motrain_app.learning", "motrain_app.runs", "motrain_app.data", "tensorflow", "distributed"}


def test_no_public_name_brings_tensorflow_or_the_screen():
    loaded = modules_after("import motrain_app\nfor name in motrain_app.__all__: getattr(motrain_app, name)")
    assert not loaded & {"tensorflow", "keras", "panel", "bokeh", "holoviews"}
