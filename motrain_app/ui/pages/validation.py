"""The Validation page: what is held out, as a board of folds over time, and which question that answers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from motrain_app.design import DesignError, Folds, LeaveBlocksOut, LeaveRandomOut, LeaveYearsOut, Split
from motrain_app.runs import RunError
from motrain_app.runs.optimism import measure_optimism
from motrain_app.ui.escape import safe_text
from motrain_app.ui.fold_board import ROLE_COLOURS, fold_board
from motrain_app.ui.ready import Background, put_value
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.theme import style_figure

KINDS = {
    "Leave years out": "years",
    "Leave blocks of days out": "blocks",
    "Random folds of days": "random",
    "Nothing left out": "none",
}
LENGTHS = {"years": "Years a fold", "blocks": "Days a fold", "random": "Folds", "none": ""}
UNMEASURABLE = (RunError, DesignError, OSError)
USUAL = {"years": 1, "blocks": 91, "random": 10, "none": 1}


class ValidationPage:
    """Split and jackknife at the right, their board over time, one verdict sentence; a choice acts at once.

    Parameters
    ----------
    session, services
        The state, and who lends the helper process for what has to be fitted.
    """

    name, title, icon = "validation", "Validation", "rule"

    def __init__(self, session: Session, services: Services) -> None:
        self._session, self._services = session, services
        self._showing = False
        self._measuring = Background(self._measure, self._show_optimism, self._cannot_tell, UNMEASURABLE)
        self._words = ""
        wide = {"size": "small", "sizing_mode": "stretch_width", "margin": (6, 12)}
        self._date = pmui.TextInput(
            label="Test from (date; empty for none)", placeholder="2017-01-01", css_classes=["mt-test-date"], **wide
        )
        self._kind = pmui.Select(label="Jackknife", options=KINDS, css_classes=["mt-jackknife"], **wide)
        self._length = pmui.IntInput(label="Years a fold", start=1, css_classes=["mt-fold-length"], **wide)
        self._embargo = pmui.FloatInput(label="Embargo (days)", start=0, css_classes=["mt-embargo"], **wide)
        self._verdict = pmui.Alert(
            object="", severity="info", sizing_mode="stretch_width", margin=(4, 12), css_classes=["mt-verdict"]
        )
        self._source = ColumnDataSource({"left": [], "right": [], "fold": [], "colour": [], "role": []})
        self._board = _board_figure(self._source)
        self._pane = pn.pane.Bokeh(self._board, sizing_mode="stretch_both", css_classes=["mt-board"])
        for widget in (self._date, self._length, self._embargo):
            widget.param.watch(lambda event: self._change(), "value")
        self._kind.param.watch(lambda event: self._choose_kind(event.new), "value")
        session.param.watch(lambda event: self._show(), ["layout", "page", "dark"])
        self._show()

    def centre(self) -> pn.viewable.Viewable:
        """Return the board of folds over time."""
        return pn.Column(self._pane, sizing_mode="stretch_both", margin=8)

    def inspector(self) -> Sequence[Any]:
        """Return the verdict and the choices."""
        return [
            pmui.Typography("Validation", variant="h6", margin=(10, 12, 0, 12)),
            self._verdict,
            self._date,
            self._kind,
            self._length,
            self._embargo,
        ]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the key of the board, and what its words mean."""
        chips = [
            pmui.Chip(label=role, size="small", margin=(8, 4), sx={"backgroundColor": colour, "color": "white"})
            for role, colour in ROLE_COLOURS.items()
        ]
        words = pmui.Typography(
            "Each line is one fold: its member learns from the blue rows, and is judged on the orange ones, which it "
            "has not seen. Grey rows lie too near to those and are dropped. Nobody sees the test until it is opened.",
            variant="body2",
            margin=(4, 16),
        )
        return pn.Column(pn.Row(*chips, margin=(4, 12)), words, sizing_mode="stretch_width", margin=0)

    # Gestures

    def _choose_kind(self, kind: str) -> None:
        if self._showing:
            return
        self._showing = True
        self._length.value = USUAL[kind]
        self._showing = False
        self._change()

    def _change(self) -> None:
        if self._showing:
            return
        date, embargo, length = self._date.value.strip(), self._embargo.value or 0.0, self._length.value or 1
        makers = {
            "years": lambda: LeaveYearsOut(years=length, embargo=embargo),
            "blocks": lambda: LeaveBlocksOut(days=length, embargo=embargo),
            "random": lambda: LeaveRandomOut(folds=length, embargo=embargo),
            "none": lambda: None,
        }
        try:
            choices = {"test": Split(date, embargo=embargo) if date else None, "jackknife": makers[self._kind.value]()}
        except DesignError as error:
            self._session.notice = ("error", " ".join(error.reasons))
            self._show()
            return
        if not self._session.change("Changed what is held out", **choices):
            self._show()

    # What follows

    def _show(self) -> None:
        self._measuring.forget()
        if self._session.page != self.name:
            return
        self._show_choices()
        layout, dark = self._session.layout, self._session.dark
        style_figure(self._board, dark=dark)
        if layout is None:
            self._say("error", " ".join(safe_text(reason, limit=400) for reason in self._session.reasons))
            return
        time = self._session.dataset["time"].values
        severity, self._words = verdict(layout.folds, time, is_random=self._kind.value == "random")
        self._say(severity, self._words)
        self._source.data = fold_board(layout.folds, time)
        self._board.y_range.factors = list(reversed(layout.folds.names))
        if severity != "success" and layout.folds.jackknife:
            self._verdict.object = f"{self._words} Measuring by how much…"
            self._measuring()

    def _show_choices(self) -> None:
        design = self._session.design
        jackknife = design.jackknife
        kind = "none" if jackknife is None else jackknife.to_json()["kind"]
        values = {} if jackknife is None else jackknife.to_json()
        self._showing = True
        put_value(self._date, "" if design.test is None else design.test.date)
        self._kind.value = kind
        self._length.label = LENGTHS[kind] or "Length"
        self._length.visible = self._embargo.visible = jackknife is not None
        self._length.value = int(values.get("years") or values.get("days") or values.get("folds") or 1)
        self._embargo.value = float(values.get("embargo", 0.0))
        self._showing = False

    def _say(self, severity: str, words: str) -> None:
        self._verdict.param.update(severity=severity, object=words)

    async def _measure(self) -> dict[str, Any]:
        """Return by how much these folds flatter."""
        document = self._session.design.to_json()
        job = self._services.submit(measure_optimism, document, str(self._services.runs_folder))
        return await asyncio.wrap_future(job)

    def _show_optimism(self, found: dict[str, Any]) -> None:
        self._verdict.object = f"{self._words} {optimism_words(found, self._session.output)}"

    def _cannot_tell(self, error: Exception) -> None:
        self._show_optimism({"outputs": {}, "reason": safe_text(error, limit=300)})


def verdict(folds: Folds, time: np.ndarray, *, is_random: bool = False) -> tuple[str, str]:
    """Say which question a split answers, and what speaks against it.

    Returns
    -------
    tuple of str
        How bad that is (success, info, warning, error), and a sentence or two.
    """
    if not folds.jackknife:
        return "warning", (
            "Nothing held out: no skill can be claimed out-of-fold. The last fifth of the training time only validates."
        )
    test = folds.test[folds.atom_of_time].mean()
    rest = f"; {100 * test:.0f} % of the times are test." if test else "; there is no test."
    if is_random:
        return "error", (
            f"Random folds answer no question that a user of the operator asks: the days just before and after a "
            f"held-out one train its member. {len(folds.names)} folds{rest}"
        )
    words = f"Answers how good operators are in a new time at the same places, in {len(folds.names)} folds{rest}"
    if folds.near.any():
        return "success", words
    return "info", (
        f"{words} There is no embargo: rows next to a held-out period may resemble it, so that scores are a little "
        "optimistic."
    )


def optimism_words(found: dict[str, Any], output: str) -> str:
    """Say what `measure_optimism` found for an output."""
    share = found.get("outputs", {}).get(output)
    if share is None:
        return safe_text(found.get("reason") or "By how much cannot be told.", limit=300)
    if share <= 0:
        return (
            f"{safe_text(output)}: not optimistic for ridge (RMSE {-100 * share:+.1f} % against {found['reference']})."
        )
    return (
        f"{safe_text(output)}: optimistic by {100 * share:.1f} % for ridge (its RMSE against {found['reference']}, "
        f"on the same {found['n'][output]:,} rows); more flexible learners gain more."
    )


def _board_figure(source: ColumnDataSource) -> figure:
    board = figure(
        x_axis_type="datetime",
        y_range=["fold"],
        sizing_mode="stretch_both",
        tools="hover",
        toolbar_location=None,
        tooltips=[("fold", "@fold"), ("rows are", "@role")],
        x_axis_label="time",
        y_axis_label="fold left out",
    )
    board.hbar(y="fold", left="left", right="right", height=0.8, color="colour", source=source)
    board.ygrid.visible = False
    return board
