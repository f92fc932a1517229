"""The variables of a dataset and their roles: click a variable, then its role."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param
import xarray as xr

from motrain_app.ui.escape import safe_text
from motrain_app.ui.table import TABLE_STYLE

ROW_PIXELS, HEAD_PIXELS = 36, 40  # of a table
ROWS_IN_SIGHT = 9  # in sight at once; more are scrolled to

INPUT, OUTPUT, NONE = "input", "output", "not used"


class RoleTable(param.Parameterized):
    """A table of variables with buttons that give the chosen one its role.

    Parameters
    ----------
    dataset
        Canonical.
    roles
        By variable: input or output; the others are not used.
    """

    variable = param.String(default="", doc="The chosen variable.")
    roles = param.Dict(default={}, doc="Role of each variable that has one, in the dataset's order.")

    def __init__(self, dataset: xr.Dataset, roles: Mapping[str, str], **params: Any) -> None:
        names = [str(name) for name in dataset.data_vars]
        super().__init__(variable=names[0] if names else "", roles=dict(roles), **params)
        self._names = names
        self._about = [_about(dataset[name]) for name in names]
        self._table = pn.widgets.Tabulator(
            show_index=False,
            disabled=True,
            selectable=1,
            sizing_mode="stretch_width",
            height=min(ROWS_IN_SIGHT, len(names)) * ROW_PIXELS + HEAD_PIXELS,
            layout="fit_columns",
            widths={"role": 66},
            stylesheets=[TABLE_STYLE],
            margin=(4, 12),
            css_classes=["mt-variables"],
        )
        self._buttons = pmui.RadioButtonGroup(
            options=[INPUT, OUTPUT, NONE], value=NONE, size="small", margin=(4, 12), css_classes=["mt-role"]
        )
        self._chosen = pmui.Typography("", variant="body2", margin=(4, 12))
        self._showing = False
        self._table.on_click(lambda event: self.param.update(variable=self._names[event.row]))
        self._buttons.param.watch(self._assign, "value")
        self.param.watch(lambda *events: self._show(), ["variable", "roles"])
        self.view = pn.Column(self._table, self._chosen, self._buttons, sizing_mode="stretch_width", margin=0)
        self._show()

    def names(self, role: str) -> list[str]:
        """Return the variables of a role, in the dataset's order."""
        return [name for name in self._names if self.roles.get(name) == role]

    def _assign(self, event: Any) -> None:
        if self._showing or not self.variable:
            return
        given = {**self.roles, self.variable: event.new}
        self.roles = {name: given[name] for name in self._names if given.get(name, NONE) != NONE}

    def _show(self) -> None:
        self._showing = True
        self._table.value = pd.DataFrame(
            {
                "variable": [safe_text(name) for name in self._names],
                "unit": [unit for unit, _ in self._about],
                "role": [self.roles.get(name, "") for name in self._names],
            }
        )
        if self.variable in self._names:
            at = self._names.index(self.variable)
            self._table.selection = [at]
            self._buttons.value = self.roles.get(self.variable, NONE)
            long_name = self._about[at][1]
            self._chosen.object = f"**{safe_text(self.variable)}**{f': {long_name}' if long_name else ''}"
        self._showing = False


def _about(variable: xr.DataArray) -> tuple[str, str]:
    """Return unit and long name, as harmless text."""
    return safe_text(variable.attrs.get("units", "")), safe_text(variable.attrs.get("long_name", ""), limit=120)
