"""Candidates share at most six programs, padded no wider than the widest of each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design import DesignError
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.programs import PROGRAMS_AT_MOST, group_candidates

OWN = NetworkOptions()


@st.composite
def _lists(draw):
    shapes = st.lists(st.integers(1, 128), min_size=1, max_size=3).map(tuple)
    batches = st.sampled_from([64, 256])
    one = st.builds(lambda hidden, batch: replace(OWN, hidden=hidden, batch=batch), shapes, batches)
    return draw(st.lists(one, min_size=1, max_size=40))


@given(_lists())
def test_every_candidate_is_in_one_of_at_most_six_groups_that_hold_it(candidates):
    groups = group_candidates(candidates)
    assert len(groups) <= PROGRAMS_AT_MOST
    assert sorted(number for group in groups for number in group.members) == list(range(len(candidates)))
    for group in groups:
        some = [candidates[number] for number in group.members]
        assert {(one.activation, one.batch, len(one.hidden)) for one in some} == {
            (group.activation, group.batch, len(group.hidden))
        }
        assert group.hidden == tuple(max(widths) for widths in zip(*(one.hidden for one in some), strict=True))
        assert group.stack_slots(20) <= 20


def test_candidates_of_like_width_are_together():
    groups = group_candidates([replace(OWN, hidden=(width,)) for width in (3, 100, 4, 128, 30)])
    assert [group.members for group in groups] == [(0, 2), (1, 3), (4,)]


def test_too_many_batches_are_refused():
    with pytest.raises(DesignError, match="7 programs"):
        group_candidates([replace(OWN, batch=2**power) for power in range(2, 9)])
