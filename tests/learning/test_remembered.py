"""Values are remembered up to so many bytes; what was asked for longest ago is forgotten first."""

import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from motrain_app.learning.remembered import Remembered, bytes_of

KILOBYTES_10 = 1250  # float64 values


@dataclass(frozen=True)
class Found:
    first: np.ndarray
    more: tuple


@pytest.fixture
def asked():
    """Return the keys that the function was asked for, and a remembered function of five values."""
    keys = []

    def function(key):
        keys.append(key)
        return Found(np.zeros(KILOBYTES_10), ())

    return keys, Remembered(function, 5 * (10_000 + 500))


def _ask(remembered, keys):
    remembered.begin_round()
    for key in keys:
        remembered(bytes([key]))


def test_bytes_are_those_of_arrays_shared_ones_and_views_once():
    array = np.zeros((100, 1000))
    assert bytes_of(array) == pytest.approx(800_000, rel=0.01)
    assert bytes_of(Found(array, (array, {"part": array[:3]}, array.T))) == pytest.approx(800_000, rel=0.01)
    assert bytes_of(array[:1]) == pytest.approx(800_000, rel=0.01), "a view keeps all of it"
    assert bytes_of([array, array.copy()]) == pytest.approx(1_600_000, rel=0.01)
    assert bytes_of("some text") == sys.getsizeof("some text")


def test_what_is_remembered_is_not_asked_again(asked):
    keys, remembered = asked
    one = remembered(b"a")
    assert remembered(b"a") is one
    assert keys == [b"a"]


def test_what_was_asked_for_longest_ago_is_forgotten_first(asked):
    keys, remembered = asked
    _ask(remembered, [0, 1, 2, 3, 4])
    _ask(remembered, [0])
    _ask(remembered, [5])  # takes the place of 1
    keys.clear()
    _ask(remembered, [0, 2, 3, 4, 5])
    assert keys == []
    _ask(remembered, [1])
    assert keys == [b"\x01"]


def test_it_never_takes_more_than_its_bytes_keys_included(asked):
    keys, remembered = asked
    for number in range(40):
        remembered.begin_round()
        remembered(bytes([number]) * 10_000)
        assert remembered.n_bytes <= 52_500
    keys.clear()
    for number in (38, 39, 37):
        remembered(bytes([number]) * 10_000)
    assert [key[0] for key in keys] == [37], "two values of 10 kB with keys as long are all that 52 kB hold"


def test_a_value_larger_than_all_is_returned_and_drives_nothing_out():
    sizes, asked = {b"large": 10**6}, []

    def function(key):
        asked.append(key)
        return np.zeros(sizes.get(key, 100))

    remembered = Remembered(function, 10_000)
    remembered(b"small")
    remembered.begin_round()
    assert len(remembered(b"large")) == 10**6
    asked.clear()
    remembered(b"small")
    assert asked == []


def test_of_a_round_too_large_the_next_one_finds_as_many_as_fit(asked):
    keys, remembered = asked
    for _ in range(3):
        keys.clear()
        _ask(remembered, range(8))
    assert keys == [b"\x05", b"\x06", b"\x07"]


def test_threads_that_ask_at_once_get_their_values_and_the_bytes_stay_right():
    remembered = Remembered(lambda key: np.full(100, key[0]), 50_000)
    wrong = []

    def ask(seed):
        for key in np.random.default_rng(seed).integers(0, 100, 500).tolist():
            remembered.begin_round()
            if remembered(bytes([key]))[0] != key:
                wrong.append(key)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert remembered.n_bytes <= 50_000
    assert remembered.n_bytes == sum(entry.n_bytes for entry in remembered._entries.values())
