"""What a function has returned, remembered as long as all of it together takes no more than so many bytes."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

Value = TypeVar("Value")


@dataclass(slots=True)
class _Entry(Generic[Value]):
    """A value, its bytes with those of its key, and the round in which it was asked for last."""

    value: Value
    n_bytes: int
    round: int


class Remembered(Generic[Value]):
    """A function whose values are remembered by its key; what was asked for longest ago is forgotten first.

    Questions come in rounds, each of which asks much the same as the one before. Where a round alone is too large, what
    it asked first is kept and the rest is not: if each forgot what the others need, the next round would find nothing.
    It may be asked from any thread.

    Parameters
    ----------
    function
        Of the key; the same key gives the same value.
    limit
        Bytes of keys and values at most.
    """

    def __init__(self, function: Callable[[bytes], Value], limit: int) -> None:
        self._function, self._limit = function, limit
        self._entries: OrderedDict[bytes, _Entry[Value]] = OrderedDict()
        self._n_bytes = self._round = 0
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """Bytes of all that is remembered."""
        return self._n_bytes

    def begin_round(self) -> None:
        """Say that what is asked from now on may take the place of what was asked before."""
        with self._lock:
            self._round += 1

    def __call__(self, key: bytes) -> Value:
        """Return the function's value, which is computed where it is not remembered."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                entry.round = self._round
                return entry.value
        value = self._function(key)
        self._keep(key, value)
        return value

    def _keep(self, key: bytes, value: Value) -> None:
        n_bytes = len(key) + bytes_of(value)
        with self._lock:
            if key in self._entries or n_bytes > self._limit:
                return
            while self._n_bytes + n_bytes > self._limit:
                oldest = next(iter(self._entries))
                if self._entries[oldest].round == self._round:
                    return
                self._n_bytes -= self._entries.pop(oldest).n_bytes
            self._entries[key] = _Entry(value, n_bytes, self._round)
            self._n_bytes += n_bytes


def bytes_of(value: Any) -> int:
    """Return about how much memory dataclasses, tuples, lists and mappings of arrays take, shared parts counted once.

    Examples
    --------
    >>> array = np.zeros(10_000)
    >>> bytes_of((array, array[:10], "no view of it")) // 1000
    80
    """
    seen: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, np.ndarray):
            waiting.extend([] if one.base is None else [one.base])
        elif is_dataclass(one):
            waiting.extend(getattr(one, field.name) for field in fields(one))
        elif isinstance(one, Mapping):
            waiting.extend([*one.keys(), *one.values()])
        elif isinstance(one, tuple | list):
            waiting.extend(one)
    return sum(map(sys.getsizeof, seen.values()))  # of an array that is a view: without what it views
