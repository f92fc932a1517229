"""The skill of partitions that are being drawn: what `motrain train` with ridge would report, before it is asked to.

Whoever draws keeps one `LivePreview` and asks it again after every edit: only what the edit changed is fitted anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Labels
from motrain_app.learning.block import Stopped
from motrain_app.learning.cell_grams import CellGrams
from motrain_app.learning.region_fit import OneForAll, RegionFit, fit_one_for_all, fit_region
from motrain_app.learning.remembered import Remembered
from motrain_app.learning.ridge import STRENGTHS

Array = NDArray[np.float64]
REMEMBERED = 1 << 28  # bytes of regions: of 8 inputs and ten folds each takes 18 kB, of 30 inputs 170, of 122 folds 229


@dataclass(frozen=True, eq=False)
class FoldErrors:
    """Out-of-fold errors of one way to predict, by fold; they pool over folds as the scores of a run do.

    Attributes
    ----------
    rows
        Rows predicted, [n_partitions, n_members, n_outputs].
    squares
        Squared errors summed over them, the same shape, in the outputs' squared units.
    """

    rows: Array
    squares: Array

    @property
    def rmse(self) -> Array:
        """Root-mean-square error over all folds, [n_partitions, n_outputs], in the outputs' units; NaN without rows."""
        return _root_mean(self.squares.sum(axis=1), self.rows.sum(axis=1))

    @cached_property
    def fold_rmse(self) -> Array:
        """Root-mean-square error of each fold, [n_partitions, n_members, n_outputs]; NaN where it has no rows."""
        return _root_mean(self.squares, self.rows)

    @property
    def spread(self) -> Array:
        """Standard deviation of the folds' RMSE, [n_partitions, n_outputs]; NaN under two folds."""
        return _spread(self.fold_rmse)

    def pooled(self) -> "FoldErrors":
        """Return the errors of all partitions as those of one."""
        return FoldErrors(self.rows.sum(axis=0, keepdims=True), self.squares.sum(axis=0, keepdims=True))


@dataclass(frozen=True, eq=False)
class Gain:
    """What one way to predict gains over another on the same rows: 1 − RMSE / RMSE of the other.

    Attributes
    ----------
    value
        Over all folds, [n_partitions, n_outputs]; 0.1 is an RMSE lower by a tenth. NaN without rows.
    spread
        Standard deviation of the folds' gains, the same shape; NaN under two folds.
    """

    value: Array
    spread: Array


@dataclass(frozen=True, eq=False)
class Preview:
    """Out-of-fold skill of every partition, region after region, within a region period after period.

    All three ways to predict are judged on the same rows: those that the partition's members withheld.

    Attributes
    ----------
    ridge
        Of the partition's own operator.
    climatology
        Of the mean and season of each cell: the baseline "climatology" of a run.
    one_for_all
        Of one operator trained on the rows of all partitions together. Where there is one partition alone, that would
        be its own operator: then on the rows of all cells, which is what a person has without drawing anything.
    reasons
        One a partition: why it has no skill; empty where it has.
    """

    ridge: FoldErrors
    climatology: FoldErrors
    one_for_all: FoldErrors
    reasons: tuple[str, ...]

    @property
    def n(self) -> NDArray[np.int64]:
        """Out-of-fold rows, [n_partitions, n_outputs]."""
        return np.asarray(np.rint(self.ridge.rows.sum(axis=1)), np.int64)

    @property
    def gain_over_climatology(self) -> Gain:
        """Gain of the partition's operator over the climatology of its cells."""
        return _gain(self.ridge, self.climatology)

    @property
    def gain_over_one_for_all(self) -> Gain:
        """Gain of the partition's operator over one operator for all: what partitioning pays."""
        return _gain(self.ridge, self.one_for_all)

    def together(self) -> "Preview":
        """Return the same of all partitions pooled, as if they were one: the headline of a partitioning."""
        return Preview(self.ridge.pooled(), self.climatology.pooled(), self.one_for_all.pooled(), ("",))


class LivePreview:
    """Previews of changing labels; a region whose cells did not change is not fitted again.

    What it remembers belongs to one `CellGrams`: make another one when data, variables, filters, test, jackknife or
    periods change. It may be asked from any thread.

    Parameters
    ----------
    grams
        Of all cells.
    strengths
        Of the ridge learner that would be trained.
    remembered
        Bytes of regions kept, and a quarter more for the operators for all.
    """

    def __init__(
        self, grams: CellGrams, strengths: Sequence[float] = STRENGTHS, *, remembered: int = REMEMBERED
    ) -> None:
        self.grams = grams
        # Keyed by the cells' positions. Of functions rather than methods: those would keep `self` alive.
        self._fit = Remembered(partial(_fit_region, grams, tuple(strengths)), remembered)
        self._one = Remembered(partial(_fit_one_for_all, grams, tuple(strengths)), remembered // 4)

    def of(
        self,
        labels: Labels,
        *,
        progress: Callable[[float], None] = lambda share: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Preview:
        """Return the skill of the partitions that labels of cells make.

        Parameters
        ----------
        labels
            Of the dataset's cells, as `label_cells` gives them.
        progress
            Called with the share of regions done, 0 to 1.
        stopped
            Asked before each region.

        Raises
        ------
        Stopped
            Where `stopped` says so; what is fitted by then is remembered.
        """
        regions = self.grams.positions(labels.label, len(labels))
        if not regions:
            return self._of_nothing()
        self._fit.begin_round()
        self._one.begin_round()  # so that the newest one for all is kept in any case
        fits = []
        for number, positions in enumerate(regions):
            if stopped():
                raise Stopped
            fits.append(self._fit(positions.tobytes()))
            progress((number + 1) / len(regions))
        one = self._one(self._together(regions).tobytes())
        rows = np.concatenate([fit.rows for fit in fits])
        return Preview(
            ridge=FoldErrors(rows, np.concatenate([fit.ridge for fit in fits])),
            climatology=FoldErrors(rows, np.concatenate([fit.climatology for fit in fits])),
            one_for_all=FoldErrors(rows, np.concatenate([one.squared_errors(fit) for fit in fits])),
            reasons=tuple(reason for fit in fits for reason in fit.reasons),
        )

    def _of_nothing(self) -> Preview:
        none = FoldErrors(*np.zeros((2, 0, self.grams.classes.folds.n_members, self.grams.n_outputs)))
        return Preview(none, none, none, ())

    def _together(self, regions: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Return the positions, ascending, of the cells that one operator for all learns from."""
        partitions = self.grams.classes.n_periods * sum(len(positions) > 0 for positions in regions)
        return np.arange(len(self.grams.cell_at)) if partitions == 1 else np.sort(np.concatenate(regions))


def preview(grams: CellGrams, labels: Labels, strengths: Sequence[float] = STRENGTHS) -> Preview:
    """Return the skill of the partitions that labels of cells make; for one look, as `LivePreview` for many."""
    return LivePreview(grams, strengths).of(labels)


def _fit_region(grams: CellGrams, strengths: tuple[float, ...], positions: bytes) -> RegionFit:
    return fit_region(grams, np.frombuffer(positions, np.int64), strengths)


def _fit_one_for_all(grams: CellGrams, strengths: tuple[float, ...], positions: bytes) -> OneForAll:
    return fit_one_for_all(grams, np.frombuffer(positions, np.int64), strengths)


def _root_mean(squares: Array, rows: Array) -> Array:
    return np.asarray(np.sqrt(squares / np.where(rows > 0, rows, np.nan)))


def _spread(by_fold: Array) -> Array:
    """Return the standard deviation over folds that have a value, [n_partitions, n_outputs]."""
    there = np.isfinite(by_fold)
    n = there.sum(axis=1)
    mean = np.where(there, by_fold, 0.0).sum(axis=1) / np.maximum(n, 1)
    squares = np.where(there, (by_fold - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.asarray(np.sqrt(squares / np.where(n > 1, n - 1, np.nan)))


def _gain(own: FoldErrors, other: FoldErrors) -> Gain:
    value, by_fold = (
        1 - of_own / np.where(of_other > 0, of_other, np.nan)
        for of_own, of_other in ((own.rmse, other.rmse), (own.fold_rmse, other.fold_rmse))
    )
    return Gain(value, _spread(by_fold))
