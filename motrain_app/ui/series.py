"""The series of the chosen cell: what was observed, and what operators that had not seen it predicted."""

import asyncio
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import xarray as xr

from motrain_app.design import Design
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background
from motrain_app.ui.run_scores import UNREADABLE, RunScores
from motrain_app.ui.session import Session
from motrain_app.ui.theme import INK, TEST_COLOUR, plot_style

OBSERVED, PREDICTED = "observed", "predicted, held out"
HINT = "Click a cell on the map: what was observed there, and what was predicted, stands here."


class SeriesView:
    """Drawn anew when the cell, the output or the run changes, on the pages that show it.

    Parameters
    ----------
    session, scores
        The choice, and where the predictions are.
    pages
        Names of the pages that show it: elsewhere nothing is drawn.
    """

    def __init__(self, session: Session, scores: RunScores, pages: tuple[str, ...]) -> None:
        self._session, self._scores, self._pages = session, scores, pages
        self._drawing = Background(self._draw, self._put, self._refuse, UNREADABLE)
        self._words = pmui.Typography(HINT, variant="caption", margin=(4, 12, 0, 12), css_classes=["mt-series-words"])
        self._drawn: tuple[int, str] | None = None  # the cell, and what is said of it behind its place
        self._pane: pn.pane.HoloViews | None = None
        session.param.watch(lambda event: self._name_the_place(), "layout")
        self.view = pn.Column(
            self._words,
            sizing_mode="stretch_both",
            margin=0,
            styles={"flex": "1 1 0", "min-width": "0"},
            css_classes=["mt-series"],
        )

    def beside(self, table: pn.viewable.Viewable) -> pn.Row:
        """Return the series at the left of a table, which needs more of the width."""
        column = pn.Column(table, sizing_mode="stretch_both", margin=(4, 8), styles={"flex": "2 1 0", "min-width": "0"})
        return pn.Row(self.view, column, sizing_mode="stretch_both", margin=0)

    def renew(self) -> None:
        """Draw the chosen cell again, as there may be more of it."""
        if self._session.page in self._pages and self._session.cell is not None:
            self._drawing.renew()

    def show(self) -> None:
        """Draw the chosen cell."""
        session = self._session
        if session.page not in self._pages:
            self._drawing.forget()
        elif session.cell is None or session.dataset is None:
            self._drawing.forget()
            self._tell(HINT)
        else:
            if self._drawn is None:  # the first plot takes a while, and a click is to be answered
                self._words.object = f"{_place(session, session.cell)}: being drawn …"
            self._drawing()

    async def _draw(self) -> tuple[int, str, Any]:
        """Return the chosen cell, what is said of it behind its place, and its plot; None for nothing to draw."""
        session, cell = self._session, self._session.cell
        rows = await self._rows(cell)
        if rows.empty:
            return cell, f": nothing of {safe_text(session.output)} was observed here.", None
        unit = safe_text(session.unit)
        rmse = _rmse(rows, unit)
        plot = await asyncio.to_thread(
            series_plot, rows, label=safe_text(session.output), unit=unit, design=session.design, dark=session.dark
        )
        return cell, rmse and f": out-of-fold RMSE {rmse}", plot

    def _put(self, drawn: tuple[int, str, Any]) -> None:
        cell, said, plot = drawn
        self._drawn = cell, said
        self._name_the_place()
        if plot is None:
            self.view.objects = [self._words]
            return
        if self._pane is None:
            self._pane = pn.pane.HoloViews(
                plot, sizing_mode="stretch_both", margin=(0, 8), css_classes=["mt-series-plot"]
            )
        else:
            self._pane.object = plot
        self.view.objects = [self._words, self._pane]

    def _refuse(self, error: Exception) -> None:
        self._tell(safe_text(error, limit=400))

    def _tell(self, words: str) -> None:
        self._drawn, self._words.object = None, words
        self.view.objects = [self._words]

    def _name_the_place(self) -> None:
        """Say which cell is drawn, and in which partition it lies now."""
        if self._drawn is not None and self._session.dataset is not None:
            cell, said = self._drawn
            self._words.object = f"{_place(self._session, cell)}{said}"

    async def _rows(self, cell: int) -> pd.DataFrame:
        """Return time, observed and predicted of a cell; observations alone where nothing was predicted there."""
        session, run = self._session, self._scores.run
        if run is not None and session.output in [variable.name for variable in run.outputs]:
            rows = await self._scores.series(cell)
            if rows is not None:
                return _as_frame(rows.sel(output=session.output))
        return await asyncio.to_thread(_observed, session.dataset, session.output, cell)


def series_plot(rows: pd.DataFrame, *, label: str, unit: str, design: Design, dark: bool) -> Any:
    """Return the series of an output as a HoloViews overlay; call it in a thread, as the first one imports hvPlot.

    Parameters
    ----------
    rows
        Columns time, observed and, where there is one, predicted.
    label, unit
        Of the axis; harmless text.
    design
        Whose test is shaded.
    """
    import holoviews as hv
    import hvplot.pandas  # noqa: F401 - registers .hvplot

    hv.renderer("bokeh").webgl = False  # in software rendering it stops the browser for half a minute
    shown = rows.rename(columns={"observed": OBSERVED, "predicted": PREDICTED})
    columns = [name for name in (OBSERVED, PREDICTED) if name in shown and shown[name].notna().any()]
    ink = INK["dark" if dark else "light"]
    plot = shown.hvplot.scatter(
        x="time", y=columns, color=[ink, "#e69f00"][: len(columns)], size=6, alpha=0.7, responsive=True, min_height=110
    )
    if design.test is not None and np.datetime64(design.test.date) <= rows["time"].max():
        test = hv.VSpan(pd.Timestamp(design.test.date), rows["time"].max())
        plot = test.opts(color=TEST_COLOUR, alpha=0.15, line_alpha=0) * plot
    return plot.opts(
        ylabel=f"{label} ({unit})" if unit else label,
        xlabel="",
        legend_position="top",
        toolbar=None,
        shared_axes=False,
        hooks=[plot_style(dark=dark)],
    )


def _as_frame(rows: xr.Dataset) -> pd.DataFrame:
    frame = pd.DataFrame({"time": rows["time"].values, "observed": rows["observed"].values})
    # A test row's prediction is the members' mean, and no out-of-fold prediction.
    frame["predicted"] = np.where(rows["rows"].values == "held-out", rows["predicted"].values, np.nan)
    return frame[np.isfinite(frame["observed"])]


def _observed(dataset: xr.Dataset, output: str, cell: int) -> pd.DataFrame:
    values = np.asarray(dataset[output].isel(space=cell).values, float)
    frame = pd.DataFrame({"time": dataset["time"].values, "observed": values})
    return frame[np.isfinite(values)]


def _rmse(rows: pd.DataFrame, unit: str) -> str:
    if "predicted" not in rows:
        return ""
    error = (rows["predicted"] - rows["observed"]).dropna()
    return f"{np.sqrt(np.mean(error**2)):.3g} {unit} (n = {len(error):,})" if len(error) else ""


def _place(session: Session, cell: int) -> str:
    lat, lon = (float(session.dataset[name][cell]) for name in ("lat", "lon"))
    here = f"Cell {cell} at {abs(lat):.2f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"
    partition = session.partition_at(cell)
    return f"{here}, {safe_text(partition)}" if partition else here
