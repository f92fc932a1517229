"""What the members of an operator say together: of each output, those that have it."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.interfaces import AnyMember

Float64 = NDArray[np.float64]


def outputs_of(member: AnyMember) -> NDArray[np.bool_]:
    """Say which outputs a member has, [n_outputs]: of one that it could not be trained in, the mean is NaN."""
    return ~np.isnan(member.output_mean)


def mean_of_members(members: Iterable[AnyMember], said: Iterable[Float64]) -> Float64:
    """Return the mean of what members say of each output, over those that have it; NaN where none has.

    A member without an output, as too few of its training rows hold it, is no reason to be silent where others can
    speak. What a member that has it says is never left out, be it NaN or infinite. Rounding does not carry the mean
    beyond the least and greatest of what it is the mean of: where all say a bound, so does the mean.

    Parameters
    ----------
    members
        One or more.
    said
        What each of them says, [n_outputs, ...].
    """
    total: Float64 | float = 0.0
    count: Float64 | float = 0.0
    least: Float64 | float = np.inf
    greatest: Float64 | float = -np.inf
    for member, one in zip(members, said, strict=True):
        has = outputs_of(member)
        along = has.reshape(-1, *[1] * (one.ndim - 1))
        total = total + (one if has.all() else np.where(along, one, 0.0))
        count = count + along.astype(np.float64)
        least = np.minimum(least, one if has.all() else np.where(along, one, np.inf))
        greatest = np.maximum(greatest, one if has.all() else np.where(along, one, -np.inf))
    return np.clip(np.asarray(total / np.where(np.asarray(count) > 0, count, np.nan)), least, greatest)


def spread_of_members(members: Sequence[AnyMember], said: Sequence[Float64]) -> Float64:
    """Return the standard deviation of what members say of each output, as `mean_of_members` returns the mean."""
    mean = mean_of_members(members, said)
    return np.sqrt(mean_of_members(members, ((one - mean) ** 2 for one in said)))
