"""What a search of networks takes: the programs it runs, for how many epochs, and how long a step of each lasts.

It is NumPy and needs no TensorFlow; `motrain_app.learning.network_calibration` measures what is only assumed here.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.programs import check_programs, group_candidates, step_seconds, steps_of_call
from motrain_app.learning.search import Rung, stretches

Counts = NDArray[np.int64]
_SLOWER = 2.0  # than `step_seconds` says of a fast core: measured 1.3 to 2.4 for 8 to 128 units a layer, batches 64-256
_CALL_SECONDS = 1e-3  # of a call of a stack, whatever it does
_COMPILING_SECONDS = 1.5
_BYTES_A_PARAMETER = 48  # measured: four times float32 (weight, both moments of Adam, best weight), and copies of them
_BYTES_KEPT = 4  # of a parameter of the best networks
_BYTES_A_STACK = 14_000  # measured: of some fifty tensors, whatever they hold
_SLOTS_OF_STACK = 8  # which every stack has of a block with as many members, if its networks are not large


@dataclass(frozen=True, slots=True)
class ProgramShape:
    """What decides how long a program takes.

    Attributes
    ----------
    activation, batch, hidden
        As of the candidates that share it, padded.
    n_inputs, n_outputs
        Of the design.
    slots
        Trained at once.
    bounded, weighted
        Whether outputs have bounds, and rows weights.
    """

    activation: str
    batch: int
    hidden: tuple[int, ...]
    n_inputs: int
    n_outputs: int
    slots: int
    bounded: bool = False
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a program takes, in seconds of one core.

    Attributes
    ----------
    call, step
        Of one slot: its share of a call, and a step of training. A step of judging is cheaper, and counted as one of
        training.
    compiling
        Once in every worker.
    """

    call: float
    step: float
    compiling: float

    def of_epochs(self, batch: int, fit: Counts, judge: Counts) -> float:
        """Return the seconds of one epoch of every member; rows that each learns from and is judged on, shape (n,)."""
        steps = [-(-rows // batch) for rows in (fit, judge)]
        training, judging = (-(-some // steps_of_call(batch)) for some in steps)
        calls = int((training + np.maximum(judging - 1, 0)).sum())  # the last call that trains also judges
        return calls * self.call + sum(int(some.sum()) for some in steps) * self.step


def usual_pace(shape: ProgramShape) -> Pace:
    """Return the pace that a program has on a usual core."""
    seconds = step_seconds(shape.hidden, shape.batch, shape.n_inputs + shape.n_outputs)
    return Pace(_CALL_SECONDS / shape.slots, _SLOWER * seconds, _COMPILING_SECONDS)


@dataclass(frozen=True)
class Work:
    """What training one member by a search takes.

    Attributes
    ----------
    shapes
        Of the programs.
    program
        Number of each candidate's program.
    ladder
        How many candidates are trained for how long.
    """

    shapes: tuple[ProgramShape, ...]
    program: tuple[int, ...]
    ladder: tuple[Rung, ...]

    def at_most(self, an_epoch: Sequence[float]) -> float:
        """Return what all epochs cost at most, if none stops early and the dearest candidates go on.

        Parameters
        ----------
        an_epoch
            What an epoch of each candidate costs.

        Examples
        --------
        >>> ladder = (Rung(candidates=3, epochs=10), Rung(candidates=1, epochs=40))
        >>> Work((), (0, 0, 1), ladder).at_most([1, 1, 5])  # 10 epochs of all three, 30 more of the dearest
        220
        """
        dearest_first = sorted(an_epoch, reverse=True)
        return sum(epochs * sum(dearest_first[:going_on]) for going_on, epochs in stretches(self.ladder))

    def steps(self, fit: Counts, judge: Counts) -> int:
        """Return the steps of all members at most; rows that each learns from and is judged on, shape (n,)."""
        of_program = [sum(int((-(-rows // shape.batch)).sum()) for rows in (fit, judge)) for shape in self.shapes]
        return int(self.at_most([of_program[number] for number in self.program]))

    def seconds(self, fit: Counts, judge: Counts, paces: Sequence[Pace], *, blocks: int) -> float:
        """Return the CPU-seconds of all members at most, but for compiling.

        A stack takes as long for a single slot as for all of its slots, and each program's last stack is rarely full:
        what slots do in vain counts, in each block for each program that candidates may go on in.

        Parameters
        ----------
        fit, judge
            As of `steps`.
        paces
            One a program.
        blocks
            Over which members are spread evenly.
        """
        all_members = [pace.of_epochs(shape.batch, fit, judge) for shape, pace in zip(self.shapes, paces, strict=True)]
        a_slot, places = [seconds / len(fit) for seconds in all_members], len(fit) / blocks
        of_all = blocks * self._all_candidates(a_slot, places)
        in_vain = sorted((seconds * (shape.slots - 1) for seconds, shape in zip(a_slot, self.shapes, strict=True)))
        dearest_first = sorted((all_members[number] for number in self.program), reverse=True)
        total = 0.0
        for going_on, epochs in stretches(self.ladder):
            some = sum(dearest_first[:going_on]) + blocks * sum(in_vain[-math.ceil(places * going_on) :])
            total += epochs * (of_all if going_on == len(self.program) else min(some, of_all))
        return total

    def _all_candidates(self, a_slot: Sequence[float], places: float) -> float:
        """Return what an epoch of all candidates costs at so many places, of which a slot costs so much by program."""
        tried = Counter(self.program)
        stacks = [math.ceil(places * tried[number] / shape.slots) for number, shape in enumerate(self.shapes)]
        return sum(
            number * shape.slots * seconds for number, shape, seconds in zip(stacks, self.shapes, a_slot, strict=True)
        )


def network_work(options: NetworkOptions, seed: int, *, n_inputs: int, n_outputs: int, slots: int) -> Work:
    """Return what training one member takes.

    Parameters
    ----------
    options, seed
        Of the design.
    n_inputs, n_outputs
        Of the design.
    slots
        Members trained at once at most, as `Block.stack_slots`.

    Raises
    ------
    DesignError
        Where the search needs too many programs.
    """
    candidates = options.candidates(seed)
    shapes, program = [], [0] * len(candidates)
    for number, group in enumerate(group_candidates(candidates)):
        for member in group.members:
            program[member] = number
        shapes.append(
            ProgramShape(
                group.activation,
                group.batch,
                group.hidden,
                n_inputs,
                n_outputs,
                group.stack_slots(slots),
                bounded=options.bounded,
                weighted=options.emphasis != 0,
            )
        )
    return Work(tuple(shapes), tuple(program), options.ladder(len(candidates)))


def network_bytes(options: NetworkOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]) -> int:
    """Return the memory that a member takes with all its candidates, as wide as they are padded, whatever its rows.

    The best of them, which are kept together, are padded to the widest of all.
    """
    candidates = options.candidates(seed)
    widest = [max(widths) for widths in zip_longest(*(one.hidden for one in candidates), fillvalue=0)]
    kept = min(options.together, len(candidates))
    n_bytes = _BYTES_KEPT * kept * sum((a + 1) * b for a, b in pairwise((n_inputs, *widest, n_outputs)))
    for group in group_candidates(candidates):
        widths = (n_inputs, *group.hidden, n_outputs)
        parameters = sum((before + 1) * after for before, after in pairwise(widths))
        of_stack = _BYTES_A_STACK // group.stack_slots(_SLOTS_OF_STACK)
        n_bytes += len(group.members) * (parameters * _BYTES_A_PARAMETER + of_stack)
    return n_bytes


def check_network(options: NetworkOptions, n_outputs: int, seed: int) -> None:
    """Raise DesignError where settings do not fit the outputs, or their search needs too many programs."""
    options.check(n_outputs)
    candidates = options.candidates(seed)
    options.check_together(len(candidates))
    check_programs(candidates)
