"""Hyper-parameters of the network, and the candidates of its search."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError
from motrain_app.learning.hyperparameters import each, is_number, one_of, refuse, single, whole
from motrain_app.learning.search import (
    BUILT_AT_MOST,
    CANDIDATES_AT_MOST,
    Choice,
    Range,
    Rung,
    Search,
    rungs,
    search_from,
)
from motrain_app.operators.features import ACTIVATIONS

SEARCHABLE = ("hidden", "layers", "first_width", "width", "activation", "learning_rate", "batch", "l2")
_WHOLE = frozenset({"layers", "first_width", "width", "batch"})
_ARCHITECTURE = ("layers", "first_width", "width")
_LAYERS_AT_MOST = 64  # named by their number: a slip of the key would be a list that fills the memory
BATCH_AT_MOST = 8192  # rows of a call of a program, of which a step is a part; memory is taken for all of them
_PENALTY_AT_MOST = 1_000_000  # which leaves no weight above zero; of far more, squares overflow, and no weight moves
_BATCHES = (16, 64, 256, 1024)  # what a range of batches is rounded to: every batch is a program of its own


@dataclass(frozen=True)
class NetworkOptions:
    """Hyper-parameters of the network.

    Attributes
    ----------
    hidden
        Widths of the hidden layers.
    activation
        "tanh" or "relu".
    learning_rate, batch, epochs, l2
        Of Adam; rows a step, 8192 at most; passes at most; penalty on squared weights, 1,000,000 at most.
    patience
        Epochs without a lower validation loss after which a slot stops; its best weights are kept.
    output_weights
        What the mean squared error of each output counts in the loss; () for all the same.
    emphasis, emphasis_power
        b and c of the loss Σ exp(b y^c) (ŷ − y)², y in the output's unit: with b > 0 large observations count more.
    low, high
        Bounds that each output keeps to, in its unit, by its last layer; None for none, () for none at all.
    search
        Which candidates are tried; None: these settings alone.
    together
        How many of the best candidates of a search make a member together, by their mean.
    """

    hidden: tuple[int, ...] = (16, 16)
    activation: str = field(default="tanh", metadata={"choices": tuple(ACTIVATIONS)})
    learning_rate: float = 0.005
    batch: int = 128
    epochs: int = 150
    patience: int = 25
    l2: float = 1e-5
    output_weights: tuple[float, ...] = ()
    emphasis: float = 0.0
    emphasis_power: float = 1.0
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    search: Search | None = None
    together: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", search_from(self.search, SEARCHABLE))
        refuse(
            [
                *(check(name, getattr(self, name)) for name, check in _CHECKS.items() if hasattr(self, name)),
                *(whole(name, getattr(self, name)) for name in ("epochs", "patience", "together")),
                each("output_weights", self.output_weights, single) if self.output_weights else None,
                _number("emphasis", self.emphasis),
                _number("emphasis_power", self.emphasis_power),
                *(_bounds(name, getattr(self, name)) for name in ("low", "high")),
                _crossed(self.low, self.high),
                _two_architectures(self.search),
                *(_of_choice(name, choice) for name, choice in _space(self.search)),
            ]
        )
        if self.search is not None or self.together > 1:
            n = len(self.candidates(seed=0))  # which refuses settings that cannot be
            drawn = 0 if self.search is None else self.search.candidates  # how many differ depends on the design's seed
            self.check_together(drawn or n)

    def check_together(self, n: int) -> None:
        """Raise DesignError where more candidates are to make a member than there are."""
        if self.together > n:
            raise DesignError(
                f"together is {self.together}; the search has {n} different candidates. Let it have more, or take "
                "fewer together."
            )

    def candidates(self, seed: int) -> tuple["NetworkOptions", ...]:
        """Return the settings that are tried, without a search of their own; equal ones once.

        Parameters
        ----------
        seed
            Of the design.
        """
        own = replace(self, search=None, together=1)
        if self.search is None:
            return (own,)
        if self.search.size > BUILT_AT_MOST:
            raise DesignError(
                f"The search has {self.search.size:,} candidates; {CANDIDATES_AT_MOST} are the most. Draw fewer, or "
                "shorten its lists."
            )
        points = self.search.points(seed, _WHOLE)
        batches = _batches(dict(self.search.space).get("batch"))
        drawn = [_with(own, point, batches) for point in points]
        if self.search.candidates:
            drawn[0] = own
        found = tuple(dict.fromkeys(drawn))
        if len(found) > CANDIDATES_AT_MOST:
            raise DesignError(
                f"The search has {len(found):,} candidates; {CANDIDATES_AT_MOST} are the most. Draw fewer, or shorten "
                "its lists."
            )
        return found

    def tried(self, seed: int) -> tuple[dict[str, Any], ...]:
        """Say what sets each candidate apart from the others: the hyper-parameters in which not all are equal.

        Parameters
        ----------
        seed
            Of the design.
        """
        candidates = self.candidates(seed)
        names = [one.name for one in fields(self) if len({getattr(each, one.name) for each in candidates}) > 1]
        return tuple({name: getattr(one, name) for name in names} for one in candidates)

    @property
    def bounded(self) -> bool:
        """Whether an output has a bound, which needs programs of its own, whatever a block holds of that output."""
        return any(bound is not None for bound in (*self.low, *self.high))

    def ends(self, n_outputs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and highest value of each output, infinite where there is no bound."""
        low, high = (
            np.array([none if bound is None else bound for bound in given or [None] * n_outputs], np.float64)
            for given, none in ((self.low, -np.inf), (self.high, np.inf))
        )
        return low, high

    def check(self, n_outputs: int) -> None:
        """Raise DesignError where the settings name more or fewer outputs than there are."""
        refuse(
            f"{name} has {len(values)} entries; there are {n_outputs} outputs. Give one for each."
            for name in ("output_weights", "low", "high")
            if (values := getattr(self, name)) and len(values) != n_outputs
        )

    def ladder(self, candidates: int) -> tuple[Rung, ...]:
        """Return the rungs of a search among so many candidates."""
        return rungs(candidates, self.epochs, 0 if self.search is None else self.search.halving, self.together)


def _with(options: NetworkOptions, point: Mapping[str, Any], batches: Sequence[int]) -> NetworkOptions:
    """Return options with the choices of one candidate, its batch rounded to one of some, if there are any."""
    choices = {name: value for name, value in point.items() if name not in _ARCHITECTURE}
    if batches:
        choices["batch"] = min(batches, key=lambda batch: abs(batch / choices["batch"] - choices["batch"] / batch))
    if any(name in point for name in _ARCHITECTURE):
        width = point.get("width", options.hidden[-1])
        first = point.get("first_width", point.get("width", options.hidden[0]))
        choices["hidden"] = (first, *[width] * (point.get("layers", len(options.hidden)) - 1))
    return replace(options, **choices)


def _batches(choice: Choice | None) -> tuple[int, ...]:
    """Return the batches that a range is rounded to: a few if they lie within it, else powers of two; () of a list.

    Examples
    --------
    >>> _batches(Range(10, 300)), _batches(Range(20, 40)), _batches(Range(33, 63)), _batches((33, 63))
    ((16, 64, 256), (32,), (), ())
    """
    if not isinstance(choice, Range):
        return ()
    powers = (2**power for power in range(BATCH_AT_MOST.bit_length()))
    few, all_of_them = (tuple(one for one in some if choice.low <= one <= choice.high) for some in (_BATCHES, powers))
    return few or all_of_them


def _space(search: Search | None) -> tuple[tuple[str, Choice], ...]:
    return () if search is None else search.space


def _two_architectures(search: Search | None) -> str | None:
    named = {name for name, _ in _space(search)}
    if "hidden" in named and named.intersection(_ARCHITECTURE):
        return "search: hidden says the whole architecture; leave layers, first_width and width out."
    return None


def _number(name: str, value: Any) -> str | None:
    return None if is_number(value) else f"{name} is {value!r}; it must be a number."


def _penalty(name: str, value: Any) -> str | None:
    if is_number(value) and value > _PENALTY_AT_MOST:
        return f"{name} is {value!r:.40}; {_PENALTY_AT_MOST:,} is the most."
    return single(name, value, zero=True)


def _bounds(name: str, values: Any) -> str | None:
    if not isinstance(values, tuple):
        entry = values if is_number(values) else "null"
        return f"{name} is {values!r}; it must be a list with an entry for each output: [{entry}] for a single one."
    return next((problem for value in values if value is not None and (problem := _number(name, value))), None)


def _of_choice(name: str, choice: Choice) -> str | None:
    """Say what is wrong with a value of a list, whether or not it is drawn, or with an end of a range."""
    if not isinstance(choice, Range):
        return _first_problem(name, f"search: {name}", choice)
    ends = [_as_whole(end) if name in _WHOLE else end for end in (choice.low, choice.high)]
    problem = _first_problem(name, f"search: an end of {name}", ends)
    if problem or name != "batch" or _batches(choice):
        return problem
    return (
        f"search: batch goes from {choice.low:g} to {choice.high:g}; batches that are drawn are powers of two, and "
        f"none lies between. Widen the range, or give a list: [{ends[0]}, {ends[1]}]."
    )


def _first_problem(name: str, words: str, values: Sequence[Any]) -> str | None:
    return next((problem for value in values if (problem := _CHECKS[name](words, value))), None)


def _as_whole(end: float) -> float:
    """Return an end such as 64.0, as JSON may write it, as the whole number that it is."""
    return int(end) if float(end).is_integer() else end


def _crossed(low: Any, high: Any) -> str | None:
    if _bounds("low", low) or _bounds("high", high):
        return None  # which is said by itself
    for number, (below, above) in enumerate(zip(low, high, strict=False)):
        if below is not None and above is not None and not below < above:
            return f"low and high of output {number} are {below} and {above}; low must be below high."
    return None


_CHECKS: Mapping[str, Callable[[str, Any], str | None]] = {
    "hidden": lambda name, value: each(name, value, whole),
    "layers": lambda name, value: whole(name, value, most=_LAYERS_AT_MOST),
    "first_width": whole,
    "width": whole,
    "activation": lambda name, value: one_of(name, value, ACTIVATIONS),
    "learning_rate": single,
    "batch": lambda name, value: whole(name, value, most=BATCH_AT_MOST),
    "l2": _penalty,
}
