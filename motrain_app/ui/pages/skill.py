"""The Skill page: where operators are good, beside what any operator must beat."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import xarray as xr

from motrain_app.skill import get_metric
from motrain_app.ui.escape import safe_text
from motrain_app.ui.pages.partitions import output_select
from motrain_app.ui.pays_headline import PaysHeadline
from motrain_app.ui.ready import Background, when_ready
from motrain_app.ui.review_map import review_map
from motrain_app.ui.run_banner import RunBanner
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_remarks import RunRemarks
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.score_words import baseline_words, beating_words, interval_words, score_words
from motrain_app.ui.series import SeriesView
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable

METRICS = ("bias", "rmse", "mae", "ubrmse", "r", "spearman", "r2", "kge", "anomaly_r")
TRUTH = "truth_regime"  # of the sample dataset
LISTED_AT_MOST = 10_000
TESTS_LISTED = 8


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a run as the page shows them.

    Attributes
    ----------
    table, cells
        As `Run.skill` and `Run.by_cell` return them.
    review
        The projected map; None where the working map is shown.
    """

    table: pd.DataFrame
    cells: xr.Dataset
    review: Any


class SkillPage:
    """A score of each cell on the map, the headline at the right, series and table below.

    Parameters
    ----------
    session, stage, services, follower, starter, scores
        The state, the map, the run with what is read from it, and who starts another.
    """

    name, title, icon = "skill", "Skill", "insights"

    def __init__(
        self,
        session: Session,
        stage: Stage,
        services: Services,
        follower: RunFollower,
        starter: RunStarter,
        scores: RunScores,
    ) -> None:
        self._session, self._stage = session, stage
        self._follower, self._scores = follower, scores
        self._series = SeriesView(session, scores, (self.name,))
        self._readings = [
            Background(work, then, self._unread, UNREADABLE)
            for work, then in (
                (self._read_scores, self._show_scores),
                (self._read_test, self._show_test),
            )
        ]
        self._opening = Background(self._open_test, self._opened, self._not_opened, UNREADABLE)
        self._metric = pmui.Select(
            label="Score", options=list(METRICS), value="bias", size="small", width=110, margin=(4, 8),
            css_classes=["mt-metric"],
        )  # fmt: skip
        self._output = output_select(session)
        self._truth = pmui.Switch(label="Reveal truth", value=False, margin=(14, 8), css_classes=["mt-truth"])
        self._projected = pmui.Switch(label="Equal-area", value=False, margin=(14, 8), css_classes=["mt-projected"])
        self._tools = (self._truth, self._projected, pn.HSpacer(), self._output, self._metric)
        self._review = pn.Column(sizing_mode="stretch_both", margin=8, css_classes=["mt-review-map"])
        self._headline = PaysHeadline(session, services, scores)
        self._remarks = RunRemarks(services, follower, scores)
        self._words = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-skill-words"])
        self._go = pmui.Button(
            label="Training", icon="model_training", variant="outlined", margin=(4, 12), css_classes=["mt-go-training"]
        )
        self._open = pmui.Button(
            label="Open the test", icon="lock_open", variant="outlined", margin=(4, 12), css_classes=["mt-open-test"]
        )
        self._test = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-test-words"])
        self._banner = RunBanner(session, follower, starter)
        self._table = RowTable("mt-skill-table", choose=self._choose)
        self._names: list[str] = []
        self._open.on_click(lambda event: session.run is not None and self._opening())
        self._go.on_click(lambda event: session.param.update(page="training"))
        for widget in (self._metric, self._truth, self._projected):
            widget.param.watch(lambda event: self._refresh(), "value")
        session.param.watch(lambda *events: self._refresh(), ["page", "run", "output", "dark"])
        session.param.watch(lambda event: self._series.show(), "cell")
        follower.param.watch(lambda event: when_ready(self._take_news), "news")
        follower.param.watch(lambda event: session.page == self.name and self._remarks.renew(), "state")
        self._refresh()

    def centre(self) -> pn.viewable.Viewable:
        """Return the map of a score."""
        return self._stage.view(*self._tools)

    def inspector(self) -> Sequence[Any]:
        """Return the headline, the scores in words and what they hide, and the button that opens the test."""
        title = pmui.Typography("Skill", variant="h6", margin=(10, 12, 0, 12))
        scores = self._headline.view, self._banner.view, self._go, self._words, self._remarks.view
        return [title, *scores, self._open, self._test]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the series of the chosen cell beside the table of scores."""
        return self._series.beside(self._table.view)

    # Gestures

    def _choose(self, row: int) -> None:
        self._session.partition = self._names[row]

    async def _open_test(self) -> None:
        await asyncio.to_thread(self._session.run.open_test)

    def _opened(self, _: None) -> None:
        self._session.param.trigger("run")  # the sentence counts openings

    def _not_opened(self, error: Exception) -> None:
        self._session.notice = ("error", safe_text(error, limit=600))

    # What follows

    def _refresh(self) -> None:
        self._forget()
        when_ready(self._show)

    def _show(self) -> None:
        """Show the run anew, as the page, the choice or the run changed."""
        session, run = self._session, self._scores.run
        if session.page != self.name:
            return
        self._truth.visible = session.dataset is not None and TRUTH in session.dataset
        self._go.visible = run is None
        self._open.visible = run is not None and run.design.test is not None
        self._table.view.visible = self._words.visible = self._projected.visible = run is not None
        self._series.show()
        if run is None:
            first = "The first partitions are being trained" if self._follower.busy else "Train first"
            self._headline.say("info", f"{first}: nothing has been scored yet.")
            self._test.object = ""
            self._stage.show_nothing("nothing scored yet")
            self._stage.put(self._stage.map)
            return
        for reading in self._all_readings():
            reading()

    def _all_readings(self) -> list[Background | PaysHeadline | RunRemarks]:
        return [*self._readings, self._headline, self._remarks]

    def _forget(self) -> None:
        for reading in self._all_readings():
            reading.forget()

    def _take_news(self) -> None:
        """Show partitions that came to an end since."""
        if self._session.page != self.name:
            return
        if not self._table.view.visible:  # there was no score so far
            self._show()
            return
        for reading in self._all_readings():
            reading.renew()
        self._series.renew()

    async def _read_scores(self) -> Scores:
        cells = await self._scores.by_cell(self._metric.value)
        return Scores(await self._scores.skill(), cells, await self._draw_review(cells))

    async def _draw_review(self, cells: xr.Dataset) -> Any:
        """Return the projected map of the chosen score; None where it is not asked for."""
        session, output = self._session, self._session.output
        if not self._projected.value or output not in cells:
            return None
        metric, field = get_metric(self._metric.value), cells[output]
        return await asyncio.to_thread(
            review_map,
            cells["lat"].values,
            cells["lon"].values,
            field.values,
            label=safe_text(f"{metric.title}, {output}, out-of-fold"),
            unit=safe_text(field.attrs["units"]),
            diverging=metric.direction == "zero",
            dark=session.dark,
        )

    def _show_scores(self, scores: Scores) -> None:
        self._show_table(scores.table)
        if scores.review is not None:
            self._review.objects = [pn.pane.HoloViews(scores.review, sizing_mode="stretch_both")]
            self._stage.put(self._review)
            return
        self._stage.put(self._stage.map)
        if self._truth.value:
            self._show_truth()
        else:
            self._show_cells(scores.cells)

    def _show_cells(self, cells: xr.Dataset) -> None:
        output, metric = self._session.output, get_metric(self._metric.value)
        if output in cells and cells.sizes["space"] == len(self._stage.map.locator):
            self._stage.map.show(
                cells[output].values,
                label=f"{metric.title}, {output}, out-of-fold",
                unit=cells[output].attrs["units"],
                palette="diverging" if metric.direction == "zero" else "sequential",
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
        beating = beating_words(frame[(frame["output"] == output) & (frame["metric"] == "skill")])
        self._words.object = f"{safe_text(output)}: {beating}, out-of-fold. Click a cell for its series."

    async def _read_test(self) -> pd.DataFrame | None:
        """Return the test's scores where it was opened in this run; they are not opened by showing them."""
        if not self._scores.run.openings:
            return None
        return await self._scores.of("test", lambda opened: opened.test_skill())

    def _show_test(self, frame: pd.DataFrame | None) -> None:
        self._open.disabled = frame is not None
        if frame is None:
            sealed = self._scores.run.design.test is not None
            self._test.object = "The test is sealed; opening it is recorded." if sealed else ""
            return
        of_output = frame[(frame["metric"] == "rmse") & (frame["output"] == self._session.output)]
        lines = [score_words(row) for row in of_output.head(TESTS_LISTED).itertuples()]
        more = f" and {len(of_output) - len(lines):,} more" if len(of_output) > len(lines) else ""
        unit = safe_text(self._session.unit)
        self._test.object = (
            f"Test (the members' mean), RMSE{f' in {unit}' if unit else ''}, its 95 % interval and the best baseline: "
            f"{'; '.join(lines)}{more}."
        )

    def _unread(self, error: Exception) -> None:
        self._headline.say("warning", safe_text(error, limit=600))
