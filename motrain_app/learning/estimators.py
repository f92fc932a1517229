"""Learners of scikit-learn: support vectors, random forest, boosted trees; one estimator for each output.

This module is NumPy; scikit-learn is imported inside the functions that train, that is, in a worker.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.estimator_fit import fit_estimators
from motrain_app.learning.hyperparameters import positive, refuse, share, whole


@dataclass(frozen=True)
class SvrOptions:
    """Hyper-parameters of support vector regression with a Gaussian kernel, as scikit-learn names them.

    Attributes
    ----------
    C
        Penalty on errors; large values follow the rows more closely.
    epsilon
        Errors below this cost nothing, in standard deviations of the output.
    gamma
        Of the kernel exp(−γ |x − x'|²) in standardised inputs; by default 1 / number of inputs.
    rows_at_most
        Rows that a fit learns from. Its time grows with their square or cube: 0.2 s at 2,500 rows, 1 s at 5,000,
        minutes at 50,000. With more training rows, so many of them are drawn at random, by the design's seed.
    max_iter
        Steps of the solver at most, of 5 to 50 µs each: with a large C it may need more than anybody waits for. A
        member that needs more is not used, and a partition without any other fails with that reason.
    """

    C: float = 1.0
    epsilon: float = 0.1
    gamma: float | None = None
    rows_at_most: int = 5000
    max_iter: int = 1_000_000

    def __post_init__(self) -> None:
        refuse(
            [
                positive("C", self.C),
                positive("epsilon", self.epsilon, zero=True),
                None if self.gamma is None else positive("gamma", self.gamma),
                whole("rows_at_most", self.rows_at_most),
                whole("max_iter", self.max_iter),
            ]
        )


@dataclass(frozen=True)
class ForestOptions:
    """Hyper-parameters of the random forest, as scikit-learn names them.

    Attributes
    ----------
    n_estimators
        Trees. A member's file grows with them, and with its training rows: 1.4 MB an output for 100 trees on 2,500
        rows.
    min_samples_leaf
        Rows that a leaf holds at least.
    max_depth
        Splits from the root to a leaf at most; by default as many as the leaves allow.
    max_features
        Share of the inputs that each split chooses among.
    """

    n_estimators: int = 100
    min_samples_leaf: int = 5
    max_depth: int | None = None
    max_features: float = 1 / 3

    def __post_init__(self) -> None:
        refuse(
            [
                whole("n_estimators", self.n_estimators),
                whole("min_samples_leaf", self.min_samples_leaf),
                None if self.max_depth is None else whole("max_depth", self.max_depth),
                share("max_features", self.max_features),
            ]
        )


@dataclass(frozen=True)
class BoostingOptions:
    """Hyper-parameters of boosted trees on binned inputs, as scikit-learn names them.

    Attributes
    ----------
    max_iter
        Trees. All are grown: stopping early would set rows aside at random, beside those that they resemble.
    learning_rate
        Share of each tree's step that is taken; above 1 the trees would undo each other.
    max_leaf_nodes, min_samples_leaf
        Leaves of a tree at most, and rows that a leaf holds at least.
    l2_regularization
        Penalty on the leaves' values.
    """

    max_iter: int = 100
    learning_rate: float = 0.1
    max_leaf_nodes: int = 31
    min_samples_leaf: int = 20
    l2_regularization: float = 0.0

    def __post_init__(self) -> None:
        refuse(
            [
                whole("max_iter", self.max_iter),
                share("learning_rate", self.learning_rate),
                whole("max_leaf_nodes", self.max_leaf_nodes, 2),
                whole("min_samples_leaf", self.min_samples_leaf),
                positive("l2_regularization", self.l2_regularization, zero=True),
            ]
        )


# Memory of a member; all outputs, whatever is kept until the block is written. Measured with scikit-learn 1.9.
_BYTES_A_NODE_KEPT = 40  # of trees as they are saved, compressed
_BYTES_A_TREE_KEPT = 2000  # of a forest, besides its nodes
_BYTES_A_BOOSTED_TREE_KEPT = 400  # besides its nodes

# What passes through while one output of one member is learnt and saved.
_BYTES_A_NODE_PASSING = 190  # of a forest: the tree, its state as two arrays, and these as a file, twice
_BYTES_A_TREE_PASSING = 100_000  # of a forest: all that skops notes about a tree, however small
_BYTES_A_BOOSTED_NODE_PASSING = 150
_BYTES_A_BOOSTED_TREE_PASSING = 21_000  # which has less to note than one of a forest
_BYTES_A_BIN = 20  # of a histogram of an input, while a boosted tree grows: two sums in float64, a count in int32
_BINS = 256
_BYTES_OF_CACHE = 200 << 20  # of kernel values at most, which is scikit-learn's default


def svr_bytes(
    options: SvrOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of a member: each row may become a support vector."""
    return np.asarray(n_outputs * np.minimum(rows, options.rows_at_most) * (n_inputs + 1) * 8)


def svr_making_bytes(
    options: SvrOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of kernel values, float32 between any two rows, as many as the solver remembers."""
    return np.asarray(np.minimum(4 * np.minimum(rows, options.rows_at_most) ** 2, _BYTES_OF_CACHE))


def forest_bytes(
    options: ForestOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of a member, its trees as saved."""
    of_tree = _BYTES_A_TREE_KEPT + _nodes(options, rows) * _BYTES_A_NODE_KEPT
    return np.asarray(n_outputs * options.n_estimators * of_tree, np.int64)


def forest_making_bytes(
    options: ForestOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of one forest while it grows and is saved."""
    of_tree = _BYTES_A_TREE_PASSING + _nodes(options, rows) * _BYTES_A_NODE_PASSING
    return np.asarray(options.n_estimators * of_tree, np.int64)


def _nodes(options: ForestOptions, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the nodes of a tree: 1.0 to 1.3 for every `min_samples_leaf` rows, as far as its depth allows."""
    nodes = 1.3 * rows / options.min_samples_leaf
    return nodes if options.max_depth is None else np.minimum(nodes, 2.0 ** min(options.max_depth + 1, 60))


def boosting_bytes(
    options: BoostingOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of a member, its trees as saved."""
    of_tree = _BYTES_A_BOOSTED_TREE_KEPT + _boosted_nodes(options, rows) * _BYTES_A_NODE_KEPT
    return np.asarray(n_outputs * options.max_iter * of_tree)


def boosting_making_bytes(
    options: BoostingOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory of the trees of one output while they grow and are saved.

    One grows at a time. Each of its leaves that may still be split has a histogram of every input.
    """
    of_tree = _BYTES_A_BOOSTED_TREE_PASSING + _boosted_nodes(options, rows) * _BYTES_A_BOOSTED_NODE_PASSING
    return np.asarray(options.max_iter * of_tree + _open_leaves(options, rows) * n_inputs * _BINS * _BYTES_A_BIN)


def _boosted_nodes(options: BoostingOptions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the nodes of a tree that has as many leaves as it may."""
    return 2 * np.minimum(options.max_leaf_nodes, 1 + rows // options.min_samples_leaf)


def _open_leaves(options: BoostingOptions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the leaves that may still be split, of a tree when it has most of them.

    Measured, on outputs with noise and without: one for 3.6 rows where a leaf may hold a single one, for 29 where it
    holds 5 at least, for 130 where it holds 20.
    """
    return np.minimum(options.max_leaf_nodes, 1 + rows // (6 * options.min_samples_leaf - 2))


def fit_svr(block: Block, options: SvrOptions) -> Fitted:
    """Train support vector regression for every output of every member of a block.

    References
    ----------
    Smola & Schölkopf (2004): A tutorial on support vector regression. Statistics and Computing 14.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVR

    def problem(fitted: SVR) -> str | None:
        if not fitted.fit_status_:
            return None
        return (
            f"The support vectors were not found in {options.max_iter:,} steps of the solver. Choose a smaller C or a "
            "larger epsilon, or more steps: max_iter."
        )

    gamma = 1 / len(block.inputs) if options.gamma is None else float(options.gamma)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # which `problem` says
        return fit_estimators(
            block,
            lambda seed: SVR(C=options.C, epsilon=options.epsilon, gamma=gamma, max_iter=options.max_iter),
            rows_at_most=options.rows_at_most,
            differentiable=True,
            problem=problem,
        )


def fit_forest(block: Block, options: ForestOptions) -> Fitted:
    """Train a random forest for every output of every member of a block.

    References
    ----------
    Breiman (2001): Random forests. Machine Learning 45.
    """
    from sklearn.ensemble import RandomForestRegressor

    return fit_estimators(
        block,
        lambda seed: RandomForestRegressor(
            n_estimators=options.n_estimators,
            min_samples_leaf=options.min_samples_leaf,
            max_depth=options.max_depth,
            max_features=float(options.max_features),  # 1 would mean one input
            random_state=seed,
        ),
    )


def fit_boosting(block: Block, options: BoostingOptions) -> Fitted:
    """Train boosted trees for every output of every member of a block.

    References
    ----------
    Ke et al. (2017): LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    return fit_estimators(
        block,
        lambda seed: HistGradientBoostingRegressor(
            max_iter=options.max_iter,
            learning_rate=options.learning_rate,
            max_leaf_nodes=options.max_leaf_nodes,
            min_samples_leaf=options.min_samples_leaf,
            l2_regularization=options.l2_regularization,
            early_stopping=False,
            random_state=seed,
        ),
    )
