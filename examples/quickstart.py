"""From nothing to operators: the sample dataset, one operator everywhere against one a regime, and what to take home.

Run it in a folder of yours:  python quickstart.py
"""

from pathlib import Path

import numpy as np

import motrain_app as mt
from motrain_app.data import write_sample

here = Path(__file__).parent
data = Path("sample.zarr")
if not data.exists():
    write_sample(data, cells=100, years=6)

everywhere = mt.Design(
    data,
    inputs=["TG1", "TG2", "WG1", "WG2", "LAI", "WR"],
    outputs=["backscatter", "slope"],
    filters=["TG1 > 273.65"],  # frozen soil follows another law
    test="2015-01-01",  # rows from here on stay sealed until you open them
    jackknife="year",  # each year is predicted by a member that has not seen it
    learner="ridge2",
)
regimes = everywhere.change(regions=here / "regions.geojson")

runs = {name: mt.train(design, runs="runs") for name, design in {"everywhere": everywhere, "regimes": regimes}.items()}
for name, run in runs.items():
    scores = run.skill()
    print(f"\n{name}: out-of-fold, with 95 % intervals")
    print(scores[scores["metric"] == "rmse"].drop(columns="metric").to_string(index=False))

# An operator works in physical units, with NumPy alone, on arrays and on datasets.
h = runs["regimes"].operator("mountain")
x = np.array([[281.0, 280.0, 0.25, 0.28, 2.5, 0.1]])
print("\nbackscatter (dB) and slope (dB/deg):", h(x)[0])
print("their derivatives by the six states:\n", h.jacobian(x)[0])

paths = runs["regimes"].export(Path("operators") / runs["regimes"].path.name)
print(f"\n{len(paths)} operators in {paths[0].parent}; mt.Operator.load(path) opens one without this run.")
