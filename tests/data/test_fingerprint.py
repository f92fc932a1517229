"""A fingerprint changes with the content, and with nothing else."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from motrain_app.data import DataError, fingerprint


def file(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def store(path: Path) -> Path:
    xr.Dataset({"TG1": ("x", np.arange(100.0))}).to_zarr(path, consolidated=False, encoding={"TG1": {"chunks": (10,)}})
    return path


def test_the_fingerprint_of_a_file_is_what_sha256sum_prints(tmp_path: Path) -> None:
    path = file(tmp_path / "data.nc")
    assert fingerprint(path) == "sha256:" + hashlib.sha256(b"content").hexdigest()


def test_the_name_of_a_file_and_its_date_do_not_matter(tmp_path: Path) -> None:
    assert fingerprint(file(tmp_path / "a.nc")) == fingerprint(file(tmp_path / "b.nc"))


def test_the_order_of_several_files_does_not_matter_but_their_names_do(tmp_path: Path) -> None:
    a, b = file(tmp_path / "a.nc", b"1"), file(tmp_path / "b.nc", b"2")
    assert fingerprint([a, b]) == fingerprint([b, a])
    # Variables are named after their files: exchanged contents are other data.
    swapped = [file(tmp_path / "other" / "a.nc", b"2"), file(tmp_path / "other" / "b.nc", b"1")]
    assert fingerprint(swapped) != fingerprint([a, b])
    copied = [file(tmp_path / "copy" / "a.nc", b"1"), file(tmp_path / "copy" / "b.nc", b"2")]
    assert fingerprint(copied) == fingerprint([a, b])


def test_a_copied_store_has_the_same_fingerprint_and_a_changed_byte_another(tmp_path: Path) -> None:
    path = store(tmp_path / "data.zarr")
    before = fingerprint(path)
    copy = Path(shutil.copytree(path, tmp_path / "copy.zarr", copy_function=shutil.copyfile))
    assert before.startswith("sha256:")
    assert fingerprint(copy) == before
    chunk = copy / "TG1" / "c" / "3"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(content)
    assert fingerprint(copy) != before


def test_exchanged_chunks_of_a_store_are_noticed(tmp_path: Path) -> None:
    path = store(tmp_path / "data.zarr")
    before = fingerprint(path)
    one, other = path / "TG1" / "c" / "1", path / "TG1" / "c" / "2"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert fingerprint(path) != before


def test_a_renamed_variable_of_a_store_is_noticed(tmp_path: Path) -> None:
    path = store(tmp_path / "data.zarr")
    before = fingerprint(path)
    (path / "TG1").rename(path / "TG2")
    assert fingerprint(path) != before


@pytest.mark.parametrize("kind", ["file", "store"])
def test_large_sources_are_sampled_and_labelled_partial(tmp_path: Path, kind: str) -> None:
    path = store(tmp_path / "data.zarr") if kind == "store" else file(tmp_path / "data.nc", bytes(300_000))
    before = fingerprint(path, whole_bytes=10)
    assert before.startswith("partial:")
    assert fingerprint(path, whole_bytes=10) == before
    changed = path / "TG1" / "zarr.json" if kind == "store" else path
    changed.write_bytes(changed.read_bytes()[:-1] + b" ")
    assert fingerprint(path, whole_bytes=10) != before


def test_two_sources_together_over_the_limit_are_partial(tmp_path: Path) -> None:
    paths = [file(tmp_path / name, bytes(6)) for name in ("a", "b")]
    assert fingerprint(paths[0], whole_bytes=10).startswith("sha256:")
    assert fingerprint(paths, whole_bytes=10).startswith("partial:")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        fingerprint(tmp_path / "nothing.nc")
