"""Values and classes become levels of one byte, and levels become colours.

Level 0 is nothing (no cell there), level 1 a cell without a value, levels 2 to 255 the values from the lower to the
upper limit. One byte a pixel is what the browser is sent at a recolouring; a change of theme sends only colours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from bokeh.palettes import RdBu11, Viridis256, interp_palette
from numpy.typing import ArrayLike, NDArray

Palette = Literal["sequential", "diverging"]
Limits = tuple[float, float]

NOTHING = 0
NO_DATA = 1
FIRST_LEVEL = 2
LEVELS = 256 - FIRST_LEVEL

_CLEAR = "#00000000"
_NO_DATA_COLOURS = {False: "#c3c8cd", True: "#4a5158"}  # by "dark": between the ground and any value
_SHOWN_SHARE = (2.0, 98.0)  # percent of the values between the limits: some outliers do not wash out the rest
_LOOKED_AT = 200_000  # values from which limits are taken

# Red is the high end and blue the low one, as for temperatures; told apart in all common kinds of colour blindness.
_DIVERGING = tuple(interp_palette(RdBu11, LEVELS))
_SEQUENTIAL = tuple(Viridis256[round(i * 255 / (LEVELS - 1))] for i in range(LEVELS))

# The first seven are those of Okabe and Ito (2008, https://jfly.uni-koeln.de/color) without black, which is lost
# on a dark ground; the eighth is Tol's indigo. They stay apart in deuteranopia and protanopia. The others were
# chosen one by one, each as far as can be from all before it, from no data and from white (in Oklab).
CATEGORICAL = (
    *("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#332288"),
    *("#87000f", "#a53c78", "#5ae196", "#8778e1", "#875a00", "#46d6e6", "#690f5a", "#96b487"),
    *("#693c96", "#004b2d", "#1e784b", "#ff96c3", "#87874b", "#ffc369", "#966987", "#783c5a"),
)
_CLASS_LEVELS = LEVELS // len(CATEGORICAL) * len(CATEGORICAL)  # so that colours keep their order when they return

_HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")


def quantise(values: ArrayLike, limits: Limits) -> NDArray[np.uint8]:
    """
    Return the level of each value: the outermost for what lies beyond the limits, NO_DATA for what is not finite.

    Raises
    ------
    ValueError
        If the limits are not two finite numbers, the lower one first.

    Examples
    --------
    >>> quantise([0, 0.5, 1, 7, np.nan], (0, 1)).tolist()
    [2, 129, 255, 255, 1]
    """
    low, high = check_limits(limits)
    share = np.array(values, np.float64)
    nothing = ~np.isfinite(share)
    share[nothing] = low
    share -= low
    share *= LEVELS / (high - low)
    # Clipped before the cast, which would wrap; the upper limit itself belongs to the last level.
    levels = np.clip(share, 0, LEVELS - 1, out=share).astype(np.uint8) + np.uint8(FIRST_LEVEL)
    levels[nothing] = NO_DATA
    return levels


def class_levels(codes: ArrayLike) -> NDArray[np.uint8]:
    """
    Return the level of each class; NO_DATA for negative codes, which stand for "in no class".

    With more classes than levels, colours return as they do in `class_colours`.

    Examples
    --------
    >>> class_levels([0, 1, -1]).tolist()
    [2, 3, 1]
    """
    codes = np.asarray(codes)
    return np.where(codes < 0, NO_DATA, codes % _CLASS_LEVELS + FIRST_LEVEL).astype(np.uint8)


def class_colours(n: int, colours: Sequence[str] | None = None) -> tuple[str, ...]:
    """
    Return a colour for each of n classes, the given ones or CATEGORICAL again and again.

    Raises
    ------
    ValueError
        If a given colour is not written as ``#rrggbb``, or if there are fewer than classes.
    """
    if colours is None:
        return tuple(CATEGORICAL[i % len(CATEGORICAL)] for i in range(n))
    wrong = [colour for colour in colours if not _HEX.match(str(colour))]
    if wrong or len(colours) < n:
        raise ValueError(f"{n} colours like #0072b2 are needed, not {wrong[0]!r}" if wrong else f"{n} colours needed")
    return tuple(str(colour) for colour in colours[:n])


def palette(colours: Sequence[str], *, dark: bool) -> list[str]:
    """Return 256 colours, one a level, for a figure on a light or a dark ground."""
    levels = [colours[i % len(colours)] for i in range(LEVELS)] if colours else [_CLEAR] * LEVELS
    return [_CLEAR, no_data_colour(dark=dark), *levels]


def no_data_colour(*, dark: bool) -> str:
    """Return the colour of a cell without a value."""
    return _NO_DATA_COLOURS[dark]


def value_colours(name: Palette) -> tuple[str, ...]:
    """Return the colours of the levels, from the lower to the upper limit."""
    if name not in ("sequential", "diverging"):
        raise ValueError(f"no palette {name!r}; there are sequential and diverging")
    return _SEQUENTIAL if name == "sequential" else _DIVERGING


def check_limits(limits: Sequence[float]) -> Limits:
    """Return the limits as two floats, or raise ValueError."""
    low, high = (float(value) for value in limits)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"limits are two numbers, the lower one first, not {limits}")
    return low, high


def robust_limits(values: ArrayLike, name: Palette = "sequential") -> Limits:
    """
    Return limits between which 96 % of the values lie, symmetric about 0 for a diverging palette.

    Never of no width: one value alone, or none, has limits about it.

    Examples
    --------
    >>> robust_limits(np.arange(101))
    (2.0, 98.0)
    >>> robust_limits([-1.0, 0.0, 3.0], "diverging")
    (-2.88, 2.88)
    """
    values = np.asarray(values)
    # Of very many values every n-th will do; n is odd so as not to keep step with the rows of a grid.
    values = values[:: max(1, values.size // _LOOKED_AT) | 1].astype(np.float64)
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, _SHOWN_SHARE).tolist() if values.size else (0.0, 1.0)
    if name == "diverging":
        high = max(abs(low), abs(high))
        low = -high
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value, or none but rounding apart
        half = abs(high) / 10 or 0.5
        low, high = low - half, high + half
    return _rounded(low, high)


def _rounded(low: float, high: float) -> Limits:
    """Return limits with three digits of their span: people read them, and may type them."""
    digits = 2 - math.floor(math.log10(high - low))
    low, high = round(low, digits), round(high, digits)
    return low + 0.0, high + 0.0  # not −0


def ticks(limits: Limits, *, about: int = 5) -> list[float]:
    """
    Return round numbers strictly between the limits, as many as can be up to `about`.

    Examples
    --------
    >>> ticks((0, 1))
    [0.2, 0.4, 0.6, 0.8]
    >>> ticks((-13.2, -7.9))
    [-13.0, -12.0, -11.0, -10.0, -9.0, -8.0]
    """
    low, high = check_limits(limits)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.85)
    first, last = math.floor(low / step) + 1, math.ceil(high / step) - 1
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(number * step, digits) + 0.0 for number in range(first, last + 1)]


def number_text(value: float, span: float | None = None) -> str:
    """
    Return a number for people: a true minus sign, no exponent where none is needed, no idle zeros.

    Parameters
    ----------
    value
        A number; what is not finite is "no data".
    span
        Range of the numbers beside which it stands: it is told to a thousandth of it. Without, to four digits.

    Examples
    --------
    >>> number_text(-0.000123456), number_text(1234567.0), number_text(3.0)
    ('−0.0001235', '1.235e6', '3')
    >>> number_text(101325.43, 20.0)
    '101325.43'
    """
    if not math.isfinite(value):
        return "no data"
    size = abs(value)
    decimals = 3 - math.floor(math.log10(size if span is None else span)) if size else 0
    if size == 0 or (1e-5 <= size < 1e5) or (span is not None and 1e5 <= size < 1e9 and decimals > -2):
        text = f"{round(value, decimals):.{max(0, decimals)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, exponent = f"{value:.3e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return ("0" if text == "-0" else text).replace("-", "−")
