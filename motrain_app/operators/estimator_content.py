"""What scikit-learn takes on trust of its own estimators: that indices and shapes lie within their arrays.

Its compiled code follows the child and feature numbers of a tree, and the shapes of support vectors, without a look. A
file that was made up would have it read anywhere in memory, or go round in a circle; so these are looked at here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.errors import OperatorError

Numbers = NDArray[np.integer]


def check_content(estimator: Any, n_inputs: int) -> None:
    """Refuse an estimator whose arrays do not fit together; OperatorError says which.

    Parameters
    ----------
    estimator
        Of one output. Attributes may have any value: whatever else this raises also means that they make no sense.
    n_inputs
        Number of columns that it will be given.
    """
    check = _CHECKS.get(type(estimator).__name__)
    if check is None:
        raise OperatorError(f"{type(estimator).__name__} is no estimator that a learner here makes")
    _refuse_unless(estimator.n_features_in_ == n_inputs, f"it takes {estimator.n_features_in_} inputs, not {n_inputs}")
    check(estimator, n_inputs)


def _check_svr(svr: Any, n_inputs: int) -> None:
    n = len(svr.support_)
    shapes = {
        "support_": ((n,), np.int32),
        "support_vectors_": ((n, n_inputs), np.float64),
        "_n_support": ((2,), np.int32),
        "_dual_coef_": ((1, n), np.float64),
        "_intercept_": ((1,), np.float64),
        "_probA": ((0,), np.float64),
        "_probB": ((0,), np.float64),
    }
    for name, (shape, dtype) in shapes.items():
        array = getattr(svr, name)
        _refuse_unless(array.shape == shape and array.dtype == dtype, f"{name} has shape {array.shape}")
    _refuse_unless(svr._n_support[0] == n, "the number of support vectors differs")
    # An attribute of the instance would hide the one of the class, and lead libsvm to other arrays.
    dense = svr.kernel in ("rbf", "linear", "poly", "sigmoid") and not svr._sparse
    _refuse_unless(dense and "_impl" not in vars(svr), "it is of another kind")


def _check_forest(forest: Any, n_inputs: int) -> None:
    _refuse_unless(forest.n_jobs is None and forest.n_outputs_ == 1 and len(forest.estimators_) > 0, "it has no tree")
    for one in forest.estimators_:
        tree = one.tree_
        _refuse_unless(_is(one, "DecisionTreeRegressor") and one.n_outputs_ == 1 and _is(tree, "Tree"), "no tree")
        size = tree.capacity  # of the memory; node_count is what the file says
        fits = tree.node_count == size and (tree.n_features, tree.n_outputs, tree.max_n_classes) == (n_inputs, 1, 1)
        _refuse_unless(fits and size > 0, "the shape of a tree")
        inner = tree.children_left != -1
        _check_nodes(inner, (tree.children_left, tree.children_right), tree.feature, n_inputs)


def _check_boosting(boosting: Any, n_inputs: int) -> None:
    mapper, baseline = boosting._bin_mapper, boosting._baseline_prediction
    plain = boosting._preprocessor is None and boosting.is_categorical_ is None
    fits = (
        plain
        and _is(mapper, "_BinMapper")
        and boosting.n_trees_per_iteration_ == 1
        and baseline.shape == (1, 1)
        and baseline.dtype == np.float64
    )
    categories = mapper.is_categorical_
    _refuse_unless(fits and categories.shape == (n_inputs,) and not categories.any(), "its outer shape")
    for (tree,) in boosting._predictors:
        nodes = tree.nodes
        _refuse_unless(
            _is(tree, "TreePredictor") and nodes.ndim == 1 and not nodes["is_categorical"].any(), "the shape of a tree"
        )
        _check_nodes(nodes["is_leaf"] == 0, (nodes["left"], nodes["right"]), nodes["feature_idx"], n_inputs)


def _check_nodes(inner: NDArray[np.bool_], children: tuple[Numbers, Numbers], feature: Numbers, n_inputs: int) -> None:
    """Refuse a tree whose inner nodes lead anywhere but to a later node of it, or ask for an input that is none."""
    number = np.flatnonzero(inner)
    onward = all(((child[inner] > number) & (child[inner] < len(inner))).all() for child in children)
    known = ((feature[inner] >= 0) & (feature[inner] < n_inputs)).all()
    _refuse_unless(len(inner) > 0 and onward and bool(known), "a node of a tree leads out of it")


def _is(value: Any, name: str) -> bool:
    """Say whether a value is of a type: another type of the list with an attribute of that name would do its own."""
    return type(value).__name__ == name


def _refuse_unless(fine: bool, words: str) -> None:
    if not fine:
        raise OperatorError(f"its values do not fit together: {words}")


_CHECKS: dict[str, Callable[[Any, int], None]] = {
    "SVR": _check_svr,
    "RandomForestRegressor": _check_forest,
    "HistGradientBoostingRegressor": _check_boosting,
}
