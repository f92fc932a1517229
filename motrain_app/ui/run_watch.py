"""What a run has come to, partition by partition: read from its store with a cursor, a few times a second."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs import Run, RunFolder
from motrain_app.runs.origins import Origins
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, FAILED, SKIPPED, WAITING, RunStore
from motrain_app.skill import unpack_scores

STATES = (WAITING, DONE, FAILED, SKIPPED)


class RunWatch:
    """State and out-of-fold skill of every partition of a run, brought up to date by `look`.

    Parameters
    ----------
    run
        Finished, running, or just started.

    Attributes
    ----------
    state
        int8, shape (n_partitions,): index into `STATES`.
    skill
        Skill over the best baseline, [n_partitions, n_outputs]; NaN until a partition is done.
    taken_over
        Partitions that were taken over, by the run that trained them, the most first.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._folder = RunFolder(run.path)
        self._seq = -1
        self.plan: Plan | None = None
        self.state: NDArray[np.int8] = np.zeros(0, np.int8)
        self.skill: NDArray[np.float64] = np.zeros((0, 0))
        self.taken_over: dict[str, int] = {}

    def look(self) -> bool:
        """Take in what is new, and say whether anything is."""
        if self.plan is None:
            if not (self._folder.plan.exists() and self._folder.store.exists()):
                return False
            self.plan = Plan.load(self._folder.plan)
            self.state = np.zeros(self.plan.n_partitions, np.int8)
            self.skill = np.full((self.plan.n_partitions, len(self.plan.outputs)), np.nan)
        with RunStore(self._folder.store) as store:
            new = store.partitions(since=self._seq)
            self.taken_over = Origins(store).counts() if new else self.taken_over
        if not new:
            return False
        self._seq = max(row.seq for row in new)
        numbers = [row.number for row in new]
        self.state[numbers] = [STATES.index(row.state) for row in new]
        done = [row for row in new if row.scores is not None]
        if done:
            packed = np.array([row.scores for row in done]).reshape(len(done), len(self.plan.outputs), -1)
            scores = unpack_scores(packed, metrics=self.plan.metrics, baselines=self.plan.baselines)
            at = self.plan.metrics.index("skill")
            self.skill[[row.number for row in done]] = scores.value[:, :, at]
        return True

    def cells(self, of_partition: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return values of partitions as values of cells, of the first period where there are several."""
        assert self.plan is not None
        region = self.plan.region_of_cell
        first = of_partition.reshape(-1, self.plan.n_periods)[:, 0]
        return np.where(region >= 0, first[region], np.nan)

    @property
    def counts(self) -> dict[str, int]:
        """Partitions in each state, those with none left out."""
        counts = np.bincount(self.state, minlength=len(STATES)).tolist()
        return {state: number for state, number in zip(STATES, counts, strict=True) if number}
