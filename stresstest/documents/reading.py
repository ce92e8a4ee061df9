"""YAML documents with positions.

The language is YAML 1.2 with the core schema (`NO` is text, `1e-3` a number), of which JSON is a part, with three
house rules: keys are always text, duplicate keys and tags are refused, and numbers may group their digits in threes
(`10_000_000`), which plain YAML 1.2 would read as text. Timestamps stay text: the models read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from stresstest.errors import Fault, Reason, StressTestError

Key = str | int
Place = tuple[Key, ...]
"""Keys and list numbers that lead from the top of a document to one of its parts."""

_NOTHING = frozenset(("", "~", "null", "Null", "NULL"))
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DIGITS = r"(?:[0-9]{1,3}(?:_[0-9]{3})+|[0-9]+)"
_INTEGER = re.compile(rf"[-+]?{_DIGITS}")
_FLOAT = re.compile(rf"[-+]?(?:\.[0-9]+|{_DIGITS}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_INTEGER = 300  # digits; a longer one is no float either


def scalar(text: str) -> Any:
    """The value of an unquoted YAML 1.2 scalar: None, bool, int, float or the text itself.

    >>> scalar("10_000_000"), scalar("1e-3"), scalar("NO"), scalar("2020_03")
    (10000000, 0.001, 'NO', '2020_03')
    """
    if text in _NOTHING:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _INTEGER.fullmatch(text):
        digits = text.replace("_", "")
        return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


@dataclass(frozen=True)
class _Mark:
    """Line of a node, and the marks of its children by key or number."""

    line: int
    children: dict[Key, _Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class _Repeat:
    place: Place
    line: int
    first: int


class _Builder:
    """Builds data and marks from parser events (three times as fast as a round-trip load, and nothing is coerced)."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(text))
        self.anchors: dict[str, tuple[Any, _Mark]] = {}
        self.repeats: list[_Repeat] = []

    def document(self) -> tuple[Any, _Mark]:
        """The only document of the stream; None for an empty one."""
        data: Any = None
        mark = _Mark(1)
        seen = False
        for event in self.events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if seen:
                raise MarkedYAMLError(problem="a second document begins", problem_mark=event.start_mark)
            seen = True
            data, mark = self._node(next(self.events), ())
        return data, mark

    def _node(self, event: Any, place: Place) -> tuple[Any, _Mark]:
        line: int = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            if event.anchor not in self.anchors:
                raise MarkedYAMLError(problem=f"alias *{event.anchor} stands before the end of its anchor", problem_mark=event.start_mark)
            return self.anchors[event.anchor]
        if event.ctag is not None and str(event.ctag) != "!":
            raise MarkedYAMLError(problem=f"tag {event.ctag} is not supported: write a plain value", problem_mark=event.start_mark)
        data: Any
        mark = _Mark(line)
        if isinstance(event, ScalarEvent):
            data = scalar(event.value) if event.style in (None, "") else event.value
        elif isinstance(event, SequenceStartEvent):
            data = self._sequence(place, mark)
        elif isinstance(event, MappingStartEvent):
            data = self._mapping(place, mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = (data, mark)
        return data, mark

    def _sequence(self, place: Place, mark: _Mark) -> list[Any]:
        items: list[Any] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            number = len(items)
            item, mark.children[number] = self._node(event, (*place, number))
            items.append(item)
        return items

    def _mapping(self, place: Place, mark: _Mark) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise MarkedYAMLError(problem="a key is a single word, not a list or mapping", problem_mark=event.start_mark)
            key: str = event.value
            line = event.start_mark.line + 1
            value, below = self._node(next(self.events), (*place, key))
            if key in items:
                self.repeats.append(_Repeat((*place, key), line, mark.children[key].line))
                continue
            items[key] = value
            mark.children[key] = _Mark(line, below.children)
        return items


class _RepeatedKeyError(ValueError):
    """A JSON object has a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) != len(pairs):
        raise _RepeatedKeyError
    return items


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True)
class Problem:
    """What is wrong at a place of a document, before file and line are known. `of_data`: the data behind it are at fault, not what it says."""

    place: Place
    what: str
    hint: str = ""
    to_come: bool = False
    of_data: bool = False


class Document:
    """A parsed document: `data` (None, bool, int, float, str, list, dict), its `text` and the `file` it came from."""

    def __init__(self, data: Any, text: str, file: str, mark: _Mark | None = None) -> None:
        self.data = data
        self.text = text
        self.file = file
        self._mark = mark

    def line(self, place: Place) -> int | None:
        """Line (from 1) of the part at `place`, or of its nearest parent that exists; None where the text has no positions."""
        if self._mark is None:
            # JSON is read by the fast parser, which keeps no positions; they are looked up only when something is reported.
            try:
                self._mark = _Builder(self.text).document()[1]
            except YAMLError:
                self._mark = _Mark(0)
        mark = self._mark
        for key in place:
            if key not in mark.children:
                break
            mark = mark.children[key]
        return mark.line or None

    def fault(self, problem: Problem) -> Fault:
        """The problem as a fault with file and line."""
        return Fault(problem.what, problem.hint, file=self.file, line=self.line(problem.place), path=dotted(problem.place) or None)


def dotted(place: Place) -> str:
    """The place as people write it.

    >>> dotted(("scenarios", 3, "shocks", 0, "factor"))
    'scenarios[3].shocks[0].factor'
    """
    text = ""
    for key in place:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def shown(value: Any) -> str:
    """A value as a message shows it: short, in YAML's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def document_of(text: str, file: str, reason: Reason = Reason.CONFIGURATION) -> Document:
    """The document that `text` holds; `file` is the name that faults give.

    Raises:
        StressTestError: not YAML 1.2, or keys that stand twice (all of them).
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            return Document(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant), text, file)
        except (ValueError, RecursionError):
            pass  # not JSON, or with faults: the YAML parser says where
    builder = _Builder(text)
    try:
        data, mark = builder.document()
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        what = "; ".join(part for part in (error.context, error.problem) if part)
        if error.problem and "'\\t'" in error.problem:
            what, hint = "a tab", "Use spaces: YAML allows no tabs before a key, a value or an entry of a list."
        else:
            what, hint = f"not valid YAML: {what}", "Check indentation, quotes and brackets there."
        fault = Fault(what, hint, file=file, line=None if at is None else at.line + 1)
        raise StressTestError(reason, f"{file} cannot be read", [fault]) from None
    except RecursionError:
        raise StressTestError(reason, f"{file} cannot be read", [Fault("nested too deeply", "Write it with fewer levels.", file=file)]) from None
    except YAMLError as error:
        what = str(error).splitlines()[0]
        raise StressTestError(
            reason,
            f"{file} cannot be read",
            [Fault(f"not valid YAML: {what}", "Look for characters that are no text, and save it as UTF-8.", file=file)],
        ) from None
    if builder.repeats:
        faults = [
            Fault(
                f"`{again.place[-1]}` stands twice (first in line {again.first})",
                "Keep one of them.",
                file=file,
                line=again.line,
                path=dotted(again.place),
            )
            for again in builder.repeats
        ]
        raise StressTestError(reason, f"{file} has keys twice", faults)
    return Document(data, text, file, mark)


def read_document(path: Path | str, reason: Reason = Reason.CONFIGURATION, usual: str = "") -> Document:
    """The YAML or JSON document in the file at `path`.

    Args:
        path: the file.
        reason: the reason of a refusal.
        usual: the usual name of such a file, which is most likely meant where its folder is named.

    Raises:
        StressTestError: the file is missing, unreadable, not UTF-8, or as `document_of`.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fault = Fault("no such file", "Check the path; paths in a file are relative to that file.", file=file)
    except IsADirectoryError:
        inside = Path(path, usual)
        fault = Fault("is a folder, not a file", f"Did you mean {inside}?" if inside.is_file() else "Name a YAML or JSON file.", file=file)
    except UnicodeDecodeError as error:
        fault = Fault(f"not UTF-8 text (byte {error.start})", "Save the file as UTF-8.", file=file)
    except OSError as error:
        fault = Fault(f"cannot be read: {error.strerror or error}", "Check the path and its permissions.", file=file)
    else:
        return document_of(text, file, reason)
    raise StressTestError(reason, f"{file} cannot be read", [fault])
