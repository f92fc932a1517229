"""What a person gives, checked before anything is done by it."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from motrain_app.runs.errors import RunError


def checked_name(name: Any, what: str) -> str:
    """Return a name; RunError where it is no text.

    Examples
    --------
    >>> checked_name(["rmse"], "metric")
    Traceback (most recent call last):
    motrain_app.runs.errors.RunError: metric is ['rmse']: give one name, as text.
    """
    if not isinstance(name, str):
        raise RunError(f"{what} is {name!r}: give one name, as text.")
    return name


def checked_names(names: Any, what: str) -> tuple[str, ...]:
    """Return a name, or several, each once and in their order; RunError where one is no text.

    Examples
    --------
    >>> checked_names("rmse", "metrics"), checked_names(["rmse", "bias", "rmse"], "metrics")
    (('rmse',), ('rmse', 'bias'))
    >>> checked_names([1], "metrics")
    Traceback (most recent call last):
    motrain_app.runs.errors.RunError: metrics is [1]: give a name, or a list of names, as text.
    """
    found = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [names]
    if not all(isinstance(name, str) for name in found):
        raise RunError(f"{what} is {names!r}: give a name, or a list of names, as text.")
    return tuple(dict.fromkeys(found))


def is_whole(number: Any, *, least: int) -> bool:
    """Say whether something is a whole number and no less than another; True and False are none.

    Examples
    --------
    >>> is_whole(2, least=1), is_whole(0, least=1), is_whole("2", least=1), is_whole(True, least=1)
    (True, False, False, False)
    """
    return not isinstance(number, bool) and isinstance(number, Integral) and int(number) >= least
