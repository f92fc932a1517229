"""The file of an operator: safetensors, that is arrays and a JSON header; nothing in it can run."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from motrain_app.design.filters import Filter
from motrain_app.operators.ensemble import EnsembleMember, split_by_number
from motrain_app.operators.errors import OperatorError, UntrustedTypeError
from motrain_app.operators.estimator import EstimatorMember
from motrain_app.operators.interfaces import AnyMember
from motrain_app.operators.interval import ResidualQuantiles
from motrain_app.operators.member import Member
from motrain_app.operators.operator import Operator, Variable

Arrays = Mapping[str, NDArray[Any]]
SCHEMA = 1
_KEY = "motrain_operator"  # of the file's metadata
_RESIDUALS = "residuals."  # how the names of the arrays begin that belong to no member
_WITHOUT_MEMBER = "without_member"  # of the header, where there are any: pairs of microseconds since 1970
_CLASSES = {kind.__name__: kind for kind in (Member, EnsembleMember, EstimatorMember)}


def write_operator(operator: Operator, path: Path) -> Path:
    """Write an operator to one file, and return its path."""
    arrays = {
        f"{number}.{name}": np.ascontiguousarray(array)
        for number, member in enumerate(operator.members)
        for name, array in member.to_arrays().items()
    }
    if operator.residuals is not None:
        arrays |= {_RESIDUALS + name: array for name, array in operator.residuals.to_arrays().items()}
    header = {
        "schema": SCHEMA,
        "name": operator.name,
        "inputs": [[variable.name, variable.unit] for variable in operator.inputs],
        "outputs": [[variable.name, variable.unit] for variable in operator.outputs],
        "filters": [str(rule) for rule in operator.filters],
        "members": [member.to_json() for member in operator.members],
    }
    if operator.without_member is not None:
        header[_WITHOUT_MEMBER] = operator.without_member.astype(np.int64).tolist()
    header["sha256"] = _checksum(header, arrays)
    aside = path.with_name(path.name + ".new")
    aside.write_bytes(save(arrays, metadata={_KEY: json.dumps(header, ensure_ascii=False)}))
    os.replace(aside, path)
    return path


def read_operator(path: Path) -> Operator:
    """Read what `write_operator` wrote.

    Raises
    ------
    OperatorError
        Where the file is absent, truncated, damaged, or no operator; or holds an estimator of a type that is not on the
        list of `motrain_app.operators.estimator_file`.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if header["schema"] == SCHEMA:
            return _operator(header, arrays)
    except FileNotFoundError:
        raise OperatorError(f"There is no operator file {path}. `motrain export RUN --to DIR` writes them.") from None
    except UntrustedTypeError as error:
        raise UntrustedTypeError(f"{path} is not opened. {error}") from None
    except (SafetensorError, OSError, *_OF_ODD_CONTENT) as error:
        raise OperatorError(f"{path} is no operator file, or is damaged ({error}). Export it again.") from None
    raise OperatorError(f"{path} has schema {header['schema']}; this version reads {SCHEMA}. Export it again.")


# What values of another type or shape than expected raise, wherever in a header they stand.
_OF_ODD_CONTENT = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


def _operator(header: dict[str, Any], arrays: Arrays) -> Operator:
    if header.pop("sha256") != _checksum(header, arrays):
        raise OperatorError("its checksum differs")
    of_members = {key: array for key, array in arrays.items() if not key.startswith(_RESIDUALS)}
    kept = {key.removeprefix(_RESIDUALS): array for key, array in arrays.items() if key.startswith(_RESIDUALS)}
    return Operator(
        name=header["name"],
        inputs=tuple(Variable(*pair) for pair in header["inputs"]),
        outputs=tuple(Variable(*pair) for pair in header["outputs"]),
        members=tuple(map(_member, split_by_number(of_members, len(header["members"])), header["members"])),
        filters=tuple(Filter(text) for text in header["filters"]),
        residuals=ResidualQuantiles.from_arrays(kept) if kept else None,
        without_member=_times(header[_WITHOUT_MEMBER]) if _WITHOUT_MEMBER in header else None,
    )


def _times(microseconds: Any) -> NDArray[np.datetime64]:
    return np.asarray(microseconds, np.int64).astype("datetime64[us]")


def _member(arrays: Arrays, values: Mapping[str, Any]) -> AnyMember:
    kind = values.get("class", Member.__name__)
    if kind not in _CLASSES:
        raise OperatorError(f"it has a member of the unknown class {kind!r}")
    member: AnyMember = _CLASSES[kind].from_file(arrays, values)
    return member


def _checksum(header: Mapping[str, Any], arrays: Arrays) -> str:
    """Return what tells whether a bit of a file has changed."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
