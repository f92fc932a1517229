"""Which members of a partition, or outputs of them, are missing, and why: found by the worker, kept with its block."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning import Block, Fitted
from motrain_app.learning.membership import learnable, wanted_members, why_untrained

NOTHING, TOO_FEW, DIVERGED = 0, 1, 2  # lacks nothing; too few rows; could learn, but what it learnt is no number


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
    reasons = {}
    for partition in np.flatnonzero(fitted.present.any(axis=1) & ~has.all(axis=(1, 2))).tolist():
        counts, mine = block.counts(partition), has[partition]
        lacks = wanted_members(counts.sum(axis=0) > 0, block.folds)[:, None] & ~mine
        # A network has all outputs that its judge serves, or none; who sets no rows aside learns each by itself.
        gone = ~mine if "rows" in fitted.trials else ~fitted.present[partition, :, None]
        lost = learnable(counts, block.folds) & gone
        codes[partition] = np.where(lacks, np.where(lost, DIVERGED, TOO_FEW), NOTHING)
        for output in np.flatnonzero(~mine.any(axis=0)).tolist():
            reasons[partition, output] = why_untrained(counts[output : output + 1], block.folds)
    return Lacking(codes, reasons)
