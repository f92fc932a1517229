"""Checks that hyper-parameters of several learners share; each collects a sentence where a value makes no sense."""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from motrain_app.design.errors import DesignError

_SINGLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def refuse(problems: Iterable[str | None]) -> None:
    """Raise a DesignError with every problem found."""
    found = [problem for problem in problems if problem]
    if found:
        raise DesignError(found)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that a float can hold; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def whole(name: str, value: Any, least: int = 1, most: int = 10**9) -> str | None:
    """Say what is wrong where a value is no whole number of at least `least`, or one beyond all use."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        return f"{name} is {value!r}; it must be a whole number from {least} on."
    return None if value <= most else f"{name} is {value!r:.40}; {most:,} is the most."


def positive(name: str, value: Any, *, zero: bool = False) -> str | None:
    """Say what is wrong where a value is no finite number above zero (or zero, where that is allowed)."""
    fine = is_number(value) and (value > 0 or (zero and value == 0))
    return None if fine else f"{name} is {value!r}; it must be {'zero or ' if zero else ''}a number above zero."


def single(name: str, value: Any, *, zero: bool = False) -> str | None:
    """Say what is wrong where a value is no number above zero (or zero) that float32 holds with all its digits."""
    problem = positive(name, value, zero=zero)
    if problem or value == 0 or _SINGLE[0] <= value <= _SINGLE[1]:
        return problem
    least, most = _SINGLE
    return f"{name} is {value!r:.40}; networks compute in float32, which holds {least:.1e} to {most:.1e}."


def share(name: str, value: Any) -> str | None:
    """Say what is wrong where a value is no share above 0 and up to 1."""
    fine = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
    return None if fine else f"{name} is {value!r}; it must be a share above 0 and up to 1."


def one_of(name: str, value: Any, known: Iterable[str]) -> str | None:
    """Say what is wrong where a value is none of the known names."""
    return (
        None
        if isinstance(value, str) and value in known
        else f"{name} is {value!r}; it must be one of {', '.join(known)}."
    )


def each(name: str, values: Any, check: Any) -> str | None:
    """Say what is wrong with the first of several values, or that there is none."""
    if not isinstance(values, tuple) or not values:
        return f"{name} is {values!r}; it must be a list with at least one entry."
    return next((problem for value in values if (problem := check(name, value))), None)
