"""The runs in a folder, read as cheaply as a page needs that looks several times a second."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from motrain_app.data import DataError
from motrain_app.design import DesignError
from motrain_app.runs import RunError, RunFolder
from motrain_app.runs.control import Control, Request
from motrain_app.runs.lock import is_driven
from motrain_app.runs.store import RunStore
from motrain_app.ui.sentence import design_sentence

LISTED_AT_MOST = 500
AGAIN_SECONDS = 0.25  # sessions that look more often see the same list
LOG_TAIL_BYTES = 8192
REQUESTS: tuple[Request, ...] = ("stop", "cancel", "pause")


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What the list shows of a run.

    Attributes
    ----------
    name
        Of its folder.
    path
        The folder.
    created
        ISO time in UTC.
    sentence
        Its design in words.
    state
        starting, running, done, stopped, crashed (its driver died), broken or refused (with `reason`), not started,
        or unreadable (with `reason`).
    counts
        Partitions by state; empty until the rows are staged.
    asked
        What was asked of the driver, and it has not done yet: stop, cancel, pause.
    reason
        Why it is broken, in sentences; empty otherwise.
    openings
        How often its test was opened.
    """

    name: str
    path: Path
    created: str
    sentence: str
    state: str
    counts: dict[str, int] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    reason: str = ""
    openings: int = 0


class RunList:
    """The runs in a folder, and the drivers that this process started there.

    What never changes is read once; a store only after its file changed.

    Parameters
    ----------
    folder
        It need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._fixed: dict[Path, RunEntry] = {}
        self._stored: dict[Path, tuple[object, str, dict[str, int], int]] = {}
        self._drivers: dict[Path, subprocess.Popen[bytes]] = {}
        self._last: tuple[float, tuple[RunEntry, ...]] = (float("-inf"), ())

    def entries(self) -> tuple[RunEntry, ...]:
        """Return the runs, the newest first; equal to the last answer where nothing changed."""
        with self._lock:
            if time.monotonic() - self._last[0] > AGAIN_SECONDS:
                self._last = time.monotonic(), self._read()
            return self._last[1]

    def entry(self, path: Path) -> RunEntry:
        """Return one run as it is now."""
        with self._lock:
            return self._entry(path)

    def adopt(self, path: Path, driver: "subprocess.Popen[bytes]") -> None:
        """Take note of a driver that was just started."""
        with self._lock:
            self._drivers[path] = driver
            self._last = float("-inf"), ()

    def starting(self, path: Path) -> "subprocess.Popen[bytes] | None":
        """Return the driver that we started, while it does not hold its run yet."""
        driver = self._drivers.get(path)
        return driver if driver is not None and driver.poll() is None and not _is_held(path) else None

    def _read(self) -> tuple[RunEntry, ...]:
        try:
            names = [one.name for one in os.scandir(self.folder) if not one.name.startswith(".")]
        except OSError:  # no run was ever started here
            return ()
        paths = (self.folder / name for name in sorted(names, reverse=True))
        # A link may lead anywhere, and would bring the same run twice.
        found = [path for path in paths if (path / "run.json").is_file() and not path.is_symlink()]
        entries = [self._entry(path) for path in found[:LISTED_AT_MOST]]
        return tuple(sorted(entries, key=lambda entry: entry.created, reverse=True))

    def _entry(self, path: Path) -> RunEntry:
        fixed = self._fixed.get(path)
        if fixed is None:
            fixed = self._fixed[path] = _fixed(path)
        if fixed.state == "unreadable":
            return fixed
        state, counts, openings = self._store(path)
        driver = self._drivers.get(path)
        alive = driver is not None and driver.poll() is None
        if _is_held(path):
            state = "running"
        elif alive:
            state = "starting"
        elif state == "running":
            state = "crashed"
        reason = ""
        if state.startswith("broken: "):
            state, reason = "broken", state.removeprefix("broken: ")
        elif state == "not started" and (reason := _last_words(path)):
            state = "refused"
        busy = state in ("running", "starting")
        control = Control(path)
        asked = tuple(request for request in REQUESTS if control.asked(request)) if busy else ()
        return replace(fixed, state=state, counts=counts, asked=asked, reason=reason, openings=openings)

    def _store(self, path: Path) -> tuple[str, dict[str, int], int]:
        """Return state, counts and openings, read again only where a file changed."""
        folder = RunFolder(path)
        signature = tuple(_stamp(file) for file in (folder.store, path / "run.sqlite-wal", folder.openings))
        known = self._stored.get(path)
        if known is None or known[0] != signature:
            try:
                known = (signature, *_read_store(folder))
            except (OSError, RunError, ValueError) as error:
                known = (None, f"broken: {error}", {}, 0)
            except Exception as error:  # sqlite3.Error: locked for a moment, or damaged
                known = (None, f"broken: The store cannot be read ({error}).", {}, 0)
            self._stored[path] = known
        return known[1], dict(known[2]), known[3]


def _fixed(path: Path) -> RunEntry:
    """Read what of a run never changes."""
    folder = RunFolder(path)
    try:
        created = str(folder.info().get("created", ""))
        sentence = " · ".join(clause.text for clause in design_sentence(folder.design()))
    except (OSError, RunError, DesignError, DataError) as error:
        return RunEntry(path.name, path, "", "", "unreadable", reason=str(error))
    return RunEntry(path.name, path, created, sentence, "not started")


def _read_store(folder: RunFolder) -> tuple[str, dict[str, int], int]:
    from motrain_app.runs.opening import openings

    if not folder.store.exists():
        return "not started", {}, 0
    with RunStore(folder.store) as store:
        return store.get("state", "not started"), store.counts(), len(openings(folder))


def _is_held(path: Path) -> bool:
    """Say whether a driver holds a run; the lock is tried only where a driver left its name in it.

    Trying it holds it for a moment, in which a driver that just starts would find its run taken.
    """
    try:
        return (path / "lock").stat().st_size > 0 and is_driven(path)
    except OSError:
        return False


def _last_words(path: Path) -> str:
    """Return what a driver said that could not even begin."""
    try:
        with open(path / "driver.log", "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line.removeprefix("motrain: ") for line in lines if line.startswith("motrain: "))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
