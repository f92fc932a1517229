"""The list of regions beside the map: name, colour, what each holds and gains, and how it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from motrain_app.design import Region
from motrain_app.ui.escape import safe_text
from motrain_app.ui.ready import put_value
from motrain_app.ui.session import Session

LISTED_AT_MOST = 30
_RULES = {"cells": "one partition a cell", "blocks": "blocks", "rest": "what no other region takes"}
_MANY = ("cells", "blocks")  # partitions of many colours
_SWATCH = """
input { padding: 0 !important; border: 0 !important; border-radius: 4px !important; width: 22px; height: 22px; }
input:disabled { opacity: 1; }
input::-webkit-color-swatch-wrapper { padding: 0; }
input::-webkit-color-swatch { border: 0; border-radius: 4px; }
input::-moz-color-swatch { border: 0; border-radius: 4px; }
"""


class RegionList:
    """Rows that stay while their regions do, so that a gesture rebuilds nothing but what it changed.

    Parameters
    ----------
    session
        Whose regions are listed, renamed, recoloured and deleted.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, _Row] = {}
        self._empty = pmui.Typography(
            "One operator everywhere. Press P to draw.", variant="body2", margin=(4, 12), css_classes=["mt-empty"]
        )
        self._more = pmui.Typography("", variant="caption", margin=(4, 12))
        self.view = pn.Column(sizing_mode="stretch_width", margin=0, css_classes=["mt-regions"])

    def show(self, words: Mapping[str, str], colours: Mapping[str, str]) -> None:
        """List the regions of the design.

        Parameters
        ----------
        words
            What to say of a region, by its name; harmless text.
        colours
            In which the map shows a region, by its id.
        """
        regions = self._session.design.regions or ()
        rows: dict[str, _Row] = {}
        for region in regions[:LISTED_AT_MOST]:
            row = self._rows.get(region.id) or _Row(self._session, region.id)
            row.show(region, colours[region.id], words.get(region.name, _RULES.get(region.kind, "")))
            rows[region.id] = row
        more = len(regions) - len(rows)
        self._more.object = f"and {more:,} more: they are in the table below" if more > 0 else ""
        objects = [row.view for row in rows.values()] + ([self._more] if more > 0 else [])
        if objects != list(self.view.objects) or not objects:
            self.view.objects = objects or [self._empty]
        self._rows = rows


class _Row:
    """One region: its colour, its name to type over, a line of words, and a button that deletes it."""

    def __init__(self, session: Session, region_id: str) -> None:
        self._session, self._id = session, region_id
        self._showing = False
        self._colour = pn.widgets.ColorPicker(
            width=22, height=22, margin=(10, 6, 0, 12), stylesheets=[_SWATCH], css_classes=["mt-recolour"]
        )
        self._name = pmui.TextInput(
            label="", size="small", variant="standard", sizing_mode="stretch_width", margin=(6, 4, 0, 4),
            css_classes=["mt-rename"],
        )  # fmt: skip
        self._words = pmui.Typography("", variant="caption", margin=(0, 8, 4, 48), css_classes=["mt-region-words"])
        remove = pmui.IconButton(
            icon="delete", size="small", margin=(4, 4), description="Delete", css_classes=["mt-delete-region"]
        )
        remove.on_click(lambda event: self._delete())
        self._name.param.watch(self._rename, "value")
        self._colour.param.watch(self._recolour, "value")
        top = pn.Row(self._colour, self._name, remove, sizing_mode="stretch_width", margin=0)
        self.view = pn.Column(top, self._words, sizing_mode="stretch_width", margin=0, css_classes=["mt-region"])

    def show(self, region: Region, colour: str, words: str) -> None:
        """Show the region as it is; that is no gesture."""
        self._showing = True
        put_value(self._name, region.name)
        self._colour.value = colour
        self._colour.disabled = region.kind in _RULES  # a rule has the colour that the shapes leave over
        self._colour.visible = region.kind not in _MANY
        self._words.object = words
        self._showing = False

    def _region(self) -> Region | None:
        return next((region for region in self._session.design.regions or () if region.id == self._id), None)

    def _rename(self, event: Any) -> None:
        region, name = self._region(), str(event.new).strip()
        if self._showing or region is None or name == region.name:
            return
        taken = {other.name for other in self._session.design.regions or () if other.id != self._id}
        if not name or name in taken:
            self._session.notice = (
                "error",
                "Two regions cannot have the same name." if name else "A region needs a name.",
            )
            put_value(self._name, region.name)
            return
        self._put(replace(region, name=name), f"Renamed {safe_text(region.name)} to {safe_text(name)}")

    def _recolour(self, event: Any) -> None:
        region = self._region()
        if not self._showing and region is not None and event.new:
            options = {**region.options, "colour": str(event.new)}
            self._put(replace(region, options=options), f"Recoloured {safe_text(region.name)}")

    def _put(self, changed: Region, gesture: str) -> None:
        regions: Sequence[Region] = self._session.design.regions or ()
        self._session.change(gesture, regions=[changed if one.id == self._id else one for one in regions])

    def _delete(self) -> None:
        region = self._region()
        if region is not None:
            left = tuple(one for one in self._session.design.regions or () if one.id != self._id)
            self._session.change(f"Deleted {safe_text(region.name)}", regions=left or None)
