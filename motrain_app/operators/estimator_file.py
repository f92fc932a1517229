"""Estimators as skops bytes: written in one canonical form, read only where every type in them is on a list.

A skops file is a zip archive: ``schema.json`` names the types to make, beside it lie NumPy arrays. skops trusts some
hundred types by itself, among them constructors that a number in the file makes allocate terabytes (``numpy.void``,
``numpy.random.SeedSequence``) and ``RandomState.set_state``, which reads beyond its array. So the schema is read here
first, and a file that names any other type than those below, trusted by skops or not, is refused before skops sees it.
"""

import copy
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from motrain_app.operators.errors import OperatorError, UntrustedTypeError
from motrain_app.operators.estimator_content import check_content

_HGB = "sklearn.ensemble._hist_gradient_boosting"
# How skops makes an object, and of which type: the same type is harmless by one loader and not by another.
ALLOWED_TYPES = (
    ("DictNode", "builtins.dict"),
    ("JsonNode", "builtins.str"),
    ("ListNode", "builtins.list"),
    ("TupleNode", "builtins.tuple"),
    ("TypeNode", "builtins.str"),
    ("NdArrayNode", "numpy.ndarray"),
    ("NdArrayNode", "numpy.uint64"),
    ("ObjectNode", "sklearn.svm._classes.SVR"),
    ("ObjectNode", "sklearn.ensemble._forest.RandomForestRegressor"),
    ("ObjectNode", "sklearn.tree._classes.DecisionTreeRegressor"),
    ("TreeNode", "sklearn.tree._tree.Tree"),
    ("ObjectNode", f"{_HGB}.gradient_boosting.HistGradientBoostingRegressor"),
    ("ObjectNode", f"{_HGB}.binning._BinMapper"),
    ("ObjectNode", f"{_HGB}.predictor.TreePredictor"),
    ("ObjectNode", "sklearn._loss.loss.HalfSquaredError"),
    ("LossNode", "sklearn._loss._loss.CyHalfSquaredError"),
    ("ObjectNode", "sklearn._loss.link.IdentityLink"),
    ("ObjectNode", "sklearn._loss.link.Interval"),
)
_REGISTERED: set[tuple[str, str]] = set()
_NUMBERS = (np.float64, np.float32, np.int64, np.int32, np.bool)
_NAMES_A_TYPE = {"__loader__", "__class__", "__module__"}
_SCHEMA = "schema.json"
_PROTOCOL = 2  # of skops 0.16; an older one, which a file may claim, is read by older and laxer code
_EXPANSION_AT_MOST = 100  # trees shrink to a fifth; an archive that grows more than this is there to fill the memory
_FOR_FITTING_ALONE = ("_feature_subsample_rng",)  # of boosting; a generator would have to be on the list


def allow_types(types: Sequence[type]) -> None:
    """Allow types in this process, in addition to those of the list: of a module that a person registered.

    NumPy's plain numbers come with them, as attributes of most estimators.
    """
    for one in (*types, *_NUMBERS) if types else ():
        _REGISTERED.add(("NdArrayNode" if issubclass(one, (np.number, np.bool)) else "ObjectNode", _name(one)))


def dump_estimator(estimator: Any) -> bytes:
    """Return a fitted estimator as bytes: equal ones for equal estimators, in any process and at any time.

    Raises
    ------
    UntrustedTypeError
        Where it holds a type that could not be read back.
    """
    import skops.io

    lean = copy.copy(estimator)
    for name in _FOR_FITTING_ALONE:
        vars(lean).pop(name, None)
    data = _canonical(skops.io.dumps(lean))
    check_estimator_file(data)
    return data


def load_estimator(data: bytes, n_inputs: int) -> Any:
    """Return the estimator in bytes that `dump_estimator` wrote.

    Raises
    ------
    UntrustedTypeError
        Where it names a type that is not allowed; nothing is made then.
    OperatorError
        Where it is damaged, or not an estimator of so many inputs.
    """
    check_estimator_file(data)
    import skops.io

    try:
        estimator = skops.io.loads(data, trusted=[name for _, name in (*ALLOWED_TYPES, *_REGISTERED)])
        kind = ("ObjectNode", _name(type(estimator)))
        if kind in ALLOWED_TYPES or kind not in _REGISTERED:
            check_content(estimator, n_inputs)  # a registered type is its module's own affair
    except Exception as error:  # whatever made-up values raise in NumPy, skops and scikit-learn
        raise _damaged(error) from None
    return estimator


def check_estimator_file(data: bytes) -> None:
    """Refuse bytes that name a type which is not allowed, or arrays larger than the bytes are; nothing is made.

    Raises
    ------
    UntrustedTypeError, OperatorError
        As `load_estimator`.
    """
    try:
        with ZipFile(BytesIO(data)) as archive:
            _check_size(archive, archive.namelist(), len(data))
            schema = json.loads(archive.read(_SCHEMA))
            if schema.get("protocol") != _PROTOCOL:
                raise OperatorError(f"it has the protocol {schema.get('protocol')!r}, not {_PROTOCOL}")
            entries = [entry for entry in _dictionaries(schema) if entry.keys() & _NAMES_A_TYPE]
            _check_types(entries)
            # skops reads a file once for each entry that names it.
            _check_size(archive, [entry["file"] for entry in entries if "file" in entry], len(data))
            for name in archive.namelist():
                if name != _SCHEMA:
                    _check_array(archive.read(name))
    except UntrustedTypeError:
        raise
    except Exception as error:  # zipfile, zlib and json raise a dozen kinds
        raise _damaged(error) from None


def _check_types(entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse types that are not allowed, and what skops could multiply: references, and arrays of objects."""
    allowed = {*ALLOWED_TYPES, *_REGISTERED}
    for entry in entries:
        loader = str(entry.get("__loader__"))
        name = f"{entry.get('__module__')}.{entry.get('__class__')}"
        if (loader, name) not in allowed:
            raise UntrustedTypeError(
                f"It holds an estimator with the type {name} ({loader}), which is not allowed. Where it belongs to a "
                "learner of your own, name it in `types` of register_learner, and import the module that registers it "
                "first (--register MODULE); otherwise do not use the file."
            )
    if any("__id__" in entry for entry in entries):
        raise OperatorError("one part of it refers to another")
    if any(entry.get("type", "numpy") != "numpy" for entry in entries):
        raise OperatorError("it holds an array of objects")


def _check_size(archive: ZipFile, names: Iterable[str], size: int) -> None:
    files = [archive.getinfo(name) for name in names]
    if any(file.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for file in files):
        raise OperatorError("it is packed by another method than deflate")
    if sum(file.file_size for file in files) > _EXPANSION_AT_MOST * size:
        raise OperatorError("it would grow beyond all measure when unpacked")


def _check_array(content: bytes) -> None:
    """Refuse an array that declares another size than it has: NumPy would allocate what it declares."""
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read_header(stream)
    declared = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.itemsize == 0 or min(shape, default=0) < 0 or declared != len(content) - stream.tell():
        raise OperatorError(f"an array of shape {shape} and type {dtype} has {len(content) - stream.tell()} bytes")


def _canonical(data: bytes) -> bytes:
    """Return the archive without what differs from process to process: addresses of objects, and the time."""
    files: dict[str, bytes] = {}
    with ZipFile(BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        for entry in _dictionaries(schema):
            if not entry.keys() & _NAMES_A_TYPE:
                continue
            entry.pop("__id__", None)
            if "file" in entry:
                content = archive.read(entry["file"])
                entry["file"] = hashlib.sha256(content).hexdigest()[:32]
                files[entry["file"]] = content
    files[_SCHEMA] = json.dumps(schema).encode()
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        for name in sorted(files):
            archive.writestr(ZipInfo(name), files[name], ZIP_DEFLATED)  # ZipInfo's date is that of 1980
    return packed.getvalue()


def _dictionaries(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every dictionary of a schema, at whatever depth."""
    open_: list[Any] = [schema]
    while open_:
        value = open_.pop()
        if isinstance(value, dict):
            yield value
            open_ += value.values()
        elif isinstance(value, list):
            open_ += value


def _name(one: type) -> str:
    return f"{one.__module__}.{one.__name__}"  # as skops has it, which finds no class within another


def _damaged(error: Exception) -> OperatorError:
    return OperatorError(f"An estimator is damaged ({error or type(error).__name__}). Export the operator again.")
