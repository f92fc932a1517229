"""Values that stand for "missing" without the file saying so."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from motrain_app.data.value_scan import Tally

# Customary ones. 0 is among them for temperatures in kelvin; it counts only far outside all other values.
_CUSTOMARY = (
    *(sign * value for value in (99, 999, 9999, 99999, 999999, 99.9, 999.9, 9999.9, 99.99, 999.99) for sign in (-1, 1)),
    *(sign * value for value in (1e10, 1e15, 1e20, 1e30, 1e35, 1e36, 1e37, 9.96921e36) for sign in (-1, 1)),
    *(-32768, 32767, -32767, -2147483648, 2147483647, 65535, 255, -128, -1e34, 0),
    *(9.969209968386869e36, float(np.float32(3.4028235e38)), -float(np.float32(3.4028235e38))),
)
# A customary value must lie this many times the range of all others away from them, any other value many
# times.
_FAR, _ZERO_FAR, _VERY_FAR = 0.5, 1.5, 10.0
_ABSURD = 1e4  # so many times the range of all others away, once is enough: it would decide every fit alone
_FEWEST_REPEATS_CUSTOMARY, _FEWEST_REPEATS = 2, 3
_MOST_AT_AN_END = 3  # values that are no customary ones; more of them are no slips
_FEWEST_LEFT = 3  # distinct values: of fewer, all may be classes

Ends = list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A suspected sentinel and how often it occurs."""

    value: float
    count: int


def find_sentinels(tally: Tally) -> list[Sentinel]:
    """Exact values that are isolated far outside all others, and repeated, or absurdly far.

    Examples
    --------
    >>> tally = Tally(count=100, lowest={-999.0: 7, 0.1: 1, 0.2: 1}, highest={0.5: 1, 0.4: 1})
    >>> find_sentinels(tally)
    [Sentinel(value=-999.0, count=7)]
    """
    low = sorted(tally.lowest.items())
    high = sorted(tally.highest.items(), reverse=True)
    if not low or low[0][0] == high[0][0]:
        return []
    suspects_low = _leading_customary(low)
    suspects_high = _leading_customary(high)
    rest_low, rest_high = low[len(suspects_low) :], high[len(suspects_high) :]
    if not rest_low or not rest_high or rest_low[0][0] > rest_high[0][0]:
        return []
    n_low, n_high = _isolated(rest_low, rest_high)
    isolated = [Sentinel(*one) for one in (*rest_low[:n_low], *rest_high[:n_high])]
    bottom, top = rest_low[n_low][0], rest_high[n_high][0]
    extent = max(top - bottom, abs(bottom) * 1e-6, abs(top) * 1e-6)

    def is_far(value: float, count: int) -> bool:
        far = _ZERO_FAR if value == 0 else _FAR
        far = far if count >= _FEWEST_REPEATS_CUSTOMARY else _ABSURD
        return bottom < top and max(bottom - value, value - top) > far * extent

    suspects = (*suspects_low, *suspects_high)
    found = [Sentinel(value, count) for value, count in suspects if is_far(value, count)]
    return found + isolated


def _leading_customary(ends: Ends) -> Ends:
    """The outermost values as long as they are customary sentinels; one other value at least is left."""
    leading: Ends = []
    for value, count in ends[:-1]:
        with np.errstate(over="ignore"):  # beyond float32 it is infinite, and no customary one
            single = np.float32(value)
        if not any(value == known or single == np.float32(known) for known in _CUSTOMARY):
            break
        leading.append((value, count))
    return leading


def _isolated(low: Ends, high: Ends) -> tuple[int, int]:
    """How many of the outermost values at each end are no customary ones but very far from all others.

    Both ends are looked at together, and several values of each: two absurd values lie in each other's range.
    """
    most = (0, 0)
    for n_low, n_high in itertools.product(range(_MOST_AT_AN_END + 1), repeat=2):
        if min(len(low), len(high)) - n_low - n_high < _FEWEST_LEFT:
            continue
        bottom, top = low[n_low][0], high[n_high][0]
        far = all(
            value != 0
            and max(bottom - value, value - top) > (_VERY_FAR if count >= _FEWEST_REPEATS else _ABSURD) * (top - bottom)
            for value, count in (*low[:n_low], *high[:n_high])
        )
        if far and bottom < top:
            most = max(most, (n_low, n_high), key=sum)
    return most
