"""Paces of programs on this machine: measured once, and kept beside the runs."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, astuple
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from motrain_app import __version__
from motrain_app.learning.network_work import Pace, ProgramShape
from motrain_app.runs.durable import write_json_durably
from motrain_app.runs.environment import WORKER_ENVIRONMENT
from motrain_app.runs.errors import RunError

_SECONDS_AT_MOST = 120  # a busy machine is slow; a hang is not waited for


class PaceStore:
    """The paces that were measured on this machine with this version; nothing of a run depends on them.

    Parameters
    ----------
    runs
        Folder of runs.
    """

    def __init__(self, runs: str | Path) -> None:
        self.path = Path(runs) / ".paces" / f"{_machine()}.json"

    def known(self) -> dict[ProgramShape, Pace]:
        """Return what was measured; nothing where the file is absent or damaged."""
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
            return {
                ProgramShape(**{**shape, "hidden": tuple(shape["hidden"])}): Pace(*map(float, pace))
                for shape, pace in entries
            }
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def measure(self, shapes: Sequence[ProgramShape]) -> None:
        """Measure the paces of shapes, in a process with the threads of a worker, and keep them; two seconds each.

        Raises
        ------
        RunError
            Where they cannot be measured, or not be kept.
        """
        asked = json.dumps([asdict(shape) for shape in shapes])
        command = [sys.executable, "-m", "motrain_app.learning.network_calibration"]
        try:
            answer = subprocess.run(
                command,
                input=asked,
                capture_output=True,
                text=True,
                check=True,
                timeout=_SECONDS_AT_MOST,
                env={**os.environ, **WORKER_ENVIRONMENT},
            )
            paces = [Pace(*values) for values in json.loads(answer.stdout.splitlines()[-1])]
            self._keep(dict(zip(shapes, paces, strict=True)))
        except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            raise RunError(f"How fast this machine trains could not be measured ({error}).") from None

    def _keep(self, paces: dict[ProgramShape, Pace]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        entries = [[asdict(shape), astuple(pace)] for shape, pace in (self.known() | paces).items()]
        write_json_durably(self.path, entries)


def _machine() -> str:
    """Return what names this machine, and the versions that were measured on it."""
    try:
        tensorflow = version("tensorflow")
    except PackageNotFoundError:  # installed by another name, or not at all
        tensorflow = ""
    decides = [platform.node(), platform.machine(), platform.processor(), os.cpu_count(), __version__, tensorflow]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


def measure_paces(runs: str, shapes: Sequence[ProgramShape]) -> None:
    """Measure and keep paces; for a helper process. Arguments as of `PaceStore`."""
    PaceStore(runs).measure(shapes)
