"""Places: the members of all partitions of a block, and the rows that each learns from and is judged on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.identity import IdArray, combine_ids, id_of_text
from motrain_app.design.splits import Folds
from motrain_app.learning.block import Block
from motrain_app.learning.membership import MIN_ROWS, choose_judges, wanted_members
from motrain_app.learning.programs import ROWS_OF_CALL
from motrain_app.learning.scalers import scaler_of

Rows = NDArray[np.int32]
AT_A_TIME = 1 << 20  # of the rows of a large partition: what picks them takes six times their memory


@dataclass(frozen=True)
class Places:
    """Which atoms each member may learn from; place = partition × n_members + member.

    Attributes
    ----------
    fit, judge
        bool, [places, n_atoms]: atoms of the rows that a member learns from, and of those that say when to stop and
        which candidate is best. Nothing is set where there is no member.
    """

    fit: NDArray[np.bool_]
    judge: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Places that have a member, [places]."""
        return np.asarray(self.fit.any(axis=1))


def choose_places(block: Block) -> Places:
    """Say what each member of a block learns from and is judged on."""
    folds = block.folds
    fit, judge = np.zeros((2, len(block) * folds.n_members, folds.n_atoms), bool)
    for partition in np.flatnonzero(~block.masked).tolist():
        counts, rows = block.counts(partition), block.rows(partition)
        varies = scaler_of(block.outputs[:, rows], block.atom[rows], folds.train, min_rows=MIN_ROWS).varies
        members = np.flatnonzero(wanted_members(counts.sum(axis=0) > 0, folds))
        places = partition * folds.n_members + members
        fit[places], judge[places] = member_atoms(folds, members, counts, varies)
    return Places(fit, judge)


def member_atoms(
    folds: Folds,
    member: int | NDArray[np.integer],
    counts: NDArray[np.integer],
    varies: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the atoms a member learns from and those that judge it; none where it cannot be trained.

    Parameters
    ----------
    member
        Its number; or those of several, which are the first axis of what is returned.
    counts
        Rows with each output by atom, [n_outputs, n_atoms].
    varies
        As in `motrain_app.learning.membership.choose_judges`, of all members.
    """
    holdout = choose_judges(folds, counts, varies)[member]
    judged = np.asarray(holdout >= 0)[..., None]
    return folds.fit(member, holdout) & judged, folds.validation(member, holdout) & judged


@dataclass(frozen=True)
class PlaceRows:
    """Rows of the block, of each place.

    They are not padded to the place with most: where one partition is large, that would take far more memory than the
    rows of all places do.

    Attributes
    ----------
    flat
        int32: place after place, and −1 beyond the last as often as a call has rows at most.
    start
        int64, [places + 1]: place p has flat[start[p]:start[p + 1]].
    """

    flat: Rows
    start: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start) - 1

    def __iter__(self) -> Iterator[Rows]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Rows:
        return self.flat[self.start[place] : self.start[place + 1]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each place, [places]."""
        return np.diff(self.start)

    def some(self, n: int) -> Rows:
        """Return n rows of each place, spread evenly over all that it has, −1 where it has fewer: [places, n]."""
        number, counts = np.arange(n), self.counts[:, None]
        at = self.start[:-1, None] + number * counts // np.clip(counts, 1, n)
        return np.where(number < counts, self.flat[np.minimum(at, len(self.flat) - 1)], -1)

    @classmethod
    def of_counts(cls, counts: NDArray[np.integer]) -> "PlaceRows":
        """Return room for so many rows of each place."""
        start = np.append(0, np.cumsum(counts, dtype=np.int64))
        return cls(np.full(start[-1] + ROWS_OF_CALL, -1, np.int32), start)


def rows_of(block: Block, atoms: NDArray[np.bool_], order: list[Rows] | None = None) -> PlaceRows:
    """Return the rows of the block that lie in some atoms, of each place.

    Parameters
    ----------
    atoms
        bool, [places, n_atoms].
    order
        The rows of each partition, counted within it, in the order to take them; by default as they are.
    """
    found = PlaceRows.of_counts(_count_rows(block, atoms))
    n = block.folds.n_members
    for partition in range(len(block)):
        begin, end = partition * n, partition * n + n
        if found.start[begin] == found.start[end]:
            continue
        rows = np.arange(*block.row_start[partition : partition + 2], dtype=np.int32)
        rows = rows if order is None else rows[order[partition]]
        atom, step = block.atom[rows], max(1, AT_A_TIME // len(rows))
        for first in range(begin, end, step):
            last = min(first + step, end)
            found.flat[found.start[first] : found.start[last]] = rows[np.nonzero(atoms[first:last, atom])[1]]
    return found


def _count_rows(block: Block, atoms: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many rows of the block lie in some atoms, of each place."""
    of_atoms = [np.bincount(block.atom[block.rows(one)], minlength=block.folds.n_atoms) for one in range(len(block))]
    of_members = atoms.reshape(len(block), block.folds.n_members, -1)
    return np.asarray(np.einsum("pma,pa->pm", of_members, np.array(of_atoms), dtype=np.int64)).reshape(-1)


class Shuffle:
    """Gives every partition's rows in a new order each epoch, the same for all of its members and candidates.

    A random word of each row decides, which depends on seed, partition id, atom, place within the atom and epoch. So
    the rows of another atom, as of a fold that a member is not to see, change nothing in the order of its own.

    Parameters
    ----------
    block
        Whose rows they are.
    """

    def __init__(self, block: Block) -> None:
        keys = combine_ids(combine_ids(block.seed, block.ids), _ORDER).tolist()
        self._words = [_words_of(key, block.atom[block.rows(number)]) for number, key in enumerate(keys)]
        self._epoch = 0

    def next(self) -> list[Rows]:
        """Return the rows of each partition, counted within it, in the order of the next epoch."""
        self._epoch += 1
        return [np.argsort(combine_ids(words, self._epoch)).astype(np.int32) for words in self._words]


_ORDER = id_of_text("order of rows")  # tells these words from those of initial weights


def _words_of(key: int, atom: NDArray[np.integer]) -> IdArray:
    """Return a word for each row of a partition: of its atom, and of its place among the rows of that."""
    order = np.argsort(atom, kind="stable")
    ordered = atom[order]
    within = np.empty(len(atom), np.uint64)
    within[order] = np.arange(len(atom)) - np.searchsorted(ordered, ordered)
    return combine_ids(combine_ids(key, atom.astype(np.uint64)), within)
