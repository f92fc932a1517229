"""The tables of the drawer: compact, many rows a page, and no word of pages where there is only one."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from motrain_app.ui.escape import safe_text

ROWS_A_PAGE = 200
DIGITS = 4
LONGEST_CELL = 400
_ONE_PAGE = "mt-one-page"
LONG_HEAD = 11  # letters
NARROW, WIDE = 62, 92  # pixels of a column of numbers, under a head that is short or long
CHARACTER, TEXT_STEP, TEXT_MARGIN, SORTER, TEXT_AT_MOST = 6.2, 10, 13, 18, 320  # pixels, of a column of text
TABLE_STYLE = """
.tabulator, .tabulator-row, .tabulator-header { font-size: 13px !important; } /* over the theme's own 16 */
.tabulator-col-content, .tabulator-cell { padding: 5px 6px !important; }
.tabulator-col-title { white-space: normal !important; line-height: 1.2; } /* long heads break */
:host(.mt-one-page) .tabulator-footer { display: none; }
"""


class RowTable:
    """A table to read; empty until rows are shown.

    Other heads make another widget: Tabulator breaks, and with it the rest of the message to the browser, where its
    columns change before it has finished drawing the ones before.

    Parameters
    ----------
    css_class
        By which tests and styles find it.
    choose
        Called with the number of the row that is clicked; None where rows cannot be chosen.
    """

    def __init__(self, css_class: str, choose: Callable[[int], Any] | None = None) -> None:
        self._css_class, self._choose = css_class, choose
        self.view = pn.Column(sizing_mode="stretch_both", margin=0)

    @property
    def rows(self) -> pd.DataFrame:
        """What is shown."""
        return self.view[0].value if len(self.view) else pd.DataFrame()

    def show(self, rows: pd.DataFrame) -> None:
        """Show other rows: numbers to four significant digits, and text, heads too, so that nothing in it can run."""
        shown = pd.DataFrame({safe_text(name): _shown(values) for name, values in rows.items()}, index=rows.index)
        css_classes = [self._css_class, *([_ONE_PAGE] if len(rows) <= ROWS_A_PAGE else [])]
        widths = self._widths(shown)
        if len(self.view) and list(shown.columns) == list(self.rows.columns) and widths == self.view[0].widths:
            self.view[0].param.update(value=shown, css_classes=css_classes)
        else:
            self.view.objects = [self._widget(shown, css_classes, widths)]

    def _widths(self, rows: pd.DataFrame) -> dict[str, int]:
        """Return widths of columns: Tabulator fits them to what is shown first, and cuts off what is longer later."""
        numbers = {name: WIDE if len(name) > LONG_HEAD else NARROW for name in rows if _is_number(rows[name])}
        if self._choose is None:
            return numbers
        return {name: numbers[name] if name in numbers else _text_width(name, rows[name]) for name in rows}

    def _widget(self, rows: pd.DataFrame, css_classes: list[str], widths: dict[str, int]) -> pn.widgets.Tabulator:
        choose = self._choose
        table = pn.widgets.Tabulator(
            rows,
            show_index=False,
            disabled=True,
            selectable=1 if choose is not None else False,
            sizing_mode="stretch_both",
            widths=widths,
            layout="fit_data_fill" if choose is not None else "fit_data_stretch",
            pagination="remote",
            page_size=ROWS_A_PAGE,
            margin=(4, 12),
            stylesheets=[TABLE_STYLE],
            css_classes=css_classes,
        )
        if choose is not None:
            table.on_click(lambda event: choose(event.row))
        return table


def _text_width(head: str, texts: Iterable[str]) -> int:
    """Return about the pixels that the longest of some texts needs, in steps: few changes make another table."""
    longest = max([CHARACTER * len(head) + SORTER, *(CHARACTER * len(text) for text in texts)])
    return min(TEXT_STEP * math.ceil((longest + TEXT_MARGIN) / TEXT_STEP), TEXT_AT_MOST)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values)


def _shown(values: pd.Series) -> Any:
    if pd.api.types.is_float_dtype(values):
        return significant(values.to_numpy())
    if _is_number(values):
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
