"""Initial weights of all slots of a block at once."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.identity import combine_ids
from motrain_app.learning.block import Block
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.programs import Group
from motrain_app.learning.random_words import random_uniforms


def initial_layers(
    block: Block, group: Group, candidates: Sequence[NetworkOptions], varies: NDArray[np.bool_]
) -> list[NDArray[np.float32]]:
    """Return weights and biases in turn: Glorot-uniform weights from each slot's own key, zero biases.

    Weights of an input that is constant in all that a place learns from are zero, and stay so, as it is fed zeros: it
    would be left with whatever sensitivity it was drawn.

    Parameters
    ----------
    group
        Of candidates, which are numbers in `candidates`.
    varies
        bool, [places, n_inputs]: inputs that are not constant.

    Returns
    -------
    list of numpy.ndarray
        [slots, width, width before] and [slots, width] of each layer, padded with zeros to the widths of the group.
        Slot = place × candidates of the group + candidate.

    References
    ----------
    Glorot & Bengio (2010): Understanding the difficulty of training deep feedforward neural networks. AISTATS.
    """
    slots = (len(block) * block.folds.n_members, len(group.members))
    padded = [len(block.inputs), *group.hidden, len(block.outputs)]
    layers: list[NDArray[np.float32]] = []
    for n_in, n_out in pairwise(padded):
        layers += [np.zeros((*slots, n_out, n_in), np.float32), np.zeros((*slots, n_out), np.float32)]
    for member, candidate in enumerate(group.members):
        keys = block.keys(candidate).reshape(-1)
        widths = [len(block.inputs), *candidates[candidate].hidden, len(block.outputs)]
        for number, (n_in, n_out) in enumerate(pairwise(widths)):
            uniform = random_uniforms(combine_ids(keys, number), n_out * n_in).reshape(-1, n_out, n_in)
            layers[2 * number][:, member, :n_out, :n_in] = np.sqrt(6 / (n_in + n_out)) * (2 * uniform - 1)
    layers[0] *= varies[:, None, None, :]
    return [layer.reshape(-1, *layer.shape[2:]) for layer in layers]
