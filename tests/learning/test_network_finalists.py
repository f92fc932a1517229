"""Which candidate of a race becomes a member: the best that is of use, and what is told where none is."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")

from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions

pytestmark = pytest.mark.slow
OWN = {"hidden": (8,), "epochs": 12, "batch": 64}


@pytest.mark.parametrize(
    ("size", "rates", "halving"),
    [(1e3, [0.01, 100.0], 0), (1e4, [0.01, 100.0], 0), (-1e4, [0.01, 0.02, 100.0, 150.0], 2)],
)
def test_where_what_diverged_wins_by_an_absurd_row_the_next_best_is_the_member(make_block, size, rates, halving):
    """The row judges a member, and is far from all candidates: which of them is nearest to it says nothing."""
    block = make_block(partitions=1, gaps=0, test=None)
    outputs = block.outputs[:1].copy()
    outputs[:, np.flatnonzero(block.folds.held_out[2][block.atom])[40]] += size * outputs.std()
    block, sound = replace(block, outputs=outputs), len(rates) // 2
    options = NetworkOptions(**OWN, search={"space": {"learning_rate": rates}, "halving": halving})
    fitted = fit_network(block, options)
    won = fitted.trials["validation_loss"][0].argmin(axis=1)
    assert won[1] >= sound
    assert fitted.present.all()
    chosen = fitted.trials["chosen"][0]
    assert (chosen < sound).all()
    np.testing.assert_array_equal(chosen[won < sound], won[won < sound])
    predicted = fitted.stack.member(1).predict(block.inputs.astype(float))
    usual = np.abs(outputs - np.median(outputs)) < 10
    assert np.sqrt(np.mean((predicted - outputs)[usual] ** 2)) < 0.8 * outputs[usual].std()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-np.inf, 1.0)])
def test_bounds_that_no_training_row_meets_are_told_however_near_they_are(make_block, low, high):
    """Soil moisture in per cent with the bounds of a share: the nearest value is some deviations away, not ten."""
    block = make_block(partitions=1, gaps=0)
    outputs = block.outputs.copy()
    outputs[1] = 1.5 + np.arctan(block.inputs[2] - 2) / np.pi  # 1 to 2
    block = replace(block, outputs=outputs)
    options = NetworkOptions(**OWN, low=(None, low if np.isfinite(low) else None), high=(None, high))
    fitted = fit_network(block, options)
    assert not fitted.present.any()
    assert fitted.errors[0].startswith("Output 1 lies beyond its bounds")
    some = replace(block, outputs=np.where(np.arange(outputs.shape[1]) % 4, outputs, 0.9).astype(np.float32))
    assert fit_network(some, options).present.all()


def test_a_block_without_rows_says_so(make_block):
    block = make_block(partitions=1)
    empty = replace(
        block,
        row_start=np.zeros(2, int),
        inputs=block.inputs[:, :0],
        outputs=block.outputs[:, :0],
        atom=block.atom[:0],
    )
    assert fit_network(empty, NetworkOptions(**OWN)).errors[0].startswith("It has no training row")
