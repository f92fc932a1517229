"""Measures how long programs take on this machine: random numbers in a process of its own, far from any run.

``python -m motrain_app.learning.network_calibration`` reads shapes as JSON from its standard input and writes paces.
A process is started for it, with the threads of a worker, and ends with it: TensorFlow takes most of a gigabyte.
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.network_work import Pace, ProgramShape
from motrain_app.learning.programs import steps_of_call

if TYPE_CHECKING:
    from motrain_app.learning.network_stack import Settings

_ROWS = 4096
_REPEATS, _SECONDS = 5, 0.2  # at least, of which the fastest counts: others use the machine too


def measure_pace(shape: ProgramShape) -> Pace:
    """Compile a program of a shape and time it; about two seconds, nearly all of them for compiling.

    Time is that of the processor, so that what else runs on the machine hardly enters.
    """
    from motrain_app.learning import network_stack as stack
    from motrain_app.learning.network_program import Program

    random = np.random.default_rng(0)
    program = Program(shape.activation, bounded=shape.bounded, weighted=shape.weighted)
    inputs, outputs = (random.normal(size=(_ROWS, n)).astype(np.float32) for n in (shape.n_inputs, shape.n_outputs))
    weights = np.zeros((_ROWS if shape.weighted else 1, shape.n_outputs), np.float32)
    rows = stack.Rows(inputs, outputs, weights).tensors()
    active = np.ones(shape.slots, bool)
    state = stack.as_tensors(stack.initial_state(_layers(shape, random), active))
    settings = stack.as_tensors(_settings(shape))
    most = steps_of_call(shape.batch)
    which = random.integers(_ROWS, size=(most, shape.slots, shape.batch)).astype(np.int32)

    def call(steps: int) -> None:
        train, judge = stack.Call(which, steps), stack.Call(which, 0)
        np.asarray(program.advance(state, settings, rows, train, judge, ends=False).steps)

    compiling = _seconds_of(lambda: call(1))
    one, all_of_them = _fewest_seconds(lambda: call(1)), _fewest_seconds(lambda: call(most))
    step = max(all_of_them - one, 0.0) / max(most - 1, 1)
    return Pace(max(one - step, 0.0) / shape.slots, step / shape.slots, compiling)


def _fewest_seconds(act: Callable[[], None]) -> float:
    times = [_seconds_of(act) for _ in range(_REPEATS)]
    while sum(times) < _SECONDS:
        times.append(_seconds_of(act))
    return min(times)


def _seconds_of(act: Callable[[], None]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin


def _layers(shape: ProgramShape, random: np.random.Generator) -> list[NDArray[np.float32]]:
    layers: list[NDArray[np.float32]] = []
    for before, after in pairwise([shape.n_inputs, *shape.hidden, shape.n_outputs]):
        weights = random.normal(size=(shape.slots, after, before)) / np.sqrt(before)
        layers += [weights.astype(np.float32), np.zeros((shape.slots, after), np.float32)]
    return layers


def _settings(shape: ProgramShape) -> "Settings":
    from motrain_app.learning.network_stack import OfPlace, Settings

    x, y = (np.ones((shape.slots, n), np.float32) for n in (shape.n_inputs, shape.n_outputs))
    high = 9 * y if shape.bounded else np.inf * y
    place = OfPlace(0 * x, x, 0 * y, y, -high, high, 0 * y, y)
    slot = np.ones(shape.slots, np.float32)
    return Settings(place, 1e-3 * slot, 1e-5 * slot, 9 * np.ones(shape.slots, np.int32))


def main() -> None:
    """Answer the shapes of standard input with paces on standard output, one a shape."""
    shapes = [ProgramShape(**{**values, "hidden": tuple(values["hidden"])}) for values in json.load(sys.stdin)]
    paces = [measure_pace(shape) for shape in shapes]
    print(json.dumps([[pace.call, pace.step, pace.compiling] for pace in paces]))


if __name__ == "__main__":
    main()
