"""The kinds of learners: those of this package, and a user's own, which `register_learner` adds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError, did_you_mean
from motrain_app.design.learner import Learner
from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.estimators import (
    BoostingOptions,
    ForestOptions,
    SvrOptions,
    boosting_bytes,
    boosting_making_bytes,
    fit_boosting,
    fit_forest,
    fit_svr,
    forest_bytes,
    forest_making_bytes,
    svr_bytes,
    svr_making_bytes,
)
from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import SEARCHABLE, NetworkOptions
from motrain_app.learning.network_work import Work, check_network, network_bytes, network_work
from motrain_app.learning.ridge import RidgeOptions, fit_ridge, ridge_atom_bytes, ridge_bytes, ridge_making_bytes
from motrain_app.operators.estimator_file import allow_types

Fit = Callable[[Block, Any], Fitted]
CandidatesOf = Callable[[Any, int], Sequence[Any]]
Check = Callable[[Any, int, int], None]
TriedOf = Callable[[Any, int], Sequence[Mapping[str, Any]]]


def _options_alone(options: Any, seed: int) -> Sequence[Any]:
    return (options,)


def _no_bytes(options: Any, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]) -> int:
    return 0


def _no_check(options: Any, n_outputs: int, seed: int) -> None:
    return None


def _nothing_tried(options: Any, seed: int) -> Sequence[Mapping[str, Any]]:
    return ()


class BytesOfMember(Protocol):
    """Returns memory that a member takes in a worker; see `LearnerKind`."""

    def __call__(
        self, options: Any, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
    ) -> int | NDArray[np.int64]:
        """Return bytes: one number, or one for each partition, of which rows are the training rows, shape (n,)."""
        ...


class WorkOf(Protocol):
    """Returns what training a member takes; see `motrain_app.learning.network_work.network_work`."""

    def __call__(self, options: Any, seed: int, *, n_inputs: int, n_outputs: int, slots: int) -> Work:
        """Return it."""
        ...


@dataclass(frozen=True)
class LearnerKind:
    """How a kind of learner is trained, and how its blocks are cut.

    Attributes
    ----------
    options
        A frozen dataclass of hyper-parameters; its constructor raises DesignError on values that make no sense.
    fit
        Trains a block.
    slots
        Members a block may hold at most.
    pads
        True where the members of a block take as many steps as the one with most rows, so that blocks are best cut by
        size.
    fixed
        Hyper-parameters that the kind sets and a design may not.
    candidates
        Returns the settings that a search tries, from the options and the design's seed.
    bytes_of_member
        Returns the memory that a member takes in a worker, besides its rows, with all that is tried for it, until its
        block is written.
    bytes_in_making
        Returns the memory that a member takes besides while it is trained, and gives back before the next one is.
    bytes_of_atom
        Returns the memory that passes through for each atom of the folds while a partition is trained.
    check
        Raises DesignError where options, with the design's seed, do not fit the number of outputs.
    tried
        Describes what a member chooses among, from the options and the design's seed: what sets each choice apart, by
        name, in the order in which `Fitted.trials` judges them. Empty where nothing is chosen.
    searchable
        Hyper-parameters that the option ``search`` may look for; empty where there is no such option.
    work
        Returns what training a member takes, where that is counted in epochs; None where it is not.
    """

    options: type
    fit: Fit
    slots: int
    pads: bool
    fixed: tuple[tuple[str, Any], ...] = ()
    candidates: CandidatesOf = _options_alone
    bytes_of_member: BytesOfMember = _no_bytes
    bytes_in_making: BytesOfMember = _no_bytes
    bytes_of_atom: BytesOfMember = _no_bytes
    check: Check = _no_check
    tried: TriedOf = _nothing_tried
    searchable: tuple[str, ...] = ()
    work: WorkOf | None = None


def _ridge(features: str, *, slots: int) -> LearnerKind:
    return LearnerKind(
        RidgeOptions,
        fit_ridge,
        slots=slots,
        pads=False,
        fixed=(("features", features),),
        bytes_of_member=ridge_bytes,
        bytes_in_making=ridge_making_bytes,
        bytes_of_atom=ridge_atom_bytes,
        tried=RidgeOptions.tried,
    )


LEARNER_KINDS: dict[str, LearnerKind] = {
    "ridge": _ridge("linear", slots=2000),
    "ridge2": _ridge("quadratic", slots=500),
    "network": LearnerKind(
        NetworkOptions,
        fit_network,
        slots=500,
        pads=True,
        candidates=NetworkOptions.candidates,
        bytes_of_member=network_bytes,
        check=check_network,
        tried=NetworkOptions.tried,
        searchable=SEARCHABLE,
        work=network_work,
    ),
    # Members that take seconds together, with three outputs and 2,500 rows.
    "svr": LearnerKind(
        SvrOptions, fit_svr, slots=20, pads=False, bytes_of_member=svr_bytes, bytes_in_making=svr_making_bytes
    ),
    "forest": LearnerKind(
        ForestOptions,
        fit_forest,
        slots=10,
        pads=False,
        bytes_of_member=forest_bytes,
        bytes_in_making=forest_making_bytes,
    ),
    "boosting": LearnerKind(
        BoostingOptions,
        fit_boosting,
        slots=20,
        pads=False,
        bytes_of_member=boosting_bytes,
        bytes_in_making=boosting_making_bytes,
    ),
}


def register_learner(
    kind: str,
    options: type,
    *,
    slots: int = 20,
    pads: bool = False,
    types: Sequence[type] = (),
    candidates: CandidatesOf = _options_alone,
    bytes_of_member: BytesOfMember = _no_bytes,
    bytes_in_making: BytesOfMember = _no_bytes,
    check: Check = _no_check,
    tried: TriedOf = _nothing_tried,
) -> Callable[[Fit], Fit]:
    """Return a decorator that adds a function as a kind of learner, for designs to name.

    It stands in a module of the user's own, which a person names on the command line (``motrain train DESIGN
    --register MODULE``) or in ``motrain_app.train(design, register=[…])``. A design alone never imports anything.

    Parameters
    ----------
    kind
        The name by which designs call it.
    options
        A frozen dataclass of hyper-parameters; its constructor raises DesignError on values that make no sense.
    slots, pads
        As in `LearnerKind`: so many members should take a few seconds.
    types
        Types of scikit-learn, or of the module, that its estimators hold and that are on no list yet: they are saved
        and read back only when named here.
    candidates, bytes_of_member, bytes_in_making, check, tried
        As in `LearnerKind`. With the bytes of a member, kept and in the making, blocks are cut so that they fit a
        worker, and a partition that does not is refused before anything is trained. What `tried` describes is what the
        trials of the function's `Fitted` judge: arrays ``validation_loss``, [partitions, members, tried], and
        ``chosen``, [partitions, members], or each with a last axis of outputs; `Run.trials` shows them.

    Raises
    ------
    DesignError
        Where the kind has a name already, or the options are no frozen dataclass.

    Examples
    --------
    ::

        @dataclass(frozen=True)
        class NeighbourOptions:
            neighbours: int = 10


        @register_learner("neighbours", NeighbourOptions, types=[KNeighborsRegressor])
        def fit_neighbours(block, options):
            return fit_estimators(block, lambda seed: KNeighborsRegressor(options.neighbours, algorithm="brute"))
    """
    if kind in LEARNER_KINDS:
        raise DesignError(f"There is a learner {kind!r} already. Register yours by another name.")
    if not (is_dataclass(options) and isinstance(options, type) and options.__dataclass_params__.frozen):  # type: ignore[attr-defined]
        raise DesignError(f"The options of the learner {kind!r} must be a class with @dataclass(frozen=True).")

    def register(fit: Fit) -> Fit:
        allow_types(types)
        LEARNER_KINDS[kind] = LearnerKind(
            options,
            fit,
            slots=slots,
            pads=pads,
            candidates=candidates,
            bytes_of_member=bytes_of_member,
            bytes_in_making=bytes_in_making,
            check=check,
            tried=tried,
        )
        return fit

    return register


def resolve_learner(learner: Learner) -> tuple[LearnerKind, Any]:
    """Return the kind of a learner and its hyper-parameters.

    Raises
    ------
    DesignError
        Where the kind or a hyper-parameter is unknown, one without default is not given, or a value makes no sense.

    Examples
    --------
    >>> resolve_learner(Learner("network", {"hidden": [8], "epochs": 20}))[1].hidden
    (8,)
    """
    kind = LEARNER_KINDS.get(learner.kind)
    if kind is None:
        raise DesignError(
            f"There is no learner {learner.kind!r}. {did_you_mean(learner.kind, LEARNER_KINDS)} A learner of your own "
            "is known once the module that holds it is named with --register MODULE."
        )
    fixed = dict(kind.fixed)
    known = [field.name for field in fields(kind.options) if field.init and field.name not in fixed]
    unknown = [
        f"The learner {learner.kind!r} has no hyper-parameter {name!r}. {did_you_mean(name, known)}"
        for name in learner.options
        if name not in known
    ]
    absent = [
        f"The learner {learner.kind!r} has no default for the hyper-parameter {field.name!r}. Give it a value."
        for field in fields(kind.options)
        if field.name in known and _has_no_default(field) and field.name not in learner.options
    ]
    if unknown or absent:
        raise DesignError(unknown + absent)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in learner.options.items()}
    return kind, kind.options(**fixed, **values)


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def check_learner(learner: Learner, n_outputs: int, seed: int = 0) -> None:
    """Raise DesignError where a learner cannot train so many outputs, or makes no sense at all.

    Parameters
    ----------
    seed
        Of the design: it decides which candidates a search draws.
    """
    kind, options = resolve_learner(learner)
    kind.check(options, n_outputs, seed)


def default_options(kind: str) -> dict[str, Any]:
    """Return the hyper-parameters of a kind with their defaults."""
    options = LEARNER_KINDS[kind]
    fixed = dict(options.fixed)
    return {
        field.name: field.default
        for field in fields(options.options)
        if field.name not in fixed and field.default is not MISSING
    }
