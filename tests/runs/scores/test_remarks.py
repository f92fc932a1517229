"""Bias that cancels over the year is told, and noise is not taken for it."""

import re

import numpy as np
import pytest

from motrain_app.operators import Variable
from motrain_app.operators.seasons import season_of, season_of_record
from motrain_app.runs.scores.remarks import are_too_many, cancelling_bias
from motrain_app.skill import SeasonBias, cancels, season_bias
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import trained

SIG = (Variable("sig", "dB"),)
CANCELLING = ((0.15, 0.11, 0.19), (-0.20, -0.24, -0.16), (0.01, -0.03, 0.05), (0.0, -0.04, 0.04))


def said(biases, year, outputs=SIG):
    """With what is not known of all seasons but one where the biases are those of four."""
    biases = (*biases, *[(np.nan,) * 3] * (8 - len(biases)))
    return cancelling_bias(SeasonBias(*np.array(biases).T[:, None]), np.array([year]), outputs)


def test_two_seasons_of_opposite_bias_are_told_with_their_intervals():
    assert said(CANCELLING, -0.01) == [
        "sig: bias +0.15 dB [0.11, 0.19] in DJF and −0.20 [−0.24, −0.16] in MAM cancel over the year (−0.01)."
    ]
    assert "[−0.396, −0.004] in MAM" in said((CANCELLING[0], (-0.20, -0.396, -0.004), *CANCELLING[2:]), -0.01)[0]
    first, *others = CANCELLING
    assert "−0.20 dB [−0.24, −0.16] in DJF and +0.15" in said([others[0], first, *others[1:]], -0.01)[0]


def test_a_season_that_the_others_balance_is_told():
    others = ((-0.07, -0.15, 0.01),) * 3
    rest = ((0.02, -0.03, 0.07), (-0.07, -0.11, -0.03), *[(0.02, -0.03, 0.07)] * 2)
    assert said((others[0], (0.21, 0.11, 0.31), *others[1:], *rest), -0.01) == [
        "sig: bias +0.21 dB [0.11, 0.31] in MAM and −0.07 [−0.11, −0.03] in the other seasons cancel over the year "
        "(−0.01)."
    ]


@pytest.mark.parametrize(
    ("biases", "of_year"),
    [
        (CANCELLING, -0.08),  # the year shows it
        ((CANCELLING[0], (-0.20, -0.41, 0.01), *CANCELLING[2:]), -0.01),  # one may be nothing
        (((0.15, 0.11, 0.19), (0.20, 0.16, 0.24), *CANCELLING[2:]), 0.08),  # of one sign
        (((0.15, np.nan, np.nan), *CANCELLING[1:]), 0.0),  # too few years
        (CANCELLING, np.nan),
    ],
)
def test_nothing_is_told_otherwise(biases, of_year):
    assert said(biases, of_year) == []


def test_a_run_tells_of_a_season_that_its_inputs_do_not_know(design, tmp_path):
    data = make_dataset(years=6)
    data["y"] = data["y"] + np.array([1.5, 0, -1.5, 0])[season_of(data["time"].values)]
    run = trained(design(data=data, test="2015-01-01"), tmp_path / "runs")
    (of_all, of_partitions) = run.remarks()
    assert of_all.startswith("y: bias −1.")
    assert " dB [" in of_all
    assert "in DJF and +1." in of_all
    assert "in JJA cancel over the year (" in of_all
    assert of_partitions == "y: bias cancels over the year in 6 of 6 partitions."


def test_partitions_that_share_errors_are_no_evidence_each():
    """Of a hundred, with errors without bias that are shared to a half or more: told in about 1 % of runs, not 5 %."""
    season, weight, told = np.arange(40) % 4, np.ones((100, 40)), 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        shared = 0.5 if seed % 2 else 0.9
        errors = np.sqrt(shared) * random.standard_normal(40)
        errors = errors + np.sqrt(1 - shared) * random.standard_normal((100, 40))
        told += are_too_many(int(cancels(season_bias(errors, weight, season), errors.mean(axis=1)).sum()), 100)
    assert told <= 8


@pytest.mark.parametrize(
    ("number", "n", "told"), [(2, 2, True), (1, 2, False), (2, 6, True), (1, 4, False), (24, 100, False)]
)
def test_in_how_many_partitions_is_told_from_a_quarter_on_and_not_of_one_alone(number, n, told):
    assert are_too_many(number, n) == told


def test_the_biases_of_all_partitions_are_those_of_the_table(design, tmp_path):
    data = make_dataset(years=6)
    data["y"] = data["y"] + np.array([1.5, 0, -1.5, 0])[season_of(data["time"].values)]
    run = trained(design(data=data, test="2015-01-01", regions=None), tmp_path / "runs")
    frame = run.skill(by=["all", "season"], metrics=["bias"]).query("output == 'y'").set_index("group")["value"]
    year = run.skill(by="all", metrics=["bias"]).query("output == 'y'")["value"].item()
    told = next(one for one in run.remarks() if one.startswith("y: bias ")).replace("−", "-")
    assert f"bias {frame['DJF']:+.2f} dB" in told or f"bias {frame['DJF']:+.1f} dB" in told
    assert f"({year:+.2f})" in told or f"({year:+.1f})" in told
    assert len(set(season_of_record(data["time"].values))) == 25


def test_cells_count_by_their_area_in_the_biases_of_all_partitions(design, tmp_path):
    """In two of three rows of cells, far north, there is no such bias: of equal cells it would be 1 dB, not 1.6."""
    data = make_dataset(years=6)
    data["lat"] = ("space", np.tile([20.0, 50.0, 80.0], 2), data["lat"].attrs)
    swing = np.array([3.0, 0, -3.0, 0])[season_of(data["time"].values)]
    data["y"] = data["y"] + np.where(data["lat"].values == 20, 1, 0)[:, None] * swing
    run = trained(design(data=data, test="2015-01-01"), tmp_path / "runs")
    bias = run.skill(by=["all", "season"], metrics=["bias"]).query("output == 'y'").set_index("group")["value"]
    told = next(one for one in run.remarks() if one.startswith("y: bias ")).replace("−", "-")
    first, second = (float(number) for number in re.search(r"bias (\S+) dB .* and (\S+) \[", told).groups())
    assert "in DJF and" in told
    assert "in JJA cancel" in told
    assert [first, second] == pytest.approx([bias["DJF"], bias["JJA"]], abs=0.0051)
    assert first < -1.4
