"""scikit-learn's learners are scikit-learn's, are nested, and depend on seed, partition, fold and output alone."""

import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from motrain_app.design import DesignError, Learner, LeaveRandomOut
from motrain_app.learning import LEARNER_KINDS, check_learner, fit_estimators, register_learner, resolve_learner
from motrain_app.learning.block import Stopped
from motrain_app.learning.estimator_fit import seeds_of_outputs
from motrain_app.learning.estimators import BoostingOptions, ForestOptions, SvrOptions
from motrain_app.learning.membership import MIN_ROWS
from motrain_app.learning.remembered import bytes_of
from motrain_app.operators import UntrustedTypeError
from motrain_app.operators.scaled import SCALERS
from motrain_app.runs.cutting import needs
from tests.conftest import PATIENCE
from tests.runs.conftest import environment

QUICK = {
    "svr": {},
    "forest": {"n_estimators": 5},
    "boosting": {"max_iter": 8},
}
each_kind = pytest.mark.parametrize("kind", QUICK)


def _fit(block, kind, **options):
    found, values = resolve_learner(Learner(kind, {**QUICK[kind], **options}))
    return found.fit(block, values)


def _same(a, b, slots):
    """Say whether members are equal bit by bit."""
    members = [(a.stack.member(slot), b.stack.member(slot)) for slot in slots]
    return all(
        one.tobytes() == other.to_arrays()[name].tobytes()
        for mine, other in members
        for name, one in mine.to_arrays().items()
    )


def _theirs(kind, seed, n_inputs):
    return {
        "svr": lambda: SVR(gamma=1 / n_inputs),
        "forest": lambda: RandomForestRegressor(5, min_samples_leaf=5, max_features=1 / 3, random_state=seed),
        "boosting": lambda: HistGradientBoostingRegressor(max_iter=8, early_stopping=False, random_state=seed),
    }[kind]()


def _scaler(values, mean, scale):
    """Return scikit-learn's scaler, which agrees with ours, with the last bits of ours.

    The last bit of an input leads libsvm another way to its tolerance, where predictions differ by 1e-4.
    """
    scaler = StandardScaler().fit(values)
    np.testing.assert_allclose(scaler.mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, scale, rtol=1e-12)
    scaler.mean_, scaler.scale_ = mean, scale
    return scaler


@each_kind
@pytest.mark.parametrize("folds", [{}, {"jackknife": LeaveRandomOut(folds=4, embargo=4)}], ids=["years", "random"])
def test_predictions_equal_those_of_scikit_learns_own_pipeline(make_block, kind, folds):
    block = make_block(gaps=0.0, **folds)
    members = block.folds.n_members
    fitted = _fit(block, kind)
    for partition, member in [(0, 0), (1, members - 1)]:
        rows = block.rows(partition)
        x, y = block.inputs[:, rows].T.astype(float), block.outputs[:, rows].astype(float)
        train = block.folds.train[member][block.atom[rows]]
        ours = fitted.stack.member(partition * members + member)
        seeds = seeds_of_outputs(block, partition, member)
        for output in range(2):
            scaler = _scaler(x[train], ours.input_mean, ours.input_scale)
            target = _scaler(y[output, train, None], ours.output_mean[[output]], ours.output_scale[[output]])
            model = _theirs(kind, seeds[output], 3)
            model.fit(scaler.transform(x[train]), target.transform(y[output, train, None])[:, 0])
            theirs = target.inverse_transform(make_pipeline(scaler, model).predict(x)[:, None])[:, 0]
            assert np.abs(ours.predict(x.T)[output] - theirs).max() < 1e-12 * np.abs(theirs).max()


@each_kind
def test_an_output_learns_from_every_row_that_has_it_and_no_other(make_block, kind):
    block = make_block(partitions=1, gaps=0.3)
    fitted = _fit(block, kind)
    for output in range(2):
        other = replace(block, outputs=block.outputs.copy())
        other.outputs[1 - output] = np.nan
        slots = range(block.folds.n_members)
        alone = _fit(other, kind)
        for slot in slots:
            both, one = (found.stack.member(slot).estimators[output] for found in (fitted, alone))
            assert both.tobytes() == one.tobytes()
        there = np.isfinite(block.outputs[output])
        expected = [(block.folds.train[slot][block.atom] & there).sum() for slot in slots]
        assert fitted.trials["rows"][0, :, output].tolist() == expected


@each_kind
def test_a_fold_replaced_by_noise_leaves_its_own_member_bit_identical(make_block, scrambled, kind):
    block, member = make_block(), 2
    members = block.folds.n_members
    before = _fit(block, kind)
    after = _fit(scrambled(block, block.folds.held[member][block.atom], 5), kind)
    for partition in range(len(block)):
        slot = partition * members + member
        assert _same(before, after, [slot])
        assert not _same(before, after, [slot - 1])


@each_kind
def test_test_rows_and_rows_near_them_touch_nothing(make_block, scrambled, kind):
    block = make_block()
    sealed = (block.folds.test | block.folds.near_test)[block.atom]
    before, after = (_fit(one, kind) for one in (block, scrambled(block, sealed, 3)))
    assert all(array.tobytes() == after.stack.arrays[name].tobytes() for name, array in before.stack.arrays.items())


@each_kind
def test_same_seed_same_bits(make_block, kind):
    block = make_block(partitions=1)
    first, again = _fit(block, kind), _fit(block, kind)
    assert first.stack.arrays["estimators"].tobytes() == again.stack.arrays["estimators"].tobytes()


def test_another_seed_is_another_forest_and_another_sample_of_rows(make_block):
    block = make_block(partitions=1)
    for kind, options in [("forest", {}), ("svr", {"rows_at_most": 60})]:
        one, other = _fit(block, kind, **options), _fit(replace(block, seed=1), kind, **options)
        assert not _same(one, other, [0])


def test_another_process_makes_the_same_bits(make_block, tmp_path):
    """Where objects lie in memory, and when a file was written, stands in no byte."""
    code = """
import hashlib, numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.svm import SVR
from motrain_app.operators.estimator_file import dump_estimator
x = np.random.default_rng(0).normal(size=(300, 3))
boosting = HistGradientBoostingRegressor(max_iter=3, random_state=0)
for one in (SVR(gamma=0.3), RandomForestRegressor(3, random_state=0), boosting):
    print(hashlib.sha256(dump_estimator(one.fit(x, x[:, 0] * x[:, 1]))).hexdigest())
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", before + code],
            env=environment() | {"PYTHONHASHSEED": before[-1:] or "0"},
            capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path,
        )
        for before in ("", "padding = [object() for _ in range(10_000)]; n = 7")
    ]  # fmt: skip
    assert said[0].stdout == said[1].stdout, said
    assert len(set(said[0].stdout.split())) == 3, said[0].stderr


@each_kind
def test_a_partition_is_itself_whatever_its_neighbours_do(make_block, kind):
    block = make_block(partitions=3)
    members = block.folds.n_members
    whole = _fit(block, kind)
    alone = _fit(replace(block, masked=np.array([True, False, True])), kind)
    assert alone.present.any(axis=1).tolist() == [False, True, False]
    assert alone.errors == {}
    assert _same(whole, alone, range(members, 2 * members))


@each_kind
def test_an_output_missing_in_one_partition_is_nan_there_alone(make_block, kind):
    block = make_block()
    outputs = block.outputs.copy()
    outputs[1, block.rows(0)] = np.nan
    fitted = _fit(replace(block, outputs=outputs), kind)
    x = block.inputs[:, :50].astype(float)
    here, there = fitted.stack.member(0).predict(x), fitted.stack.member(block.folds.n_members).predict(x)
    assert fitted.present.all()
    assert np.isnan(here[1]).all()
    assert np.isfinite(here[0]).all()
    assert np.isfinite(there).all()


def _first_rows(block, rows):
    """Return the block of the chosen rows of one partition."""
    return replace(
        block,
        inputs=block.inputs[:, rows],
        outputs=block.outputs[:, rows],
        atom=block.atom[rows],
        row_start=np.array([0, len(rows)]),
    )


@each_kind
def test_fewer_rows_than_say_anything_make_no_member_and_say_why(make_block, kind):
    block = make_block(partitions=1, gaps=0.0)
    of_fold = [np.flatnonzero(block.folds.held_out[member][block.atom]) for member in range(3)]
    few = _first_rows(block, np.concatenate([rows[30:34] for rows in of_fold]))  # each leaves 8, far from its ends
    fitted = _fit(few, kind)
    assert not fitted.present.any()
    assert f"at least {MIN_ROWS}" in fitted.errors[0]
    assert fitted.stack.arrays["estimators"].size == 0
    enough = _first_rows(block, np.concatenate([rows[30:35] for rows in of_fold]))
    assert _fit(enough, kind).present.sum() == 3


def test_a_fold_without_rows_has_no_member(make_block):
    block = make_block(partitions=1)
    fitted = _fit(_first_rows(block, np.flatnonzero(~block.folds.held_out[2][block.atom])), "svr")
    assert fitted.present[0].tolist() == [True, True, False, True, True]
    assert np.isnan(fitted.stack.arrays["input_mean"][2]).all()


@each_kind
def test_constant_inputs_and_outputs_are_no_obstacle(make_block, kind):
    block = make_block(partitions=1, gaps=0.0)
    block.inputs[1], block.outputs[1] = 5.0, 3.0
    fitted = _fit(block, kind)
    y = fitted.stack.member(0).predict(block.inputs.astype(float))
    assert fitted.present.all()
    assert np.abs(y[0] - block.outputs[0]).mean() < 0.8 * block.outputs[0].std()
    np.testing.assert_allclose(y[1], 3.0, rtol=1e-6)
    elsewhere = block.inputs.astype(float)
    elsewhere[1] = 25.0  # which nothing is known of
    np.testing.assert_array_equal(fitted.stack.member(0).predict(elsewhere), y)
    if fitted.stack.differentiable:
        assert not fitted.stack.member(0).jacobian(elsewhere)[:, 1].any()


def test_support_vectors_that_are_not_found_in_time_are_not_used_and_say_why(make_block):
    block, steps = make_block(), 40
    fitted = _fit(block, "svr", C=1e7, max_iter=steps)
    assert not fitted.present.any()
    assert set(fitted.errors) == {0, 1}
    assert "not found in 40 steps of the solver. Choose a smaller C" in fitted.errors[0]
    assert (fitted.trials["rows"] == 0).all()
    assert _fit(block, "svr").present.all()
    assert not _fit(block, "svr").errors


def test_what_is_absurd_on_its_own_rows_is_not_used_and_says_why(make_block):
    """Trees whose steps are fifty times too long undo each other, and end far beyond what float32 holds."""
    block = make_block()
    block = replace(block, outputs=block.outputs.copy())
    block.outputs[0, block.rows(1)] = 3.0  # of which nothing can diverge

    def wild(seed):
        return HistGradientBoostingRegressor(max_iter=9, learning_rate=50, early_stopping=False)

    fitted = fit_estimators(block, wild)
    assert list(fitted.errors) == [0]
    assert "off by more than ten standard deviations on its own training rows" in fitted.errors[0]
    assert fitted.present.tolist() == [[False] * 5, [True] * 5]
    predicted = fitted.stack.member(5).predict(block.inputs[:, :9].astype(float))
    np.testing.assert_allclose(predicted[0], 3)
    assert np.isnan(predicted[1]).all()


def _gives(shape):
    """Return a maker of regressors that predict the mean, in an array of a shape that follows from that of X."""

    class Gives(DummyRegressor):
        def predict(self, X):
            return np.broadcast_to(super().predict(X)[0], shape(X))

    return lambda seed: Gives()


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (lambda X: (len(X), 1), r"shape \((\d+), 1\) for \1 rows; it must give one number a row, shape \(\1,\)"),
        (lambda X: (), r"shape \(\) for (\d+) rows; it must give one number a row, shape \(\1,\)"),
        (lambda X: (1,), r"shape \(1,\) for (\d+) rows"),
    ],
    ids=["column", "one number", "one row"],
)
def test_predictions_of_another_shape_than_one_number_a_row_are_told(make_block, shape, told):
    fitted = fit_estimators(make_block(), _gives(shape))
    assert not fitted.present.any()
    assert list(fitted.errors) == [0, 1]
    assert re.search(f"predict gave an array of {told}", fitted.errors[0])


def test_support_vectors_learn_from_so_many_rows_at_most(make_block):
    block = make_block(partitions=1, gaps=0.0)
    fitted = _fit(block, "svr", rows_at_most=50)
    assert (fitted.trials["rows"] == 50).all()
    train = block.folds.train[0][block.atom]
    assert train.sum() > 300  # and the scalers know them all
    np.testing.assert_allclose(fitted.stack.arrays["input_mean"][0], block.inputs[:, train].mean(axis=1), rtol=1e-5)


@each_kind
def test_range_of_inputs_is_that_of_the_training_rows(make_block, kind):
    block = make_block(partitions=1)
    fitted = _fit(block, kind)
    train = block.folds.train[0][block.atom]
    assert fitted.stack.arrays["input_low"][0].tolist() == block.inputs[:, train].min(axis=1).tolist()
    assert fitted.stack.arrays["input_high"][0].tolist() == block.inputs[:, train].max(axis=1).tolist()
    assert {name: len(fitted.stack.arrays[name]) for name in SCALERS} == dict.fromkeys(SCALERS, fitted.stack.n_slots)


@each_kind
def test_without_a_jackknife_one_member_learns_from_all_training_rows(make_block, kind):
    block = make_block(partitions=1, jackknife=None, gaps=0.0)
    fitted = _fit(block, kind)
    assert fitted.present.tolist() == [[True]]
    assert (fitted.trials["rows"] == block.folds.train[0][block.atom].sum()).all()


def test_a_stop_is_heard_between_fits(make_block):
    asked = []
    made = []

    def make(seed):
        made.append(seed)
        return SVR(gamma=0.3)

    block = make_block(stopped=lambda: asked.append(1) is None and len(asked) > 3)
    with pytest.raises(Stopped):
        fit_estimators(block, make)
    assert len(made) == 3


def test_boosting_keeps_to_one_thread_though_openmp_is_loaded_after_the_worker_set_its_limit(tmp_path):
    code = """
import numpy as np
from threadpoolctl import threadpool_limits
from tests.learning.conftest import TIME, YEARS
from motrain_app.design import Learner
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block, resolve_learner
folds = make_folds(None, YEARS, TIME)
x = np.random.default_rng(0).normal(size=(4, len(TIME))).astype(np.float32)
ids, masked = np.ones(1, np.uint64), np.zeros(1, bool)
block = Block(ids, np.array([0, len(TIME)]), x[:3], x[3:], folds.atom_of_time, folds, 0, len(TIME), masked)
with threadpool_limits(1):
    import sklearn.ensemble._hist_gradient_boosting.gradient_boosting as boosting
    ask, answers = boosting._openmp_effective_n_threads, []
    print(ask())
    boosting._openmp_effective_n_threads = lambda *given: answers.append(ask(*given)) or answers[-1]
    kind, options = resolve_learner(Learner("boosting", {"max_iter": 2}))
    kind.fit(block, options)
print(*set(answers))
"""
    without = {name: value for name, value in environment().items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=without, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    unlimited, ours = done.stdout.split()
    assert ours == "1"
    if unlimited == "1":
        pytest.skip("this machine gives OpenMP one thread only")


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (Learner("svr", {"C": 0}), "C is 0; it must be a number above zero"),
        (Learner("svr", {"gamma": -1}), "gamma is -1"),
        (Learner("svr", {"epsilon": "x", "rows_at_most": 0}), "rows_at_most is 0"),
        (Learner("svr", {"max_iter": -1}), "max_iter is -1"),
        (Learner("boosting", {"learning_rate": 50}), "learning_rate is 50; it must be a share above 0 and up to 1"),
        (Learner("svr", {"kernel": "poly"}), "no hyper-parameter 'kernel'"),
        (Learner("forest", {"max_features": 1.5}), "share above 0 and up to 1"),
        (Learner("forest", {"max_depth": 0}), "max_depth is 0"),
        (Learner("boosting", {"max_leaf_nodes": 1}), "whole number from 2 on"),
        (Learner("boosting", {"min_samples_leaf": True}), "min_samples_leaf is True"),
        (Learner("forrest"), "Did you mean 'forest'? A learner of your own is known once"),
    ],
)
def test_hyper_parameters_that_make_no_sense_are_refused(learner, words):
    with pytest.raises(DesignError) as refused:
        resolve_learner(learner)
    assert words in str(refused.value)


def test_defaults_make_sense():
    for options in (SvrOptions, ForestOptions, BoostingOptions):
        options()


@pytest.fixture
def kinds(monkeypatch):
    """Let a test register what it likes; afterwards the kinds are as before."""
    before = dict(LEARNER_KINDS)
    monkeypatch.setattr("motrain_app.operators.estimator_file._REGISTERED", set())
    yield
    LEARNER_KINDS.clear()
    LEARNER_KINDS.update(before)


@each_kind
def test_members_take_about_the_memory_that_the_plan_reckons(make_block, kind):
    block = make_block(partitions=2, jackknife=None)
    found, options = resolve_learner(Learner(kind, QUICK[kind]))
    sizes = {
        "members": 1,
        "atoms": block.folds.n_atoms,
        "n_inputs": len(block.inputs),
        "n_outputs": len(block.outputs),
        "seed": 0,
    }
    said = needs(found, options, np.diff(block.row_start), **sizes).bytes_of_members.sum()
    held = bytes_of(found.fit(block, options).stack)
    assert said / 5 < held < said


def memory_of_making(kind, options, rows, n_inputs=8):
    """Return bytes reckoned, and taken by a process of its own, as a worker is: most of it is no array of NumPy's."""
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "memory_of_making.py", kind, repr(options), str(rows), str(n_inputs)],
        env={**environment(), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return map(int, done.stdout.split())


@pytest.mark.parametrize(
    ("kind", "options", "rows"),
    [
        ("forest", {}, 8000),
        ("forest", {"n_estimators": 20, "min_samples_leaf": 1}, 8000),
        ("forest", {"n_estimators": 800, "max_depth": 2}, 1000),
        ("svr", {}, 5000),
        ("boosting", {}, 50_000),
        ("boosting", {"max_iter": 3000, "max_leaf_nodes": 2}, 2000),
        ("boosting", {"max_iter": 1000}, 5000),
        ("boosting", {"max_iter": 2, "max_leaf_nodes": 5000, "min_samples_leaf": 1}, 5000),
    ],
    ids=["forest", "fine forest", "small trees", "svr", "boosting", "stumps", "many trees", "many leaves"],
)
def test_learning_takes_about_as_much_memory_as_the_plan_reckons(kind, options, rows):
    reckoned, taken = memory_of_making(kind, options, rows)
    # Of the process, whatever it learns: what the system gives differs from run to run.
    assert taken < 1.3 * reckoned + 5e6
    assert reckoned < 2.5 * taken  # nor is anything refused in vain


@pytest.mark.parametrize(
    ("kind", "n_inputs"),
    [("ridge", 60), ("ridge2", 8), ("ridge2", 30), pytest.param("ridge2", 45, marks=pytest.mark.slow)],
)
def test_ridge_takes_about_as_much_memory_as_the_plan_reckons(kind, n_inputs):
    reckoned, taken = memory_of_making(kind, {}, 3653, n_inputs)
    assert taken < 1.3 * reckoned + 3e6
    assert reckoned < 2 * taken


@dataclass(frozen=True)
class StrengthOptions:
    alpha: float = 1.0


def test_a_registered_learner_is_a_kind_like_the_others(make_block, kinds):
    from sklearn.linear_model import Ridge

    @register_learner("plain", StrengthOptions, types=[Ridge])
    def fit_plain(block, options):
        return fit_estimators(block, lambda seed: Ridge(alpha=options.alpha), differentiable=True)

    kind, options = resolve_learner(Learner("plain", {"alpha": 2.0}))
    block = make_block(partitions=1, gaps=0.0)
    member = kind.fit(block, options).stack.member(0)
    x = block.inputs.astype(float)
    slope = member.jacobian(x[:, :5])
    np.testing.assert_allclose(slope, np.broadcast_to(slope[..., :1], slope.shape), rtol=1e-7)
    assert np.std(member.predict(x)[0] - block.outputs[0]) < 0.7 * np.std(block.outputs[0])


def test_a_registered_learner_says_what_it_takes_tries_and_refuses(kinds):
    def check(options, n_outputs, seed):
        if n_outputs > 1 and seed == 7:
            raise DesignError("one output, or another seed")

    @register_learner(
        "many",
        StrengthOptions,
        candidates=lambda options, seed: [StrengthOptions(options.alpha * factor) for factor in (1, 10, 100)],
        bytes_of_member=lambda options, seed, n_inputs, n_outputs, rows: rows * int(options.alpha) * n_inputs,
        bytes_in_making=lambda options, seed, n_inputs, n_outputs, rows: rows * n_outputs,
        check=check,
        tried=lambda options, seed: [{"alpha": options.alpha * factor, "seed": seed} for factor in (1, 10, 100)],
    )
    def fit_many(block, options):
        raise AssertionError("nothing is trained here")

    learner = Learner("many", {"alpha": 2.0})
    kind, options = resolve_learner(learner)
    need = needs(kind, options, np.array([100, 7]), members=4, atoms=4, n_inputs=5, n_outputs=3, seed=0)
    assert (need.candidates, need.bytes_of_members.tolist()) == (3, [4 * 100 * 2 * 5, 4 * 7 * 2 * 5])
    assert need.bytes_in_making.tolist() == [100 * 3, 7 * 3]
    assert [one["alpha"] for one in kind.tried(options, 5)] == [2.0, 20.0, 200.0]
    assert kind.tried(options, 5)[0]["seed"] == 5
    check_learner(learner, 1, seed=7)
    check_learner(learner, 3, seed=8)
    with pytest.raises(DesignError, match="one output, or another seed"):
        check_learner(learner, 3, seed=7)


def test_a_registered_learner_need_say_nothing(kinds):
    register_learner("plain", StrengthOptions)(lambda block, options: None)
    kind, options = resolve_learner(Learner("plain"))
    need = needs(kind, options, np.array([100, 7]), members=4, atoms=4, n_inputs=5, n_outputs=3, seed=0)
    assert (need.candidates, need.bytes_of_members.tolist(), kind.tried(options, 0)) == (1, [0, 0], ())
    assert need.bytes_in_making.tolist() == [0, 0]
    check_learner(Learner("plain"), 3)


def test_an_option_without_default_must_be_given(kinds):
    @dataclass(frozen=True)
    class Demanding:
        depth: int
        names: tuple = field(default_factory=tuple)
        alpha: float = 1.0
        made: float = field(default=0.0, init=False)

    register_learner("demanding", Demanding)(lambda block, options: None)
    with pytest.raises(DesignError, match="'demanding' has no default for the hyper-parameter 'depth'"):
        resolve_learner(Learner("demanding", {"alpha": 2.0}))
    with pytest.raises(DesignError, match="no hyper-parameter 'made'"):
        resolve_learner(Learner("demanding", {"depth": 3, "made": 1.0}))
    assert resolve_learner(Learner("demanding", {"depth": 3}))[1] == Demanding(3)


def test_an_estimator_with_types_that_nobody_named_is_told_when_it_is_fitted(make_block):
    from sklearn.linear_model import Ridge

    with pytest.raises(UntrustedTypeError, match=r"sklearn.linear_model._ridge.Ridge .* `types` of register_learner"):
        fit_estimators(make_block(partitions=1), lambda seed: Ridge())


def test_a_name_that_is_taken_and_options_that_may_change_are_refused(kinds):
    with pytest.raises(DesignError, match="There is a learner 'ridge' already"):
        register_learner("ridge", StrengthOptions)

    @dataclass
    class Loose:
        alpha: float = 1.0

    for options in (Loose, dict):
        with pytest.raises(DesignError, match=r"@dataclass\(frozen=True\)"):
            register_learner("loose", options)
    assert "loose" not in LEARNER_KINDS
