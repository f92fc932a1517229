"""What a map shows: a value or a class of each cell, as levels, colours, key and words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.ui.map.colours import (
    NO_DATA,
    Limits,
    Palette,
    check_limits,
    class_colours,
    class_levels,
    number_text,
    quantise,
    robust_limits,
    value_colours,
)
from motrain_app.ui.map.map_key import classes_key, values_key

Describe = Callable[[int], Sequence[str]]
"""Further lines of the read-out for a cell, as plain text."""


@dataclass(frozen=True, slots=True, eq=False)
class ValueLayer:
    """
    A quantity.

    Attributes
    ----------
    values
        Shape (n_cells,); not finite where there is none.
    label, unit
        Plain text.
    palette
        Of the colours.
    automatic
        The limits unless somebody chooses others.
    chosen
        The limits that somebody chose, or None.
    describe
        Further lines of the read-out.
    """

    values: NDArray[Any]
    label: str
    unit: str
    palette: Palette
    automatic: Limits
    chosen: Limits | None = None
    describe: Describe | None = None

    @property
    def limits(self) -> Limits:
        """What the outermost colours stand for."""
        return self.chosen or self.automatic

    @property
    def colours(self) -> tuple[str, ...]:
        """Colours of the levels."""
        return value_colours(self.palette)

    def levels(self) -> NDArray[np.uint8]:
        """Return the level of each cell."""
        return quantise(self.values, self.limits)

    def same_quantity(self, other: object) -> bool:
        """Tell whether limits chosen for the other layer suit this one."""
        return isinstance(other, ValueLayer) and (self.label, self.unit, self.palette) == (
            other.label,
            other.unit,
            other.palette,
        )

    def with_limits(self, limits: Limits | None) -> ValueLayer:
        """Return this quantity with chosen limits, or with the automatic ones."""
        return replace(self, chosen=None if limits is None else check_limits(limits))

    def key(self, levels: NDArray[np.uint8], *, dark: bool) -> dict[str, Any]:
        """Return what the key below the map shows."""
        low, high = self.limits
        finite = np.isfinite(self.values)
        lowest = np.minimum.reduce(self.values, initial=low, where=finite)
        highest = np.maximum.reduce(self.values, initial=high, where=finite)
        return values_key(
            label=self.label,
            unit=self.unit,
            limits=self.limits,
            colours=self.colours,
            beyond=(bool(lowest < low), bool(highest > high)),
            pinned=self.chosen is not None,
            no_data=bool((levels == NO_DATA).any()),
            dark=dark,
        )

    def read_out(self, cell: int) -> tuple[str, list[str]]:
        """Return the first line and the further ones for a cell."""
        low, high = self.limits
        value = float(self.values[cell])
        text = number_text(value, high - low)
        head = f"{text} {self.unit}" if self.unit and np.isfinite(value) else text
        return head, [self.label, *(self.describe(cell) if self.describe else ())]


@dataclass(frozen=True, slots=True, eq=False)
class ClassLayer:
    """
    A class of each cell: its partition, its verdict.

    Attributes
    ----------
    codes
        Shape (n_cells,), integers from 0; negative where the cell is in no class.
    names
        Of the classes, plain text.
    colours
        Of the classes.
    label
        What the classes are, or the empty string.
    describe
        Further lines of the read-out.
    """

    codes: NDArray[np.integer[Any]]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    label: str = ""
    describe: Describe | None = None

    def levels(self) -> NDArray[np.uint8]:
        """Return the level of each cell."""
        return class_levels(self.codes)

    def key(self, levels: NDArray[np.uint8], *, dark: bool) -> dict[str, Any]:
        """Return what the key below the map shows."""
        no_data = bool((levels == NO_DATA).any())
        return classes_key(label=self.label, names=self.names, colours=self.colours, no_data=no_data, dark=dark)

    def read_out(self, cell: int) -> tuple[str, list[str]]:
        """Return the first line and the further ones for a cell."""
        code = int(self.codes[cell])
        label = [self.label] if self.label else []
        return (self.names[code] if code >= 0 else "none"), [*label, *(self.describe(cell) if self.describe else ())]


def value_layer(
    values: ArrayLike,
    *,
    n_cells: int,
    label: str,
    unit: str,
    limits: Limits | None,
    palette: Palette,
    describe: Describe | None,
    before: ValueLayer | ClassLayer | None,
) -> ValueLayer:
    """
    Return a quantity as a layer; limits that somebody chose for the same quantity before stay.

    Raises
    ------
    ValueError
        If there is not one number a cell, or if the limits are none.
    """
    values = np.asarray(values)
    if values.dtype == bool or values.dtype.kind in "iu":
        values = values.astype(np.float64)
    if values.shape != (n_cells,) or values.dtype.kind != "f":
        raise ValueError(f"a map of {n_cells} cells shows one number each, not {values.dtype} of shape {values.shape}")
    value_colours(palette)
    automatic = robust_limits(values, palette) if limits is None else check_limits(limits)
    layer = ValueLayer(values, str(label), str(unit), palette, automatic, None, describe)
    if isinstance(before, ValueLayer) and layer.same_quantity(before):
        return replace(layer, chosen=before.chosen)
    return layer


def class_layer(
    codes: ArrayLike,
    names: Sequence[str],
    *,
    n_cells: int,
    colours: Sequence[str] | None,
    label: str,
    describe: Describe | None,
) -> ClassLayer:
    """
    Return classes as a layer.

    Raises
    ------
    ValueError
        If there is not one integer a cell, or a code without a name, or a colour that is none.
    """
    codes = np.asarray(codes)
    if codes.shape != (n_cells,) or codes.dtype.kind not in "iu":
        raise ValueError(f"a map of {n_cells} cells shows one integer each, not {codes.dtype} of shape {codes.shape}")
    if codes.size and int(codes.max()) >= len(names):
        raise ValueError(f"class {int(codes.max())} has no name; there are {len(names)}")
    codes = codes.astype(np.intp)  # colours' levels reach beyond what int8 holds
    return ClassLayer(codes, tuple(map(str, names)), class_colours(len(names), colours), str(label), describe)
