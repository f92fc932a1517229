"""Population optimum on the sample dataset: the error that a learner would have with endless data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from motrain_app.data.sample_truth import STATES, read_truth

Floats = NDArray[np.float64]

_BLOCK = 50  # cells whose rows are held at once


@dataclass(frozen=True, slots=True)
class PopulationOptimum:
    """Mean squared errors of the best fit of a class of functions to the truth, with the noise added.

    Attributes
    ----------
    mse
        Over all rows that have a label, in the output's unit squared.
    floor
        Variance of the noise, which nobody can beat.
    labels
        The labels that have rows, (k,).
    mse_by_label
        (k,).
    rows_by_label
        (k,).
    """

    mse: float
    floor: float
    labels: NDArray[np.int64]
    mse_by_label: Floats
    rows_by_label: NDArray[np.int64]


def population_mse(
    dataset: xr.Dataset,
    output: str,
    labels: ArrayLike | None = None,
    *,
    learner: Literal["linear", "quadratic"] = "linear",
    rows: xr.DataArray | None = None,
) -> PopulationOptimum:
    """Error of the best linear or quadratic operator in each partition, if data were endless.

    The noise-free truth is regressed on the states over the rows of each partition; what remains, plus the
    variance of the noise, is the mean squared error that no learner of this class can go below.

    Parameters
    ----------
    dataset
        A sample dataset; it may be a part of one.
    output
        "backscatter" or "slope".
    labels
        Integer label of the partition of each cell, (space,), or of each cell and time, (space, time);
        negative where no partition is. None: one partition for all.
    learner
        "linear": intercept and states; "quadratic": also their squares and products.
    rows
        Boolean array over space and time: rows that pass the filters. Those where a state or the output is
        missing never count. None: all.

    Examples
    --------
    >>> from motrain_app.data.sample import make_sample
    >>> ds = make_sample(cells=40, years=2)
    >>> thawed = ds.TG1 > 273.65
    >>> one = population_mse(ds, "slope", rows=thawed)
    >>> three = population_mse(ds, "slope", ds.truth_regime, rows=thawed)
    >>> bool(three.mse < 1.0001 * three.floor), bool(one.mse > 1.5 * one.floor)
    (True, True)
    """
    codes = np.zeros(dataset.sizes["space"], dtype=np.int64) if labels is None else np.asarray(labels)
    present = np.unique(codes[codes >= 0])
    names = [*STATES, output, f"truth_{output}"]
    size = 1 + len(STATES) + (len(STATES) * (len(STATES) + 1) // 2 if learner == "quadratic" else 0)
    gram = np.zeros((present.size, size + 1, size + 1))
    centre, scale = _scales(dataset)
    for first in range(0, dataset.sizes["space"], _BLOCK):
        cells = slice(first, first + _BLOCK)
        part = dataset[names].isel(space=cells).transpose("space", "time")
        values = np.stack([part[name].to_numpy().astype(np.float64) for name in names], axis=-1)
        use = np.isfinite(values).all(axis=-1)
        if rows is not None:
            use &= rows.isel(space=cells).transpose("space", "time").to_numpy()
        block_codes = codes[cells] if codes.ndim == 2 else codes[cells, None]
        block_codes = np.broadcast_to(block_codes, use.shape)
        for position, label in enumerate(present):
            chosen = values[use & (block_codes == label)]
            columns = _columns((chosen[:, : len(STATES)] - centre) / scale, learner)
            columns = np.column_stack([columns, chosen[:, -1]])
            gram[position] += columns.T @ columns
    count = gram[:, 0, 0]
    full = count > 0
    rest = np.array([_residual(matrix) for matrix in gram[full]])
    floor = read_truth(dataset)[1][output].sd ** 2
    return PopulationOptimum(
        mse=float(rest.sum() / count[full].sum() + floor) if full.any() else float("nan"),
        floor=floor,
        labels=present[full].astype(np.int64),
        mse_by_label=rest / count[full] + floor,
        rows_by_label=count[full].astype(np.int64),
    )


def _scales(dataset: xr.Dataset) -> tuple[Floats, Floats]:
    """Rough centre and scale of the states: raw normal equations would lose all digits."""
    some = dataset[list(STATES)].isel(space=slice(None, None, max(1, dataset.sizes["space"] // 20)))
    centre = np.array([float(some[name].mean()) for name in STATES])
    return centre, np.array([float(some[name].std()) or 1.0 for name in STATES])


def _columns(x: Floats, learner: str) -> Floats:
    """Columns of the regression: 1, states, and for a quadratic learner their squares and products."""
    columns = [np.ones((x.shape[0], 1)), x]
    if learner == "quadratic":
        left, right = np.triu_indices(x.shape[1])
        columns.append(x[:, left] * x[:, right])
    return np.hstack(columns)


def _residual(gram: Floats) -> float:
    """Sum of squares that is left of the last column after regression on the others."""
    inner, cross = gram[:-1, :-1], gram[:-1, -1]
    weights = np.linalg.lstsq(inner, cross, rcond=1e-12)[0]
    # As a quadratic form: the difference of two large sums would hide a small remainder.
    signs = np.append(-weights, 1.0)
    return max(0.0, float(signs @ gram @ signs))
