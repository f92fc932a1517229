"""States of the sample dataset: a small weather of its own, and what soil and leaves make of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from motrain_app.data.sample_fields import SmoothField, smooth_field
from motrain_app.data.sample_geography import Geography, kilometres
from motrain_app.data.sample_numbers import Stream, cell_normals, low_pass
from motrain_app.data.sample_orbit import Overpasses
from motrain_app.data.sample_truth import FROZEN_BELOW, REGIMES

Floats = NDArray[np.float64]

# Leaf area of each regime: least, seasonal rise, day of year of the peak, sharpness of the peak.
_LEAVES = {
    "cropland": (0.5, 3.4, 152.0, 3.0),
    "forest": (1.5, 3.4, 196.0, 1.3),
    "mountain": (0.5, 2.4, 201.0, 3.0),
}


@dataclass(frozen=True, slots=True)
class Weather:
    """What drives the states; one for all cells, made from the seed alone."""

    warmth: SmoothField
    deep_warmth: SmoothField
    warm_months: SmoothField
    rain: SmoothField
    wet_months: SmoothField
    growth: SmoothField


def make_weather(passes: Overpasses, *, seed: int) -> Weather:
    """Weather at the times of the passes: lows that pass in days, and anomalies that last for weeks."""
    rng = np.random.default_rng([seed, Stream.WEATHER])

    field = partial(smooth_field, rng, passes.days)
    warmth = field(length=550.0, efolding=4.0)
    return Weather(
        warmth=warmth,
        deep_warmth=warmth.smoothed(passes.days, memory=6.0),
        warm_months=field(length=900.0, efolding=45.0),
        rain=field(length=300.0, efolding=1.5),
        wet_months=field(length=700.0, efolding=30.0),
        growth=field(length=450.0, efolding=50.0),
    )


def make_states(
    weather: Weather, place: Geography, passes: Overpasses, *, cells: range, seed: int
) -> dict[str, Floats]:
    """States of consecutive cells at the times of all passes, seen or not.

    Parameters
    ----------
    weather
        What drives them.
    place
        Geography of these cells only.
    passes
        The times.
    cells
        Their indices in the dataset, which key their random numbers.
    seed
        Seed of the dataset.

    Returns
    -------
    TG1, TG2 (K), WG1, WG2 (m³/m³), LAI (m²/m²), WR (kg/m²), each (time, cells).
    """
    east, north = kilometres(place.lat, place.lon)
    year = (2.0 * np.pi / 365.25) * passes.days[:, None]
    hour = passes.days[:, None] % 1.0 * 24.0 + place.lon / 15.0
    inland = np.clip((place.lon + 10.0) / 28.0, 0.0, 1.0)
    summer = -np.cos(year - 0.35)  # −1 in late January, +1 in late July

    months = 1.1 * weather.warm_months.at(east, north)
    mean = 286.9 - 0.5 * (place.lat - 46.0) - 0.0052 * place.altitude
    swing = 6.5 + 4.0 * inland
    day = (2.6 + 1.6 * summer) * np.cos(2.0 * np.pi * (hour - 13.5) / 24.0)
    heat = cell_normals(seed, Stream.LOCAL_HEAT, cells, passes.days.size)
    surface = mean + swing * summer + months + 3.0 * weather.warmth.at(east, north) + day + 0.5 * heat
    lagged = -np.cos(year - 0.60)
    deep = mean + 0.3 + 0.85 * swing * lagged + months + 2.4 * weather.deep_warmth.at(east, north)

    rate = _rain(weather, place, passes, summer, inland, cells=cells, seed=seed)
    upper, lower = _buckets(rate, 0.075 + 0.075 * (summer + 1.0), passes.days)
    least = 0.07 + 0.012 * place.texture
    most = 0.40 + 0.025 * place.texture
    leaves = _leaf_area(place, year) * np.exp(0.16 * weather.growth.at(east, north) + 0.06 * place.texture)
    return {
        "TG1": _insulated(surface, 0.45),
        "TG2": _insulated(deep, 0.30),
        "WG1": least + (most - least) * upper,
        "WG2": least + 0.03 + (most - least - 0.05) * lower,
        "LAI": leaves,
        "WR": 0.2 * leaves * (1.0 - np.exp(-rate / 4.0)),
    }


def _insulated(temperature: Floats, kept: float) -> Floats:
    """Soil temperature under freezing, where ice and snow let only part of the cold through."""
    return FROZEN_BELOW + np.where(temperature < FROZEN_BELOW, kept, 1.0) * (temperature - FROZEN_BELOW)


def _rain(
    weather: Weather,
    place: Geography,
    passes: Overpasses,
    summer: Floats,
    inland: Floats,
    *,
    cells: range,
    seed: int,
) -> Floats:
    """Rain in mm/day since the pass before, (time, cells): zero on most days, scarce in southern summers."""
    east, north = kilometres(place.lat, place.lon)
    front = 0.85 * weather.rain.at(east, north) + 0.55 * weather.wet_months.at(east, north)
    southern = np.clip((47.0 - place.lat) / 8.0, 0.0, 1.2)
    threshold = 0.30 + 0.45 * southern * (1.0 + summer) - 0.25 * (1.0 - inland) - 0.12 * place.altitude / 1000.0
    shower = cell_normals(seed, Stream.LOCAL_RAIN, cells, passes.days.size)
    return np.maximum(front - threshold, 0.0) * 8.0 * np.exp(0.5 * shower - 0.125)


def _buckets(rate: Floats, drying: Floats, days: Floats) -> tuple[Floats, Floats]:
    """Fill of a surface layer and of the root zone, each in [0, 1], (time, cells).

    The surface obeys ds/dt = (1 − s) rain / depth − s drying, solved exactly between passes, so that no gap
    is too long for it; the root zone follows it with a memory of 25 days.
    """
    filling = rate / 14.0
    total = filling + drying
    steps = np.diff(days, prepend=days[0] - 1.0)[:, None]
    keep = np.exp(-steps * total)
    upper = filling / total
    fill = np.full(rate.shape[1], 0.65)  # a European January
    for row, share in zip(upper, keep, strict=True):
        fill = row + share * (fill - row)
        row[:] = fill
    lower = upper.copy()
    lower[0] = 0.60
    return upper, low_pass(lower, days, 25.0)


def _leaf_area(place: Geography, year: Floats) -> Floats:
    """Mean leaf area of each cell in the course of the year, (time, cells); spring is later in the north."""
    least, rise, peak, sharp = np.array([_LEAVES[name] for name in REGIMES])[place.regime].T
    peak = (2.0 * np.pi / 365.25) * (peak + 1.5 * (place.lat - 46.0))
    return np.asarray(least + rise * np.exp(sharp * (np.cos(year - peak) - 1.0)))
