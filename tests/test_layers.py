"""The rules of the house: imports go one way, the screen stays in `ui`, TensorFlow in network modules."""

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PATIENCE

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "motrain_app"
ROOMS = ("data", "design", "operators", "skill", "learning", "runs", "assimilation", "ui")
ORDER = (*ROOMS, "cli", "main", "__main__")
SCREEN = {"panel", "panel_material_ui", "bokeh", "holoviews", "hvplot", "geoviews"}
NETWORKS = {"tensorflow", "keras"}
MODULES = sorted(HOUSE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the room of a dotted name; the empty string for the package itself."""
    return module.split(".")[1] if "." in module else ""


def is_network_module(module: str) -> bool:
    """Tell whether TensorFlow may be imported here: a module of `learning` with `network` in its name."""
    return room_of(module) == "learning" and "network" in module


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of each import, in functions too, and of `import_module("literal")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package) if node.level else relative
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            literals = (a.value for a in node.args[:1] if isinstance(a, ast.Constant))
            yield from ((node.lineno, importlib.util.resolve_name(str(name), package)) for name in literals)


def complaint(module: str, imported: str) -> str | None:
    """Return why `module` may not import `imported`, or None."""
    here, library = room_of(module), imported.split(".")[0]
    if library in SCREEN and here not in ("ui", "main"):
        return f"{library} belongs to ui"
    if library in NETWORKS and not is_network_module(module):
        return f"{library} belongs to network modules of learning"
    if library != "motrain_app" or not here:
        return None
    there = room_of(imported)
    if there.startswith("__version"):
        return None
    if there not in ORDER:
        return "the package's public names are for users; import from the room"
    if ORDER.index(there) > ORDER.index(here):
        return f"{here} may not know {there}"
    return None


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Return what in this source breaks the rules, each with its line."""
    if room_of(module) not in ("", *ORDER):
        return [f"{module} is in no room of the house"]
    tree: ast.AST = ast.parse(source)
    if module == "motrain_app":
        # Its names are imported lazily: imports in functions and for type checkers are what it is for.
        tree = ast.Module([node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
    package = module if is_package else module.rpartition(".")[0]
    found = []
    for line, imported in imported_names(tree, package):
        reason = complaint(module, imported)
        if module == "motrain_app" and imported.split(".")[0] == "motrain_app":
            reason = "the package imports its rooms lazily"
        if reason:
            found.append(f"{module}:{line} imports {imported}: {reason}")
    return found


def modules_loaded_by(*steps: str) -> list[set[str]]:
    """Return the top-level names in `sys.modules` after each of these pieces of code, in one new interpreter."""
    report = "import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    code = "\n".join(f"{step}\n{report}" for step in steps)
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert process.returncode == 0, process.stderr
    return [set(json.loads(line)) for line in process.stdout.splitlines()[-len(steps) :]]


@pytest.fixture(scope="module")
def loaded_by_rooms() -> dict[str, set[str]]:
    """Return what is loaded once a room and those to its left are: one after the other, as each knows those only."""
    modules = {
        room: [name for name in map(module_name, MODULES) if room_of(name) == room and not is_network_module(name)]
        for room in EXISTING_ROOMS
    }
    imports = ["\n".join(f"import {name}" for name in names) for names in modules.values()]
    return dict(zip(modules, modules_loaded_by(*imports), strict=True))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_module_keeps_the_rules(path):
    assert violations(module_name(path), path.read_text(), is_package=path.name == "__init__.py") == []


# The screen comes last: what it loads is loaded for good.
EXISTING_ROOMS = [room for room in (*ROOMS[:-1], "cli", "ui") if any(room_of(module_name(p)) == room for p in MODULES)]


@pytest.mark.parametrize("room", EXISTING_ROOMS)
def test_importing_a_room_loads_neither_tensorflow_nor_the_screen(loaded_by_rooms, room):
    """
    What the import statements cannot tell: whether a library of others brings one of them along.

    `import distributed` loads no bokeh, only a scheduler that starts its dashboard does.
    """
    assert not loaded_by_rooms[room] & NETWORKS
    if room != "ui":
        assert not loaded_by_rooms[room] & SCREEN


def test_a_worker_loads_no_more_than_it_needs():
    (loaded,) = modules_loaded_by("import motrain_app.runs.task")
    assert "zarr" in loaded
    heavy = {"xarray", "pandas", "rich", "sklearn", "skops"}  # half of a worker's start
    assert not loaded & (SCREEN | NETWORKS | heavy)


def test_what_a_room_loads_is_noticed(loaded_by_rooms):
    assert "xarray" in loaded_by_rooms["data"]
    assert {"bokeh", "panel"} <= loaded_by_rooms["ui"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("motrain_app.data.opening", "from motrain_app.design import Design"),
        ("motrain_app.data.opening", "from motrain_app import design"),
        ("motrain_app.data.opening", "import motrain_app.runs.store"),
        ("motrain_app.data.opening", "from ..runs import store"),
        ("motrain_app.data.opening", "from .. import ui"),
        ("motrain_app.data.opening", "def f():\n    from motrain_app.skill import metrics"),
        ("motrain_app.data.opening", "import importlib\nimportlib.import_module('motrain_app.skill')"),
        ("motrain_app.data.opening", "import motrain_app as mt"),
        ("motrain_app.data.opening", "from motrain_app import open_dataset"),
        ("motrain_app.ui.app", "from motrain_app.cli import main"),
        ("motrain_app.runs.driver", "import bokeh.plotting"),
        ("motrain_app.runs.driver", "def f():\n    import holoviews as hv"),
        ("motrain_app.cli", "import panel as pn"),
        ("motrain_app.operators.export", "def f():\n    import tensorflow as tf"),
        ("motrain_app.learning.ridge", "from keras import layers"),
        ("motrain_app.ui.networks", "import tensorflow"),
        ("motrain_app", "from motrain_app.data import open_dataset"),
        ("motrain_app", "import panel"),
        ("motrain_app.utils", ""),
    ],
)
def test_a_module_that_breaks_a_rule_is_found(module, source):
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("motrain_app.data.opening", "from .problems import Problem\nimport xarray"),
        (
            "motrain_app.runs.driver",
            "from motrain_app.data import open_dataset\nfrom ..learning import ridge",
        ),
        ("motrain_app.runs.store", "from motrain_app import __version__"),
        ("motrain_app.learning.network", "def f():\n    import tensorflow as tf"),
        ("motrain_app.ui.map_view", "import panel\nfrom bokeh.models import CustomJS"),
        ("motrain_app.cli", "def serve():\n    from motrain_app.ui import app"),
        ("motrain_app.main", "import panel\nfrom motrain_app.ui.app import build"),
        ("motrain_app.__main__", "from motrain_app.cli import main"),
        ("motrain_app", "def __getattr__(name):\n    from motrain_app.data import open_dataset"),
        ("motrain_app", "if TYPE_CHECKING:\n    from motrain_app.data import open_dataset"),
    ],
)
def test_a_module_that_keeps_the_rules_passes(module, source):
    assert violations(module, source) == []


def test_a_relative_import_in_a_package_starts_at_the_package():
    assert violations("motrain_app.data", "from ..design import Design", is_package=True)
    assert not violations("motrain_app.design", "from ..data import assets", is_package=True)
