"""A table of scores on the terminal."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from motrain_app.skill import get_metric_or_stand_in

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.run import Run

SHOWN = ("rmse", "skill")  # metrics that the table needs
_COUNTS = ("n", "n_effective")  # metrics that are whole numbers, or as good as
_NARROWEST = 8  # characters to which names are folded where the terminal is narrow
_PLAIN = str.maketrans("−–", "--")  # for what writes neither


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
    names = ["partition", *(["group"] if "group" in frame else []), "output"]
    units = {variable.name: variable.unit for variable in run.outputs}
    metrics = set(frame["metric"])
    if set(SHOWN) == metrics or (set(SHOWN) <= metrics and not each):
        numbers: tuple[str, ...] = ("RMSE [95 % interval]", "n", "best baseline", "skill [95 %]")
        rows = _errors(frame, names, units)
    else:
        numbers, rows = ("value [95 % interval]", "n", "baseline"), _each_metric(frame, names, units)
        names = [*names, "metric"]
    title = f"Scores on {of}"
    _print_table(title, "; ".join(filter(None, caption)), names, numbers, [[*map(shown, row)] for row in rows])


def _print_table(title: str, caption: str, names: list[str], numbers: tuple[str, ...], rows: list[list[str]]) -> None:
    """Print a table as wide as it needs; on a narrow terminal names are folded, and no number is cut."""
    table = Table(title=escape(shown(title)), caption=escape(shown(caption)) or None)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*map(escape, row))
    widths = [max(map(cell_len, cells)) for cells in zip((*names, *numbers), *rows, strict=True)]
    least = [*(min(width, _NARROWEST) for width in widths[: len(names)]), *widths[len(names) :]]
    beside = 3 * len(widths) + 1  # borders, and a space on either side of a cell
    console = Console(width=None if sys.stdout.isatty() else sum(widths) + beside)
    console.width = max(console.width, sum(least) + beside)
    console.print(table)


def _errors(frame: "pd.DataFrame", names: list[str], units: dict[str, str]) -> Iterator[list[str]]:
    errors, skills = (frame[frame["metric"] == metric] for metric in SHOWN)
    for row, skill in zip(errors.itertuples(), skills.itertuples(), strict=True):
        cells = [*(str(getattr(row, name)) for name in names), _with_interval(row, units[str(row.output)]), f"{row.n}"]
        yield [*cells, _baseline(row), _skill(skill)]


def _each_metric(frame: "pd.DataFrame", names: list[str], units: dict[str, str]) -> Iterator[list[str]]:
    for row in frame.itertuples():
        unit = get_metric_or_stand_in(str(row.metric)).unit_of(units[str(row.output)])
        cells = [*(str(getattr(row, name)) for name in names), str(row.metric), _with_interval(row, unit)]
        yield [*cells, f"{row.n}", _baseline(row)]


def _with_interval(row: Any, unit: str) -> str:
    value, low, high = (_number(one, row.metric) for one in (row.value, row.low, row.high))
    return f"{value} [{low}, {high}] {unit}".strip()


def _baseline(row: Any) -> str:
    return f"{row.baseline} {_number(row.baseline_value, row.metric)}".strip()


def _skill(row: Any) -> str:
    value, low, high = (_text(number, ".2f") for number in (row.value, row.low, row.high))
    return f"{value} [{low}, {high}]"


def _number(value: Any, metric: str) -> str:
    return _text(value, ".0f" if metric in _COUNTS else ".4g")


def _text(value: Any, form: str) -> str:
    return "–" if value != value else f"{value:{form}}".replace("-", "−")


def shown(text: str) -> str:
    """Return text on one line, of characters that the output can write, so that each has the width it is given."""
    line = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    encoding = sys.stdout.encoding or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        line = line.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return line
