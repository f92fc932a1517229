"""Which members a partition has, and which outputs they have: one rule for all learners."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import Folds

MIN_ROWS = 10  # fewer training rows than this say nothing about a member
ERROR_AT_MOST = 10.0  # root mean square, in standard deviations, of who has learnt anything; that of the mean is 1
GLANCED_AT = 256  # training rows that it is tried on
Counts = NDArray[np.integer]
_UNJUDGED, _JUDGED = 1, 2  # one more where a fold has as many rows to judge an output as are needed to learn it
_VALUES_AT_ONCE = 1 << 20  # of pairs of folds, of which there are the square of the folds


def is_of_use(predicted: NDArray[np.floating], observed: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Say whether what was learnt is any better than absurd, on some of the rows that it was learnt from.

    Rows that are extreme themselves have no say, nor have those without the output.

    Parameters
    ----------
    predicted, observed
        In standard deviations from the mean of all rows that it was learnt from, shape (..., rows).

    Returns
    -------
    numpy.ndarray
        bool, of the shape before the rows.

    Examples
    --------
    >>> is_of_use(np.array([[2.0, 0.0], [50.0, 0.0]]), np.array([[1.0, np.nan], [1.0, -1.0]]))
    array([ True, False])
    """
    usual = np.abs(observed) <= ERROR_AT_MOST
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.where(usual, predicted - observed, 0.0) ** 2
        return np.asarray(squares.sum(axis=-1) <= ERROR_AT_MOST**2 * usual.sum(axis=-1))


def wanted_members(atoms_with_rows: NDArray[np.bool_], folds: Folds) -> NDArray[np.bool_]:
    """Return the members a partition should have: those with rows to judge them on, or the one without a jackknife.

    A row of any output will do: a member of a fold in which one output is missing learns that output all the same.

    Parameters
    ----------
    atoms_with_rows
        bool, shape (n_atoms,).

    Returns
    -------
    numpy.ndarray
        bool, shape (n_members,).
    """
    if not folds.jackknife:
        return np.ones(1, bool)
    return np.asarray((folds.held_out & atoms_with_rows).any(axis=1))


def learnable(counts: Counts, folds: Folds) -> NDArray[np.bool_]:
    """Say which outputs a member can learn and be judged in, bool, [n_members, n_outputs].

    Some other fold leaves `MIN_ROWS` rows of the output to learn from, and has one to judge it. A learner that sets no
    rows aside to judge may know more.

    Parameters
    ----------
    counts
        Rows with each output by atom, [n_outputs, n_atoms].
    """
    wanted, found = wanted_members(counts.sum(axis=0) > 0, folds), np.zeros((folds.n_members, len(counts)), bool)
    for members in _some_members(folds, len(counts)):
        found[members] = (_served(folds, members, counts) >= _JUDGED).any(axis=2)
    return found & wanted[:, None]


def choose_judges(folds: Folds, counts: Counts, varies: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return the fold whose rows judge each member that learns all outputs together, [n_members]; −1 where none can.

    It is the next one that serves every output: that leaves `MIN_ROWS` rows of it to learn from, and has as many to
    judge it. Where none does, the one that serves them best. Each judges an output that the member learns: of a fold
    that holds others alone, whoever is judged on it is judged on nothing.

    Parameters
    ----------
    counts
        Rows with each output by atom, [n_outputs, n_atoms].
    varies
        Whether each output does so in a member's training rows, [n_members, n_outputs], by default all: one that does
        not judges only where no other can, as whoever is judged by it is not told from others.
    """
    judges = np.zeros(folds.n_members, np.int64)
    for members in _some_members(folds, len(counts)):
        served = _served(folds, members, counts)
        judges[members] = _first_best(members, served)
        if varies is not None:
            judged = _first_best(members, served * varies[members, :, None])
            judges[members] = np.where(judged < 0, judges[members], judged)
    return judges


def _first_best(members: NDArray[np.int64], served: Counts) -> NDArray[np.int64]:
    """Return the first fold after each member's own, around the circle, of those that serve the outputs best."""
    total = np.where((served >= _JUDGED).any(axis=1), served.sum(axis=1), 0)
    circle = (members[:, None] + 1 + np.arange(total.shape[1])) % total.shape[1]
    first = np.take_along_axis(total, circle, axis=1).argmax(axis=1)
    return np.where(total.any(axis=1), circle[np.arange(len(members)), first], -1)


def _some_members(folds: Folds, n_outputs: int) -> Iterator[NDArray[np.int64]]:
    """Give the numbers of all members, so many at once that the pairs with all folds take little memory."""
    step = max(1, _VALUES_AT_ONCE // (n_outputs * max(len(folds.holdouts), folds.n_atoms)))
    return (np.arange(first, min(first + step, folds.n_members)) for first in range(0, folds.n_members, step))


def _served(folds: Folds, members: NDArray[np.int64], counts: Counts) -> Counts:
    """Return how each fold serves members to be judged in each output, int8 [members, n_outputs, n_holdouts].

    0 where too little is left to learn. No member is judged by the fold that it leaves out: of that it trains on none.
    Counts are whole numbers, which float64 adds without an error: they are multiplied as such, as that is much faster.
    """
    of_members = (folds.train[members, None] * counts).astype(np.float64).reshape(-1, folds.n_atoms)
    learnt, judging = (
        (of_members @ mask.T.astype(np.float64)).reshape(len(members), len(counts), -1)
        for mask in (folds.open, folds.held)
    )
    judged = (judging > 0).astype(np.int8) + (judging >= MIN_ROWS)
    return np.where(learnt >= MIN_ROWS, _UNJUDGED + judged, 0).astype(np.int8)


def why_untrained(counts: Counts, folds: Folds, *, judged: bool = True) -> str:
    """Say in words why no member could be trained.

    Parameters
    ----------
    counts
        Rows with each output by atom, [n_outputs, n_atoms]; the one with the most training rows is spoken of.
    judged
        Whether the learner sets rows aside to judge what it learnt.
    """
    of_outputs = counts[:, ~(folds.test | folds.near_test)].sum(axis=1)
    most = int(of_outputs.argmax())
    training, count = int(of_outputs[most]), counts[most]
    if training == 0:
        return "It has no training row: every row is missing, filtered out, or a test row."
    with_rows = [name for name, held in zip(folds.names, folds.held_out, strict=True) if count[held].sum()]
    if folds.jackknife and len(with_rows) < (3 if judged else 2):
        needs = (
            "three: one held out, one to validate, one to learn from"
            if judged
            else "two: one held out, one to learn from"
        )
        return (
            f"Its {training} training rows lie in {len(with_rows)} of the jackknife's folds ({', '.join(with_rows)}); "
            f"it needs {needs}."
        )
    if not (folds.jackknife or judged):
        return f"It has {training} training rows, too few: it needs at least {MIN_ROWS} to learn from."
    without_embargo = replace(folds, near=np.zeros_like(folds.near))
    if _could_learn(count, without_embargo, judged=judged):
        to_judge = ", and one to judge what is learnt" if judged else ""
        return (
            f"It has {training} training rows, of which the jackknife's embargo takes too many: each fold must leave "
            f"at least {MIN_ROWS} to learn from{to_judge}. Make the embargo shorter."
        )
    if not (folds.jackknife or (folds.train @ (count * folds.held).T).any()):
        return f"None of its {training} training rows lies in the last fifth of its times, which judges what is learnt."
    if not folds.jackknife:
        leaves = "the last fifth of their times, which judges, leaves"
    elif judged:
        leaves = "the two smallest folds, one held out and one to judge what is learnt, leave"
    else:
        leaves = "the smallest fold leaves"
    left = _left_at_most(count, without_embargo, judged=judged)
    return f"It has {training} training rows, too few: {leaves} {left} to learn from, and it needs at least {MIN_ROWS}."


def _left_at_most(count: Counts, folds: Folds, *, judged: bool) -> int:
    """Return how many training rows the member that keeps the most of them learns from."""
    here = count > 0  # few atoms, and so few members and folds
    of_members = folds.train[wanted_members(here, folds)][:, here] * count[here]
    if not judged:
        return int(of_members.sum(axis=1).max(initial=0))
    learnt, judging = (of_members @ mask[:, here].T for mask in (folds.open, folds.held))
    return int(learnt[judging > 0].max(initial=0))


def _could_learn(count: Counts, folds: Folds, *, judged: bool) -> bool:
    """Say whether any member could learn an output of which so many rows, [n_atoms], are there."""
    if judged:
        return bool(learnable(count[None], folds).any())
    return bool((wanted_members(count > 0, folds) & (folds.train @ count >= MIN_ROWS)).any())
