"""The search of a learner: a switch, what each hyper-parameter is chosen from as a table, how many and how long."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from motrain_app.learning import LEARNER_KINDS, default_options
from motrain_app.learning.presets import USUAL_SEARCH
from motrain_app.ui.escape import safe_text
from motrain_app.ui.learner_text import choice_of, label_of, text_of, text_of_choice, value_of
from motrain_app.ui.ready import put_value
from motrain_app.ui.table import TABLE_STYLE

ROW_PIXELS, HEAD_PIXELS = 28, 32
HEADS = ("setting", "chosen from")
_HELP = "Type a list (4, 8, 16) or a range (0.001 … 0.02 log); for hidden layers 8; 16, 16. Empty: as set above."
_STYLE = f"""
.tabulator-row, .tabulator-cell {{ min-height: {ROW_PIXELS}px !important; height: {ROW_PIXELS}px !important; }}
.tabulator-cell.tabulator-editable {{ cursor: text; box-shadow: inset 0 0 0 1px rgba(128, 128, 128, 0.45); }}
.tabulator-cell.tabulator-editing input {{ color: inherit; background: transparent; font-size: 13px; }}
"""


class SearchEditor:
    """Which candidates are tried.

    Parameters
    ----------
    change
        Called with a gesture in words, and the search as a design writes it, or None for none.
    """

    def __init__(self, change: Callable[[str, dict[str, Any] | None], None]) -> None:
        self._change = change
        self._names: tuple[str, ...] = ()
        self._lists: frozenset[str] = frozenset()
        self._search: dict[str, Any] | None = None
        self._showing = False
        self._switch = pmui.Switch(label="Search", margin=(4, 6), css_classes=["mt-search"])
        self._table = pn.widgets.Tabulator(
            pd.DataFrame({head: [] for head in HEADS}, dtype=str),
            show_index=False,
            editors={HEADS[0]: None, HEADS[1]: {"type": "input"}},
            selectable=False,
            configuration={"columnDefaults": {"headerSort": False, "resizable": False}},
            sizing_mode="stretch_width",
            layout="fit_columns",
            widths={HEADS[0]: 100},
            stylesheets=[TABLE_STYLE, _STYLE],
            margin=(2, 6),
            css_classes=["mt-search-space"],
        )
        small = {"size": "small", "sizing_mode": "stretch_width", "margin": (5, 6)}
        self._candidates = pmui.TextInput(
            label="Candidates",
            description="How many are drawn; 0 tries every combination of the lists.",
            css_classes=["mt-candidates"],
            **small,
        )
        self._halving = pmui.TextInput(
            label="Halving",
            description="One in so many is kept after each rung of successive halving; 0 trains all to their end.",
            css_classes=["mt-halving"],
            **small,
        )
        words = pmui.Typography(_HELP, variant="caption", margin=(2, 6, 8, 6), css_classes=["mt-search-help"])
        counts = pn.Row(self._candidates, self._halving, sizing_mode="stretch_width", margin=0)
        self._details = pn.Column(self._table, words, counts, sizing_mode="stretch_width", margin=0)
        self.view = pn.Column(self._switch, self._details, sizing_mode="stretch_width", margin=0)
        self._switch.param.watch(self._switched, "value")
        self._table.on_edit(self._edited)
        self._candidates.param.watch(lambda event: self._counted("candidates", event.new), "value")
        self._halving.param.watch(lambda event: self._counted("halving", event.new), "value")

    def show(self, kind: str, search: Mapping[str, Any] | None) -> None:
        """Show the search of a learner of a kind, None for none; that is no gesture."""
        self._names, defaults = LEARNER_KINDS[kind].searchable, default_options(kind)
        self._lists = frozenset(name for name in self._names if isinstance(defaults.get(name), tuple))
        self._search = None if search is None else {**search, "space": dict(search.get("space") or {})}
        shown = self._search or {"space": {}}
        self._showing = True
        self.view.visible = bool(self._names)
        self._switch.value = self._details.visible = search is not None
        texts = [
            safe_text(text_of_choice(shown["space"][name])) if name in shown["space"] else "" for name in self._names
        ]
        self._table.height = len(self._names) * ROW_PIXELS + HEAD_PIXELS
        self._table.value = pd.DataFrame({HEADS[0]: list(map(label_of, self._names)), HEADS[1]: texts}, dtype=str)
        put_value(self._candidates, text_of(shown.get("candidates", 0)))
        put_value(self._halving, text_of(shown.get("halving", 0)))
        self._showing = False

    def _switched(self, event: Any) -> None:
        if self._showing or event.new == (self._search is not None):
            return
        if event.new:
            self._change("Switched the search on", dict(USUAL_SEARCH))
        else:
            self._change("Switched the search off", None)

    def _edited(self, event: Any) -> None:
        if self._search is None or event.column != HEADS[1]:
            return
        name = self._names[event.row]
        choice = choice_of(str(event.value or ""), several=name in self._lists)
        space = {other: value for other, value in self._search["space"].items() if other != name}
        if choice is not None:
            space = {key: (space | {name: choice})[key] for key in self._names if key in space or key == name}
        self._change(f"Changed what {label_of(name).lower()} is chosen from", {**self._search, "space": space})

    def _counted(self, name: str, text: str) -> None:
        if self._showing or self._search is None or text == text_of(self._search.get(name, 0)):
            return
        value = value_of(text, several=False)
        self._change(f"Changed the search's {name}", {**self._search, name: 0 if value is None else value})
