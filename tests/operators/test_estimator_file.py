"""No file makes an estimator build what is on no list, read beyond its memory, or fill the machine's."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

from motrain_app.operators import Operator, OperatorError, UntrustedTypeError
from motrain_app.operators.estimator_file import ALLOWED_TYPES, _canonical, allow_types, dump_estimator, load_estimator
from tests.operators.conftest import INPUTS, OUTPUTS
from tests.operators.estimators import MAKERS, bytes_of, each_kind, fitted


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
