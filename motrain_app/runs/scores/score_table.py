"""A table of scores on the terminal."""

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motrain_app.skill import get_metric_or_stand_in

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.run import Run

SHOWN = ("rmse", "skill")  # metrics that the table needs


def print_scores(run: "Run", frame: "pd.DataFrame", *, each: bool = False) -> None:
    """Print RMSE and skill beside the best baseline, with intervals.

    Parameters
    ----------
    each
        Print every metric of the table by itself, unless it holds these two.
    """
    test = frame.attrs.get("rows") == "test"
    of = "test rows, mean of the members" if test else "out-of-fold rows, each by the member that withheld it"
    partial = frame.attrs.get("partial", "")
    caption = [frame.attrs.get("weights", ""), f"{partial}; the run is {run.state}" if partial else ""]
    table = Table(title=f"Scores on {of}", caption="; ".join(filter(None, caption)) or None)
    names = ["partition", *(["group"] if "group" in frame else []), "output"]
    for name in names:
        table.add_column(name, no_wrap=True)
    units = {variable.name: variable.unit for variable in run.outputs}
    metrics = set(frame["metric"])
    if set(SHOWN) == metrics or (set(SHOWN) <= metrics and not each):
        _fill_with_errors(table, frame, names, units)
    else:
        _fill_with_metrics(table, frame, names, units)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _fill_with_errors(table: Table, frame: "pd.DataFrame", names: list[str], units: dict[str, str]) -> None:
    for column in ("RMSE [95 % interval]", "n", "best baseline", "skill [95 %]"):
        table.add_column(column, no_wrap=True, justify="right")
    errors, skills = (frame[frame["metric"] == metric] for metric in SHOWN)
    for row, skill in zip(errors.itertuples(), skills.itertuples(), strict=True):
        cells = [getattr(row, name) for name in names]
        cells += [_with_interval(row, units[str(row.output)]), f"{row.n}"]
        cells += [
            f"{row.baseline} {_number(row.baseline_value)}",
            _skill(skill),
        ]
        table.add_row(*(escape(str(cell)) for cell in cells))


def _fill_with_metrics(table: Table, frame: "pd.DataFrame", names: list[str], units: dict[str, str]) -> None:
    table.add_column("metric", no_wrap=True)
    for column in ("value [95 % interval]", "n", "baseline"):
        table.add_column(column, no_wrap=True, justify="right")
    for row in frame.itertuples():
        unit = get_metric_or_stand_in(str(row.metric)).unit_of(units[str(row.output)])
        cells = [*(getattr(row, name) for name in names), row.metric, _with_interval(row, unit), f"{row.n}"]
        table.add_row(*(escape(str(cell)) for cell in [*cells, f"{row.baseline} {_number(row.baseline_value)}"]))


def _with_interval(row: Any, unit: str) -> str:
    return f"{_number(row.value)} [{_number(row.low)}, {_number(row.high)}] {unit}".strip()


def _skill(row: Any) -> str:
    value, low, high = ("–" if number != number else f"{number:.2f}" for number in (row.value, row.low, row.high))
    return f"{value} [{low}, {high}]"


def _number(value: Any) -> str:
    return "–" if value != value else f"{value:.4g}"
