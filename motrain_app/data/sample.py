"""The sample dataset: demonstration data over western Europe whose truth is known.

States come from a small weather of its own, observations from one true operator in each of three regimes,
seen by a polar orbiter at irregular times, with AR(1) noise, gaps and frozen soil. Nothing in it was
measured, except the coastline.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from motrain_app.data.sample_geography import Geography, geography, sample_regions
from motrain_app.data.sample_numbers import Stream, autoregressive, cell_normals, cell_uniforms
from motrain_app.data.sample_orbit import Overpasses, overpasses
from motrain_app.data.sample_states import Weather, make_states, make_weather
from motrain_app.data.sample_truth import (
    NOISE,
    OUTPUTS,
    REGIMES,
    STATES,
    Noise,
    TrueOperator,
    read_truth,
    true_operator,
    truth_document,
)

__all__ = [
    "NOISE",
    "OUTPUTS",
    "REGIMES",
    "STATES",
    "Noise",
    "TrueOperator",
    "make_sample",
    "read_truth",
    "sample_regions",
    "true_operator",
    "write_sample",
]

Regimes = Literal[1, 2, 3]

_BLOCK = 200  # cells made at once, and cells in a chunk on disk
_TIME_CHUNK = 1000

_ATTRIBUTES: dict[str, dict[str, str]] = {
    "TG1": {"long_name": "temperature of the soil surface layer", "units": "K"},
    "TG2": {"long_name": "temperature of the deep soil layer", "units": "K"},
    "WG1": {"long_name": "volumetric moisture of the soil surface layer", "units": "m3 m-3"},
    "WG2": {"long_name": "volumetric moisture of the root zone", "units": "m3 m-3"},
    "LAI": {"long_name": "leaf area index", "units": "m2 m-2", "standard_name": "leaf_area_index"},
    "WR": {"long_name": "water intercepted by the canopy", "units": "kg m-2"},
    "backscatter": {"long_name": "backscatter at 40 degrees incidence", "units": "dB"},
    "slope": {"long_name": "slope of backscatter with incidence angle at 40 degrees", "units": "dB/deg"},
    "truth_backscatter": {"long_name": "backscatter without noise (known truth)", "units": "dB"},
    "truth_slope": {
        "long_name": "slope of backscatter without noise (known truth)",
        "units": "dB/deg",
    },
}

# Share of single observations missing, and share of stretches of twelve passes missing as a whole.
_GAPS = {
    "backscatter": (Stream.GAPS_BACKSCATTER, 0.02, 0.03),
    "slope": (Stream.GAPS_SLOPE, 0.07, 0.05),
}
_NOISE_STREAMS = {"backscatter": Stream.NOISE_BACKSCATTER, "slope": Stream.NOISE_SLOPE}


def make_sample(*, cells: int = 400, years: int = 8, seed: int = 0, regimes: Regimes = 3) -> xr.Dataset:
    """Make the sample dataset in memory.

    Parameters
    ----------
    cells
        Number of land cells; they fill western Europe, so more cells lie closer.
    years
        Calendar years from 2010 on.
    seed
        Not negative. The same seed gives the same numbers, bit by bit.
    regimes
        How many regimes the truth has: 3; 2 (cropland where the forest was); or 1 (cropland everywhere: then
        no partitioning pays for slope, and for backscatter only as far as a learner misses its curvature).

    Returns
    -------
    Dataset in canonical form, dims space and time, float32:

    states (space, time), NaN where no pass sees the cell
        TG1, TG2 (K), WG1, WG2 (m³/m³), LAI (m²/m²), WR (kg/m²)
    outputs (space, time), with gaps of their own
        backscatter (dB), slope (dB/deg)
    truth
        truth_backscatter, truth_slope (space, time) without noise, truth_regime (space), and the attribute
        `truth`: operators and noise as JSON (see `read_truth`)
    others
        altitude (m, space), ascending (time): 1 in the evening, 0 in the morning

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> ds = make_sample(cells=20, years=1)
    >>> dict(ds.sizes)["space"], ds["slope"].attrs["units"]
    (20, 'dB/deg')
    """
    plan = _Plan(cells=cells, years=years, seed=seed, regimes=regimes)
    shape = (cells, plan.passes.time.size)
    arrays = {name: np.empty(shape, dtype=np.float32) for name in _ATTRIBUTES}
    for block in plan.blocks():
        for name, values in plan.make(block).items():
            arrays[name][block.start : block.stop] = values
    return plan.dataset().assign(
        {name: (("space", "time"), values, _ATTRIBUTES[name]) for name, values in arrays.items()}
    )


def write_sample(
    path: str | os.PathLike[str],
    *,
    cells: int = 400,
    years: int = 8,
    seed: int = 0,
    regimes: Regimes = 3,
    overwrite: bool = False,
) -> Path:
    """Write the sample dataset as a Zarr store (format 3), block by block, with the memory of one block.

    The store appears under its name only when it is complete.

    Parameters
    ----------
    path
        The store to write, such as ``folder/data.zarr``; its folder is made.
    cells, years, seed, regimes
        As in `make_sample`; the same numbers result.
    overwrite
        Replace what is there.

    Returns
    -------
    The path.

    Raises
    ------
    FileExistsError
        If the path exists and is not to be overwritten.
    ValueError
        If a number is out of range.
    """
    import dask.array as da
    from zarr.errors import ZarrUserWarning

    target = Path(path)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already. Choose another path, or ask to overwrite it.")
    plan = _Plan(cells=cells, years=years, seed=seed, regimes=regimes)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        store = folder / target.name
        shape = (cells, plan.passes.time.size)
        chunks = (min(_BLOCK, shape[0]), min(_TIME_CHUNK, shape[1]))
        empty = da.zeros(shape, dtype=np.float32, chunks=chunks)
        template = plan.dataset().assign(
            {name: (("space", "time"), empty, attributes) for name, attributes in _ATTRIBUTES.items()}
        )
        with warnings.catch_warnings():
            # Zarr warns that its format 3 does not specify consolidated metadata yet; without them, xarray
            # warns everyone who opens the store.
            warnings.filterwarnings("ignore", "Consolidated metadata", category=ZarrUserWarning)
            template.to_zarr(store, mode="w-", compute=False, zarr_format=3, consolidated=True)
        for block in plan.blocks():
            part = xr.Dataset({n: (("space", "time"), v) for n, v in plan.make(block).items()})
            region = {"space": slice(block.start, block.stop), "time": slice(0, shape[1])}
            part.to_zarr(store, mode="r+", region=region, zarr_format=3, consolidated=False)
        if target.exists():
            os.replace(target, folder / "replaced")
        os.replace(store, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


class _Plan:
    """What is fixed for the whole dataset before the first block of cells is made."""

    def __init__(self, *, cells: int, years: int, seed: int, regimes: Regimes) -> None:
        for name, value, least, most in (
            ("cells", cells, 1, 1_000_000),
            ("years", years, 1, 60),
            ("seed", seed, 0, 2**63 - 1),
            ("regimes", regimes, 1, 3),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; the sample dataset takes {least} to {most}.")
        self.cells = cells
        self.seed = seed
        self.place: Geography = geography(cells, regimes=regimes)
        self.passes: Overpasses = overpasses(years=years, seed=seed)
        self.weather: Weather = make_weather(self.passes, seed=seed)
        self.present = tuple(name for name in REGIMES if regimes == 3 or name in _FEWER[regimes])

    def blocks(self) -> Iterator[range]:
        """Consecutive cells that are made together."""
        for first in range(0, self.cells, _BLOCK):
            yield range(first, min(first + _BLOCK, self.cells))

    def dataset(self) -> xr.Dataset:
        """The dataset without what depends on space and time."""
        codes = [REGIMES.index(name) for name in self.present]
        return xr.Dataset(
            {
                "altitude": (
                    "space",
                    self.place.altitude.astype(np.float32),
                    {"long_name": "altitude above sea level", "units": "m"},
                ),
                "truth_regime": (
                    "space",
                    self.place.regime,
                    {
                        "long_name": "regime (known truth)",
                        "flag_values": codes,
                        "flag_meanings": " ".join(self.present),
                    },
                ),
                "ascending": (
                    "time",
                    self.passes.ascending.astype(np.int8),
                    {
                        "long_name": "direction of the pass",
                        "flag_values": [0, 1],
                        "flag_meanings": "descending ascending",
                    },
                ),
            },
            coords={
                "lat": ("space", self.place.lat, {"standard_name": "latitude", "units": "degrees_north"}),
                "lon": ("space", self.place.lon, {"standard_name": "longitude", "units": "degrees_east"}),
                "time": ("time", self.passes.time, {"standard_name": "time", "long_name": "time of pass"}),
            },
            attrs={
                "title": "Sample dataset of motrain_app: simulated, with known truth",
                "source": f"motrain_app.data.sample, seed {self.seed}",
                "truth": truth_document(self.present),
            },
        )

    def make(self, block: range) -> dict[str, NDArray[np.float32]]:
        """States, outputs and truth of a block of cells, (cells, time)."""
        place = self.place.of(block)
        states = make_states(self.weather, place, self.passes, cells=block, seed=self.seed)
        unseen = ~self.passes.seen(place.lat, place.lon)
        x = np.stack([states.pop(name) for name in STATES], axis=-1).astype(np.float32)
        x[unseen] = np.nan
        made = {name: x[..., column].T for column, name in enumerate(STATES)}

        # The truth is computed from the states as stored, so that it is a function of them to the last digit.
        truth = np.full((*unseen.shape, len(OUTPUTS)), np.nan)
        for code in np.unique(place.regime):
            here = place.regime == code
            truth[:, here] = true_operator(int(code))(x[:, here])
        for column, name in enumerate(OUTPUTS):
            made[f"truth_{name}"] = truth[..., column].astype(np.float32).T
            observed = truth[..., column] + self._noise(name, block)
            observed[self._missing(name, block)] = np.nan
            made[name] = observed.astype(np.float32).T
        return made

    def _noise(self, output: str, block: range) -> NDArray[np.float64]:
        """Noise of one output, (time, cells)."""
        noise = NOISE[output]
        shocks = cell_normals(self.seed, _NOISE_STREAMS[output], block, self.passes.days.size)
        return np.asarray(noise.sd * autoregressive(shocks, self.passes.days, noise.efolding_days))

    def _missing(self, output: str, block: range) -> NDArray[np.bool_]:
        """Gaps of one output, (time, cells): single observations and stretches of about two weeks."""
        stream, single, stretch = _GAPS[output]
        passes = self.passes.time.size
        stretches = -(-passes // 12)
        draws = cell_uniforms(self.seed, stream, block, passes + stretches)
        long = np.repeat(draws[passes:] < stretch, 12, axis=0)[:passes]
        return np.asarray((draws[:passes] < single) | long)


_FEWER: dict[int, tuple[str, ...]] = {1: ("cropland",), 2: ("cropland", "mountain")}
