"""Joining keeps what pairs cost: it finds what trying every pair anew each time finds, and in time for an edit."""

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.learning import joining
from motrain_app.learning.joining import join_cheapest
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.programs import group_candidates


def _by_every_pair(count, hidden, kind, at_most):
    """Join the cheapest pair of all, tried anew each time; the first of those that cost the same."""

    def cost(group):
        n, widths, _, _ = group
        return n * (sum(widths) + sum(a * b for a, b in pairwise(widths)))

    def join(one, other):
        widths = tuple(map(max, zip(one[1], other[1], strict=True)))
        return one[0] + other[0], widths, one[2], sorted(one[3] + other[3])

    found = [(*group, [number]) for number, group in enumerate(zip(count, map(tuple, hidden), kind, strict=True))]
    while len(found) > at_most:
        pairs = [pair for pair in combinations(found, 2) if pair[0][2] == pair[1][2]]
        best = min(pairs, key=lambda pair: cost(join(*pair)) - cost(pair[0]) - cost(pair[1]))
        found = [group for group in found if all(group is not one for one in best)] + [join(*best)]
    return [group[3] for group in found]


@st.composite
def _sets(draw):
    """Draw sets whose widths are few, so that many pairs cost the same."""
    at_most = draw(st.integers(1, 4))
    layers = draw(st.lists(st.integers(1, 3), min_size=at_most, max_size=at_most))
    widths = st.sampled_from(draw(st.sampled_from([(1, 2, 4), (3, 4, 5, 60), tuple(range(1, 129))])))
    kind = draw(st.lists(st.integers(0, at_most - 1), min_size=1, max_size=25))
    hidden = [draw(st.lists(widths, min_size=layers[one], max_size=layers[one])) for one in kind]
    count = draw(st.lists(st.integers(1, 9), min_size=len(kind), max_size=len(kind)))
    return count, hidden, kind, at_most


@given(_sets())
def test_joins_are_those_of_trying_every_pair_anew(sets):
    assert join_cheapest(*sets) == _by_every_pair(*sets)


def test_of_joins_that_cost_the_same_the_first_pair_is_joined():
    assert join_cheapest([1] * 4, [[8]] * 4, [0] * 4, 3) == [[2], [3], [0, 1]]
    sets = [2] * 4, [[4], [2], [2], [8]], [0] * 4, 2  # the first with the last costs as much as with what is joined
    assert join_cheapest(*sets) == _by_every_pair(*sets) == [[1, 2], [0, 3]]


def test_what_two_cost_together_is_found_once_for_each_pair(monkeypatch):
    """As each pair was tried anew after each join, 512 took 37 to 73 s."""
    random, tried = np.random.default_rng(0), []
    hidden = dict.fromkeys(tuple(map(int, 2 ** random.integers(1, 11, 3))) for _ in range(4000))
    candidates = [NetworkOptions(hidden=one) for one in list(hidden)[:512]]
    assert len(candidates) == 512
    cost = joining.padded_cost
    monkeypatch.setattr(
        joining, "padded_cost", lambda count, hidden: tried.append(np.size(count)) or cost(count, hidden)
    )
    assert len(group_candidates(candidates)) == 6
    assert sum(tried) < 512**2 + 3 * 512  # pairs of those that there were, of each join with the rest, and each alone
