"""The search for hyper-parameters: which candidates are tried, and how many epochs each is given.

One list of candidates serves every member of every partition. What each of them is judged on is no matter of the
search but of the folds: a member's choice is judged on validation rows, which are neither held out nor test rows.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motrain_app.design.errors import DesignError, did_you_mean
from motrain_app.learning.hyperparameters import is_number, positive, refuse, whole

CANDIDATES_AT_MOST = 512
BUILT_AT_MOST = 4096  # before equal ones are told: 50 ms. Of more, not even a list is made


@dataclass(frozen=True, slots=True)
class Range:
    """Values between two ends, both included.

    Attributes
    ----------
    low, high
        The ends.
    log
        Whether equal ratios are equally likely rather than equal differences.
    """

    low: float
    high: float
    log: bool = False

    def at(self, share: float, *, is_whole: bool) -> float | int:
        """Return the value at a share, from 0 to 1, of the way.

        Examples
        --------
        >>> Range(1, 100, log=True).at(0.5, is_whole=True)
        7
        >>> Range(0.01, 0.01, log=True).at(0.3, is_whole=False)
        0.01
        """
        if is_whole:  # each whole number gets an equal part, also those at the ends
            low, high = (math.log(end) if self.log else end for end in (self.low - 0.5, self.high + 0.5))
            value = low + share * (high - low)
            return min(max(round(math.exp(value) if self.log else value), int(self.low)), int(self.high))
        low, high = (math.log(end) if self.log else end for end in (self.low, self.high))
        value = low + share * (high - low)
        return float(min(max(math.exp(value) if self.log else value, self.low), self.high))


Choice = tuple[Any, ...] | Range


@dataclass(frozen=True)
class Search:
    """Which candidates are tried.

    Attributes
    ----------
    space
        Values to choose from, by hyper-parameter: a list, or a range.
    candidates
        How many are drawn (scrambled Sobol' points, of which the learner's own settings take the place of the first);
        0 for every combination of the lists.
    halving
        One in so many is kept after each rung of successive halving; 0 trains every candidate to its end.

    References
    ----------
    Sobol' (1967), USSR Comput. Math. Math. Phys. 7, 86-112. Jamieson & Talwalkar (2016), AISTATS: Non-stochastic best
    arm identification and hyperparameter optimization.
    """

    space: tuple[tuple[str, Choice], ...]
    candidates: int = 0
    halving: int = 0

    def __post_init__(self) -> None:
        refuse(
            [
                None if self.space else "search has no space; name at least one hyper-parameter with its values.",
                whole("candidates", self.candidates, 0),
                whole("halving", self.halving, 0),
                "halving is 1, which drops nothing; 3 keeps one in three, 0 trains all." if self.halving == 1 else None,
                *(self._problem(name, choice) for name, choice in self.space),
            ]
        )

    def _problem(self, name: str, choice: Choice) -> str | None:
        if not isinstance(choice, Range):
            return None if choice else f"search: {name} has no value to choose from."
        if not self.candidates:
            return f"search: {name} is a range, which has no end of values. Say how many candidates to draw."
        if not (is_number(choice.low) and is_number(choice.high)):
            return (
                f"search: {name} goes from {choice.low!r:.40} to {choice.high!r:.40}; both ends must be finite numbers."
            )
        if not choice.low <= choice.high:
            return f"search: {name} goes from {choice.low:g} to {choice.high:g}; low comes first."
        return positive(f"search: the low end of {name}", choice.low) if choice.log else None

    @property
    def size(self) -> int:
        """How many candidates there are at most: so many are drawn, or combinations of the lists' different values."""
        return self.candidates or math.prod(map(len, self._lists()))

    def _lists(self) -> list[tuple[Any, ...]]:
        """Return the different values of each list of a grid; a drawn one may name a value twice to draw it more often.

        Values differ where they are written differently, as 1 and true do, so that what is wrong with any is heard.
        """
        lists = (choice for _, choice in self.space if not isinstance(choice, Range))
        return [tuple({repr(value): value for value in choice}.values()) for choice in lists]

    def points(self, seed: int, whole_numbers: frozenset[str]) -> list[dict[str, Any]]:
        """Return the choices of each candidate, by name; of a draw from short lists, equal ones as often as drawn.

        Parameters
        ----------
        seed
            Of the design; with the space it decides the draw.
        whole_numbers
            Hyper-parameters that are whole numbers.
        """
        if not self.candidates:
            names = [name for name, _ in self.space]
            return [dict(zip(names, values, strict=True)) for values in itertools.product(*self._lists())]
        from scipy.stats import qmc  # half a second, of which a worker with one candidate needs nothing

        sampler = qmc.Sobol(len(self.space), rng=np.random.default_rng(seed))
        shares = sampler.random_base2(max(1, math.ceil(math.log2(self.candidates))))[: self.candidates]
        return [
            {
                name: _value(choice, share, name in whole_numbers)
                for (name, choice), share in zip(self.space, point.tolist(), strict=True)
            }
            for point in shares
        ]


def _value(choice: Choice, share: float, is_whole: bool) -> Any:
    if isinstance(choice, Range):
        return choice.at(share, is_whole=is_whole)
    return choice[min(int(share * len(choice)), len(choice) - 1)]


def search_from(value: Any, searchable: Sequence[str]) -> Search | None:
    """Return a search from what a design says of it.

    Parameters
    ----------
    value
        ``{"space": {name: [values] or {"low": …, "high": …, "log": …}}, "candidates": …, "halving": …}``, or None.
    searchable
        The hyper-parameters that may be searched.

    Raises
    ------
    DesignError
        Where it makes no sense.
    """
    if value is None or isinstance(value, Search):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("space"), Mapping):
        raise DesignError(f"search is {value!r:.100}; it needs a space: {{'space': {{'l2': [0.0, 1e-5]}}}}.")
    unknown = [
        *(f"search has no {name!r}." for name in value if name not in ("space", "candidates", "halving")),
        *(
            f"{name!r} cannot be searched. {did_you_mean(name, searchable)}"
            for name in value["space"]
            if name not in searchable
        ),
    ]
    if unknown:
        raise DesignError(unknown)
    space = tuple((name, _choice(name, choice)) for name, choice in value["space"].items())
    return Search(space, value.get("candidates", 0), value.get("halving", 0))


def _choice(name: str, value: Any) -> Choice:
    if isinstance(value, Mapping):
        numbers = [value.get("low"), value.get("high")]
        fine = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
        if not fine or set(value) - {"low", "high", "log"} or not isinstance(value.get("log", False), bool):
            raise DesignError(
                f"search: the range of {name} is {dict(value)!r:.100}; it needs low and high, and log true or false."
            )
        return Range(value["low"], value["high"], value.get("log", False))
    if not isinstance(value, list | tuple):
        raise DesignError(f"search: {name} is {value!r:.100}; it must be a list of values, or a range.")
    return tuple(tuple(one) if isinstance(one, list) else one for one in value)


@dataclass(frozen=True, slots=True)
class Rung:
    """A stretch of a search: the candidates that take part are trained until they have had so many epochs."""

    candidates: int
    epochs: int


def rungs(candidates: int, epochs: int, halving: int, keep: int = 1) -> tuple[Rung, ...]:
    """Return the rungs of a search, the last of which trains to the end.

    Parameters
    ----------
    candidates
        At the start.
    epochs
        At most, of those that come to the end.
    halving
        One in so many goes on; 0: all do.
    keep
        So many come to the end.

    Examples
    --------
    >>> [(rung.candidates, rung.epochs) for rung in rungs(12, 90, 3)]
    [(12, 4), (4, 10), (2, 30), (1, 90)]
    """
    if not halving or candidates <= keep:
        return (Rung(candidates, epochs),)
    counts = [candidates]
    while counts[-1] > keep:
        counts.append(max(keep, math.ceil(counts[-1] / halving)))
    until = [max(1, math.ceil(epochs / halving ** (len(counts) - 1 - number))) for number in range(len(counts))]
    return tuple(Rung(count, end) for count, end in zip(counts, until, strict=True))


def stretches(ladder: Sequence[Rung]) -> list[tuple[int, int]]:
    """Return how many candidates take part in each stretch of epochs, and how long it is, if none stops early.

    Examples
    --------
    >>> stretches(rungs(12, 90, 3))
    [(12, 4), (4, 6), (2, 20), (1, 60)]
    """
    begins = [0, *(rung.epochs for rung in ladder)]
    return [(rung.candidates, rung.epochs - begin) for rung, begin in zip(ladder, begins, strict=False)]
