"""The line above a run's results that says whether they are those of the design on screen."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from motrain_app.ui.changes import changes
from motrain_app.ui.session import Session


class RunBanner:
    """Hidden while the design is the run's; else it says what was changed since, and offers the run's design again.

    Parameters
    ----------
    session
        Whose run and design are compared.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._words = pmui.Typography("", variant="body2", margin=(4, 8), sizing_mode="stretch_width")
        restore = pmui.Button(
            label="Restore its design",
            size="small",
            variant="outlined",
            margin=(0, 8, 6, 8),
            css_classes=["mt-restore"],
        )
        restore.on_click(lambda event: self._restore())
        self.view = pn.Column(
            self._words,
            restore,
            visible=False,
            sizing_mode="stretch_width",
            margin=(4, 12),
            css_classes=["mt-run-banner"],
            styles={"border-left": "3px solid #e69f00", "background": "rgba(230, 159, 0, 0.1)"},
        )
        session.param.watch(self._show, ["run", "design"])
        self._show()

    def _show(self, *_: Any) -> None:
        run = self._session.run
        changed = [] if run is None else changes(run.design, self._session.design)
        self.view.visible = bool(changed)
        if changed:
            self._words.object = f"Results of an earlier design; since then you changed {_listed(changed)}."

    def _restore(self) -> None:
        run = self._session.run
        if run is not None:
            self._session.replace("Restored the design of the run", run.design)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
