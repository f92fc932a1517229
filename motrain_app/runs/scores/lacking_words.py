"""What members of a run's operators lack, in words: a fold without a member is neither scored nor cross-fitted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import make_folds
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.lacking import DIVERGED, TOO_FEW, Lacking
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, PartitionRow, RunStore, by_file

_NAMED = 3
_WHY = {
    DIVERGED: "what was learnt is no number, absurd or unfinished; look for extreme values, learn less at a time, "
    "take more steps, or mend bounds that leave out what was observed",
    TOO_FEW: "too few rows are left to learn from, or to judge",
}


def lacking_remarks(folder: RunFolder) -> list[str]:
    """Say in how many finished partitions folds have no member, or outputs none at all; the first ones by name."""
    plan, folds = Plan.load(folder.plan), fold_names(folder)
    with RunStore(folder.store) as store:
        rows = [row for row in store.partitions() if row.state == DONE]
    lacking, outputs = read_lacking(folder, rows), [variable.name for variable in plan.outputs]
    found = []
    for output, name in enumerate(outputs):
        without = [row.name for number, row in enumerate(rows) if (number, output) in lacking.reasons]
        if without:
            found.append(f"{name}: no member has it in {len(without)} of {len(rows)} partitions: {_few(without)}.")
    alone = lacking.codes.copy()  # of outputs that other members have
    for number, output in lacking.reasons:
        alone[number, :, output] = 0
    for code, why in _WHY.items():
        alike: dict[bytes, list[int]] = {}
        for output in range(len(outputs)):
            alike.setdefault((alone[..., output] == code).tobytes(), []).append(output)
        for mine in alike.values():
            lacks = alone[..., mine[0]] == code  # [partitions, members]
            some = np.flatnonzero(lacks.any(axis=1)).tolist()
            if some:
                named = [f"{rows[number].name} ({_few_of(folds, lacks[number])})" for number in some[:_NAMED]]
                found.append(
                    f"{', '.join(outputs[output] for output in mine)}: in {len(some)} of {len(rows)} partitions a fold "
                    f"has no member, as {why}: {_few(named, len(some))}."
                )
    return found


def lacking_words(codes: NDArray[np.int8], folds: Sequence[str]) -> str:
    """Say for which folds there is no member that has an output, as sentences to follow another; empty where for none.

    Parameters
    ----------
    codes
        Of one partition and output, shape (n_members,).
    folds
        Names of all members.
    """
    said = [f" No member for {_few_of(folds, codes == code)}: {why}." for code, why in _WHY.items() if code in codes]
    return "".join(said)


def fold_names(folder: RunFolder) -> tuple[str, ...]:
    """Return the names of all members of a run."""
    design = folder.design()
    return make_folds(design.test, design.jackknife, Plan.load(folder.plan).time).names


def read_lacking(folder: RunFolder, rows: Sequence[PartitionRow]) -> Lacking:
    """Return what members of finished partitions lack, one entry a row; of an older run nothing is known."""
    shape = len(rows), len(fold_names(folder)), len(Plan.load(folder.plan).outputs)
    codes, reasons = np.zeros(shape, np.int8), {}
    at = {row.number: number for number, row in enumerate(rows)}
    for name, mine in by_file(rows).items():
        with BlockFile.open(folder.blocks / name) as file:
            found = file.lacking
        if found is not None:
            places = {row.place: at[row.number] for row in mine}
            codes[list(places.values())] = found.codes[list(places)]
            for (place, output), reason in found.reasons.items():
                if place in places:
                    reasons[places[place], output] = reason
    return Lacking(codes, reasons)


def _few_of(names: Sequence[str], which: NDArray[np.bool_]) -> str:
    return _few([names[number] for number in np.flatnonzero(which).tolist()])


def _few(names: Sequence[str], n: int | None = None) -> str:
    """Name the first of n."""
    more = (len(names) if n is None else n) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
