"""What a run is compared with: stored beside every judged row, out-of-fold as the predictions are."""

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.folder import RunFolder
from tests.runs.takeovers import rows_of, trained


def _stored(run, name):
    """Return rows of a partition, and what each baseline says of them, those of sealed rows too."""
    row = rows_of(run)[name]
    with BlockFile.open(run.path / "blocks" / row.file) as file:
        return dict(file.rows(row.position)), file.baselines(row.position)


def _rmse(one, other):
    return np.sqrt(np.nanmean((one.astype(np.float64) - other) ** 2, axis=-1))


def test_the_score_of_the_best_baseline_follows_from_what_is_stored(design, tmp_path):
    run = trained(design(), tmp_path / "runs")
    rows, baselines = _stored(run, "cell-2")
    held = rows["fold"] >= 0
    rmse = run.skill().query("partition == 'cell-2' and metric == 'rmse'")
    best = [_rmse(rows["observed"], one) for one in np.where(held, baselines, np.nan)]
    np.testing.assert_allclose(rmse["baseline_value"], np.min(best, axis=0), rtol=1e-5)


def test_a_file_that_holds_baselines_of_test_rows_alone_opens_to_the_same_scores(design, tmp_path):
    run = trained(design(), tmp_path / "runs")
    expected = run.open_test()
    older = trained(design(), tmp_path / "older")
    for path in RunFolder(older.path).blocks.iterdir():
        with safe_open(path, framework="np") as file:
            arrays, header = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        arrays["test_baselines"] = np.ascontiguousarray(arrays.pop("baselines")[..., arrays["fold"] == TEST])
        save_file(arrays, path, metadata=header)
    pd.testing.assert_frame_equal(older.open_test(), expected)
    rows, baselines = _stored(older, "cell-2")
    np.testing.assert_array_equal(np.isfinite(baselines).all(axis=(0, 1)), rows["fold"] == TEST)
