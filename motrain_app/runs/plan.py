"""The plan of a run: which partitions form a block, from the design and row counts alone.

Neither timing nor the number of workers has a say, so that the same design gives the same blocks, and the same block
the same bits.
"""

import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from motrain_app.design import Layout
from motrain_app.design.identity import IdArray
from motrain_app.learning import LearnerKind
from motrain_app.operators import Variable
from motrain_app.runs.baselines import baselines_of
from motrain_app.runs.claims import Claims
from motrain_app.runs.cutting import cut, needs, refuse_beyond_memory
from motrain_app.runs.durable import write_durably
from motrain_app.runs.errors import RunError, not_staged_yet
from motrain_app.runs.row_sample import RowSample, rows_within, sample_rows
from motrain_app.runs.staged_rows import StagedRows, offsets
from motrain_app.skill import OVER, metric_names


@dataclass(frozen=True)
class Plan:
    """The blocks of a run, and what workers need to find their rows.

    Attributes
    ----------
    ids
        uint64, shape (n_partitions,).
    block_of
        int32, shape (n_partitions,): the block of each partition, −1 where there is nothing to train.
    training_rows, test_rows
        int64, shape (n_partitions,): rows that may train, and rows held back as test.
    region_of_cell, period_of_time
        int32: labels of the dataset's cells and times; partition = region × n_periods + period.
    n_periods
        Number of periods.
    lat, lon, time
        The dataset's axes: degrees, shape (n_cells,), and datetime64[us], shape (n_time,).
    inputs, outputs
        Variables with units. With the axes they make a run readable without its data.
    metrics
        Names of the scores that are kept, so that a metric registered later does not shift them.
    baselines
        Names of what the members are compared with, in the order in which block files and scores hold them.
    padded_rows, stack_slots
        The shape that stacked learners give every block: rows, and members trained at once.
    sample
        Which rows of each partition are taken; None: all of them.
    """

    ids: IdArray
    block_of: NDArray[np.int32]
    training_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    region_of_cell: NDArray[np.int32]
    period_of_time: NDArray[np.int32]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    time: NDArray[np.datetime64]
    n_periods: int
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    metrics: tuple[str, ...]
    baselines: tuple[str, ...]
    padded_rows: int
    stack_slots: int
    sample: RowSample | None = None

    @property
    def n_partitions(self) -> int:
        """Number of partitions, those with nothing to train included."""
        return len(self.ids)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.block_of.max(initial=-1)) + 1

    def partitions(self, block: int) -> NDArray[np.int64]:
        """Return the partitions of a block, ascending."""
        return np.flatnonzero(self.block_of == block)

    @property
    def output_offset(self) -> NDArray[np.float64]:
        """What staging subtracted from each output, shape (n_outputs,)."""
        return offsets(self.outputs)

    def save(self, path: Path) -> None:
        """Write the plan as safetensors."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        values = {
            "n_periods": self.n_periods,
            "inputs": [astuple(variable) for variable in self.inputs],
            "outputs": [astuple(variable) for variable in self.outputs],
            "metrics": self.metrics,
            "baselines": self.baselines,
            "padded_rows": self.padded_rows,
            "stack_slots": self.stack_slots,
        }
        arrays["time"] = self.time.astype("datetime64[us]").astype(np.int64)
        if self.sample is not None:
            arrays |= self.sample.to_arrays()
        write_durably(path, save(arrays, metadata={"plan": json.dumps(values)}))

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Read what `save` wrote; RunError where a run has not come so far."""
        if not path.exists():
            raise not_staged_yet(path.parent)
        with safe_open(path, framework="np") as file:
            values = json.loads(file.metadata()["plan"])
            held: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if "sample_seed" in values:  # as it was written before samples were drawn from samples
            held["sample_seed"] = np.array([values["sample_seed"]], np.uint64)
        arrays, sample = {name: held[name] for name in _ARRAYS}, RowSample.from_arrays(held)
        arrays["time"] = arrays["time"].astype("datetime64[us]")
        for name in ("inputs", "outputs"):
            arrays[name] = tuple(Variable(*pair) for pair in values[name])
        numbers = {name: values[name] for name in ("n_periods", "padded_rows", "stack_slots")}
        metrics, baselines = (tuple(values[name]) for name in ("metrics", "baselines"))
        return cls(**arrays, **numbers, metrics=metrics, baselines=baselines, sample=sample)


_ARRAYS = (
    "ids",
    "block_of",
    "training_rows",
    "test_rows",
    "region_of_cell",
    "period_of_time",
    "lat",
    "lon",
    "time",
)


def make_plan(
    layout: Layout,
    rows: StagedRows,
    kind: LearnerKind,
    options: Any,
    *,
    max_rows: int | None = None,
    rows_of: Claims | None = None,
    seed: int = 0,
) -> Plan:
    """Count the rows of each partition and cut the partitions into blocks.

    Parameters
    ----------
    layout
        Of the design. Cells and times that `rows_of` does not claim are labelled −1 in the plan.
    max_rows
        Training rows that are taken of a partition at most; see `motrain_app.runs.row_sample`. None: all.
    rows_of
        Rows that partitions may claim; None: all.
    seed
        Of the design; decides which.

    Raises
    ------
    RunError
        Where no row is left to train on, or one partition is too large for a worker's memory.
    """
    layout = layout if rows_of is None else rows_of.restrict(layout)
    sample = rows_within(rows_of, len(layout.partitions), seed=seed)
    training, test = count_rows(layout, rows, sample)
    if not training.any():
        raise RunError(_no_rows(rows, training, test, bound=rows_of is not None))
    if max_rows is not None:
        sample = sample_rows(layout, rows, training, most=max_rows, seed=seed, drawn_from=sample)
    if sample is not None:
        training, test = count_rows(layout, rows, sample)
    sizes = {"n_inputs": len(rows.inputs), "n_outputs": len(rows.outputs), "members": layout.folds.n_members}
    need = needs(kind, options, training, atoms=layout.folds.n_atoms, seed=seed, **sizes)
    refuse_beyond_memory(training + test, layout.partitions.names, need)
    block_of, padded_rows, stack_slots = cut(training, test, need, kind)
    baselines = baselines_of(kind, options, rows.references)
    return Plan(
        ids=layout.partitions.ids,
        block_of=block_of,
        training_rows=training,
        test_rows=test,
        region_of_cell=layout.partitions.cells.label,
        period_of_time=layout.partitions.times.label,
        lat=rows.lat,
        lon=rows.lon,
        time=rows.time,
        n_periods=len(layout.partitions.times),
        inputs=rows.inputs,
        outputs=rows.outputs,
        metrics=(*metric_names(), *(OVER + name for name in baselines)),
        baselines=baselines,
        padded_rows=padded_rows,
        stack_slots=stack_slots,
        sample=sample,
    )


def count_rows(
    layout: Layout, rows: StagedRows, sample: RowSample | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each partition's rows that may train, and its test rows; rows near the test are neither.

    Parameters
    ----------
    sample
        The rows that count; None: all.
    """
    n = len(layout.partitions)
    training, test = np.zeros(n, np.int64), np.zeros(n, np.int64)
    may_train = ~(layout.folds.test | layout.folds.near_test)[layout.folds.atom_of_time]
    is_test = layout.folds.test[layout.folds.atom_of_time]
    for cell, time in rows.pieces():
        number = layout.partitions.number(cell, time)
        claimed = number >= 0
        if sample is not None:
            claimed[claimed] = sample.keeps(number[claimed], cell[claimed], time[claimed])
        training += np.bincount(number[claimed & may_train[time]], minlength=n)
        test += np.bincount(number[claimed & is_test[time]], minlength=n)
    return training, test


def _no_rows(rows: StagedRows, training: NDArray[np.int64], test: NDArray[np.int64], *, bound: bool) -> str:
    filters = ", ".join(rows.attrs["filters"])
    if rows.n_rows == 0:
        passed = f" that passes the filters ({filters})" if filters else ""
        return f"No row has all inputs and an output{passed}. Check the filters, and the gaps by `motrain check DATA`."
    if test.sum():
        return f"All {test.sum():,} rows are test rows: nothing is left to train on. Move the test date."
    of_other = " and among those of the run whose rows are to be taken" if bound else ""
    return f"None of the {rows.n_rows:,} rows lies in a partition{of_other}. Move the regions or periods."
