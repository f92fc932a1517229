"""Members of many partitions as stacked arrays: what a block trains and what its file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.ensemble import EnsembleMember
from motrain_app.operators.member import BOUNDS, Member
from motrain_app.operators.scaled import SCALERS

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class MemberStack:
    """Members as one array of each kind; every array carries a leading axis of slots.

    Attributes
    ----------
    arrays
        By the names that a member's file uses: the scalers [slots, n], ``weight.0`` [slots, out, in],
        ``bias.0`` [slots, out], ``weight.1``, …, and perhaps the bounds of the outputs [slots, n_outputs]. Where
        members differ in architecture, these are padded, and ``hidden`` [slots, layers] holds the true widths of the
        hidden layers, 0 where a member has fewer; ``activation`` [slots] the numbers of their activations. Where a
        member is the mean of several models, the others' layers, hidden and activation follow as ``1/weight.0``, …;
        an activation of −1 says that a slot has no such model.
    features
        As in `Member`, the same for all slots.
    activations
        Names of the activations.
    """

    arrays: Mapping[str, Array]
    features: str
    activations: tuple[str, ...]

    def member(self, slot: int, name: str = "", held_out: Intervals | None = None) -> Member | EnsembleMember:
        """Return the member in one slot."""
        arrays = {key: array[slot] for key, array in self.arrays.items()}
        first = {key: array for key, array in arrays.items() if "/" not in key}
        shared = {key: first[key] for key in (*SCALERS, *BOUNDS) if key in first}
        others: dict[int, dict[str, Array]] = {}
        for key in arrays.keys() - first.keys():
            rank, _, own = key.partition("/")
            others.setdefault(int(rank), dict(shared))[own] = arrays[key]
        models = [first, *(others[rank] for rank in sorted(others))]
        parts = [self._part(model, name, held_out) for model in models if int(model.get("activation", 0)) >= 0]
        return parts[0] if len(parts) == 1 else EnsembleMember(tuple(parts))

    def _part(self, arrays: Mapping[str, Array], name: str, held_out: Intervals | None) -> Member:
        activation = self.activations[int(arrays.get("activation", 0))]
        kept = _unpadded(arrays) if "hidden" in arrays else arrays
        values = {"name": name, "features": self.features, "activation": activation}
        return replace(Member.from_file(kept, values), held_out=held_out)

    @property
    def n_slots(self) -> int:
        """Number of members."""
        return len(self.arrays[SCALERS[0]])

    def to_json(self) -> dict[str, Any]:
        """Return what of the stack is no array, for a block file's header."""
        return {"stack": "MemberStack", "features": self.features, "activations": self.activations}


def _unpadded(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays of a member without units and layers that only others have."""
    hidden = arrays["hidden"]
    widths = [len(arrays["input_mean"]), *hidden[hidden > 0].tolist(), len(arrays["output_mean"])]
    kept = {name: arrays[name] for name in (*SCALERS, *BOUNDS) if name in arrays}
    for number, (before, after) in enumerate(pairwise(widths)):
        kept |= {f"weight.{number}": arrays[f"weight.{number}"][:after, :before]}
        kept |= {f"bias.{number}": arrays[f"bias.{number}"][:after]}
    return kept
