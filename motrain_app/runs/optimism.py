"""How optimistic folds are whose held-out rows lie near in time to rows that were learned from.

The same ridge, the same rows, two ways to hold them out: as the design does, and in whole years. What the RMSE is lower
in the first is no skill in a new year. Ridge stands for any learner here; one that can memorise gains more: what is
measured is a lower bound.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.data import open_dataset
from motrain_app.design import Design, DesignError, Folds, Labels, Layout, LeaveBlocksOut, LeaveYearsOut
from motrain_app.design.nearness import nearness
from motrain_app.design.splits import make_folds
from motrain_app.design.splitters import Jackknife
from motrain_app.learning.cell_grams import CellGrams
from motrain_app.learning.preview import LivePreview
from motrain_app.runs.errors import RunError
from motrain_app.runs.gram_store import load_or_build_grams
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import stage_design

NEAR_DAYS = 10.0
REFERENCE_DAYS = 91  # of a block, where there are too few years
_NEAR_ENOUGH = 0.2  # share of held-out times that are near, under which folds are as good as the reference
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Reference:
    """Folds that ask for a new time, and what they are called."""

    folds: Folds
    name: str


def measure_optimism(document: dict[str, Any], runs: str) -> dict[str, Any]:
    """Measure by how much the RMSE out-of-fold is too low under a design's folds; for a helper process.

    Ridge is fitted from Gram matrices under the design's folds and under folds that leave whole years out (with fewer
    than three years of training rows: blocks of 91 days), for each of the design's partitions, and judged on identical
    rows, pooled over partitions. Test rows, and rows near them, are in neither.

    Parameters
    ----------
    document
        The design, as `Design.to_json` gives it.
    runs
        Folder of runs, below which rows are staged.

    Returns
    -------
    dict
        Plain JSON values. ``outputs``: by name 1 − RMSE / RMSE under the reference, 0.1 for a tenth too low; outputs
        without a common row are left out. ``n``: by name the rows judged. ``reference``: "leaving years out" or
        "leaving blocks of 91 days out". ``near``: share of held-out times with a training time of their member within
        ``near_days`` days, None where nothing is held out. ``reason``: empty, or a sentence that says why nothing could
        be measured; then ``outputs`` and ``n`` are empty.

    Raises
    ------
    DataError, DesignError
        Where the design cannot be carried out at all.
    """
    design = Design.from_json(document)
    dataset = open_dataset(list(design.data), remedies=design.remedies)
    layout = design.layout(dataset)
    near = nearness(layout.folds, dataset["time"].values, days=NEAR_DAYS).overall
    reason = _why_not(design, near)
    if reason:
        return _answer(near, reason=reason)
    try:
        reference = _reference(design, dataset["time"].values)
        rows = stage_design(design, dataset, runs)
        chosen, honest, n = _mean_squares(rows, layout, reference.folds)
    except (DesignError, RunError) as error:
        return _answer(near, reason=str(error))
    names = [output.name for output in rows.outputs]
    judged = {name: number for number, name in enumerate(names) if n[number] > 0 and honest[number] > 0}
    if not judged:
        return _answer(near, reason="No partition has rows enough to be judged under both ways to leave rows out.")
    return _answer(
        near,
        outputs={name: float(1 - np.sqrt(chosen[number] / honest[number])) for name, number in judged.items()},
        reference=reference.name,
        n={name: int(n[number]) for name, number in judged.items()},
    )


def _answer(
    near: float,
    *,
    outputs: dict[str, float] | None = None,
    reference: str = "",
    n: dict[str, int] | None = None,
    reason: str = "",
) -> dict[str, Any]:
    return {
        "outputs": outputs or {},
        "reference": reference,
        "n": n or {},
        "near": None if np.isnan(near) else near,
        "near_days": NEAR_DAYS,
        "reason": reason,
    }


def _why_not(design: Design, near: float) -> str:
    """Say why there is nothing to measure; empty where there is."""
    if design.jackknife is None:
        return "Nothing is held out: no skill can be claimed, so none can be too good."
    if near < _NEAR_ENOUGH:
        return (
            f"Only {100 * near:.0f} % of the held-out times lie within {NEAR_DAYS:g} days of training: these folds ask "
            "for a new time already."
        )
    return ""


def _reference(design: Design, time: NDArray[np.datetime64]) -> _Reference:
    """Return folds of whole years, or of blocks where there are under three years."""
    honest: list[tuple[Jackknife, str]] = [
        (LeaveYearsOut(), "leaving years out"),
        (LeaveBlocksOut(days=REFERENCE_DAYS), f"leaving blocks of {REFERENCE_DAYS} days out"),
    ]
    for jackknife, name in honest:
        try:
            return _Reference(make_folds(design.test, jackknife, time), name)
        except DesignError:
            continue
    raise DesignError(
        "The training record is too short for folds that ask for a new time: under three blocks of 91 days."
    )


def _mean_squares(rows: StagedRows, layout: Layout, reference: Folds) -> tuple[Array, Array, Array]:
    """Return the mean squared errors under the design's folds and the reference's, and the rows, each [n_outputs]."""
    times, cells = layout.partitions.times, layout.cells
    judged, squares = _squares(_grams(rows, layout.folds, times), cells)
    grams = _grams(rows, reference, times)
    judged_there, squares_there = _squares(grams, cells)
    # Folds without a member leave rows out, others in one way than in the other. Where all rows are judged both ways,
    # they are the same.
    everything = _rows_there(grams, cells)
    same = (judged == everything) & (judged_there == everything)
    n = np.where(same, everything, 0.0).sum(axis=0)
    chosen, honest = (np.where(same, part, 0.0).sum(axis=0) / np.maximum(n, 1) for part in (squares, squares_there))
    return chosen, honest, n


def _grams(rows: StagedRows, folds: Folds, times: Labels) -> CellGrams:
    grams = load_or_build_grams(rows, folds, times)
    assert grams is not None  # nobody asked to stop
    return grams


def _squares(grams: CellGrams, cells: Labels) -> tuple[Array, Array]:
    """Return rows judged out-of-fold and their summed squared errors, each [n_partitions, n_outputs]."""
    errors = LivePreview(grams).of(cells).ridge
    return errors.rows.sum(axis=1), errors.squares.sum(axis=1)


def _rows_there(grams: CellGrams, cells: Labels) -> Array:
    """Return all rows that may train, [n_partitions, n_outputs]."""
    n_periods = grams.classes.n_periods
    count = np.zeros((len(cells), n_periods, grams.n_outputs))
    for region, positions in enumerate(grams.positions(cells.label, len(cells))):
        sums = grams.region(positions)
        for group in sums.groups:
            for period in range(n_periods):
                count[region, period, list(group.outputs)] = sums.grams(group, period).count.sum()
    return count.reshape(-1, grams.n_outputs)
