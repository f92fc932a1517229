"""Operators as files: bit by bit the same, refused where damaged, loaded with next to nothing."""

import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import motrain_app
from motrain_app.design import Filter
from motrain_app.operators import Operator, OperatorError, Variable, operator_file
from tests.conftest import PATIENCE

# All that an operator needs, with what these need in turn.
NEEDED = ("numpy", "pandas", "xarray", "safetensors", "dateutil", "packaging", "six", "tzdata", "pytz")


@pytest.fixture
def saved(make_operator, tmp_path):
    h = make_operator(filters=["TG1 > 273.65"], hidden=(5, 3), activation="tanh", dtype=np.float32)
    return h, h.save(tmp_path / "cell-0.safetensors")


def test_an_operator_comes_back_bit_by_bit(make_operator, make_member, states, tmp_path):
    members = [
        make_member(
            "2009-2010",
            held_out=[["2009-10-01", "2010-07-01T06:30:00.123456"], ["2010-08-01", "2010-08-02"]],
        ),
        make_member("all", features="quadratic", output_mean=np.array([np.nan, 1e-300])),
        make_member("2012", hidden=(8, 3), activation="tanh", dtype=np.float32),
        make_member("old", held_out=[["1950-01-01", "1951-01-01"]]),
    ]
    h = make_operator(members=members, filters=["TG1 > 273.65", "not (flag & 4)"])
    again = Operator.load(h.save(tmp_path / "h.safetensors"))
    assert (again.name, again.inputs, again.outputs, again.filters) == (h.name, h.inputs, h.outputs, h.filters)
    for one, other in zip(again.members, h.members, strict=True):
        assert one.to_json() == other.to_json()
        np.testing.assert_array_equal(one.held_out, other.held_out)
        assert one.to_arrays().keys() == other.to_arrays().keys()
        for name, array in other.to_arrays().items():
            loaded = one.to_arrays()[name]
            assert (loaded.dtype, loaded.shape, loaded.tobytes()) == (array.dtype, array.shape, array.tobytes())
    np.testing.assert_array_equal(again.predict(states.T), h.predict(states.T))
    np.testing.assert_array_equal(again.jacobian(states), h.jacobian(states))


def test_names_in_any_script_come_back(make_operator, tmp_path):
    h = make_operator()
    inputs = (Variable("температура", "°C"), Variable("土壤水分", "m³ m⁻³"), Variable('"quoted" \\ name', "%"))
    odd = Operator("Ålesund · été 🛰", inputs, h.outputs, h.members, (Filter("температура > 0"),))
    again = Operator.load(odd.save(tmp_path / "été 土.safetensors"))
    assert (again.name, again.inputs, again.filters) == (odd.name, odd.inputs, odd.filters)


def test_many_members_keep_their_order(make_operator, make_member, tmp_path):
    h = make_operator(members=[make_member(str(seed), seed=seed, hidden=(2,) * 11) for seed in range(12)])
    again = Operator.load(h.save(tmp_path / "h.safetensors"))
    assert [member.name for member in again.members] == [str(seed) for seed in range(12)]
    for one, other in zip(again.members, h.members, strict=True):
        np.testing.assert_array_equal(one.weights[10], other.weights[10])


def test_arrays_of_any_memory_order_are_saved(make_operator, make_member, tmp_path):
    plain = make_member(hidden=(5,))
    turned = make_member(
        hidden=(5,),
        weights=tuple(np.asfortranarray(weight) for weight in plain.weights),
        biases=tuple(np.repeat(bias, 2)[::2] for bias in plain.biases),
    )
    paths = [make_operator(members=[one]).save(tmp_path / f"{n}.safetensors") for n, one in enumerate((plain, turned))]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_saving_leaves_one_file_and_replaces_the_old(saved, make_operator):
    _, path = saved
    assert make_operator().save(str(path)) == path
    assert Operator.load(path).filters == ()
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_saving_where_there_is_no_folder_says_so(make_operator, tmp_path):
    with pytest.raises(FileNotFoundError):
        make_operator().save(tmp_path / "absent" / "h.safetensors")


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved, share):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(OperatorError, match="Export it again"):
        Operator.load(path)


def test_a_changed_bit_is_noticed_wherever_it_is(saved):
    _, path = saved
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(OperatorError):
            Operator.load(path)


def test_a_pickle_is_refused_and_does_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "h.pickle"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(OperatorError, match="no operator file"):
        Operator.load(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"text, no tensors", b"CDF\x01", b"\x89HDF\r\n\x1a\n", b"\xff" * 100])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match="no operator file"):
        Operator.load(path)


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"motrain_operator": "no JSON"}, {"motrain_operator": "[]"}, {"motrain_operator": "{}"}],
)
def test_foreign_safetensors_are_refused(tmp_path, metadata):
    path = tmp_path / "foreign.safetensors"
    save_file({"0.weight.0": np.ones((2, 3))}, path, metadata=metadata)
    with pytest.raises(OperatorError, match="no operator file"):
        Operator.load(path)


def rewritten(path, change, *, signed=False):
    """Change the header of an operator's file; `signed`, as who knows how its checksum is made."""
    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["motrain_operator"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(header)
    if signed:
        del header["sha256"]
        header["sha256"] = operator_file._checksum(header, arrays)
    save_file(arrays, path, metadata={"motrain_operator": json.dumps(header)})


def test_another_schema_says_so(saved):
    _, path = saved
    rewritten(path, lambda header: header.update(schema=2))
    with pytest.raises(OperatorError, match="has schema 2; this version reads 1"):
        Operator.load(path)


def test_a_header_that_was_edited_by_hand_is_refused(saved):
    _, path = saved
    rewritten(path, lambda header: header["inputs"].reverse())
    with pytest.raises(OperatorError, match="checksum"):
        Operator.load(path)


@pytest.mark.parametrize(
    "odd",
    [
        {"members": ["2010", "2011", "2012"]},
        {"members": [None, None, None]},
        {"members": 3},
        {"inputs": [["TG1"], "WG1", 3]},
        {"filters": [1]},
        {"without_member": 7},
        {"without_member": [[0, 1, 2]]},
        {"without_member": [[1, 0]]},
        {"without_member": [["2010", {}]]},
        {"without_member": [[0, 2**70]]},
        {"without_member": None},
    ],
)
def test_values_of_an_odd_kind_are_refused_also_with_a_right_checksum(saved, odd):
    _, path = saved
    rewritten(path, lambda header: header.update(odd), signed=True)
    with pytest.raises(OperatorError, match="no operator file, or is damaged"):
        Operator.load(path)


def test_a_file_that_knows_no_folds_without_a_member_opens(saved):
    h, path = saved
    with safe_open(path, framework="np") as file:
        assert "without_member" not in json.loads(file.metadata()["motrain_operator"]), "as files always were"
    assert Operator.load(path).without_member is h.without_member is None


def test_absent_files_and_folders_are_refused(tmp_path):
    with pytest.raises(OperatorError, match=r"There is no operator file .*absent"):
        Operator.load(tmp_path / "absent")
    with pytest.raises(OperatorError):
        Operator.load(tmp_path)


def test_a_fresh_process_with_numpy_and_xarray_alone_gives_the_same(saved, states, tmp_path):
    """The folder of packages holds neither TensorFlow nor dask, no xarray backend, no shapely, no scipy."""
    h, path = saved
    site = tmp_path / "site"
    site.mkdir()
    for name in NEEDED:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            origin = Path(found.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (site / source.name).symlink_to(source)
            for metadata in source.parent.glob(f"{name}-*.dist-info"):
                (site / metadata.name).symlink_to(metadata)
    (site / "motrain_app").symlink_to(Path(motrain_app.__file__).parent)
    np.save(tmp_path / "x.npy", states)
    code = f"""
import sys
sys.path.insert(0, {str(site)!r})
import numpy as np
from motrain_app import Operator
h = Operator.load({str(path)!r})
x = np.load({str(tmp_path / "x.npy")!r})
np.savez({str(tmp_path / "y.npz")!r}, y=h(x), slope=h.jacobian(x), inside=h.inside_range(x))
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path
    )
    assert process.returncode == 0, process.stderr
    loaded = set(process.stdout.split())
    assert not loaded & {"tensorflow", "keras", "dask", "distributed", "netCDF4", "zarr", "shapely", "sklearn"}
    with np.load(tmp_path / "y.npz") as there:
        np.testing.assert_array_equal(there["y"], h(states))
        np.testing.assert_array_equal(there["slope"], h.jacobian(states))
        np.testing.assert_array_equal(there["inside"], h.inside_range(states))
