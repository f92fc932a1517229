"""The keys of the page, heard by the browser and answered by the session."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from panel.custom import JSComponent

KEYS = {
    "1 … 6": "the pages, from Data to Operators",
    "P, B, V": "draw a polygon, draw a box, select and reshape",
    "Enter": "close what is being drawn; Backspace takes a corner back, Escape drops it",
    "Delete": "delete the selected region",
    "← →": "the partition before, the next one",
    "Ctrl+Z, Ctrl+Shift+Z": "undo, redo",
    "?": "this list",
}


class Keyboard(JSComponent):
    """Listens to keys wherever the focus is, but never while somebody types.

    Parameters
    ----------
    actions
        What each key does, by its name: a small letter or digit, "undo", "redo", "delete", "arrowleft", "?"….
    """

    _esm = Path(__file__).with_name("keyboard.js")

    def __init__(self, actions: Mapping[str, Callable[[], Any]], **params: Any) -> None:
        self._actions = dict(actions)
        super().__init__(width=0, height=0, margin=0, **params)

    def reload(self) -> None:
        """Have the browser load the page again."""
        self._send_msg({"reload": True})

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        action = self._actions.get(str(data.get("key")))
        if action is not None:
            action()
