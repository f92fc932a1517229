"""Tables of scores: one line for each partition, output and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray
from motrain_app.skill.registry import get_metric_or_stand_in
from motrain_app.skill.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["score_frame", "score_table"]


def score_table(scores: Scores, *, partitions: Sequence[str], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of the table, partitions slowest and metrics fastest.

    Parameters
    ----------
    scores
        Of one partition, or of all of them (`unpack_scores` of their stacked rows).
    partitions, outputs
        Names, in the order of the scores.

    Returns
    -------
    dict
        Arrays `partition`, `output`, `metric`, `value`, `low`, `high`, `n` (integers), `baseline` (its name,
        "" without one), `baseline_value`, `p`, all of one length. The baseline is the best one, by RMSE; of a skill
        over another it is that one. `p` is the p-value of no difference in MSE from it, for skills alone. `n` counts
        the rows that a score is of: with observed and predicted, and what else it takes; see `Scores.rows`.

    Raises
    ------
    ValueError
        If there are not as many names as scores.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import score_outputs
    >>> time = np.array(["2010-01-01", "2010-01-02"], "datetime64[D]")
    >>> scores = score_outputs([[1.0, 2.0]], [[1.5, 2.5]], {}, time, metrics=["bias", "rmse"], key=0)
    >>> table = score_table(scores, partitions=["north"], outputs=["sig"])
    >>> [str(name) for name in table["metric"]], table["value"]
    (['bias', 'rmse'], array([0.5, 0.5]))
    """
    shape = (len(partitions), len(outputs), len(scores.metrics))
    if scores.value.size != np.prod(shape) or scores.value.shape[-2:] != shape[1:]:
        raise ValueError(
            f"scores of shape {scores.value.shape} do not fit {shape[0]} partitions, {shape[1]} outputs "
            f"and {shape[2]} metrics"
        )

    def column(values: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
        """Repeat values, which vary along these axes only, over the others."""
        sizes = [shape[axis] if axis in axes else 1 for axis in range(3)]
        return np.broadcast_to(values.reshape(sizes), shape).ravel()

    # The name of no baseline stands last, where index −1 finds it.
    names = np.array([*scores.baselines, ""])
    against = _against(scores)
    return {
        "partition": column(np.asarray(partitions, dtype=str), (0,)),
        "output": column(np.asarray(outputs, dtype=str), (1,)),
        "metric": column(np.asarray(scores.metrics, dtype=str), (2,)),
        "value": scores.value.ravel(),
        "low": scores.low.ravel(),
        "high": scores.high.ravel(),
        "n": scores.rows.ravel().astype(np.int64),
        "baseline": names[against].ravel(),
        "baseline_value": _baseline_values(scores, against).ravel(),
        "p": _p_values(scores, against).ravel(),
    }


def _against(scores: Scores) -> NDArray[np.intp]:
    """Index of the baseline that each score stands beside, (..., outputs, metrics); −1 without one."""
    against = np.repeat(scores.baseline[..., None], len(scores.metrics), axis=-1)
    for number, name in enumerate(scores.metrics):
        over = get_metric_or_stand_in(name).over
        if over:
            against[..., number] = scores.baselines.index(over) if over in scores.baselines else -1
    return against


def _of_baseline(values: FloatArray, against: NDArray[np.intp]) -> FloatArray:
    """Pick from (..., baselines, outputs, metrics) what belongs to each score; NaN without a baseline."""
    if not values.shape[-3]:
        return np.full(against.shape, np.nan)
    picked = np.take_along_axis(values, np.maximum(against, 0)[..., None, :, :], axis=-3)[..., 0, :, :]
    return np.where(against >= 0, picked, np.nan)


def _baseline_values(scores: Scores, against: NDArray[np.intp]) -> FloatArray:
    return _of_baseline(scores.baseline_values, against)


def _p_values(scores: Scores, against: NDArray[np.intp]) -> FloatArray:
    compares = np.array([get_metric_or_stand_in(name).needs_baseline for name in scores.metrics], bool)
    every = np.broadcast_to(scores.p[..., None], (*scores.p.shape, len(scores.metrics)))
    return np.where(compares, _of_baseline(every, against), np.nan)


def score_frame(scores: Scores, *, partitions: Sequence[str], outputs: Sequence[str]) -> pd.DataFrame:
    """Return the columns of `score_table` as a data frame.

    Its attribute ``most_rows`` is the number of rows with observed and predicted, of the partition and output that have
    the most: 0 where there is nothing to score, whatever the scores ask for.
    """
    import pandas as pd

    frame = pd.DataFrame(score_table(scores, partitions=partitions, outputs=outputs))
    frame.attrs["most_rows"] = int(scores.n.max(initial=0))
    return frame
