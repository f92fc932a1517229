"""The trial table of a partition: what was tried for each member, and how validation rows judged it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motrain_app.design import Design
from motrain_app.learning import resolve_learner
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.errors import RunError

LOSS, CHOSEN, EPOCHS = "trials.validation_loss", "trials.chosen", "trials.epochs"


def trial_frame(
    file: BlockFile, position: int, design: Design, *, folds: Sequence[str], outputs: Sequence[str]
) -> pd.DataFrame:
    """Return the trials of the partition at a position; as `motrain_app.runs.run.Run.trials`.

    Parameters
    ----------
    folds, outputs
        Names of all members, and of the outputs.

    Raises
    ------
    RunError
        Where the learner's candidates are no longer those that the file holds.
    """
    if LOSS not in file.names:
        return pd.DataFrame({name: [] for name in ("fold", "candidate", "validation_loss", "chosen")})
    kind, options = resolve_learner(design.learner)
    tried = kind.tried(options, design.seed)
    arrays = {name: file.part(name, position, position + 1)[0] for name in (LOSS, CHOSEN, EPOCHS) if name in file.names}
    if arrays[LOSS].shape[1] != len(tried):
        raise RunError(
            f"{file.path} holds {arrays[LOSS].shape[1]} candidates, and the learner has {len(tried)} now. Read it with "
            "the versions in run.json."
        )
    by_output = arrays[LOSS].ndim == 3
    parts = [
        _of_choice(arrays, tried, (member, output) if by_output else (member,), {"fold": folds[member]} | named)
        for member in range(len(folds))
        for output, named in enumerate([{"output": name} for name in outputs] if by_output else [{}])
    ]
    return pd.concat(parts, ignore_index=True)


def _of_choice(
    arrays: Mapping[str, NDArray[Any]], tried: Sequence[Mapping[str, Any]], at: tuple[int, ...], names: dict[str, str]
) -> pd.DataFrame:
    """Return a row for each candidate of one choice: a member's, or that of a member for one output."""
    member, *output = at
    chosen = int(arrays[CHOSEN][at])
    diverged = EPOCHS in arrays and arrays[EPOCHS][member].any()
    kept = len(tried) if chosen >= 0 or diverged else 0  # where nothing was trained there was nothing to choose
    number = np.arange(kept)
    columns: dict[str, Any] = {name: [value] * kept for name, value in names.items()} | {"candidate": number}
    columns |= {name: [one[name] for one in tried[:kept]] for name in tried[0]}
    columns["validation_loss"] = arrays[LOSS][member][:kept, *output].astype(float)
    if EPOCHS in arrays:
        columns["epochs"] = arrays[EPOCHS][member][:kept]
    return pd.DataFrame({**columns, "chosen": number == chosen})
