"""One row of the peer's table: MOTrainer 0.1.7 at one of the five real cells, with its own settings. No test: a script.

Its environment and its run, from the root of a clone (the row takes about 25 CPU-minutes):

    python3.11 -m venv .venv-peer && .venv-peer/bin/pip install motrainer==0.1.7 tensorflow-cpu==2.15.1 numpy==1.26.4 \
        scikit-learn==1.4.2 netcdf4==1.7.5.1.post1
    .venv-peer/bin/python tests/benchmarks/peer.py ascat_isba_5cells.nc --cell 0

Its settings are: the default search space, 11 calls, 100 epochs, leave one year out over the years before 2017, test
from 2017 on, rows with a gap dropped. It runs on one core. The errors are ours, of each output in its own unit: of the
models that the peer saves and of the scalers that it does not, which are those of all rows, test rows included.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

INPUTS = ["TG1", "TG2", "TG3", "WG1", "WG2", "WG3", "BIOMA1", "BIOMA2"]
OUTPUTS = ["sig", "slop", "curv"]
HEADER = """\
| cell | CPU-seconds | mean of the members, test | the member it picks, test | mean held-out year |
|---|---|---|---|---|"""


def main() -> None:
    """Train one cell and print its row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="ascat_isba_5cells.nc")
    parser.add_argument("--cell", type=int, default=0, help="0 to 4 (0)")
    parser.add_argument(
        "--calls", type=int, default=11, help="candidates a fold; its search refuses fewer than 11 (11)"
    )
    parser.add_argument("--epochs", type=int, default=100, help="epochs at most (100)")
    parser.add_argument(
        "--first-year", type=int, default=2007, help="earlier rows are dropped; 2014 for a short try (2007)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of NumPy and TensorFlow; the peer itself sets none (0)")
    parser.add_argument("--keep", type=Path, help="folder for its models; by default they are not kept")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if hasattr(os, "sched_setaffinity"):  # one core, before any pool of threads counts them
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = read_rows(options.data, options.cell, options.first_year)
    with tempfile.TemporaryDirectory() as aside:
        row = train_cell(rows, options.keep or Path(aside), options)
    print(HEADER)
    print(f"| {options.cell} | {time.process_time():.0f} | {row} |", flush=True)


def read_rows(path: Path, cell: int, first_year: int):
    """Return the rows of a cell without gaps as the table that the peer takes: a column a variable, a row a time."""
    import pandas as pd
    import xarray as xr

    with xr.open_dataset(path) as dataset:
        here = dataset.isel(space=cell)
        rows = pd.DataFrame(
            {name: here[name].values for name in (*INPUTS, *OUTPUTS)}, index=here["time"].values
        ).dropna()
    return rows[(rows.index.year >= first_year) & (rows.index.year < 2020)]


def train_cell(rows, folder: Path, options: argparse.Namespace) -> str:
    """Train and return the errors of a row: of the members' mean, of the pick, and of the held-out years."""
    import numpy as np
    import tensorflow as tf
    from motrainer.jackknife import JackknifeGPI

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(options.seed)
    jackknife = JackknifeGPI(rows, 2017, INPUTS, OUTPUTS, outpath=str(folder))
    jackknife.train({}, {"n_calls": options.calls, "epochs": options.epochs}, performance_method="rmse")

    mean, scale = rows.mean(), rows.std(ddof=0)  # its StandardScaler, fitted on every row
    inputs = ((rows - mean) / scale)[INPUTS].to_numpy()
    observed, year = rows[OUTPUTS].to_numpy(), rows.index.year.to_numpy()
    predicted = {}
    for path in sorted(folder.glob("all_years/optimized_model_*.h5")):
        model = tf.keras.models.load_model(path, compile=False)
        scaled = model.predict(inputs, verbose=0)
        predicted[int(path.stem[-4:])] = scaled * scale[OUTPUTS].to_numpy() + mean[OUTPUTS].to_numpy()
    if not predicted:
        raise SystemExit("The peer saved no model: no loss fell below 1. Give it more epochs.")

    def rmse(values, which):
        return np.sqrt(((values - observed)[which] ** 2).mean(axis=0))

    test, pick = year >= 2017, int(jackknife.best_year)
    members = rmse(np.mean(list(predicted.values()), axis=0), test)
    held_out = np.mean([rmse(values, year == left_out) for left_out, values in predicted.items()], axis=0)
    return f"{_words(members)} | {pick}: {_words(rmse(predicted[pick], test))} | {_words(held_out)}"


def _words(rmse) -> str:
    return "{:.3f} / {:.5f} / {:.6f}".format(*rmse)


if __name__ == "__main__":
    main()
