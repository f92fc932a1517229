"""What a person waits for who asks for the scores of ten thousand partitions: from a run's files, on two cores."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from tests.benchmarks.conftest import OUTPUTS

pytestmark = pytest.mark.benchmark

PARTITIONS, FEW, MANY = 10_000, 160, 640  # few, but enough for two processes
LIMIT = 120.0  # seconds, of all scores of partitions with their intervals
SCRIPT = Path(__file__).with_name("score_run.py")
COLUMNS = ["scored", "seconds on two cores", "CPU-seconds", "on one core", "asked"]


@pytest.fixture(scope="module")
def run(make_cells, make_design, python, tmp_path_factory):
    """Some hundred partitions of 5,000 rows that members withheld, with errors that last for days; four baselines."""
    folder, random = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    data = make_cells(MANY)
    for name in OUTPUTS:
        lasting = lfilter([1.0], [1.0, -0.9], random.standard_normal(data[name].shape, np.float32))
        data[name] = data[name] + float(data[name].std()) * lasting.astype(np.float32)
    data.to_zarr(folder / "data.zarr", zarr_format=3, consolidated=False)
    design = make_design(folder / "data.zarr", learner="ridge2").change(test="2015-04-01").save(folder / "design.json")
    finished = python("-m", "motrain_app", "train", design, "--runs", folder, "--workers", 2, "--quiet")
    return folder / finished.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("by", "what", "limit"),
    [
        ("", "each partition", LIMIT),
        ("season", "each season of each partition", None),
        ("cell", "each cell of each partition", None),
        ("all", "all partitions together", None),
    ],
    ids=["partition", "season", "cell", "all"],
)
def test_scores_from_files(run, python, table, by, what, limit):
    def measure(workers, partitions):
        finished = python(SCRIPT, run, workers, partitions, by)
        return float(finished.output), finished.cpu

    def of_all(workers):
        """Seconds and CPU-seconds: a short question beside a long one tells start-up from the rest."""
        few, many = measure(workers, FEW), measure(workers, MANY)
        return [a + (b - a) * (PARTITIONS - FEW) / (MANY - FEW) for a, b in zip(few, many, strict=True)]

    (seconds, cpu), (alone, _) = of_all(2), of_all(1)
    title = f"{PARTITIONS:,} partitions × 5,000 rows × 3 outputs from a run's files: every score, 1,000 replicates"
    rows = table(title, COLUMNS)
    rows.add(what, f"{seconds:.0f}", f"{cpu:.0f}", f"{alone:.0f}", "" if limit is None else f"{limit:.0f}")
    if limit is not None:
        assert min(seconds, cpu / 2) < limit  # the clock of a busy machine says nothing of ours
