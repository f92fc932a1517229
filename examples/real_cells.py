"""One operator a cell on a file of your own, and what the held-back years say about it.

python real_cells.py cells.nc --inputs TG1 TG2 WG1 --outputs sig slop --test 2017-01-01 --learner network
"""

import argparse

import motrain_app as mt

parser = argparse.ArgumentParser(description="Train one operator a cell and open the test.")
parser.add_argument("data")
parser.add_argument("--inputs", nargs="+", required=True)
parser.add_argument("--outputs", nargs="+", required=True)
parser.add_argument("--test", required=True, help="rows from this date on are the test")
parser.add_argument("--learner", default="ridge2")
parser.add_argument("--runs", default="runs")
choices = parser.parse_args()

design = mt.Design(
    choices.data,
    inputs=choices.inputs,
    outputs=choices.outputs,
    regions="cells",
    test=choices.test,
    jackknife="year",
    learner=choices.learner,
)
run = mt.train(design, runs=choices.runs)
print(run.path, run.counts)

held_out = run.skill()  # of members, each on the year it has not seen
test = run.open_test()  # of their mean, on the test years; the opening is recorded in the run
for title, frame in {"out-of-fold": held_out, "test": test}.items():
    rmse = frame[frame["metric"] == "rmse"]
    print(f"\nRMSE, {title} rows, beside the best baseline")
    print(rmse.drop(columns="metric").to_string(index=False))
