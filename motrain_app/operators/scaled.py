"""What members of every kind share: the scalers of one fold's training rows, and what they left out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals, as_intervals
from motrain_app.operators.errors import OperatorError

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]
SCALERS = ("input_mean", "input_scale", "input_low", "input_high", "output_mean", "output_scale")


class Scaled:
    """A model that takes and gives physical units and computes in standardised ones; its fields are `SCALERS`."""

    __slots__ = ()

    name: str
    input_mean: Array
    input_scale: Array
    output_mean: Array
    held_out: Intervals | None

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return self.input_mean.size

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.output_mean.size

    def _scaled(self, x: Array) -> Float64:
        """Return standardised inputs of physical ones, [n_inputs, rows]."""
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or len(x) != self.n_inputs:  # one row alone would broadcast
            raise OperatorError(f"x has shape {x.shape}; a member takes ({self.n_inputs}, rows).")
        return (x - self.input_mean[:, None]) / self.input_scale[:, None]

    def _read_held_out(self) -> None:
        """Keep what was left out as intervals; OperatorError where it cannot have been."""
        try:
            held_out = None if self.held_out is None else as_intervals(self.held_out)
        except ValueError as error:
            raise OperatorError(f"What the member {self.name!r} left out cannot be read ({error}).") from None
        object.__setattr__(self, "held_out", held_out)

    def _shared_arrays(self) -> dict[str, NDArray[Any]]:
        """Return scalers, and what was left out in microseconds since 1970, by name, for a file."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in SCALERS}
        return arrays if self.held_out is None else arrays | {"held_out": self.held_out.astype(np.int64)}


def shared_from(arrays: Any) -> dict[str, Any]:
    """Return the fields that `Scaled._shared_arrays` gave, for a constructor."""
    held_out = arrays["held_out"].astype("datetime64[us]") if "held_out" in arrays else None
    return {"held_out": held_out, **{name: arrays[name] for name in SCALERS}}
