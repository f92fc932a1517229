"""What members have in common, and what stacks of members have, whatever computes inside."""

from collections.abc import Mapping
from dataclasses import Field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]


class AnyMember(Protocol):
    """The model of one fold in physical units: `Member`, `EnsembleMember`, or `EstimatorMember`."""

    @property
    def name(self) -> str:
        """Of the fold that the member left out."""
        ...

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        ...

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        ...

    @property
    def input_low(self) -> Array:
        """Lowest training values, [n_inputs]."""
        ...

    @property
    def input_high(self) -> Array:
        """Highest training values, [n_inputs]."""
        ...

    @property
    def output_mean(self) -> Array:
        """Mean of the training rows, [n_outputs]; NaN for outputs that could not be trained."""
        ...

    @property
    def output_scale(self) -> Array:
        """Standard deviation of the training rows, [n_outputs]."""
        ...

    @property
    def held_out(self) -> Intervals | None:
        """Half-open intervals of time that the member left out, shape (n, 2), or None."""
        ...

    @property
    def differentiable(self) -> bool:
        """Whether `jacobian` says anything; where it does not, it is NaN."""
        ...

    def predict(self, x: Array) -> Float64:
        """Return outputs [n_outputs, rows] of inputs [n_inputs, rows], both in physical units."""
        ...

    def jacobian(self, x: Array) -> Float64:
        """Return derivatives [n_outputs, n_inputs, rows] in physical units at inputs [n_inputs, rows]."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array of the member by name, for a file."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return what of the member is no array, for a file."""
        ...


class AnyStack(Protocol):
    """Members of many partitions, slot after slot: `MemberStack`, or `EstimatorStack`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Every array by name; the scalers carry a leading axis of slots."""
        ...

    @property
    def n_slots(self) -> int:
        """Number of members."""
        ...

    def member(self, slot: int, name: str = "", held_out: Intervals | None = None) -> AnyMember:
        """Return the member in one slot."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return what of the stack is no array, for a block file's header."""
        ...
