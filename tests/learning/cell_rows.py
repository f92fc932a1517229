"""Rows of cells as they are staged, and what ridge and climatology reach on them, computed from the rows themselves."""

from dataclasses import dataclass, replace

import numpy as np

from motrain_app.design import Labels, LeaveYearsOut, Period, Split
from motrain_app.design.periods import label_times
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block
from motrain_app.learning.cell_gram_builder import CellGramBuilder
from motrain_app.learning.ridge import RidgeOptions, fit_ridge
from motrain_app.learning.time_classes import TimeClasses
from motrain_app.skill import day_of_year, fit_climatology

TIME = np.arange("2010-01-01", "2016-01-01", dtype="datetime64[D]")[::5]
SEASONS = [Period("winter", months=(10, 11, 12, 1, 2, 3)), Period("summer", months=(5, 6, 7, 8, 9))]  # April is in none


@dataclass(frozen=True)
class CellRows:
    """Rows, cell after cell, in an order of cells that is not the dataset's."""

    inputs: np.ndarray
    outputs: np.ndarray
    time: np.ndarray
    counts: np.ndarray
    cell_at: np.ndarray

    @property
    def cell(self):
        return np.repeat(self.cell_at, self.counts)

    def scrambled(self, times, seed=0):
        """Replace the values of rows at some times, a mask, by noise; gaps of outputs too."""
        random, rows = np.random.default_rng(seed), times[self.time]
        inputs, outputs = self.inputs.copy(), self.outputs.copy()
        inputs[:, rows] = 50 * random.normal(size=(len(inputs), rows.sum()))
        outputs[:, rows] = 50 * random.normal(size=(len(outputs), rows.sum()))
        outputs[0, rows] = np.where(random.random(rows.sum()) < 0.5, np.nan, outputs[0, rows])
        return replace(self, inputs=inputs, outputs=outputs)


def make_rows(*, cells=12, seed=0, gaps="equal", thin=()):
    """Make rows of cells whose operators differ; a season that inputs do not explain; cells in `thin` have few rows."""
    random = np.random.default_rng(seed)
    cell_at = random.permutation(cells).astype(np.int32)
    parts = []
    for cell in cell_at.tolist():
        kept = np.flatnonzero(random.random(len(TIME)) < (0.03 if cell in thin else 0.8)).astype(np.int32)
        x = random.normal(size=(3, len(kept))) * [[8.0], [0.05], [1.0]] + [[12.0], [0.3], [2.0]]
        z = (x - [[12.0], [0.3], [2.0]]) / [[8.0], [0.05], [1.0]]
        season = np.cos(2 * np.pi * day_of_year(TIME)[kept] / 365.25)
        y = np.stack(
            [
                -10 + (1 + cell / cells) * z[0] - 0.5 * z[1] + 0.4 * z[0] * z[2] + season,
                0.01 * (z[2] - 0.3 * z[0] * cell / cells),
                300 + z[1] - 3 * season,
            ]
        )
        y += np.array([[1.0], [0.01], [2.0]]) * random.normal(size=y.shape)
        if gaps != "equal":
            missing = random.random(y.shape) < 0.2
            missing[2] = missing[0] if gaps == "of two alike" else missing[2]
            missing[:, missing.all(axis=0)] = False  # a row has at least one output
            y[missing] = np.nan
        parts.append((x, y, kept))
    inputs, outputs, time = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    counts = np.array([len(part[2]) for part in parts])
    return CellRows(inputs.astype(np.float32), outputs.astype(np.float32), time, counts, cell_at)


def folds_of(embargo=0.0, test="2015-01-01", jackknife=None):
    jackknife = LeaveYearsOut(embargo=embargo) if jackknife is None else jackknife
    return make_folds(None if test is None else Split(test, embargo), jackknife, TIME)


def labels_of(label):
    label = np.asarray(label, np.int32)
    n = int(label.max()) + 1
    return Labels(label, np.arange(n, dtype=np.uint64), tuple(f"region {number}" for number in range(n)))


def periods_of(seasons):
    return label_times(SEASONS if seasons else None, TIME)


def grams_of(rows, folds, periods=None, chunk=5):
    """Build Gram matrices from chunks of some cells."""
    builder = CellGramBuilder(
        TimeClasses.of(folds, periods),
        TIME,
        n_cells=len(rows.counts),
        n_inputs=len(rows.inputs),
        n_outputs=len(rows.outputs),
    )
    start = np.r_[0, np.cumsum(rows.counts)]
    for first in range(0, len(rows.counts), chunk):
        last = min(first + chunk, len(rows.counts))
        mine = slice(start[first], start[last])
        builder.add(rows.inputs[:, mine], rows.outputs[:, mine], rows.time[mine], rows.counts[first:last])
    return builder.finish(rows.cell_at)


@dataclass(frozen=True)
class Expected:
    """Per partition and output: rows and squared errors out-of-fold by fold, [n_partitions, n_members, n_outputs]."""

    rows: np.ndarray
    ridge: np.ndarray
    climatology: np.ndarray
    one_for_all: np.ndarray
    errors: dict


def expected_of(rows, folds, labels, periods, strengths):
    """Judge ridge and climatology row by row: by `fit_ridge`, `Member.predict` and `fit_climatology`."""
    region, period = labels.label[rows.cell].astype(int), periods.label[rows.time].astype(int)
    partition = np.where((region >= 0) & (period >= 0), region * len(periods) + period, -1)
    shape = (len(labels) * len(periods), folds.n_members, len(rows.outputs))
    n, ridge, season, one = (np.zeros(shape) for _ in range(4))
    alone = len(np.unique(labels.label[labels.label >= 0])) * len(periods) == 1  # is held against all cells
    everything = _fit(rows, np.flatnonzero((period >= 0) & (alone | (region >= 0))), folds, strengths)
    errors = {}
    for number in range(shape[0]):
        mine = np.flatnonzero(partition == number)
        fitted = _fit(rows, mine, folds, strengths)
        errors |= dict.fromkeys([number] if fitted.errors else [], fitted.errors.get(0))
        atom, day = folds.atom_of_time[rows.time[mine]], day_of_year(TIME)[rows.time[mine]]
        place = np.unique(rows.cell[mine], return_inverse=True)[1].reshape(-1)
        y = rows.outputs[:, mine].astype(float)
        climatology = fit_climatology(y, day, place, atom, folds.train, int(place.max(initial=-1)) + 1, harmonics=2)
        for member in np.flatnonzero(fitted.present[0]).tolist():
            held = np.flatnonzero(folds.held_out[member][atom])
            x = rows.inputs[:, mine[held]].astype(float)
            own, other = (fit.stack.member(member).predict(x) - y[:, held] for fit in (fitted, everything))
            counts = np.isfinite(own)
            n[number, member] = counts.sum(axis=1)
            base = climatology.predict(day[held], place[held], member) - y[:, held]
            for into, error in ((ridge, own), (season, base), (one, other)):
                into[number, member] = np.where(counts, error**2, 0).sum(axis=1)
    return Expected(n, ridge, season, one, errors)


def _fit(rows, mine, folds, strengths):
    block = Block(
        ids=np.array([7], np.uint64),
        row_start=np.array([0, len(mine)]),
        inputs=rows.inputs[:, mine],
        outputs=rows.outputs[:, mine],
        atom=folds.atom_of_time[rows.time[mine]],
        folds=folds,
        seed=0,
        padded_rows=0,
        masked=np.array([False]),
    )
    return fit_ridge(block, RidgeOptions(strengths=strengths))
