"""The layout: what a design means for a dataset, in labels of cells and times, without reading a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motrain_app.design.errors import DesignError, did_you_mean
from motrain_app.design.partitions import Partitions
from motrain_app.design.periods import label_times
from motrain_app.design.references import other_units
from motrain_app.design.regions import Labels, label_cells, repeated
from motrain_app.design.splits import Folds, make_folds

if TYPE_CHECKING:
    import xarray as xr

    from motrain_app.design.document import Design


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What a design means for a dataset.

    Attributes
    ----------
    partitions
        With the label of each cell and time step.
    folds
        Which rows each member may see.
    """

    partitions: Partitions
    folds: Folds

    @property
    def cells(self) -> Labels:
        """Label of each cell: its region."""
        return self.partitions.cells


def make_layout(design: "Design", dataset: "xr.Dataset") -> Layout:
    """Return the layout of a design on a canonical dataset; as `Design.layout`."""
    time = dataset["time"].values
    reasons = _unusable(design.variables, dataset) + other_units(design.references, dataset)
    parts: dict[str, Any] = {}
    steps: dict[str, Callable[[], Any]] = {
        "cells": lambda: label_cells(design.regions, dataset),
        "times": lambda: label_times(design.periods, time),
        "folds": lambda: make_folds(design.test, design.jackknife, time),
    }
    for name, step in steps.items():
        try:
            parts[name] = step()
        except DesignError as error:
            reasons += error.reasons
    if reasons:
        raise DesignError(reasons)
    partitions = Partitions(parts["cells"], parts["times"])
    if len(partitions.times) > 1:  # names of regions alone are known to differ
        twins = repeated(partitions.names)
        if twins:
            raise DesignError([f"Two partitions are named {twin!r}. Rename a region or a period." for twin in twins])
    return Layout(partitions, parts["folds"])


def _unusable(names: Sequence[str], dataset: "xr.Dataset") -> list[str]:
    """Say which variables are not there, or are no numbers."""
    known = {str(name): dataset[name] for name in (*dataset.data_vars, "lat", "lon")}
    reasons = []
    for name in names:
        if name not in known:
            there = [other for other in known if other not in ("lat", "lon")]
            reasons.append(f"The dataset has no variable {name!r}. {did_you_mean(name, there)}")
        elif known[name].dtype.kind not in "fiub":
            reasons.append(f"The variable {name!r} holds no numbers ({known[name].dtype}). Choose another one.")
    return reasons
