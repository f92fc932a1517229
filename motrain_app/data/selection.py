"""Entries of a variable by position, where a position may be missing; lazily."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

Index = npt.NDArray[np.intp]


def take(variable: xr.Variable, dim: str, index: Index) -> xr.Variable:
    """Entries of `variable` along `dim`; NaN (NaT) where the index is −1.

    Whole numbers become float64 where something is missing.

    Examples
    --------
    >>> take(xr.Variable("x", [10, 20]), "x", np.array([1, -1])).values
    array([20., nan])
    """
    if len(index) == variable.sizes[dim] and np.array_equal(index, np.arange(len(index))):
        return variable
    absent = index < 0
    if not absent.any():
        return variable.isel({dim: index})
    taken = variable.isel({dim: np.where(absent, 0, index)})
    if taken.dtype.kind in "iub":
        taken = taken.astype(np.float64)
    return keep_where(taken, xr.Variable(dim, ~absent))


def keep_where(variable: xr.Variable, condition: xr.Variable) -> xr.Variable:
    """Values where a condition holds, missing elsewhere; attributes and encoding stay.

    Examples
    --------
    >>> values = xr.Variable("x", [1.0, 2.0], {"units": "K"})
    >>> keep_where(values, values > 1.5).values
    array([nan,  2.])
    """
    kept = xr.DataArray(variable).where(xr.DataArray(condition)).variable.transpose(*variable.dims)
    kept.attrs, kept.encoding = dict(variable.attrs), dict(variable.encoding)
    return kept


def spread(variable: xr.Variable, sizes: Mapping[Hashable, int]) -> xr.Variable:
    """A variable repeated along the dimensions that it lacks.

    Examples
    --------
    >>> spread(xr.Variable("x", [1, 2]), {"y": 2, "x": 2}).values
    array([[1, 2],
           [1, 2]])
    """
    lacking = {dim: size for dim, size in sizes.items() if dim not in variable.dims}
    if not lacking:
        return variable
    widened = xr.DataArray(variable).expand_dims(lacking).variable
    widened.attrs, widened.encoding = dict(variable.attrs), dict(variable.encoding)
    return widened


def mean_of(variable: xr.Variable, dim: str, indices: Sequence[Index]) -> xr.Variable:
    """Mean over several selections of entries, skipping what is missing in each.

    Parameters
    ----------
    variable
        Any numbers, or moments.
    dim
        Where to select.
    indices
        At least one selection; all of the same length.

    Examples
    --------
    >>> picks = [np.array([0, 2]), np.array([1, -1])]
    >>> mean_of(xr.Variable("x", [1.0, 3.0, 5.0]), "x", picks).values
    array([2., 5.])
    """
    stacked = xr.concat([xr.DataArray(take(variable, dim, index)) for index in indices], dim="of the same time")
    mean = stacked.mean("of the same time", skipna=True).variable
    mean.attrs = dict(variable.attrs)
    return mean
