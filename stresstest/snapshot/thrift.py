"""Thrift's compact protocol, as far as Parquet metadata needs it: structs as dictionaries of field number to value.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct
from typing import Any

Struct = dict[int, Any]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 24
"""Parquet metadata nests under ten deep; damaged bytes could nest without end."""


class ThriftError(ValueError):
    """The bytes are no compact-protocol struct."""


def read_struct(data: memoryview, position: int, depth: int = 0) -> tuple[Struct, int]:
    """The struct at `position` and the position after it.

    Raises:
        ThriftError: unknown type, impossible length, or too deep. IndexError: the bytes end inside it.
    """
    if depth > _DEEPEST:
        raise ThriftError("nested too deep")
    fields: Struct = {}
    number = 0
    while True:
        byte = data[position]
        position += 1
        if byte == 0:
            return fields, position
        if byte >> 4:
            number += byte >> 4
        else:
            number, position = _zigzag(data, position)
        kind = byte & 0x0F
        if kind in (_TRUE, _FALSE):
            fields[number] = kind == _TRUE
        else:
            fields[number], position = _read_value(data, position, kind, depth)


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ThriftError("integer too long")


def _zigzag(data: memoryview, position: int) -> tuple[int, int]:
    value, position = _varint(data, position)
    return (value >> 1) ^ -(value & 1), position


def _read_value(data: memoryview, position: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_I16, _I32, _I64):
        return _zigzag(data, position)
    if kind == _BINARY:
        length, position = _varint(data, position)
        if position + length > len(data):
            raise ThriftError("text runs past the end")
        return bytes(data[position : position + length]), position + length
    if kind == _STRUCT:
        return read_struct(data, position, depth + 1)
    if kind in (_LIST, _SET):
        return _read_list(data, position, depth)
    if kind in (_TRUE, _FALSE):  # inside a list a boolean takes a byte
        return data[position] == _TRUE, position + 1
    if kind == _BYTE:
        return data[position], position + 1
    if kind == _DOUBLE:
        return struct.unpack_from("<d", data, position)[0], position + 8
    raise ThriftError(f"unknown type {kind}")  # maps occur nowhere in Parquet


def _read_list(data: memoryview, position: int, depth: int) -> tuple[list[Any], int]:
    byte = data[position]
    position += 1
    length = byte >> 4
    if length == 15:
        length, position = _varint(data, position)
    if length > len(data) - position:
        raise ThriftError("list longer than the file")
    values = []
    for _ in range(length):
        value, position = _read_value(data, position, byte & 0x0F, depth + 1)
        values.append(value)
    return values, position
