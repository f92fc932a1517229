"""Operators as Keras models, to be trained on, differentiated, or served where Keras is.

Keras, and with it TensorFlow, is imported when a model is asked for.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators import EnsembleMember, Member, Operator, OperatorError
from motrain_app.operators.bounds import BENDS_IN_WIDTH, FELT_AT_MOST
from motrain_app.operators.together import outputs_of

DTYPES = ("float32", "float64")
_FEATURES = ("linear", "quadratic")
_ACTIVATIONS = ("relu", "tanh")  # Keras has the same by these names


def to_keras(h: Operator | Member | EnsembleMember, *, dtype: str = "float32") -> Any:
    """Return an operator, or one member, as a functional Keras 3 model with the scalers inside.

    ``model(x)`` takes states (n, n_inputs), columns as in ``h.inputs``, and gives (n, n_outputs), both in physical
    units: for an operator the mean of the members that have an output. It agrees with ``h(x)`` to about 1e-5 of an
    output's standard deviation in float32, or to the rounding of its value in float32 where that is more, as of
    101325 ± 30; and to rounding in float64. States enter as `dtype`. Filters are not part of it: ``h(x)`` is NaN where
    one fails, the model is not.

    It is made of layers that Keras itself has, and of no Python code, so that ``keras.saving.load_model`` reads a saved
    model in safe mode. The scalers do not train, the layers of the network do.

    Parameters
    ----------
    h
        Of any learner of this package: linear, quadratic, or a network.
    dtype
        "float32" or "float64". For float64 call the model; ``model.predict`` casts its input to Keras's ``floatx``.

    Returns
    -------
    keras.Model
        Named "operator", with the input "states" and one output.

    Raises
    ------
    OperatorError
        Where it is neither an operator nor a member, or has parts that this function does not know.
    """
    if not isinstance(h, Operator | Member | EnsembleMember):
        raise OperatorError(f"to_keras takes an Operator or a Member, not {type(h).__name__}.")
    if dtype not in DTYPES:
        raise OperatorError(f"dtype is {dtype!r}; it must be one of {', '.join(DTYPES)}.")
    members = [[_known(part) for part in _parts(one)] for one in (h.members if isinstance(h, Operator) else (h,))]
    import keras

    bounded = any(part.output_low is not None for parts in members for part in parts)

    def mean(values: list[Any], name: str) -> Any:
        if len(values) == 1:
            return values[0]
        found = keras.layers.Average(dtype=dtype, name=name)(values)
        return _between(found, values, values, dtype) if bounded else found

    states = keras.Input((members[0][0].n_inputs,), dtype=dtype, name="states")
    of_members, outputs, least, most = [], [], [], []
    shares = _shares([parts[0] for parts in members])
    for number, parts in enumerate(members):
        prefixes = [f"member_{number}", *(f"member_{number}_{rank}" for rank in range(1, len(parts)))]
        silent = parts if shares is None else map(_silenced, parts)
        builders = [_Builder(part, prefix, dtype) for part, prefix in zip(silent, prefixes, strict=True)]
        said = mean([builder.outputs(states) for builder in builders], f"mean_of_member_{number}")
        of_members.append(said)
        if shares is not None:
            outputs.append(builders[0].shared(said, shares[number]))
        if shares is not None and bounded:
            least.append(builders[0].unless_silent(said, shares[number], np.inf))
            most.append(builders[0].unless_silent(said, shares[number], -np.inf))
    if shares is None:
        return keras.Model(states, mean(of_members, "mean_of_members"), name="operator")
    whole = keras.layers.Add(dtype=dtype)(outputs)
    return keras.Model(states, _between(whole, least, most, dtype) if bounded else whole, name="operator")


def _between(mean: Any, least: list[Any], most: list[Any], dtype: str) -> Any:
    """Return a mean that rounding does not carry beyond the least and greatest of its values, which may be a bound."""
    from keras import layers

    raised = layers.Maximum(dtype=dtype)([mean, layers.Minimum(dtype=dtype)(least)])
    return layers.Minimum(dtype=dtype)([raised, layers.Maximum(dtype=dtype)(most)])


def _shares(members: list[Member]) -> NDArray[np.float64] | None:
    """Return what each member counts in the mean of each output, [members, n_outputs]; None where each has them all.

    NaN for an output that no member has. Within a member it would spread to the other outputs, where they have bounds.
    """
    has = np.stack([outputs_of(member) for member in members])
    if has.all():
        return None
    return has / np.where(has.any(axis=0), has.sum(axis=0), np.nan)


def _silenced(member: Member) -> Member:
    """Return a member that says 0 of outputs that it does not have: it counts nothing there, and NaN would count."""
    has = outputs_of(member)
    return replace(
        member,
        weights=(*member.weights[:-1], np.where(has[:, None], member.weights[-1], 0.0)),
        biases=(*member.biases[:-1], np.where(has, member.biases[-1], 0.0)),
        output_mean=np.where(has, member.output_mean, 0.0),
        output_scale=np.where(has, member.output_scale, 1.0),
    )


def _parts(member: Any) -> tuple[Any, ...]:
    return member.parts if isinstance(member, EnsembleMember) else (member,)


def _known(member: Any) -> Member:
    """Return a member of which all parts are known here."""
    if not isinstance(member, Member):
        raise OperatorError(f"to_keras does not know members of the kind {type(member).__name__}.")
    if member.features not in _FEATURES or member.activation not in _ACTIVATIONS:
        raise OperatorError(
            f"The member {member.name!r} has features {member.features!r} and activation {member.activation!r}; "
            f"to_keras knows {', '.join(_FEATURES)} and {', '.join(_ACTIVATIONS)}."
        )
    return member


class _Builder:
    """Lays the layers of one member; every one is named after it."""

    def __init__(self, member: Member, prefix: str, dtype: str) -> None:
        self._member, self._prefix, self._dtype = member, prefix, dtype

    def outputs(self, states: Any) -> Any:
        """Return the member's outputs as a Keras tensor, in physical units."""
        member = self._member
        value = self._features(self._scaled(states))
        last = len(member.weights) - 1
        for number, (weight, bias) in enumerate(zip(member.weights, member.biases, strict=True)):
            activation = member.activation if number < last else None
            name = f"layer_{number}"
            value = self._dense(value, name, weight.T, bias, activation=activation, trainable=True)
        physical = self._rescale(value, "to_units", member.output_scale, member.output_mean)
        return physical if member.output_low is None else self._bounded(physical)

    def shared(self, y: Any, share: NDArray[np.float64]) -> Any:
        """Return what the member counts in the mean of all.

        NaN is added: as a factor it would spread to the derivatives of all outputs.
        """
        return self._rescale(y, "share", np.nan_to_num(share), np.where(np.isnan(share), np.nan, 0.0))

    def unless_silent(self, y: Any, share: NDArray[np.float64], instead: float) -> Any:
        """Return what the member says of outputs that it has, and something else of those that only others have."""
        name = "least" if instead > 0 else "most"
        return self._rescale(y, name, np.ones(len(share)), np.where(share == 0, instead, 0.0))

    def _bounded(self, y: Any) -> Any:
        """Bend each output into its bounds, as `motrain_app.operators.bounds.Bounds` does."""
        from keras import layers

        columns = []
        for number, unit in enumerate(np.eye(self._member.n_outputs)):
            name = f"output_{number}"
            column = self._dense(y, name, unit[:, None], None, activation=None, trainable=False)
            columns.append(self._bent(column, name, number))
        return (
            layers.Concatenate(dtype=self._dtype, name=f"{self._prefix}_bounded")(columns)
            if columns[1:]
            else columns[0]
        )

    def _bent(self, y: Any, name: str, number: int) -> Any:
        """Bend one output: a softplus for each bound that it has, between clipping before and after."""
        from keras import layers, ops

        low, high, scale = (
            float(values[number])  # type: ignore[index]
            for values in (self._member.output_low, self._member.output_high, self._member.output_scale)
        )
        bend = min(scale, (high - low) / BENDS_IN_WIDTH)
        near = ops.clip(y, low - FELT_AT_MOST * bend, high + FELT_AT_MOST * bend)
        parts = [near]
        for side, sign, limit in (("low", 1, low), ("high", -1, high)):
            if np.isfinite(limit):
                gone = self._rescale(near, f"{name}_{side}_there", *_arrays(-sign / bend, sign * limit / bend))
                bent = layers.Activation("softplus", dtype=self._dtype, name=f"{self._prefix}_{name}_{side}")(gone)
                parts.append(self._rescale(bent, f"{name}_{side}_back", *_arrays(sign * bend, 0.0)))
        if not parts[1:]:
            return y
        whole = layers.Add(dtype=self._dtype, name=f"{self._prefix}_{name}_bent")(parts)
        return ops.clip(whole, *_held_by(low, high, self._dtype))

    def _scaled(self, states: Any) -> Any:
        """Standardise in two steps, so that 285 K ± 9 K loses no digits; what rounding the mean costs is given back."""
        member = self._member
        rounded = member.input_mean.astype(self._dtype)
        centred = self._rescale(states, "centre", np.ones(member.n_inputs), -rounded)
        rest = (rounded.astype(np.float64) - member.input_mean) / member.input_scale
        return self._rescale(centred, "scale", 1 / member.input_scale, rest)

    def _features(self, z: Any) -> Any:
        """Return z, or z beside the products z_i z_j, i ≤ j, in the order of `FEATURE_MAPS`."""
        if self._member.features == "linear":
            return z
        from keras import layers

        n = self._member.n_inputs
        pairs = [
            self._dense(z, name, np.eye(n)[:, columns], None, activation=None, trainable=False)
            for name, columns in zip(("first", "second"), np.triu_indices(n), strict=True)
        ]
        products = layers.Multiply(dtype=self._dtype, name=f"{self._prefix}_products")(pairs)
        return layers.Concatenate(dtype=self._dtype, name=f"{self._prefix}_features")([z, products])

    def _dense(
        self,
        value: Any,
        name: str,
        kernel: NDArray[np.floating],
        bias: NDArray[np.floating] | None,
        *,
        activation: str | None,
        trainable: bool,
    ) -> Any:
        from keras import layers

        layer = layers.Dense(
            kernel.shape[1],
            activation=activation,
            use_bias=bias is not None,
            trainable=trainable,
            dtype=self._dtype,
            name=f"{self._prefix}_{name}",
        )
        made = layer(value)
        layer.set_weights([kernel] if bias is None else [kernel, bias])
        return made

    def _rescale(self, value: Any, name: str, scale: NDArray[np.floating], offset: NDArray[np.floating]) -> Any:
        """Return value · scale + offset, column by column.

        Not by `Rescaling`, which takes vectors for image channels where Keras is set to have these first, nor by
        `Normalization`, which takes scales below 1e-7 for zero.
        """
        from keras import layers

        layer = layers.EinsumDense(
            "bi,i->bi",
            output_shape=(len(scale),),
            bias_axes="i",
            trainable=False,
            dtype=self._dtype,
            name=f"{self._prefix}_{name}",
        )
        made = layer(value)
        layer.set_weights([scale, offset])
        return made


def _arrays(*values: float) -> list[NDArray[np.float64]]:
    return [np.array([value]) for value in values]


def _held_by(low: float, high: float, dtype: str) -> tuple[float, float]:
    """Return the nearest numbers of a type that lie within bounds, which float32 would round beyond them."""
    kind = np.dtype(dtype).type
    within = [kind(bound) for bound in (low, high)]
    if float(within[0]) < low:  # NumPy would round the bound too, before it compares
        within[0] = np.nextafter(within[0], kind(np.inf))
    if float(within[1]) > high:
        within[1] = np.nextafter(within[1], kind(-np.inf))
    return float(within[0]), float(within[1])
