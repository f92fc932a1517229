"""A member: the model of one fold, with the scalers fitted on that fold's training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.bounds import Bounds
from motrain_app.operators.errors import OperatorError
from motrain_app.operators.features import ACTIVATIONS, FEATURE_MAPS
from motrain_app.operators.scaled import Scaled, shared_from

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Member(Scaled):
    """A small model in physical units: scale, feature map, layers, scale back.

    Layer l computes ``activation(weight[l] @ features + bias[l])``; the last one has no activation. All
    arithmetic is float64. An output that could not be trained has a NaN mean, and so NaN predictions.

    Attributes
    ----------
    name
        Of the fold that the member left out.
    weights, biases
        One a layer: [outputs of the layer, its inputs] and [outputs of the layer].
    input_mean, input_scale, input_low, input_high
        Mean, standard deviation and range of the training rows, [n_inputs].
    output_mean, output_scale
        Mean and standard deviation of the training rows, [n_outputs].
    features, activation
        Names in `motrain_app.operators.features`.
    held_out
        The half-open intervals [start, end) of time that the member left out, shape (n, 2), or None.
    output_low, output_high
        Bounds that the last layer keeps to, [n_outputs], infinite where there is none; None where no output has any.

    Raises
    ------
    OperatorError
        Where the arrays do not fit together.
    """

    name: str
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    input_mean: Array
    input_scale: Array
    input_low: Array
    input_high: Array
    output_mean: Array
    output_scale: Array
    features: str = "linear"
    activation: str = "relu"
    held_out: Intervals | None = None
    output_low: Array | None = None
    output_high: Array | None = None

    def __post_init__(self) -> None:
        if self.features not in FEATURE_MAPS or self.activation not in ACTIVATIONS:
            raise OperatorError(
                f"The member {self.name!r} has features {self.features!r} and activation "
                f"{self.activation!r}; known are {', '.join(FEATURE_MAPS)} and {', '.join(ACTIVATIONS)}."
            )
        n_inputs, n_outputs = self.input_mean.shape, self.output_mean.shape
        widths = [(FEATURE_MAPS[self.features].size(self.n_inputs),), *(bias.shape for bias in self.biases)]
        fits = (
            len(n_inputs) == len(n_outputs) == 1
            and self.input_scale.shape == self.input_low.shape == self.input_high.shape == n_inputs
            and self.output_scale.shape == widths[-1] == n_outputs
            and all(bound is None or bound.shape == n_outputs for bound in (self.output_low, self.output_high))
            and [weight.shape for weight in self.weights] == [(*after, *before) for before, after in pairwise(widths)]
        )
        if not fits:
            raise OperatorError(f"The arrays of the member {self.name!r} do not fit together. Export it again.")
        self._read_held_out()

    @property
    def differentiable(self) -> bool:
        """Always: layers have derivatives."""
        return True

    def predict(self, x: Array) -> Float64:
        """Return outputs [n_outputs, rows] of inputs [n_inputs, rows], both in physical units."""
        y = self._layers(self._scaled(x))[-1] * self.output_scale[:, None] + self.output_mean[:, None]
        return y if self.output_low is None else self._bounds().value(y)

    def jacobian(self, x: Array) -> Float64:
        """Return derivatives [n_outputs, n_inputs, rows] in physical units at inputs [n_inputs, rows].

        NaN where an input is missing, and for outputs that could not be trained.
        """
        z = self._scaled(x)
        values = self._layers(z)
        bend = ACTIVATIONS[self.activation].slope_of_value
        slope = FEATURE_MAPS[self.features].slope(self.weights[0].astype(np.float64), z)
        for weight, value in zip(self.weights[1:], values, strict=False):
            slope = np.einsum("oh,hin->oin", weight, bend(value)[:, None, :] * slope, optimize=True)
        physical = slope * (self.output_scale[:, None] / self.input_scale)[:, :, None]
        if self.output_low is not None:
            y = values[-1] * self.output_scale[:, None] + self.output_mean[:, None]
            physical *= self._bounds().slope(y)[:, None, :]
        # A constant slope, and relu's, would not tell that there is nothing to derive.
        untrained = np.isnan(self.output_mean)[:, None, None]
        missing = np.isnan(z).any(axis=0)
        return np.where(untrained | missing, np.nan, physical)

    def _bounds(self) -> Bounds:
        low, high = (bound[:, None] for bound in (self.output_low, self.output_high) if bound is not None)
        return Bounds(low, high, self.output_scale[:, None])

    def _layers(self, z: Float64) -> list[Float64]:
        """Return what each layer gives."""
        features: Any = FEATURE_MAPS[self.features].values(z)
        return layer_values(self.weights, self.biases, self.activation, features)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array of the member by name, for a file; times are microseconds since 1970."""
        arrays = self._shared_arrays()
        arrays |= {name: bound for name in BOUNDS if (bound := getattr(self, name)) is not None}
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays |= {f"weight.{number}": weight, f"bias.{number}": bias}
        return arrays

    def to_json(self) -> dict[str, Any]:
        """Return what of the member is no array, for a file."""
        return {"name": self.name, "features": self.features, "activation": self.activation}

    @classmethod
    def from_file(cls, arrays: Mapping[str, NDArray[Any]], values: Mapping[str, Any]) -> "Member":
        """Make a member of what `to_arrays` and `to_json` gave."""
        n_layers = sum(name.startswith("weight.") for name in arrays)
        return cls(
            name=values["name"],
            weights=tuple(arrays[f"weight.{number}"] for number in range(n_layers)),
            biases=tuple(arrays[f"bias.{number}"] for number in range(n_layers)),
            features=values["features"],
            activation=values["activation"],
            **shared_from(arrays),
            **{name: arrays[name] for name in BOUNDS if name in arrays},
        )


BOUNDS = ("output_low", "output_high")


def layer_values(
    weights: Sequence[Array], biases: Sequence[Array], activation: str, features: Float64
) -> list[Float64]:
    """Return what each layer gives, of one model or of several alike at once.

    Parameters
    ----------
    weights, biases
        One a layer: [..., outputs of the layer, its inputs] and [..., outputs of the layer].
    activation
        A name in `motrain_app.operators.features`.
    features
        [..., inputs of the first layer, rows].
    """
    bend = ACTIVATIONS[activation].value
    values: list[Any] = []
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        before = values[-1] if values else features
        value = weight.astype(np.float64) @ before + bias.astype(np.float64)[..., None]
        values.append(value if number == len(weights) - 1 else bend(value))
    return values
