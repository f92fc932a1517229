"""A member that is the mean of several models of one fold: of the best candidates of a search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.errors import OperatorError
from motrain_app.operators.member import Member
from motrain_app.operators.together import mean_of_members

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleMember:
    """The mean of models that left out the same fold and share its scalers; best first.

    Attributes
    ----------
    parts
        The models.

    Raises
    ------
    OperatorError
        Where there is none.
    """

    parts: tuple[Member, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise OperatorError("A member of several models has none. Export it again.")

    @property
    def name(self) -> str:
        """Of the fold that the member left out."""
        return self.parts[0].name

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return self.parts[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.parts[0].n_outputs

    @property
    def input_low(self) -> Array:
        """Lowest training values, [n_inputs]."""
        return self.parts[0].input_low

    @property
    def input_high(self) -> Array:
        """Highest training values, [n_inputs]."""
        return self.parts[0].input_high

    @property
    def output_mean(self) -> Array:
        """Mean of the training rows, [n_outputs]."""
        return self.parts[0].output_mean

    @property
    def output_scale(self) -> Array:
        """Standard deviation of the training rows, [n_outputs]."""
        return self.parts[0].output_scale

    @property
    def held_out(self) -> Intervals | None:
        """Half-open intervals of time that the member left out, shape (n, 2), or None."""
        return self.parts[0].held_out

    @property
    def differentiable(self) -> bool:
        """Always: layers have derivatives."""
        return True

    def predict(self, x: Array) -> Float64:
        """Return the models' mean [n_outputs, rows] of inputs [n_inputs, rows], both in physical units."""
        return mean_of_members(self.parts, (part.predict(x) for part in self.parts))

    def jacobian(self, x: Array) -> Float64:
        """Return derivatives of the mean, [n_outputs, n_inputs, rows], in physical units."""
        return mean_of_members(self.parts, (part.jacobian(x) for part in self.parts))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by name, for a file: those of each model after its number."""
        return {
            f"{number}.{name}": array
            for number, part in enumerate(self.parts)
            for name, array in part.to_arrays().items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return what of the member is no array, for a file."""
        return {"class": type(self).__name__, "name": self.name, "parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_file(cls, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> "EnsembleMember":
        """Make a member of what `to_arrays` and `to_json` gave."""
        of_part = split_by_number(arrays, len(values["parts"]))
        return cls(tuple(map(Member.from_file, of_part, values["parts"])))


def split_by_number(arrays: Mapping[str, NDArray[Any]], n: int) -> list[dict[str, NDArray[Any]]]:
    """Return what stands under the names "0.…", "1.…" to n − 1, each by the rest of its name."""
    found: list[dict[str, NDArray[Any]]] = [{} for _ in range(n)]
    for key, array in arrays.items():
        number, _, name = key.partition(".")
        found[int(number)][name] = array
    return found
