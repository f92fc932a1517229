"""Two runs compared, row by row, on what members of both withheld: by how much the errors of one are lower.

Each row counts for both runs or for none, so that the interval is that of the paired difference: blocks of calendar
days are drawn with all their cells, for both runs the same. Test rows do not enter.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from motrain_app.design import differences
from motrain_app.operators import Variable
from motrain_app.runs.comparison.common_axes import CommonAxes, match_axes
from motrain_app.runs.comparison.paired import PairedErrors, PairedPartition, PairedRows, RowWeights, judge_partitions
from motrain_app.runs.comparison.paired_rows import Observations, pair_rows
from motrain_app.runs.comparison.run_comparison import RunComparison
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.skill import cell_areas

if TYPE_CHECKING:
    from motrain_app.runs.run import Run


def compare_runs(run: "Run", other: "Run", *, progress: Callable[[float], None] = lambda share: None) -> RunComparison:
    """Compare the out-of-fold errors of two runs on the rows (cell and time) that members of both withheld.

    Partitions are read some at a time, so that memory does not grow with their number; twice, as a cell counts by
    its area however many of its rows are common, and that is to be known first. What is finished of each
    run is compared; that there is more is told.

    Parameters
    ----------
    run, other
        On the same observations. They may differ in partitions, folds, learner, inputs and filters, and in their files:
        rows are matched by place and time.
    progress
        Called with the share of the work done, 0 to 1.

    Raises
    ------
    RunError
        Where one has no finished partition, they share no output, cell or time, withheld no row in common, or what
        they observed in common rows differs by more than rounding.
    """
    folders = RunFolder(run.path), RunFolder(other.path)
    first, second = (_finished(folder) for folder in folders)
    names = f"{run.path.name} and {other.path.name}"
    outputs = _common_outputs(first, second, names)
    axes = match_axes(first.plan, second.plan, names)
    variables = tuple(first.plan.outputs[output] for output, _ in outputs)
    offset = first.plan.output_offset[[output for output, _ in outputs]]
    areas = cell_areas(first.plan.lat, first.plan.lon)
    # Both runs draw the same blocks, whichever is asked; of one seed they are the draws of the scores.
    seed = min(run.design.seed, other.design.seed)
    judge, weights = PairedErrors(first.plan.time, seed, offset), RowWeights(areas.weight, len(outputs))

    def read() -> Iterator[list[PairedPartition | None]]:
        return _partitions(first, second, axes, outputs, Observations(variables, offset), names)

    found = judge_partitions(read, judge, weights, n_partitions=len(first.rows), progress=progress)
    if found is None:
        raise RunError(_nothing_common(run, other))
    return RunComparison(
        run=run.path.name,
        other=other.path.name,
        outputs=variables,
        partitions=found.names,
        pooled=found.pooled,
        by_partition=found.by_partition,
        differences=tuple(differences(other.design, run.design)),
        partial=" ".join(_partial((first, second))),
        weights=areas.how,
        notes=tuple(_notes(folders, (first, second), axes)),
    )


def _partitions(
    first: Withheld,
    second: Withheld,
    axes: CommonAxes,
    outputs: Sequence[tuple[int, int]],
    observations: Observations,
    names: str,
) -> Iterator[list[PairedPartition | None]]:
    """Yield the partitions of a run beside what another predicts, in order; at the end refuse other observations.

    Nothing more is yielded of them once any row differs.
    """
    for chunk in first.chunks():
        pairs = pair_rows([rows for _, rows in chunk], second, axes, outputs)
        some: list[PairedPartition | None] = []
        for (row, _), pair in zip(chunk, pairs, strict=True):
            if pair is None or not observations.agree(pair):
                some.append(None)
                continue
            cell, time = np.divmod(pair.key, len(first.plan.time))
            rows = PairedRows(pair.observed, pair.predicted, pair.other_predicted, time)
            some.append(PairedPartition(row.name, cell, rows))
        yield some
    observations.refuse_where_they_differ(names)


def _finished(folder: RunFolder) -> Withheld:
    withheld = Withheld(folder)
    if not withheld.rows:
        raise RunError(f"There is nothing to compare: {withheld.why_no_rows()}")
    return withheld


def _common_outputs(first: Withheld, second: Withheld, names: str) -> list[tuple[int, int]]:
    """Return the places of common outputs in both runs, or refuse what cannot be compared."""
    one, two = first.plan.outputs, second.plan.outputs
    theirs = {output.name: number for number, output in enumerate(two)}
    common = [(number, theirs[output.name]) for number, output in enumerate(one) if output.name in theirs]
    if not common:
        raise RunError(
            f"{names} share no output: one predicts {_listed(one)}, the other {_listed(two)}. Compare runs that "
            "predict the same."
        )
    for mine, other_one in ((one[a], two[b]) for a, b in common):
        if mine.unit != other_one.unit:
            raise RunError(
                f"{names} have {mine.name} in different units: {mine.unit!r} and {other_one.unit!r}. Bring the files "
                "to one unit and train again."
            )
    return common


def _listed(outputs: tuple[Variable, ...]) -> str:
    return ", ".join(output.name for output in outputs)


def _nothing_common(run: "Run", other: "Run") -> str:
    nothing = [one.path.name for one in (run, other) if one.design.jackknife is None]
    why = f" The design of {' and '.join(nothing)} holds nothing out (jackknife=None)." if nothing else ""
    names = f"{run.path.name} and {other.path.name}"
    return f"{names} withheld no row in common that both predict: there is nothing to compare.{why}"


def _partial(both: tuple[Withheld, Withheld]) -> list[str]:
    return list(dict.fromkeys(one.partial_words for one in both if one.partial_words))  # once of a run beside itself


def _notes(folders: tuple[RunFolder, RunFolder], both: tuple[Withheld, Withheld], axes: CommonAxes) -> list[str]:
    notes = _partial(both)
    marks = {str(folder.info()["fingerprint"]) for folder in folders}
    if len(marks) > 1 or not axes.alike:
        what = "were trained on different files" if len(marks) > 1 else "read their file in different ways"
        notes.append(f"The runs {what}: {axes.words()}, and the observations agree.")
    return notes
