"""Initial weights are Glorot's, and those of a slot depend on seed, partition, fold and candidate, on nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from motrain_app.learning.initial_weights import initial_layers
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.programs import group_candidates

OWN = NetworkOptions()
WIDE, NARROW = replace(OWN, hidden=(32, 32)), replace(OWN, hidden=(30, 25))


def _layers(block, candidates):
    """Return the layers of the one group, [partitions, members, candidates, ...] each."""
    (group,) = group_candidates(candidates)
    slots = (len(block), block.folds.n_members, len(candidates))
    varies = np.ones((slots[0] * slots[1], len(block.inputs)), bool)
    return [layer.reshape(*slots, *layer.shape[1:]) for layer in initial_layers(block, group, candidates, varies)]


def _numbers(layers, partition, member, candidate):
    return [layer[partition, member, candidate].tolist() for layer in layers]


def test_weights_are_even_up_to_glorots_limit_and_biases_are_zero(make_block):
    layers = _layers(make_block(partitions=40), [WIDE])
    for weights, biases, (n_in, n_out) in zip(layers[::2], layers[1::2], [(3, 32), (32, 32), (32, 2)], strict=True):
        limit = np.sqrt(6 / (n_in + n_out))
        assert weights.shape[-2:] == (n_out, n_in)
        assert stats.kstest(weights.ravel(), "uniform", (-limit, 2 * limit)).pvalue > 0.01
        assert not biases.any()


def test_a_slot_has_its_weights_whatever_stands_beside_it(make_block):
    block = make_block(partitions=3)
    layers = _layers(block, [WIDE, NARROW])
    of_one = replace(block, ids=block.ids[1:2], row_start=block.row_start[:2], masked=block.masked[:1])
    assert _numbers(_layers(of_one, [WIDE, NARROW]), 0, 4, 1) == _numbers(layers, 1, 4, 1)
    without_padding = _layers(block, [WIDE])
    assert _numbers(without_padding, 2, 0, 0) == _numbers(layers, 2, 0, 0)


def test_no_two_slots_and_no_two_layers_share_a_weight(make_block):
    block = make_block(partitions=3)
    layers = _layers(block, [WIDE, NARROW])
    values = np.concatenate([layer[layer != 0].astype(np.float64) for layer in layers[::2]])
    assert len(np.unique(values)) > 0.99 * len(values)  # float32 has some 2**24 between its limits
    first = layers[0][:, :, :, 0, 0].ravel()
    assert len(np.unique(first)) == len(first)


@pytest.mark.parametrize("change", ["seed", "fold", "candidate"])
def test_another_seed_fold_or_candidate_has_other_weights(make_block, change):
    block = make_block(partitions=1)
    weights = _layers(block, [WIDE, WIDE])[0]
    other = _layers(replace(block, seed=1), [WIDE, WIDE])[0]
    pairs = {"seed": (weights, other), "fold": (weights[:, 0], weights[:, 1])}
    pairs["candidate"] = weights[:, :, 0], weights[:, :, 1]
    one, two = pairs[change]
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_beyond_the_widths_of_a_candidate_all_is_zero(make_block):
    layers = _layers(make_block(partitions=2), [WIDE, NARROW])
    widths = [3, *NARROW.hidden, 2]
    for number, weights in enumerate(layers[::2]):
        mine = weights[:, :, 1]
        assert mine[..., : widths[number + 1], : widths[number]].all()
        assert not mine[..., widths[number + 1] :, :].any()
        assert not mine[..., :, widths[number] :].any()
