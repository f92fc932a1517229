"""Prediction intervals: quantiles of out-of-fold residuals, season by season, that are laid around a prediction.

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005): Algorithmic Learning in a Random World. Springer, chapter 4.

Lei, J., G'Sell, M., Rinaldo, A., Tibshirani, R. J., Wasserman, L. (2018): Distribution-free predictive inference for
regression. J. Am. Stat. Assoc. 113, 1094–1111, doi:10.1080/01621459.2017.1307116.

Barber, R. F., Candès, E. J., Ramdas, A., Tibshirani, R. J. (2021): Predictive inference with the jackknife+. Ann.
Stat. 49, 486–507, doi:10.1214/20-AOS1965.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.errors import OperatorError
from motrain_app.operators.seasons import SEASONS, WHOLE_YEAR

if TYPE_CHECKING:
    import xarray as xr

Float64 = NDArray[np.float64]
PERCENTS = np.arange(50, 100)  # levels whose quantiles are kept
MIN_EFFECTIVE = 10.0  # with fewer independent residuals, a season says too little about its tails


def ranks_of_ends(
    n: NDArray[np.int64], percents: NDArray[np.int64] = PERCENTS
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return for which levels there are residuals enough, and where the ends of their intervals stand.

    Of n residuals in ascending order, the level p takes those numbered ⌊(n + 1)(1 − p)/2⌋ and ⌈(n + 1)(1 + p)/2⌉,
    counted from 1. A further residual that is exchangeable with them lies between with a probability of at least p.

    Parameters
    ----------
    n
        Numbers of residuals, shape (...).
    percents
        Levels, shape (levels,).

    Returns
    -------
    exists : numpy.ndarray
        [..., levels].
    ranks : numpy.ndarray
        Of lower and upper ends, counted from 0, [..., 2, levels]; they mean nothing where there are too few.

    Examples
    --------
    >>> exists, ranks = ranks_of_ends(np.array(19))
    >>> exists[PERCENTS == 90], exists[PERCENTS == 91], ranks[:, PERCENTS == 90].tolist()
    (array([ True]), array([False]), [[0], [18]])
    """
    below = (n[..., None] + 1) * (100 - percents) // 200  # whole numbers: 0.05 has no exact value
    return below >= 1, np.stack([below - 1, n[..., None] - below], axis=-2)


def offsets_of_ends(ends: NDArray[np.floating], effective: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    """Return what is added to a prediction, and which seasons take the quantiles of the whole year.

    Parameters
    ----------
    ends
        Of the intervals of one level, [..., seasons + 1, 2]: the year stands last.
    effective
        How many independent residuals there are, [..., seasons + 1].

    Returns
    -------
    offsets : numpy.ndarray
        [..., seasons, 2]; NaN where those of the year are too few as well.
    pooled : numpy.ndarray
        [..., seasons].
    """
    usable = ~np.isnan(ends).any(axis=-1) & (effective >= MIN_EFFECTIVE)
    found = np.where(usable[..., None], ends, np.nan).astype(np.float64)
    own = usable[..., :WHOLE_YEAR]
    return np.where(own[..., None], found[..., :WHOLE_YEAR, :], found[..., WHOLE_YEAR:, :]), ~own


@dataclass(frozen=True, slots=True, eq=False)
class ResidualQuantiles:
    """Quantiles of observed − predicted on rows that members withheld, by output and season.

    The interval of a level is the prediction plus a lower and an upper quantile of its season. A season whose residuals
    are worth fewer than ten independent ones, or are too few for the level, takes those of the whole year (`pooled`
    tells which do); where these are too few as well, there is no interval, and the ends are NaN.

    What it means: of rows like those that were withheld, about this share lies within. It is no more than that. A
    residual is that of a single member, which has seen less than the members' mean has, and so tends to be large for
    it. Rows depend on each other, so the guarantee for exchangeable rows holds only approximately: where errors last
    for weeks, a season of ten years has few independent ones, and more rows fall outside than the level says. A
    quantile of a season is one for all its states, whatever the prediction. `Run.coverage` checks the intervals on
    rows that did not calibrate them.

    Attributes
    ----------
    knots
        float32, [n_outputs, seasons + 1, 2, levels]: lower and upper ends for `PERCENTS` of each season and, last, of
        the whole year, in the outputs' units.
    n
        int64, [n_outputs, seasons + 1]: residuals.
    effective
        float64, [n_outputs, seasons + 1]: how many independent residuals they are worth; see
        `motrain_app.operators.effective.effective_number`.

    Raises
    ------
    OperatorError
        Where the arrays do not fit together.
    """

    knots: NDArray[np.float32]
    n: NDArray[np.int64]
    effective: Float64

    def __post_init__(self) -> None:
        sets = (len(self.knots), WHOLE_YEAR + 1)
        if self.knots.shape != (*sets, 2, len(PERCENTS)) or not self.n.shape == self.effective.shape == sets:
            raise OperatorError("The residual quantiles of an operator do not fit together. Export it again.")

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.knots)

    def offsets(self, level: float) -> Float64:
        """Return what is added to a prediction, [n_outputs, seasons, 2], in the outputs' units.

        Parameters
        ----------
        level
            From 0.5 to 0.99. Whole per cents are exact; others take the next higher one.

        Raises
        ------
        OperatorError
            Where the level is none of these.
        """
        return offsets_of_ends(self.knots[..., place_of_level(level)], self.effective)[0]

    def pooled(self, level: float) -> NDArray[np.bool_]:
        """Return which seasons take the quantiles of the whole year at a level, [n_outputs, seasons].

        High levels need more residuals, so a season may have its own interval at 0.9 and that of the year at 0.99.
        """
        return offsets_of_ends(self.knots[..., place_of_level(level)], self.effective)[1]

    def around(self, y: Float64, season: NDArray[np.integer], level: float) -> tuple[Float64, Float64]:
        """Return the lower and upper ends around predictions, as `y`.

        Parameters
        ----------
        y
            (n, n_outputs), in the outputs' units.
        season
            Shape (n,): places in `SEASONS`.
        level
            As in `offsets`.
        """
        low, high = np.moveaxis(self.offsets(level)[:, season], (2, 1), (0, 1))
        return y + low, y + high

    def around_dataset(self, y: "xr.Dataset", season: "xr.DataArray", level: float) -> "xr.Dataset":
        """Return the ends around predictions as variables ``<output>_low`` and ``<output>_high``.

        Parameters
        ----------
        y
            One variable an output.
        season
            Places in `SEASONS` along the dimensions of time.
        level
            As in `offsets`.
        """
        import xarray as xr

        offsets, ends = self.offsets(level), {}
        for output, (name, field) in enumerate(y.data_vars.items()):
            attrs = field.attrs | {"level": kept_level(level)} | self._remark(output, level)
            for end, side in enumerate(("low", "high")):
                moved = field + season.copy(data=offsets[output, season.values, end])
                ends[f"{name}_{side}"] = moved.assign_attrs(attrs)
        return xr.Dataset(ends)

    def _remark(self, output: int, level: float) -> dict[str, str]:
        """Say in words which seasons have no interval of their own."""
        pooled = [name for name, taken in zip(SEASONS, self.pooled(level)[output], strict=True) if taken]
        if not pooled:
            return {}
        if np.isnan(self.offsets(level)[output]).any():
            return {"comment": f"No interval in {', '.join(pooled)}: too few out-of-fold residuals."}
        return {"comment": f"Interval of the whole year in {', '.join(pooled)}: too few residuals of the season."}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by name, for a file."""
        return {"knots": self.knots, "n": self.n, "effective": self.effective}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ResidualQuantiles":
        """Make what `to_arrays` took apart."""
        return cls(knots=arrays["knots"], n=arrays["n"], effective=arrays["effective"])


_ROUNDING = 1e-7  # of a level as float32


def place_of_level(level: Any) -> int:
    """Return where a level, or the next higher one that is kept, stands in `PERCENTS`."""
    if not isinstance(level, int | float | np.number) or not 0 < level < 1:
        raise OperatorError(f"level is {level!r}; it is the share of rows within the interval, such as 0.9.")
    if not 0.5 <= level <= 0.99 + _ROUNDING:
        raise OperatorError(f"level is {level!r}; quantiles of residuals are kept for levels from 0.5 to 0.99.")
    return math.ceil(100 * (float(level) - _ROUNDING)) - int(PERCENTS[0])  # 100 · 0.57 is a little more than 57


def kept_level(level: Any) -> float:
    """Return the level whose quantiles an interval of some level has: itself, or the next higher one that is kept.

    Examples
    --------
    >>> kept_level(0.57), kept_level(0.904)
    (0.57, 0.91)
    """
    return int(PERCENTS[place_of_level(level)]) / 100
