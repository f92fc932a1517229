"""What the scores of a run hide, in sentences below them: a bias that cancels over the year, folds without a member."""

import panel as pn
import panel_material_ui as pmui

from motrain_app.runs import Run
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.services import Services


class RunRemarks:
    """The remarks of a run, once nothing is trained any more.

    They are of all rows that its members withheld, so that they are read in a process of their own.

    Parameters
    ----------
    services, follower, scores
        Who has that process, whether the run is being trained, and the run.
    """

    def __init__(self, services: Services, follower: RunFollower, scores: RunScores) -> None:
        self._services, self._follower, self._scores = services, follower, scores
        self.view = pn.Column(margin=0, sizing_mode="stretch_width", css_classes=["mt-remarks"])
        self._reading = Background(self._read, self._show, lambda error: self._show([str(error)]), UNREADABLE)

    def __call__(self) -> None:
        """Read them anew."""
        self._reading()

    def renew(self) -> None:
        """Read them anew, after what is being read."""
        self._reading.renew()

    def forget(self) -> None:
        """Show none, and let what is being read lead to nothing."""
        self._reading.forget()
        self._show([])

    async def _read(self) -> list[str]:
        if self._follower.busy or self._scores.run is None:
            return []
        submit = self._services.submit_slow
        return await self._scores.of("remarks", lambda run: submit(remarks_of, str(run.path)).result())

    def _show(self, sentences: list[str]) -> None:
        said = [safe_text(one, limit=600) for one in sentences]
        if said != [line.object for line in self.view]:
            self.view.objects = [
                pmui.Typography(one, variant="body2", margin=(4, 12), css_classes=["mt-remark"]) for one in said
            ]


def remarks_of(run_folder: str) -> list[str]:
    """Return the remarks of a run; for another process to call."""
    return Run(run_folder).remarks()
