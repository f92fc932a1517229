"""The race of all candidates at all places of a block, rung by rung, in stacks of one size a program.

What a slot (a candidate at a place) becomes depends on nothing but itself, not even on where in which stack it is. So
slots that have stopped are left out and the others close ranks, every few epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Stopped
from motrain_app.learning.initial_weights import initial_layers
from motrain_app.learning.network_feed import Feed
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.network_program import Program
from motrain_app.learning.network_stack import (
    OfPlace,
    Rows,
    Settings,
    State,
    as_tensors,
    initial_state,
)
from motrain_app.learning.places import Places, Shuffle, rows_of
from motrain_app.learning.programs import Group

EPOCHS_BETWEEN_PACKING = 8


@dataclass
class _Field:
    """The slots of one group of candidates: slot = place × candidates of the group + candidate.

    Attributes
    ----------
    group, candidates
        The group, and the settings of its candidates.
    program, state
        What trains them, and what has become of them.
    """

    group: Group
    candidates: Sequence[NetworkOptions]
    program: Program
    state: State

    def slots(self, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the slots that go on, of those that run, [places, candidates]."""
        return np.flatnonzero(running[:, list(self.group.members)].reshape(-1) & self.state.active)

    def place(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each slot."""
        return np.asarray(slots // len(self.candidates))

    def settings(self, slots: NDArray[np.int64], of_place: OfPlace) -> Settings:
        """Return what is fixed of each slot."""
        place, candidate = np.divmod(slots, len(self.candidates))
        kinds = {"learning_rate": np.float32, "l2": np.float32, "patience": np.int32}
        own = [np.asarray([getattr(one, name) for one in self.candidates], kind) for name, kind in kinds.items()]
        return Settings(OfPlace(*(values[place] for values in of_place)), *(values[candidate] for values in own))

    def take(self, slots: NDArray[np.int64], n_active: int) -> State:
        """Return the state of some slots, of which the first so many are active if they were."""
        taken = [[part[slots] for part in one] if isinstance(one, list) else one[slots] for one in self.state]
        state = State(*taken)
        return state._replace(active=state.active & (np.arange(len(slots)) < n_active))


class Race:
    """All candidates at all places of a block.

    Parameters
    ----------
    block, places
        Whose rows they learn from.
    groups
        Of the candidates.
    candidates
        Their settings.
    rows, of_place
        The block's rows, padded; and what is fixed of each place, whatever the candidate.
    varies
        bool, [places, n_inputs]: inputs that are not constant in what a place learns from.
    """

    def __init__(
        self,
        block: Block,
        places: Places,
        groups: Sequence[Group],
        candidates: Sequence[NetworkOptions],
        rows: Rows,
        of_place: OfPlace,
        varies: NDArray[np.bool_],
    ) -> None:
        self._block, self._places, self._n_candidates = block, places, len(candidates)
        self._rows, self._of_place = rows.tensors(), of_place
        self._feed = Feed(rows_of(block, places.judge), block.padded_rows)
        self._shuffle = Shuffle(block)
        self._fields = [_field(block, places, group, candidates, varies) for group in groups]
        self._epoch = 0

    def run(self, running: NDArray[np.bool_], epochs: int) -> None:
        """Train the candidates that run, [places, candidates], until they have had so many epochs.

        Raises
        ------
        Stopped
            Where somebody asks to.
        """
        stacks: list[_Stack] = []
        while self._epoch < epochs:
            if not stacks or self._epoch % EPOCHS_BETWEEN_PACKING == 0:
                stacks = self._pack(stacks, running)
                if not stacks:
                    return
            if self._block.stopped():
                raise Stopped
            self._feed.begin_epoch(rows_of(self._block, self._places.fit, self._shuffle.next()))
            for stack in stacks:
                stack.epoch(self._feed)
            self._epoch += 1
        self._unpack(stacks)

    def loss(self) -> NDArray[np.float32]:
        """Return the lowest validation loss of every slot so far, [places, candidates]; infinite without one."""
        return self._table("best_loss")

    def epochs(self) -> NDArray[np.int32]:
        """Return the epochs that every slot has had, [places, candidates]."""
        return self._table("epochs")

    def best_layers(self, candidate: int, places: NDArray[np.integer]) -> list[NDArray[np.float32]]:
        """Return the best weights and biases in turn, padded as its group is, of a candidate at some places."""
        field = next(field for field in self._fields if candidate in field.group.members)
        slots = places * len(field.group.members) + field.group.members.index(candidate)
        return [layer[slots] for layer in field.state.best_layers]

    def _table(self, name: str) -> NDArray[Any]:
        parts = [getattr(field.state, name).reshape(-1, len(field.group.members)) for field in self._fields]
        table = np.empty((len(parts[0]), self._n_candidates), parts[0].dtype)
        for field, part in zip(self._fields, parts, strict=True):
            table[:, list(field.group.members)] = part
        return table

    def _pack(self, stacks: Sequence["_Stack"], running: NDArray[np.bool_]) -> list["_Stack"]:
        self._unpack(stacks)
        packed = []
        for field in self._fields:
            slots, size = field.slots(running), field.group.stack_slots(self._block.stack_slots)
            for begin in range(0, len(slots), size):
                mine = slots[begin : begin + size]
                packed.append(_Stack(field, mine, size, self._rows, self._of_place))
        return packed

    def _unpack(self, stacks: Sequence["_Stack"]) -> None:
        for stack in stacks:
            stack.put_back()


class _Stack:
    """Some slots of a field in the program's hands."""

    def __init__(self, field: _Field, slots: NDArray[np.int64], size: int, rows: Any, of_place: OfPlace) -> None:
        self._field, self._slots, self._rows = field, slots, rows
        padded = np.concatenate([slots, np.repeat(slots[:1], size - len(slots))])
        self._place = field.place(padded)
        self._settings = as_tensors(field.settings(padded, of_place))
        self._state = as_tensors(field.take(padded, len(slots)))

    def epoch(self, feed: Feed) -> None:
        """Train one epoch and judge it."""
        program = self._field.program
        for train, judge, ends in feed.calls(self._place, self._field.group.batch):
            self._state = program.advance(self._state, self._settings, self._rows, train, judge, ends=ends)

    def put_back(self) -> None:
        """Write what has become of the slots into their field."""
        for whole, mine in zip(_arrays(self._field.state), _arrays(self._state), strict=True):
            whole[self._slots] = np.asarray(mine)[: len(self._slots)]


def _arrays(state: State) -> list[Any]:
    """Return every array of a state, in its order."""
    return [part for values in state for part in (values if isinstance(values, list) else [values])]


_PROGRAMS: dict[tuple[str, bool, bool], Program] = {}  # of a worker: equal shapes compile once in its life


def _program(*key: Any) -> Program:
    if key not in _PROGRAMS:
        _PROGRAMS[key] = Program(key[0], bounded=key[1], weighted=key[2])
    return _PROGRAMS[key]


def programs_compiled() -> int:
    """Return for how many shapes this process has compiled a program; a run needs six at most."""
    return sum(program.compiled for program in _PROGRAMS.values())


def _field(
    block: Block,
    places: Places,
    group: Group,
    candidates: Sequence[NetworkOptions],
    varies: NDArray[np.bool_],
) -> _Field:
    some = [candidates[number] for number in group.members]
    state = initial_state(initial_layers(block, group, candidates, varies), np.repeat(places.present, len(some)))
    return _Field(group, some, _program(group.activation, some[0].bounded, some[0].emphasis != 0), state)
