"""Members of many partitions whose estimators are bytes of any length: one after the other in one array."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.intervals import Intervals
from motrain_app.operators.estimator import EstimatorMember
from motrain_app.operators.scaled import SCALERS

Array = NDArray[Any]
BYTES = "estimators"  # the one array without a leading axis of slots


@dataclass(frozen=True, slots=True, eq=False)
class EstimatorStack:
    """Members of estimators, slot after slot.

    Attributes
    ----------
    arrays
        The scalers [slots, n]; ``estimators``, uint8, the bytes of every estimator one after the other; and
        ``offsets`` [slots, n_outputs, 2], where those of each slot and output begin and end in it: at the same place
        where an output could not be trained.
    differentiable
        As in `EstimatorMember`, the same for all slots.
    """

    arrays: Mapping[str, Array]
    differentiable: bool

    @classmethod
    def of(
        cls, scalers: Mapping[str, Array], estimators: Sequence[Sequence[bytes]], *, differentiable: bool
    ) -> "EstimatorStack":
        """Stack members.

        Parameters
        ----------
        scalers
            By name, [slots, n].
        estimators
            Bytes by slot and output, empty where there is none.
        """
        lengths = np.array([[len(data) for data in slot] for slot in estimators], np.int64)
        ends = lengths.cumsum().reshape(lengths.shape)
        arrays = {
            **{name: scalers[name] for name in SCALERS},
            "offsets": np.stack([ends - lengths, ends], axis=-1),
            BYTES: np.frombuffer(b"".join(data for slot in estimators for data in slot), np.uint8),
        }
        return cls(arrays, differentiable)

    @classmethod
    def read(
        cls, by_slot: Mapping[str, Array], read_bytes: Callable[[int, int], Array], *, differentiable: bool
    ) -> "EstimatorStack":
        """Make a stack of some slots of a larger one, and read their bytes alone.

        Parameters
        ----------
        by_slot
            The arrays that have a leading axis, of the asked slots.
        read_bytes
            Gives the bytes from one place to another.
        """
        offsets = by_slot["offsets"]
        first, last = (int(offsets.min()), int(offsets.max())) if offsets.size else (0, 0)
        return cls({**by_slot, "offsets": offsets - first, BYTES: read_bytes(first, last)}, differentiable)

    def member(self, slot: int, name: str = "", held_out: Intervals | None = None) -> EstimatorMember:
        """Return the member in one slot."""
        return EstimatorMember(
            name=name,
            estimators=tuple(self.arrays[BYTES][start:end] for start, end in self.arrays["offsets"][slot].tolist()),
            differentiable=self.differentiable,
            held_out=held_out,
            **{key: self.arrays[key][slot] for key in SCALERS},
        )

    @property
    def n_slots(self) -> int:
        """Number of members."""
        return len(self.arrays[SCALERS[0]])

    def to_json(self) -> dict[str, Any]:
        """Return what of the stack is no array, for a block file's header."""
        return {"stack": "EstimatorStack", "differentiable": self.differentiable}
