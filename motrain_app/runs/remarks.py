"""What a person should be told of the scores of a run: bias that cancels over the year.

A season's bias is beyond doubt where its 95 % interval does not hold zero. It is told of an output where that is so of
two seasons with biases of opposite sign, and the bias of the year is under half of either: the year hides both. Of
errors without any bias, two of four seasons are beyond doubt with opposite signs in 12 · 0.025², under one of a hundred
outputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motrain_app.operators import Variable

if TYPE_CHECKING:
    import pandas as pd

_SHARE = 0.5  # of a season's bias, below which that of the year hides it


def cancelling_bias(seasons: "pd.DataFrame", year: "pd.DataFrame", outputs: Sequence[Variable]) -> list[str]:
    """Return a sentence for each output whose bias cancels over the year.

    Parameters
    ----------
    seasons
        Biases, one row an output and season: columns output, group, value, low, high.
    year
        Likewise of the whole year: output, value.
    outputs
        With their units.
    """
    found = []
    whole = dict(zip(year["output"], year["value"].tolist(), strict=True))
    for output in outputs:
        rows = seasons[seasons["output"] == output.name]
        mine = [_Bias(*row) for row in rows[["group", "value", "low", "high"]].itertuples(index=False, name=None)]
        above, below = [one for one in mine if one.low > 0], [one for one in mine if one.high < 0]
        if not above or not below or output.name not in whole:
            continue
        most, least = max(above, key=_value), min(below, key=_value)
        if not abs(whole[output.name]) < _SHARE * min(most.value, -least.value):
            continue
        unit = f" {output.unit}" if output.unit not in ("", "1") else ""
        first, second = sorted((most, least), key=mine.index)
        digits = max(first.digits, second.digits)
        found.append(
            f"{output.name}: bias {first.words(digits, unit)} in {first.season} and {second.words(digits)} in "
            f"{second.season} cancel over the year ({whole[output.name]:+.{digits}f})."
        )
    return found


@dataclass(frozen=True)
class _Bias:
    """Bias of a season, with its interval."""

    season: str
    value: float
    low: float
    high: float

    @property
    def digits(self) -> int:
        """Digits behind the point that tell the ends of the interval apart."""
        return max(0, -math.floor(math.log10(self.high - self.low))) if self.high > self.low else 3

    def words(self, digits: int, unit: str = "") -> str:
        """Return the bias with its interval."""
        return f"{self.value:+.{digits}f}{unit} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def _value(bias: _Bias) -> float:
    return bias.value
