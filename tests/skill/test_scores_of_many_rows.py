"""Of many rows each output is scored by itself, of few many partitions together: to the same bits, memory bounded."""

import tracemalloc

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.learning import resolve_learner
from motrain_app.runs.cutting import needs
from motrain_app.skill import metric_names, score_outputs, scores_of, sum_outputs, summed

BASELINES = ("mean", "climatology", "ridge", "reference")


def make_rows(n_outputs, n_days, n_cells):
    rng = np.random.default_rng(0)
    shape = (n_outputs, n_days * n_cells)
    observed = rng.standard_normal(shape).astype(np.float32)
    predicted = observed + rng.standard_normal(shape).astype(np.float32)
    observed[rng.random(shape) < 0.1] = np.nan
    baselines = {name: rng.standard_normal(shape).astype(np.float32) for name in BASELINES}
    time = np.datetime64("2005-01-01") + np.tile(np.arange(n_days), n_cells)
    cell, within = np.repeat(np.arange(n_cells), n_days), (rng.random(shape) < 0.9).astype(float)
    choices = {"cell": cell, "within": within, "metrics": metric_names(), "key": 3, "replicates": 200}
    return (observed, predicted, baselines, time), choices


def test_each_output_by_itself_has_the_bits_of_all_in_one_go(monkeypatch):
    rows, choices = make_rows(3, 1500, 4)
    together = score_outputs(*rows, **choices)
    monkeypatch.setattr(summed, "ROWS_TOGETHER", 100)
    apart = score_outputs(*rows, **choices)
    assert apart.pack().tobytes() == together.pack().tobytes()
    assert (apart.metrics, apart.baselines) == (together.metrics, together.baselines)


def test_partitions_that_are_evaluated_together_have_the_bits_of_each_alone(monkeypatch):
    parts = [make_rows(2, n_days, n_cells) for n_days, n_cells in ((900, 1), (0, 1), (600, 4), (700, 1), (30, 4))]
    alone = [score_outputs(*rows, **choices).pack() for rows, choices in parts]
    for numbers in (1, 1 << 20):  # each by itself, and all together
        monkeypatch.setattr("motrain_app.skill.scores._NUMBERS_TOGETHER", numbers)
        together = [found.pack() for found in scores_of(sum_outputs(*rows, **choices) for rows, choices in parts)]
        assert [found.tobytes() for found in together] == [found.tobytes() for found in alone]
    assert list(scores_of([])) == []


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_row_takes_no_more_memory_than_runs_count_with(n_outputs, monkeypatch):
    monkeypatch.setattr(summed, "ROWS_TOGETHER", 100)
    rows, choices = make_rows(n_outputs, 2500, 40)
    tracemalloc.start()
    score_outputs(*rows, **choices)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sizes = {"members": 10, "atoms": 10, "n_inputs": 8, "n_outputs": n_outputs, "seed": 0}
    need = needs(*resolve_learner(Learner("ridge")), np.array([len(rows[3])]), **sizes)
    assert 0.5 * need.bytes_a_judged_row < peak / len(rows[3]) < need.bytes_a_judged_row
