"""What pages ask of a run's folder, read in a thread and kept while nothing is new."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import pandas as pd
import xarray as xr

from motrain_app.runs import Run, RunError
from motrain_app.runs.scores.cell_series import cell_series
from motrain_app.ui.run_follower import RunFollower

KEPT_AT_MOST = 32
UNREADABLE = (RunError, OSError, sqlite3.Error)  # what reading may raise


class RunScores:
    """Scores, maps and series of the run that is followed.

    Every answer belongs to the partitions that were finished when it was asked for.

    Parameters
    ----------
    follower
        Whose run is read.
    """

    def __init__(self, follower: RunFollower) -> None:
        self._follower = follower
        self._kept: dict[tuple[Any, ...], asyncio.Future[Any]] = {}

    @property
    def run(self) -> Run | None:
        """The run, once it has a finished partition."""
        watch = self._follower.watch
        return watch.run if watch is not None and self._follower.counts.get("done") else None

    async def skill(self) -> pd.DataFrame:
        """Return `Run.skill`."""
        return await self._ask("skill", lambda run: run.skill())

    async def by_cell(self, metric: str) -> xr.Dataset:
        """Return `Run.by_cell`."""
        return await self._ask(("by_cell", metric), lambda run: run.by_cell(metric))

    async def series(self, cell: int) -> xr.Dataset | None:
        """Return `cell_series`."""
        return await self._ask(("series", cell), lambda run: cell_series(run, cell))

    async def of(self, name: str, read: Callable[[Run], Any]) -> Any:
        """Return what `read` makes of the run; the name says what that is."""
        return await self._ask(name, read)

    async def _ask(self, what: Any, read: Callable[[Run], Any]) -> Any:
        run = self.run
        assert run is not None
        key = (run.path, tuple(self._follower.counts.items()), len(run.openings), what)
        if key not in self._kept:
            while len(self._kept) >= KEPT_AT_MOST:
                self._kept.pop(next(iter(self._kept)), None)
            # The reading is kept, not what it brings: who asks meanwhile waits for the same one.
            self._kept[key] = asyncio.ensure_future(asyncio.to_thread(read, run))
        try:
            return await asyncio.shield(self._kept[key])
        except Exception:
            self._kept.pop(key, None)
            raise
