"""Random folds: what most papers hold out, and why their scores are too good."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from motrain_app.design.identity import combine_ids
from motrain_app.design.periods import Times
from motrain_app.design.splitters import Holdout, as_days, as_whole, splitter_kind


@splitter_kind("random")
@dataclass(frozen=True, slots=True)
class LeaveRandomOut:
    """Leave random calendar days out, the same days in all cells.

    A day that is held out lies next to days that are learned from, and its errors resemble theirs: scores are too good
    for a new year. It is here to measure by how much, and to repeat what papers report.

    Parameters
    ----------
    folds
        Number of folds; each day belongs to one of them, whatever other days the record has.
    seed
        Whole number from 0 on; another one draws other folds.
    embargo
        Days on both sides of each held-out day whose rows are dropped from that fold's training.

    Examples
    --------
    >>> import numpy as np
    >>> time = np.arange("2010-01-01", "2010-01-09", dtype="datetime64[D]")
    >>> for fold in LeaveRandomOut(folds=3).holdouts(time):
    ...     print(fold.name, fold.contains(time).astype(int))
    random 1 [1 1 0 1 1 0 0 1]
    random 2 [0 0 1 0 0 0 1 0]
    random 3 [0 0 0 0 0 1 0 0]
    """

    folds: int = 10
    seed: int = 0
    embargo: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "folds", as_whole(self.folds, 3, 100, "number of random folds"))
        object.__setattr__(self, "seed", as_whole(self.seed, 0, 2**63 - 1, "seed of the random folds"))
        object.__setattr__(self, "embargo", as_days(self.embargo, "jackknife"))

    def holdouts(self, time: Times) -> list[Holdout]:
        """Return the folds, each of whole days that have a time: an embargo around other days would guard nothing."""
        days = np.unique(time.astype("datetime64[D]"))
        words = combine_ids(self.seed, days.astype(np.int64).view(np.uint64))
        fold = words % np.uint64(self.folds)
        parts = ((number, days[fold == number]) for number in range(self.folds))
        return [Holdout(f"random {n + 1}", np.stack([some, some + 1], axis=1)) for n, some in parts if len(some)]

    def to_json(self) -> dict[str, Any]:
        """Return the splitter as plain JSON values."""
        return {"kind": "random", "folds": self.folds, "seed": self.seed, "embargo": self.embargo}
