"""All scores of ten thousand partitions, and their intervals, on two cores."""

import subprocess
import sys
from pathlib import Path

import pytest

from motrain_app.runs.environment import MEMORY, WORKER_ENVIRONMENT
from motrain_app.skill import metric_names
from tests.benchmarks.conftest import _environment

pytestmark = pytest.mark.benchmark

PARTITIONS, MEASURED, TURNS = 10_000, 400, 6
LIMIT = 60.0  # seconds, of each
CELLS = 50  # of a partition, as an example: each has scores of its own, over which medians are taken


def _seconds(replicates: int, cells: int = 1) -> float:
    """Return the seconds that two processes side by side take for ten thousand, from the best turn of some hundreds."""
    script, each = Path(__file__).with_name("score_partitions.py"), MEASURED // 2
    environment = {**_environment(), **WORKER_ENVIRONMENT, **MEMORY}  # as workers of a run have it
    command = [sys.executable, str(script), str(each), str(replicates), str(cells), str(TURNS)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    taken = [float(process.communicate(timeout=600)[0]) for process in both]
    assert all(process.returncode == 0 for process in both)
    return max(taken) * PARTITIONS / MEASURED


def test_ten_thousand_partitions_are_scored_in_a_minute_and_resampled_in_another(table):
    scores, with_intervals = _seconds(0), _seconds(1000)
    title = f"{PARTITIONS:,} partitions × 5,000 rows × 3 outputs on two cores, from {MEASURED} of them"
    rows = table(title, ["what", "seconds", "asked"])
    rows.add(f"{len(metric_names()) + 4} scores, four baselines", f"{scores:.0f}", f"{LIMIT:.0f}")
    rows.add("block bootstrap, 1,000 replicates, of all of them", f"{with_intervals - scores:.0f}", f"{LIMIT:.0f}")
    scores_of_many, with_intervals_of_many = _seconds(0, CELLS), _seconds(1000, CELLS)
    rows.add(f"the same scores where these rows are of {CELLS} cells", f"{scores_of_many:.0f}", "")
    rows.add(
        "the same bootstrap, also of medians over these cells", f"{with_intervals_of_many - scores_of_many:.0f}", ""
    )
    assert scores < LIMIT
    assert with_intervals - scores < LIMIT
