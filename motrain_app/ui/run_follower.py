"""The run that a session shows, followed while it is trained: its state, what is new, and what remains."""

import sqlite3
import time
from typing import Any

import param

from motrain_app.runs import Run, RunError
from motrain_app.ui.run_watch import RunWatch
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

BUSY = ("starting", "running")


class RunFollower(param.Parameterized):
    """Looks at the session's run a few times a second.

    Parameters
    ----------
    session, services
        Whose run is followed, and who knows its driver.
    """

    state = param.String(default="", doc="starting, running, done, stopped, crashed, …; empty where there is no run.")
    reason = param.String(default="", doc="Why the run is refused or broken, in words.")
    news = param.Integer(default=0, doc="Grows whenever partitions came to an end.")
    remaining = param.Number(default=None, allow_None=True, doc="Seconds to go, by the pace so far; None: unknown.")
    asked = param.String(default="", doc="What was asked of the driver, and it has not done yet.")

    def __init__(self, session: Session, services: Services, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._services = session, services
        self.watch: RunWatch | None = None
        self._begin: tuple[float, int] | None = None
        session.param.watch(lambda event: self._follow(event.new), "run")
        self._follow(session.run)

    @property
    def busy(self) -> bool:
        """Whether a driver is at work."""
        return self.state in BUSY

    @property
    def counts(self) -> dict[str, int]:
        """Partitions in each state; empty until they are known."""
        return {} if self.watch is None or self.watch.plan is None else self.watch.counts

    @property
    def taken_over(self) -> dict[str, int]:
        """Partitions that were taken over, by the run that trained them, the most first."""
        return {} if self.watch is None else self.watch.taken_over

    @property
    def share(self) -> float:
        """Share of the partitions that came to an end, 0 to 1."""
        total = sum(self.counts.values())
        return 1 - self.counts.get("waiting", 0) / total if total else 0.0

    def look(self) -> None:
        """Take in what is new; cheap where nothing is."""
        if self.watch is None:
            return
        run = self.watch.run
        try:
            new = self.watch.look()
            entry = self._services.entry(run.path)
        except sqlite3.OperationalError:  # the driver is just closing the store; the next look is a moment away
            return
        except (RunError, OSError) as error:
            self.param.update(state="unreadable", reason=str(error))
            return
        self.param.update(
            state=entry.state,
            reason=entry.reason,
            asked=", ".join(entry.asked),
            remaining=self._estimate(entry.state),
            news=self.news + bool(new),
        )

    def _follow(self, run: Run | None) -> None:
        self.watch = None if run is None else RunWatch(run)
        self._begin = None
        self.param.update(state="", reason="", remaining=None, asked="")
        self.look()

    def _estimate(self, state: str) -> float | None:
        """Return the seconds to go, from the partitions trained since we first looked."""
        ended = sum(self.counts.values()) - self.counts.get("waiting", 0) - sum(self.taken_over.values())
        if state != "running" or not self.counts:
            self._begin = None
            return None
        if self._begin is None:
            self._begin = time.monotonic(), ended
        since, ended_then = self._begin
        if ended == ended_then:
            return None
        return self.counts.get("waiting", 0) * (time.monotonic() - since) / (ended - ended_then)
