"""Modules of a user's own that add kinds of learners: imported because a person named them, never by a design or a run.

They are named on the command line or in a call, and travel from there to the driver and to its workers.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from motrain_app.design.errors import DesignError


@dataclass(frozen=True)
class Registered:
    """A module that was named and imported.

    Attributes
    ----------
    name
        By which Python knows it; of a file, its name without ``.py``.
    given
        How it was named: the module's name, or the absolute path of a file.
    sha256
        Of its source file, so that all processes of a run, and those that resume it, train alike.
    """

    name: str
    given: str
    sha256: str

    def load(self) -> None:
        """Import the module in this process too; DesignError where it is another one here."""
        if register_module(self.given) != self:
            raise DesignError(f"{self.given} is not the same here as where the run was started. Train the design anew.")


def register_modules(given: Iterable[str | Path]) -> tuple[Registered, ...]:
    """Import modules, which register their learners thereby; DesignError where one cannot be imported."""
    return tuple(map(register_module, given))


def register_module(given: str | Path) -> Registered:
    """Import a module by its name, or by the path of its ``.py`` file.

    Raises
    ------
    DesignError
        Where there is none, its name is taken, or importing it fails; with the reason.
    """
    is_file = str(given).endswith(".py")
    path = Path(given).absolute()
    if is_file and not path.is_file():
        raise DesignError(f"There is no file {path} to register.")
    try:
        module = _import_file(path) if is_file else importlib.import_module(str(given))
    except DesignError:
        raise
    except (Exception, SystemExit) as error:
        raise DesignError(
            f"{given} cannot be registered: importing it raised {type(error).__name__}: {error}. Name a module that "
            "Python finds, or the path of a .py file."
        ) from error
    return Registered(module.__name__, str(path) if is_file else str(given), _sha256(module))


def _import_file(path: Path) -> ModuleType:
    """Import a file as a module of its own name, so that what it defines is found again by that name."""
    name = path.stem
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if not name.isidentifier() or (spec is not None and not _is_of(spec.origin, path)):
        raise DesignError(f"The file {path} has a name that no module can have, or another one has. Rename it.")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - of a .py file there is one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_of(origin: str | None, path: Path) -> bool:
    return origin is not None and Path(origin).resolve() == path.resolve()


def _sha256(module: ModuleType) -> str:
    """Return the sha256 of a module's file; the empty text where it has none."""
    file = getattr(module, "__file__", None)  # which a module of the interpreter itself lacks
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()
