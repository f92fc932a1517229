"""What a learner gets and what it gives back: the rows of several partitions, and their members as one stack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.identity import IdArray, combine_ids, id_of_text
from motrain_app.design.splits import Folds
from motrain_app.operators.interfaces import AnyStack


@dataclass(frozen=True)
class Block:
    """Rows of a fixed list of partitions, partition after partition.

    Values are float32 minus the offset of their variable, as staged; a learner never needs the offset.

    Attributes
    ----------
    ids
        uint64, shape (n_partitions,).
    row_start
        int64, shape (n_partitions + 1,): partition p has the rows row_start[p]:row_start[p + 1].
    inputs, outputs
        float32, [n_inputs, n_rows] and [n_outputs, n_rows]; missing outputs are NaN.
    atom
        int32, shape (n_rows,): which class of times, see `Folds`.
    folds
        Which member may see which atom.
    seed
        Of the design.
    padded_rows
        The row count that stacked learners pad a block without its test rows to: the same for all blocks of a run, so
        that they share compiled programs.
    stack_slots
        How many members stacked learners train at once at most; the same for all blocks of a run.
    masked
        bool, shape (n_partitions,): partitions that keep their slots but are not trained in this attempt.
    output_offset
        What was subtracted from each output, shape (n_outputs,), for what is not the same at any height: a bound, a
        weight by size. None: nothing.
    stopped
        Says whether to stop co-operatively; asked once an epoch.
    """

    ids: IdArray
    row_start: NDArray[np.int64]
    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    atom: NDArray[np.int32]
    folds: Folds
    seed: int
    padded_rows: int
    masked: NDArray[np.bool_]
    stack_slots: int = 64
    output_offset: NDArray[np.float64] | None = None
    stopped: Callable[[], bool] = field(default=lambda: False)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def offset(self) -> NDArray[np.float64]:
        """What was subtracted from each output, shape (n_outputs,)."""
        return np.zeros(len(self.outputs)) if self.output_offset is None else self.output_offset

    def rows(self, partition: int) -> slice:
        """Return where the rows of a partition are."""
        return slice(int(self.row_start[partition]), int(self.row_start[partition + 1]))

    def counts(self, partition: int) -> NDArray[np.int64]:
        """Return the rows of a partition that have each output, by atom: [n_outputs, n_atoms]."""
        rows = self.rows(partition)
        atom, there = self.atom[rows], np.isfinite(self.outputs[:, rows])
        return np.stack([np.bincount(atom[has], minlength=self.folds.n_atoms) for has in there])

    @cached_property
    def fold_ids(self) -> tuple[int, ...]:
        """One id a member, from its name, so that random numbers do not depend on the order of folds."""
        return tuple(id_of_text(name) for name in self.folds.names)

    def without_test(self) -> "Block":
        """Return the same without the test rows and those near them: all that a learner gets to see."""
        kept = np.flatnonzero(~(self.folds.test | self.folds.near_test)[self.atom])
        return replace(
            self,
            row_start=np.searchsorted(kept, self.row_start),
            inputs=self.inputs[:, kept],
            outputs=self.outputs[:, kept],
            atom=self.atom[kept],
        )

    def keys(self, candidate: int = 0) -> IdArray:
        """Return the key of each member's random numbers: of seed, partition id, fold and candidate, of nothing else.

        Returns
        -------
        numpy.ndarray
            uint64, [n_partitions, n_members].
        """
        of_partition = combine_ids(self.seed, self.ids)[:, None]
        return combine_ids(combine_ids(of_partition, np.array(self.fold_ids, np.uint64)), candidate)


class Stopped(Exception):  # noqa: N818 - not an error: a person asked for it
    """Raised by a learner that was asked to stop; nothing of the block is kept."""


@dataclass(frozen=True)
class Fitted:
    """Members of a block: slot = partition × n_members + member.

    Attributes
    ----------
    stack
        In the staged values' coordinates (offsets not yet added).
    present
        bool, [n_partitions, n_members]: members that exist; a fold in which a partition has no row has none.
    trials
        What was tried and how it was judged on validation rows; named arrays with partitions first.
    errors
        By partition: why nothing could be trained.
    unused
        By partition, member and output: why what was trained is of no use.
    physical
        Arrays of the stack with the offset in them, by its names: bounds of outputs and means that lie within them. The
        stack has them minus the offset, which rounds, and so does adding it again.
    """

    stack: AnyStack
    present: NDArray[np.bool_]
    trials: Mapping[str, NDArray[np.generic]]
    errors: Mapping[int, str]
    unused: Mapping[tuple[int, int, int], str] = field(default_factory=dict)
    physical: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
