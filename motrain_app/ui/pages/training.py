"""The Training page: start a run, watch the map fill, stop it, go on with it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from motrain_app.runs.progress import duration, taken_over_words
from motrain_app.ui.escape import safe_text
from motrain_app.ui.learner_panel import LearnerPanel
from motrain_app.ui.pages.partitions import output_select
from motrain_app.ui.ready import Background
from motrain_app.ui.run_banner import RunBanner
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.run_starter import REFUSALS, RunStarter
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable

FAILURES_AT_MOST = 200
UNFINISHED = ("stopped", "crashed", "broken")
# However long the learner's fields above are.
_AT_HAND = {
    "position": "sticky",
    "bottom": "0",
    "z-index": "2",
    "width": "100%",
    "background": "var(--mui-palette-background-paper, var(--panel-background-color))",
}


class TrainingPage:
    """Live map of gain over the best baseline; learner, Start and the run's state at the right; failures below.

    Parameters
    ----------
    session, stage, services, follower, starter, scores
        The state, the map, who knows drivers, the run that is followed, who starts another, and what is read from it.
    """

    name, title, icon = "training", "Training", "model_training"

    def __init__(
        self,
        session: Session,
        stage: Stage,
        services: Services,
        follower: RunFollower,
        starter: RunStarter,
        scores: RunScores,
    ) -> None:
        self._session, self._stage, self._services = session, stage, services
        self._follower, self._starter, self._scores = follower, starter, scores
        wide = {"size": "small", "sizing_mode": "stretch_width", "margin": (6, 12)}
        self._learner = LearnerPanel(session, services, self.name)
        self._start = pmui.Button(label="Start", icon="play_arrow", variant="contained", css_classes=["mt-start"])
        self._stop = pmui.Button(label="Stop", icon="stop", variant="outlined", css_classes=["mt-stop"])
        self._resume = pmui.Button(label="Resume", icon="replay", variant="outlined", css_classes=["mt-resume"])
        self._state = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-run-state"])
        self._bar = pmui.LinearProgress(
            value=0, variant="determinate", sizing_mode="stretch_width", margin=(4, 12), css_classes=["mt-progress"]
        )
        self._runs = pmui.Select(label="Shown run", options=[], css_classes=["mt-runs"], **wide)
        self._cluster = pmui.Typography(_where(services), variant="caption", margin=(4, 12))
        self._banner = RunBanner(session, follower, starter)
        self._output = output_select(session)
        self._failures = RowTable("mt-failures")
        self._told = pmui.Typography("", variant="body2", margin=(8, 16), css_classes=["mt-told"])
        self._below = pn.Column(sizing_mode="stretch_both", margin=0)
        self._listing = False
        self._runs.param.watch(self._choose_run, "value")
        self._lacking = Background(self._read_lacking, self._show_failures, self._show_unread, UNREADABLE)
        self._resuming = Background(self._go_on, lambda _: follower.look(), self._not_resumed, REFUSALS)
        self._start.on_click(lambda event: starter())
        self._stop.on_click(lambda event: self.stop())
        self._resume.on_click(lambda event: self._session.run is not None and self._resuming())
        follower.param.watch(lambda *events: self._show_state(), ["state", "news", "asked", "remaining", "reason"])
        follower.param.watch(lambda event: self._show_map(), "news")
        starter.param.watch(lambda event: self._show_state(), "changed")
        follower.param.watch(lambda event: session.page == self.name and self._list_runs(), "state")
        session.param.watch(lambda *events: self._show(), ["page", "output", "dark", "run"])
        self._show()

    def centre(self) -> pn.viewable.Viewable:
        """Return the live map."""
        words = pmui.Typography(
            "Skill over the best baseline (1 − MSE / MSE of the baseline), out-of-fold",
            variant="body2",
            margin=(16, 12),
        )
        return self._stage.view(words, pn.HSpacer(), self._output)

    def inspector(self) -> Sequence[Any]:
        """Return learner, Start, Stop and the run's state."""
        return [
            pmui.Typography("Training", variant="h6", margin=(10, 12, 0, 12)),
            *self._learner.parts(),
            pn.Row(self._start, self._stop, self._resume, margin=(0, 4), styles=_AT_HAND),
            self._cluster,
            self._bar,
            self._state,
            self._banner.view,
            self._runs,
        ]

    def drawer(self) -> pn.viewable.Viewable:
        """Return why partitions failed, and what members of the others lack."""
        return self._below

    def stop(self) -> None:
        """Ask the driver to end after what it trains now."""
        if self._session.run is not None and self._follower.busy:
            self._services.stop(self._session.run.path.name)
            self._follower.look()

    # Gestures

    def _choose_run(self, event: Any) -> None:
        if not self._listing and event.new:
            self._session.run = self._services.run(event.new)

    def _not_resumed(self, error: Exception) -> None:
        """Tell why, where it stays until it is read."""
        self._session.notice = ("error", safe_text(error, limit=600))
        self._show_state()

    async def _go_on(self) -> None:
        await asyncio.to_thread(self._services.resume, self._session.run.path.name)

    # What follows

    def _show(self) -> None:
        if self._session.page != self.name:
            return
        self._list_runs()
        self._show_state()
        self._show_map()

    def _list_runs(self) -> None:
        entries = self._services.runs()
        shown = self._session.run.path.name if self._session.run is not None else None
        # Of the run that is followed, more is known than of the list, which is looked at less often.
        states = {entry.name: entry.state for entry in entries} | ({shown: self._follower.state} if shown else {})
        self._listing = True
        self._runs.options = {f"{safe_text(name)} · {safe_text(state)}": name for name, state in states.items()}
        self._runs.value = shown
        self._runs.param.trigger("value")  # the browser has the words of an option for its value, and they may be new
        self._runs.visible = bool(states)
        self._listing = False

    def _show_state(self) -> None:
        if self._session.page != self.name:
            return
        follower = self._follower
        self._start.disabled = follower.busy or self._starter.busy
        self._stop.visible = follower.busy
        self._stop.disabled = bool(follower.asked)
        self._resume.visible = follower.state in UNFINISHED
        self._bar.visible = bool(follower.state)
        self._bar.value = round(100 * follower.share)
        words = "Starting…" if self._starter.busy else state_words(follower)
        self._state.object = words or "Nothing trained. Start trains one operator in each partition."
        self._lacking()

    async def _read_lacking(self) -> list[str]:
        """Return what members lack, once all are trained."""
        if self._follower.busy or self._scores.run is None:
            return []
        return await self._scores.of("lack", lambda run: run.lack())

    def _show_unread(self, error: Exception) -> None:
        self._show_failures([str(error)])

    def _show_failures(self, lacking: list[str]) -> None:
        run, counts = self._session.run, self._follower.counts
        failed = run is not None and counts.get("failed", 0) + counts.get("skipped", 0) > 0
        said = [*([] if failed or not counts else ["No partition has failed."]), *lacking]
        self._told.object = safe_text(" ".join(said), limit=2000)
        if failed:
            rows = list(run.failures.items())[:FAILURES_AT_MOST]
            self._failures.show(pd.DataFrame(rows, columns=["partition", "why it has no operator"]))
        self._below.objects = [*([self._told] if said else []), *([self._failures.view] if failed else [])]

    def _show_map(self) -> None:
        watch, session = self._follower.watch, self._session
        if session.page != self.name:
            return
        if watch is None or watch.plan is None or len(watch.plan.lat) != len(self._stage.map.locator):
            self._stage.show_nothing("nothing trained yet")
            return
        outputs = [variable.name for variable in watch.plan.outputs]
        if session.output in outputs:
            values = watch.cells(watch.skill[:, outputs.index(session.output)])
            label = f"Skill over the best baseline, {session.output}, out-of-fold"
            self._stage.map.show(values, label=label, unit="1", palette="diverging")


def state_words(follower: RunFollower) -> str:
    """Say how a run stands; empty where there is none."""
    if not follower.state:
        return ""
    words = f"{safe_text(follower.state, limit=400)}"
    if follower.counts:
        words += ": " + ", ".join(f"{number:,} {_COUNTED.get(name, name)}" for name, number in follower.counts.items())
        taken_over = taken_over_words(follower.taken_over, sum(follower.counts.values()))
        words += f"; {safe_text(taken_over, limit=400)}" if taken_over else ""
    elif follower.busy:
        words += ": reading the rows…"
    if follower.remaining is not None:
        words += f"; {duration(follower.remaining)} to go"
    if follower.asked:
        words += f"; asked to {safe_text(follower.asked)}"
    return words + (f". {safe_text(follower.reason, limit=400)}" if follower.reason else "")


def _where(services: Services) -> str:
    cluster = services.cluster
    if cluster.scheduler:
        return f"On the dask cluster at {safe_text(cluster.scheduler)}"
    workers = "one worker a core" if cluster.workers is None else f"{cluster.workers} workers"
    return f"On this machine, {workers}; the run goes on when this tab is closed"


_COUNTED = {"done": "trained"}  # of partitions; it is the run that is done
