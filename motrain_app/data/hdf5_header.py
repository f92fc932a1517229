"""How long an HDF5 (NetCDF-4) file must be, from its superblock.

Layout: HDF5 File Format Specification, section II.A, "Disk Format: Level 0A - Format Signature and
Superblock".
"""

from __future__ import annotations

from typing import BinaryIO

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_LONGEST_SUPERBLOCK = 128
# A file may begin with a block of its user's own, whose length is a power of two from 512 on.
_USER_BLOCKS = (0, 512, 1024, 2048, 4096, 8192)


def find_superblock(file: BinaryIO) -> bytes | None:
    """The superblock's first bytes, from the signature on; None where there is none."""
    for start in _USER_BLOCKS:
        file.seek(start)
        block = file.read(_LONGEST_SUPERBLOCK)
        if block.startswith(SIGNATURE):
            return block
    return None


def hdf5_size(superblock: bytes) -> int | None:
    """Length in bytes of the whole file that the superblock demands; None where it cannot be read.

    Examples
    --------
    >>> version_2 = SIGNATURE + bytes([2, 8, 8, 0]) + bytes(16) + (4096).to_bytes(8, "little") + bytes(12)
    >>> hdf5_size(version_2)
    4096
    """
    if len(superblock) < 16:
        return None
    version = superblock[8]
    if version in (0, 1):
        width, first = superblock[13], 24 if version == 0 else 28
    elif version in (2, 3):
        width, first = superblock[9], 12
    else:
        return None
    # Base address, one more address, then the end of the file.
    end = superblock[first + 2 * width : first + 3 * width]
    if width not in (2, 4, 8) or len(end) < width:
        return None
    return int.from_bytes(end, "little")
