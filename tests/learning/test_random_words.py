"""Random words are those of SplitMix64, and look random: evenly spread, and unlike those of a neighbouring key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from motrain_app.learning.random_words import random_uniforms, random_words

KEYS = np.arange(2000, dtype=np.uint64)  # as alike as keys can be


def splitmix(state, n):
    """The generator of Steele, Lea & Flood (2014), step by step, with Python's integers."""
    words = []
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        words.append(mix(state))
    return words


def mix(word):
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


@given(st.integers(0, 2**64 - 1))
def test_words_are_those_of_splitmix_from_the_mixed_key(key):
    assert random_words(np.uint64(key), 5).tolist() == splitmix(mix(key), 5)


def test_the_mixing_is_the_published_one():
    # The first outputs of SplitMix64 with seed 1234567, as Rosetta Code and the authors' C program list them.
    assert splitmix(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_words_keep_the_shape_of_their_keys_and_few_are_the_first_of_many():
    keys = KEYS[:6].reshape(2, 3)
    words = random_words(keys, 9)
    assert words.shape == (2, 3, 9)
    np.testing.assert_array_equal(random_words(keys[1, 2], 4), words[1, 2, :4])


@pytest.mark.parametrize("axis", ["of one key", "of neighbouring keys"])
def test_numbers_are_evenly_spread_and_unrelated(axis):
    numbers = random_uniforms(KEYS, 50)
    numbers = numbers if axis == "of one key" else numbers.T
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 0.01
    correlation = np.mean((numbers[:, 1:] - 0.5) * (numbers[:, :-1] - 0.5)) * 12
    assert abs(correlation) < 4 / np.sqrt(numbers.size)
