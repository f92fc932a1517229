"""The list of candidates: drawn from the space, the same for everybody, with the learner's own settings among them."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design import DesignError, Learner
from motrain_app.learning import check_learner, resolve_learner
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.search import Range, rungs, stretches

PEER = {
    "learning_rate": {"low": 5e-4, "high": 1e-2, "log": True},
    "layers": {"low": 2, "high": 3},
    "first_width": {"low": 2, "high": 6},
    "width": {"low": 1, "high": 128},
    "batch": {"low": 7, "high": 365},
}


def _candidates(space, seed=0, **options):
    search = {"space": space, **{name: options.pop(name) for name in ("candidates", "halving") if name in options}}
    return NetworkOptions(search=search, **options).candidates(seed)


def test_a_grid_is_every_combination():
    found = _candidates({"l2": [0.0, 1e-4], "hidden": [[4], [8, 8]], "activation": ["relu"]})
    assert {(one.l2, one.hidden) for one in found} == {(0.0, (4,)), (0.0, (8, 8)), (1e-4, (4,)), (1e-4, (8, 8))}
    assert all(one.activation == "relu" and one.search is None for one in found)


def test_drawn_candidates_lie_in_the_space_and_begin_with_the_learners_own():
    own = NetworkOptions(hidden=(4, 13), learning_rate=1e-3, batch=64)
    found = _candidates(PEER, candidates=11, hidden=(4, 13), learning_rate=1e-3, batch=64)
    assert len(found) == 11
    assert found[0] == own
    for one in found[1:]:
        assert 5e-4 <= one.learning_rate <= 1e-2
        assert 2 <= len(one.hidden) <= 3
        assert 2 <= one.hidden[0] <= 6
        assert all(1 <= width <= 128 for width in one.hidden[1:])
        assert one.batch in (16, 64, 256)
    assert len({one.hidden for one in found}) == 11
    assert len({one.batch for one in found}) == 3


def test_the_draw_depends_on_the_seed_and_on_nothing_else():
    first, again, other = (_candidates(PEER, seed, candidates=8) for seed in (0, 0, 1))
    assert first == again
    assert first[1:] != other[1:]


@given(low=st.integers(1, 50), span=st.integers(0, 80), log=st.booleans(), share=st.floats(0, 1, exclude_max=True))
def test_whole_numbers_of_a_range_stay_in_it(low, span, log, share):
    value = Range(low, low + span, log=log).at(share, is_whole=True)
    assert isinstance(value, int)
    assert low <= value <= low + span


@given(low=st.floats(1e-9, 1e9), ratio=st.floats(1, 1e3), log=st.booleans(), share=st.floats(0, 1))
def test_numbers_of_a_range_stay_in_it_also_of_a_single_point(low, ratio, log, share):
    assert low <= Range(low, low * ratio, log=log).at(share, is_whole=False) <= low * ratio
    assert Range(low, low, log=log).at(share, is_whole=False) == low


@pytest.mark.parametrize(
    ("low", "high", "batches"),
    [(20, 40, {32}), (16, 1024, {16, 64, 256, 1024}), (17, 300, {64, 256}), (2000, 8192, {2048, 4096, 8192})],
)
def test_batches_of_a_range_lie_within_its_ends(low, high, batches):
    found = _candidates({"batch": {"low": low, "high": high, "log": True}}, candidates=64)
    assert {one.batch for one in found[1:]} == batches


def test_each_whole_number_of_a_range_is_drawn_equally_often():
    shares = (np.arange(3000) + 0.5) / 3000
    drawn = [Range(2, 4).at(share, is_whole=True) for share in shares]
    assert np.unique(drawn, return_counts=True)[1].tolist() == [1000, 1000, 1000]


def test_equal_candidates_are_tried_once_and_a_space_of_one_point_is_one():
    assert len(_candidates({"l2": [1e-5]})) == 1
    assert len(_candidates({"l2": {"low": 1e-5, "high": 1e-5}}, candidates=8, l2=1e-5)) == 1
    assert len(_candidates({"hidden": [[4], [4], [5]]})) == 2
    assert len(_candidates({"l2": [0.0, 1e-5] * 300, "batch": [64] * 300})) == 2, (
        "90,000 of a grid, two of which differ"
    )


def test_a_value_named_twice_is_drawn_more_often():
    space = {"activation": ["tanh", "tanh", "tanh", "relu"], "l2": {"low": 0.0, "high": 1.0}}
    drawn = [one.activation for one in _candidates(space, candidates=64)[1:]]
    assert drawn.count("tanh") == pytest.approx(3 * drawn.count("relu"), abs=3)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"l2": [0.0]}, "needs a space"),
        ({"space": {}}, "has no space"),
        ({"space": {"l3": [0.0]}}, "'l3' cannot be searched. Known: hidden, layers"),
        ({"space": {"epochs": [5]}}, "'epochs' cannot be searched"),
        ({"space": {"l2": []}}, "l2 has no value"),
        ({"space": {"l2": 0.1}}, "must be a list of values, or a range"),
        ({"space": {"l2": {"low": 0.1}}}, "needs low and high"),
        ({"space": {"l2": {"low": 0.1, "high": 0.2}}}, "Say how many candidates"),
        ({"space": {"l2": {"low": 0.2, "high": 0.1}}, "candidates": 4}, "low comes first"),
        ({"space": {"l2": {"low": 0.0, "high": 0.1, "log": True}}, "candidates": 4}, "above zero"),
        ({"space": {"l2": [0.0, -1.0]}}, "l2 is -1.0"),
        ({"space": {"hidden": [[4]], "width": [4]}}, "says the whole architecture"),
        (
            {"space": {"batch": {"low": 0, "high": 64}}, "candidates": 4},
            "an end of batch is 0; it must be a whole number from 1 on",
        ),
        ({"space": {"width": {"low": 0.4, "high": 3, "log": True}}, "candidates": 4}, "a whole number from 1 on"),
        ({"space": {"width": {"low": 1, "high": float("inf")}}, "candidates": 4}, "both ends must be finite"),
        ({"space": {"l2": {"low": "0", "high": 1}}, "candidates": 4}, "needs low and high"),
        ({"space": {"l2": {"low": 0.1, "high": 1, "log": "false"}}, "candidates": 4}, "true or false"),
        ({"space": {"width": {"low": 1.5, "high": 4}}, "candidates": 4}, "an end of width is 1.5; it must be a whole"),
        ({"space": {"width": {"low": 1, "high": 1e300}}, "candidates": 4}, "1,000,000,000 is the most"),
        ({"space": {"l2": {"low": 0, "high": 10**400}}, "candidates": 4}, "both ends must be finite"),
        ({"space": {"layers": [-3, 0, 1]}}, "layers is -3"),
        ({"space": {"layers": [10**9]}}, "layers is 1000000000; 64 is the most"),
        ({"space": {"layers": {"low": 1, "high": 10**9}}, "candidates": 4}, "64 is the most"),
        ({"space": {"batch": [1, True]}}, "batch is True"),
        ({"space": {"activation": [["tanh"]]}}, "activation is"),
        ({"space": {"activation": ["tanh", "sigmoid"]}, "candidates": 1}, "search: activation is 'sigmoid'"),
        ({"space": {"l2": [0.0] * 9 + [-1.0]}, "candidates": 2}, "search: l2 is -1.0"),
        ({"space": {"hidden": [[4], []]}, "candidates": 1}, "hidden is .*at least one entry"),
        ({"space": {"learning_rate": {"low": 0.0, "high": 0.1}}, "candidates": 2}, "an end of learning_rate is 0.0"),
        (
            {"space": {"l2": {"low": 0.0, "high": 1e300}}, "candidates": 2},
            "an end of l2 is 1e.300; 1,000,000 is the most",
        ),
        ({"space": {"activation": {"low": 0, "high": 1}}, "candidates": 2}, "an end of activation is 0"),
        (
            {"space": {"batch": {"low": 33, "high": 63}}, "candidates": 2},
            r"from 33 to 63; .* powers of two, and none lies between. .* \[33, 63\]",
        ),
        ({"space": {"batch": [64, 10**6]}}, "batch is 1000000; 8,192 is the most"),
        ({"space": {"l2": [0.0]}, "halving": 1}, "drops nothing"),
        ({"space": {"l2": [0.0]}, "halves": 2}, "has no 'halves'"),
        ({"space": {"l2": list(np.linspace(0, 1, 600))}}, "512 are the most"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(search, words):
    with pytest.raises(DesignError, match=words):
        resolve_learner(Learner("network", {"search": search}))


@pytest.mark.parametrize(
    "search",
    [
        {"candidates": 10**9},
        {"space": {"l2": list(range(300)), "batch": list(range(1, 300))}},
        {"space": {f"{name}": [2, 3, 4, 5, 6, 7, 8, 9] for name in ("width", "first_width", "layers", "batch", "l2")}},
    ],
)
def test_a_search_that_is_far_too_large_is_not_even_listed(search):
    whole = {"space": {"learning_rate": {"low": 0.001, "high": 0.1}}, **search}
    begin = time.process_time()
    with pytest.raises(DesignError, match="candidates; 512 are the most"):
        NetworkOptions(search=whole)
    assert time.process_time() - begin < 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"low": 0.0}, r"low is 0.0; it must be a list with an entry for each output: \[0.0\] for a single one"),
        ({"high": 1}, r"high is 1; .*\[1\] for a single one"),
        ({"low": None}, r"low is None; .*\[null\]"),
        ({"hidden": [10**10]}, "hidden is 10000000000; 1,000,000,000 is the most"),
        ({"emphasis": 10**400}, "emphasis is 1000"),
        ({"learning_rate": 10**400}, "learning_rate is 1000"),
        ({"learning_rate": 1e39}, r"learning_rate is 1e\+39; networks compute in float32"),
        ({"learning_rate": 1e-40}, "learning_rate is 1e-40; networks compute in float32, which holds 1.2e-38"),
        ({"l2": 1e-300}, r"l2 is 1e-300; networks compute in float32"),
        ({"batch": 10**7}, "batch is 10000000; 8,192 is the most"),
        ({"l2": 3e38}, r"l2 is 3e\+38; 1,000,000 is the most"),
        ({"search": {"space": {"l2": [0.0, 1e7]}}}, "search: l2 is 10000000.0; 1,000,000 is the most"),
        ({"low": ["0"], "high": [1.0]}, "low is '0'; it must be a number"),
        ({"low": [2.0], "high": [1.0]}, "low must be below high"),
        ({"activation": {}}, "activation is {}"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, words):
    with pytest.raises(DesignError, match=words):
        resolve_learner(Learner("network", options))


def test_settings_of_outputs_must_be_as_many_as_these():
    with pytest.raises(DesignError, match="output_weights has 2 entries; there are 3 outputs"):
        check_learner(Learner("network", {"output_weights": [1.0, 2.0]}), 3)
    with pytest.raises(DesignError, match="low must be below high"):
        resolve_learner(Learner("network", {"low": [0.0, 2.0], "high": [1.0, 2.0]}))
    check_learner(Learner("network", {"low": [None, 0.0, None]}), 3)
    with pytest.raises(DesignError, match="the search has 2 different candidates"):
        resolve_learner(Learner("network", {"together": 3, "search": {"space": {"l2": [0.0, 1.0]}}}))


@given(candidates=st.integers(1, 60), epochs=st.integers(1, 300), halving=st.integers(0, 5).filter(lambda n: n != 1))
def test_the_rungs_end_with_one_candidate_that_has_had_every_epoch(candidates, epochs, halving):
    ladder = rungs(candidates, epochs, halving)
    assert ladder[0].candidates == candidates
    assert ladder[-1].epochs == epochs
    assert ladder[-1].candidates == (1 if halving else candidates)
    assert all(low.epochs <= high.epochs for low, high in pairwise(ladder))
    assert sum(length for _, length in stretches(ladder)) == epochs
    assert [taking_part for taking_part, _ in stretches(ladder)] == [rung.candidates for rung in ladder]
    assert all(length >= 0 for _, length in stretches(ladder))
