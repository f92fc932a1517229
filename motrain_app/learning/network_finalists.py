"""Candidates of a race once it is over: which of them are of use, and what they have learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block
from motrain_app.learning.membership import is_of_use
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.operators.bounds import Bounds
from motrain_app.operators.features import ACTIVATIONS
from motrain_app.operators.member import BOUNDS, layer_values

if TYPE_CHECKING:
    from motrain_app.learning.network_race import Race

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Finalists:
    """What candidates have learnt.

    Attributes
    ----------
    block, candidates, race
        Of which they are.
    shared
        Scalers, bounds and means of all places, minus the offset.
    outputs_vary
        [places, n_outputs]: what candidates say of an output that never varied is its mean.
    rows
        Some that each place has learnt from, [places, n]; −1 for none.
    """

    block: Block
    candidates: Sequence[NetworkOptions]
    race: "Race"
    shared: Mapping[str, Array]
    outputs_vary: NDArray[np.bool_]
    rows: NDArray[np.int32]

    def best_of_use(
        self, running: NDArray[np.bool_], may: NDArray[np.bool_], together: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return of each place the best candidates that are of use, [places, together], and whether there are as many.

        The lowest loss may be that of a candidate which diverged, where rows that judge are as far off as it is: the
        next one is taken then. Where none that ran to the end is of use, one that was stopped before may be.

        Parameters
        ----------
        running
            Which candidates ran to the end, [places, candidates].
        may
            Places that can have a member.
        together
            How many are wanted.
        """
        loss, place = self.race.loss(), np.arange(len(may))
        order = np.lexsort((loss, ~running), axis=1)
        best, number = order[:, :together].copy(), np.zeros(len(may), int)
        found = np.zeros(best.shape, bool)
        for chosen in order.T:
            lacks = number < np.where(running[place, chosen], together, 1)
            taken = np.flatnonzero(self._are_of_use(chosen, lacks & may & np.isfinite(loss[place, chosen])))
            best[taken, number[taken]], found[taken, number[taken]] = chosen[taken], True
            number[taken] += 1
        return best, found

    def padded(self, chosen: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
        """Return the layers of the candidate chosen at each place, padded to the widest, and their true widths."""
        winners = sorted(set(chosen.tolist()))
        depth = max(len(self.candidates[winner].hidden) for winner in winners)
        hidden = np.zeros((len(chosen), depth), np.int32)
        for winner in winners:
            hidden[chosen == winner, : len(self.candidates[winner].hidden)] = self.candidates[winner].hidden
        most, n_outputs = hidden.max(axis=0).tolist(), len(self.block.outputs)
        n_in, n_out = [len(self.block.inputs), *most], [max(width, n_outputs) for width in [*most, 0]]
        if all(len(self.candidates[winner].hidden) == depth for winner in winners):
            n_out[:-1] = most  # no member ends earlier than the others
        padded: list[NDArray[np.float32]] = []
        for before, after in zip(n_in, n_out, strict=True):
            padded += [np.zeros((len(chosen), after, before), np.float32), np.zeros((len(chosen), after), np.float32)]
        for winner in winners:
            places = np.flatnonzero(chosen == winner)
            layers = self._layers(winner, places)
            for number in range(0, len(layers), 2):
                after, before = layers[number].shape[1:]
                padded[number][places, :after, :before] = layers[number]
                padded[number + 1][places, :after] = layers[number + 1]
        arrays: dict[str, NDArray[np.generic]] = {}
        for number in range(0, len(padded), 2):
            arrays |= {f"weight.{number // 2}": padded[number], f"bias.{number // 2}": padded[number + 1]}
        names = list(ACTIVATIONS)
        codes = np.array([names.index(one.activation) for one in self.candidates], np.int8)
        return arrays | {"hidden": hidden, "activation": codes[chosen]}

    def _layers(self, candidate: int, places: NDArray[np.intp]) -> list[NDArray[np.float32]]:
        """Return weights and biases in turn of a candidate at some places, as wide as it is."""
        layers: list[NDArray[np.float32]] = []
        best = self.race.best_layers(candidate, places)
        for number, (before, after) in enumerate(pairwise(self._widths(candidate))):
            layers += [best[2 * number][:, :after, :before], best[2 * number + 1][:, :after]]
        varied = self.outputs_vary[places]
        layers[-2], layers[-1] = layers[-2] * varied[:, :, None], layers[-1] * varied
        return layers

    def _are_of_use(self, chosen: NDArray[np.integer], which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say of some places whether the candidate chosen there is of use for rows that it has learnt from."""
        found = np.zeros(len(which), bool)
        size = self.block.stack_slots
        for candidate in np.unique(chosen[which]).tolist():
            mine = np.flatnonzero(which & (chosen == candidate))
            for some in np.split(mine, range(size, len(mine), size)):
                found[some] = is_of_use(*self._glance(candidate, some)).all(axis=1)
        return found

    def _glance(self, candidate: int, places: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return what a candidate says of rows of some places, and what is true: [places, n_outputs, n].

        Both are in standard deviations; what is true is NaN where there is no row.
        """
        arrays, rows = {name: array[places] for name, array in self.shared.items()}, self.rows[places]
        mean, scale = arrays["output_mean"][..., None], arrays["output_scale"][..., None]
        observed = (of_rows(self.block.outputs, rows) - mean) / scale
        x = (of_rows(self.block.inputs, rows) - arrays["input_mean"][..., None]) / arrays["input_scale"][..., None]
        layers, options = self._layers(candidate, places), self.candidates[candidate]
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = layer_values(layers[::2], layers[1::2], options.activation, x)[-1]
            if options.bounded:
                low, high = ((arrays[name][..., None] - mean) / scale for name in BOUNDS)
                predicted = Bounds(low, high, np.ones_like(scale)).value(predicted)
        return predicted, observed

    def _widths(self, candidate: int) -> list[int]:
        """Return the widths of all layers of a candidate, the inputs first."""
        return [len(self.block.inputs), *self.candidates[candidate].hidden, len(self.block.outputs)]


def of_rows(values: NDArray[np.float32], rows: NDArray[np.int32]) -> Array:
    """Return the values [places, n_variables, n] of rows [places, n], NaN where there is none."""
    if not values.shape[1]:
        return np.full((len(rows), len(values), rows.shape[1]), np.nan)
    return np.where(rows[:, None] >= 0, values[:, rows].swapaxes(0, 1), np.nan).astype(np.float64)
