"""Scores of each cell, from the stored predictions of a run: what the maps of a partition's inside show."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from motrain_app.runs.folder import RunFolder
from motrain_app.runs.given import checked_name, checked_names
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.judged_rows import HELD_OUT, JudgedReader, joined
from motrain_app.runs.scores.question import ScoreQuestion, check_scores
from motrain_app.runs.scores.scoring import check_partitions, partial_words
from motrain_app.runs.store import RunStore
from motrain_app.skill import get_metric, score_each_cell


def score_cells(run: RunFolder, metric: str, partitions: str | Sequence[str] | None = None) -> xr.Dataset:
    """Score the out-of-fold predictions of each cell.

    Parameters
    ----------
    metric
        Name of a metric, such as "bias" or "rmse". One that needs a baseline takes the best one of each cell.
    partitions
        Names of the finished partitions to look into; by default all of them.

    Raises
    ------
    RunError
        Where there is no such metric or partition, or it is not finished.

    Returns
    -------
    xarray.Dataset
        One variable an output and ``n_<output>``, the rows that the score is of, over space, with lat and lon; NaN
        where a cell has no row, or no score (over time: under ten rows). Where the run is partial, the attribute of
        that name says so.

    Notes
    -----
    A cell that several partitions share (seasons) is scored over all of them together.
    """
    plan = Plan.load(run.plan)
    names = None if partitions is None else checked_names(partitions, "partitions")
    check_scores(run, plan, ScoreQuestion((), (checked_name(metric, "metric"),), names, HELD_OUT))
    if names is not None:
        with RunStore(run.store) as store:
            check_partitions(names, store.partitions())
    score = get_metric(metric)
    reader = JudgedReader(
        run,
        partitions=names,
        baselines=plan.baselines if score.needs_baseline else (),
        with_intervals=score.of == "intervals",
    )
    shape = len(plan.outputs), len(plan.lat)
    values, count = np.full(shape, np.nan), np.zeros(shape)
    for chunk in reader.chunks():
        piece = joined(chunk)
        cells, found = score_each_cell(
            piece.observed,
            piece.predicted,
            dict(zip(reader.baselines, piece.baselines, strict=True)),
            plan.time[piece.time],
            piece.cell,
            metrics=[metric],
            within=piece.within,
            replicates=0,
            key=0,
        )
        values[:, cells], count[:, cells] = found.value[..., 0].T, found.rows[..., 0].T
    unit = [score.unit_of(variable.unit) for variable in plan.outputs]
    fields = {
        variable.name: ("space", values[number], {"units": unit[number], "long_name": f"{metric} of {variable.name}"})
        for number, variable in enumerate(plan.outputs)
    }
    counts = {f"n_{variable.name}": ("space", count[number]) for number, variable in enumerate(plan.outputs)}
    coords = {"lat": ("space", plan.lat), "lon": ("space", plan.lon)}
    return xr.Dataset(fields | counts, coords, attrs={"rows": "out-of-fold", "partial": partial_words(run)})
