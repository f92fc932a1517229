"""A sum over a set of leaves is their sum, and depends on nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.learning.sum_tree import SumTree


@given(st.integers(0, 700), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_total_is_the_sum_of_the_chosen_leaves(n, seed, share):
    random = np.random.default_rng(seed)
    leaves = random.integers(-1000, 1000, (n, 3)).astype(float)
    chosen = np.flatnonzero(random.random(n) < share)
    assert SumTree(leaves).total(chosen).tolist() == leaves[chosen].sum(axis=0).tolist()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 64, 65, 4097])
def test_everything_together_is_the_sum_of_all(n):
    leaves = np.arange(2.0 * n).reshape(n, 2)
    assert SumTree(leaves).total(np.arange(n)).tolist() == leaves.sum(axis=0).tolist()


def test_what_is_not_chosen_changes_no_bit():
    random = np.random.default_rng(0)
    leaves = random.normal(size=(500, 4))
    chosen = np.r_[3:90, 200:210, 400:499]
    noise = np.full_like(leaves, np.nan)
    noise[chosen] = leaves[chosen]
    assert SumTree(leaves).total(chosen).tobytes() == SumTree(noise).total(chosen).tobytes()
