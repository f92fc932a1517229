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
_BYTES_JUDGED, _BYTES_JUDGED_MORE = 700, 64  # of a row, while one output is scored; for each output besides
_MOST = 1 << 60  # bytes that are counted
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
    bytes_a_row
        Memory that a row takes.
    bytes_of_members
        Memory that the members of each partition take with all that is tried for them, int64, shape (n_partitions,).
    bytes_in_making
        Memory that passes through while one member of each partition is trained, int64, shape (n_partitions,).
    bytes_a_judged_row
        Memory that a row of a large partition takes while its predictions are scored.
    """

    members: int
    candidates: int
    bytes_a_row: int
    bytes_a_judged_row: int
    bytes_of_members: NDArray[np.int64]
    bytes_in_making: NDArray[np.int64]


def needs(
    kind: LearnerKind,
    options: Any,
    rows: NDArray[np.int64],
    *,
    members: int,
    atoms: int,
    n_inputs: int,
    n_outputs: int,
    seed: int,
) -> Needs:
    """Return what training partitions of so many training rows, shape (n_partitions,), by a learner takes.

    Parameters
    ----------
    members, atoms
        Of a partition; see `motrain_app.design.Folds`.
    """
    of_member, in_making, of_atom = (
        np.asarray(bytes_of(options, seed, n_inputs=n_inputs, n_outputs=n_outputs, rows=rows), np.float64)
        for bytes_of in (kind.bytes_of_member, kind.bytes_in_making, kind.bytes_of_atom)
    )
    return Needs(
        members=members,
        candidates=len(kind.candidates(options, seed)),
        bytes_a_row=(n_inputs + 3 * n_outputs) * _BYTES_A_VALUE + (_BYTES_OF_ORDER * members if kind.pads else 0),
        bytes_a_judged_row=_BYTES_JUDGED + n_outputs * _BYTES_JUDGED_MORE,
        bytes_of_members=np.broadcast_to(members * _whole(of_member, _MOST // members), rows.shape),
        bytes_in_making=np.broadcast_to(_whole(in_making + atoms * of_atom, _MOST), rows.shape),
    )


def _whole(n_bytes: Any, most: int) -> NDArray[np.int64]:
    """Return whole numbers of bytes, of which no more are told than int64 holds: any such number is too many."""
    return np.asarray(np.minimum(np.asarray(n_bytes, np.float64), most), np.int64)


def refuse_beyond_memory(rows: NDArray[np.int64], names: tuple[str, ...], need: Needs) -> None:
    """Raise RunError where one partition alone is too large for a worker, before anything is trained.

    Too large is what needs over four times as much as a block is to take: up to there it is a block of its own.

    Parameters
    ----------
    rows
        Of each partition, training and test.
    """
    of_rows = rows * max(need.bytes_a_row, need.bytes_a_judged_row)
    of_members = need.bytes_of_members + need.bytes_in_making
    largest = int((of_rows + of_members).argmax())
    for_rows, for_members = int(of_rows[largest]), int(of_members[largest])
    if for_rows + for_members <= 4 * BLOCK_BYTES:
        return
    found = f"The partition {names[largest]!r} has {rows[largest]:,} rows"
    if for_rows >= for_members:
        raise RunError(
            f"{found}, which need {for_rows / 1e9:.0f} GB in a worker. Divide it, filter its rows, or train on a "
            "sample of them: train(design, max_rows=…)."
        )
    tried = f"{need.candidates} candidates for each of {need.members} members"
    raise RunError(
        f"{found}; {tried if need.candidates > 1 else f'its {need.members} members'} need {for_members / 1e9:.1f} GB "
        "in a worker. Take fewer inputs, make each smaller (linear ridge, narrower networks, fewer or shallower "
        "trees), draw fewer candidates, or train on a sample of its rows: train(design, max_rows=…)."
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
    memory = size * need.bytes_a_row + need.bytes_of_members[candidates]
    filled = block_of[candidates] = _fill(memory, need.bytes_in_making[candidates], most)
    most_rows = np.bincount(filled, weights=training[candidates]).max(keepdims=True).astype(np.int64)
    places = int(np.bincount(filled).max()) * need.members
    return block_of, int(pad_rows(most_rows)[0]), math.ceil(places / math.ceil(places / STACK_SLOTS))


def _fill(memory: NDArray[np.int64], in_making: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """Return the block of each partition, each with so many at most: all are kept, and one is in the making."""
    blocks: list[int] = []
    block, partitions, kept, passing = -1, most, 0, 0  # as if one were full: the first partition opens another
    for n_bytes, making in zip(memory.tolist(), in_making.tolist(), strict=True):
        if partitions == most or kept + n_bytes + max(passing, making) > BLOCK_BYTES:
            block, partitions, kept, passing = block + 1, 0, 0, 0
        blocks.append(block)
        partitions, kept, passing = partitions + 1, kept + n_bytes, max(passing, making)
    return np.array(blocks, np.int32)


def _partitions_of_block(n_partitions: int, need: Needs, kind: LearnerKind) -> int:
    members = min(kind.slots, CANDIDATES_OF_BLOCK // need.candidates)
    return max(1, min(members // need.members, math.ceil(n_partitions / BLOCKS_AT_LEAST)))
