"""Predictions and out-of-fold scores of a trained block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning import Block, Fitted
from motrain_app.runs.axes import Axes
from motrain_app.runs.baselines import Baselines
from motrain_app.runs.blockfile import TEST, Judged
from motrain_app.runs.diagnosing import Diagnosis, diagnose
from motrain_app.runs.predicting import members_of, predict_rows
from motrain_app.skill import COVERAGE_LEVEL, SummedOutputs, judge_folds, scores_of, sum_outputs

Array = NDArray[np.floating]
REPLICATES = 1000
_NOT_JUDGED = -2  # rows near the test, and rows whose fold has no member


@dataclass(frozen=True)
class _Predictions:
    """Of one partition: the judged rows; values are minus the output's offset, [n_outputs, rows]."""

    axes: Axes
    fold: NDArray[np.int16]
    observed: Array
    predicted: Array
    baselines: Mapping[str, Array]
    pooled: NDArray[np.float32]
    diagnosis: Diagnosis


def judge(block: Block, fitted: Fitted, baselines: Baselines, axes: Axes, metrics: Sequence[str]) -> Judged:
    """Predict what each member withheld, and the test rows by the mean of all; score the former.

    Parameters
    ----------
    block, fitted, baselines
        The block with its test rows, in staged values' coordinates: the offsets, which are the same on both sides,
        cancel in every score.
    axes
        Of the block's rows.
    metrics
        Names of the scores to keep.
    """
    parts = [_predict(block, fitted, baselines, axes, partition) for partition in range(len(block))]
    scores = [one.pack() for one in scores_of(_sum_held_out(part, block.seed, metrics) for part in parts)]
    beside = [np.stack(list(part.baselines.values())).astype(np.float32) for part in parts]
    return Judged(
        row_start=np.cumsum([0, *(len(part.fold) for part in parts)]).astype(np.int64),
        cell=np.concatenate([part.axes.cell for part in parts]),
        time=np.concatenate([part.axes.time for part in parts]),
        fold=np.concatenate([part.fold for part in parts]),
        observed=np.concatenate([part.observed for part in parts], axis=1).astype(np.float32),
        predicted=np.concatenate([part.predicted for part in parts], axis=1).astype(np.float32),
        baselines=np.concatenate(beside, axis=-1),
        scores=np.stack(scores),
        pooled=np.stack([part.pooled for part in parts]),
        influence=np.stack([part.diagnosis.influence for part in parts]),
        sensitivity=np.stack([part.diagnosis.sensitivity for part in parts]),
        outside=np.stack([part.diagnosis.outside for part in parts]),
        beyond_season=np.stack([part.diagnosis.beyond_season for part in parts]),
    )


def _sum_held_out(part: _Predictions, seed: int, metrics: Sequence[str]) -> SummedOutputs:
    """Sum the held-out rows of a partition for its scores, pooled over folds, beside the baselines."""
    rows = part.fold >= 0
    there = part.axes.part(np.flatnonzero(rows))
    observed, predicted = part.observed[:, rows], part.predicted[:, rows]
    return sum_outputs(
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


def _predict(block: Block, fitted: Fitted, baselines: Baselines, axes: Axes, partition: int) -> _Predictions:
    rows, present = block.rows(partition), fitted.present[partition]
    inputs, outputs, atom, there = (
        block.inputs[:, rows],
        block.outputs[:, rows],
        block.atom[rows],
        axes.part(rows),
    )
    fold = _fold_of_rows(atom, block.folds, present)
    kept = np.flatnonzero(fold > _NOT_JUDGED)
    members = members_of(fitted, partition)
    inputs, outputs, fold = inputs[:, kept], outputs[:, kept], fold[kept]
    predicted = _as_kept(predict_rows(members, inputs, fold, len(outputs)))
    beside, pooled = baselines.predict(block, partition, there, kept, fold)
    beside = {name: _as_kept(values) for name, values in beside.items()}
    found = diagnose(members, inputs, outputs, predicted, there.part(kept), fold, n_members=block.folds.n_members)
    return _Predictions(there.part(kept), fold, outputs, predicted, beside, pooled, found)


def _as_kept(values: Array) -> NDArray[np.float64]:
    """Round to what block files keep, so that scores that are computed from them later are these to the last bit."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _fold_of_rows(atom: NDArray[np.int32], folds: Folds, present: NDArray[np.bool_]) -> NDArray[np.int16]:
    fold = folds.fold_of_atom[atom]
    has_member = (fold >= 0) & present[np.maximum(fold, 0)]
    is_test = folds.test[atom] & present.any()
    return np.where(is_test, TEST, np.where(has_member, fold, _NOT_JUDGED)).astype(np.int16)
