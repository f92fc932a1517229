"""What rows the stacks of a block take in an epoch, call by call."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.network_stack import Call, Calls
from motrain_app.learning.places import PlaceRows
from motrain_app.learning.remembered import Remembered

REMEMBERED_BYTES = 1 << 25  # of calls that judge: of one stack they take a megabyte, of all more than all else


class Feed:
    """Gives stacks the rows of their slots.

    Parameters
    ----------
    judges
        The rows that each place is judged on. Calls of them are the same every epoch, and for all stacks with the same
        places: as many as fit are remembered.
    at_most
        As of `Calls`.
    """

    def __init__(self, judges: PlaceRows, at_most: int) -> None:
        self._judges, self._at_most = judges, at_most
        self._order = PlaceRows.of_counts(np.zeros(len(judges), np.int64))
        self._judging = Remembered(self._judge, REMEMBERED_BYTES)

    def begin_epoch(self, order: PlaceRows) -> None:
        """Take the rows that each place learns from, in the order of this epoch."""
        self._order = order
        self._judging.begin_round()

    def calls(self, place: NDArray[np.int64], batch: int) -> Iterator[tuple[Call, Call, bool]]:
        """Yield what a call trains on and what it judges on, and whether the epoch ends with it.

        Parameters
        ----------
        place, batch
            Of each slot of a stack; and rows of a step.
        """
        training, judging = (Calls(rows, place, batch, self._at_most) for rows in (self._order, self._judges))
        for number in range(len(training) - 1):
            train = training[number]
            yield train, train._replace(steps=0), False
        for number in range(len(judging)):  # the last call that trains also judges
            judge = self._judging(np.array([batch, number, *place]).tobytes())
            yield judge._replace(steps=0) if number else training[-1], judge, number == len(judging) - 1

    def _judge(self, key: bytes) -> Call:
        batch, number, *place = np.frombuffer(key, np.int64).tolist()
        call: Call = Calls(self._judges, np.array(place), batch, self._at_most)[number]
        return call
