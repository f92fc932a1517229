"""How far a run is, and a bar that shows it in a terminal or a notebook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from motrain_app.runs.origins import Origins
from motrain_app.runs.store import SKIPPED, WAITING, RunStore


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    phase
        staging, taking over, starting, training, or the end: done, stopped.
    share
        Of the phase, 0 to 1.
    counts
        Partitions by state; empty while staging or taking over.
    taken_over
        How many of them were taken over from each run that trained them, the most first.
    """

    phase: str
    share: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    taken_over: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_counts(cls, phase: str, counts: dict[str, int], taken_over: dict[str, int]) -> "Progress":
        """Return the progress of a run that has so many partitions in each state."""
        total = sum(number for state, number in counts.items() if state != SKIPPED)
        return cls(phase, 1 - counts.get(WAITING, 0) / max(total, 1), counts, taken_over)

    @classmethod
    def of_run(cls, run: Path, *, phase: str = "training") -> "Progress":
        """Return the progress of a run that another process drives, as its store tells it."""
        if not (run / "run.sqlite").exists():
            return cls("staging")
        with RunStore(run / "run.sqlite") as store:
            return cls.of_counts(phase, store.counts(), Origins(store).counts())

    @property
    def taken_over_words(self) -> str:
        """How many partitions were taken over, and from where; empty where none was."""
        return taken_over_words(self.taken_over, sum(self.counts.values()))


def taken_over_words(taken_over: Mapping[str, int], total: int) -> str:
    """Say how many of so many partitions were taken over, and from which runs; empty where none was.

    Parameters
    ----------
    taken_over
        Partitions by the run that trained them, the most first.

    Examples
    --------
    >>> taken_over_words({"20261121-101500-network": 120}, 300)
    '120 of 300 partitions taken over from 20261121-101500-network'
    >>> taken_over_words({"a": 100, "b": 19, "c": 1}, 300)
    '120 of 300 partitions taken over from a and 2 other runs'
    """
    if not taken_over:
        return ""
    first, *others = taken_over
    further = f" and {others[0]}" if len(others) == 1 else f" and {len(others)} other runs" if others else ""
    return f"{sum(taken_over.values()):,} of {total:,} partitions taken over from {first}{further}"


class ProgressBar:
    """A bar with the time left; silent where there is nobody to see it.

    Parameters
    ----------
    quiet
        True for no bar at all.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        console = Console(stderr=True)
        seen = console.is_terminal or console.is_jupyter
        self._bar = RichProgress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=quiet or not seen
        )
        self._phase, self._task = "", self._bar.add_task("", total=1)

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Draw a progress."""
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._bar.reset(self._task, total=1)
        failed = progress.counts.get("failed", 0)
        done, total = progress.counts.get("done", 0), sum(progress.counts.values())
        words = (
            progress.phase + (f" {done:,} of {total:,}" if total else "") + (f", {failed:,} failed" if failed else "")
        )
        words += f", {said}" if (said := progress.taken_over_words) else ""
        self._bar.update(self._task, completed=progress.share, description=words)


def duration(seconds: float) -> str:
    """Return seconds in words that fit beside a bar.

    Examples
    --------
    >>> duration(4.2), duration(250), duration(9000)
    ('4 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
