"""Which candidates share a compiled program: their layers are padded to common widths by units that do nothing.

A padded unit has zero weights into and out of it: its value and every derivative by its weights are exactly zero, for
tanh as for relu, so it stays what it is and changes no other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from motrain_app.design.errors import DesignError
from motrain_app.learning.joining import join_cheapest
from motrain_app.learning.network_options import BATCH_AT_MOST, NetworkOptions

_BOTH_ENDS = 12  # inputs and outputs of a usual network
_SECONDS_A_STEP_OF_ALL = 2e-4  # of a stack on one core: some fifty of them make a call, which costs a millisecond
PROGRAMS_AT_MOST = 6  # of a run: each takes seconds to compile, in every worker
ROWS_OF_CALL = BATCH_AT_MOST  # of a slot: an epoch of most partitions is one call, which costs a millisecond


@dataclass(frozen=True)
class Group:
    """Candidates that share a program.

    Attributes
    ----------
    members
        Numbers of the candidates.
    activation, batch
        Of all of them.
    hidden
        Widths that their hidden layers are padded to.
    """

    members: tuple[int, ...]
    activation: str
    batch: int
    hidden: tuple[int, ...]

    def stack_slots(self, at_most: int) -> int:
        """Return how many slots to train at once: enough to hide what a call costs, and few, as some are in vain."""
        seconds = step_seconds(self.hidden, self.batch, _BOTH_ENDS)
        return max(1, min(at_most, math.ceil(_SECONDS_A_STEP_OF_ALL / seconds)))


def steps_of_call(batch: int, rows: int = ROWS_OF_CALL) -> int:
    """Return how many steps a call of a program has at most, where no slot has more than so many rows."""
    return max(1, min(ROWS_OF_CALL // batch, -(-rows // batch)))


def step_seconds(hidden: Sequence[int], batch: int, both_ends: int) -> float:
    """Return about how long a step of one slot takes on a fast core, by the size of its layers.

    Parameters
    ----------
    hidden, batch
        Widths of the hidden layers, and rows a step.
    both_ends
        Inputs and outputs together.
    """
    multiplications = sum(before * after for before, after in pairwise(hidden))
    return batch * (1e-9 * (both_ends + sum(hidden)) + 8e-11 * multiplications)


def check_programs(candidates: Sequence[NetworkOptions]) -> None:
    """Raise DesignError where activations, batches and numbers of layers are too many.

    That is all that can be wrong with a grouping; it is known at once, while a person types.
    """
    kinds = {(one.activation, one.batch, len(one.hidden)) for one in candidates}
    if len(kinds) > PROGRAMS_AT_MOST:
        raise DesignError(
            f"The search needs {len(kinds)} programs, one for every activation, batch and number of layers together; "
            f"{PROGRAMS_AT_MOST} are the most. Give it fewer of what differs most."
        )


def group_candidates(candidates: Sequence[NetworkOptions]) -> tuple[Group, ...]:
    """Divide candidates into at most six groups, so that little is padded.

    Raises
    ------
    DesignError
        As `check_programs`.
    """
    check_programs(candidates)
    groups: dict[tuple[str, int, tuple[int, ...]], list[int]] = {}
    for number, one in enumerate(candidates):
        groups.setdefault((one.activation, one.batch, tuple(map(_rounded, one.hidden))), []).append(number)
    found = [_group(candidates, members) for members in groups.values()]
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(map(_kind, found)))}
    joined = join_cheapest(
        [len(group.members) for group in found],
        [group.hidden for group in found],
        [kinds[_kind(group)] for group in found],
        PROGRAMS_AT_MOST,
    )
    whole = [_group(candidates, [one for number in numbers for one in found[number].members]) for numbers in joined]
    return tuple(sorted(whole, key=lambda group: group.members))


def _rounded(width: int) -> int:
    """Round up to 4, 8, 16, …, so that candidates of like size share a program."""
    return max(4, 1 << (width - 1).bit_length())


def _group(candidates: Sequence[NetworkOptions], members: Sequence[int]) -> Group:
    """Return the group of some candidates, padded no wider than the widest of them."""
    some = [candidates[number] for number in sorted(members)]
    hidden = tuple(max(widths) for widths in zip(*(one.hidden for one in some), strict=True))
    return Group(tuple(sorted(members)), some[0].activation, some[0].batch, hidden)


def _kind(group: Group) -> tuple[str, int, int]:
    return group.activation, group.batch, len(group.hidden)
