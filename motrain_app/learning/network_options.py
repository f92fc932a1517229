"""Hyper-parameters of the network, and the candidates of its search."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from motrain_app.design.errors import DesignError
from motrain_app.learning.hyperparameters import each, is_number, one_of, positive, refuse, whole
from motrain_app.learning.search import BUILT_AT_MOST, CANDIDATES_AT_MOST, Range, Rung, Search, rungs, search_from
from motrain_app.operators.features import ACTIVATIONS

SEARCHABLE = ("hidden", "layers", "first_width", "width", "activation", "learning_rate", "batch", "l2")
_WHOLE = frozenset({"layers", "first_width", "width", "batch"})
_ARCHITECTURE = ("layers", "first_width", "width")
_LAYERS_AT_MOST = 64  # named by their number: a slip of the key would be a list that fills the memory
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
        Of Adam; rows a step; passes at most; penalty on squared weights.
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
                each("hidden", self.hidden, whole),
                one_of("activation", self.activation, ACTIVATIONS),
                positive("learning_rate", self.learning_rate),
                *(whole(name, getattr(self, name)) for name in ("batch", "epochs", "patience", "together")),
                positive("l2", self.l2, zero=True),
                each("output_weights", self.output_weights, positive) if self.output_weights else None,
                _number("emphasis", self.emphasis),
                _number("emphasis_power", self.emphasis_power),
                *(_bounds(name, getattr(self, name)) for name in ("low", "high")),
                _crossed(self.low, self.high),
                _two_architectures(self.search),
                _whole_ranges(self.search),
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
        drawn = [_with(own, point, rounded=_ranged(self.search, "batch")) for point in points]
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


def _with(options: NetworkOptions, point: Mapping[str, Any], *, rounded: bool) -> NetworkOptions:
    """Return options with the choices of one candidate."""
    choices = {name: value for name, value in point.items() if name not in _ARCHITECTURE}
    if rounded:
        choices["batch"] = min(_BATCHES, key=lambda batch: abs(batch / choices["batch"] - choices["batch"] / batch))
    if any(name in point for name in _ARCHITECTURE):
        width = point.get("width", options.hidden[-1])
        first = point.get("first_width", point.get("width", options.hidden[0]))
        layers = point.get("layers", len(options.hidden))
        refuse([whole("layers", layers, most=_LAYERS_AT_MOST)])
        choices["hidden"] = (first, *[width] * (layers - 1))
    return replace(options, **choices)


def _ranged(search: Search, name: str) -> bool:
    return isinstance(dict(search.space).get(name), Range)


def _two_architectures(search: Search | None) -> str | None:
    named = {name for name, _ in search.space} if search is not None else set()
    if "hidden" in named and named.intersection(_ARCHITECTURE):
        return "search: hidden says the whole architecture; leave layers, first_width and width out."
    return None


def _number(name: str, value: Any) -> str | None:
    return None if is_number(value) else f"{name} is {value!r}; it must be a number."


def _bounds(name: str, values: Any) -> str | None:
    if not isinstance(values, tuple):
        entry = values if is_number(values) else "null"
        return f"{name} is {values!r}; it must be a list with an entry for each output: [{entry}] for a single one."
    return next((problem for value in values if value is not None and (problem := _number(name, value))), None)


def _whole_ranges(search: Search | None) -> str | None:
    """Say where a range of whole numbers has an end that is none, or none of use."""
    ends = (
        (f"search: an end of {name}", end, _LAYERS_AT_MOST if name == "layers" else 10**9)
        for name, choice in (search.space if search is not None else ())
        if name in _WHOLE and isinstance(choice, Range)
        for end in (choice.low, choice.high)
    )
    return next((problem for name, end, most in ends if (problem := whole(name, _as_whole(end), most=most))), None)


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
