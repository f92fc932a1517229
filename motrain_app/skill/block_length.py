"""Length of bootstrap blocks from the autocovariance of a daily series with gaps.

References
----------
Politis, D. N., White, H. (2004): Automatic block-length selection for the dependent bootstrap. Econometric
Reviews 23, 53–70, doi:10.1081/ETC-120028836; correction by Patton, A., Politis, D. N., White, H. (2009),
ibid. 28, 372–375, doi:10.1080/07474930802459016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["BlockLength", "block_length"]

_T = TypeVar("_T", bound=np.generic)

# Fewer pairs of days than this say nothing about the correlation at a lag.
_MIN_PAIRS = 10
# Lags whose pairs weigh less than this share of those at another lag, on average, do not show what makes up the sum.
_LIGHT = 1 / 3
_NOTHING = 1e-6  # of the sum of squared weights
_ROUNDING = 1e-6
# Standard errors from which a correlation counts, or a sum of them.
_SIGNIFICANT = 2.0
# So many correlations in a row are summed, as each may be too small to be seen and their sum large: by windows of the
# first length, then of the second.
_SUMMED = (15, 60)


@dataclass(frozen=True, slots=True, eq=False)
class BlockLength:
    """Length of blocks for one or several daily series.

    Parameters
    ----------
    days
        Optimal length for the variance of a mean, in days, at least 1. Shape (...).
    leakage
        Days d such that blocks of b days miss the share d/b of the variance: Σ|k|R(k) / ΣR(k). Shape (...).
    variance
        Of the sum over all days: N ΣR(k), in the squared unit of the series. Shape (...).
    """

    days: FloatArray
    leakage: FloatArray
    variance: FloatArray


def block_length(series: FloatArray, weight: FloatArray | NDArray[np.bool_]) -> BlockLength:
    """Block length of Politis & White (2004), corrected by Patton et al. (2009), for series with gaps.

    b = (3/2 · G²/g² · N)^(1/3) with g = Σ λ R(k) and G = Σ λ |k| R(k) over lags |k| ≤ 2m, where λ is the
    flat-top window, R the autocovariance, N the number of calendar days, and m the lag after which five
    autocorrelations in a row are not significant.

    Four things differ from the paper. A sum over the days is what is resampled, and an empty day adds nothing
    to it: so R is that of the series with zeros in the gaps, while m is found from sums of products over pairs of
    days that both have rows, each beside what it would be by chance.

    Significant is what exceeds twice its standard error by Bartlett's formula: that of independent days, times
    √(1 + 2Σρ²) with the sum over shorter lags, each weighted with its squared share of pairs. The paper's bound, made
    for white noise, takes chance waves of slow series for memory. Days of unequal weight w have unequal variances, as
    w² where the rows of a day err together and as w where each errs by itself; how much of either a series has is told
    by Σx²/w beside Σx².

    What is too small to be seen at any lag can make up most of the sum, as a slow error of a fiftieth of the variance
    under white noise. So behind m the sums of 15, then of 60 correlations in a row are held against their own standard
    error: of lags that are far apart beside those that count, the variance of a sum is the sum of their variances times
    (1 + 2Σρ)². As long as such sums are significant and positive, m moves on.

    Passed over are lags that tell nothing. They have fewer than 10 pairs, as an overpass every tenth day has none at
    the others; or a few pairs that outweigh the rest, so that (Σ wᵢ wᵢ₊ₖ)² / Σ (wᵢ wᵢ₊ₖ)² is under 10; or pairs that
    weigh on average under a third of those at another lag. With all cells on every eighth day, and one cell on the
    others, only every eighth lag shows how long those errors last that make up the sum. Lags of days less light do
    count, and if their errors are unrelated to those of heavy days, blocks become too short: with five rows on every
    twelfth day, whose errors last for months, and one on the others, whose last for a day, the interval of the bias
    holds the truth in six of ten cases.

    Parameters
    ----------
    series
        What each day adds to the score, centred: errors, losses, loss differences, summed over the day's
        cells. Shape (..., days), one entry a calendar day; what stands where nothing is present is ignored.
    weight
        Of the rows of each day, 0 where there is none; or whether there are any, if all weigh the same. Shape (days),
        or one that broadcasts to that of the series.

    Returns
    -------
    BlockLength
        Shape (...). At least 1 and at most min(3√N, N/3) days.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import block_length
    >>> noise = np.random.default_rng(1).standard_normal(2000)
    >>> smooth = np.convolve(noise, np.ones(30), "same")
    >>> block_length(np.stack([noise, smooth]), np.ones(2000)).days.round()
    array([ 4., 77.])
    """
    leading, n_days = series.shape[:-1], series.shape[-1]
    weight = np.asarray(weight, np.float64)
    series = np.where(weight > 0, series, 0.0)
    lags = min(n_days - 1, 2 * _longest_block(n_days) + _quiet_lags(n_days))
    products = _autocorrelate(series.reshape(-1, n_days), lags)
    pairs = _pairs_of_all(weight.tobytes(), lags) if weight.ndim == 1 else _pairs(weight, lags)
    tell, chance = pairs.tell, pairs.chance(series, products[:, 0].reshape(leading))
    if weight.ndim > 1:
        tell, chance = np.broadcast_to(tell, (*leading, lags + 1)), np.broadcast_to(chance, (*leading, lags + 1))
    found = _politis_white(products, tell.reshape(-1, lags + 1), chance.reshape(-1, lags + 1), n_days)
    return BlockLength(*(one.reshape(leading) for one in found))


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """What pairs of days k apart can tell, by the weights of the days; the last axis is that of lags, from 0.

    Parameters
    ----------
    tell
        Whether they tell something.
    together
        Variance of the sum of products of independent days, over the squared sum of squares, if rows of a day err
        together.
    more
        What is added to this if each row errs by itself; None where all days weigh the same, so that it is nothing.
    share, by_square
        Of errors that are of each row by itself: this much, and of each day this times its share of the sum of squares.
    """

    tell: NDArray[np.bool_]
    together: FloatArray
    more: FloatArray | None = None
    share: FloatArray | float = 0.0
    by_square: FloatArray | float = 0.0

    def chance(self, series: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the variance of the sum of products of independent days, over the squared sum of squares.

        Parameters
        ----------
        series
            Shape (..., days), of which `squares` is the sum of squares.
        """
        if self.more is None:
            return self.together
        # Without an array of squares, which would take longer than all else.
        weighted = np.einsum("...d,...d,...d->...", series, series, self.by_square)
        apart = self.share + np.divide(weighted, squares, out=np.zeros_like(squares), where=squares > 0)
        return np.asarray(self.together + np.clip(apart, 0.0, 1.0)[..., None] * self.more)


@lru_cache(maxsize=16)  # outputs of a partition mostly have rows in the same days, as have some partitions; 30 kB each
def _pairs_of_all(weight: bytes, lags: int) -> _Pairs:
    return _pairs(np.frombuffer(weight, np.float64), lags)


def _pairs(weight: FloatArray, lags: int) -> _Pairs:
    """Return what pairs of days tell, of days of these weights, shape (..., days)."""
    days, heaviest = weight > 0, weight.max(axis=-1, keepdims=True)
    n = np.rint(_autocorrelate(days.astype(np.float64), lags))
    tell, pairs = n >= _MIN_PAIRS, np.maximum(n, 1.0)
    if ((weight == heaviest) | ~days).all():
        return _Pairs(tell, n / pairs[..., :1] ** 2)
    weight = weight / np.where(heaviest > 0, heaviest, 1.0)
    # Round-off of the transform stands where pairs weigh nearly nothing, so these are passed over at once.
    product = np.maximum(_autocorrelate(weight, lags), 0.0)
    square = np.maximum(_autocorrelate(weight**2, lags), product**2 / pairs)
    several, alone = slice(1, None), np.maximum(product[..., :1], 1.0)
    tell &= product > _NOTHING * alone
    tell[..., several] &= (product**2 >= (_MIN_PAIRS - _ROUNDING) * square)[..., several]
    of_a_pair = np.where(tell, product / pairs, 0.0)[..., several]
    tell[..., several] &= of_a_pair >= _LIGHT * of_a_pair.max(axis=-1, initial=0.0, keepdims=True)
    # Σx²/w is to Σx² as the number of days to their weight, or as their weight to the sum of its squares.
    total = np.maximum(weight.sum(axis=-1, keepdims=True), 1.0)
    apart, together = n[..., :1] / total, total / alone
    one = apart - together
    gain = np.divide(1.0, one, out=np.zeros_like(one), where=one > _ROUNDING * apart)
    by_square = gain * np.where(days, 1 / np.where(days, weight, 1.0), 0.0)
    variance = square / alone**2
    return _Pairs(tell, variance, product / total**2 - variance, -(gain * together)[..., 0], by_square)


def _autocorrelate(series: FloatArray, lags: int) -> FloatArray:
    size = scipy.fft.next_fast_len(series.shape[-1] + lags, real=True)
    spectra = scipy.fft.rfft(series, size)
    products: FloatArray = scipy.fft.irfft(spectra.real**2 + spectra.imag**2, size)
    return products[..., : lags + 1]


def _politis_white(
    products: FloatArray, tell: NDArray[np.bool_], chance: FloatArray, n_days: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Block length and leakage in days, and variance of the sum, of each series.

    Parameters
    ----------
    products
        Sums of products of days k apart, [series, lags].
    tell, chance
        As in `_Pairs`; [1 or series, lags].
    """
    longest, alone = _longest_block(n_days), products[:, 0]
    tells = (alone > 0) & tell[:, 0]
    unit = np.where(tells, alone, 1.0)[:, None]
    memory = np.minimum(_memory(products / unit, tell, chance, n_days), longest)[:, None]
    lags = np.arange(products.shape[1])
    windowed = np.clip(2 - lags / memory, 0.0, 1.0) * products
    spread = windowed[:, 0] + 2 * windowed[:, 1:].sum(axis=1)
    leak = 2 * (lags * windowed).sum(axis=1)
    # The window's lobes may outweigh the sum: there is no estimate then, so the most careful one is taken.
    sure = tells & (spread > 0)
    ratio = leak / np.where(sure, spread, 1.0)
    days = np.clip((1.5 * ratio**2 * n_days) ** (1 / 3), 1.0, longest)
    return (
        np.where(sure, days, np.where(tells, float(longest), 1.0)),
        np.where(sure, np.maximum(ratio, 0.0), 0.0),
        np.where(sure, spread, np.maximum(alone, 0.0)),
    )


def _memory(relative: FloatArray, tell: NDArray[np.bool_], chance: FloatArray, n_days: int) -> NDArray[np.int64]:
    """Return the last lag before correlations are quiet for long, in days, of each series; at least 1.

    Parameters
    ----------
    relative
        Lagged sums of products over that of lag 0, [series, lags].
    tell, chance
        As in `_Pairs`; [1 or series, lags].
    """
    enough = tell[:, 1:]
    n = int(enough.sum(axis=1).max(initial=0))
    if not n:
        return np.ones(len(relative), np.int64)
    # Lags that tell something, in their order; behind them others, where some series have more of them.
    lags = 1 + np.argsort(~enough, axis=1, kind="stable")[:, :n]
    told = _taken(enough, lags - 1)
    by_chance, known = np.where(told, _taken(chance, lags), 1.0), np.where(told, _taken(relative, lags), 0.0)
    # Among sparse days few pairs of pairs overlap, so the products depend less on each other.
    repeated = known**2
    error = np.sqrt((1 + 2 * (np.cumsum(repeated, axis=1) - repeated)) * by_chance)
    loud = np.abs(known) >= _SIGNIFICANT * error
    # A run of quiet lags that the end of the record cuts off counts as one.
    needed = _quiet_lags(n_days)
    before = np.concatenate([np.zeros((len(loud), 1), np.int64), np.cumsum(loud, axis=1)], axis=1)
    starts = np.arange(n + 1)
    quiet = before[:, np.minimum(starts + needed, n)] == before[:, starts]
    end = np.argmax(quiet, axis=1)
    for width in _SUMMED:
        end = _end_of_sums(end, known, by_chance, told.sum(axis=1), width)
    last = _taken(lags, np.maximum(end - 1, 0)[:, None])[:, 0]
    return np.where(end > 0, last, 1)


def _end_of_sums(
    end: NDArray[np.intp], known: FloatArray, chance: FloatArray, n_told: NDArray[np.intp], width: int
) -> NDArray[np.intp]:
    """Move the end of memory on while sums of so many correlations in a row are significant and positive.

    Parameters
    ----------
    end
        Place of the first correlation behind the memory, of each series.
    known, chance
        Correlations and their variance by chance, in the order of lags; [series, places], the latter also [1, places].
    n_told
        How many places hold one; [series], or [1].
    """

    def up_to(values: FloatArray, places: NDArray[np.intp]) -> FloatArray:
        sums = np.zeros((len(values), values.shape[1] + 1))
        np.cumsum(values, axis=1, out=sums[:, 1:])
        return _taken(sums, places)

    n_windows = max(int((n_told - end).max()) // width, 0)
    places = end[:, None] + width * np.arange(n_windows + 1)
    whole = places[:, 1:] <= n_told[:, None]
    places = np.minimum(places, known.shape[1])
    before = up_to(known, places[:, :1])
    repeated = np.maximum(1 + 2 * up_to(known**2, places[:, :1]), (1 + 2 * before) ** 2)
    error = np.sqrt(repeated * np.diff(up_to(chance, places), axis=1))
    loud = whole & (np.diff(up_to(known, places), axis=1) >= _SIGNIFICANT * error)
    return np.asarray(end + width * np.cumprod(loud, axis=1).sum(axis=1))


def _taken(values: NDArray[_T], places: NDArray[np.intp]) -> NDArray[_T]:
    """Return the values of each series at its places, [series, places]; either may be the same for all, [1, …]."""
    return values[np.arange(len(values))[:, None], places]


def _longest_block(n_days: int) -> int:
    return max(1, int(min(3 * np.sqrt(n_days), n_days / 3)))


def _quiet_lags(n_days: int) -> int:
    return max(5, int(np.ceil(np.sqrt(np.log10(n_days)))))
