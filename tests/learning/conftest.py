"""Blocks with known content for the learners."""

from collections.abc import Callable

import numpy as np
import pytest

from motrain_app.design import Folds, LeaveYearsOut, Split
from motrain_app.design.splits import Jackknife, make_folds
from motrain_app.learning import Block

TIME = np.arange("2010-01-01", "2016-01-01", dtype="datetime64[D]")[::3]

YEARS, LAST_YEAR = LeaveYearsOut(embargo=10), Split("2015-01-01", embargo=10)


@pytest.fixture
def make_block() -> Callable[..., Block]:
    """Return a maker of blocks: three inputs, two outputs that bend a little, gaps that differ between outputs."""

    def make(
        *,
        partitions: int = 2,
        seed: int = 0,
        gaps: float = 0.1,
        noise: float = 0.1,
        jackknife: Jackknife | None = YEARS,
        test: Split | None = LAST_YEAR,
        **changes: object,
    ) -> Block:
        random = np.random.default_rng(seed)
        folds: Folds = make_folds(test, jackknife, TIME)
        keep = [np.flatnonzero(random.random(len(TIME)) < 0.8) for _ in range(partitions)]
        n = [len(rows) for rows in keep]
        x = random.normal(size=(3, sum(n))) * np.array([[8.0], [0.05], [1.0]]) + np.array([[12.0], [0.3], [2.0]])
        z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        y = np.stack([-10 + z[0] - 0.5 * z[1] + 0.4 * z[0] * z[2], 0.01 * (z[2] - 0.3 * z[0])])
        y += noise * np.array([[1.0], [0.01]]) * random.normal(size=y.shape)
        missing = random.random(y.shape) < gaps
        missing[0] &= ~missing[1]  # a row has at least one output
        y[missing] = np.nan
        values = {
            "ids": np.arange(7, 7 + partitions, dtype=np.uint64),
            "row_start": np.cumsum([0, *n]),
            "inputs": x.astype(np.float32),
            "outputs": y.astype(np.float32),
            "atom": np.concatenate([folds.atom_of_time[rows] for rows in keep]),
            "folds": folds,
            "seed": 0,
            "padded_rows": 1024 * partitions,
            "masked": np.zeros(partitions, bool),
        }
        return Block(**{**values, **changes})

    return make


@pytest.fixture
def scrambled() -> Callable[[Block, np.ndarray, int], Block]:
    """Return a function that replaces rows, chosen by a mask, by noise: inputs, and outputs where there are any."""

    def scramble(block: Block, rows: np.ndarray, seed: int) -> Block:
        from dataclasses import replace

        random = np.random.default_rng(seed)
        inputs, outputs = block.inputs.copy(), block.outputs.copy()
        inputs[:, rows] = (50 * random.normal(size=(len(inputs), rows.sum()))).astype(np.float32)
        noise = (50 * random.normal(size=(len(outputs), rows.sum()))).astype(np.float32)
        outputs[:, rows] = np.where(np.isfinite(outputs[:, rows]), noise, np.nan)
        return replace(block, inputs=inputs, outputs=outputs)

    return scramble
