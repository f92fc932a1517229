"""Random numbers of the sample dataset: keyed by seed and cell, so that blocks of cells change no result."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


class Stream(IntEnum):
    """What a sequence of random numbers is used for; equal seeds in different streams are independent."""

    OUTAGES = 1
    WEATHER = 2
    LOCAL_HEAT = 3
    LOCAL_RAIN = 4
    NOISE_BACKSCATTER = 5
    NOISE_SLOPE = 6
    GAPS_BACKSCATTER = 7
    GAPS_SLOPE = 8


def cell_uniforms(seed: int, stream: Stream, cells: range, draws: int) -> Floats:
    """Uniform numbers in (0, 1) of some neighbouring cells.

    One counter-based generator (Philox; Salmon et al., 2011) serves all cells: each owns a stretch of its
    counter, and a block of cells starts by advancing to its first. So a cell has the same numbers in every
    block.

    Parameters
    ----------
    seed
        Seed of the dataset.
    stream
        What the numbers are for.
    cells
        Consecutive cell indices.
    draws
        Numbers wanted for each cell.

    Returns
    -------
    Array (draws, cells).
    """
    steps = -(-draws // 4)  # Philox makes four numbers at each count
    bits = np.random.Philox(key=np.random.SeedSequence([seed, stream]).generate_state(2, np.uint64))
    bits.advance(cells.start * steps)
    raw = bits.random_raw(len(cells) * steps * 4).reshape(len(cells), steps * 4)[:, :draws]
    # 53 bits, shifted by half a step: neither 0 nor 1 occurs, so that the normal quantile stays finite.
    return np.ascontiguousarray((((raw >> np.uint64(11)) + 0.5) * 2.0**-53).T)


def cell_normals(seed: int, stream: Stream, cells: range, draws: int) -> Floats:
    """Standard normal numbers of some neighbouring cells, by quantiles of `cell_uniforms`; (draws, cells)."""
    return np.asarray(ndtri(cell_uniforms(seed, stream, cells, draws)), dtype=np.float64)


def autoregressive(shocks: Floats, days: Floats, efolding: float) -> Floats:
    """Stationary AR(1) series of unit variance at irregular times.

    e₀ = w₀ and eᵢ = φᵢ eᵢ₋₁ + √(1 − φᵢ²) wᵢ with φᵢ = exp(−(tᵢ − tᵢ₋₁)/τ): the Ornstein–Uhlenbeck process,
    sampled exactly, so that dropping times changes neither variance nor correlation.

    Parameters
    ----------
    shocks
        Standard normal numbers w, (time, series).
    days
        Times in days, increasing, (time,).
    efolding
        τ in days.

    Returns
    -------
    Array (time, series).
    """
    decay = np.exp(-np.diff(days) / efolding)
    spread = np.sqrt(1.0 - decay**2)
    series = shocks.copy()
    for step, (keep, new) in enumerate(zip(decay, spread, strict=True), start=1):
        series[step] *= new
        series[step] += keep * series[step - 1]
    return series


def low_pass(series: Floats, days: Floats, memory: float) -> Floats:
    """Exponential running mean (memory in days) of (time, series) whose values hold since the time before."""
    decay = np.exp(-np.diff(days) / memory)
    smooth = series.copy()
    for step, keep in enumerate(decay, start=1):
        smooth[step] += keep * (smooth[step - 1] - series[step])
    return smooth
