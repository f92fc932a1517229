"""Learners with a name: what most people want, and what others have published."""

from dataclasses import dataclass
from typing import Any

from motrain_app.design.errors import DesignError
from motrain_app.design.learner import Learner
from motrain_app.learning.registry import LearnerKind, resolve_learner


@dataclass(frozen=True, slots=True)
class Preset:
    """A learner with a name.

    Attributes
    ----------
    name
        By which it is chosen.
    purpose
        What it is for, in a sentence.
    learner
        Kind and hyper-parameters.
    """

    name: str
    purpose: str
    learner: Learner


QUICK = Preset(
    "Quick network",
    "One small network and few epochs: to see whether a design works at all.",
    Learner("network", {"hidden": [8], "learning_rate": 0.01, "epochs": 40, "patience": 8}),
)
THOROUGH = Preset(
    "Thorough network",
    "24 candidates by successive halving, one in three kept: for results that you publish.",
    Learner(
        "network",
        {
            "epochs": 200,
            "patience": 30,
            "search": {
                "space": {
                    "layers": [1, 2],
                    "width": {"low": 4, "high": 64, "log": True},
                    "activation": ["tanh", "relu"],
                    "learning_rate": {"low": 0.001, "high": 0.02, "log": True},
                    "l2": {"low": 1e-6, "high": 1e-3, "log": True},
                },
                "candidates": 24,
                "halving": 3,
            },
        },
    ),
)
PEER = Preset(
    "The peer's search",
    "Eleven candidates from MOTrainer 0.1.7's default space, its own settings among them: to compare with it.",
    Learner(
        "network",
        {
            "hidden": [4, 13],
            "activation": "relu",
            "learning_rate": 0.001,
            "batch": 64,
            "epochs": 100,
            "patience": 30,
            "l2": 0.0,
            "search": {
                "space": {
                    "learning_rate": {"low": 0.0005, "high": 0.01, "log": True},
                    "layers": [2, 3],  # the first, then one or two dense layers
                    "first_width": {"low": 2, "high": 6},
                    "width": {"low": 1, "high": 128},
                    "batch": {"low": 7, "high": 365},
                },
                "candidates": 11,
            },
        },
    ),
)
VESPER = Preset(
    "VESPER net",
    "Four hidden layers of 15 units, as VESPER's for land-surface temperature: 1,201 parameters with its 30 inputs.",
    Learner("network", {"hidden": [15, 15, 15, 15], "activation": "relu"}),
)
NAMED = (QUICK, THOROUGH, PEER, VESPER)


def presets(kind: str) -> tuple[Preset, ...]:
    """Return what can be chosen by name when the learner is of a kind: its defaults, and the named ones."""
    return (Preset("Default", f"The learner {kind} as it comes.", Learner(kind)), *NAMED)


def preset_of(learner: Learner) -> Preset | None:
    """Return the preset that a learner is, however its options are written; None where it is none.

    Examples
    --------
    >>> preset_of(Learner("network", {"hidden": [15] * 4, "activation": "relu", "epochs": 150})).name
    'VESPER net'
    >>> preset_of(Learner("network", {"hidden": [3]}))
    """
    wanted = _resolved(learner)
    same = (one for one in presets(learner.kind) if wanted is not None and _resolved(one.learner) == wanted)
    return next(same, None)


def _resolved(learner: Learner) -> tuple[LearnerKind, Any] | None:
    """Return kind and options; None where they make no sense, as the defaults of a kind that demands an option."""
    try:
        return resolve_learner(learner)
    except DesignError:
        return None


USUAL_SEARCH = {
    "space": {
        "width": {"low": 4, "high": 64, "log": True},
        "learning_rate": {"low": 0.001, "high": 0.02, "log": True},
    },
    "candidates": 12,
    "halving": 3,
}
"""What a search begins with that a person switches on."""
