"""Small estimators of each kind."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.svm import SVR

MAKERS = {
    "svr": lambda seed: SVR(gamma=0.3, C=10.0),
    "forest": lambda seed: RandomForestRegressor(4, max_depth=4, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingRegressor(max_iter=4, random_state=seed, early_stopping=False),
}
each_kind = pytest.mark.parametrize("kind", MAKERS)


def fitted(kind, seed=0, n_inputs=3):
    """Return an estimator fitted in standardised units."""
    x = np.random.default_rng(seed).normal(size=(200, n_inputs))
    return MAKERS[kind](seed).fit(x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2])


def bytes_of(data):
    return np.frombuffer(data, np.uint8)
