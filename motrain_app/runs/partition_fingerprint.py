"""The fingerprint of a partition: a hash of all that decides its result, so that what another run found may be taken.

Neither its name enters nor what the other partitions are. What is missing here would let a wrong result be taken; what
enters in vain costs no more than a training.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from motrain_app import __version__
from motrain_app.design import Design, Folds
from motrain_app.design.splits import make_folds
from motrain_app.learning import resolve_learner
from motrain_app.learning.registering import Registered
from motrain_app.runs.baselines import HARMONICS
from motrain_app.runs.folder import versions_of
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.row_sample import EVERY

RESULTS = 11  # to be raised where a block file comes to hold other bits within one version of the package
_PACKAGES = ("numpy", "scipy", "tensorflow", "tensorflow-cpu", "scikit-learn")  # whose arithmetic decides bits


def fingerprint_partitions(
    design: Design, plan: Plan, *, staged: str, modules: Sequence[Registered] = ()
) -> list[bytes]:
    """Return the fingerprint of each partition of a run.

    Parameters
    ----------
    design, plan
        Of the run.
    staged
        Name of the staged rows: it stands for data, remedies, filters and variables.
    modules
        Of the user's own, that were imported.

    Returns
    -------
    list of bytes
        sha256, one a partition; none where a module has no source file by which it could be known again.
    """
    if not all(module.sha256 for module in modules):
        return []
    shared = json.dumps(_shared(design, plan, staged, modules), sort_keys=True).encode()
    cells = _digests(plan.region_of_cell, plan.n_partitions // plan.n_periods)
    times = _digests(plan.period_of_time, plan.n_periods)
    start, ids = hashlib.sha256(shared), plan.ids.astype("<u8").tobytes()
    within = b""
    if plan.sample is not None and plan.sample.within is not None:  # its sample leaves rows out of all partitions
        within = b"within" + str(plan.sample.seed).encode() + plan.sample.within.digest()
    found = []
    for number in range(plan.n_partitions):
        region, period = divmod(number, plan.n_periods)
        one = start.copy()
        one.update(ids[8 * number : 8 * number + 8] + cells[region] + times[period])
        # A partition with all of its rows is what it is in a run without a limit. The seed stands in the choices.
        if plan.sample is not None and plan.sample.limit[number] != EVERY:
            one.update(b"rows" + plan.sample.limit[number : number + 1].astype("<u8").tobytes())
        one.update(within)
        found.append(one.digest())
    return found


def _shared(design: Design, plan: Plan, staged: str, modules: Sequence[Registered]) -> dict[str, object]:
    """Return what decides the results of all partitions of a run alike, as JSON values."""
    kind, options = resolve_learner(design.learner)
    document = design.to_json()
    return {
        "results": RESULTS,
        "versions": {"motrain_app": __version__} | versions_of(*_PACKAGES),
        "staged": staged,
        "choices": {name: document[name] for name in ("test", "jackknife", "learner", "seed")},
        "folds": _digest_of_folds(make_folds(design.test, design.jackknife, plan.time)),
        "options": repr(options),  # with the defaults of this version
        "modules": sorted([module.name, module.sha256] for module in modules),
        "shape": _shape(plan, pads=kind.pads, own=not modules),
        "judged": [list(plan.metrics), list(plan.baselines), HARMONICS, REPLICATES],
    }


def _shape(plan: Plan, *, pads: bool, own: bool) -> list[int]:
    """Return the sizes, common to all blocks of a run, on which bits may depend.

    How many networks are stacked decides how a compiler orders their sums. The number of padded rows does not: it is
    the length of a table that rows are looked up in. Of a learner that is not ours nothing is known.
    """
    if own:
        return [plan.stack_slots] if pads else []
    return [plan.stack_slots, plan.padded_rows]


def _digests(label: NDArray[np.int32], n: int) -> list[bytes]:
    """Return a digest of the places that each of n labels stands at."""
    order = np.argsort(label, kind="stable").astype("<i8")
    edges = np.searchsorted(label[order], np.arange(n + 1))
    return [hashlib.sha256(order[begin:end].tobytes()).digest() for begin, end in pairwise(edges.tolist())]


def _digest_of_folds(folds: Folds) -> str:
    """Return a digest of which rows each member may see, and of what the members are called."""
    digest = hashlib.sha256(json.dumps([folds.jackknife, *folds.names]).encode())
    for holdout in folds.holdouts:
        digest.update(holdout.intervals.astype("datetime64[us]").astype("<i8").tobytes())
    for name in ("atom_of_time", "held", "near", "test", "near_test"):
        array = getattr(folds, name)
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, "<i4").tobytes())
    return digest.hexdigest()
