"""How long a classic NetCDF file (versions 1, 2 and 5) must be, from its own header.

A classic file that lost its end opens without complaint elsewhere, and reads zeros or garbage there.
Layout: NetCDF Users Guide, appendix "NetCDF Classic Format Specification".
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from typing import BinaryIO

_VERSIONS = (1, 2, 5)
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_DIMENSIONS, _VARIABLES, _ATTRIBUTES, _ABSENT = 10, 11, 12, 0


class BrokenHeader(ValueError):  # noqa: N818  # a finding about the file, turned into a DataError by the reader
    """The header ends early or contradicts itself."""


@dataclass(frozen=True, slots=True)
class ClassicSize:
    """Length that the header demands.

    Parameters
    ----------
    bytes
        Least number of bytes of the whole file.
    open_ended
        True where the number of records is not in the header: a stream that was not finished.
    """

    bytes: int
    open_ended: bool


@dataclass(frozen=True, slots=True)
class _Variable:
    begin: int
    bytes: int  # of the whole variable, or of one record of it
    is_record: bool


def is_classic(head: bytes) -> bool:
    """Whether these first bytes are those of a classic NetCDF file."""
    return len(head) >= 4 and head[:3] == b"CDF" and head[3] in _VERSIONS


def classic_size(file: BinaryIO, *, file_bytes: int) -> ClassicSize:
    """Read the header of a classic NetCDF file and compute the length that it demands.

    Parameters
    ----------
    file
        Opened in binary mode, at its first byte.
    file_bytes
        Present length. No count in the header is believed beyond it, so a hostile header allocates nothing.

    Raises
    ------
    BrokenHeader
        The header ends early or is not one.
    """
    header = _Header(file, file_bytes)
    records, open_ended = header.records()
    variables = header.variables()
    end = max([file.tell(), *(v.begin + v.bytes for v in variables if not v.is_record)])
    of_records = [v for v in variables if v.is_record]
    if of_records and records and not open_ended:
        # Several record variables are padded to four bytes within a record; a single one is not.
        stride = of_records[0].bytes if len(of_records) == 1 else sum(_padded(v.bytes) for v in of_records)
        end = max(end, *(v.begin + (records - 1) * stride + v.bytes for v in of_records))
    return ClassicSize(end, open_ended and bool(of_records))


class _Header:
    """Reads the parts of a classic header in their order; to be used once."""

    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self._file = file
        self._file_bytes = file_bytes
        magic = self._take(4)
        if not is_classic(magic):
            raise BrokenHeader("not a classic NetCDF header")
        self._count_format = ">Q" if magic[3] == 5 else ">I"
        self._offset_format = ">I" if magic[3] == 1 else ">Q"

    def records(self) -> tuple[int, bool]:
        """Number of records, and whether the writer left it open."""
        records = self._number(self._count_format)
        return records, records == 2 ** (8 * struct.calcsize(self._count_format)) - 1

    def variables(self) -> list[_Variable]:
        lengths = [self._dimension() for _ in range(self._list_length(_DIMENSIONS))]
        self._skip_attributes()
        return [self._variable(lengths) for _ in range(self._list_length(_VARIABLES))]

    def _dimension(self) -> int:
        self._skip_name()
        return self._number(self._count_format)

    def _variable(self, lengths: list[int]) -> _Variable:
        self._skip_name()
        rank = self._count()
        dims = [self._number(self._count_format) for _ in range(rank)]
        self._skip_attributes()
        item = self._type_bytes()
        self._number(self._count_format)  # vsize: computed below, since it saturates for large variables
        begin = self._number(self._offset_format)
        if any(dim >= len(lengths) for dim in dims):
            raise BrokenHeader("a variable names a dimension that does not exist")
        is_record = bool(dims) and lengths[dims[0]] == 0
        inner = dims[1:] if is_record else dims
        return _Variable(begin, item * math.prod(lengths[dim] for dim in inner), is_record)

    def _skip_attributes(self) -> None:
        for _ in range(self._list_length(_ATTRIBUTES)):
            self._skip_name()
            item = self._type_bytes()
            self._skip(_padded(item * self._count()))

    def _skip_name(self) -> None:
        self._skip(_padded(self._count()))

    def _skip(self, length: int) -> None:
        if self._file.tell() + length > self._file_bytes:
            raise BrokenHeader("the file ends within its header")
        self._file.seek(length, io.SEEK_CUR)

    def _type_bytes(self) -> int:
        code = self._number(">I")
        if code not in _TYPE_BYTES:
            raise BrokenHeader(f"there is no NetCDF type {code}")
        return _TYPE_BYTES[code]

    def _list_length(self, tag: int) -> int:
        found = self._number(">I")
        length = self._count()
        if found not in (tag, _ABSENT) or (found == _ABSENT and length):
            raise BrokenHeader("a list in the header has the wrong tag")
        return length

    def _count(self) -> int:
        """A number of things that each take at least one byte of the header."""
        count = self._number(self._count_format)
        if count > self._file_bytes:
            raise BrokenHeader("the header names more entries than the file has bytes")
        return count

    def _number(self, form: str) -> int:
        (value,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(value)

    def _take(self, length: int) -> bytes:
        data = self._file.read(length)
        if len(data) < length:
            raise BrokenHeader("the file ends within its header")
        return data


def _padded(size: int) -> int:
    return -(-size // 4) * 4
