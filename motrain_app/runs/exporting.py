"""Operators of a run: read back from its block files, and written to a folder that needs neither run nor data."""

import re
from pathlib import Path

from motrain_app.design import Design, Folds
from motrain_app.operators import Operator
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.calibration import Residuals
from motrain_app.runs.durable import write_json_durably
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import PartitionRow


def read_operator(folder: RunFolder, row: PartitionRow, *, plan: Plan, folds: Folds, design: Design) -> Operator:
    """Return the operator of a finished partition, in physical units."""
    with BlockFile.open(folder.blocks / str(row.file)) as file:
        stack, members = file.stack(row.place)
        residuals = Residuals.read(file, row.place, plan)
    named = []
    for slot, member in enumerate(members.tolist()):
        held_out = folds.holdouts[member].intervals if folds.jackknife else None
        named.append(stack.member(slot, folds.names[member], held_out))
    # A fold without rows has no member either, but nobody has seen it. If a row is missing, it may be any of them.
    unseen = len(residuals.time) == row.training_rows
    return Operator(
        name=row.name,
        inputs=plan.inputs,
        outputs=plan.outputs,
        members=tuple(named),
        filters=design.filters,
        residuals=residuals.quantiles(),
        without_member=None if unseen else folds.without(members),
    )


def export_operators(
    folder: RunFolder, rows: list[PartitionRow], to: Path, *, plan: Plan, folds: Folds, design: Design
) -> list[Path]:
    """Write the operators of finished partitions to a folder; see `motrain_app.runs.Run.export`."""
    if not rows:
        raise RunError(f"The run {folder.path} has no finished partition to export.")
    to.mkdir(parents=True, exist_ok=True)
    if any(to.iterdir()):
        raise RunError(f"{to} is not empty. Export to a new folder, so that old and new operators do not mix.")
    index, paths = [], []
    for row in rows:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", row.name).strip("-")[:60]
        operator = read_operator(folder, row, plan=plan, folds=folds, design=design)
        paths.append(operator.save(to / f"{row.number:06d}-{slug}.safetensors"))
        index.append({"file": paths[-1].name, "partition": row.name, "id": row.id})
    write_json_durably(to / "operators.json", {"run": folder.path.name, "design": design.to_json(), "operators": index})
    return paths
