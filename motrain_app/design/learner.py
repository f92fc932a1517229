"""The learner as a design names it: the kind of model and its hyper-parameters, as plain values.

What the kinds are, and which hyper-parameters they take, is known in `learning`, which reads this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from motrain_app.design.errors import DesignError
from motrain_app.design.plain import plain


@dataclass(frozen=True, slots=True)
class Learner:
    """Kind of model with its hyper-parameters.

    Parameters
    ----------
    kind
        One of the kinds that `learning` knows.
    options
        Hyper-parameters that differ from the kind's defaults, by name.

    Examples
    --------
    >>> Learner("network", {"hidden": [8, 8]}).to_json()
    {'kind': 'network', 'hidden': [8, 8]}
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not isinstance(self.options, Mapping):
            raise DesignError(f"The learner {self.kind!r} must be named, and its options be a dictionary.")
        object.__setattr__(self, "options", plain(self.options, f"learner {self.kind!r}"))

    def to_json(self) -> dict[str, Any]:
        """Return the learner as plain JSON values."""
        return {"kind": self.kind, **self.options}


def learner_from(value: Any) -> Learner:
    """Return a learner from its shorthand ("ridge"), its JSON values, or itself."""
    if isinstance(value, Learner):
        return value
    if isinstance(value, str):
        return Learner(value)
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
        return Learner(value["kind"], {key: option for key, option in value.items() if key != "kind"})
    raise DesignError(f"The learner {value!r:.100} is not understood. Name its kind, such as 'ridge' or 'network'.")
