"""The run folder: where each thing of a run lies, and the few values that describe it."""

import contextlib
import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from motrain_app import __version__
from motrain_app.design import Design
from motrain_app.learning.registering import Registered
from motrain_app.runs.durable import write_durably, write_json_durably
from motrain_app.runs.errors import RunError

SCHEMA = 4  # those before had other scores
_PACKAGES = ("numpy", "scipy", "xarray", "dask", "tensorflow", "scikit-learn")


class RunFolder:
    """Paths of a run, and its design and description.

    Parameters
    ----------
    path
        ``RUNS/<name>``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def plan(self) -> Path:
        """Blocks and labels; there once the rows are staged."""
        return self.path / "plan.safetensors"

    @property
    def blocks(self) -> Path:
        """One immutable file a block attempt."""
        return self.path / "blocks"

    @property
    def store(self) -> Path:
        """The SQLite file with one row a partition."""
        return self.path / "run.sqlite"

    @property
    def rows_of(self) -> Path:
        """The plan of another run, as it was, where this one takes its rows; see `motrain_app.runs.rows_of`."""
        return self.path / "rows_of.safetensors"

    @property
    def openings(self) -> Path:
        """When the test was opened, and how often."""
        return self.path / "openings.json"

    def design(self) -> Design:
        """Return the run's design; it never changes."""
        return Design.load(self.path / "design.json")

    def info(self) -> dict[str, Any]:
        """Return what describes the run: schema, versions, fingerprint of the data, where the rows are staged."""
        try:
            info: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise RunError(f"{self.path} is no run folder. `motrain train` prints the folder of its run.") from None
        if info.get("schema") != SCHEMA:
            made_by = info.get("versions", {}).get("motrain_app", "of another version")
            raise RunError(
                f"The run {self.path} was made by motrain_app {made_by}, whose runs "
                f"this version does not read (schema {info.get('schema')}, not {SCHEMA}). Train its design.json again."
            )
        return info

    def staged(self) -> Path:
        """Return where the run's rows are staged."""
        return self.path.parent / str(self.info()["staged"])

    @classmethod
    def create(
        cls,
        design: Design,
        runs: str | Path,
        *,
        fingerprint: str,
        staged: Path,
        modules: Sequence[Registered] = (),
        take_over: bool = True,
        max_rows: int | None = None,
        rows_of: "RunFolder | None" = None,
    ) -> "RunFolder":
        """Make a new run folder.

        Parameters
        ----------
        staged
            Where the rows are, or will be, staged; below `runs`.
        modules
            Those that were registered: told to whoever resumes the run, and never imported because they stand here.
        take_over
            Whether the driver looks into other runs before it trains.
        max_rows
            Training rows that are taken of a partition at most; None: all.
        rows_of
            Run whose rows alone are taken; its plan is copied. None: those of all partitions.

        Raises
        ------
        RunError
            Where the folder cannot be written.
        """
        runs = Path(runs)
        try:
            runs.mkdir(parents=True, exist_ok=True)
            folder = cls(_new_folder(runs, design))
            folder.blocks.mkdir()
            (folder.path / "control").mkdir()
            design.save(folder.path / "design.json")
            if rows_of is not None:
                write_durably(folder.rows_of, rows_of.plan.read_bytes())
            info = {
                "schema": SCHEMA,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "host": platform.node(),
                "fingerprint": fingerprint,
                "staged": os.path.relpath(staged, runs),
                "register": [asdict(module) for module in modules],
                "take_over": take_over,
                "max_rows": max_rows,
                "rows_of": None if rows_of is None else os.path.relpath(rows_of.path, runs),
                "versions": {"motrain_app": __version__} | versions_of(*_PACKAGES),
            }
            write_json_durably(folder.path / "run.json", info)
        except OSError as error:
            raise RunError(
                f"No run can be written to {runs} ({error.strerror}). Choose another folder with --runs."
            ) from None
        return folder


def versions_of(*names: str) -> dict[str, str]:
    """Return the versions of packages; one not installed by its own name (tensorflow-cpu) is left out."""
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _new_folder(runs: Path, design: Design) -> Path:
    """Make a folder whose name sorts by time and tells the learner."""
    kind = re.sub(r"[^a-z0-9]+", "-", design.learner.kind.lower())[:20]
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}"
    for number in range(1, 1000):
        path = runs / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise RunError(f"{runs} holds a thousand runs of this second already.")
