"""Tables of scores: one line for each partition, output and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
        "" without one), `baseline_value`, all of one length.

    Raises
    ------
    ValueError
        If there are not as many names as scores.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import score_outputs
    >>> scores = score_outputs([[1.0, 2.0]], [[1.5, 2.5]], {}, np.arange(2), metrics=["bias", "rmse"], key=0)
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
    return {
        "partition": column(np.asarray(partitions, dtype=str), (0,)),
        "output": column(np.asarray(outputs, dtype=str), (1,)),
        "metric": column(np.asarray(scores.metrics, dtype=str), (2,)),
        "value": scores.value.ravel(),
        "low": scores.low.ravel(),
        "high": scores.high.ravel(),
        "n": column(scores.n.astype(np.int64), (0, 1)),
        "baseline": column(names[scores.baseline], (0, 1)),
        "baseline_value": scores.baseline_value.ravel(),
    }


def score_frame(scores: Scores, *, partitions: Sequence[str], outputs: Sequence[str]) -> pd.DataFrame:
    """Return the columns of `score_table` as a data frame."""
    import pandas as pd

    return pd.DataFrame(score_table(scores, partitions=partitions, outputs=outputs))
