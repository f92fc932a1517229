"""The page of data without a design: choose inputs and outputs, and the design begins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from motrain_app.design import Design, DesignError
from motrain_app.design.history import DesignHistory
from motrain_app.ui.escape import safe_text
from motrain_app.ui.keyboard import Keyboard
from motrain_app.ui.map.view import MapView
from motrain_app.ui.page import session_page
from motrain_app.ui.roles import INPUT, OUTPUT, RoleTable
from motrain_app.ui.services import Services
from motrain_app.ui.theme import DRAWER_HEIGHT, INSPECTOR_WIDTH, THEME
from motrain_app.ui.variable_map import describe_dataset, mean_in_time


class StartPage:
    """A map of the chosen variable, the roles of all variables, and the button that begins.

    Parameters
    ----------
    services
        Who opens the data.
    data
        The file.
    history
        Where the design's history will be kept; once it is there, the app opens with it.
    """

    def __init__(self, services: Services, data: Path, history: Path) -> None:
        self._data, self._history = data, history
        opened = services.open(data)
        self._dataset = opened.dataset
        self._map = MapView(self._dataset["lat"].values, self._dataset["lon"].values)
        self._roles = RoleTable(self._dataset, {})
        self._words = pmui.Typography(
            "Choose what is what: click a variable, then its role. **Inputs** are the model's states, **outputs** what "
            "the instrument observed.",
            variant="body2",
            margin=(8, 12),
        )
        self._begin = pmui.Button(
            label="Begin", icon="arrow_forward", variant="contained", margin=(8, 12), disabled=True,
            css_classes=["mt-begin"],
        )  # fmt: skip
        self._why = pmui.Typography("", variant="caption", margin=(0, 12), css_classes=["mt-why-not"])
        self._keyboard = Keyboard({})
        self._roles.param.watch(self._chosen, "variable")
        self._roles.param.watch(self._assigned, "roles")
        self._begin.on_click(lambda event: self._make())
        self._chosen()
        self._assigned()
        problems = [safe_text(problem.sentence, limit=400) for problem in opened.problems]
        self.view = session_page(
            title="motrain",
            theme_config=THEME,
            header=[pmui.Typography(safe_text(data.name), sx={"color": "white"}, margin=(0, 12))],
            contextbar=self._inspector(),
            contextbar_open=True,
            contextbar_variant="permanent",
            contextbar_width=INSPECTOR_WIDTH,
            main=[
                pn.Column(
                    self._map,
                    pn.Column(
                        *(pmui.Typography(f"• {words}", variant="body2", margin=(2, 12)) for words in problems[:50]),
                        height=DRAWER_HEIGHT,
                        scroll=True,
                        sizing_mode="stretch_width",
                        css_classes=["mt-problems"],
                    ),
                    sizing_mode="stretch_both",
                    margin=0,
                ),
                self._keyboard,
            ],
        )

    def _inspector(self) -> Sequence[Any]:
        title = pmui.Typography("Data", variant="h6", margin=(10, 12, 0, 12))
        words = pmui.Typography(describe_dataset(self._data.name, self._dataset), variant="body2", margin=(4, 12))
        return [
            pn.Column(
                title, words, self._words, self._roles.view, self._begin, self._why,  # words that go move no button
                sizing_mode="stretch_both", scroll=True, margin=0,
            )
        ]  # fmt: skip

    def _chosen(self, *_: Any) -> None:
        name = self._roles.variable
        values = mean_in_time(self._dataset, name)
        if values is None:
            self._map.show(np.full(self._dataset.sizes["space"], np.nan), label=f"{name} has no cells", unit="")
        else:
            self._map.show(values, label=f"Mean {name}", unit=str(self._dataset[name].attrs.get("units", "")))

    def _assigned(self, *_: Any) -> None:
        missing = [role for role in (INPUT, OUTPUT) if role not in self._roles.roles.values()]
        self._begin.disabled = bool(missing)
        self._why.object = f"Still needed: at least one {' and one '.join(missing)}." if missing else ""

    def _make(self) -> None:
        """Make the design, and load the page again: it finds the design there."""
        inputs, outputs = self._roles.names(INPUT), self._roles.names(OUTPUT)
        try:
            DesignHistory(self._history, Design(self._data, inputs, outputs, learner="ridge2"))
        except (DesignError, OSError) as error:
            self._why.object = safe_text(error, limit=400)
            return
        self._keyboard.reload()
