"""The Skill page: where operators are good, beside what any operator must beat."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from motrain_app.runs import RunError
from motrain_app.runs.paying import find_one_for_all, pays, pays_sentence
from motrain_app.skill import get_metric
from motrain_app.ui.escape import safe_text
from motrain_app.ui.pages.partitions import output_select
from motrain_app.ui.ready import when_ready
from motrain_app.ui.review_map import review_map
from motrain_app.ui.run_banner import RunBanner
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import RunScores
from motrain_app.ui.score_words import baseline_words, interval_words, score_words
from motrain_app.ui.series import SeriesView
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable

METRICS = ("bias", "rmse", "mae", "ubrmse", "r")
TRUTH = "truth_regime"  # of the sample dataset
LISTED_AT_MOST = 10_000
TESTS_LISTED = 8
READING = "The scores are being read…"


class SkillPage:
    """A score of each cell on the map, the headline at the right, series and table below.

    Parameters
    ----------
    session, stage, services, follower, scores
        The state, the map, and the run with what is read from it.
    """

    name, title, icon = "skill", "Skill", "insights"

    def __init__(
        self, session: Session, stage: Stage, services: Services, follower: RunFollower, scores: RunScores
    ) -> None:
        self._session, self._stage, self._services = session, stage, services
        self._follower, self._scores = follower, scores
        self._series = SeriesView(session, scores, (self.name,))
        self._turn = 0
        self._metric = pmui.Select(
            label="Score", options=list(METRICS), value="bias", size="small", width=110, margin=(4, 8),
            css_classes=["mt-metric"],
        )  # fmt: skip
        self._output = output_select(session)
        self._truth = pmui.Switch(label="Reveal truth", value=False, margin=(14, 8), css_classes=["mt-truth"])
        self._projected = pmui.Switch(label="Equal-area", value=False, margin=(14, 8), css_classes=["mt-projected"])
        self._tools = (self._truth, self._projected, pn.HSpacer(), self._output, self._metric)
        self._review = pn.Column(sizing_mode="stretch_both", margin=8, css_classes=["mt-review-map"])
        self._headline = pmui.Alert(
            object=READING,
            severity="info",
            sizing_mode="stretch_width",
            margin=(4, 12),
            css_classes=["mt-skill-headline"],
        )
        self._words = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-skill-words"])
        self._go = pmui.Button(
            label="Training", icon="model_training", variant="outlined", margin=(4, 12), css_classes=["mt-go-training"]
        )
        self._open = pmui.Button(
            label="Open the test", icon="lock_open", variant="outlined", margin=(4, 12), css_classes=["mt-open-test"]
        )
        self._test = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-test-words"])
        self._banner = RunBanner(session)
        self._table = RowTable("mt-skill-table", choose=self._choose)
        self._names: list[str] = []
        self._open.on_click(lambda event: when_ready(self._open_test))
        self._go.on_click(lambda event: session.param.update(page="training"))
        for widget in (self._metric, self._truth, self._projected):
            widget.param.watch(lambda event: self._refresh(), "value")
        session.param.watch(lambda *events: self._refresh(), ["page", "run", "output", "dark"])
        session.param.watch(lambda event: when_ready(self._series.show), "cell")
        follower.param.watch(lambda event: self._refresh(), "news")
        self._refresh()

    def centre(self) -> pn.viewable.Viewable:
        """Return the map of a score."""
        return self._stage.view(*self._tools)

    def inspector(self) -> Sequence[Any]:
        """Return the headline, the scores in words, and the button that opens the test."""
        title = pmui.Typography("Skill", variant="h6", margin=(10, 12, 0, 12))
        return [title, self._headline, self._banner.view, self._go, self._words, self._open, self._test]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the series of the chosen cell beside the table of scores."""
        table = pn.Column(self._table.view, sizing_mode="stretch_both", margin=(4, 8))
        return pn.Row(self._series.view, table, sizing_mode="stretch_both", margin=0)

    # Gestures

    def _choose(self, row: int) -> None:
        self._session.partition = self._names[row]

    async def _open_test(self) -> None:
        run = self._session.run
        if run is None:
            return
        try:
            await asyncio.to_thread(run.open_test)
        except RunError as error:
            self._session.notice = ("error", safe_text(error, limit=600))
            return
        self._session.param.trigger("run")  # the sentence counts openings

    # What follows

    def _refresh(self) -> None:
        if self._session.page == self.name:
            when_ready(self._show)

    async def _show(self) -> None:
        """Show the run; what a later call overtakes shows nothing."""
        self._turn += 1
        turn, session = self._turn, self._session
        self._truth.visible = session.dataset is not None and TRUTH in session.dataset
        run = self._scores.run
        self._go.visible = run is None
        self._open.visible = run is not None and run.design.test is not None
        self._table.view.visible = self._words.visible = self._projected.visible = run is not None
        if run is None:
            first = "The first partitions are being trained" if self._follower.busy else "Train first"
            self._headline.param.update(severity="info", object=f"{first}: nothing has been scored yet.")
            self._test.object = ""
            self._stage.show_nothing("nothing scored yet")
            self._stage.put(self._stage.map)
            await self._series.show()
            return
        cells = await self._scores.by_cell(self._metric.value)
        frame = await self._scores.skill()
        if turn != self._turn or session.page != self.name:
            return
        self._show_table(frame)
        await self._show_map(cells)
        await self._series.show()
        await self._show_test(run)
        await self._show_headline(run, turn)

    async def _show_map(self, cells: Any) -> None:
        session, metric = self._session, get_metric(self._metric.value)
        if session.output not in cells or cells.sizes["space"] != len(self._stage.map.locator):
            self._stage.put(self._stage.map)
            return
        field = cells[session.output]
        label = f"{metric.title}, {session.output}, out-of-fold"
        diverging = metric.direction == "zero"
        if self._projected.value:
            plot = await asyncio.to_thread(
                review_map, cells["lat"].values, cells["lon"].values, field.values,
                label=safe_text(label), unit=safe_text(field.attrs["units"]), diverging=diverging, dark=session.dark,
            )  # fmt: skip
            if session.page != self.name:
                return
            self._review.objects = [pn.pane.HoloViews(plot, sizing_mode="stretch_both")]
            self._stage.put(self._review)
            return
        self._stage.put(self._stage.map)
        if self._truth.value:
            self._show_truth()
        else:
            self._stage.map.show(
                field.values,
                label=label,
                unit=field.attrs["units"],
                palette="diverging" if diverging else "sequential",
            )

    def _show_truth(self) -> None:
        truth = self._session.dataset[TRUTH]
        names = str(truth.attrs.get("flag_meanings", "")).split() or [str(n) for n in range(int(truth.max()) + 1)]
        self._stage.map.show_classes(np.asarray(truth.values, int), names, label="true regimes")

    def _show_table(self, frame: pd.DataFrame) -> None:
        run, output = self._session.run, self._session.output
        chosen = frame[(frame["output"] == output) & (frame["metric"] == "rmse")].head(LISTED_AT_MOST)
        unit = next((variable.unit for variable in run.outputs if variable.name == output), "")
        self._names = [str(name) for name in chosen["partition"]]
        rows = pd.DataFrame(
            {
                "partition": self._names,
                f"RMSE ({unit})": chosen["value"].to_numpy(),
                "95 % interval": [interval_words(row) for row in chosen.itertuples()],
                "n": chosen["n"].to_numpy(),
                "baseline": [baseline_words(row) for row in chosen.itertuples()],
            }
        )
        self._table.show(rows)
        best = np.mean(chosen["value"] < chosen["baseline_value"]) if len(chosen) else 0
        self._words.object = (
            f"{safe_text(output)}: {100 * best:.0f} % of {len(chosen):,} operators have a lower RMSE than their best "
            f"baseline, out-of-fold. Click a cell for its series."
        )

    async def _show_test(self, run: Any) -> None:
        """Show test scores where the test was opened in this run; opened, not by showing them."""
        self._open.disabled = bool(run.openings)
        if not run.openings:
            self._test.object = "" if run.design.test is None else "The test is sealed; opening it is recorded."
            return
        frame = await self._scores.of("test", lambda opened: opened.test_skill())
        of_output = frame[(frame["metric"] == "rmse") & (frame["output"] == self._session.output)]
        lines = [score_words(row) for row in of_output.head(TESTS_LISTED).itertuples()]
        more = f" and {len(of_output) - len(lines):,} more" if len(of_output) > len(lines) else ""
        unit = safe_text(self._session.unit)
        self._test.object = (
            f"Test (the members' mean), RMSE{f' in {unit}' if unit else ''}, its 95 % interval and the best baseline: "
            f"{'; '.join(lines)}{more}."
        )

    async def _show_headline(self, run: Any, turn: int) -> None:
        """Say whether partitioning pays, against one operator for all that was trained alike."""
        if run.design.regions is None and run.design.periods is None:
            self._headline.param.update(severity="info", object="One operator for all: what partitions have to beat.")
            return
        other = await asyncio.to_thread(find_one_for_all, self._services.runs_folder, run)
        if other is None:
            self._headline.param.update(
                severity="info",
                object="Whether partitioning pays is not known: train one operator everywhere with the same learner, "
                "and come back.",
            )
            return
        try:
            payoffs = await self._scores.of(f"pays over {other.path.name}", lambda one: pays(one, other))
        except RunError as error:
            self._headline.param.update(severity="warning", object=safe_text(error, limit=600))
            return
        chosen = [payoff for payoff in payoffs if payoff.output == self._session.output]
        if turn == self._turn and chosen:
            words = f"{safe_text(pays_sentence(chosen), limit=600)} n = {chosen[0].n:,}, against one operator for all."
            self._headline.param.update(severity=_SEVERITY[chosen[0].verdict], object=words)


_SEVERITY = {"pays": "success", "does not pay": "warning", "cannot be told": "info"}
