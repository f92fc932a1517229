"""The learner at the right of the Training page: its kind, a preset, its settings and search, and what it will take."""

from collections.abc import Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from scipy.stats import qmc  # noqa: F401 - draws candidates; half a second, for which no click should wait

from motrain_app.design import DesignError, Learner
from motrain_app.learning import LEARNER_KINDS, check_learner, default_options, resolve_learner
from motrain_app.learning.presets import preset_of, presets
from motrain_app.ui.budget_line import BudgetLine
from motrain_app.ui.escape import safe_text
from motrain_app.ui.learner_fields import LearnerFields
from motrain_app.ui.learner_text import label_of
from motrain_app.ui.search_editor import SearchEditor
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session

CUSTOM = "custom"
_COMPACT = {
    "& .MuiAccordionSummary-root, & .MuiAccordionSummary-root.Mui-expanded": {"minHeight": 36, "padding": "0 10px"},
    "& .MuiAccordionSummary-content, & .MuiAccordionSummary-content.Mui-expanded": {"margin": "6px 0"},
    "& .MuiAccordionDetails-root": {"padding": "2px 4px 6px"},
}


class LearnerPanel:
    """Every edit is one gesture; what makes no sense is told and changes nothing.

    Parameters
    ----------
    session, services
        Whose learner it is, and who lends the helper process.
    page
        Name of the page on which it stands; elsewhere it rests.
    """

    def __init__(self, session: Session, services: Services, page: str) -> None:
        self._session, self._page = session, page
        self._showing = False
        wide = {"size": "small", "sizing_mode": "stretch_width", "margin": (6, 12)}
        self._kind = pmui.Select(label="Learner", css_classes=["mt-learner"], **wide)
        self._preset = pmui.Select(label="Preset", css_classes=["mt-preset"], **wide)
        self._purpose = pmui.Typography("", variant="caption", margin=(0, 12, 4, 14), css_classes=["mt-purpose"])
        self._fields = LearnerFields(self._set, hidden=("search",))
        self._search = SearchEditor(self._set_search)
        self._settings = pmui.Accordion(
            ("Settings", pn.Column(self._fields.view, self._search.view, sizing_mode="stretch_width", margin=0)),
            elevation=0,
            variant="outlined",
            title_variant="body2",
            sizing_mode="stretch_width",
            margin=(4, 12),
            sx=_COMPACT,
            css_classes=["mt-settings-part"],
        )
        self._budget = BudgetLine(session, services)
        self._kind.param.watch(self._choose_kind, "value")
        self._preset.param.watch(self._choose_preset, "value")
        session.param.watch(lambda *events: self._show(), ["design", "layout", "page"])
        self._show()

    def parts(self) -> Sequence[Any]:
        """Return what stands in the inspector, from top to bottom."""
        return [self._kind, self._preset, self._purpose, self._settings, self._budget.view]

    # Gestures

    def _choose_kind(self, event: Any) -> None:
        if not self._showing and event.new and event.new != self._session.design.learner.kind:
            self._put(f"Chose the learner {safe_text(event.new)}", Learner(event.new))

    def _choose_preset(self, event: Any) -> None:
        if self._showing or event.new in (None, self._preset_name()):
            return
        learner = self._session.design.learner
        chosen = next((one for one in presets(learner.kind) if one.name == event.new), None)
        if chosen is None:  # "custom" is what settings make of a learner
            self._settings.active = [0]
            self._show()
        else:
            self._put(f"Chose the preset {chosen.name}", chosen.learner)

    def _set(self, name: str, value: Any) -> None:
        self._put(f"Set {label_of(name).lower()}", self._with(name, value))

    def _set_search(self, gesture: str, search: dict[str, Any] | None) -> None:
        self._put(gesture, self._with("search", search))

    def _with(self, name: str, value: Any) -> Learner:
        """Return the learner with another value; what is a default is left out."""
        learner = self._session.design.learner
        options = {key: one for key, one in learner.options.items() if key != name}
        default = default_options(learner.kind).get(name)
        if value != (list(default) if isinstance(default, tuple) else default):
            options[name] = value
        return learner if options == dict(learner.options) else _learner(learner.kind, options)

    def _put(self, gesture: str, learner: Learner | DesignError) -> None:
        """Change the design's learner, or say why that cannot be, and show it as it is."""
        if learner == self._session.design.learner:
            self._show()
            return
        try:
            if isinstance(learner, DesignError):
                raise learner
            check_learner(learner, len(self._session.design.outputs), self._session.design.seed)
        except DesignError as error:
            self._session.notice = ("error", safe_text(" ".join(error.reasons), limit=600))
            self._show()
            return
        if not self._session.change(gesture, learner=learner):
            self._show()

    # What follows

    def _preset_name(self) -> str:
        preset = preset_of(self._session.design.learner)
        return CUSTOM if preset is None else preset.name

    def _show(self) -> None:
        if self._session.page != self._page:
            self._budget.forget()
            return
        learner = self._session.design.learner
        known = learner.kind in LEARNER_KINDS
        self._showing = True
        self._show_choices(learner)
        self._settings.visible = known
        if known:
            self._fields.show(learner.kind, _values(learner))
            self._search.show(learner.kind, learner.options.get("search"))
        self._showing = False
        self._budget.show()

    def _show_choices(self, learner: Learner) -> None:
        kinds = list(dict.fromkeys([*LEARNER_KINDS, learner.kind]))
        self._kind.param.update(options={safe_text(kind): kind for kind in kinds}, value=learner.kind)
        name = self._preset_name()
        names = [one.name for one in presets(learner.kind)]
        self._preset.param.update(options=[*names, CUSTOM], value=name)
        purposes = {one.name: one.purpose for one in presets(learner.kind)}
        self._purpose.object = safe_text(purposes.get(name, "Your own settings."))


def _learner(kind: str, options: dict[str, Any]) -> Learner | DesignError:
    try:
        return Learner(kind, options)
    except DesignError as error:  # what JSON cannot hold, such as NaN
        return error


def _values(learner: Learner) -> dict[str, Any]:
    """Return all hyper-parameters of a learner, also where they make no sense."""
    try:
        options = resolve_learner(learner)[1]
    except DesignError:
        return {**default_options(learner.kind), **learner.options}
    return {name: getattr(options, name) for name in default_options(learner.kind)}
