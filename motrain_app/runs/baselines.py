"""What members are compared with: the mean, climatologies, linear ridge, and a variable of the file.

All but the last are fitted as members are, on the training rows of each fold. So they are judged alike: out-of-fold on
the rows that a member withheld, and by the mean over all folds on test rows. A variable of the file is somebody else's
estimate, and is taken as it stands.

A cell's own climatology takes up some noise, the more the fewer its rows: where cells are many, an operator that has
learnt but the season they share, and their levels, would be better by that. So these stand beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning import Block, Fitted, LearnerKind
from motrain_app.learning.ridge import RidgeOptions, fit_ridge
from motrain_app.runs.axes import Axes
from motrain_app.runs.predicting import members_of, predict_rows
from motrain_app.skill import fit_climatology

MEAN, CLIMATOLOGY, SHARED, RIDGE, REFERENCE = "mean", "climatology", "shared_climatology", "ridge", "reference"
HARMONICS = {
    MEAN: 0,
    CLIMATOLOGY: 2,
}  # of the year, fitted per cell; a cell that has too few rows takes its partition's
ALWAYS = (MEAN, CLIMATOLOGY, SHARED)

Array = NDArray[np.floating]


def baselines_of(kind: LearnerKind, options: Any, references: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what a run is compared with.

    Parameters
    ----------
    kind, options
        Of the learner: linear ridge with its default options is not compared with itself.
    references
        By output: what else the file says of it; empty where the design names nothing.
    """
    is_ridge = kind.fit is fit_ridge and options == RidgeOptions()
    return (*ALWAYS, *(() if is_ridge else (RIDGE,)), *((REFERENCE,) if references else ()))


@dataclass(frozen=True)
class Baselines:
    """The baselines of a block, as far as they are fitted once for all of its partitions.

    Attributes
    ----------
    names
        In the order of the plan.
    ridge
        Members of linear ridge; None where it is no baseline.
    references
        [n_outputs, rows of the block with its test], minus the output's offset; NaN where there is none. None where no
        output has one.
    """

    names: tuple[str, ...]
    ridge: Fitted | None = None
    references: Array | None = None

    @classmethod
    def fit(cls, names: tuple[str, ...], block: Block, references: Array | None = None) -> "Baselines":
        """Fit what is fitted for a whole block; raises `motrain_app.learning.Stopped` where the block is stopped.

        Parameters
        ----------
        block
            Without its test rows, as a learner gets it.
        references
            Of all rows.
        """
        return cls(names, fit_ridge(block, RidgeOptions()) if RIDGE in names else None, references)

    def predict(
        self, block: Block, partition: int, axes: Axes, kept: NDArray[np.integer], fold: NDArray[np.int16]
    ) -> tuple[dict[str, Array], NDArray[np.float32]]:
        """Return what each baseline says of the judged rows of a partition, and where the climatology is no cell's own.

        Parameters
        ----------
        axes
            Of the partition's rows.
        kept
            Which of these are judged, shape (judged rows,).
        fold
            The member that withheld each of them, or `motrain_app.runs.blockfile.TEST`.

        Returns
        -------
        values : dict
            By name, each [n_outputs, judged rows].
        pooled : numpy.ndarray
            Share of the withheld rows whose cell had too few training rows, and took the partition's climatology,
            [n_outputs]; NaN where none was withheld.
        """
        rows = block.rows(partition)
        values, pooled = _climatologies(block, rows, axes, kept, fold)
        if self.ridge is not None:
            members = members_of(self.ridge, partition)
            values[RIDGE] = predict_rows(members, block.inputs[:, rows][:, kept], fold, len(block.outputs))
        if self.references is not None:
            values[REFERENCE] = self.references[:, rows][:, kept]
        return {name: values[name] for name in self.names}, pooled


def _climatologies(
    block: Block, rows: slice, axes: Axes, kept: NDArray[np.integer], fold: NDArray[np.int16]
) -> tuple[dict[str, Array], NDArray[np.float32]]:
    outputs, day = block.outputs[:, rows].astype(np.float64), axes.day_of_year
    # Every cell of the partition, also one whose rows are all withheld from a fold: there it takes the partition's.
    place = np.unique(axes.cell, return_inverse=True)[1].reshape(-1)
    n_cells = int(place.max(initial=-1)) + 1
    found: dict[str, Array] = {}
    for name, harmonics in HARMONICS.items():
        fit = fit_climatology(outputs, day, place, block.atom[rows], block.folds.train, n_cells, harmonics=harmonics)
        found[name] = fit.predict(day[kept], place[kept], fold)
        if name == CLIMATOLOGY:
            found[SHARED] = fit.predict(day[kept], place[kept], fold, shared=True)
            pooled = _share_pooled(fit.pooled, outputs[:, kept], place[kept], fold)
    return found, pooled


def _share_pooled(
    pooled: NDArray[np.bool_], outputs: Array, cell: NDArray[np.integer], fold: NDArray[np.int16]
) -> NDArray[np.float32]:
    """Return the share of withheld rows of each output where a cell took its partition's, [n_outputs]."""
    taken = pooled[np.maximum(fold, 0), :, cell].T & (fold >= 0)
    counted = np.isfinite(outputs) & (fold >= 0)
    n = counted.sum(axis=1)
    share = (taken & counted).sum(axis=1) / np.where(n > 0, n, np.nan)
    return np.asarray(share, np.float32)
