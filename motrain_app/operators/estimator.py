"""A member whose outputs are computed by scikit-learn's estimators, which NumPy alone cannot run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.errors import OperatorError
from motrain_app.operators.estimator_file import check_estimator_file, load_estimator
from motrain_app.operators.scaled import Scaled, shared_from

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]
STEP = 1e-4  # of the Jacobian, in standard deviations of an input: errors of about 1e-8 either way


@dataclass(frozen=True, eq=False)
class EstimatorMember(Scaled):
    """A model in physical units: scale, one estimator an output, scale back.

    The estimators are kept as bytes and made when they are first used, by scikit-learn and skops, which are imported
    then. Only types of an explicit list are made, see `motrain_app.operators.estimator_file`.

    Attributes
    ----------
    name
        Of the fold that the member left out.
    estimators
        One an output: uint8, the bytes of `dump_estimator`; none for an output that could not be trained.
    input_mean, input_scale, input_low, input_high
        Mean, standard deviation and range of the training rows, [n_inputs].
    output_mean, output_scale
        Mean and standard deviation of the training rows, [n_outputs]; NaN for outputs that could not be trained.
    differentiable
        Whether the estimators are smooth.
    held_out
        The half-open intervals [start, end) of time that the member left out, shape (n, 2), or None.

    Raises
    ------
    OperatorError
        Where the arrays do not fit together.
    """

    name: str
    estimators: tuple[NDArray[np.uint8], ...]
    input_mean: Array
    input_scale: Array
    input_low: Array
    input_high: Array
    output_mean: Array
    output_scale: Array
    differentiable: bool = False
    held_out: Intervals | None = None

    def __post_init__(self) -> None:
        inputs, outputs = self.input_mean.shape, self.output_mean.shape
        fits = (
            len(inputs) == len(outputs) == 1
            and self.input_scale.shape == self.input_low.shape == self.input_high.shape == inputs
            and self.output_scale.shape == outputs == (len(self.estimators),)
            and all(one.dtype == np.uint8 and one.ndim == 1 for one in self.estimators)
        )
        if not fits:
            raise OperatorError(f"The arrays of the member {self.name!r} do not fit together. Export it again.")
        self._read_held_out()

    def predict(self, x: Array) -> Float64:
        """Return outputs [n_outputs, rows] of inputs [n_inputs, rows], both in physical units.

        NaN where an input is missing, and for outputs that could not be trained.

        Raises
        ------
        OperatorError
            Where the estimators cannot be made of their bytes, or a type in them is not allowed.
        """
        z = self._scaled(x)
        # scikit-learn refuses others, also those that are infinite as float32, and empty tables.
        there = np.flatnonzero((np.abs(z) <= np.finfo(np.float32).max).all(axis=0))
        y = np.full((self.n_outputs, z.shape[1]), np.nan)
        if len(there):
            rows = np.ascontiguousarray(z[:, there].T)
            for output, estimator in self._made.items():
                y[output, there] = estimator.predict(rows)
        return y * self.output_scale[:, None] + self.output_mean[:, None]

    def jacobian(self, x: Array) -> Float64:
        """Return derivatives [n_outputs, n_inputs, rows] in physical units at inputs [n_inputs, rows].

        They are central differences over `STEP` standard deviations of an input to either side. Trees have none: their
        steps are flat, so that a derivative would be 0 almost everywhere and say that y does not depend on x. It is NaN
        there, as it is where an input is missing.
        """
        z = self._scaled(x)
        slope = np.full((self.n_outputs, *z.shape), np.nan)
        if not self.differentiable:
            return slope
        for number, scale in enumerate(self.input_scale):
            step = np.zeros((self.n_inputs, 1))
            step[number] = STEP * scale
            slope[:, number] = (self.predict(x + step) - self.predict(x - step)) / (2 * STEP * scale)
        return slope

    @cached_property
    def _made(self) -> dict[int, Any]:
        """The estimators by output, made at the first use."""
        return {
            output: load_estimator(data.tobytes(), self.n_inputs)
            for output, data in enumerate(self.estimators)
            if data.size
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave what was made behind: another process makes it anew."""
        return {name: value for name, value in vars(self).items() if name != "_made"}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array of the member by name, for a file; times are microseconds since 1970."""
        return self._shared_arrays() | {f"estimator.{output}": data for output, data in enumerate(self.estimators)}

    def to_json(self) -> dict[str, Any]:
        """Return what of the member is no array, for a file."""
        return {"class": "EstimatorMember", "name": self.name, "differentiable": self.differentiable}

    @classmethod
    def from_file(cls, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> "EstimatorMember":
        """Make a member of what `to_arrays` and `to_json` gave; UntrustedTypeError where a type is not allowed."""
        estimators = tuple(arrays[f"estimator.{output}"] for output in range(len(arrays["output_mean"])))
        for data in estimators:
            if data.size:
                check_estimator_file(data.tobytes())
        return cls(
            name=values["name"],
            estimators=estimators,
            differentiable=values["differentiable"] is True,
            **shared_from(arrays),
        )
