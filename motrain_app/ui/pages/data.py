"""The Data page: the file, its variables and their roles, its problems, and how a variable looks."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import Background, put_value
from motrain_app.ui.roles import INPUT, OUTPUT, RoleTable
from motrain_app.ui.services import Services
from motrain_app.ui.session import Session
from motrain_app.ui.stage import Stage
from motrain_app.ui.table import RowTable
from motrain_app.ui.variable_map import describe_dataset, mean_in_time


class DataPage:
    """The chosen variable on the map, roles at the right, problems below.

    Parameters
    ----------
    session, stage, services
        The state, the map, and who opened the data.
    """

    name, title, icon = "data", "Data", "storage"

    def __init__(self, session: Session, stage: Stage, services: Services) -> None:
        self._session, self._stage, self._services = session, stage, services
        self._roles = RoleTable(session.dataset, _roles(session))
        self._filters = pmui.TextInput(
            label="Filters, apart by ;", placeholder="TG1 > 273.65; WR < 0.1", size="small",
            sizing_mode="stretch_width", margin=(8, 12), css_classes=["mt-filters"],
        )  # fmt: skip
        self._words = pmui.Typography("", variant="body2", margin=(4, 12), css_classes=["mt-data-words"])
        self._problems = RowTable("mt-problems")
        self._problems.show(self._found())
        self._none = pmui.Typography("No problem was found in the data.", variant="body2", margin=(8, 16))
        self._roles.param.watch(lambda event: self._colour(), "variable")
        self._roles.param.watch(self._assign, "roles")
        self._filters.param.watch(self._filter, "value")
        self._showing = False
        self._colouring = Background(self._mean, self._show_mean)
        session.param.watch(lambda *events: self._show(), ["design", "page", "dark"])
        self._show()

    def centre(self) -> pn.viewable.Viewable:
        """Return the map of a variable."""
        words = pmui.Typography("Mean of the chosen variable over time", variant="body2", margin=(16, 12))
        return self._stage.view(words)

    def inspector(self) -> Sequence[Any]:
        """Return the file in words, the roles and the filters."""
        title = pmui.Typography("Data", variant="h6", margin=(10, 12, 0, 12))
        return [title, self._words, self._roles.view, self._filters]

    def drawer(self) -> pn.viewable.Viewable:
        """Return the problems found on opening."""
        return self._none if self._problems.rows.empty else self._problems.view

    def _found(self) -> pd.DataFrame:
        design = self._session.design
        problems = self._services.open(design.data, design.remedies).problems
        rows = [
            (problem.severity, safe_text(problem.where), safe_text(problem.what, limit=400)) for problem in problems
        ]
        return pd.DataFrame(rows, columns=["severity", "where", "what"])

    # Gestures

    def _assign(self, event: Any) -> None:
        if self._showing:
            return
        name = self._roles.variable
        role = event.new.get(name, "not used")
        inputs, outputs = self._roles.names(INPUT), self._roles.names(OUTPUT)
        references = {name: other for name, other in self._session.design.references.items() if name in outputs}
        done = self._session.change(
            f"Made {safe_text(name)} {role}", inputs=inputs, outputs=outputs, references=references
        )
        if not done:
            self._show()

    def _filter(self, event: Any) -> None:
        if self._showing:
            return
        filters = [text.strip() for text in event.new.split(";") if text.strip()]
        if not self._session.change("Changed the filters", filters=filters):
            self._show()

    # What follows

    def _show(self) -> None:
        session = self._session
        if session.page != self.name:
            self._colouring.forget()
            return
        self._showing = True
        self._roles.roles = _roles(session)
        put_value(self._filters, "; ".join(str(rule) for rule in session.design.filters))
        self._showing = False
        if session.dataset is not None:
            words = describe_dataset(str(session.design.data[0]).rsplit("/", 1)[-1], session.dataset)
            reasons = " ".join(safe_text(reason, limit=400) for reason in session.reasons)
            self._words.object = f"{words}. {reasons}" if reasons else words
        self._colour()

    def _colour(self) -> None:
        dataset, name = self._session.dataset, self._roles.variable
        if self._session.page == self.name and dataset is not None and name in dataset:
            self._colouring()
        else:
            self._colouring.forget()

    async def _mean(self) -> np.ndarray | None:
        """Return the mean of the chosen variable, whose values are read from the file in a thread."""
        return await asyncio.to_thread(mean_in_time, self._session.dataset, self._roles.variable)

    def _show_mean(self, values: np.ndarray | None) -> None:
        name = self._roles.variable
        if values is None:
            self._stage.show_nothing(f"{safe_text(name)} is the same for all cells")
        else:
            unit = str(self._session.dataset[name].attrs.get("units", ""))
            self._stage.map.show(values, label=f"Mean {name}", unit=unit)


def _roles(session: Session) -> dict[str, str]:
    design = session.design
    return dict.fromkeys(design.inputs, INPUT) | dict.fromkeys(design.outputs, OUTPUT)
