"""Identities that never change.

Whatever random number, file or score belongs to a partition is keyed by its id, a 64-bit integer. Ids are
hashes of what a person named or placed (a region's id, a cell's position), never of an order, so that adding
one region changes nothing for the others.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

IdArray = NDArray[np.uint64]
GAMMA = np.uint64(0x9E3779B97F4A7C15)  # the golden ratio, odd: what SplitMix64 adds at each step


def id_of_text(text: str) -> int:
    """Return the 64-bit id of a text.

    Examples
    --------
    >>> id_of_text("alps") == id_of_text("alps"), id_of_text("alps") == id_of_text("Alps")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def ids_of_positions(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> IdArray:
    """Return one id a cell from its position in units of 1e-5 degrees (about a metre).

    Cells that share a position are told apart by their order among each other.

    Parameters
    ----------
    lat, lon
        Degrees, shape (n,).
    """
    place = np.round(lat * 1e5).astype(np.int64) * 40_000_000 + np.round(lon * 1e5).astype(np.int64)
    order = np.argsort(place, kind="stable")
    ranked = place[order]
    first = np.r_[True, ranked[1:] != ranked[:-1]] if len(place) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(place)), 0))
    repeat = np.empty(len(place), np.uint64)
    repeat[order] = (np.arange(len(place)) - start).astype(np.uint64)
    return combine_ids(place.view(np.uint64), repeat)


def combine_ids(first: IdArray | int, second: IdArray | int) -> IdArray:
    """Return ids of pairs, such as region × period: the splitmix64 finaliser of both words, elementwise.

    References
    ----------
    Steele, Lea & Flood (2014): Fast splittable pseudorandom number generators. OOPSLA.
    """
    with np.errstate(over="ignore"):
        mixed = _mix(np.asarray(first, np.uint64)) + GAMMA + np.asarray(second, np.uint64)
        return _mix(mixed)


def _mix(word: IdArray) -> IdArray:
    with np.errstate(over="ignore"):
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return word ^ (word >> np.uint64(31))
