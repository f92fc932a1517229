"""The tables of the drawer: compact, many rows a page, and no word of pages where there is only one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from motrain_app.ui.escape import safe_text

ROWS_A_PAGE = 200
DIGITS = 4
LONGEST_CELL = 400
_ONE_PAGE = "mt-one-page"
TABLE_STYLE = """
.tabulator, .tabulator-row, .tabulator-header { font-size: 13px !important; } /* over the theme's own 16 */
.tabulator-col-content, .tabulator-cell { padding: 6px 8px !important; }
:host(.mt-one-page) .tabulator-footer { display: none; }
"""


def make_table(css_class: str, columns: tuple[str, ...] = (), choose: Callable[[int], Any] | None = None) -> Any:
    """Return a table to read.

    Parameters
    ----------
    css_class
        By which tests and styles find it.
    columns
        Before there are rows.
    choose
        Called with the number of the row that is clicked; None where rows cannot be chosen.

    Returns
    -------
    panel.widgets.Tabulator
        To be filled by `show_rows`.
    """
    table = pn.widgets.Tabulator(
        pd.DataFrame(columns=list(columns)),
        show_index=False,
        disabled=True,
        selectable=1 if choose is not None else False,
        sizing_mode="stretch_both",
        layout="fit_data_fill" if choose is not None else "fit_data_stretch",
        pagination="remote",
        page_size=ROWS_A_PAGE,
        margin=(4, 12),
        stylesheets=[TABLE_STYLE],
        css_classes=[css_class, _ONE_PAGE],
    )
    if choose is not None:
        table.on_click(lambda event: choose(event.row))
    return table


def show_rows(table: Any, rows: pd.DataFrame) -> None:
    """Show other rows: numbers to four significant digits, and text, heads too, so that nothing in it can run."""
    shown = {safe_text(name): _shown(values) for name, values in rows.items()}
    table.value = pd.DataFrame(shown, index=rows.index)
    table.css_classes = [table.css_classes[0], *([_ONE_PAGE] if len(rows) <= ROWS_A_PAGE else [])]


def _shown(values: pd.Series) -> Any:
    if pd.api.types.is_float_dtype(values):
        return significant(values.to_numpy())
    if pd.api.types.is_numeric_dtype(values):
        return values
    return [safe_text(text, limit=LONGEST_CELL) for text in values]


def significant(values: np.ndarray, digits: int = DIGITS) -> np.ndarray:
    """Round each value to so many significant digits.

    Examples
    --------
    >>> significant(np.array([0.08813290, 12345.678, -0.5, np.nan])).tolist()
    [0.08813, 12350.0, -0.5, nan]
    """
    values = np.asarray(values, float)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** np.where(np.isfinite(exponent), digits - 1 - exponent, 0)
    return np.round(values * scale) / scale
