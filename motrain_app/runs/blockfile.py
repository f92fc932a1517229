"""Block files: everything a block attempt produced, in one immutable safetensors file.

A truncated file is told by its header, an altered one by the sha256 in the store. Nothing in it can run.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from motrain_app.learning import Block, Fitted
from motrain_app.operators import AnyStack, EstimatorStack, MemberStack
from motrain_app.operators.estimator_stack import BYTES
from motrain_app.runs.durable import write_durably
from motrain_app.runs.errors import RunError
from motrain_app.runs.lacking import Lacking

TEST = -1  # in `fold`: a test row


@dataclass(frozen=True)
class Judged:
    """Predictions of the rows that members withheld and of test rows, and the out-of-fold scores.

    Attributes
    ----------
    row_start
        int64, shape (n_partitions + 1,).
    cell, time
        int32, shape (rows,): indices into the dataset's `space` and `time`.
    fold
        int16, shape (rows,): the member that withheld the row; `TEST` for test rows, which all members predict.
    observed, predicted
        float32 minus the output's offset, [n_outputs, rows].
    baselines
        float32 minus the output's offset, [n_baselines, n_outputs, rows]: what each baseline of the plan says there,
        out-of-fold as the predictions are.
    scores
        Packed, [n_partitions, n]. Of out-of-fold rows only: no score of a test row exists before it is opened.
    pooled
        float32, [n_partitions, n_outputs]: share of withheld rows whose cell took its partition's climatology.
    influence, sensitivity, outside, beyond_season
        float32, partitions first; see `motrain_app.runs.diagnosing.Diagnosis`.
    """

    row_start: NDArray[np.int64]
    cell: NDArray[np.int32]
    time: NDArray[np.int32]
    fold: NDArray[np.int16]
    observed: NDArray[np.float32]
    predicted: NDArray[np.float32]
    baselines: NDArray[np.float32]
    scores: NDArray[np.float64]
    pooled: NDArray[np.float32]
    influence: NDArray[np.float32]
    sensitivity: NDArray[np.float32]
    outside: NDArray[np.float32]
    beyond_season: NDArray[np.float32]


def write_block(
    path: Path, numbers: NDArray[np.int64], block: Block, fitted: Fitted, judged: Judged, lacking: Lacking
) -> str:
    """Write a block file durably and return its sha256.

    Parameters
    ----------
    numbers
        The partitions of the block; masked ones keep their slots. They are numbers in this run: in one that takes the
        file over, the store alone knows who stands where.
    """
    arrays: dict[str, NDArray[Any]] = {
        "numbers": numbers,
        "ids": block.ids,
        "masked": block.masked,
        "present": fitted.present,
        "lacking": lacking.codes,
        **{name: getattr(judged, name) for name in Judged.__annotations__},
        **{f"stack.{name}": array for name, array in fitted.stack.arrays.items()},
        **{f"trials.{name}": array for name, array in fitted.trials.items()},
    }
    header = {
        **fitted.stack.to_json(),
        "errors": {str(position): reason for position, reason in fitted.errors.items()},
        "lacking": [[*place, reason] for place, reason in lacking.reasons.items()],
    }
    content = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        metadata={"motrain_block": json.dumps(header, sort_keys=True)},
    )
    write_durably(path, content)
    return hashlib.sha256(content).hexdigest()


class BlockFile:
    """A block file, open for reading; arrays are read when asked for.

    Parameters
    ----------
    path
        Of the file.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self._file = file
        self._header = json.loads(file.metadata()["motrain_block"])

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["BlockFile"]:
        """Open a block file; RunError where it is absent or damaged."""
        try:
            with safe_open(path, framework="np") as file:
                yield cls(path, file)
        except (SafetensorError, FileNotFoundError, TypeError) as error:
            raise RunError(
                f"The block file {path} is absent or damaged ({error}). `motrain resume` trains it again."
            ) from None

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of its arrays."""
        return frozenset(self._file.keys())

    def array(self, name: str) -> NDArray[Any]:
        """Return a whole array."""
        return np.asarray(self._file.get_tensor(name))

    def part(self, name: str, start: int, stop: int, *, axis: int = 0) -> NDArray[Any]:
        """Return a range of an array along its first or last axis, without reading the rest."""
        piece = self._file.get_slice(name)
        if start == stop and stop == piece.get_shape()[axis]:  # safetensors refuses a range that begins at the end
            whole = self.array(name)
            return whole[start:] if axis == 0 else whole[..., start:]
        return np.asarray(piece[start:stop] if axis == 0 else piece[..., start:stop])

    @property
    def errors(self) -> dict[int, str]:
        """By position in the block: why nothing could be trained."""
        return {int(position): reason for position, reason in self._header["errors"].items()}

    @property
    def lacking(self) -> Lacking | None:
        """What members of all its partitions lack; None in a file of before this was kept."""
        if "lacking" not in self._header:
            return None
        reasons = {(position, output): reason for position, output, reason in self._header["lacking"]}
        return Lacking(self.array("lacking"), reasons)

    def stack(self, position: int) -> tuple[AnyStack, NDArray[np.int64]]:
        """Return the members of the partition at a position, and which folds they left out; no other one is read."""
        present = self.part("present", position, position + 1)[0]
        n = len(present)
        names = sorted(name for name in self.names if name.startswith("stack."))
        arrays = {
            name.removeprefix("stack."): self.part(name, position * n, (position + 1) * n)[present]
            for name in names
            if name != f"stack.{BYTES}"
        }
        if self._header.get("stack") == EstimatorStack.__name__:
            estimators = EstimatorStack.read(
                arrays,
                lambda start, stop: self.part(f"stack.{BYTES}", start, stop),
                differentiable=self._header["differentiable"],
            )
            return estimators, np.flatnonzero(present)
        layers = MemberStack(arrays, self._header["features"], tuple(self._header["activations"]))
        return layers, np.flatnonzero(present)

    def rows(self, position: int) -> Mapping[str, NDArray[Any]]:
        """Return cell, time, fold, observed, predicted of the partition at a position."""
        start, stop = self.part("row_start", position, position + 2).tolist()
        one = {name: self.part(name, start, stop) for name in ("cell", "time", "fold")}
        return one | {name: self.part(name, start, stop, axis=-1) for name in ("observed", "predicted")}

    def baselines(self, position: int) -> NDArray[np.float32]:
        """Return what baselines say of the rows of the partition at a position, [n_baselines, n_outputs, rows]."""
        start, stop = self.part("row_start", position, position + 2).tolist()
        return self.part("baselines", start, stop, axis=-1)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; of an absent one the empty text."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
