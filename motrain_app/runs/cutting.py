"""Cutting partitions into blocks, from row counts and the learner alone: neither timing nor workers have a say."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning import LearnerKind
from motrain_app.learning.padding import pad_rows
from motrain_app.runs.errors import RunError

BLOCKS_AT_LEAST = 16  # of few partitions too: so that several workers have work, and the first results come early
BLOCK_BYTES = 1 << 30  # of a block, in a worker: its rows, and all that a learner makes of them
STACK_SLOTS = 32  # of a stack at most: it costs as little a slot as a larger one, and less of it is in vain
CANDIDATES_OF_BLOCK = 2000  # at all places together: some seconds of work
_BYTES_A_VALUE = 32  # of a row: float32 as read, float64 as worked on, and their copies
_BYTES_JUDGED, _BYTES_JUDGED_MORE = 1200, 64  # of a row, while one output is scored; for each output besides
_BYTES_OF_ORDER = 8  # of a row, for each member of a learner that pads: which rows it takes next


@dataclass(frozen=True)
class Needs:
    """What training a partition takes.

    Attributes
    ----------
    members
        Members of a partition.
    candidates
        Tried for each member.
    bytes_a_row, bytes_a_member
        Memory that a row takes, and that a member takes with all its candidates.
    bytes_a_judged_row
        Memory that a row of a large partition takes while its predictions are scored.
    """

    members: int
    candidates: int
    bytes_a_row: int
    bytes_a_member: int
    bytes_a_judged_row: int


def needs(kind: LearnerKind, options: Any, *, members: int, n_inputs: int, n_outputs: int, seed: int) -> Needs:
    """Return what training a partition by a learner takes."""
    candidates = kind.candidates(options, seed)
    return Needs(
        members=members,
        candidates=len(candidates),
        bytes_a_row=(n_inputs + 3 * n_outputs) * _BYTES_A_VALUE + (_BYTES_OF_ORDER * members if kind.pads else 0),
        bytes_a_member=sum(kind.bytes_of_member(one, n_inputs, n_outputs) for one in candidates),
        bytes_a_judged_row=_BYTES_JUDGED + n_outputs * _BYTES_JUDGED_MORE,
    )


def refuse_beyond_memory(rows: NDArray[np.int64], names: tuple[str, ...], need: Needs) -> None:
    """Raise RunError where one partition alone is too large for a worker, before anything is trained.

    Parameters
    ----------
    rows
        Of each partition, training and test.
    """
    largest = int(rows.argmax())
    bytes_a_row = max(need.bytes_a_row, need.bytes_a_judged_row)
    of_rows, of_members = int(rows[largest]) * bytes_a_row, need.members * need.bytes_a_member
    if of_rows > 4 * BLOCK_BYTES:
        raise RunError(
            f"The partition {names[largest]!r} has {rows[largest]:,} rows, which need {of_rows / 1e9:.0f} GB in a "
            "worker. Divide it, filter its rows, or train on a sample of them: train(design, max_rows=…)."
        )
    if of_members > BLOCK_BYTES:
        raise RunError(
            f"{need.candidates} candidates for each of {need.members} members need {of_members / 1e9:.1f} GB in a "
            "worker, for one partition. Draw fewer candidates, or narrower networks."
        )


def cut(
    training: NDArray[np.int64], test: NDArray[np.int64], need: Needs, kind: LearnerKind
) -> tuple[NDArray[np.int32], int, int]:
    """Fill blocks with partitions of like size, in their order.

    Parameters
    ----------
    training, test
        Rows of each partition; without a training row there is nothing to train.

    Returns
    -------
    block_of : numpy.ndarray
        int32, shape (n_partitions,); −1 where there is nothing to train.
    padded_rows : int
        The row count that the training rows of every block are padded to.
    stack_slots : int
        How many members are trained at once.
    """
    candidates = np.flatnonzero(training)
    if kind.pads:
        candidates = candidates[np.argsort(-pad_rows(training[candidates]), kind="stable")]  # like with like
    size = (training + test)[candidates]
    most = _partitions_of_block(len(candidates), need, kind)
    block_of = np.full(len(training), -1, np.int32)
    totals: list[int] = []
    partitions = 0
    for partition, n in zip(candidates.tolist(), size.tolist(), strict=True):
        if not totals or partitions == most or _memory(totals[-1] + n, partitions + 1, need) > BLOCK_BYTES:
            totals.append(0)
            partitions = 0
        block_of[partition] = len(totals) - 1
        partitions, totals[-1] = partitions + 1, totals[-1] + n
    filled = block_of[candidates]
    most_rows = np.bincount(filled, weights=training[candidates]).max(keepdims=True).astype(np.int64)
    places = int(np.bincount(filled).max()) * need.members
    return block_of, int(pad_rows(most_rows)[0]), math.ceil(places / math.ceil(places / STACK_SLOTS))


def _partitions_of_block(n_partitions: int, need: Needs, kind: LearnerKind) -> int:
    members = min(kind.slots, CANDIDATES_OF_BLOCK // need.candidates)
    return max(1, min(members // need.members, math.ceil(n_partitions / BLOCKS_AT_LEAST)))


def _memory(rows: int, partitions: int, need: Needs) -> int:
    return rows * need.bytes_a_row + partitions * need.members * need.bytes_a_member
