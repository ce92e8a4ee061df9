"""What is laid over a run file: flags, `--set`, the environment, the keywords of a call."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel

from stresstest.config.notify import NOTIFY_VARIABLE, split_addresses
from stresstest.config.run_file import PREVIOUS, RunFile
from stresstest.documents import document_of, scalar
from stresstest.errors import Fault, Reason, StressTestError

ENVIRONMENT_PREFIX = "STRESSTEST_"

_LISTS = (
    "scenarios", "headline", "compare.models", "reverse.distance.factors", "reverse.distance.along", "reverse.distance.targets", "output.formats",
    "notify.on", "cascade.collateral_order", "cascade.depth_multiples", "cascade.detail", "waterfall",
)  # fmt: skip
_PATHS = ("snapshot", "scenarios", "margin", "output.folder", "history", "metrics", "cascade.impact.table")
_TEXTS = ("name", "book", "reporting_currency", "margin_model", "history", "against", "metrics")


OF_A_CALL = "the call"
"""Where the keywords of a call say that they come from."""


@dataclass(frozen=True)
class Override:
    """A value that wins over the run file's, and where it was given (`--threads`, `STRESSTEST_THREADS`, `--set threads`)."""

    value: Any
    origin: str


def overrides_from(
    environment: Mapping[str, str], flags: Mapping[str, Any], sets: tuple[str, ...] | list[str] = (), directory: Path | None = None
) -> dict[str, Override]:
    """The overrides by dotted key, where a flag wins over `--set` and `--set` over the environment.

    Args:
        environment: all variables; `STRESSTEST_OUTPUT_FOLDER` is `output.folder`. Empty ones count as not given.
        flags: values by dotted key; None = not given.
        sets: `a.b=c`, the value in YAML.
        directory: relative paths among the values start here (the working directory), not at the run file.

    Text becomes what it would be in YAML (`4` a number, `"4"` text); names stay text, and for lists it may be separated by commas. Of several
    `--set` of one key the last wins.

    Raises:
        StressTestError: a variable with the prefix that is no key, a `--set` without key or `=`, or a value that is no YAML.
    """
    found: dict[str, Override] = {}
    faults: list[Fault] = []
    keys = {ENVIRONMENT_PREFIX + key.upper().replace(".", "_"): key for key in scalar_keys(RunFile)}
    keys[NOTIFY_VARIABLE] = "notify.urls"
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or not environment[name].strip():
            continue
        if name in keys:
            found[keys[name]] = Override(_typed(keys[name], environment[name], name), name)
        else:
            faults.append(Fault("no key of the run file has this variable", _unknown_variable(name, sorted(keys)), path=name))
    for text in sets:
        key, separator, value = text.partition("=")
        key = key.strip()
        if not separator or not all(key.split(".")):
            what = f"`--set {text}` has no value" if not separator else f"`--set {text}` names no key"
            faults.append(Fault(what, "Write --set key=value, for example --set output.folder=runs.", path=key or None))
        elif key in ("notify", "notify.urls"):
            hint = f"Set the variable {NOTIFY_VARIABLE}, or notify.urls in the run file."
            faults.append(Fault("addresses are secrets, and a command line is seen by everybody on the machine", hint, path=key))
        else:
            found[key] = Override(_typed(key, value, f"--set {key}"), f"--set {key}")
    for key, value in flags.items():
        if value is not None:
            found[key] = Override(_typed(key, value, _flag(key)), _flag(key))
    if faults:
        raise StressTestError(Reason.CONFIGURATION, "the settings around the run file have faults", faults)
    start = directory or Path()
    return {key: Override(_located(key, each.value, start), each.origin) for key, each in found.items()}


def keyword_overrides(keywords: Mapping[str, Any]) -> dict[str, Override]:
    """The overrides by dotted key that the keywords of a call stand for: None = not given, a mapping is laid over its section key by key.

    An empty one states a section that a run may be without. Relative paths start at the working directory.
    """
    found: dict[str, Override] = {}
    for keyword, value in keywords.items():
        by_key = isinstance(value, Mapping) and (value or not _may_be_absent(keyword))
        parts = {f"{keyword}.{key}": each for key, each in value.items()} if by_key else {keyword: value}
        for key, each in parts.items():
            if each is not None:
                found[key] = Override(_located(key, each, Path.cwd()), OF_A_CALL)
    return found


def _may_be_absent(key: str) -> bool:
    info = RunFile.model_fields.get(key)
    return info is not None and info.default is None and section_of(info.annotation) is not None


def _unknown_variable(name: str, known: list[str]) -> str:
    """The hint for a variable that is no key. The prefix is left out of the comparison: with it, everything resembles something."""
    close = difflib.get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), [key.removeprefix(ENVIRONMENT_PREFIX) for key in known], n=1)
    below = [key for key in known if key.startswith(f"{name}_")]
    if below:
        return f"It is a section; its keys have variables: {', '.join(below)}."
    if close:
        return f"Did you mean `{ENVIRONMENT_PREFIX}{close[0]}`?"
    return "Unset it; a variable is STRESSTEST_ and a key of the run file (`stresstest schema run`), for example STRESSTEST_KEEP."


def absolute(path: Any, folder: Path) -> Any:
    """A path, or each of a list, from `folder` on; addresses and names of shipped files as they are."""
    if isinstance(path, (list, tuple)):
        return [absolute(each, folder) for each in path]
    if isinstance(path, Path):
        path = str(path)
    if not isinstance(path, str) or not path or "://" in path or path.startswith("library:"):
        return path  # a URL, or nothing that names a file: the models judge it
    return str((folder / Path(path).expanduser()).absolute())


def absolute_run(path: Any, folder: Path) -> Any:
    """The folder of an earlier run from `folder` on; the word for the last one of the book as it is."""
    return path if path == PREVIOUS else absolute(path, folder)


def _located(key: str, value: Any, folder: Path) -> Any:
    """The value of a key with its paths absolute, also those inside a section that is given whole."""
    if key in _PATHS:
        return absolute(value, folder)
    if key == "against":
        return absolute_run(value, folder)
    if isinstance(value, (list, tuple)):
        return [_located(key, each, folder) for each in value]
    return {last: _located(f"{key}.{last}", each, folder) for last, each in value.items()} if isinstance(value, dict) else value


def _typed(key: str, value: Any, origin: str) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if key == "notify.urls":
        return split_addresses(text)
    if text.startswith(("[", "{", '"', "'")):
        return document_of(text, origin).data
    if key in _TEXTS:
        return text if scalar(text) is not None else None
    if key in _LISTS:
        return None if scalar(text) is None else [scalar(each.strip()) for each in text.split(",") if each.strip()]
    return text if key in _PATHS else scalar(text)


def _flag(key: str) -> str:
    return "--" + key.removeprefix("output.").replace("_", "-").replace(".", "-")


def scalar_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """The keys of a model that are no sections, dotted: each has a variable of the environment."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        section = section_of(info.annotation)
        keys += [prefix + name] if section is None else scalar_keys(section, f"{prefix}{name}.")
    return keys


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a section of the run file, also of one that may be left out; None of what is no section."""
    members = [each for each in get_args(annotation) or (annotation,) if each is not NoneType]
    only = members[0] if len(members) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None
