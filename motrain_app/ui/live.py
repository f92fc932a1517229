"""The live skill of a session: what partitions would gain, before anything is trained."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import param

from motrain_app.design import DesignError, Layout
from motrain_app.learning.preview import LivePreview, Preview
from motrain_app.runs import RunError
from motrain_app.runs.live import decides_live, open_live, prepare_live
from motrain_app.ui.ready import Background
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

_SOLVERS = ThreadPoolExecutor(2, thread_name_prefix="live")


class LiveSkill(param.Parameterized):
    """Follows the design of a session and keeps the preview of its partitions.

    Gram matrices are built once a choice of data, variables, filters, periods and folds, in the helper process; the
    solves that a redrawn region needs run in a thread. A newer design overtakes an older one.

    Parameters
    ----------
    session, services
        Whose design is followed, and who lends the helper process.
    """

    preview = param.ClassSelector(class_=Preview, doc="Of the partitions as they are; None while there is none.")
    status = param.String(default="", doc="What is being waited for, in words; empty when the preview is there.")

    def __init__(self, session: Session, services: Services, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._services = session, services
        self._live: LivePreview | None = None
        self._of: tuple[Any, ...] = ()
        self._shown: Layout | None = None
        self._solving: Future[Preview] | None = None
        self._making = Background(self._make, self._show, self._refuse, (RunError, DesignError, OSError))

    @property
    def is_on_its_way(self) -> bool:
        """Whether the preview of the design as it is now will be there in a moment."""
        return not self.status and self._making.is_on_its_way

    @property
    def current(self) -> Preview | None:
        """The preview, unless it is that of a design before."""
        return self.preview if self._shown is self._session.layout else None

    def follow(self) -> None:
        """Make the preview of the design as it is now."""
        layout = self._session.layout
        if layout is None:
            self._making.forget()
            self.param.update(preview=None, status="The design is not complete")
            return
        if self._live is not None and self._of == decides_live(self._session.design):
            self._solving = _SOLVERS.submit(self._live.of, layout.cells)  # beside what the page draws meanwhile
        else:
            self._solving = None
            self.param.update(preview=None, status="Reading the rows for the live skill…")
        self._making()

    async def _make(self) -> tuple[Layout, Preview]:
        design, layout, solving = self._session.design, self._session.layout, self._solving
        assert layout is not None
        if solving is None:
            runs = str(self._services.runs_folder)
            staged = await asyncio.wrap_future(self._services.submit(prepare_live, design.to_json(), runs))
            live = await asyncio.to_thread(open_live, design, staged, layout.partitions)
            if live is None:
                raise RunError("The staged rows were removed meanwhile. Change the design, or load the page again.")
            self._live, self._of = live, decides_live(design)
            solving = _SOLVERS.submit(live.of, layout.cells)
        return layout, await asyncio.wrap_future(solving)

    def _show(self, made: tuple[Layout, Preview]) -> None:
        self._shown, preview = made
        self.param.update(preview=preview, status="")

    def _refuse(self, error: Exception) -> None:
        self.param.update(preview=None, status=str(error))
