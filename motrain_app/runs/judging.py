"""Predictions and out-of-fold scores of a trained block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning import Block, Fitted
from motrain_app.operators import AnyMember
from motrain_app.runs.blockfile import TEST, Judged
from motrain_app.skill import COVERAGE_LEVEL, Scores, day_of_year, fit_climatology, judge_folds, score_outputs

Array = NDArray[np.floating]
BASELINES = {"mean": 0, "climatology": 2}  # harmonics of the year, fitted per cell
REPLICATES = 1000
_NOT_JUDGED = -2  # rows near the test, and rows whose fold has no member


@dataclass(frozen=True)
class Axes:
    """Where and when the rows of a block are.

    Attributes
    ----------
    cell, time
        int32, shape (rows,): indices into the dataset's `space` and `time`.
    times
        datetime64, shape (n_time,).
    """

    cell: NDArray[np.int32]
    time: NDArray[np.int32]
    times: NDArray[np.datetime64]

    @property
    def day(self) -> NDArray[np.int64]:
        """Days since 1970 of each row."""
        return self.times.astype("datetime64[D]").astype(np.int64)[self.time]

    @property
    def day_of_year(self) -> NDArray[np.float64]:
        """Day of the year, 1 to 366 with fractions, of each row."""
        return np.asarray(day_of_year(self.times)[self.time])

    def part(self, rows: slice | NDArray[np.integer]) -> "Axes":
        """Return the axes of some of the rows."""
        return Axes(self.cell[rows], self.time[rows], self.times)


@dataclass(frozen=True)
class _Predictions:
    """Of one partition: the judged rows; values are minus the output's offset, [n_outputs, rows]."""

    axes: Axes
    fold: NDArray[np.int16]
    observed: Array
    predicted: Array
    baselines: Mapping[str, Array]


def judge(block: Block, fitted: Fitted, axes: Axes, metrics: Sequence[str]) -> Judged:
    """Predict what each member withheld, and the test rows by the mean of all; score the former.

    Parameters
    ----------
    block, fitted
        In staged values' coordinates: the offsets, which are the same on both sides, cancel in every score.
    axes
        Of the block's rows.
    metrics
        Names of the scores to keep.
    """
    parts = [_predict(block, fitted, axes, partition) for partition in range(len(block))]
    scores = [score_held_out(part, block.seed, metrics).pack() for part in parts]
    of_test = [
        np.concatenate([part.baselines[name][:, part.fold == TEST] for part in parts], axis=1) for name in BASELINES
    ]
    return Judged(
        row_start=np.cumsum([0, *(len(part.fold) for part in parts)]).astype(np.int64),
        cell=np.concatenate([part.axes.cell for part in parts]),
        time=np.concatenate([part.axes.time for part in parts]),
        fold=np.concatenate([part.fold for part in parts]),
        observed=np.concatenate([part.observed for part in parts], axis=1).astype(np.float32),
        predicted=np.concatenate([part.predicted for part in parts], axis=1).astype(np.float32),
        test_baselines=np.stack(of_test).astype(np.float32),
        scores=np.stack(scores),
    )


def score_held_out(part: _Predictions, seed: int, metrics: Sequence[str]) -> Scores:
    """Score the held-out rows of a partition, pooled over folds, beside the baselines."""
    rows = part.fold >= 0
    there = part.axes.part(np.flatnonzero(rows))
    observed, predicted = part.observed[:, rows], part.predicted[:, rows]
    return score_outputs(
        observed,
        predicted,
        {name: values[:, rows] for name, values in part.baselines.items()},
        there.times[there.time],
        cell=there.cell,
        within=judge_folds(observed - predicted, there.times[there.time], part.fold[rows], level=COVERAGE_LEVEL)[0],
        metrics=metrics,
        replicates=REPLICATES,
        key=seed,
    )


def _predict(block: Block, fitted: Fitted, axes: Axes, partition: int) -> _Predictions:
    rows, present = block.rows(partition), fitted.present[partition]
    inputs, outputs, atom, there = (
        block.inputs[:, rows],
        block.outputs[:, rows],
        block.atom[rows],
        axes.part(rows),
    )
    fold = _fold_of_rows(atom, block.folds, present)
    kept = np.flatnonzero(fold > _NOT_JUDGED)
    place = np.unique(there.cell, return_inverse=True)[1].reshape(-1)
    baselines: dict[str, Array] = {}
    for name, harmonics in BASELINES.items():
        fit = fit_climatology(
            outputs.astype(np.float64),
            there.day_of_year,
            place,
            atom,
            block.folds.train,
            int(place.max(initial=-1)) + 1,
            harmonics=harmonics,
        )
        baselines[name] = fit.predict(there.day_of_year[kept], place[kept], np.maximum(fold[kept], -1))
    members = _members(fitted, partition)
    predicted = predict_rows(members, inputs[:, kept], fold[kept], len(outputs))
    return _Predictions(there.part(kept), fold[kept], outputs[:, kept], predicted, baselines)


def _fold_of_rows(atom: NDArray[np.int32], folds: Folds, present: NDArray[np.bool_]) -> NDArray[np.int16]:
    fold = folds.fold_of_atom[atom]
    has_member = (fold >= 0) & present[np.maximum(fold, 0)]
    is_test = folds.test[atom] & present.any()
    return np.where(is_test, TEST, np.where(has_member, fold, _NOT_JUDGED)).astype(np.int16)


def _members(fitted: Fitted, partition: int) -> dict[int, AnyMember]:
    n = fitted.present.shape[1]
    return {m: fitted.stack.member(partition * n + m) for m in np.flatnonzero(fitted.present[partition]).tolist()}


def predict_rows(
    members: Mapping[int, AnyMember], inputs: Array, fold: NDArray[np.int16], n_outputs: int
) -> NDArray[np.float64]:
    """Predict each row by the member that withheld it, and test rows by the mean of all.

    Parameters
    ----------
    members
        By fold.
    inputs
        [n_inputs, rows].
    fold
        Shape (rows,).
    """
    predicted = np.full((n_outputs, inputs.shape[1]), np.nan)
    test = np.flatnonzero(fold == TEST)
    total = np.zeros((n_outputs, len(test)))
    for number, member in members.items():
        mine = np.flatnonzero(fold == number)
        predicted[:, mine] = member.predict(inputs[:, mine])
        total += member.predict(inputs[:, test])
    predicted[:, test] = total / max(len(members), 1)
    return predicted
