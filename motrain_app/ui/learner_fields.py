"""One field for each hyper-parameter of a learner, made from its options class: a new kind needs no edit here."""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any

import panel as pn
import panel_material_ui as pmui

from motrain_app.learning import LEARNER_KINDS, default_options
from motrain_app.ui.escape import safe_text
from motrain_app.ui.learner_text import explanations, label_of, text_of, value_of
from motrain_app.ui.ready import put_value

A_ROW = 2  # fields beside each other
Change = Callable[[str, Any], None]


class LearnerFields:
    """The hyper-parameters of a kind, to read and to type over.

    Parameters
    ----------
    change
        Called with a hyper-parameter's name and its new value, as a design writes it.
    hidden
        Hyper-parameters that have an editor of their own.
    """

    def __init__(self, change: Change, hidden: tuple[str, ...] = ()) -> None:
        self._change, self._hidden = change, hidden
        self._kind = ""
        self._fields: dict[str, OptionField] = {}
        self.view = pn.Column(sizing_mode="stretch_width", margin=0, css_classes=["mt-settings"])

    def show(self, kind: str, options: Mapping[str, Any]) -> None:
        """Show the values of all hyper-parameters of a kind; that is no gesture."""
        if kind != self._kind:
            self._kind, self._fields = kind, self._fields_of(kind)
            views = [field.view for field in self._fields.values()]
            rows = [views[start : start + A_ROW] for start in range(0, len(views), A_ROW)]
            self.view.objects = [pn.Row(*row, sizing_mode="stretch_width", margin=0) for row in rows]
        for name, field in self._fields.items():
            field.show(options[name])

    def _fields_of(self, kind: str) -> dict[str, "OptionField"]:
        known, options = default_options(kind), LEARNER_KINDS[kind].options
        says = explanations(options)
        return {
            field.name: OptionField(field, says.get(field.name, ""), self._change)
            for field in fields(options)
            if field.name in known and field.name not in self._hidden
        }


class OptionField:
    """One hyper-parameter: a list where it is one of few words, a switch for yes or no, else text.

    Parameters
    ----------
    field
        Of an options class; ``metadata["choices"]`` names the words.
    says
        What it is.
    change
        As of `LearnerFields`.
    """

    def __init__(self, field: "Field[Any]", says: str, change: Change) -> None:
        self._name, self._change = field.name, change
        self._several = isinstance(field.default, tuple)
        self._shown: Any = None
        common = {
            "label": label_of(field.name),
            **({"description": safe_text(says, limit=400)} if says else {}),  # a switch takes no None
            "sizing_mode": "stretch_width",
            "margin": (5, 6),
            "css_classes": [f"mt-option-{field.name}"],
        }
        if isinstance(field.default, bool):
            self.view = pmui.Switch(**common)
        elif "choices" in field.metadata:
            self.view = pmui.Select(options=list(field.metadata["choices"]), size="small", **common)
        else:
            self.view = pmui.TextInput(size="small", **common)
        self.view.param.watch(self._edited, "value")

    def show(self, value: Any) -> None:
        """Show a value; that is no gesture."""
        self._shown = self._on_screen(value)
        put_value(self.view, self._shown)

    def _on_screen(self, value: Any) -> Any:
        if isinstance(self.view, pmui.Switch):
            return bool(value)
        if isinstance(self.view, pmui.Select):
            return value if value in self.view.options else None
        return text_of(value)

    def _edited(self, event: Any) -> None:
        if event.new == self._shown or event.new is None:  # shown by us, or said once more by the browser
            return
        self._shown = event.new
        typed = isinstance(self.view, pmui.TextInput)
        self._change(self._name, value_of(event.new, several=self._several) if typed else event.new)
