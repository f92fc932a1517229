"""The map of a session with its drawing layer: one for all pages, so that extent and selection stay."""

import itertools
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from motrain_app.ui.bind import keep_equal
from motrain_app.ui.drawing.converters import colours_of, regions_with_shapes, shapes_from_regions
from motrain_app.ui.drawing.layer import DrawingLayer
from motrain_app.ui.drawing.naming import COLOURS
from motrain_app.ui.escape import safe_text
from motrain_app.ui.map.view import MapView
from motrain_app.ui.session import Session

TOOLS = {"Select": "edit", "Polygon": "polygon", "Box": "box", "Move": "pan"}


class Stage:
    """Map, drawing and their two-way binding to a session that has a dataset.

    Parameters
    ----------
    session
        Whose regions are drawn and whose selection is followed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.map = MapView(session.dataset["lat"].values, session.dataset["lon"].values, dark=session.dark)
        self.drawing = DrawingLayer(self.map.figure, keys="sketch")  # the other keys are the page's
        self.tools = pmui.RadioButtonGroup(
            options=TOOLS, value="pan", size="small", margin=(4, 8), css_classes=["mt-tools"]
        )
        bar = pn.Row(sizing_mode="stretch_width", margin=(6, 0, 0, 0), height=50, css_classes=["mt-toolbar"])
        # One for all pages: what stays in its place, the browser does not draw anew.
        self._view = pn.Column(bar, self.map, sizing_mode="stretch_both", margin=0)
        self._shown: Any = self.map
        keep_equal(self.tools, "value", self.drawing, "mode")
        self.drawing.set_shapes(shapes_from_regions(session.design.regions))
        self.drawing.param.watch(self._committed, "commit")
        session.param.watch(self._design_changed, "design")
        session.param.watch(self._page_changed, "page")
        for name in ("dark", "cell", "extent"):
            keep_equal(session, name, self.map, name)

    def colours(self) -> list[str]:
        """Return the colours of the design's regions on the map, by their place; rules take what is left over."""
        of_regions = list(self.region_colours().values())
        names = self._session.layout.cells.names
        return of_regions if len(of_regions) == len(names) else [COLOURS[n % len(COLOURS)] for n in range(len(names))]

    def region_colours(self) -> dict[str, str]:
        """Return the colour of each region of the design, by its id."""
        shapes = self.drawing.shapes
        drawn = dict(zip((shape.id for shape in shapes), colours_of(shapes), strict=True))
        rules = itertools.cycle([colour for colour in COLOURS if colour not in drawn.values()] or COLOURS)
        return {region.id: drawn.get(region.id) or next(rules) for region in self._session.design.regions or ()}

    def show_nothing(self, why: str) -> None:
        """Show the cells without a value, and why they have none."""
        self.map.show_classes(np.full(len(self.map.locator), -1), [], label=why)

    def view(self, *tools: Any) -> pn.Column:
        """Return the map under a row of tools, those of the page that is shown now."""
        self._view[0].objects = list(tools)
        self.put(self.map)
        return self._view

    def put(self, shown: pn.viewable.Viewable) -> None:
        """Put something in the map's place, or the map back."""
        if self._shown is not shown:
            self._view[1] = self._shown = shown

    def _committed(self, event: Any) -> None:
        """Make what was drawn the design's regions, as one gesture."""
        commit, shapes = event.new, self.drawing.shapes
        names = {shape.id: shape.name for shape in shapes}
        before = {region.id: region.name for region in self._session.design.regions or ()}
        if commit.removed:
            gesture = f"Deleted {', '.join(before.get(id_, id_) for id_ in commit.removed)}"
        elif commit.added:
            gesture = f"Drew {', '.join(names[id_] for id_ in commit.added)}"
        else:
            gesture = f"Reshaped {', '.join(names[id_] for id_ in commit.changed)}"
        regions = regions_with_shapes(self._session.design.regions, shapes)
        self._session.change(safe_text(gesture), regions=regions or None)

    def _page_changed(self, event: Any) -> None:
        """Regions are drawn on their own page; on the others the map is for looking."""
        if event.new != "partitions":
            self.drawing.mode = "pan"

    def _design_changed(self, event: Any) -> None:
        """Show regions that did not come from the mouse: undo, deletion from the list, an import."""
        shapes = shapes_from_regions(event.new.regions)
        if shapes != self.drawing.shapes:
            self.drawing.set_shapes(shapes)
