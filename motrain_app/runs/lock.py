"""The lock that one driver holds on a run.

An OS file lock, which a killed process gives back by itself. Where the file system has none, a heartbeat: the lock file
is touched every few seconds, and one that has not been touched for half a minute is free.
"""

import json
import os
import platform
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from motrain_app.runs.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BEAT_SECONDS = 5
DEAD_SECONDS = 30
GLANCE_SECONDS = 5.0  # whoever asks whether a run is driven holds its lock for a moment


class RunLock:
    """Held while a driver works on a run.

    Raises
    ------
    RunError
        On entering, where another driver holds the run; it says which.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / "lock"
        self._stop = threading.Event()
        self._file: Any = None

    def __enter__(self) -> "RunLock":
        self._file = open(self._path, "a+", encoding="utf-8")
        if not _take_patiently(self._file, self._path):
            owner = _owner(self._path)
            self._file.close()
            raise RunError(
                f"The run {self._path.parent} is being driven by process {owner}. Stop that one first, or wait."
            )
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "host": platform.node()}, self._file)
        self._file.flush()
        threading.Thread(target=self._beat, daemon=True, name="run-lock").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._file.seek(0)
        self._file.truncate()
        self._file.close()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            os.utime(self._path)


def is_driven(run: Path) -> bool:
    """Say whether a driver holds the run now."""
    path = run / "lock"
    try:
        with open(path, "r+", encoding="utf-8") as file:
            return not _take(file, path)
    except OSError:  # absent, or a folder that only can be read: nobody can drive there
        return False


def _take_patiently(file: Any, path: Path) -> bool:
    """Take the lock, also where somebody only looks at it now."""
    end = time.monotonic() + GLANCE_SECONDS
    while not _take(file, path):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _take(file: Any, path: Path) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    return path.stat().st_size == 0 or time.time() - path.stat().st_mtime > DEAD_SECONDS


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"{owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "(unknown)"
