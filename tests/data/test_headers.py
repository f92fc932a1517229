"""The length that a header demands is the length that its library writes, for every kind of NetCDF."""

import contextlib
import io
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.data.classic_header import BrokenHeader, classic_size
from motrain_app.data.hdf5_header import SIGNATURE, find_superblock, hdf5_size

CLASSIC = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")


def write(path: Path, form: str, *, types: list[str], records: int, fixed: int) -> bytes:
    """A file with one record variable and one fixed variable of each type, and attributes of odd lengths."""
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.title = "odd"
        file.createDimension("time", None)
        file.createDimension("x", fixed)
        for number, kind in enumerate(types):
            for name, dims in ((f"r{number}", ("time", "x")), (f"f{number}", ("x",))):
                variable = file.createVariable(name, kind, dims)
                variable.units = "m" * (number + 1)
                shape = (records, fixed) if "time" in dims else (fixed,)
                if records or "time" not in dims:
                    variable[:] = np.ones(shape, dtype=kind)
    return path.read_bytes()


@pytest.mark.parametrize("form", CLASSIC)
@pytest.mark.parametrize("types", [["f8"], ["i1"], ["i2"], ["f4", "i2", "i1"], []])
@pytest.mark.parametrize(("records", "fixed"), [(0, 3), (1, 1), (5, 3)])
def test_a_whole_classic_file_is_as_long_as_its_header_demands_but_for_padding(
    tmp_path: Path, form: str, types: list[str], records: int, fixed: int
) -> None:
    content = write(tmp_path / "data.nc", form, types=types, records=records, fixed=fixed)
    demanded = classic_size(io.BytesIO(content), file_bytes=len(content))
    assert not demanded.open_ended
    assert 0 <= len(content) - demanded.bytes < 4


@pytest.mark.parametrize("form", CLASSIC)
def test_every_missing_end_is_noticed(tmp_path: Path, form: str) -> None:
    content = write(tmp_path / "data.nc", form, types=["f8", "i4"], records=4, fixed=3)
    for length in range(len(content)):
        try:
            demanded = classic_size(io.BytesIO(content[:length]), file_bytes=length).bytes
        except BrokenHeader:
            continue
        assert demanded > length


@given(position=st.integers(4, 400), value=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_damaged_header_is_broken_or_read_but_nothing_else(position: int, value: int) -> None:
    content = bytearray(EXAMPLE)
    content[position % len(content)] = value
    with contextlib.suppress(BrokenHeader):
        classic_size(io.BytesIO(content), file_bytes=len(content))


# One record dimension of two records, no attributes, one variable of doubles that begins at byte 80.
EXAMPLE = b"".join(
    [
        b"CDF\x01\x00\x00\x00\x02",
        b"\x00\x00\x00\x0a\x00\x00\x00\x01",
        b"\x00\x00\x00\x04time\x00\x00\x00\x00",
        bytes(8),
        b"\x00\x00\x00\x0b\x00\x00\x00\x01",
        b"\x00\x00\x00\x01T\x00\x00\x00",
        b"\x00\x00\x00\x01\x00\x00\x00\x00",
        bytes(8),
        b"\x00\x00\x00\x06\x00\x00\x00\x08\x00\x00\x00\x50",
        bytes(16),
    ]
)


def test_the_example_header_demands_what_is_written_in_it() -> None:
    assert classic_size(io.BytesIO(EXAMPLE), file_bytes=len(EXAMPLE)).bytes == 0x50 + 2 * 8


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF4_CLASSIC"])
def test_a_whole_netcdf_4_file_is_as_long_as_its_superblock_demands(tmp_path: Path, form: str) -> None:
    content = write(tmp_path / "data.nc", form, types=["f8"], records=4, fixed=3)
    with (tmp_path / "data.nc").open("rb") as file:
        superblock = find_superblock(file)
    assert superblock is not None
    assert hdf5_size(superblock) == len(content)


def test_a_superblock_behind_a_user_block_is_found() -> None:
    assert find_superblock(io.BytesIO(bytes(512) + SIGNATURE + bytes(100))) is not None
    assert find_superblock(io.BytesIO(bytes(10_000))) is None
