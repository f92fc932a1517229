"""Which members of a partition, or outputs of them, are missing, and why: found by the worker, kept with its block."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning import Block, Fitted
from motrain_app.learning.membership import MIN_ROWS, learnable, wanted_members, why_untrained

NOTHING, TOO_FEW, DIVERGED = 0, 1, 2  # lacks nothing; too few rows; could learn, but what it learnt is of no use


@dataclass(frozen=True)
class Lacking:
    """What the members of some partitions lack.

    Attributes
    ----------
    codes
        int8, [n_partitions, n_members, n_outputs]: `NOTHING`, or why there is no such output, `TOO_FEW` or
        `DIVERGED`. A fold without a row lacks nothing, nor does a partition that failed: that has its own reason.
    reasons
        By partition and output: why no member has the output.
    """

    codes: NDArray[np.int8]
    reasons: Mapping[tuple[int, int], str]


def find_lacking(block: Block, fitted: Fitted) -> Lacking:
    """Find what the members of a block's partitions lack.

    Parameters
    ----------
    block
        That was learnt from.
    """
    codes = np.zeros((*fitted.present.shape, len(block.outputs)), np.int8)
    has = ~np.isnan(fitted.stack.arrays["output_mean"]).reshape(codes.shape) & fitted.present[..., None]
    judged = "rows" not in fitted.trials  # who sets no rows aside to judge learns each output by itself
    reasons = {}
    for partition in np.flatnonzero(fitted.present.any(axis=1) & ~has.all(axis=(1, 2))).tolist():
        counts, mine = block.counts(partition), has[partition]
        lacks = wanted_members(counts.sum(axis=0) > 0, block.folds)[:, None] & ~mine
        if judged:  # all outputs that its judge serves, or none
            lost = learnable(counts, block.folds) & ~fitted.present[partition, :, None]
        else:
            lost = (block.folds.train @ counts.T >= MIN_ROWS) & ~mine
        codes[partition] = np.where(lacks, np.where(lost, DIVERGED, TOO_FEW), NOTHING)
        for output in np.flatnonzero(~mine.any(axis=0)).tolist():
            said = [fitted.unused.get((partition, member, output)) for member in range(block.folds.n_members)]
            too_few = why_untrained(counts[output : output + 1], block.folds, judged=judged)
            reasons[partition, output] = next((words for words in said if words), too_few)
    return Lacking(codes, reasons)
