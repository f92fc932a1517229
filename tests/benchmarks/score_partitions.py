"""Score partitions of 5,000 rows and three outputs in turn; print the seconds on the wall. No test: a script.

Arguments: partitions, replicates of the bootstrap (0 for none), cells of a partition, turns, of which the best counts.
"""

import sys
import time

import numpy as np
from scipy.signal import lfilter

from motrain_app.skill import COVERAGE_LEVEL, OVER, judge_folds, metric_names, scores_of, sum_outputs

ROWS, OUTPUTS = 5000, 3


def main(partitions: int, replicates: int, cells: int) -> float:
    """Score so many partitions whose errors last for days; return the seconds that it takes."""
    random = np.random.default_rng(0)
    day = np.sort(random.integers(0, 3650, (cells, ROWS // cells))).ravel()
    when, cell = (
        np.datetime64("2007-01-01T06") + day.astype("timedelta64[D]"),
        np.repeat(np.arange(cells), ROWS // cells),
    )
    fold = when.astype("datetime64[Y]").astype(np.int64) - 37
    season = np.cos(2 * np.pi * (when - when[0]).astype("timedelta64[D]").astype(int) / 365.2425)
    pieces = []
    for _ in range(4):  # different ones in turn
        observed = season + random.standard_normal((OUTPUTS, ROWS))
        error = 0.2 * lfilter([1.0], [1.0, -0.9], random.standard_normal((OUTPUTS, ROWS)))
        shared = season + (0 if cells == 1 else 0.1 * random.standard_normal(cells)[cell]) + 0 * observed
        baselines = {
            "mean": np.zeros((OUTPUTS, ROWS)),
            "climatology": season + 0 * observed,
            "shared_climatology": shared,
            "ridge": 0.9 * observed,
        }
        pieces.append((observed, observed + error, baselines))
    metrics = (*metric_names(), *(OVER + name for name in pieces[0][2]))

    def summed():
        for number in range(partitions):
            observed, predicted, baselines = pieces[number % len(pieces)]
            within = judge_folds(observed - predicted, when, fold, level=COVERAGE_LEVEL)[0]
            options = {"cell": cell, "within": within, "metrics": metrics, "key": 0, "replicates": replicates}
            yield sum_outputs(observed, predicted, baselines, when, **options)

    begin = time.perf_counter()
    assert sum(1 for _ in scores_of(summed())) == partitions
    return time.perf_counter() - begin


if __name__ == "__main__":
    *choices, turns = map(int, sys.argv[1:])
    print(min(main(*choices) for _ in range(turns)))
