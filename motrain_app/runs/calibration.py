"""The prediction intervals of a run: calibrated on what members withheld, and checked fold by fold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motrain_app.operators import SEASONS, ResidualQuantiles
from motrain_app.operators.calibration import calibrate
from motrain_app.operators.interval import kept_level
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.plan import Plan
from motrain_app.skill import held_out_coverage

COVERAGE_COLUMNS = ("output", "season", "level", "coverage", "low", "high", "n", "effective", "pooled")
YEAR = "year"  # in the column `season`: all of them together


@dataclass(frozen=True, eq=False)
class Residuals:
    """Observed − predicted of the rows that members of a partition withheld; test rows are not among them.

    Attributes
    ----------
    values
        float32, [n_outputs, rows], in the outputs' units; NaN where an output is missing.
    time
        datetime64, shape (rows,).
    fold
        int16, shape (rows,): the member that withheld the row.
    """

    values: NDArray[np.float32]
    time: NDArray[np.datetime64]
    fold: NDArray[np.int16]

    @classmethod
    def read(cls, file: BlockFile, position: int, plan: Plan) -> "Residuals":
        """Read those of the partition at a position of a block file."""
        rows = file.rows(position)
        withheld = rows["fold"] >= 0
        # Both sides are without the offset of the output, so that nothing is lost in the difference.
        values = rows["observed"][:, withheld] - rows["predicted"][:, withheld]
        return cls(values, plan.time[rows["time"][withheld]], rows["fold"][withheld])

    def quantiles(self) -> ResidualQuantiles | None:
        """Return their quantiles by season, for an operator; None where nothing was withheld."""
        return calibrate(self.values, self.time) if len(self.time) else None


def coverage_frame(residuals: Residuals, plan: Plan, *, level: float, key: tuple[int, int]) -> pd.DataFrame:
    """Return how often intervals hold rows that did not calibrate them, one line an output and season.

    Parameters
    ----------
    residuals
        Of one partition.
    level
        As in `motrain_app.operators.Operator.interval`.
    key
        Seed and partition, of the random numbers of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        See `Run.coverage`.
    """
    found = held_out_coverage(residuals.values, residuals.time, residuals.fold, level=level, key=key)
    names = [*SEASONS, YEAR]
    columns = {
        "output": np.repeat([output.name for output in plan.outputs], len(names)),
        "season": np.tile(names, len(plan.outputs)),
        "level": np.full(found.value.size, kept_level(level)),
        "coverage": found.value.ravel(),
        **{name: getattr(found, name).ravel() for name in COVERAGE_COLUMNS[4:]},
    }
    return pd.DataFrame(columns)
