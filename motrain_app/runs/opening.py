"""Opening the test: its scores are made at that moment, and the opening is recorded first."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.seasons import season_of
from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.calibration import Residuals
from motrain_app.runs.durable import write_json_durably
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, RunStore, by_file
from motrain_app.skill import COVERAGE_LEVEL, get_metric, judge_rows, score_outputs


def openings(run: RunFolder) -> list[dict[str, Any]]:
    """Return when the test of a run was opened, the first time first."""
    try:
        recorded: list[dict[str, Any]] = json.loads(run.openings.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise RunError(f"{run.openings} cannot be read ({error}), so that an opening could not be recorded.") from None
    return recorded


def open_test(run: RunFolder) -> None:
    """Record an opening, then score the test rows of every finished partition that has none yet.

    Raises
    ------
    RunError
        Where the design holds no test back, a metric of the run is unknown here, or the run folder cannot be written:
        an opening that leaves no trace is none.
    """
    if run.design().test is None:
        raise RunError("The design of this run has no test rows. Give it a test date, and train again.")
    plan = Plan.load(run.plan)
    check_metrics(plan.metrics)  # an opening that ends in the middle would still be one
    entry = {"opened": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        write_json_durably(run.openings, [*openings(run), entry])
    except OSError as error:
        raise RunError(
            f"The opening cannot be recorded in {run.path} ({error.strerror}); the test stays sealed."
        ) from None
    seed = run.design().seed
    with RunStore(run.store, write=True) as store:
        unscored = [row for row in store.partitions() if row.state == DONE and row.test_scores is None]
        for name, rows in by_file(unscored).items():
            positions = {row.number: row.place for row in rows}
            store.put_test_scores(_score_file(run.blocks / name, positions, plan, seed))


def check_metrics(names: Sequence[str]) -> None:
    """Raise RunError where a metric is unknown: a person's own is known once its module is imported."""
    for name in names:
        try:
            get_metric(name)
        except ValueError as error:
            raise RunError(
                f"{str(error)[0].upper()}{str(error)[1:]}. One of your own is known once the module that defines it is "
                "imported: name it with --register MODULE."
            ) from None


def _score_file(path: Path, positions: dict[int, int], plan: Plan, seed: int) -> dict[int, NDArray[np.float64]]:
    """Return the test scores of the partitions, by number, that stand at some positions of a block file."""
    scores = {}
    with BlockFile.open(path) as file:
        for number, position in positions.items():
            rows = file.rows(position)
            test = rows["fold"] == TEST
            time, observed, predicted = (
                plan.time[rows["time"][test]],
                rows["observed"][:, test],
                rows["predicted"][:, test],
            )
            quantiles, within = Residuals.read(file, position, plan).quantiles(), None
            if quantiles is not None:
                within = judge_rows(quantiles, observed - predicted, season_of(time), level=COVERAGE_LEVEL)
            scores[number] = score_outputs(
                observed,
                predicted,
                dict(zip(plan.baselines, file.baselines(position)[..., test], strict=True)),
                time,
                cell=rows["cell"][test],
                within=within,
                metrics=plan.metrics,
                replicates=REPLICATES,
                key=seed,
            ).pack()
    return scores
