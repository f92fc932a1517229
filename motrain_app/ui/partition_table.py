"""The table of partitions: what each would hold and gain, as columns a table widget shows."""

import numpy as np
import pandas as pd

from motrain_app.design import Layout
from motrain_app.learning.preview import Preview


def partition_table(
    layout: Layout, preview: Preview | None, output: str, outputs: tuple[str, ...], unit: str
) -> pd.DataFrame:
    """Return one row a partition.

    Parameters
    ----------
    output
        For which the skill is shown; one of `outputs`.

    Returns
    -------
    pandas.DataFrame
        partition, cells, the gains in per cent over one operator for all (with its spread over folds) and over
        climatology, RMSE in the output's unit, its spread over folds, and n (out-of-fold rows); all but the first two
        are missing until there is a preview.
    """
    names = layout.partitions.names
    label = layout.cells.label
    cells = np.bincount(label[label >= 0], minlength=len(layout.cells))
    table = pd.DataFrame({"partition": names, "cells": np.repeat(cells, len(layout.partitions.times))})
    columns = (
        "gain over one for all (%)",
        "± folds ",  # names of columns differ; the space is not seen
        "gain over climatology (%)",
        f"RMSE ({unit})" if unit else "RMSE",
        "± folds",
        "n",
    )
    if preview is None:
        no_number = pd.array([pd.NA] * len(table), dtype="Int64")
        return table.assign(**dict.fromkeys(columns[:-1], np.nan), n=no_number)
    at = outputs.index(output)
    gain, pays = preview.gain_over_climatology, preview.gain_over_one_for_all
    found = (
        100 * pays.value[:, at],
        100 * pays.spread[:, at],
        100 * gain.value[:, at],
        preview.ridge.rmse[:, at],
        preview.ridge.spread[:, at],
        pd.array(preview.n[:, at], dtype="Int64"),
    )
    return table.assign(**dict(zip(columns, found, strict=True)))


def headline(preview: Preview | None, output: str, outputs: tuple[str, ...]) -> str:
    """Say in one sentence what the partitioning gains."""
    if preview is None:
        return ""
    at = outputs.index(output)
    together = preview.together()
    gain, spread = (
        100 * values[0, at] for values in (together.gain_over_one_for_all.value, together.gain_over_one_for_all.spread)
    )
    over = 100 * together.gain_over_climatology.value[0, at]
    if not np.isfinite(gain):
        return f"{output}: no out-of-fold row yet."
    n = together.n[0, at]
    than = "than climatology"
    words = f"{abs(over):.1f} % {'better' if over >= 0 else 'worse'} {than}"
    if len(preview.reasons) == 1:
        return f"{output}: ridge is {words} (n = {n:,}, out-of-fold)."
    return (
        f"{output}: partitioning lowers the RMSE of ridge by {gain:.1f} % ± {spread:.1f} over folds against one "
        f"operator for all; {words} (n = {n:,}, out-of-fold)."
    )


def region_words(layout: Layout, preview: Preview | None, at: int) -> dict[str, str]:
    """Return what the list says of each region, by name: its cells, and what it gains over one operator for all.

    Parameters
    ----------
    preview
        Of the same layout; None where there is none yet.
    at
        Number of the output. Periods of a region are pooled over their rows.
    """
    label, names = layout.cells.label, layout.cells.names
    cells = np.bincount(label[label >= 0], minlength=len(names))
    words = [f"{count:,} cell{'s' if count != 1 else ''}" for count in cells.tolist()]
    if preview is not None:
        own, other = (
            errors.squares[..., at].sum(axis=1).reshape(len(names), -1).sum(axis=1)
            for errors in (preview.ridge, preview.one_for_all)
        )
        gain = 100 * (1 - np.sqrt(own / np.where(other > 0, other, np.nan)))
        words = [
            f"{text} · {'gain' if round(share, 1) >= 0 else 'loss'} {abs(share):.1f} % against one for all"
            if np.isfinite(share)
            else text
            for text, share in zip(words, gain.tolist(), strict=True)
        ]
    return dict(zip(names, words, strict=True))
