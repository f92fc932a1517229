"""What a search takes: counted by hand for small ones, and measured without touching anything."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motrain_app.design import DesignError, Learner
from motrain_app.learning import check_learner, resolve_learner
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.network_work import Pace, ProgramShape, Work, network_bytes, network_work, usual_pace
from motrain_app.learning.programs import group_candidates, steps_of_call
from motrain_app.learning.search import Rung
from motrain_app.runs.environment import own_environment
from tests.conftest import PATIENCE

FIT, JUDGE = np.array([300, 100]), np.array([64, 65])
REMEMBERED_BYTES = 1 << 25  # of `motrain_app.learning.network_feed`, which imports TensorFlow
SHAPE = ProgramShape("tanh", 64, (8,), n_inputs=3, n_outputs=2, slots=4)


def test_an_epoch_is_counted_in_steps_and_calls():
    pace = Pace(call=1000.0, step=1.0, compiling=0.0)
    training, judging = 5 + 2, 1 + 2
    calls = 2  # each of the two members has one, which trains and judges
    assert pace.of_epochs(64, FIT, JUDGE) == 1000 * calls + training + judging
    steps = steps_of_call(64)
    long = np.array([64 * (2 * steps + 1)])
    assert pace.of_epochs(64, long, np.array([0])) == 3 * 1000 + 2 * steps + 1
    assert pace.of_epochs(64, long, np.array([64 * (steps + 1)])) == 4 * 1000 + 3 * steps + 2


def test_all_epochs_of_a_rung_are_paid_once_and_the_dearest_candidates_go_on():
    ladder = (Rung(3, 10), Rung(2, 20), Rung(1, 50))
    work = Work((SHAPE,), (0, 0, 0), ladder)
    assert work.at_most([1, 1, 1]) == 10 * 3 + 10 * 2 + 30 * 1
    assert work.at_most([1, 2, 4]) == 10 * 7 + 10 * 6 + 30 * 4


def test_steps_and_seconds_are_those_of_each_candidates_own_program():
    wide = ProgramShape("tanh", 32, (99,), n_inputs=3, n_outputs=2, slots=1)
    work = Work((SHAPE, wide), (0, 1), (Rung(2, 10),))
    of_64, of_32 = 5 + 2 + 1 + 2, 10 + 4 + 2 + 3
    assert work.steps(FIT, JUDGE) == 10 * (of_64 + of_32)
    paces = [Pace(0.0, 1.0, 9.0), Pace(0.0, 100.0, 9.0)]
    # The two members of candidate 0 share a stack of four slots, of which two work in vain.
    assert work.seconds(FIT, JUDGE, paces, blocks=1) == 10 * (2 * of_64 + 100 * of_32)
    assert work.seconds(FIT, JUDGE, paces, blocks=2) == 10 * (4 * of_64 + 100 * of_32)


def test_after_a_rung_each_program_may_be_left_with_a_stack_that_is_nearly_empty():
    pace, steps = Pace(0.0, 1.0, 0.0), 5 + 2 + 1 + 2  # of both members together
    other = replace(SHAPE, activation="relu")
    ladder = (Rung(4, 10), Rung(1, 30))
    work = Work((SHAPE, other), (0, 0, 1, 1), ladder)
    all_four = 4 * steps  # four slots in each of two stacks
    one_of_them = steps + 2 * 3 * steps / 2  # two slots, and three in vain in either stack
    assert work.seconds(FIT, JUDGE, [pace, pace], blocks=1) == 10 * all_four + 20 * min(one_of_them, all_four)
    alone = Work((SHAPE, other), (0, 0, 1, 1), (Rung(4, 10),))
    assert alone.seconds(FIT, JUDGE, [pace, pace], blocks=1) == 10 * all_four


def test_a_candidate_is_priced_by_the_padded_program_that_trains_it():
    options = NetworkOptions(search={"space": {"hidden": [[3], [60], [5, 5]]}})
    work = network_work(options, 0, n_inputs=4, n_outputs=1, slots=32)
    assert [work.shapes[number].hidden for number in work.program] == [(3,), (60,), (5, 5)]
    assert {shape.n_inputs for shape in work.shapes} == {4}
    assert all(1 <= shape.slots <= 32 for shape in work.shapes)
    narrow, wide = (usual_pace(work.shapes[work.program[number]]) for number in (0, 1))
    assert narrow.step < wide.step


def test_the_seed_of_the_design_decides_which_candidates_are_checked():
    space = {"batch": [16, 32, 64, 128], "layers": [1, 2]}
    learner = Learner("network", {"search": {"space": space, "candidates": 7}})
    refused = []
    for seed in range(60):
        _, options = resolve_learner(learner)
        try:
            check_learner(learner, 1, seed)
        except DesignError:
            refused.append(seed)
            with pytest.raises(DesignError, match="7 programs"):
                group_candidates(options.candidates(seed))
        else:
            group_candidates(options.candidates(seed))
    assert 0 < len(refused) < 60
    assert 0 not in refused


def test_how_many_may_make_a_member_together_is_checked_by_the_seed_of_the_design():
    """Of eight that are drawn six or seven differ: a check by another seed is wrong both ways."""
    space = {"hidden": [[4], [8], [16]], "activation": ["tanh", "relu"]}
    learner = Learner("network", {"together": 7, "search": {"space": space, "candidates": 8}})
    enough = []
    for seed in range(20):
        _, options = resolve_learner(learner)
        enough.append(len(options.candidates(seed)) >= 7)
        if enough[-1]:
            check_learner(learner, 1, seed)
        else:
            with pytest.raises(DesignError, match="together is 7; the search has 6 different candidates"):
                check_learner(learner, 1, seed)
    assert not enough[0]
    assert any(enough)
    with pytest.raises(DesignError, match="together is 9"):
        resolve_learner(Learner("network", {"together": 9, "search": {"space": space, "candidates": 8}}))


def test_a_search_of_too_many_programs_is_refused_before_anything_is_trained():
    search = {"space": {"batch": [2**power for power in range(4, 11)]}}
    with pytest.raises(DesignError, match="7 programs"):
        check_learner(Learner("network", {"search": search}), n_outputs=1)


def test_memory_counts_units_that_only_pad():
    def bytes_of(hidden):
        space = {"hidden": hidden, "learning_rate": [1e-3, 2e-3, 3e-3, 4e-3]}
        _, options = resolve_learner(Learner("network", {"search": {"space": space}}))
        return network_bytes(options, 0, n_inputs=8, n_outputs=3, rows=np.array([100]))

    widths = [16, 32, 64, 128, 256, 512, 1024]
    alone = [bytes_of([[width, width]]) for width in widths]
    parameters = 9 * 16 + 17 * 16 + 17 * 3
    assert 4 * 48 * parameters < alone[0] < 4 * 60 * parameters
    kept = [4 * (9 * width + (width + 1) * width + (width + 1) * 3) for width in widths]  # of the best of all
    of_programs = [one - of_best for one, of_best in zip(alone, kept, strict=True)]
    whole = sum(of_programs) - of_programs[0] + of_programs[1] + kept[-1]  # six programs, not seven
    assert bytes_of([[width, width] for width in widths]) == whole


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"hidden": (2,)}, {"batch": 2048}], ids=["usual", "narrow", "long batch"])
def test_many_candidates_of_many_folds_take_the_memory_that_is_reckoned(options):
    """Of a process of its own, as a worker is: nothing else says what is kept of five thousand slots."""
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "memory_of_search.py", repr(options)],
        # Threads with heaps of their own leave up to a hundred megabytes unused, now more and now less.
        env={**own_environment(), "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    reckoned, measured = map(float, done.stdout.split())
    assert measured < 1.3 * reckoned + REMEMBERED_BYTES + 2e7
    assert reckoned < 2 * measured  # nor is anything refused in vain


@pytest.mark.slow
def test_measuring_a_pace_changes_no_result(make_block):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    from motrain_app.learning.network import fit_network
    from motrain_app.learning.network_calibration import measure_pace
    from motrain_app.learning.network_race import programs_compiled

    block, options = make_block(partitions=1), NetworkOptions(hidden=(4,), epochs=3, batch=64)
    before, compiled = fit_network(block, options), programs_compiled()
    paces = [
        measure_pace(ProgramShape("tanh", 64, hidden, 3, 2, 4, bounded=True, weighted=True))
        for hidden in [(4,), (96, 96)]
    ]
    assert programs_compiled() == compiled
    after = fit_network(block, options)
    assert all(array.tobytes() == after.stack.arrays[name].tobytes() for name, array in before.stack.arrays.items())
    assert all(array.tobytes() == after.trials[name].tobytes() for name, array in before.trials.items())
    small, large = paces
    assert 0 < small.step < large.step
    assert large.compiling > 0
