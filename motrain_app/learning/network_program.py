"""The TensorFlow program that trains a stack of small networks at once. Imported by workers only.

Slots are independent: each has its own rows, scaler, weights, hyper-parameters, Adam moments and early stopping. Layers
are stacked as [slots, out, in] and activations as [slots, feature, batch], the batch innermost. A slot whose step has
no row, or that has stopped, keeps every bit of its state, whatever its neighbours do and wherever in the stack it is.

Small stacks are as fast a slot as large ones, or faster: their state stays in the processor's cache.
"""

from typing import Any, NamedTuple

from motrain_app.learning.network_stack import Call, RowTensors, Settings, State
from motrain_app.learning.network_tensorflow import tf
from motrain_app.operators.bounds import BENDS_IN_WIDTH, FELT_AT_MOST

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7  # of Kingma & Ba (2015), as in Keras
_BEND_AT_LEAST = 1e-6  # between bounds that are one and the same in float32
_EXPONENT_AT_MOST = 60.0  # of a row's weight: e^60 times the mean weight is no number to learn from


def _slope_of_relu(value: Any) -> Any:
    return tf.cast(value > 0, value.dtype)


def _slope_of_tanh(value: Any) -> Any:
    return 1 - value * value


_ACTIVATIONS = {"relu": (tf.nn.relu, _slope_of_relu), "tanh": (tf.math.tanh, _slope_of_tanh)}  # the slope by the value


class Program:
    """One compiled function, for all stacks of one shape.

    Parameters
    ----------
    activation
        "relu" or "tanh".
    bounded, weighted
        Whether any output has bounds; whether rows count differently.
    """

    def __init__(self, activation: str, *, bounded: bool = False, weighted: bool = False) -> None:
        self._bend, self._slope = _ACTIVATIONS[activation]
        self._bounded, self._weighted = bounded, weighted
        self._function = tf.function(self._advance, jit_compile=True)
        self._of_shape: dict[Any, Any] = {}

    @property
    def compiled(self) -> int:
        """For how many shapes it was compiled."""
        return len(self._of_shape)

    def advance(
        self, state: State, settings: Settings, rows: RowTensors, train: Call, judge: Call, *, ends: bool
    ) -> State:
        """Take steps of training, then of judging; at the end of an epoch say what it has brought.

        Parameters
        ----------
        train, judge
            The rows that the steps take.
        ends
            Whether the validation rows are through.
        """
        numbers = map(tf.constant, (train.steps, judge.steps, ends))
        arguments = (state, settings, rows, train.rows, judge.rows, *numbers)
        shape = (
            tuple(train.rows.shape),
            *(layer.shape for layer in state.layers),
            rows.inputs.shape,
            rows.log_weight.shape,
        )
        if shape not in self._of_shape:
            self._of_shape[shape] = self._function.get_concrete_function(*arguments)
        result: State = self._of_shape[shape](*arguments)
        return result

    def _advance(
        self,
        state: State,
        settings: Settings,
        rows: RowTensors,
        trained: Any,
        judged: Any,
        n_train: Any,
        n_judge: Any,
        ends: Any,
    ) -> State:
        def train(number: Any, layers: Any, first: Any, second: Any, steps: Any) -> tuple[Any, ...]:
            batch = self._batch(rows, settings, trained[number])
            return (number + 1, *self._step(batch, settings, state.active, layers, first, second, steps))

        def judge(number: Any, squares: Any, counts: Any) -> tuple[Any, ...]:
            batch = self._batch(rows, settings, judged[number])
            more, seen = self._errors(self._forward(layers, batch.x)[-1], settings, batch)[1:]
            return number + 1, squares + more, counts + seen

        moving = (0, state.layers, state.first, state.second, state.steps)
        _, layers, first, second, steps = tf.while_loop(lambda number, *_: number < n_train, train, moving)
        summing = (0, state.squares, state.counts)
        _, squares, counts = tf.while_loop(lambda number, *_: number < n_judge, judge, summing)
        moved = state._replace(layers=layers, first=first, second=second, steps=steps, squares=squares, counts=counts)
        return self._ended(moved, settings, ends)

    def _ended(self, state: State, settings: Settings, ends: Any) -> State:
        """Compare with the best epoch so far, where one has come to its end."""
        loss = _mean_over_outputs(state.squares / tf.maximum(state.counts, 1.0), state.counts, settings)
        judged = ends & state.active
        better = judged & (loss < state.best_loss)
        waited = tf.where(judged, tf.where(better, 0, state.waited + 1), state.waited)
        # A loss that is no longer a number never gets better: the slot keeps its best and takes no further step.
        goes_on = (waited < settings.patience) & tf.math.is_finite(loss)
        return state._replace(
            best_layers=_where(better, state.layers, state.best_layers),
            best_loss=tf.where(better, loss, state.best_loss),
            waited=waited,
            epochs=state.epochs + tf.cast(judged, tf.int32),
            active=state.active & (goes_on | ~ends),
            squares=tf.where(ends, 0.0, state.squares),
            counts=tf.where(ends, 0.0, state.counts),
        )

    def _batch(self, rows: RowTensors, settings: Settings, which: Any) -> "_Batch":
        """Return standardised rows of each slot; `which` is [slots, batch]."""
        there = (which >= 0)[:, None, :]
        place = tf.maximum(which, 0)
        x = _of_slots(rows.inputs, place, settings.place.input_mean, settings.place.input_scale)
        y = _of_slots(rows.outputs, place, settings.place.output_mean, settings.place.output_scale)
        # Padding points at row 0, which may be another partition's: nothing of it may enter this slot.
        x, known = tf.where(there, x, 0.0), tf.math.is_finite(y) & there
        count = tf.cast(known, tf.float32)
        weight = count
        if self._weighted:
            exponent = (
                tf.transpose(tf.gather(rows.log_weight, place), [0, 2, 1]) - settings.place.log_weight[:, :, None]
            )
            weight = tf.where(known, tf.exp(tf.minimum(exponent, _EXPONENT_AT_MOST)), 0.0)
        return _Batch(x, tf.where(known, y, 0.0), weight, tf.reduce_sum(count, axis=2))

    def _forward(self, layers: list[Any], x: Any) -> list[Any]:
        """Return what each layer gives, the inputs first."""
        values = [x]
        for number in range(0, len(layers), 2):
            value = tf.matmul(layers[number], values[-1]) + layers[number + 1][:, :, None]
            values.append(value if number == len(layers) - 2 else self._bend(value))
        return values

    def _errors(self, last: Any, settings: Settings, batch: "_Batch") -> tuple[Any, Any, Any]:
        """Return the loss's derivative by the last layer, but for its mean; sums of squares; and counts of rows."""
        slope = None
        if self._bounded:
            last, slope = bound(last, settings.place.low[:, :, None], settings.place.high[:, :, None])
        error = last - batch.y
        derivative = 2 * batch.weight * error
        squares = tf.reduce_sum(batch.weight * error * error, axis=2)
        return (derivative if slope is None else derivative * slope), squares, batch.count

    def _gradients(self, layers: list[Any], settings: Settings, batch: "_Batch") -> list[Any]:
        """Return the derivative of each slot's loss, and of its penalty, by each of its layers."""
        values = self._forward(layers, batch.x)
        derivative = self._errors(values[-1], settings, batch)[0]
        derivative *= _share_of_a_row(batch.count, settings)[:, :, None]
        gradients = [None] * len(layers)
        for number in range(len(layers) - 2, -1, -2):
            value = values[number // 2]
            penalty = 2 * settings.l2[:, None, None] * layers[number]
            gradients[number] = tf.matmul(derivative, value, transpose_b=True) + penalty
            gradients[number + 1] = tf.reduce_sum(derivative, axis=2)
            if number:
                derivative = tf.matmul(layers[number], derivative, transpose_a=True) * self._slope(value)
        return gradients

    def _step(
        self,
        batch: "_Batch",
        settings: Settings,
        active: Any,
        layers: list[Any],
        first: list[Any],
        second: list[Any],
        steps: Any,
    ) -> tuple[list[Any], list[Any], list[Any], Any]:
        """One Adam step of every slot that is active and has a row."""
        moves = active & (tf.reduce_sum(batch.count, axis=1) > 0)
        gradients = self._gradients(layers, settings, batch)
        count = steps + tf.cast(moves, tf.int32)
        power = tf.cast(tf.maximum(count, 1), tf.float32)
        rate = settings.learning_rate * tf.sqrt(1 - _BETA_2**power) / (1 - _BETA_1**power)
        new_first = [_BETA_1 * m + (1 - _BETA_1) * g for m, g in zip(first, gradients, strict=True)]
        new_second = [_BETA_2 * v + (1 - _BETA_2) * g * g for v, g in zip(second, gradients, strict=True)]
        new_layers = [
            w - _of_slot(rate, w) * m / (tf.sqrt(v) + _EPSILON)
            for w, m, v in zip(layers, new_first, new_second, strict=True)
        ]
        return (
            _where(moves, new_layers, layers),
            _where(moves, new_first, first),
            _where(moves, new_second, second),
            count,
        )


class _Batch(NamedTuple):
    """Standardised rows of each slot.

    Attributes
    ----------
    x, y
        [slots, n, batch]; zero where there is none.
    weight
        What a row's squared error counts, [slots, n_outputs, batch].
    count
        Rows that have each output, [slots, n_outputs].
    """

    x: Any
    y: Any
    weight: Any
    count: Any


def bound(z: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return z bent into its bounds, and the derivative, as `motrain_app.operators.bounds.Bounds` with a scale of 1."""
    bend = tf.minimum(1.0, tf.maximum((high - low) / BENDS_IN_WIDTH, _BEND_AT_LEAST))
    near = tf.clip_by_value(z, low - FELT_AT_MOST * bend, high + FELT_AT_MOST * bend)
    lifted, lowered = (tf.math.softplus(gone / bend) for gone in (low - near, near - high))
    share = tf.sigmoid((z - low) / bend) * tf.sigmoid((high - z) / bend)
    return near + bend * lifted - bend * lowered, -share * tf.math.expm1((low - high) / bend)


def _of_slots(values: Any, place: Any, mean: Any, scale: Any) -> Any:
    """Return standardised values [slots, n, batch] of the rows at [slots, batch]."""
    return (tf.transpose(tf.gather(values, place), [0, 2, 1]) - mean[:, :, None]) / scale[:, :, None]


def _share_of_a_row(count: Any, settings: Settings) -> Any:
    """Return what one row of an output counts in the loss, [slots, n_outputs]."""
    weight = settings.place.output_weight * tf.cast(count > 0, tf.float32)
    total = tf.reduce_sum(weight, axis=1, keepdims=True)
    return weight / (tf.maximum(count, 1.0) * tf.where(total > 0, total, 1.0))


def _mean_over_outputs(error: Any, count: Any, settings: Settings) -> Any:
    """Return the loss of each slot, [slots]: the weighted mean over the outputs that have rows; infinite without any.

    Who was judged on nothing is no better than who diverged. The error of an output that has no say may be infinite.
    """
    weight = settings.place.output_weight * tf.cast(count > 0, tf.float32)
    total = tf.reduce_sum(weight, axis=1)
    said = tf.where(weight > 0, weight * error, 0.0)
    mean = tf.reduce_sum(said, axis=1) / tf.where(total > 0, total, 1.0)
    return tf.where(total > 0, mean, float("inf"))


def _of_slot(values: Any, like: Any) -> Any:
    return tf.reshape(values, [-1] + [1] * (len(like.shape) - 1))


def _where(mask: Any, new: list[Any], old: list[Any]) -> list[Any]:
    return [tf.where(_of_slot(mask, b), a, b) for a, b in zip(new, old, strict=True)]
