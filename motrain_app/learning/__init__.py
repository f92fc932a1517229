"""Learning: makes members of the rows of a block. TensorFlow is imported in workers only, by the network's program."""

from motrain_app.learning.block import Block, Fitted, Stopped
from motrain_app.learning.estimator_fit import fit_estimators
from motrain_app.learning.network_keras import to_keras
from motrain_app.learning.registry import (
    LEARNER_KINDS,
    LearnerKind,
    check_learner,
    default_options,
    register_learner,
    resolve_learner,
)

__all__ = [
    "LEARNER_KINDS",
    "Block",
    "Fitted",
    "LearnerKind",
    "Stopped",
    "check_learner",
    "default_options",
    "fit_estimators",
    "register_learner",
    "resolve_learner",
    "to_keras",
]
