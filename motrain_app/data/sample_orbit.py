"""Overpasses of the sample dataset: when a polar orbiter sees which cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.data.sample_geography import CENTRE, EAST, NORTH, SOUTH, WEST
from motrain_app.data.sample_numbers import Stream

Floats = NDArray[np.float64]

ORBITS, CYCLE_DAYS = 412, 29  # ground tracks repeat after this many orbits and days, as those of Metop do
_LOCAL_HOURS = {False: 9.5, True: 21.5}  # local solar time of the descending and of the ascending pass
_HALF_SWATH_KM = 700.0
_TILT = 0.40  # degrees of longitude that a track moves for one of latitude near 48° N
_KEPT = 0.55  # share of the passes that reached the archive
_FIRST = np.datetime64("2010-01-01", "ns")


@dataclass(frozen=True, slots=True)
class Overpasses:
    """Passes over western Europe, in the order of time.

    Attributes
    ----------
    time
        datetime64[ns] (time,), to the minute, increasing.
    days
        The same in days since the first midnight, (time,).
    track
        Longitude of the ground track at 48° N in degrees, (time,).
    ascending
        True for the evening pass, (time,).
    """

    time: NDArray[np.datetime64]
    days: Floats
    track: Floats
    ascending: NDArray[np.bool_]

    def seen(self, lat: Floats, lon: Floats) -> NDArray[np.bool_]:
        """Whether a pass sees a place, (time, cells)."""
        tilt = np.where(self.ascending, -_TILT, _TILT)[:, None]
        offset = lon - (self.track[:, None] + tilt * (lat - CENTRE[1]))
        # Across the track, which lies about 15° off the meridian here.
        across = offset * 111.2 * np.cos(np.radians(lat)) * np.cos(np.radians(15.0))
        return np.asarray(np.abs(across) <= _HALF_SWATH_KM)


def overpasses(*, years: int, seed: int) -> Overpasses:
    """Passes from 2010-01-01 on, for whole calendar years.

    The orbit is sun-synchronous: morning passes descend at 9:30 local solar time and evening passes ascend at
    21:30, so the hour fixes the longitude. A pass counts when it sees a good part of the map. Not every pass
    reaches the archive, and about three times a year the instrument is off for some days: hence irregular
    dates.
    """
    end = np.datetime64(f"{2010 + years}-01-01", "ns")
    length = (end - _FIRST) / np.timedelta64(1, "D")
    starts = np.arange(int(length * ORBITS / CYCLE_DAYS)) * (CYCLE_DAYS / ORBITS)
    days = np.concatenate([starts, starts + 0.5 * CYCLE_DAYS / ORBITS])
    ascending = np.repeat([False, True], starts.size)
    hour = days % 1.0 * 24.0
    local = np.where(ascending, _LOCAL_HOURS[True], _LOCAL_HOURS[False])
    track = (15.0 * (local - hour) + 180.0) % 360.0 - 180.0

    rng = np.random.default_rng([seed, Stream.OUTAGES])
    archived = rng.random(days.size) < _KEPT
    off = rng.uniform(0.0, length, 3 * years)
    pause = rng.uniform(1.5, 7.0, off.size)
    paused = ((days[:, None] >= off) & (days[:, None] < off + pause)).any(axis=1)

    order = np.flatnonzero(archived & ~paused & (_share_of_map(track, ascending) >= 0.3))
    order = order[np.argsort(days[order])]
    minutes = np.round(days[order] * 1440.0).astype(np.int64)
    return Overpasses(
        time=_FIRST + minutes.astype("timedelta64[m]"),
        days=minutes / 1440.0,
        track=track[order],
        ascending=ascending[order],
    )


def _share_of_map(track: Floats, ascending: NDArray[np.bool_]) -> Floats:
    """Share of the map, land or not, that each pass sees, (passes,)."""
    lon, lat = np.meshgrid(np.linspace(WEST, EAST, 15), np.linspace(SOUTH, NORTH, 11))
    none = np.zeros(track.shape)
    passes = Overpasses(none.astype("datetime64[ns]"), none, track, ascending)
    return np.asarray(passes.seen(lat.ravel(), lon.ravel()).mean(axis=1))
