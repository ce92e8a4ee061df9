"""The run file: what to compute, from where, to where, how; with flags and environment on top of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PrivateAttr

from stresstest.documents import (
    Amount,
    Count,
    Document,
    Name,
    Number,
    Part,
    Place,
    Ratio,
    ToCome,
    Version,
    as_list,
    document_of,
    dotted,
    examine,
    not_yet,
    problem,
    read_document,
    refusal,
    scalar,
    shown,
)  # fmt: skip
from stresstest.errors import Fault, Reason, StressTestError

ENVIRONMENT_PREFIX = "STRESSTEST_"

_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MEMORY_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def _moment(value: object) -> object:
    hint = "Give date, time and offset, for example 2026-01-14T13:23:30Z."
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise problem(f"must be a moment in ISO 8601, not {shown(value)}", hint) from None
    if not isinstance(value, datetime):
        raise problem(f"must be a moment in ISO 8601, not {shown(value)}", hint)
    if value.tzinfo is None:
        raise problem(f"has no offset from UTC: {value.isoformat()}", hint)
    return value.astimezone(UTC)


def _age(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([smhd])\s*", value)
        number = scalar(match[1]) if match else None
        if match is None or not isinstance(number, (int, float)):
            raise problem(f"must be a duration, not {shown(value)}", "Write 90s, 15m, 36h, 2d, or a number of seconds.")
        return float(number * _AGE_UNITS[match[2]])
    return value


def _memory(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)\s*", value)
        number = scalar(match[1]) if match else None
        unit = _MEMORY_UNITS.get(match[2].upper()) if match else None
        if unit is None or not isinstance(number, (int, float)):
            raise problem(f"must be an amount of memory, not {shown(value)}", "Write 500MB, 4GB, 4GiB, or a number of bytes.")
        return int(number * unit)
    return value


def _format(value: object) -> object:
    if value == "xlsx":
        raise not_yet("reports as xlsx", "Use html, pdf or json.")
    return value


def _executor(value: object) -> object:
    if value == "cluster":
        raise not_yet("the executor `cluster`", "Use threads or processes.")
    return value


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _tolerance(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"relative": value}
    return value


class MaxExcluded(Part):
    """With `on_missing: exclude`: shares of accounts and of gross notional that may be left out at most."""

    accounts: Ratio = 0.01
    gross_notional: Ratio = 0.005


class Tolerance(Part):
    """Reported and computed margins agree within max(absolute, relative * |reported|); absolute in reporting currency.

    One basis point and one unit: wide enough for the rounding of official systems, too narrow for a missing position.
    """

    relative: Amount = 1e-4
    absolute: Amount = 1.0


class Resources(Part):
    """What stands behind the margins, in reporting currency. `default_fund` null: the owners' contributions."""

    insurance_fund: Amount = 0.0
    skin_in_the_game: Amount = 0.0
    default_fund: Amount | None = None


Format = Annotated[Literal["html", "pdf", "json"], BeforeValidator(_format)]


class Output(Part):
    """Where results go (a folder of result folders) and which reports are made."""

    folder: Name = "runs"
    formats: Annotated[tuple[Format, ...], BeforeValidator(as_list), AfterValidator(_once)] = ("html", "pdf", "json")


class RunFile(Part):
    """A run file, with flags and environment applied and paths made absolute.

    `as_of` and `reporting_currency` null: taken from the snapshot's own `snapshot.json`. `headline`: the scenarios that
    count for worst, Cover-N and limits, instead of what the scenario files say. `max_price_age` in seconds, null =
    not checked; `max_memory` in bytes, null = no limit of its own; `threads` null = all cores.
    """

    version: Version = 1
    name: str | None = None
    snapshot: Name
    as_of: Annotated[
        datetime | None, BeforeValidator(lambda value: value if value is None else _moment(value), json_schema_input_type=str | None)
    ] = None
    reporting_currency: Name | None = None
    scenarios: Annotated[tuple[Name, ...], BeforeValidator(as_list)]
    margin: Name
    keep: Literal["all", "breaches", "worst"] = "breaches"
    headline: Annotated[tuple[Name, ...] | None, BeforeValidator(as_list)] = None
    on_missing: Literal["refuse", "exclude"] = "refuse"
    max_excluded: MaxExcluded = MaxExcluded()
    max_price_age: Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(_age, json_schema_input_type=float | str | None)] = None
    reconciliation_tolerance: Annotated[Tolerance, BeforeValidator(_tolerance, json_schema_input_type=Tolerance | float)] = Tolerance()
    resources: Resources = Resources()
    executor: Annotated[Literal["threads", "processes"], BeforeValidator(_executor)] = "threads"
    threads: Count | None = None
    max_memory: Annotated[Count | None, BeforeValidator(_memory, json_schema_input_type=int | str | None)] = None
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    output: Output = Output()
    limits: ToCome = None
    cascade: ToCome = None
    waterfall: ToCome = None
    attribution: ToCome = None
    reverse: ToCome = None
    report: ToCome = None
    history: ToCome = None
    notify: ToCome = None
    _file: Path | None = PrivateAttr(None)

    @property
    def file(self) -> Path | None:
        """The run file that the settings come from; None where they were given as values."""
        return self._file


_LISTS = ("scenarios", "headline", "output.formats")
_PATHS = ("snapshot", "scenarios", "margin", "output.folder")


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

    Text becomes what it would be in YAML (`4` a number); for lists it may be separated by commas.

    Raises:
        StressTestError: a variable with the prefix that is no key, or a `--set` without `=`.
    """
    found: dict[str, Override] = {}
    faults: list[Fault] = []
    keys = {ENVIRONMENT_PREFIX + key.upper().replace(".", "_"): key for key in _scalar_keys(RunFile)}
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
        if not separator or not key:
            faults.append(Fault(f"`--set {text}` has no value", "Write --set key=value, for example --set output.folder=runs.", path=key or None))
        else:
            found[key] = Override(_typed(key, value, f"--set {key}"), f"--set {key}")
    for key, value in flags.items():
        if value is not None:
            found[key] = Override(_typed(key, value, _flag(key)), _flag(key))
    if faults:
        raise StressTestError(Reason.CONFIGURATION, "the settings around the run file have faults", faults)
    start = directory or Path()
    return {key: Override(_absolute(each.value, start), each.origin) if key in _PATHS else each for key, each in found.items()}


def load_run(path: Path | str, overrides: Mapping[str, Any] | None = None) -> RunFile:
    """The run file at `path` with the overrides applied; its relative paths start at the folder of the file.

    Args:
        path: the run file.
        overrides: by dotted key, as `overrides_from` gives them; plain values are taken as they are.

    Raises:
        StressTestError: every fault with file and line, or with the flag or variable that gave the value;
            NOT_IN_THIS_VERSION where keys of features to come are all that is wrong.
    """
    document = read_document(path, Reason.CONFIGURATION)
    return _settled(_examined(document, overrides or {}), Path(path).absolute().parent, Path(path).absolute())


def keyword_overrides(keywords: Mapping[str, Any]) -> dict[str, Override]:
    """The overrides by dotted key that the keywords of a call stand for: None = not given, a mapping is laid over its section key by key.

    Relative paths start at the working directory.
    """
    found: dict[str, Override] = {}
    for keyword, value in keywords.items():
        parts = {f"{keyword}.{key}": each for key, each in value.items()} if isinstance(value, Mapping) else {keyword: value}
        for key, each in parts.items():
            if each is not None:
                found[key] = Override(_absolute(each, Path.cwd()) if key in _PATHS else each, "the call")
    return found


def settings_with(overrides: Mapping[str, Any], run: RunFile | None = None) -> RunFile:
    """Settings from values alone, or those of `run` with the overrides laid over them.

    Args:
        overrides: by dotted key, as for `load_run`; relative paths start at the working directory.
        run: the settings to begin with; None: the defaults.

    Raises:
        StressTestError: every fault, with the override that gave the value.
    """
    data = {} if run is None else run.model_dump(mode="json", exclude_unset=True)
    return _settled(_examined(Document(data, "", "the call"), overrides), Path.cwd(), None if run is None else run.file)


def _settled(run: RunFile, folder: Path, file: Path | None) -> RunFile:
    """The settings with absolute paths, where relative ones start at `folder`, that know the file they come from."""
    settled = run.model_copy(
        update={
            "snapshot": _absolute(run.snapshot, folder),
            "scenarios": tuple(_absolute(each, folder) for each in run.scenarios),
            "margin": _absolute(run.margin, folder),
            "output": run.output.model_copy(update={"folder": _absolute(run.output.folder, folder)}),
        }
    )
    settled._file = file  # noqa: SLF001 - our own model
    return settled


def _examined(document: Document, overrides: Mapping[str, Any]) -> RunFile:
    given = {key: each if isinstance(each, Override) else Override(each, "override") for key, each in overrides.items()}
    data = {} if document.data is None and given else document.data
    if isinstance(data, dict):
        data = _overridden(data, given)
    run, problems = examine(RunFile, data)
    if run is None:
        raise refusal(document.file, Reason.CONFIGURATION, problems, [_fault(document, given, each.place, each.what, each.hint) for each in problems])
    return run


def _fault(document: Document, given: Mapping[str, Override], place: Place, what: str, hint: str) -> Fault:
    for length in range(len(place), 0, -1):
        key = dotted(place[:length])
        if key in given:
            return Fault(what, hint, file=given[key].origin, path=dotted(place))
    return Fault(what, hint, file=document.file, line=document.line(place), path=dotted(place) or None)


def _overridden(data: dict[str, Any], given: Mapping[str, Override]) -> dict[str, Any]:
    data = dict(data)
    for key in sorted(given, key=lambda key: key.count(".")):
        *parents, last = key.split(".")
        part = data
        for parent in parents:
            below = _tolerance(part.get(parent))  # the one section that may also be written as a number
            # Copied, so that the document (which reports lines) keeps what the file says.
            part[parent] = dict(below) if isinstance(below, dict) else {}
            part = part[parent]
        part[last] = given[key].value
    return data


def _unknown_variable(name: str, known: list[str]) -> str:
    """The hint for a variable that is no key. The prefix is left out of the comparison: with it, everything resembles something."""
    close = difflib.get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), [key.removeprefix(ENVIRONMENT_PREFIX) for key in known], n=1)
    if close:
        return f"Did you mean `{ENVIRONMENT_PREFIX}{close[0]}`?"
    return "Unset it; a variable is STRESSTEST_ and a key of the run file (`stresstest schema run`), for example STRESSTEST_KEEP."


def _absolute(path: Any, folder: Path) -> Any:
    if isinstance(path, (list, tuple)):
        return [_absolute(each, folder) for each in path]
    if isinstance(path, Path):
        path = str(path)
    if not isinstance(path, str) or not path or "://" in path or path.startswith("library:"):
        return path  # a URL, or nothing that names a file: the models judge it
    return str((folder / Path(path).expanduser()).absolute())


def _typed(key: str, value: Any, origin: str) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith(("[", "{")):
        return document_of(text, origin).data
    if key in _LISTS:
        return [scalar(each.strip()) for each in text.split(",") if each.strip()]
    return text if key in _PATHS else scalar(text)


def _flag(key: str) -> str:
    return "--" + key.removeprefix("output.").replace("_", "-").replace(".", "-")


def _scalar_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys += _scalar_keys(info.annotation, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
