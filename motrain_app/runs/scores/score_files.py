"""Tables of scores as files: CSV, JSON, Parquet and NetCDF, all with the same numbers, to the last bit.

CSV, JSON and Parquet are the table with a column `unit`, of the score, and hold a column `partial` where not all
partitions are finished. NetCDF has an axis for each of partition, group, output and metric, and tells in attributes
what it describes.
"""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from motrain_app import __version__
from motrain_app.runs.durable import check_writable, written_aside
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.grouping import CELL, KEYWORDS
from motrain_app.runs.scores.row_values import row_values
from motrain_app.skill import Metric, get_metric_or_stand_in

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.run import Run

MEANINGS = {
    "value": "score",
    "low": "lower end of the 95 % interval of the score",
    "high": "upper end of the 95 % interval of the score",
    "n": "rows that the score is of: with observed and predicted, of skills with that baseline, too; of scores over "
    "time those of the cells that have one, of coverage those with an interval",
    "baseline": "name of the baseline that the score stands beside; empty without one",
    "baseline_value": "score of that baseline, on those of these rows for which it has a value",
    "p": "p-value of no difference in mean squared error from that baseline, of skills",
    "significant": "whether it remains when false discoveries over the partitions are controlled at 5 %",
}
_NUMBERS = ("value", "low", "high", "baseline_value", "p")


def write_scores(run: "Run", frame: "pd.DataFrame", path: str | Path) -> None:
    """Write a table of scores to a file, in the form that its ending tells; a file that is there is replaced at once.

    Parameters
    ----------
    run
        That was scored.
    frame
        As `Run.skill` or `Run.test_skill` returned it.
    path
        Ends in .csv, .json, .parquet or .nc.

    Raises
    ------
    RunError
        Where the ending is another, or there is no score.
    OSError
        Where the file cannot be written.
    """
    path = Path(path)
    write = _writer(path)
    if not has_scores(frame):
        raise RunError(f"There is no score to write to {path}: {why_no_scores(run)}")
    with written_aside(path) as aside:
        write(run, frame, aside)


def check_target(path: str | Path) -> None:
    """Raise RunError where a file of scores could not be written, with the reason; nothing is written.

    That no form of scores has its ending, that it is a folder, or that its folder is absent or takes no file, can be
    told before a test is opened for it.
    """
    path = Path(path)
    _writer(path)
    if path.is_dir():
        raise RunError(f"Scores cannot be written to {path}: it is a folder. Give the name of a file.")
    if not path.parent.is_dir():
        raise RunError(f"Scores cannot be written to {path}: there is no folder {path.parent}. Make it first.")
    try:
        check_writable(path)
    except OSError as error:
        raise RunError(f"Scores cannot be written to {path}: {error.strerror}.") from None


def has_scores(frame: "pd.DataFrame") -> bool:
    """Say whether a table, as `Run.skill` returns it, has any row to score, though some scores may be gaps."""
    return not frame.empty and bool(frame.attrs["most_rows"])


def why_no_scores(run: "Run") -> str:
    """Say why a run has no scores, and what to do."""
    if run.finished:
        if run.design.jackknife is None:
            return "no member withheld a row. Train with a jackknife, or open the test."
        return "no row with a prediction lies in a group."
    if run.failures and not run.counts.get("waiting"):
        return "no partition could be trained; run.failures says why."
    return f"no partition is finished yet, and the run is {run.state}. Go on with: motrain resume {run.path}"


def to_csv(run: "Run", frame: "pd.DataFrame") -> str:
    """Return a table as CSV; numbers have all their digits, gaps are empty."""
    return str(_told(run, frame).to_csv(index=False))


def to_json(run: "Run", frame: "pd.DataFrame") -> str:
    """Return a table as JSON, a list with an object a row; gaps are null, infinite numbers texts.

    `taken_over` names the run that trained the partition; null where that was this one.
    """
    frame = _told(run, frame).assign(taken_over=frame["partition"].map(run.taken_over).astype(object))
    columns = {str(name): [_json_value(value) for value in frame[name].tolist()] for name in frame.columns}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)


def _json_value(value: Any) -> Any:
    if value is None or value != value:
        return None
    return str(value).replace("inf", "Infinity") if value in (np.inf, -np.inf) else value


def _told(run: "Run", frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table that says in columns what text has no attributes for: units, which rows, where it is partial."""
    import pandas as pd

    units = {variable.name: variable.unit for variable in run.outputs}
    (metric, metrics), (output, outputs) = (pd.factorize(frame[name]) for name in ("metric", "output"))
    known = [[get_metric_or_stand_in(str(one)).unit_of(units.get(name, "")) for name in outputs] for one in metrics]
    unit = np.array(known, dtype=object).reshape(len(metrics), len(outputs))[metric, output]
    told = frame.assign(unit=unit, rows=frame.attrs["rows"])
    return told.assign(partial=frame.attrs["partial"]) if frame.attrs.get("partial") else told


def _write_csv(run: "Run", frame: "pd.DataFrame", path: Path) -> None:
    path.write_text(to_csv(run, frame), encoding="utf-8")


def _write_json(run: "Run", frame: "pd.DataFrame", path: Path) -> None:
    path.write_text(to_json(run, frame) + "\n", encoding="utf-8")


def _write_parquet(run: "Run", frame: "pd.DataFrame", path: Path) -> None:
    told = _told(run, frame).copy(deep=False)
    told.attrs.update(describe(run, frame))
    told.to_parquet(path, engine="pyarrow", index=False)


def _write_netcdf(run: "Run", frame: "pd.DataFrame", path: Path) -> None:
    to_dataset(run, frame).to_netcdf(path, engine="netcdf4")


_WRITERS: dict[str, Callable[["Run", "pd.DataFrame", Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
    ".nc": _write_netcdf,
}


def _writer(path: Path) -> Callable[["Run", "pd.DataFrame", Path], None]:
    found = _WRITERS.get(path.suffix.lower())
    if found is None:
        *most, last = _WRITERS
        raise RunError(f"Scores cannot be written to {path}: its name must end in {', '.join(most)} or {last}.")
    return found


def to_dataset(run: "Run", frame: "pd.DataFrame") -> xr.Dataset:
    """Return a table of scores as a dataset.

    Returns
    -------
    xarray.Dataset
        Variables of `MEANINGS` over partition, group (where rows are grouped), output and metric; those of cells over
        `entry` in place of the first two, which stand along it. Coordinates tell title, formula, best value and unit of
        each metric.
    """
    names = _axes_of(frame)
    outputs = _distinct(frame, "output")
    metrics = _distinct(frame, "metric")
    codes = [(*_codes(frame, name),) for name in names]
    shape = tuple(len(labels) for _, labels in codes)
    place = tuple(code for code, _ in codes)
    data: dict[str, Any] = {}
    for name, meaning in MEANINGS.items():
        if name in frame:
            data[name] = (names, _filled(frame, name, place, shape), {"long_name": meaning})
    units = {variable.name: variable.unit for variable in run.outputs}
    found = [get_metric_or_stand_in(metric) for metric in metrics]
    coords: dict[str, Any] = {name: (name, labels) for name, (_, labels) in zip(names, codes, strict=True)}
    if "entry" in names:
        first = frame.drop_duplicates(["partition", "group"])
        coords["entry"] = ("entry", np.arange(len(first)))
        coords |= {name: ("entry", _text(first[name])) for name in ("partition", "group")}
        coords |= _places(run, first["group"].to_numpy().astype(np.int64))
    unit = [[metric.unit_of(units.get(output, "")) or "1" for metric in found] for output in outputs]
    coords |= {
        "unit": (("output", "metric"), _text(unit), {"long_name": "unit of the score"}),
        "output_unit": ("output", _text([units.get(output, "") for output in outputs])),
        "metric_title": ("metric", _text([metric.title for metric in found])),
        "metric_formula": ("metric", _text([_formula(metric) for metric in found])),
        "metric_best": ("metric", np.array([metric.best for metric in found]), {"long_name": "score without an error"}),
    }
    dataset = xr.Dataset(data, coords=coords, attrs=describe(run, frame))
    if "group" in frame:
        _tell_groups(run, dataset, str(frame["by"].iloc[0]))
    return dataset


def _places(run: "Run", cell: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Any]:
    """Return where the cells of entries lie."""
    plan = Plan.load(RunFolder(run.path).plan)
    return {
        "lat": ("entry", plan.lat[cell], {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": ("entry", plan.lon[cell], {"standard_name": "longitude", "units": "degrees_east"}),
    }


def _tell_groups(run: "Run", dataset: xr.Dataset, by: str) -> None:
    """Say in attributes what groups are groups of."""
    dataset.attrs["grouped_by"] = by
    dataset["group"].attrs["long_name"] = f"group of rows by {by}"
    if by in KEYWORDS:
        return
    folder = RunFolder(run.path)
    try:
        unit = row_values(folder, Plan.load(folder.plan), by, others=KEYWORDS).unit
    except RunError:  # the data have gone since it was scored
        return
    dataset["group"].attrs |= {"long_name": by, **({"units": unit} if unit else {})}


def _axes_of(frame: "pd.DataFrame") -> tuple[str, ...]:
    if "group" not in frame:
        return ("partition", "output", "metric")
    # Each cell lies in few partitions: a square of both would be empty.
    return ("entry", "output", "metric") if (frame["by"] == CELL).any() else ("partition", "group", "output", "metric")


def _distinct(frame: "pd.DataFrame", name: str) -> list[str]:
    return [str(label) for label in frame[name].unique()]


def _codes(frame: "pd.DataFrame", name: str) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Any]:
    """Return the place of each row along an axis, and the labels, in the order in which they come."""
    import pandas as pd

    if name == "entry":
        number = frame.groupby(["partition", "group"], sort=False).ngroup().to_numpy()
        return number.astype(np.int64), np.arange(int(number.max(initial=-1)) + 1)
    code, labels = pd.factorize(frame[name])
    return code.astype(np.int64), _text(labels)


def _filled(frame: "pd.DataFrame", name: str, place: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Return a column over the axes; a group that a partition lacks has NaN, no rows, no baseline."""
    if name in _NUMBERS:
        values: Any = np.full(shape, np.nan)
    else:
        blank = {"n": np.int64(0), "significant": np.int8(0)}.get(name, "")
        values = np.full(shape, blank, object if name == "baseline" else None)
    values[place] = frame[name].to_numpy()
    return values


def _text(values: Any) -> Any:
    return np.array(values, dtype=object)


def _formula(metric: Metric) -> str:
    """Return the paragraph of a metric's docstring that tells its formula, range and unit."""
    parts = (inspect.getdoc(metric.function) or "").split("\n\n")
    return " ".join(parts[1].split()) if len(parts) > 1 else ""


def describe(run: "Run", frame: "pd.DataFrame") -> dict[str, str]:
    """Return what a table of scores describes, as attributes of a file."""
    info = RunFolder(run.path).info()
    attributes = {
        "Conventions": "CF-1.11",
        "title": f"Scores of the run {run.path.name}",
        "source": f"motrain_app {info['versions'].get('motrain_app', '')}".strip(),
        "history": f"written by motrain_app {__version__}",
        "run": run.path.name,
        "run_created": str(info["created"]),
        "design": json.dumps(run.design.to_json(), ensure_ascii=False),
        "data_fingerprint": str(info["fingerprint"]),
        "test_opened": ", ".join(run.openings) or "never",
    }
    return attributes | {str(name): str(value) for name, value in frame.attrs.items() if value}
