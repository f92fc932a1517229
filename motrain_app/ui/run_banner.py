"""The line above a run's results that says whether they are those of the design on screen."""

from typing import Any

import panel as pn
import panel_material_ui as pmui

from motrain_app.design import changes
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.session import Session


class RunBanner:
    """Hidden while the design is the run's; else it says what was changed since, and offers both ways out of that.

    One is the run's design again. The other is a run of the present design, which takes over what did not change.

    Parameters
    ----------
    session, follower
        Whose run and design are compared, and whether that run is going on.
    starter
        Trains what changed.
    """

    def __init__(self, session: Session, follower: RunFollower, starter: RunStarter) -> None:
        self._session, self._follower, self._starter = session, follower, starter
        self._words = pmui.Typography("", variant="body2", margin=(4, 8), sizing_mode="stretch_width")
        small = {"size": "small", "variant": "outlined", "margin": (0, 8, 6, 8)}
        restore = pmui.Button(label="Restore its design", css_classes=["mt-restore"], **small)
        self._train = pmui.Button(label="Train what changed", css_classes=["mt-train-changed"], **small)
        self._why_not = pmui.Typography("", variant="caption", margin=(0, 8, 6, 8), css_classes=["mt-why-not-train"])
        restore.on_click(lambda event: self._restore())
        self._train.on_click(lambda event: starter())
        self.view = pn.Column(
            self._words,
            pn.FlexBox(restore, self._train, margin=0),
            self._why_not,
            visible=False,
            sizing_mode="stretch_width",
            margin=(4, 12),
            css_classes=["mt-run-banner"],
            styles={"border-left": "3px solid #e69f00", "background": "rgba(230, 159, 0, 0.1)"},
        )
        session.param.watch(self._show, ["run", "design"])
        follower.param.watch(self._show, "state")
        starter.param.watch(self._show, "changed")
        self._show()

    def _show(self, *_: Any) -> None:
        run = self._session.run
        changed = [] if run is None else changes(run.design, self._session.design)
        self.view.visible = bool(changed)
        if changed:
            self._words.object = f"Results of an earlier design; since then you changed {_listed(changed)}."
        reason = self._reason()
        self._train.disabled = bool(reason)
        self._why_not.param.update(object=reason, visible=bool(reason))

    def _reason(self) -> str:
        """Say why nothing can be trained just now; empty where it can."""
        if self._starter.busy:
            return "Starting…"
        if self._follower.busy:
            return "A run is going on: what changed can be trained when it has ended, or once you stop it."
        return ""

    def _restore(self) -> None:
        run = self._session.run
        if run is not None:
            self._session.replace("Restored the design of the run", run.design)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
