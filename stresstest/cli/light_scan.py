"""A light look into run and scenario files: enough to tell them apart and to complete ids, without reading them as YAML.

A shell waits for a completion, and a large scenario file takes seconds to parse; whoever works with the files reads them in full.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIBRARY = "library:"
SHIPPED = Path(__file__).parents[1] / "scenarios" / "library"
PRESETS = Path(__file__).parents[1] / "margin" / "presets"
RUN_COPY = Path("inputs", "run.json")
"""Where a result folder has the run file with everything applied."""

_TOP_KEY = re.compile(r"^[\"']?(\w+)[\"']?\s*:", re.MULTILINE)
_ID = re.compile(r"(?:^|[\s{,-])[\"']?id[\"']?\s*:\s*[\"']?([a-z0-9_.-]+)")
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_SOURCES = re.compile(r"^scenarios\s*:(?:\s*\[([^\]]*)\]|[ \t]*([^\s\[].*)|((?:\s*\n\s*-\s+.*)+))", re.MULTILINE)


def run_file_of(path: Path) -> Path | None:
    """The run file that a path means: itself, that of a result folder, or None where it is neither."""
    if path.is_dir():
        copy = path / RUN_COPY
        return copy if copy.is_file() else None
    if path.suffix == ".parquet":
        return None
    text = _text(path)
    return path if {"snapshot", "margin"} & set(_top_keys(text)) else None


def scenario_ids(path: Path) -> list[str]:
    """The scenario ids of a scenario file, or of all those that a run file or a result folder names; those of unreadable files are left out."""
    run_file = run_file_of(path)
    files = [path] if run_file is None else [_file_of(source, run_file.parent) for source in _sources(_text(run_file))]
    return list(dict.fromkeys(each for file in files for each in _ids(file)))


def _file_of(source: str, folder: Path) -> Path:
    return SHIPPED / f"{source.removeprefix(LIBRARY)}.yaml" if source.startswith(LIBRARY) else folder / source


def _ids(path: Path) -> Iterator[str]:
    if str(path).startswith(LIBRARY):
        path = _file_of(str(path), Path())
    if path.suffix == ".parquet":
        yield from _parquet_ids(path)
        return
    text = _text(path)
    content = _json(text)
    if content is not None:
        scenarios = content.get("scenarios")
        yield from (
            (each["id"] for each in scenarios if isinstance(each, dict) and isinstance(each.get("id"), str)) if isinstance(scenarios, list) else ()
        )
        return
    yield from _ID.findall(_section(_COMMENT.sub("", text), "scenarios"))


def _parquet_ids(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        column = pq.read_table(path, columns=["scenario_id"]).column(0)
    except (OSError, KeyError, pa.ArrowException):
        return []
    return [str(each) for each in column.unique().to_pylist()]


def _sources(text: str) -> list[str]:
    content = _json(text)
    if content is not None:
        given = content.get("scenarios")
        return [given] if isinstance(given, str) else [each for each in given or () if isinstance(each, str)]
    found = _SOURCES.search(_COMMENT.sub("", text))
    if found is None:
        return []
    inline, single, listed = found.groups()
    words = inline.split(",") if inline is not None else [single] if single is not None else re.findall(r"-\s+(.*)", listed)
    return [word.strip().strip("\"'") for word in words if word.strip()]


def _section(text: str, key: str) -> str:
    """What stands below a key at the margin of a document; all of it, where no key stands there."""
    keys = list(_TOP_KEY.finditer(text))
    for number, found in enumerate(keys):
        if found[1] == key:
            return text[found.end() : keys[number + 1].start() if number + 1 < len(keys) else len(text)]
    return "" if keys else text


def _top_keys(text: str) -> list[str]:
    content = _json(text)
    return list(content) if content is not None else _TOP_KEY.findall(text)


def _json(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
