"""The choices of a design in few words, as plain text: whoever shows it makes names safe for where they are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from motrain_app.design.periods import Period
from motrain_app.design.random_folds import LeaveRandomOut
from motrain_app.design.regions import Region
from motrain_app.design.splitters import Jackknife, LeaveBlocksOut, LeaveYearsOut, Split


def regions_words(regions: Sequence[Region] | None) -> str:
    """Say what the regions are.

    Examples
    --------
    >>> from motrain_app.design import Blocks, box, the_rest
    >>> regions_words(None), regions_words([Blocks(2.5)]), regions_words([box("Alps", 5, 44, 10, 48), the_rest()])
    ('one operator everywhere', 'blocks of 2.5°', '2 regions')
    """
    if regions is None:
        return "one operator everywhere"
    if len(regions) > 1:
        return f"{len(regions)} regions"
    only = regions[0]
    words = {"cells": "one partition a cell", "blocks": f"blocks of {only.options.get('size', 0):g}°"}
    return words.get(only.kind, only.name)


def periods_words(periods: Sequence[Period] | None) -> str:
    """Say what the periods are."""
    if periods is None:
        return "all time"
    return periods[0].name if len(periods) == 1 else f"{len(periods)} periods"


def period_words(period: Period) -> str:
    """Say which times a period has.

    Examples
    --------
    >>> period_words(Period("winter", months=(12, 1, 2)))
    'months 12, 1, 2'
    >>> period_words(Period("early", intervals=[("2007-01-01", "2010-01-01")]))
    '2007-01-01 to 2010-01-01'
    """
    if period.months:
        return f"months {text_of(period.months)}"
    return ", ".join(f"{start} to {end}" for start, end in period.intervals)


def split_words(test: Split | None) -> str:
    """Say which rows are test rows."""
    return "none" if test is None else f"from {test.date}{_embargo(test.embargo)}"


def jackknife_words(jackknife: Jackknife | None) -> str:
    """Say what is left out.

    Examples
    --------
    >>> jackknife_words(LeaveYearsOut(years=3, first_month=10, embargo=45))
    'leave 3 years out that begin in month 10, 45 days embargo'
    """
    match jackknife:
        case None:
            return "nothing left out"
        case LeaveYearsOut(years=years, first_month=month):
            words = "leave one year out" if years == 1 else f"leave {years} years out"
            words += f" that begin{'s' if years == 1 else ''} in month {month}" if month != 1 else ""
        case LeaveBlocksOut(days=days):
            words = f"leave blocks of {days} days out"
        case LeaveRandomOut(folds=folds):
            words = f"{folds} random folds of days"
        case other:
            words = f"jackknife by {other.to_json()['kind']}"
    return words + _embargo(jackknife.embargo)


def _embargo(days: float) -> str:
    return f", {days:g} days embargo" if days else ""


def text_of(value: Any) -> str:
    """Return a value, or several, as text.

    Examples
    --------
    >>> text_of((16, 16)), text_of(1e-05), text_of(None), text_of((0.0, None)), text_of("tanh"), text_of(())
    ('16, 16', '1e-05', 'none', '0, none', 'tanh', 'none')
    >>> text_of({"low": 4, "high": 64})
    'low 4, high 64'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text_of(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value)) or "none"
    if value is None:
        return "none"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
