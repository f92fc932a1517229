"""Random fields of the sample dataset: smooth in space, autoregressive in time, the same in any block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.data.sample_numbers import autoregressive, low_pass

Floats = NDArray[np.float64]

_WAVES = 16


@dataclass(frozen=True, slots=True)
class SmoothField:
    """Sum of plane waves whose amplitudes are independent AR(1) series.

    Attributes
    ----------
    waves
        Wave vectors in 1/km, (waves, 2).
    cosines, sines
        Amplitudes, (time, waves).
    """

    waves: Floats
    cosines: Floats
    sines: Floats

    def at(self, east: Floats, north: Floats) -> Floats:
        """Values at places given in km, (time, cells); their variance is 1 at every place."""
        values = np.zeros((self.cosines.shape[0], east.size))
        part = np.empty_like(values)
        # Wave by wave: the last bits of a matrix product would depend on how many cells a block has.
        for (kx, ky), cosine, sine in zip(self.waves, self.cosines.T, self.sines.T, strict=True):
            phase = kx * east + ky * north
            values += np.multiply.outer(cosine, np.cos(phase), out=part)
            values += np.multiply.outer(sine, np.sin(phase), out=part)
        return values

    def smoothed(self, days: Floats, *, memory: float) -> SmoothField:
        """The field after an exponential running mean with a memory in days."""
        return SmoothField(self.waves, low_pass(self.cosines, days, memory), low_pass(self.sines, days, memory))


def smooth_field(rng: np.random.Generator, days: Floats, *, length: float, efolding: float) -> SmoothField:
    """Draw a field.

    Parameters
    ----------
    rng
        Source of the random numbers.
    days
        Times in days, increasing, (time,).
    length
        L in km: the correlation at distance d is about exp(−d² / 2L²), by normal wave vectors of spread 1/L.
    efolding
        τ in days: the correlation after t days is exp(−t / τ).
    """
    waves = rng.standard_normal((_WAVES, 2)) / length
    series = autoregressive(rng.standard_normal((days.size, 2 * _WAVES)), days, efolding) / np.sqrt(_WAVES)
    return SmoothField(waves, series[:, :_WAVES], series[:, _WAVES:])
