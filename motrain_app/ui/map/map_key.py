"""The key of the map: what its colours mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from motrain_app.ui.map.colours import Limits, no_data_colour, number_text, ticks

_MOST_CHIPS = 60
_STOPS = 32  # colours from which the browser draws the ramp


class MapKey(JSComponent):
    """
    A colour bar with two fields for its limits, or chips with the names of classes.

    The name must not end in Legend: panel-material-ui themes models by the end of their name.
    """

    content = param.Dict(default={"kind": ""}, doc="What to show; made by the functions below.")

    _esm = Path(__file__).with_name("map_key.js")
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_name("map_key.css").read_text(encoding="utf-8")]

    def __init__(self, *, receive: Callable[[dict[str, Any]], None], **params: Any) -> None:
        self._receive = receive
        super().__init__(**params)

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._receive(data)


def values_key(
    *,
    label: str,
    unit: str,
    limits: Limits,
    colours: Sequence[str],
    beyond: tuple[bool, bool],
    pinned: bool,
    no_data: bool,
    dark: bool,
) -> dict[str, Any]:
    """
    Return the content of a key for values.

    Parameters
    ----------
    label, unit
        Plain text.
    limits, colours
        What the first and the last colour stand for.
    beyond
        Whether there are values below and above the limits.
    pinned
        Whether somebody chose the limits, who may want the automatic ones back.
    no_data
        Whether there are cells without a value.
    dark
        Theme.
    """
    low, high = limits
    stops = [colours[round(i * (len(colours) - 1) / (_STOPS - 1))] for i in range(_STOPS)]
    # The limits stand in their fields at both ends; a tick close to an end would run into them.
    places = [((tick - low) / (high - low), number_text(tick, high - low)) for tick in ticks(limits)]
    return {
        "kind": "values",
        "label": label,
        "unit": unit,
        "low": number_text(low, high - low),
        "high": number_text(high, high - low),
        "ticks": [[share, text] for share, text in places if 0.04 < share < 0.96],
        "colours": stops,
        "beyond": list(beyond),
        "pinned": pinned,
        "no_data": no_data_colour(dark=dark) if no_data else "",
    }


def classes_key(
    *, label: str, names: Sequence[str], colours: Sequence[str], no_data: bool, dark: bool
) -> dict[str, Any]:
    """Return the content of a key for classes: the names as plain text, each with its colour."""
    pairs = list(zip(map(str, names), colours, strict=True))
    return {
        "kind": "classes",
        "label": label,
        "unit": "",
        "classes": [[name, colour] for name, colour in pairs[:_MOST_CHIPS]],
        "more": max(0, len(pairs) - _MOST_CHIPS),
        "no_data": no_data_colour(dark=dark) if no_data else "",
    }
