"""Members of many partitions as stacked arrays: what a block trains and what its file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.member import SCALERS, Member

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class MemberStack:
    """Members of one architecture; every array carries a leading axis of slots.

    Attributes
    ----------
    arrays
        By the names that a member's file uses: the scalers [slots, n], ``weight.0`` [slots, out, in],
        ``bias.0`` [slots, out], ``weight.1``, …
    features, activation
        As in `Member`, the same for all slots.
    """

    arrays: Mapping[str, Array]
    features: str
    activation: str

    def member(self, slot: int, name: str = "", held_out: Intervals | None = None) -> Member:
        """Return the member in one slot."""
        arrays = {key: array[slot] for key, array in self.arrays.items()}
        values = {"name": name, "features": self.features, "activation": self.activation}
        return replace(Member.from_file(arrays, values), held_out=held_out)

    @property
    def n_slots(self) -> int:
        """Number of members."""
        return len(self.arrays[SCALERS[0]])

    def to_json(self) -> dict[str, Any]:
        """Return what of the stack is no array, for a block file's header."""
        return {"stack": "MemberStack", "features": self.features, "activation": self.activation}
