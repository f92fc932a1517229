"""What is told at the bottom of the screen for some seconds: an error, a gesture taken back, a deletion with Undo."""

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

SECONDS = 10
_COLOURS = {"error": "#d32f2f", "warning": "#ed6c02", "info": "#0288d1", "deleted": "#ed6c02"}
_PLACE = {
    "position": "fixed",
    "bottom": "16px",
    "left": "50%",
    "transform": "translateX(-50%)",
    "z-index": "2000",
    "max-width": "70vw",
    "border-radius": "4px",
    "background": "#323232",
    "color": "white",
    "padding": "2px 6px",
}


class Toast:
    """One sentence at a time; errors stay until they are closed.

    Parameters
    ----------
    undo
        Called by the button beside a deletion.
    """

    def __init__(self, undo: Callable[[], Any]) -> None:
        self._words = pmui.Typography("", variant="body2", margin=(10, 8), sx={"color": "white"}, sizing_mode=None)
        self._undo = pmui.Button(
            label="Undo",
            variant="text",
            size="small",
            margin=(6, 4),
            sx={"color": "#ffb74d"},
            css_classes=["mt-toast-undo"],
        )
        close = pmui.IconButton(
            icon="close", size="small", margin=(4, 0), sx={"color": "white"}, css_classes=["mt-toast-close"]
        )
        self._undo.on_click(lambda event: undo())  # which is told in the place of this
        close.on_click(lambda event: self.hide())
        self.view = pn.Row(self._words, self._undo, close, visible=False, css_classes=["mt-toast"])
        self._clock: Any = None

    def tell(self, kind: str, sentence: str) -> None:
        """Show a sentence; harmless text."""
        self._words.object = sentence
        self._undo.visible = kind == "deleted"
        self.view.param.update(
            visible=True, styles={**_PLACE, "border-left": f"5px solid {_COLOURS.get(kind, _COLOURS['info'])}"}
        )
        self._stop_clock()
        if kind != "error":
            self._clock = pn.state.add_periodic_callback(self.hide, SECONDS * 1000, count=1)

    def hide(self) -> None:
        """Take the sentence away."""
        self._stop_clock()
        self.view.visible = False

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
