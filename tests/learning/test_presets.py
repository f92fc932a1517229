"""Learners with a name: each makes sense, is found again however it is written, and is what its name says."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from motrain_app.design import Learner
from motrain_app.learning import LEARNER_KINDS, check_learner, default_options, register_learner, resolve_learner
from motrain_app.learning.network_work import network_work
from motrain_app.learning.presets import NAMED, PEER, QUICK, THOROUGH, USUAL_SEARCH, VESPER, preset_of, presets
from motrain_app.learning.programs import PROGRAMS_AT_MOST
from motrain_app.learning.search import Range, Rung, stretches

SEEDS = range(12)


def _parameters(widths):
    return sum(before * after + after for before, after in pairwise(widths))


def test_the_vesper_net_has_1201_parameters_with_its_thirty_inputs_and_one_output():
    """30-15-15-15-15-1: the first number is its inputs, as no number of inputs before 30 units gives that count."""
    inputs, *hidden, outputs = 30, 15, 15, 15, 15, 1
    options = resolve_learner(VESPER.learner)[1]
    assert options.hidden == tuple(hidden)
    assert _parameters([inputs, *options.hidden, outputs]) == 1201
    assert "1,201 parameters with its 30 inputs" in VESPER.purpose
    assert all(_parameters([n, 30, *hidden, 1]) != 1201 for n in range(1, 100))


def test_the_peers_search_is_the_space_of_motrainer_017():
    options = resolve_learner(PEER.learner)[1]
    assert (options.learning_rate, options.hidden, options.batch) == (1e-3, (4, 13), 64)
    assert (options.epochs, options.patience, options.l2, options.activation) == (100, 30, 0.0, "relu")
    assert dict(options.search.space) == {
        "learning_rate": Range(5e-4, 1e-2, log=True),
        "layers": (2, 3),
        "first_width": Range(2, 6),
        "width": Range(1, 128),
        "batch": Range(7, 365),
    }
    candidates = options.candidates(0)
    assert len(candidates) == 11
    assert candidates[0].hidden == (4, 13)
    assert all(one.l2 == 0 and one.activation == "relu" for one in candidates)
    assert options.ladder(11) == (Rung(11, 100),), "the peer trains every candidate to its end"


@pytest.mark.parametrize("preset", NAMED, ids=lambda preset: preset.name)
def test_every_preset_can_be_trained_whatever_the_seed(preset):
    kind, options = resolve_learner(preset.learner)
    check_learner(preset.learner, n_outputs=3)
    for seed in SEEDS:
        work = network_work(options, seed, n_inputs=8, n_outputs=3, slots=32)
        assert len(work.shapes) <= PROGRAMS_AT_MOST
        assert len(work.program) == len(kind.candidates(options, seed))


def test_a_thorough_search_halves_24_candidates_and_a_quick_network_takes_a_fourteenth_of_its_epochs():
    thorough, quick = (resolve_learner(preset.learner)[1] for preset in (THOROUGH, QUICK))
    for seed in SEEDS:
        assert len(thorough.candidates(seed)) == 24
    assert thorough.ladder(24) == (Rung(24, 8), Rung(8, 23), Rung(3, 67), Rung(1, 200))
    assert sum(candidates * epochs for candidates, epochs in stretches(thorough.ladder(24))) == 577
    assert quick.ladder(1) == (Rung(1, 40),)


@pytest.mark.parametrize("kind", LEARNER_KINDS)
def test_a_preset_is_found_again_however_it_is_written(kind):
    assert preset_of(Learner(kind)).name == "Default"
    assert preset_of(Learner(kind, default_options(kind))).name == "Default"
    for preset in presets(kind):
        kind_of_it, options = preset.learner.kind, preset.learner.options
        assert preset_of(Learner(kind_of_it, {**default_options(kind_of_it), **options})).name == preset.name


def test_another_setting_or_an_unknown_learner_is_no_preset():
    assert preset_of(Learner("network", {**VESPER.learner.options, "l2": 0.1})) is None
    assert preset_of(Learner("network", {"hidden": []})) is None
    assert preset_of(Learner("unheard of")) is None


def test_a_kind_that_demands_an_option_has_no_default_and_its_settings_are_no_preset():
    @dataclass(frozen=True)
    class Demanding:
        depth: int

    register_learner("demanding", Demanding)(lambda block, options: None)
    try:
        assert preset_of(Learner("demanding", {"depth": 3})) is None
        assert preset_of(Learner("demanding")) is None
    finally:
        del LEARNER_KINDS["demanding"]


def test_names_differ_and_each_says_what_it_is_for_in_one_sentence():
    for kind in LEARNER_KINDS:
        assert len({preset.name for preset in presets(kind)}) == 1 + len(NAMED)
        assert all(preset.purpose.endswith(".") for preset in presets(kind))


def test_the_search_that_a_switch_begins_with_can_be_trained():
    check_learner(Learner("network", {"search": USUAL_SEARCH}), n_outputs=2)
