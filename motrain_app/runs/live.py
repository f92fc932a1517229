"""What the live skill of a design needs: its rows staged, and the Gram matrices of its cells."""

from typing import Any

from motrain_app.data import open_dataset
from motrain_app.design import Design, Folds, Partitions
from motrain_app.design.splits import make_folds
from motrain_app.learning.preview import LivePreview
from motrain_app.runs.gram_store import load_grams, load_or_build_grams
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import stage_design


def prepare_live(document: dict[str, Any], runs: str) -> str:
    """Stage the rows of a design and build its Gram matrices, unless they are there; for a helper process.

    Parameters
    ----------
    document
        The design, as `Design.to_json` gives it.
    runs
        Folder of runs, below which rows are staged.

    Returns
    -------
    str
        Where the rows are staged.
    """
    design = Design.from_json(document)
    dataset = open_dataset(list(design.data), remedies=design.remedies)
    layout = design.layout(dataset)
    rows = stage_design(design, dataset, runs)
    load_or_build_grams(rows, layout.folds, layout.partitions.times)
    return str(rows.path)


def open_live(design: Design, staged: str, partitions: Partitions) -> LivePreview | None:
    """Open what `prepare_live` made; None where it is gone meanwhile. Takes as long as reading the file."""
    rows = StagedRows(staged)
    folds: Folds = make_folds(design.test, design.jackknife, rows.time)
    grams = load_grams(rows, folds, partitions.times)
    return None if grams is None else LivePreview(grams)


def decides_live(design: Design) -> tuple[Any, ...]:
    """Return what decides the Gram matrices of a design; as long as it is the same, they serve."""
    document = design.to_json()
    return tuple(
        str(document[name])
        for name in ("data", "remedies", "inputs", "outputs", "filters", "periods", "test", "jackknife")
    )
