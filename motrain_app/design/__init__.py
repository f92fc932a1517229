"""Designs: where, when and how operators are trained, and what is held out. Nothing here trains."""

from motrain_app.design.differences import changes, differences
from motrain_app.design.document import Design, regions_from
from motrain_app.design.errors import DesignError
from motrain_app.design.filters import Filter
from motrain_app.design.layout import Layout
from motrain_app.design.learner import Learner
from motrain_app.design.partitions import Partitions
from motrain_app.design.periods import Period
from motrain_app.design.random_folds import LeaveRandomOut
from motrain_app.design.regions import (
    Blocks,
    Labels,
    Region,
    box,
    each_cell,
    polygon,
    read_regions,
    region_kind,
    regions_from_geojson,
    regions_to_geojson,
    the_rest,
)
from motrain_app.design.splits import Folds
from motrain_app.design.splitters import Holdout, LeaveBlocksOut, LeaveYearsOut, Split

__all__ = [
    "Blocks",
    "Design",
    "DesignError",
    "Filter",
    "Folds",
    "Holdout",
    "Labels",
    "Layout",
    "Learner",
    "LeaveBlocksOut",
    "LeaveRandomOut",
    "LeaveYearsOut",
    "Partitions",
    "Period",
    "Region",
    "Split",
    "box",
    "changes",
    "differences",
    "each_cell",
    "polygon",
    "read_regions",
    "region_kind",
    "regions_from",
    "regions_from_geojson",
    "regions_to_geojson",
    "the_rest",
]
