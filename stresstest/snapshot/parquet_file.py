"""A Parquet file's bytes, looked at before any reader decodes them: structure, page checksums, SHA-256.

Readers decode damaged pages into other numbers without notice, and now and then kill the process. So the file's
footer and every page header are parsed here, in plain Python, which can fail but not crash: pages must chain exactly
through each column chunk, counts must agree, and where the writer stored page checksums (parquet-mr does, others on
request) every page must match its own. Format: https://parquet.apache.org/docs/file-format/ and its parquet.thrift.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stresstest.snapshot.thrift import Struct, read_struct

MAGIC = b"PAR1"
_DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 1, 2, 3
_REPEATED = 2


class DamagedFileError(Exception):
    """The bytes contradict themselves; the message says how."""


@dataclass(frozen=True)
class FileFacts:
    """What the bytes of one Parquet file say. `checked`: every page carried a checksum and matched it."""

    rows: int
    bytes: int
    columns: tuple[str, ...]
    checked: bool


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inspect(path: Path) -> FileFacts:
    """Walk the pages of the whole file.

    Raises:
        DamagedFileError: not a Parquet file, cut off, or contradicting itself or its checksums.
        OSError: cannot be opened.
    """
    size = path.stat().st_size
    if size < 12:
        raise DamagedFileError(f"not a Parquet file: {size} bytes")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
        try:
            footer, footer_start = _read_footer(data)
            rows, checked = _walk(data, footer, footer_start)
            columns = _top_level_names(footer)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DamagedFileError(f"its structure does not parse: {type(error).__name__} {error}") from None
    return FileFacts(rows, size, columns, checked)


def _read_footer(data: memoryview) -> tuple[Struct, int]:
    tail = bytes(data[-4:])
    if tail == b"PARE":
        raise DamagedFileError("encrypted footers are not supported")
    if bytes(data[:4]) != MAGIC or tail != MAGIC:
        raise DamagedFileError("not a Parquet file, or cut off: it does not start and end with PAR1")
    length = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - length
    if start < 4:
        raise DamagedFileError("the footer is longer than the file")
    footer, end = read_struct(data, start)
    if end != len(data) - 8:
        raise DamagedFileError("the footer does not end where its length says")
    return footer, start


@dataclass(frozen=True)
class _Leaf:
    """One leaf of the schema: where it hangs, its physical type, whether values can be missing or repeated."""

    path: tuple[str, ...]
    type: int
    repeated: bool


def _leaves(footer: Struct) -> list[_Leaf]:
    elements: list[Struct] = footer[2]
    leaves: list[_Leaf] = []
    position = 1

    def descend(path: tuple[str, ...], repeated: bool) -> None:
        nonlocal position
        element = elements[position]
        position += 1
        here = (*path, element[4].decode())
        again = repeated or element.get(3) == _REPEATED
        if element.get(5):
            for _ in range(element[5]):
                descend(here, again)
        else:
            leaves.append(_Leaf(here, element[1], again))

    for _ in range(elements[0].get(5, 0)):
        descend((), False)
    if position != len(elements):
        raise DamagedFileError("the schema does not add up")
    return leaves


def _top_level_names(footer: Struct) -> tuple[str, ...]:
    return tuple(dict.fromkeys(leaf.path[0] for leaf in _leaves(footer)))


def _walk(data: memoryview, footer: Struct, footer_start: int) -> tuple[int, bool]:
    leaves = _leaves(footer)
    rows = sum(group[3] for group in footer.get(4, []))
    if rows != footer[3]:
        raise DamagedFileError(f"the footer says {footer[3]:,} rows, its row groups {rows:,}")
    pages = with_checksum = 0
    extents: list[tuple[int, int]] = []
    for number, group in enumerate(footer.get(4, [])):
        chunks = group[1]
        if len(chunks) != len(leaves):
            raise DamagedFileError(f"row group {number} has {len(chunks)} columns, the schema {len(leaves)}")
        for leaf, chunk in zip(leaves, chunks, strict=True):
            start, end, seen, summed = _walk_chunk(data, footer_start, leaf, chunk[3], group[3])
            extents.append((start, end))
            pages += seen
            with_checksum += summed
    extents.sort()
    if any(before[1] > after[0] for before, after in itertools.pairwise(extents)):
        raise DamagedFileError("column chunks overlap")
    if with_checksum not in (0, pages):
        raise DamagedFileError(f"{pages - with_checksum} of {pages} pages have lost their checksum")
    return rows, with_checksum == pages


def _walk_chunk(data: memoryview, footer_start: int, leaf: _Leaf, meta: dict[int, Any], rows: int) -> tuple[int, int, int, int]:
    name = ".".join(leaf.path)
    if tuple(part.decode() for part in meta[3]) != leaf.path or meta[1] != leaf.type:
        raise DamagedFileError(f"column {name}: the schema and the column chunk disagree")
    if not leaf.repeated and meta[5] != rows:
        raise DamagedFileError(f"column {name}: {meta[5]:,} values in a row group of {rows:,} rows")
    offsets = [offset for offset in (meta[9], meta.get(11)) if offset]  # zero: no such page
    if not offsets and meta[5] == 0:
        return 0, 0, 0, 0
    start = min(offsets)
    end = start + meta[7]
    if start < len(MAGIC) or end > footer_start:
        raise DamagedFileError(f"column {name}: lies outside the file")
    encodings = set(meta[2])
    position, values, pages, summed = start, 0, 0, 0
    while position < end:
        header, body = read_struct(data, position)
        position = body + header[3]
        if header[3] < 0 or position > end:
            raise DamagedFileError(f"column {name}: a page runs past its column chunk")
        kind = header[1]
        detail = header[{_DATA_PAGE: 5, _INDEX_PAGE: 6, _DICTIONARY_PAGE: 7, _DATA_PAGE_V2: 8}[kind]]
        if kind in (_DATA_PAGE, _DATA_PAGE_V2):
            values += detail[1]
            if detail[2 if kind == _DATA_PAGE else 4] not in encodings:
                raise DamagedFileError(f"column {name}: a page's encoding is not among those of its column chunk")
        pages += 1
        if 4 in header:
            summed += 1
            if zlib.crc32(data[body:position]) != header[4] & 0xFFFFFFFF:
                raise DamagedFileError(f"column {name}: a page does not match its checksum")
    if values != meta[5]:
        raise DamagedFileError(f"column {name}: pages hold {values:,} values, the column chunk says {meta[5]:,}")
    return start, end, pages, summed
