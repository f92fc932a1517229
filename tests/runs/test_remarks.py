"""Bias that cancels over the year is told, and noise is not taken for it."""

import numpy as np
import pandas as pd
import pytest

from motrain_app.operators import Variable
from motrain_app.operators.seasons import SEASONS, season_of
from motrain_app.runs.remarks import cancelling_bias
from motrain_app.skill import score_outputs
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import trained

SIG = (Variable("sig", "dB"),)


def seasons(*biases):
    rows = [("sig", season, *bias) for season, bias in zip(SEASONS, biases, strict=True)]
    return pd.DataFrame(rows, columns=["output", "group", "value", "low", "high"])


def year(value):
    return pd.DataFrame({"output": ["sig"], "value": [value]})


CANCELLING = ((0.15, 0.11, 0.19), (-0.20, -0.24, -0.16), (0.01, -0.03, 0.05), (0.0, -0.04, 0.04))


def test_two_seasons_of_opposite_bias_are_told_with_their_intervals():
    (said,) = cancelling_bias(seasons(*CANCELLING), year(-0.01), SIG)
    assert said == (
        "sig: bias +0.15 dB [0.11, 0.19] in DJF and -0.20 [-0.24, -0.16] in MAM cancel over the year (-0.01)."
    )


@pytest.mark.parametrize(
    ("biases", "of_year"),
    [
        (CANCELLING, -0.08),  # the year shows it
        ((CANCELLING[0], (-0.20, -0.41, 0.01), *CANCELLING[2:]), -0.01),  # one may be nothing
        (((0.15, 0.11, 0.19), (0.20, 0.16, 0.24), *CANCELLING[2:]), 0.08),  # of one sign
        (((0.15, np.nan, np.nan), *CANCELLING[1:]), 0.0),  # too few blocks
        (CANCELLING, np.nan),
    ],
)
def test_nothing_is_told_otherwise(biases, of_year):
    assert cancelling_bias(seasons(*biases), year(of_year), SIG) == []


def test_errors_without_bias_are_told_of_in_hardly_any_of_a_hundred_runs():
    rng = np.random.default_rng(0)
    time = np.datetime64("2010-01-01") + np.arange(0, 6 * 365, 2)
    season, told = season_of(time), 0
    nothing = np.zeros((1, len(time)))
    for number in range(100):
        noise = rng.standard_normal(len(time) + 10)
        error = np.convolve(noise, 0.7 ** np.arange(11), "valid")[None]  # autocorrelated, as errors are

        def score(rows, error=error, number=number):
            found = score_outputs(nothing[:, rows], error[:, rows], {}, time[rows], metrics=["bias"], key=number)
            return found.value.item(), found.low.item(), found.high.item()

        of_seasons = seasons(*(score(np.flatnonzero(season == one)) for one in range(4)))
        told += len(cancelling_bias(of_seasons, year(error.mean()), SIG))
    assert told <= 4


def test_a_run_tells_of_a_season_that_its_inputs_do_not_know(design, tmp_path):
    data = make_dataset(years=6)
    data["y"] = data["y"] + np.array([1.5, 0, -1.5, 0])[season_of(data["time"].values)]
    run = trained(design(data=data, test="2015-01-01"), tmp_path / "runs")
    said = run.remarks()
    assert any(one.startswith("y: bias -") and "DJF" in one and "JJA" in one and " dB " in one for one in said)
    assert any(one.startswith("y: bias cancels over the year in ") and one.endswith("of 6 partitions.") for one in said)
    assert not any(one.startswith("bend") for one in said)
