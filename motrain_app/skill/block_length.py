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

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["BlockLength", "block_length"]

# Fewer pairs of days than this say nothing about the correlation at a lag.
_MIN_PAIRS = 10
# Standard errors from which a correlation counts.
_SIGNIFICANT = 2.0


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


def block_length(series: FloatArray, present: NDArray[np.bool_]) -> BlockLength:
    """Block length of Politis & White (2004), corrected by Patton et al. (2009), for series with gaps.

    b = (3/2 · G²/g² · N)^(1/3) with g = Σ λ R(k) and G = Σ λ |k| R(k) over lags |k| ≤ 2m, where λ is the
    flat-top window, R the autocovariance, N the number of calendar days, and m the lag after which five
    autocorrelations in a row are not significant.

    Two things differ from the paper. A sum over the days is what is resampled, and an empty day adds nothing
    to it: so R is that of the series with zeros in the gaps, while the correlation that finds m is the sum of
    products over pairs of days that both have rows, divided by their number; lags with fewer than 10 pairs
    are passed over, as an overpass every tenth day has none at the others. And a correlation is significant
    when it exceeds twice its standard error by Bartlett's formula, √((1 + 2Σρ²)/pairs) with the sum over
    shorter lags, each weighted with its squared share of pairs: the paper's bound, made for white noise,
    takes chance waves of slow series for memory.

    Parameters
    ----------
    series
        What each day adds to the score, centred: errors, losses, loss differences, summed over the day's
        cells. Shape (..., days), one entry a calendar day; what stands where nothing is present is ignored.
    present
        Whether a day has rows; shape (days), or one that broadcasts to that of the series.

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
    >>> block_length(np.stack([noise, smooth]), np.ones(2000, dtype=bool)).days.round()
    array([ 4., 77.])
    """
    leading, n_days = series.shape[:-1], series.shape[-1]
    products, pairs = _lagged_products(np.where(present, series, 0.0), present)
    return BlockLength(*(found.reshape(leading) for found in _politis_white(products, pairs, n_days)))


def _lagged_products(series: FloatArray, present: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Sums of products of days k apart, [series, lags], and the number of such pairs of days, for all or for each."""
    n_days = series.shape[-1]
    longest = 2 * _longest_block(n_days) + _quiet_lags(n_days)
    lags = min(n_days - 1, longest)
    products = _autocorrelate(series.reshape(-1, n_days), lags)
    if present.ndim == 1:
        return products, _pairs(np.packbits(present).tobytes(), n_days, lags)[None]
    pairs = np.rint(_autocorrelate(present.reshape(-1, n_days).astype(np.float64), lags))
    each = np.broadcast_to(pairs.reshape(*present.shape[:-1], -1), (*series.shape[:-1], lags + 1))
    return products, each.reshape(-1, lags + 1)


@lru_cache(maxsize=64)  # the outputs of a partition mostly have rows in the same days, and so have whole partitions
def _pairs(present: bytes, n_days: int, lags: int) -> FloatArray:
    days = np.unpackbits(np.frombuffer(present, np.uint8), count=n_days)
    pairs: FloatArray = np.rint(_autocorrelate(days[None].astype(np.float64), lags)[0])
    pairs.flags.writeable = False
    return pairs


def _autocorrelate(series: FloatArray, lags: int) -> FloatArray:
    size = scipy.fft.next_fast_len(series.shape[-1] + lags, real=True)
    spectra = scipy.fft.rfft(series, size)
    products: FloatArray = scipy.fft.irfft(spectra.real**2 + spectra.imag**2, size)
    return products[:, : lags + 1]


def _politis_white(products: FloatArray, pairs: FloatArray, n_days: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Block length and leakage in days, and variance of the sum, of each series.

    Parameters
    ----------
    products, pairs
        As `_lagged_products` gives them.
    """
    longest, alone = _longest_block(n_days), products[:, 0]
    tells = (alone > 0) & (pairs[:, 0] >= _MIN_PAIRS)
    unit = np.where(tells, alone, 1.0)[:, None]
    memory = np.minimum(_memory(products / unit, pairs, n_days), longest)[:, None]
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


def _memory(relative: FloatArray, pairs: FloatArray, n_days: int) -> NDArray[np.int64]:
    """Return the last lag before correlations are quiet for long, in days, of each series; at least 1.

    Parameters
    ----------
    relative
        Lagged sums of products over that of lag 0, [series, lags].
    pairs
        [1 or series, lags].
    """
    enough = pairs[:, 1:] >= _MIN_PAIRS
    n = int(enough.sum(axis=1).max(initial=0))
    if not n:
        return np.ones(len(relative), np.int64)
    # Lags that tell something, in their order; behind them others, where some series have more of them.
    lags = 1 + np.argsort(~enough, axis=1, kind="stable")[:, :n]
    told, of_lag = np.take_along_axis(enough, lags - 1, axis=1), np.take_along_axis(pairs, lags, axis=1)
    of_lag = np.where(told, of_lag, 1.0)
    known = np.where(told, np.take_along_axis(relative, np.broadcast_to(lags, (len(relative), n)), axis=1), 0.0)
    correlation = known * (pairs[:, :1] / of_lag)
    # Among sparse days few pairs of pairs overlap, so the products depend less on each other.
    repeated = known**2
    error = np.sqrt((1 + 2 * (np.cumsum(repeated, axis=1) - repeated)) / of_lag)
    loud = np.abs(correlation) >= _SIGNIFICANT * error
    # A run of quiet lags that the end of the record cuts off counts as one.
    needed = _quiet_lags(n_days)
    before = np.concatenate([np.zeros((len(loud), 1), np.int64), np.cumsum(loud, axis=1)], axis=1)
    starts = np.arange(n + 1)
    quiet = before[:, np.minimum(starts + needed, n)] == before[:, starts]
    first = np.argmax(quiet, axis=1)
    last = np.take_along_axis(np.broadcast_to(lags, (len(loud), n)), np.maximum(first - 1, 0)[:, None], axis=1)[:, 0]
    return np.where(first > 0, last, 1)


def _longest_block(n_days: int) -> int:
    return max(1, int(min(3 * np.sqrt(n_days), n_days / 3)))


def _quiet_lags(n_days: int) -> int:
    return max(5, int(np.ceil(np.sqrt(np.log10(n_days)))))
