"""Where the climatology that operators stand beside is not that of a row's own cell."""

import numpy as np

from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, RunStore, by_file


def climatology_remarks(folder: RunFolder) -> list[str]:
    """Say of which outputs cells took their partition's climatology, as a fold left them too few training rows."""
    plan = Plan.load(folder.plan)
    with RunStore(folder.store) as store:
        rows = [row for row in store.partitions() if row.state == DONE]
    shares = []
    for name, mine in by_file(rows).items():
        with BlockFile.open(folder.blocks / name) as file:
            pooled = file.array("pooled")
        shares.append(pooled[[row.place for row in mine]])
    share = np.nan_to_num(np.concatenate(shares)) if shares else np.zeros((0, len(plan.outputs)))
    found = []
    for output, of_partitions in zip(plan.outputs, share.T, strict=True):
        some = int(np.count_nonzero(of_partitions))
        if some:
            most = f"up to {100 * of_partitions.max():.0f} %" if some > 1 else f"{100 * of_partitions.max():.0f} %"
            found.append(
                f"{output.name}: the climatology is the partition's, not the cell's own, in {some} of {len(share)} "
                f"partitions, for {most} of their rows: too few training rows of those cells."
            )
    return found
