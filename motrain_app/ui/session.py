"""What one browser tab knows: the design with its undo, the page, the selection, the extent, the run that is shown."""

from collections.abc import Callable
from typing import Any

import param
import xarray as xr

from motrain_app.data import DataError
from motrain_app.design import Design, DesignError, Layout
from motrain_app.design.history import DesignHistory
from motrain_app.runs import Run

PAGES = ("data", "partitions", "validation", "training", "skill", "operators")


class Session(param.Parameterized):
    """State of one session. Pages read it and watch it; only its methods change the design.

    Parameters
    ----------
    history
        Of the design that is worked on.
    open_dataset
        Returns the canonical dataset of a design; shared by all sessions.
    """

    page = param.Selector(default="partitions", objects=list(PAGES), doc="The page that is shown.")
    design = param.ClassSelector(class_=Design, doc="The design as it is now.")
    dataset = param.ClassSelector(
        class_=xr.Dataset, doc="The design's data, canonical; None while they cannot be read."
    )
    layout = param.ClassSelector(class_=Layout, doc="What the design means for the data; None while it is invalid.")
    reasons = param.List(default=[], item_type=str, doc="Why there is no layout, in sentences.")
    run = param.ClassSelector(class_=Run, doc="The run whose results are shown.")
    partition = param.String(default="", doc="Name of the selected partition; empty for none.")
    cell = param.Integer(default=None, allow_None=True, doc="Number of the selected cell.")
    output = param.String(default="", doc="The output that scores and maps show.")
    extent = param.Parameter(default=None, doc="West, east, south, north of the map in degrees; None for all cells.")
    dark = param.Boolean(default=False, doc="Whether the screen is dark.")
    notice = param.Parameter(
        default=None, doc="The last thing to tell, as (kind, sentence); a kind 'deleted' can be taken back."
    )

    def __init__(self, history: DesignHistory, open_dataset: Callable[[Design], xr.Dataset], **params: Any) -> None:
        super().__init__(**params)
        self._history = history
        self._open_dataset = open_dataset
        self._take(history.design)

    @property
    def can_undo(self) -> str:
        """The gesture that undo takes back, in words; empty where there is none."""
        return self._history.can_undo

    @property
    def can_redo(self) -> str:
        """The gesture that redo brings again, in words; empty where there is none."""
        return self._history.can_redo

    def change(self, gesture: str, **choices: Any) -> bool:
        """Change choices of the design; what makes no sense is told and changes nothing.

        Parameters
        ----------
        gesture
            In words, for undo: "Drew the region alps".
        choices
            As `Design.change` takes them.

        Returns
        -------
        bool
            Whether the design was changed.
        """
        try:
            design = self.design.change(**choices)
        except DesignError as error:
            self.notice = ("error", " ".join(error.reasons))
            return False
        self.replace(gesture, design)
        return True

    def replace(self, gesture: str, design: Design) -> None:
        """Put another design in the place of this one, as one gesture."""
        self._history.push(design, gesture)
        self._take(design)
        if gesture.startswith("Deleted"):
            self.notice = ("deleted", f"{gesture}.")

    def undo(self) -> None:
        """Take the last gesture back."""
        if gesture := self._history.undo():
            self._take(self._history.design)
            self.notice = ("info", f"Undone: {gesture}.")

    def redo(self) -> None:
        """Bring the gesture again that was taken back last."""
        if gesture := self._history.redo():
            self._take(self._history.design)
            self.notice = ("info", f"Done again: {gesture}.")

    @property
    def unit(self) -> str:
        """Unit of the chosen output; empty where it has none."""
        if self.dataset is None or self.output not in self.dataset:
            return ""
        return str(self.dataset[self.output].attrs.get("units", ""))

    def partition_at(self, cell: int) -> str:
        """Return the first partition of a cell in the design as it is now; empty where it lies in none."""
        return _partition_at(self.layout, cell)

    @param.depends("cell", watch=True)
    def _choose_the_partition_of_the_cell(self) -> None:
        if self.cell is not None:
            self.partition = self.partition_at(self.cell)

    def _take(self, design: Design) -> None:
        """Make a design the present one, with all that follows from it, as one event."""
        dataset, layout, reasons = self.dataset, None, []
        follows = self.cell is not None and self.partition == self.partition_at(self.cell)
        try:
            if dataset is None or self.design is None or _source(design) != _source(self.design):
                dataset, follows = self._open_dataset(design), False
            layout = design.layout(dataset)
        except DataError as error:
            dataset, reasons = None, [problem.sentence for problem in error.problems]
        except DesignError as error:
            reasons = list(error.reasons)
        output = self.output if self.output in design.outputs else design.outputs[0]
        names = () if layout is None else layout.partitions.names
        partition = self.partition if self.partition in names else ""
        if follows:  # the partition was chosen by a click on the cell, which may lie in another now
            partition = _partition_at(layout, self.cell)
        self.param.update(
            design=design, dataset=dataset, layout=layout, reasons=reasons, output=output, partition=partition
        )


def _partition_at(layout: Layout | None, cell: int) -> str:
    if layout is None:
        return ""
    region = int(layout.cells.label[cell])
    return layout.partitions.names[region * len(layout.partitions.times)] if region >= 0 else ""


def _source(design: Design) -> tuple[Any, ...]:
    """Return what decides the dataset."""
    return design.data, [dict(remedy) for remedy in design.remedies]
