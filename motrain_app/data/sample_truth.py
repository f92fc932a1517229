"""Known truth of the sample dataset: what maps states to the outputs in each regime, and the noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

STATES = ("TG1", "TG2", "WG1", "WG2", "LAI", "WR")
"""Inputs of the sample dataset, in the order of the columns of x: K, K, m³/m³, m³/m³, m²/m², kg/m²."""

OUTPUTS = ("backscatter", "slope")
"""Outputs of the sample dataset: dB and dB/deg."""

REGIMES = ("cropland", "forest", "mountain")
"""Names of the regimes; a regime's position is its code in `truth_regime`."""

_TG1, _TG2, _WG1, _WG2, _LAI, _WR = range(6)


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of backscatter with incidence angle: linear in the states.

    slope = intercept + Σ coefficients · x, in dB/deg; a coefficient has the unit dB/deg per unit of its
    state.
    """

    intercept: float
    TG1: float
    TG2: float
    WG1: float
    WG2: float
    LAI: float
    WR: float

    @property
    def coefficients(self) -> Floats:
        """Coefficients in the order of `STATES`, (6,)."""
        return np.array([getattr(self, name) for name in STATES])


@dataclass(frozen=True, slots=True)
class Backscatter:
    """Backscatter, in the spirit of the water-cloud model (Attema and Ulaby, 1978).

    With the transmissivity of the canopy γ = exp(−attenuation · LAI),

    backscatter = base + soil · tanh((WG1 − dry) / width) · γ + canopy · (1 − γ)
    + warmth · (TG2 − 285 K) + wet · WR

    in dB, and lower by `frozen_drop` where TG1 < 273.15 K. The tanh is the saturation, its product with γ the
    interaction of soil moisture and leaf area, which no linear function of the states has.
    """

    base: float
    soil: float
    dry: float
    width: float
    attenuation: float
    canopy: float
    warmth: float
    wet: float
    frozen_drop: float = 4.5


@dataclass(frozen=True, slots=True)
class Noise:
    """Observation noise: AR(1) in time, independent between cells and outputs.

    Standard deviation `sd` in the output's unit; the correlation of two observations t days apart is
    exp(−t / efolding_days).
    """

    sd: float
    efolding_days: float


@dataclass(frozen=True, slots=True)
class TrueOperator:
    """True h(x) of one regime: backscatter (dB) and slope (dB/deg) without noise.

    Examples
    --------
    >>> h = true_operator("cropland")
    >>> x = [[290.0, 288.0, 0.25, 0.27, 2.0, 0.1]]
    >>> h(x).shape, h.jacobian(x).shape
    ((1, 2), (1, 2, 6))
    """

    regime: str
    backscatter_parameters: Backscatter
    slope_parameters: Slope

    def __call__(self, x: ArrayLike) -> Floats:
        """Outputs (n, 2) in the order of `OUTPUTS` from states (n, 6) in physical units."""
        return np.stack([self.backscatter(x), self.slope(x)], axis=-1)

    def slope(self, x: ArrayLike) -> Floats:
        """Slope in dB/deg, (n,), from states (n, 6)."""
        p = self.slope_parameters
        states = np.asarray(x, dtype=np.float64)
        # Summed in a fixed order: the last bits of a matrix product would depend on the number of rows.
        total = np.full(states.shape[:-1], p.intercept)
        for column, coefficient in enumerate(p.coefficients):
            total += coefficient * states[..., column]
        return total

    def backscatter(self, x: ArrayLike) -> Floats:
        """Backscatter in dB, (n,), from states (n, 6); NaN where a state is NaN."""
        p = self.backscatter_parameters
        states = np.asarray(x, dtype=np.float64)
        through = np.exp(-p.attenuation * states[..., _LAI])
        total = (
            p.base
            + p.soil * np.tanh((states[..., _WG1] - p.dry) / p.width) * through
            + p.canopy * (1.0 - through)
            + p.warmth * (states[..., _TG2] - 285.0)
            + p.wet * states[..., _WR]
        )
        return np.where(states[..., _TG1] < FROZEN_BELOW, total - p.frozen_drop, total)

    def jacobian(self, x: ArrayLike) -> Floats:
        """∂(backscatter, slope)/∂x, (n, 2, 6) in physical units; without the jump at freezing point."""
        p = self.backscatter_parameters
        states = np.asarray(x, dtype=np.float64)
        through = np.exp(-p.attenuation * states[..., _LAI])
        bend = np.tanh((states[..., _WG1] - p.dry) / p.width)
        result = np.zeros((*states.shape[:-1], len(OUTPUTS), len(STATES)))
        result[..., 0, _TG2] = p.warmth
        result[..., 0, _WG1] = p.soil * (1.0 - bend**2) / p.width * through
        result[..., 0, _LAI] = p.attenuation * through * (p.canopy - p.soil * bend)
        result[..., 0, _WR] = p.wet
        result[..., 1, :] = self.slope_parameters.coefficients
        return result


FROZEN_BELOW = 273.15
"""Surface temperature (K) under which backscatter drops. "TG1 > 273.65" leaves such rows out."""

SLOPE: Mapping[str, Slope] = MappingProxyType(
    {
        "cropland": Slope(-0.2270, TG1=2.0e-4, TG2=2.5e-4, WG1=-0.035, WG2=-0.045, LAI=0.0060, WR=-0.008),
        "forest": Slope(-0.1290, TG1=0.5e-4, TG2=1.0e-4, WG1=-0.008, WG2=-0.015, LAI=0.0015, WR=-0.003),
        "mountain": Slope(-0.2785, TG1=1.0e-4, TG2=5.0e-4, WG1=-0.060, WG2=-0.010, LAI=-0.0040, WR=-0.015),
    }
)

BACKSCATTER: Mapping[str, Backscatter] = MappingProxyType(
    {
        "cropland": Backscatter(
            base=-13.0, soil=5.0, dry=0.10, width=0.12, attenuation=0.35, canopy=4.2, warmth=0.005, wet=0.4
        ),
        "forest": Backscatter(
            base=-11.0, soil=5.5, dry=0.10, width=0.12, attenuation=0.30, canopy=2.5, warmth=-0.010, wet=0.8
        ),
        "mountain": Backscatter(
            base=-9.5, soil=3.0, dry=0.12, width=0.10, attenuation=0.40, canopy=0.5, warmth=0.020, wet=0.5
        ),
    }
)

NOISE: Mapping[str, Noise] = MappingProxyType(
    {
        "backscatter": Noise(sd=0.40, efolding_days=10.0),
        "slope": Noise(sd=0.005, efolding_days=20.0),
    }
)


def true_operator(regime: str | int) -> TrueOperator:
    """Operator that made the observations of a regime, given by its name or its code in `truth_regime`.

    Raises
    ------
    KeyError
        If there is no such regime; the message names those that exist.
    """
    name = REGIMES[regime] if isinstance(regime, int) and 0 <= regime < len(REGIMES) else regime
    if name not in REGIMES:
        raise KeyError(f"No regime {regime!r} in the sample dataset; it has {', '.join(REGIMES)}.")
    return TrueOperator(str(name), BACKSCATTER[str(name)], SLOPE[str(name)])


def truth_document(present: tuple[str, ...] = REGIMES) -> str:
    """Truth as JSON, as it stands in the dataset's attribute `truth`."""
    return json.dumps(
        {
            "inputs": list(STATES),
            "outputs": list(OUTPUTS),
            "frozen_below": {"TG1": FROZEN_BELOW},
            "noise": {name: asdict(noise) for name, noise in NOISE.items()},
            "regimes": {
                name: {
                    "code": REGIMES.index(name),
                    "slope": asdict(SLOPE[name]),
                    "backscatter": asdict(BACKSCATTER[name]),
                }
                for name in present
            },
        }
    )


def read_truth(dataset: xr.Dataset) -> tuple[dict[int, TrueOperator], dict[str, Noise]]:
    """Truth that a sample dataset carries.

    Returns
    -------
    operators
        True operator of each code that occurs in `truth_regime`.
    noise
        Noise of each output.

    Raises
    ------
    ValueError
        If the dataset has no readable attribute `truth`: then it is not a sample dataset.
    """
    try:
        document: dict[str, Any] = json.loads(dataset.attrs["truth"])
        operators = {
            int(regime["code"]): TrueOperator(name, Backscatter(**regime["backscatter"]), Slope(**regime["slope"]))
            for name, regime in document["regimes"].items()
        }
        return operators, {name: Noise(**noise) for name, noise in document["noise"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "The dataset carries no known truth (attribute `truth`); only the sample dataset does."
        ) from error
