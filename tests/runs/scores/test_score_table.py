"""The printed table of scores: no number is cut, whatever the width."""

import re
import sys

import pandas as pd
import pytest

from motrain_app.runs.scores.score_table import print_scores

INTERVAL = "−0.123 [−0.4568, 0.7891] m3 m-3"


class FakeRun:
    state = "done"
    outputs = (type("Output", (), {"name": "soil_moisture_of_the_top_layer", "unit": "m3 m-3"}),)


def frame_of(metrics, partition="Ebro, the long name of a basin with many letters"):
    row = {"partition": partition, "by": "wind", "group": "under 1.234 m s-1", "output": FakeRun.outputs[0].name}
    numbers = {"value": -0.123, "low": -0.45678, "high": 0.78912, "n": 1234567}
    baseline = {"baseline": "shared_climatology", "baseline_value": 0.25}
    return pd.DataFrame([row | {"metric": metric} | numbers | baseline for metric in metrics])


@pytest.mark.parametrize("metrics", [["rmse", "skill"], ["rmse", "skill", "bias"]], ids=["errors", "each"])
def test_a_narrow_terminal_cuts_no_number(capsys, monkeypatch, metrics):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_scores(FakeRun(), frame_of(metrics), each=len(metrics) > 2)
    out = capsys.readouterr().out
    for words in (INTERVAL, "1234567", "shared_climatology 0.25"):
        assert words in out
    assert "…" not in out
    assert "Ebro, the long name of a basin" not in out  # folded, so that numbers are not


def test_what_is_piped_is_as_wide_as_it_needs(capsys):
    print_scores(FakeRun(), frame_of(["rmse", "skill"]))
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "Ebro" in line)
    for words in ("Ebro, the long name of a basin with many letters", INTERVAL, "1234567", "−0.12 [−0.46, 0.79]"):
        assert words in line


def test_a_name_of_two_lines_stays_on_one(capsys):
    print_scores(FakeRun(), frame_of(["rmse", "skill"], "one\ntwo"))
    assert "one\\ntwo" in capsys.readouterr().out


def test_counts_are_whole_numbers(capsys):
    frame = frame_of(["n"]).assign(value=40531.0, low=float("nan"), high=float("nan"), baseline_value=40531.0)
    print_scores(FakeRun(), frame, each=True)
    out = capsys.readouterr().out
    assert re.search(r"40531 \[–, –\]", out)
    assert "e+04" not in out


def test_each_number_of_a_row_stands_in_its_column(capsys):
    """The baseline's own skill, interval and n differ from those of the run."""
    frame = frame_of(["rmse", "skill"], "Ebro")
    numbers = {"value": [1.5, 0.4], "low": [1.25, 0.3], "high": [1.75, 0.5], "n": [120, 110]}
    print_scores(FakeRun(), frame.assign(**numbers, baseline_value=[2.5, 0.1]))
    out = capsys.readouterr().out
    heads, row = (
        [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
        for line in out.splitlines()
        if "┃" in line or "Ebro" in line
    )
    assert dict(zip(heads, row, strict=True)) == {
        "partition": "Ebro",
        "group": "under 1.234 m s-1",
        "output": "soil_moisture_of_the_top_layer",
        "RMSE [95 % interval]": "1.5 [1.25, 1.75] m3 m-3",
        "n": "120",
        "best baseline": "shared_climatology 2.5",
        "skill [95 %]": "0.40 [0.30, 0.50]",
    }
