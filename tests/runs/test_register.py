"""Learners of scikit-learn and of a user's own from design to take-home; only a person has a module imported."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import motrain_app as mt
from motrain_app.design import DesignError, Learner
from motrain_app.learning import LEARNER_KINDS
from motrain_app.learning.registering import Registered, register_module
from motrain_app.runs import Run, RunError, create_run, drive_run
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.task import Task, train_block
from tests.runs.conftest import drive_here, environment

MODULE = '''
"""A learner of a user's own: nearest neighbours."""
from dataclasses import dataclass
from pathlib import Path
from sklearn.neighbors import KNeighborsRegressor
from motrain_app.learning import fit_estimators, register_learner

with open(Path(__file__).with_name("imported.txt"), "a") as log:
    log.write("imported\\n")

@dataclass(frozen=True)
class NeighbourOptions:
    neighbours: int = 10

@register_learner("neighbours", NeighbourOptions, types=[KNeighborsRegressor])
def fit_neighbours(block, options):
    return fit_estimators(block, lambda seed: KNeighborsRegressor(options.neighbours, algorithm="brute"))
'''
QUICK = {"svr": {}, "forest": {"n_estimators": 4}, "boosting": {"max_iter": 5}}


@pytest.fixture
def module(tmp_path, monkeypatch) -> Path:
    """Write a module with a learner; what this process learns of it is forgotten afterwards."""
    path = tmp_path / "near_ones.py"
    path.write_text(MODULE)
    kinds, types = dict(LEARNER_KINDS), set()
    monkeypatch.setattr("motrain_app.operators.estimator_file._REGISTERED", types)
    yield path
    LEARNER_KINDS.clear()
    LEARNER_KINDS.update(kinds)
    sys.modules.pop("near_ones", None)


@pytest.fixture
def finished(design: Callable, tmp_path) -> Callable[..., Run]:
    """Return a maker of finished runs of a kind, trained in this process."""

    def make(kind: str) -> Run:
        folder = create_run(design(learner=Learner(kind, QUICK[kind])), tmp_path / "runs")
        assert drive_here(folder) == "done"
        return Run.open(folder.path)

    return make


@pytest.mark.cluster
@pytest.mark.parametrize("kind", QUICK)
def test_a_run_of_estimators_gives_operators_that_work_without_it(finished, dataset, tmp_path, kind):
    run = finished(kind)
    assert run.counts == {"done": 6}
    skill = run.skill().query("metric == 'skill_over_climatology'").set_index(["partition", "output"])["value"]
    assert (skill.xs("bend", level="output") > 0.3).all()
    got = run.predictions("cell-3")
    paths = run.export(tmp_path / "operators")
    states = dataset().isel(space=3).sel(time=got["time"])
    x = np.stack([states["a"], states["b"]], axis=1)
    np.savez(tmp_path / "states.npz", x=x, time=states["time"].values)
    script = (
        "import numpy as np\n"
        "from motrain_app import Operator\n"
        "states = np.load('states.npz')\n"
        f"h = Operator.load({str(paths[3])!r})\n"
        "np.save('y.npy', h(states['x'], crossfit=True, time=states['time']).T)\n"
    )
    shutil.move(run.path, tmp_path / "elsewhere")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env=environment())
    y = np.load(tmp_path / "y.npy")
    away = Run.open(tmp_path / "elsewhere").operator("cell-3")
    np.testing.assert_array_equal(y, away(x, crossfit=True, time=states["time"].values).T)
    # Rows are staged as float32: one that lies within its rounding of a tree's threshold falls on its other side.
    apart = np.abs(y - got["predicted"].values) > 1e-5 * np.nanstd(got["observed"].values, axis=1, keepdims=True)
    assert apart.mean() <= (0 if kind == "svr" else 0.02)


@pytest.mark.cluster
def test_a_block_file_gives_the_members_of_a_partition_and_reads_no_other(finished, monkeypatch):
    run = finished("svr")
    read = []
    part = BlockFile.part

    def noting(self, name, start, stop, **options):
        read.append((name, start, stop))
        return part(self, name, start, stop, **options)

    monkeypatch.setattr(BlockFile, "part", noting)
    for path in sorted((run.path / "blocks").iterdir()):
        with BlockFile.open(path) as file:
            for position in range(len(file.array("numbers"))):
                read.clear()
                stack, members = file.stack(position)
                (asked,) = [(start, stop) for name, start, stop in read if name == "stack.estimators"]
                sizes = [data.size for slot in range(len(members)) for data in stack.member(slot).estimators]
                assert asked[1] - asked[0] == sum(sizes) > 0
                assert members.tolist() == [0, 1, 2, 3]


@pytest.mark.cluster
def test_a_block_that_is_trained_again_gives_the_same_file(design, tmp_path):
    folder = create_run(design(learner=Learner("forest", QUICK["forest"])), tmp_path / "runs")
    drive_here(folder)
    outcome = train_block(str(folder.path), Task(0, None, 7))
    first, again = folder.blocks / "000000-0.safetensors", folder.blocks / str(outcome.file)
    assert first.read_bytes() == again.read_bytes()


# A user's own


@pytest.mark.cluster
def test_a_learner_of_a_users_own_runs_from_the_command_line(module, design, motrain, tmp_path):
    path = design(learner=Learner("neighbours", {"neighbours": 4})).save(tmp_path / "design.json")
    log = tmp_path / "imported.txt"

    refused = motrain("train", path, "--workers", 1)
    assert refused.returncode == 2
    assert "There is no learner 'neighbours'" in refused.stderr
    assert "--register MODULE" in refused.stderr
    assert not (tmp_path / "runs").exists()

    trained = motrain("train", path, "--workers", 1, "--register", "near_ones.py")
    assert trained.returncode == 0, trained.stderr
    folder = trained.stdout.splitlines()[-1]
    assert log.read_text().count("imported") >= 2  # in the driver, and in its worker
    recorded = json.loads((tmp_path / folder / "run.json").read_text())["register"]
    assert [(entry["name"], entry["given"]) for entry in recorded] == [("near_ones", str(module))]

    log.unlink()
    for command in (("skill", folder), ("export", folder, "--to", "operators")):
        assert motrain(*command).returncode == 0
    assert motrain("resume", folder, "--register", "near_ones.py").returncode == 0
    log.unlink()

    resumed = motrain("resume", folder)
    assert resumed.returncode == 2
    assert f"was made with --register {module}." in resumed.stderr
    assert not log.exists()

    operator = next((tmp_path / "operators").glob("*.safetensors"))
    script = (
        "import sys\nfrom motrain_app import Operator, OperatorError\n"
        "try:\n    Operator.load(sys.argv[1])\nexcept OperatorError as error:\n    print(error)\n"
        "import near_ones\nprint(Operator.load(sys.argv[1])([[285.0, 0.3]]).shape)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(operator)], cwd=tmp_path, capture_output=True, text=True, env=environment()
    )
    assert said.returncode == 0, said.stderr
    assert "the type sklearn.neighbors._regression.KNeighborsRegressor (ObjectNode), which is not" in said.stdout
    assert said.stdout.splitlines()[-1] == "(1, 2)"


@pytest.mark.cluster
def test_a_learner_of_a_users_own_runs_from_python(module, design, tmp_path):
    own = design(learner="neighbours")
    with pytest.raises(DesignError, match="--register MODULE"):
        mt.train(own, tmp_path / "runs", workers=1)
    run = mt.train(own, tmp_path / "runs", workers=1, register=[module])
    assert run.counts == {"done": 6}
    assert not run.operator("cell-0").differentiable
    assert np.isfinite(run.operator("cell-0")(np.array([[285.0, 0.3]]))).all()  # `train` registered it here as well
    with pytest.raises(RunError, match="was made with --register"):
        mt.resume(run, workers=1)
    assert mt.resume(run, workers=1, register=[str(module)]).counts == {"done": 6}


def test_a_run_whose_module_is_another_one_now_is_not_resumed(module, design, tmp_path):
    folder = create_run(design(learner="neighbours"), tmp_path / "runs", register=[module])
    module.write_text(MODULE + "\n# changed\n")
    with pytest.raises(RunError, match=r"near_ones.py changed since the run was made"):
        drive_run(folder, workers=1, register=[module])
    with pytest.raises(DesignError, match="is not the same here"):
        Registered(**folder.info()["register"][0]).load()


def test_a_run_folder_alone_imports_nothing(module, design, tmp_path):
    folder = create_run(design(), tmp_path / "runs")
    info = folder.info()
    info["register"] = [{"name": "near_ones", "given": str(module), "sha256": ""}]
    (folder.path / "run.json").write_text(json.dumps(info))
    with pytest.raises(RunError, match="is never imported by itself"):
        drive_run(RunFolder(folder.path), workers=1)
    assert "near_ones" not in sys.modules
    assert not (tmp_path / "imported.txt").exists()


def test_a_module_is_imported_once_by_either_name(module, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    by_file, by_name = register_module(module), register_module("near_ones")
    assert (by_file.name, by_file.sha256) == (by_name.name, by_name.sha256)
    assert (tmp_path / "imported.txt").read_text() == "imported\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.py", None, r"There is no file .*absent.py to register"),
        ("no_such_module", None, "importing it raised ModuleNotFoundError"),
        ("broken.py", "1 / 0", "importing it raised ZeroDivisionError: division by zero"),
        ("wrong.py", "def (", "importing it raised SyntaxError"),
        ("quits.py", "import sys; sys.exit('bye')", "importing it raised SystemExit: bye"),
        ("json.py", "", "or another one has. Rename it"),
        ("my-learner.py", "", "a name that no module can have"),
        ("taken.py", "from motrain_app.learning import register_learner as r\nr('ridge', int)", "'ridge' already"),
    ],
)
def test_modules_that_cannot_be_registered_say_why(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    given = tmp_path / name if name.endswith(".py") else name
    with pytest.raises(DesignError, match=words):
        register_module(given)
    assert name.removesuffix(".py") not in sys.modules or name == "json.py"


@pytest.mark.parametrize("name", ["sys", "builtins"])
def test_a_module_of_the_interpreter_itself_has_no_file_and_needs_none(name):
    registered = register_module(name)
    assert registered == Registered(name, name, "")
    registered.load()
