"""Staged rows, open for reading: the rows of each cell in one piece, cells along a space-filling curve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from motrain_app.operators import Variable
from motrain_app.runs.errors import RunError

# Values are stored as float32 of (value − offset). The offset comes from the unit, never from the values: one that
# came from the values would let test rows touch the last bit of every training row.
_OFFSETS = {"K": 273.15, "kelvin": 273.15, "Pa": 101325.0, "hPa": 1013.25, "mbar": 1013.25}


@dataclass(frozen=True)
class Rows:
    """Rows of some cells, in staged order: cell after cell, time ascending.

    Attributes
    ----------
    inputs, outputs
        float32 minus the variable's offset, [n, rows]; missing outputs are NaN.
    cell, time
        int32, shape (rows,): indices into the dataset's `space` and `time`.
    references
        What else the file says of each output, as `outputs`, NaN where it says nothing; None where the design names no
        reference.
    """

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    cell: NDArray[np.int32]
    time: NDArray[np.int32]
    references: NDArray[np.float32] | None = None

    def take(self, rows: NDArray[np.integer]) -> "Rows":
        """Return some of the rows."""
        references = None if self.references is None else self.references[:, rows]
        return Rows(self.inputs[:, rows], self.outputs[:, rows], self.cell[rows], self.time[rows], references)

    @classmethod
    def concatenate(cls, pieces: Sequence["Rows"]) -> "Rows":
        """Return the rows of all pieces, of which there must be one."""
        references = [piece.references for piece in pieces if piece.references is not None]
        return cls(
            np.concatenate([piece.inputs for piece in pieces], axis=1),
            np.concatenate([piece.outputs for piece in pieces], axis=1),
            np.concatenate([piece.cell for piece in pieces]),
            np.concatenate([piece.time for piece in pieces]),
            np.concatenate(references, axis=1) if references else None,
        )


class StagedRows:
    """A staged store, open for reading.

    Parameters
    ----------
    path
        Folder of the store.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._group = zarr.open_group(self.path, mode="r")
        except (FileNotFoundError, OSError, ValueError) as error:
            raise RunError(
                f"The staged rows {self.path} cannot be read ({error}). Resume the run where its data are: they are "
                "staged again."
            ) from None
        self.attrs: dict[str, Any] = dict(self._group.attrs)

    def _array(self, name: str) -> NDArray[Any]:
        return np.asarray(self._group[name][...])  # type: ignore[index]

    @cached_property
    def row_start(self) -> NDArray[np.int64]:
        """int64, shape (n_cells + 1,): the rows of the cell at staged position p are row_start[p]:row_start[p + 1]."""
        return self._array("row_start")

    @property
    def cells_with_rows(self) -> NDArray[np.int32]:
        """Numbers of the cells that have a row."""
        return self.cell_at[np.diff(self.row_start) > 0]

    @cached_property
    def cell_at(self) -> NDArray[np.int32]:
        """int32, shape (n_cells,): the dataset's cell at each staged position."""
        return self._array("cell_at")

    @cached_property
    def lat(self) -> NDArray[np.float64]:
        """Degrees, shape (n_cells,), in the dataset's order."""
        return self._array("lat")

    @cached_property
    def lon(self) -> NDArray[np.float64]:
        """Degrees, shape (n_cells,), in the dataset's order."""
        return self._array("lon")

    @cached_property
    def time(self) -> NDArray[np.datetime64]:
        """datetime64[us], shape (n_time,)."""
        return self._array("time").astype("datetime64[us]")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.row_start[-1])

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """Inputs with units."""
        return tuple(Variable(*pair) for pair in self.attrs["inputs"])

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """Outputs with units."""
        return tuple(Variable(*pair) for pair in self.attrs["outputs"])

    @property
    def references(self) -> dict[str, str]:
        """By output, the variable that stands beside it to be compared with; stores of older versions have none."""
        return dict(self.attrs.get("references", {}))

    @cached_property
    def input_offset(self) -> NDArray[np.float64]:
        """What was subtracted from each input."""
        return offsets(self.inputs)

    @cached_property
    def output_offset(self) -> NDArray[np.float64]:
        """What was subtracted from each output."""
        return offsets(self.outputs)

    def read(self, positions: NDArray[np.integer]) -> Rows:
        """Read the rows of cells at the given staged positions, sorted ascending."""
        ranges = [self.row_start[run].tolist() for run in _runs(positions)] or [[0, 0]]
        pieces = [self.read_rows(start, stop) for start, stop in ranges]
        return Rows(
            inputs=np.concatenate([inputs for inputs, _, _ in pieces], axis=1),
            outputs=np.concatenate([outputs for _, outputs, _ in pieces], axis=1),
            cell=np.repeat(self.cell_at[positions], np.diff(self.row_start)[positions]),
            time=np.concatenate([time for _, _, time in pieces]),
            references=self._read_references(ranges) if self.references else None,
        )

    def read_rows(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """Read inputs, outputs and time of a range of rows."""
        group: Any = self._group
        return (
            group["inputs"][:, start:stop],
            group["outputs"][:, start:stop],
            group["time_of_row"][start:stop],
        )

    def _read_references(self, ranges: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        group: Any = self._group
        return np.concatenate([group["references"][:, start:stop] for start, stop in ranges], axis=1)

    def times_of_rows(self, start: int, stop: int) -> NDArray[np.int32]:
        """Read the time index of a range of rows."""
        group: Any = self._group
        return np.asarray(group["time_of_row"][start:stop])

    def chunks(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Yield [first, last) staged positions of chunks of whole cells, each of about so many rows, or of one cell."""
        first, n = 0, len(self.cell_at)
        while first < n:
            fitting = int(np.searchsorted(self.row_start, self.row_start[first] + n_rows, side="right")) - 1
            last = min(max(fitting, first + 1), n)
            yield first, last
            first = last

    def pieces(self, n_rows: int = 1 << 22) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Yield cell and time of all rows, indices into the dataset's axes, about so many at a time."""
        for first, last in self.chunks(n_rows):
            time = self.times_of_rows(int(self.row_start[first]), int(self.row_start[last]))
            yield np.repeat(self.cell_at[first:last], np.diff(self.row_start[first : last + 1])), time


def _runs(positions: NDArray[np.integer]) -> list[list[int]]:
    """Return [first, last + 1] of each run of consecutive positions.

    Examples
    --------
    >>> _runs(np.array([2, 3, 4, 9]))
    [[2, 5], [9, 10]]
    """
    if not len(positions):
        return []
    breaks = np.flatnonzero(np.diff(positions) != 1)
    first = positions[np.r_[0, breaks + 1]]
    last = positions[np.r_[breaks, len(positions) - 1]]
    return [[int(a), int(b) + 1] for a, b in zip(first, last, strict=True)]


def offsets(variables: Sequence[Variable]) -> NDArray[np.float64]:
    """Return what staging subtracts from each variable, shape (n,)."""
    return np.array([offset_of(variable.unit) for variable in variables])


def offset_of(unit: str) -> float:
    """Return what staging subtracts from a variable of a unit."""
    return _OFFSETS.get(unit, 0.0)
