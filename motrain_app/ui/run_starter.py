"""Starts a run of the session's design, away from the event loop; whichever button asked for it."""

import asyncio
from pathlib import Path
from typing import Any

import param

from motrain_app.data import DataError
from motrain_app.design import DesignError
from motrain_app.runs import RunError
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

REFUSALS = (DataError, DesignError, RunError)


class RunStarter(param.Parameterized):
    """Makes the run that it started the session's; what is refused is told where it stays until it is read.

    Parameters
    ----------
    session, services
        Whose design is trained, and who starts the driver.
    """

    changed = param.Integer(default=0, doc="Grows whenever a start was asked for, and whenever it led to something.")

    def __init__(self, session: Session, services: Services, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._services = session, services
        self._work = Background(self._start, self._follow, self._tell, REFUSALS)

    def __call__(self) -> None:
        """Start; nothing where a start is on its way already."""
        if not self.busy:
            self._work()
            self.changed += 1

    @property
    def busy(self) -> bool:
        """Whether a start is on its way."""
        return self._work.is_on_its_way

    async def _start(self) -> Path:
        return await asyncio.to_thread(self._services.start, self._session.design)

    def _follow(self, path: Path) -> None:
        self._session.run = self._services.run(path)
        self.changed += 1

    def _tell(self, error: Exception) -> None:
        self._session.notice = ("error", safe_text(error, limit=600))
        self.changed += 1
