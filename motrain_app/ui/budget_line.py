"""The line that says what a run will take, before it is started."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import panel_material_ui as pmui

from motrain_app.data import DataError, fingerprint
from motrain_app.design import Design, DesignError
from motrain_app.learning.network_work import ProgramShape
from motrain_app.runs import RunError
from motrain_app.runs.budget import Budget, make_budget, workers_of
from motrain_app.runs.member_rows import finite_share
from motrain_app.runs.paces import PaceStore, measure_paces
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import staged_path
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

UNTOLD = (DataError, DesignError, RunError, OSError)


class BudgetLine:
    """Follows the design of a session; counted in a thread, paces measured by the helper process where none is kept.

    Parameters
    ----------
    session, services
        Whose design is counted, and who lends the helper process.
    """

    def __init__(self, session: Session, services: Services) -> None:
        self._session, self._services = session, services
        self.view = pmui.Typography("", variant="body2", margin=(6, 12), css_classes=["mt-budget"])
        self._counting = Background(self._count, self._tell, self._cannot_tell, UNTOLD)
        self._measuring = Background(self._measure, lambda _: self._counting(), self._not_measured, UNTOLD)
        self._wanted: tuple[ProgramShape, ...] = ()
        self._failed: frozenset[ProgramShape] = frozenset()
        self._share: tuple[Any, np.ndarray | None] = (None, None)

    def show(self) -> None:
        """Count the design as it is now."""
        if self._session.layout is None:
            self.forget()
            self.view.object = "The design is not complete: what it takes cannot be told."
            return
        self._counting()

    def forget(self) -> None:
        """Let what is being counted lead to nothing."""
        self._counting.forget()

    async def _count(self) -> Budget:
        design, layout = self._session.design, self._session.layout
        return await asyncio.to_thread(self._budget, design, layout, self._session.dataset.sizes["time"])

    def _budget(self, design: Design, layout: Any, n_times: int) -> Budget:
        paces = PaceStore(self._services.runs_folder).known()
        return make_budget(design, layout, paces, share=self._share_of(design, n_times))

    def _share_of(self, design: Design, n_times: int) -> np.ndarray | None:
        """Return which share of each cell's times are rows, where they are staged already."""
        document = design.to_json()
        decides = [document[name] for name in ("data", "remedies", "inputs", "outputs", "filters")]
        if self._share[0] != decides or self._share[1] is None:
            staged = staged_path(Path(self._services.runs_folder), fingerprint(list(design.data)), design)
            self._share = (decides, finite_share(StagedRows(staged), n_times) if staged.exists() else None)
        return self._share[1]

    def _tell(self, budget: Budget) -> None:
        cluster = self._services.cluster
        self.view.object = " · ".join(budget.words(workers_of(cluster.workers, cluster.scheduler)))
        self._wanted = tuple(shape for shape in budget.unmeasured if shape not in self._failed)
        if self._wanted and not self._measuring.is_on_its_way:
            self._measuring()

    def _cannot_tell(self, error: Exception) -> None:
        self.view.object = safe_text(error, limit=400)

    async def _measure(self) -> None:
        job = self._services.submit(measure_paces, str(self._services.runs_folder), self._wanted)
        await asyncio.wrap_future(job)

    def _not_measured(self, error: Exception) -> None:
        """Leave the line as it is, which says "roughly", and do not try again."""
        self._failed |= frozenset(self._wanted)
