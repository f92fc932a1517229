"""Metrics by name; of a user's own each is tried once before it is relied upon: no test is sealed a second time."""

import inspect
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from motrain_app.runs.errors import RunError
from motrain_app.skill import Metric, get_metric, moments, rmse

_OUR_MODULE = rmse.__module__
_SHAPE = (2, 3)  # of predictions and cells, as a metric meets them


def check_metrics(names: Iterable[str]) -> None:
    """Raise RunError where a metric is unknown, or fails: a person's own is known once its module is imported."""
    for name in names:
        try:
            found = get_metric(name)
        except ValueError as error:
            raise RunError(
                f"{str(error)[0].upper()}{str(error)[1:]}. One of your own is known once the module that defines it is "
                "imported: name it with --register MODULE."
            ) from None
        _check_works(found)


def _check_works(metric: Metric) -> None:
    """Raise RunError where a metric that is not the package's fails on small moments, or returns another shape."""
    if metric.function.__module__ == _OUR_MODULE:
        return
    random = np.random.default_rng(0)
    observed, error, other = random.normal(size=(3, *_SHAPE, 20))
    sums = moments(observed, observed + error, baseline=other if metric.needs_baseline else None)
    wanted = _SHAPE[:1] if metric.of == "days" else _SHAPE
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(metric.function(sums), np.float64)
    except Exception as error:
        raise RunError(
            f"The metric {metric.name} of {_source(metric)} fails: {type(error).__name__}: {error}. Mend it, or leave "
            "it out; nothing was computed."
        ) from error
    if found.shape != wanted:
        raise RunError(
            f"The metric {metric.name} of {_source(metric)} returns shape {found.shape} for moments of shape {_SHAPE}, "
            f"not {wanted}. Mend it, or leave it out; nothing was computed."
        )


def _source(metric: Metric) -> str:
    """Return the name of the file that defines a metric, or of its module."""
    try:
        return Path(inspect.getfile(metric.function)).name
    except TypeError:  # of what is no function of Python's
        return metric.function.__module__
