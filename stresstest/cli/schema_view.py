"""A JSON Schema as lines for a person: key, type, default, what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def model_lines(node: Mapping[str, Any], whole: Mapping[str, Any], depth: int) -> list[str]:
    """The keys of an object, one a line, those of objects below it indented; of one of several objects, each after a line of its own."""
    lines = _alternatives([_target(alternative, whole) for alternative in node.get("oneOf", ())], whole, depth)
    required = node.get("required", ())
    for key, value in node.get("properties", {}).items():
        indent = "  " * depth
        if _to_come(value):
            lines.append(f"{indent}{key}: not in this version")
            continue
        default = "required" if key in required else f"default {_shown(value['default'])}" if "default" in value else "optional"
        description = " ".join(str(value.get("description", "")).split())
        lines.append(f"{indent}{key}: {_type(value, whole)} ({default})" + (f"  {description}" if description else ""))
        # What may stand alone or in a list is one object, found twice.
        below = list({id(each): each for each in _objects(value, whole)}.values())
        lines += model_lines(below[0], whole, depth + 1) if len(below) == 1 else _alternatives(below, whole, depth + 1)
    return lines


def _alternatives(nodes: Sequence[Mapping[str, Any]], whole: Mapping[str, Any], depth: int) -> list[str]:
    lines = []
    for number, node in enumerate(nodes, start=1):
        lines += [f"{'  ' * depth}either {number}:", *model_lines(node, whole, depth + 1)]
    return lines


def _to_come(node: Mapping[str, Any]) -> bool:
    """A key that only null may be given for: its schema allows anything and its default is null."""
    return set(node) <= {"default", "title"} and node.get("default", ...) is None


def _target(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else node


def _objects(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that a value may be, or consist of."""
    node = _target(node, whole)
    if "properties" in node:
        yield node
        return
    for below in (node.get("items"), node.get("additionalProperties"), *node.get("anyOf", ()), *node.get("allOf", ())):
        if isinstance(below, dict):
            yield from _objects(below, whole)


def _type(node: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    node = _target(node, whole)
    if "enum" in node:
        return " | ".join(str(choice) for choice in node["enum"])
    if "const" in node:
        return str(node["const"])
    alternatives = node.get("anyOf") or node.get("oneOf")
    if alternatives:
        return " | ".join(dict.fromkeys(_type(each, whole) for each in alternatives))
    if "prefixItems" in node:
        return f"[{', '.join(_type(each, whole) for each in node['prefixItems'])}]"
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}), whole)}"
    if node.get("type") == "object" and "properties" not in node:
        return f"name -> {_type(node.get('additionalProperties') or {}, whole)}" if isinstance(node.get("additionalProperties"), dict) else "mapping"
    return str(node.get("type", "any"))


def _shown(value: object) -> str:
    """A default as YAML would have it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
