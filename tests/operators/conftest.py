"""Members and operators with random weights."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from motrain_app.design import Filter
from motrain_app.operators import EstimatorMember, Member, Operator, Variable
from motrain_app.operators.estimator_file import dump_estimator
from motrain_app.operators.features import FEATURE_MAPS
from tests.operators.estimators import bytes_of, fitted

INPUTS = (Variable("TG1", "K"), Variable("WG1", "m3 m-3"), Variable("LAI"))
SCALES = {
    "input_mean": np.array([285.0, 0.25, 1.5]),
    "input_scale": np.array([9.0, 0.07, 1.1]),
    "input_low": np.array([265.0, 0.02, 0.0]),
    "input_high": np.array([310.0, 0.45, 5.0]),
    "output_mean": np.array([-11.0, -0.12]),
    "output_scale": np.array([1.3, 0.02]),
}
OUTPUTS = (Variable("sig", "dB"), Variable("slop", "dB/deg"))


@pytest.fixture(scope="session")
def make_member() -> Callable[..., Member]:
    """Makes a member of three inputs and two outputs; `hidden` are the widths of its hidden layers."""

    def make(
        name="2010", *, hidden=(), features="linear", activation="relu", seed=0, dtype=np.float64, **changes
    ) -> Member:
        random = np.random.default_rng(seed)
        widths = [FEATURE_MAPS[features].size(3), *hidden, 2]
        values = {
            "weights": tuple(random.normal(size=(after, before)).astype(dtype) for before, after in pairwise(widths)),
            "biases": tuple(random.normal(size=after).astype(dtype) for after in widths[1:]),
            **SCALES,
            "features": features,
            "activation": activation,
        }
        return Member(name=name, **(values | changes))

    return make


@pytest.fixture(scope="session")
def make_operator(make_member) -> Callable[..., Operator]:
    """Makes an operator of three members that left out 2010, 2011 and 2012."""

    def make(*, filters=(), members=None, **changes) -> Operator:
        if members is None:
            members = [
                make_member(
                    str(year),
                    seed=year,
                    held_out=[[f"{year}-01-01", f"{year + 1}-01-01"]],
                    **changes,
                )
                for year in (2010, 2011, 2012)
            ]
        return Operator("cell-0", INPUTS, OUTPUTS, tuple(members), tuple(map(Filter, filters)))

    return make


@pytest.fixture(scope="session")
def states() -> np.ndarray:
    """Model states, shape (40, 3), within the range of training."""
    random = np.random.default_rng(1)
    low, high = np.array([266.0, 0.03, 0.1]), np.array([309.0, 0.44, 4.9])
    return low + (high - low) * random.random((40, 3))


@pytest.fixture(scope="module")
def member():
    """Return a maker of members with two outputs, of one kind."""

    def make(kind="svr", name="2010", *, seed=0, **changes):
        values = {
            "estimators": tuple(bytes_of(dump_estimator(fitted(kind, 2 * seed + output))) for output in range(2)),
            **SCALES,
            "differentiable": kind == "svr",
        }
        return EstimatorMember(name=name, **(values | changes))

    return make


@pytest.fixture
def operator(member):
    """Return an operator of two members of each kind."""

    def make(kind="svr"):
        members = [member(kind, str(2010 + n), seed=n, held_out=[[f"{2010 + n}-01-01", f"{2011 + n}-01-01"]])
                   for n in range(2)]  # fmt: skip
        return Operator("cell-0", INPUTS, OUTPUTS, tuple(members))

    return make
