"""The Partitions page: draw where one operator holds, and see at once what it gains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import xarray as xr

from motrain_app.design import Period, each_cell, the_rest
from motrain_app.ui.escape import safe_text
from motrain_app.ui.live import LiveSkill
from motrain_app.ui.partition_table import headline, partition_table, region_words
from motrain_app.ui.ready import Background, one_message
from motrain_app.ui.region_list import RegionList
from motrain_app.ui.run_follower import RunFollower
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.series import SeriesView
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable

REGIONS, BIAS, RMSE = "Regions", "Bias of the run", "RMSE of the run"
GAINS = {"Gain over one for all": "gain_over_one_for_all", "Gain over climatology": "gain_over_climatology"}
VIEWS = (REGIONS, BIAS, RMSE, *GAINS)
CLASSES_AT_MOST = 60  # with a colour and a name each; beyond, neighbours differ and that is all

WARM, COLD = (4, 5, 6, 7, 8, 9), (10, 11, 12, 1, 2, 3)
PERIODS: dict[str, tuple[Period, ...] | None] = {
    "All time": None,
    "Warm and cold half-year": (Period("April to September", months=WARM), Period("October to March", months=COLD)),
    "Four seasons": (
        Period("winter", months=(12, 1, 2)),
        Period("spring", months=(3, 4, 5)),
        Period("summer", months=(6, 7, 8)),
        Period("autumn", months=(9, 10, 11)),
    ),
}
OTHER_PERIODS = "As in the design file"


class PartitionsPage:
    """Regions on the map, their list at the right; the chosen cell's series and the table below.

    Parameters
    ----------
    session, stage, live, follower, scores
        The state, the map, the live skill, and the run whose errors the map can show.
    """

    name, title, icon = "partitions", "Partitions", "map"

    def __init__(
        self, session: Session, stage: Stage, live: LiveSkill, follower: RunFollower, scores: RunScores
    ) -> None:
        self._session, self._stage, self._live = session, stage, live
        self._follower, self._scores = follower, scores
        self._series = SeriesView(session, scores, (self.name,))
        self._list = RegionList(session)
        self._chosen_view = False
        self._showing = False
        self._colouring = Background(self._of_cells, self._show_cells, self._unread, UNREADABLE)
        self._view = pmui.Select(
            options=list(VIEWS), value=REGIONS, size="small", width=190, margin=(4, 8), label="Colour",
            css_classes=["mt-view"],
        )  # fmt: skip
        self._output = output_select(session)
        # As high as its longest sentence: the buttons below are not to move under the mouse.
        self._headline = pmui.Typography(
            "", variant="body2", margin=(4, 12), styles={"min-height": "86px"}, css_classes=["mt-headline"]
        )
        self._periods = pmui.Select(
            label="Periods", options=[*PERIODS], size="small", sizing_mode="stretch_width", margin=(8, 12),
            css_classes=["mt-periods"],
        )  # fmt: skip
        self._table = RowTable("mt-table", choose=self._choose)
        self._view.param.watch(self._choose_view, "value")
        self._periods.param.watch(self._choose_periods, "value")
        session.param.watch(self._refresh, ["layout", "output", "page", "dark"])
        session.param.watch(lambda event: self._series.show(), ["cell", "output", "page", "dark", "run"])
        live.param.watch(self._take_gains, ["preview", "status"])
        follower.param.watch(lambda event: self._run_news(), "news")
        self._refresh()

    def centre(self) -> pn.viewable.Viewable:
        """Return tools and map."""
        return self._stage.view(self._stage.tools, pn.HSpacer(), self._output, self._view)

    def inspector(self) -> Sequence[Any]:
        """Return the headline, what makes partitions, and the list of regions."""
        return [
            pmui.Typography("Partitions", variant="h6", margin=(10, 12, 0, 12)),
            self._headline,
            pn.Row(
                self._button("Everything else", "mt-rest", self._add_rest),
                self._button("Each cell", "mt-each-cell", lambda: self._set("One partition a cell", (each_cell(),))),
                self._button("One", "mt-everywhere", lambda: self._set("One operator everywhere", None)),
                margin=(0, 8),
            ),
            self._periods,
            self._list.view,
        ]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the series of the chosen cell beside the table of partitions."""
        return self._series.beside(self._table.view)

    def draw(self, mode: str) -> None:
        """Take a tool in hand, from whatever page."""
        self._session.page = self.name
        self._stage.drawing.mode = mode

    def step(self, by: int) -> None:
        """Choose the next partition, or the one before."""
        layout = self._session.layout
        if layout is None:
            return
        names = layout.partitions.names
        at = names.index(self._session.partition) if self._session.partition in names else -1 if by > 0 else 0
        self._session.partition = names[(at + by) % len(names)]

    def _button(self, label: str, css: str, action: Any) -> pmui.Button:
        button = pmui.Button(
            label=label,
            variant="outlined",
            size="small",
            margin=(4, 4),
            css_classes=[css],
            sx={"textTransform": "none"},
        )
        button.on_click(lambda event: action())
        return button

    # Gestures

    def _set(self, gesture: str, regions: Any) -> None:
        self._session.change(gesture, regions=regions)

    def _add_rest(self) -> None:
        regions = self._session.design.regions or ()
        if not regions:
            self._session.notice = ("info", "Draw a region first: everything else is what no region takes.")
        elif any(region.kind in ("rest", "cells") for region in regions):
            self._session.notice = ("info", "Every cell has its partition already.")
        else:
            self._set("Added everything else", (*regions, the_rest("everything else")))

    def _choose(self, row: int) -> None:
        if self._session.layout is not None:
            self._session.partition = self._session.layout.partitions.names[row]

    def _choose_view(self, event: Any) -> None:
        self._chosen_view = self._chosen_view or not self._showing
        self._colour()

    def _choose_periods(self, event: Any) -> None:
        if not self._showing and event.new in PERIODS:
            self._session.change(f"Chose the periods: {event.new.lower()}", periods=PERIODS[event.new])

    # What follows

    def _run_news(self) -> None:
        """Show where a run of one operator everywhere fails, unless somebody chose what the map shows."""
        if not self._chosen_view and self._scores.run is not None and self._session.design.regions is None:
            self._showing = True
            self._view.value = BIAS
            self._showing = False
        if self._shows_the_run():
            self._colouring.renew()
        self._series.renew()

    def _refresh(self, *_: Any) -> None:
        """Show the design as it is: the map, which is seen first and takes least, then the words."""
        with one_message():
            self._show_periods()
            self._colour()
            self._judge()

    def _take_gains(self, *_: Any) -> None:
        """Show what the live skill has come to; the map has it only where gains are its colours."""
        with one_message():
            if self._view.value in GAINS:
                self._colour()
            self._judge()

    def _judge(self) -> None:
        """Say what regions hold and gain."""
        session, preview, outputs = self._session, self._live.current, self._session.design.outputs
        if session.layout is None:
            self._headline.object = " ".join(safe_text(reason, limit=400) for reason in session.reasons)
            self._list.show({}, self._stage.region_colours())
            return
        if session.page == self.name:
            words = region_words(session.layout, preview, outputs.index(session.output))
            self._list.show(words, self._stage.region_colours())
        if self._live.is_on_its_way:
            return  # the table would be drawn twice
        self._headline.object = self._live.status or safe_text(headline(preview, session.output, outputs), limit=400)
        if session.page == self.name:
            self._table.show(partition_table(session.layout, preview, session.output, outputs, session.unit))

    def _show_periods(self) -> None:
        periods = self._session.design.periods
        known = next((name for name, value in PERIODS.items() if value == periods), OTHER_PERIODS)
        self._showing = True
        self._periods.options = [*PERIODS, *([OTHER_PERIODS] if known == OTHER_PERIODS else [])]
        self._periods.value = known
        self._showing = False

    def _colour(self) -> None:
        """Colour the map by what is asked for, as far as it is there."""
        session, layout, view = self._session, self._session.layout, self._view.value
        self._colouring.forget()
        if layout is None or session.page != self.name:
            return
        if self._shows_the_run():
            self._colouring()
        elif view in GAINS and self._gains(GAINS[view]) is not None:
            gains = self._gains(GAINS[view])
            self._stage.map.show(gains, label=f"{view} (ridge), {session.output}", unit="%", palette="diverging")
        else:
            self._show_regions()

    def _shows_the_run(self) -> bool:
        session = self._session
        is_here = session.page == self.name and session.layout is not None
        return is_here and self._view.value in (BIAS, RMSE) and self._scores.run is not None

    async def _of_cells(self) -> tuple[str, xr.Dataset]:
        """Return which score of the run is asked for, and that score of each cell."""
        metric = "bias" if self._view.value == BIAS else "rmse"
        return metric, await self._scores.by_cell(metric)

    def _show_cells(self, found: tuple[str, xr.Dataset]) -> None:
        session, (metric, cells) = self._session, found
        if session.output not in cells or cells.sizes["space"] != len(self._stage.map.locator):
            return
        field = cells[session.output]
        words = "Bias (predicted − observed)" if metric == "bias" else "RMSE"
        self._stage.map.show(
            field.values,
            label=f"{words} of {session.output}, out-of-fold, {safe_text(self._scores.run.design.learner.kind)}",
            unit=field.attrs["units"],
            palette="diverging" if metric == "bias" else "sequential",
        )

    def _unread(self, error: Exception) -> None:
        self._session.notice = ("error", safe_text(error, limit=400))

    def _gains(self, name: str) -> np.ndarray | None:
        """Return the gain of each cell's region in per cent, of its first period; None while it is not there."""
        layout, preview = self._session.layout, self._live.current
        if preview is None:
            return None
        value = getattr(preview, name).value[:, self._session.design.outputs.index(self._session.output)]
        of_region = 100 * value.reshape(len(layout.cells), -1)[:, 0]
        label = layout.cells.label
        return np.where(label >= 0, of_region[label], np.nan)

    def _show_regions(self) -> None:
        layout = self._session.layout
        label = layout.cells.label
        if len(layout.cells) <= CLASSES_AT_MOST:
            self._stage.map.show_classes(
                label, [safe_text(name) for name in layout.cells.names], self._stage.colours(), label="region"
            )
        else:
            self._stage.map.show_classes(np.where(label >= 0, label % 8, -1), [""] * 8, label="partitions")


def output_select(session: Session) -> pmui.Select:
    """Return the choice of the output that maps, tables and series show; one selection for all pages."""
    select = pmui.Select(
        label="Output", options=list(session.design.outputs), value=session.output, size="small", width=140,
        margin=(4, 8), css_classes=["mt-output"],
    )  # fmt: skip
    select.param.watch(lambda event: event.new and session.param.update(output=event.new), "value")
    session.param.watch(
        lambda event: select.param.update(options=list(session.design.outputs), value=session.output),
        ["design", "output"],
    )
    return select
