"""Members of estimators: their face is that of other members, and no file makes them build what is on no list."""

import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

from motrain_app.operators import EstimatorMember, EstimatorStack, Operator, OperatorError, UntrustedTypeError
from motrain_app.operators.estimator_file import ALLOWED_TYPES, _canonical, allow_types, dump_estimator, load_estimator
from motrain_app.operators.member import SCALERS
from tests.conftest import PATIENCE
from tests.operators.conftest import INPUTS, OUTPUTS
from tests.runs.conftest import environment

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


@pytest.fixture(scope="module")
def member():
    """Return a maker of members with two outputs, of one kind."""

    def make(kind="svr", name="2010", *, seed=0, **changes):
        values = {
            "estimators": tuple(bytes_of(dump_estimator(fitted(kind, 2 * seed + output))) for output in range(2)),
            "input_mean": np.array([285.0, 0.25, 1.5]),
            "input_scale": np.array([9.0, 0.07, 1.1]),
            "input_low": np.array([265.0, 0.02, 0.0]),
            "input_high": np.array([310.0, 0.45, 5.0]),
            "output_mean": np.array([-11.0, -0.12]),
            "output_scale": np.array([1.3, 0.02]),
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


# What a member says


@each_kind
def test_a_member_is_scaled_estimators_in_physical_units(member, states, kind):
    one = member(kind)
    z = (states - one.input_mean) / one.input_scale
    for output in range(2):
        expected = fitted(kind, output).predict(z) * one.output_scale[output] + one.output_mean[output]
        np.testing.assert_array_equal(one.predict(states.T)[output], expected)


def test_the_jacobian_of_support_vectors_is_that_of_the_formula(member, states):
    one = member()
    jacobian = one.jacobian(states.T)
    z = (states - one.input_mean) / one.input_scale
    for output in range(2):
        svr = fitted("svr", output)
        apart = z[:, None] - svr.support_vectors_  # y = Σ a_s exp(−γ |z − s|²) + b
        kernel = svr.dual_coef_[0] * np.exp(-0.3 * (apart**2).sum(axis=2))
        slope = (-0.6 * kernel[:, :, None] * apart).sum(axis=1) * one.output_scale[output] / one.input_scale
        np.testing.assert_allclose(jacobian[output].T, slope, rtol=1e-5, atol=1e-6 * np.abs(slope).max())


@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_trees_have_no_derivative_and_say_so(member, operator, states, kind):
    assert not member(kind).differentiable
    assert np.isnan(member(kind).jacobian(states.T)).all()
    assert member(kind).jacobian(states.T).shape == (2, 3, len(states))
    assert not operator(kind).differentiable
    assert np.isnan(operator(kind).jacobian(states)).all()


def test_an_operator_is_differentiable_where_all_its_members_are(member, operator, make_operator):
    assert operator("svr").differentiable
    assert make_operator().differentiable
    mixed = Operator("cell-0", INPUTS, OUTPUTS, (member("svr"), member("forest")))
    assert not mixed.differentiable


@each_kind
def test_where_an_input_is_missing_there_is_no_value_and_the_others_stay(member, states, kind):
    one, gappy = member(kind), states.T.copy()
    gappy[1, 3] = np.nan
    there = np.arange(len(states)) != 3
    assert np.isnan(one.predict(gappy)[:, 3]).all()
    assert np.isnan(one.jacobian(gappy)[..., 3]).all()
    np.testing.assert_array_equal(one.predict(gappy)[:, there], one.predict(states.T)[:, there])
    assert np.isnan(one.predict(np.full((3, 4), np.nan))).all()


@each_kind
def test_an_output_that_could_not_be_trained_is_nan_and_the_other_is_not(member, states, kind):
    whole = member(kind)
    part = member(kind, output_mean=np.array([np.nan, -0.12]), estimators=(np.zeros(0, np.uint8), whole.estimators[1]))
    assert np.isnan(part.predict(states.T)[0]).all()
    assert np.isnan(part.jacobian(states.T)[0]).all()
    np.testing.assert_array_equal(part.predict(states.T)[1], whole.predict(states.T)[1])


def test_no_rows_give_no_predictions(member):
    assert member().predict(np.zeros((3, 0))).shape == (2, 0)
    assert member().jacobian(np.zeros((3, 0))).shape == (2, 3, 0)


@pytest.mark.parametrize("shape", [(1, 40), (4, 40), (3,), (3, 4, 5)])
def test_states_of_another_shape_are_refused(member, shape):
    with pytest.raises(OperatorError, match="a member takes"):
        member().predict(np.ones(shape))


@pytest.mark.parametrize(
    "changes",
    [
        {"estimators": ()},
        {"estimators": (np.zeros(3),) * 2},
        {"input_scale": np.ones(2)},
        {"output_scale": np.ones(3)},
        {"input_low": np.ones((3, 1))},
        {"input_mean": np.ones((3, 1))},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(member, changes):
    with pytest.raises(OperatorError, match="'2010' do not fit together"):
        member(**changes)


def test_what_cannot_have_been_left_out_is_refused(member):
    with pytest.raises(OperatorError, match="What the member '2010' left out cannot be read"):
        member(held_out=[["2011-01-01", "2010-01-01"]])


def test_a_member_comes_back_from_its_arrays_and_values(member, states):
    one = member("forest", held_out=[["2010-01-01", "2011-01-01"]])
    again = EstimatorMember.from_file(one.to_arrays(), one.to_json())
    assert again.to_json() == one.to_json()
    np.testing.assert_array_equal(again.held_out, one.held_out)
    np.testing.assert_array_equal(again.predict(states.T), one.predict(states.T))


def test_a_member_passes_between_processes_without_what_it_made(member, states):
    one = member("boosting")
    y = one.predict(states.T)
    passed = pickle.dumps(one)
    assert b"sklearn" not in passed.replace(one.estimators[0].tobytes(), b"").replace(one.estimators[1].tobytes(), b"")
    np.testing.assert_array_equal(pickle.loads(passed).predict(states.T), y)


# Stacks


def test_a_stack_gives_each_member_of_its_slot_and_reads_no_byte_of_the_others(member, states):
    members = [member(kind, seed=seed) for seed, kind in enumerate(MAKERS)]
    nothing = [b"", members[1].estimators[1].tobytes()]
    estimators = [[data.tobytes() for data in one.estimators] for one in members]
    estimators[1] = nothing
    scalers = {name: np.stack([getattr(one, name) for one in members]) for name in SCALERS}
    stack = EstimatorStack.of(scalers, estimators, differentiable=False)
    assert stack.n_slots == 3
    for slot in (0, 2):
        made = stack.member(slot, "2010", np.array([["2010-01-01", "2011-01-01"]], "datetime64[us]"))
        np.testing.assert_array_equal(made.predict(states.T), members[slot].predict(states.T))
        assert made.name == "2010"
    assert [data.tobytes() for data in stack.member(1).estimators] == nothing
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return stack.arrays["estimators"][start:stop]

    by_slot = {name: array[1:3] for name, array in stack.arrays.items() if name != "estimators"}
    part = EstimatorStack.read(by_slot, read, differentiable=False)
    assert asked == [(sum(map(len, estimators[0])), len(stack.arrays["estimators"]))]
    np.testing.assert_array_equal(part.member(1).predict(states.T), members[2].predict(states.T))
    assert EstimatorStack.read({name: a[:0] for name, a in by_slot.items()}, read, differentiable=False).n_slots == 0


# Files


@each_kind
def test_an_operator_of_estimators_gives_the_same_in_a_new_process(operator, states, tmp_path, kind):
    h = operator(kind)
    path = h.save(tmp_path / "cell-0.safetensors")
    again = Operator.load(path)
    assert [one.to_json() for one in again.members] == [one.to_json() for one in h.members]
    np.save(tmp_path / "x.npy", states)
    code = f"""
import pickle, sys
pickle.loads = pickle.load = pickle.Unpickler = None
import numpy as np
from motrain_app import Operator
h = Operator.load({str(path)!r})
assert not {{"sklearn", "skops", "tensorflow", "dask"}} & set(sys.modules)
np.savez("y.npz", y=h(np.load("x.npy")), slope=h.jacobian(np.load("x.npy")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, env=environment()
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "y.npz") as there:
        np.testing.assert_array_equal(there["y"], h(states))
        np.testing.assert_array_equal(there["slope"], h.jacobian(states))


def test_the_list_holds_no_type_that_the_three_learners_do_not_need():
    needed = set()
    for kind in MAKERS:
        with zipfile.ZipFile(io.BytesIO(dump_estimator(fitted(kind)))) as archive:
            needed |= {(e["__loader__"], f"{e['__module__']}.{e['__class__']}") for e in entries(archive)}
    assert needed == set(ALLOWED_TYPES)


def entries(archive):
    """Return the entries of a schema that name a type."""
    found, open_ = [], [json.loads(archive.read("schema.json"))]
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            found += [value] if "__loader__" in value else []
            open_ += value.values()
        elif isinstance(value, list):
            open_ += value
    return found


def altered(data, change):
    """Return an archive with another schema or other arrays: `change` is given both, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files.pop("schema.json"))
    change(schema, files)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, content)
    return packed.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def node(loader, module, name, **rest):
    return {"__loader__": loader, "__module__": module, "__class__": name, **rest}


def json_node(value):
    return node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def as_attribute(entry):
    """Return what puts an entry among the attributes of an estimator."""

    def change(schema, files):
        schema["content"]["content"]["verbose"] = entry

    return change


TOUCH = node("TupleNode", "builtins", "tuple", content=[json_node("touch ran")])
HOSTILE = {
    "os.system": as_attribute(node("ConstructorFromReduceNode", "os", "system", content=TOUCH)),
    "posix.system": as_attribute(node("FunctionNode", "posix", "system")),
    "builtins.eval": as_attribute(node("TypeNode", "builtins", "eval")),
    "operator.methodcaller": as_attribute(node("OperatorFuncNode", "operator", "methodcaller", attrs=TOUCH)),
    "functools.partial": as_attribute(
        node("PartialNode", "functools", "partial", content=dict.fromkeys(("func", "args", "kwds", "namespace"), TOUCH))
    ),
    # What skops trusts by itself.
    "numpy.random.mtrand.RandomState": as_attribute(
        node("RandomStateNode", "numpy.random.mtrand", "RandomState", content=json_node({"pos": 10**9}))
    ),
    "numpy.random._generator.Generator": as_attribute(
        node("RandomGeneratorNode", "numpy.random._generator", "Generator", content={})
    ),
    "numpy.void": as_attribute(node("NdArrayNode", "numpy", "void", type="numpy", file="size")),
    "numpy.ma.core.MaskedArray": as_attribute(node("MaskedArrayNode", "numpy.ma.core", "MaskedArray", content={})),
    "sklearn.linear_model._base.LinearRegression": as_attribute(
        node("ObjectNode", "sklearn.linear_model._base", "LinearRegression")
    ),
    # Types of the list, by a loader that would call them.
    "numpy.ndarray": as_attribute(node("ConstructorFromReduceNode", "numpy", "ndarray", content=TOUCH)),
    "builtins.dict": as_attribute(node("TypeNode", "builtins", "dict")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_type_that_is_not_on_the_list_is_named_and_nothing_runs(
    member, operator, states, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    data = altered(dump_estimator(fitted("svr")), HOSTILE[name])

    def fail(*arguments, **options):
        raise AssertionError("skops saw it")

    monkeypatch.setattr(skops.io, "loads", fail)
    with pytest.raises(UntrustedTypeError, match=f"the type {name} .*not allowed.* register_learner"):
        load_estimator(data, 3)
    bad = member(estimators=(bytes_of(data),) * 2)
    with pytest.raises(UntrustedTypeError, match=name):
        bad.predict(states.T)
    path = Operator("cell-0", INPUTS, OUTPUTS, (bad,)).save(tmp_path / "bad.safetensors")
    with pytest.raises(UntrustedTypeError, match=rf"bad.safetensors is not opened. .*{name}"):
        Operator.load(path)
    assert os.listdir(tmp_path) == ["bad.safetensors"]


def test_what_skops_makes_of_a_reduced_command_is_refused(monkeypatch, tmp_path):
    """A file that skops itself writes: of an object whose reduction is a call."""

    class Bomb(SVR):
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    bomb = Bomb().fit(np.eye(3), np.arange(3.0))
    with pytest.raises(UntrustedTypeError, match="Bomb"):
        load_estimator(skops.io.dumps(bomb), 3)
    with pytest.raises(UntrustedTypeError, match="RandomState"):
        load_estimator(skops.io.dumps(SVR(gamma=0.1, verbose=np.random.RandomState(0))), 3)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_is_refused_and_does_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    for content in (pickle.dumps(Bomb()), b"", b"text"):
        with pytest.raises(OperatorError, match="damaged"):
            load_estimator(content, 3)
    in_archive = altered(dump_estimator(fitted("svr")), lambda schema, files: files.update(x=pickle.dumps(Bomb())))
    with pytest.raises(OperatorError, match="damaged"):
        load_estimator(in_archive, 3)
    assert not (tmp_path / "ran").exists()


def huge(shape, dtype="<f8"):
    """Return an array whose header declares more than it holds."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue() + b"\0" * 64


@pytest.mark.parametrize(
    "content",
    [
        huge((10**12,)),
        huge((-1,)),
        huge((2**33, 2**33)),
        huge((10**12,), "|V0"),
        huge((8,), "|O"),
        npy(np.ones(3))[:-1],
    ],
    ids=["too long", "negative", "overflow", "of nothing", "of objects", "truncated"],
)
def test_an_array_that_declares_another_size_than_it_has_allocates_nothing(content):
    def change(schema, files):
        for name in files:
            files[name] = content

    tracemalloc.start()
    try:
        with pytest.raises(OperatorError, match="damaged"):
            load_estimator(altered(dump_estimator(fitted("svr")), change), 3)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_an_archive_that_would_fill_the_memory_is_not_unpacked():
    data = altered(dump_estimator(fitted("svr")), lambda schema, files: files.update(bomb=npy(np.zeros(5_000_000))))
    assert len(data) < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(OperatorError, match="beyond all measure"):
            load_estimator(data, 3)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_parts_that_refer_to_each_other_or_are_read_again_and_again_are_refused():
    """A few kilobytes of either would be gigabytes in memory."""

    def share(schema, files):
        schema["content"]["content"]["verbose"] = json_node(0) | {"__id__": 7}

    def repeat(schema, files):
        files["large"] = npy(np.random.default_rng(0).normal(size=10_000))
        again = node("NdArrayNode", "numpy", "ndarray", type="numpy", file="large")
        schema["content"]["content"]["verbose"] = node("ListNode", "builtins", "list", content=[again] * 200)

    def objects(schema, files):
        shape = node("TupleNode", "builtins", "tuple", content=[])
        array = node("NdArrayNode", "numpy", "ndarray", type="json", content=[], shape=shape)
        schema["content"]["content"]["verbose"] = array

    for change, words in ((share, "refers to another"), (repeat, "beyond all measure"), (objects, "array of objects")):
        with pytest.raises(OperatorError, match=words):
            load_estimator(altered(dump_estimator(fitted("svr")), change), 3)


@pytest.mark.parametrize("protocol", [0, 1, 3, None, "2"])
def test_another_protocol_which_older_code_would_read_is_refused(protocol):
    data = altered(dump_estimator(fitted("svr")), lambda schema, files: schema.update(protocol=protocol))
    with pytest.raises(OperatorError, match="protocol"):
        load_estimator(data, 3)


@each_kind
def test_an_estimator_of_other_inputs_is_refused(kind):
    with pytest.raises(OperatorError, match="it takes 4 inputs, not 3"):
        load_estimator(dump_estimator(fitted(kind, n_inputs=4)), 3)


def test_a_part_of_an_estimator_is_none():
    for part in (fitted("forest").estimators_[0], [1, 2], {"a": 1}):
        with pytest.raises(OperatorError, match="no estimator that a learner here makes"):
            load_estimator(_canonical(skops.io.dumps(part)), 3)


def changed(kind, change):
    """Return the bytes of an estimator with a change that scikit-learn does not notice."""
    estimator = fitted(kind)
    change(estimator)
    return dump_estimator(estimator)


def set_node(field, value, *, inner=True):
    """Return what gives the first inner node of the first tree of boosting another field."""

    def change(boosting):
        nodes = boosting._predictors[0][0].nodes
        nodes[field][np.flatnonzero(nodes["is_leaf"] != inner)[0]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_node("left", 10**6),
        set_node("right", 2**32 - 1),
        set_node("feature_idx", 3),
        set_node("feature_idx", -1),
        set_node("left", 0),  # round in a circle
        set_node("is_categorical", 1),
        lambda boosting: setattr(boosting._predictors[0][0], "nodes", boosting._predictors[0][0].nodes[:0]),
        lambda boosting: setattr(boosting, "n_trees_per_iteration_", 10**9),
        lambda boosting: setattr(boosting, "_baseline_prediction", np.zeros((10**3, 1))),
        lambda boosting: setattr(boosting._bin_mapper, "is_categorical_", np.ones(3, np.uint8)),
        lambda boosting: setattr(boosting, "_predictors", [[SVR(gamma=0.1)]]),
    ],
)
def test_boosted_trees_that_would_read_beyond_their_memory_are_refused(change):
    with pytest.raises(OperatorError, match="damaged"):
        load_estimator(changed("boosting", change), 3)


def tree_file(field, value):
    """Return a forest of which the first inner node of every tree has another value."""

    def change(schema, files):
        for name, content in files.items():
            array = np.load(io.BytesIO(content))
            if array.dtype.names and field in array.dtype.names:
                array[field][np.flatnonzero(array["left_child"] != -1)[0]] = value
                files[name] = npy(array)

    return altered(dump_estimator(fitted("forest")), change)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**9), ("right_child", -2), ("left_child", 0), ("feature", 3), ("feature", -2)],
)
def test_trees_of_a_forest_that_would_read_beyond_their_memory_are_refused(field, value):
    with pytest.raises(OperatorError, match="a node of a tree leads out of it"):
        load_estimator(tree_file(field, value), 3)


@pytest.mark.parametrize("count", [3, 0, -1])
def test_a_tree_that_claims_other_nodes_than_it_has_is_refused(count):
    def change(schema, files):
        for entry in walk(schema):
            if "node_count" in entry:
                entry["node_count"] = json_node(count)

    with pytest.raises(OperatorError, match="the shape of a tree"):
        load_estimator(altered(dump_estimator(fitted("forest")), change), 3)


def walk(value):
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(one)


@pytest.mark.parametrize(
    "changes",
    [
        {"support_vectors_": np.ones((5, 3))},
        {"support_vectors_": np.ones((0, 3))},
        {"_dual_coef_": np.ones((1, 2))},
        {"_n_support": np.array([10**6, 10**6], np.int32)},
        {"_n_support": np.array([5], np.int32)},
        {"_intercept_": np.zeros(0)},
        {"_probA": np.ones(7)},
        {"_impl": "c_svc"},
        {"kernel": "precomputed"},
        {"_sparse": True},
        {"support_": [1, 2, 3]},
    ],
)
def test_support_vectors_that_do_not_fit_together_are_refused(changes):
    with pytest.raises(OperatorError, match="damaged"):
        load_estimator(changed("svr", lambda svr: vars(svr).update(changes)), 3)


def test_a_type_that_nobody_named_cannot_be_saved():
    with pytest.raises(UntrustedTypeError, match=r"sklearn.linear_model._ridge.Ridge"):
        dump_estimator(Ridge().fit(np.eye(3), np.arange(3.0)))


def test_a_type_that_somebody_registered_is_read_and_one_of_the_list_is_looked_at_all_the_same(monkeypatch):
    monkeypatch.setattr("motrain_app.operators.estimator_file._REGISTERED", set())
    allow_types(())
    ridge = Ridge().fit(np.eye(3), np.arange(3.0))
    with pytest.raises(UntrustedTypeError):
        dump_estimator(ridge)
    allow_types([Ridge, SVR])
    np.testing.assert_array_equal(load_estimator(dump_estimator(ridge), 3).predict(np.eye(3)), ridge.predict(np.eye(3)))
    with pytest.raises(OperatorError, match="the number of support vectors differs"):
        load_estimator(changed("svr", lambda svr: svr._n_support.__setitem__(0, 10**6)), 3)


def test_saving_leaves_the_estimator_as_it_is():
    boosting = fitted("boosting")
    dump_estimator(boosting)
    assert boosting._feature_subsample_rng is not None
