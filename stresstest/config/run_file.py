"""The run file as a model: what to compute, from where, to where, how."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from stresstest.config.cascade import Cascade, Waterfall
from stresstest.config.limits import Limit, no_name_twice
from stresstest.config.notify import Notify, as_section
from stresstest.config.reverse import Reverse
from stresstest.documents import Amount, Count, Flag, Name, Number, Part, Ratio, ToCome, Version, as_list, not_yet, once, problem, scalar, shown

PREVIOUS = "previous"
"""What `against` says for the last run of the book before this one."""

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


def _local(value: str | None) -> str | None:
    if value is not None and "://" in value:
        raise problem(f"must be a folder, not an address: {shown(value)}", "A history is written with renames, which only a file system has.")
    return value


def for_the_collector(value: str | None) -> str | None:
    """The name of a file that the textfile collector reads; any other is refused."""
    if value is not None and not value.endswith(".prom"):
        raise problem(f"must be a file whose name ends in .prom, not {shown(value)}", "The textfile collector of the node exporter reads no other.")
    return value


def tolerance(value: object) -> object:
    """A tolerance that is written as one number, as the section it stands for; anything else as it is."""
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
    formats: Annotated[tuple[Format, ...], BeforeValidator(as_list), AfterValidator(once)] = ("html", "pdf", "json")


class Compare(Part):
    """What the rules of the run are compared with: `models` of the margin file or presets, each for the whole book; `isolated`: every cross position
    in a margin pool of its own.
    """

    models: Annotated[tuple[Name, ...], BeforeValidator(as_list), AfterValidator(once)] = ()
    isolated: Flag = False


class Statistics(Part):
    """Statistics of the portfolio: `volume_share` of an underlying's daily volume can be traded in a day, and so many owners of each underlying
    are listed (`top`). Where the section is stated, their tables are made even where no report is.
    """

    volume_share: Annotated[Number, Field(gt=0, le=1)] = 0.2
    top: Count = 10


class Attribution(Part):
    """Why margin balance less maintenance margin of the worst accounts, and of the book, changed from base. `accounts`: how many of them, worst
    first; 0 = nothing is attributed. Where the section is stated, the tables are made even where no report is.
    """

    accounts: Annotated[int, Field(strict=True, ge=0)] = 1_000


class RunFile(Part):
    """A run file, with flags and environment applied and paths made absolute.

    `as_of` and `reporting_currency` null: taken from the snapshot's own `snapshot.json`. `headline`: the scenarios that
    count for worst, Cover-N and limits, instead of what the scenario files say. `margin_model`: the model of every account, null = that
    which the snapshot names. `max_price_age` in seconds, null = not checked; `max_memory` in bytes, null = no limit of its own; `threads` null
    = all cores. `book`: what a series of runs is about, null = the name. `history`: the folder of earlier runs that this one looks back on and
    joins, null = none. `against`: the earlier run that this one is compared with: `previous`, that of its book in the history, or a result folder.
    `metrics`: the text file in which the command `run` tells a monitoring system how it ended, null = none; `notify`: whom it sends a message.
    `funding`: whether calls for variation margin are held against what accounts can pay with, null = where a report's tables are made.
    `cascade` null = scenarios are not followed by liquidations; `waterfall` null = the usual order where there is a cascade.
    """

    version: Version = 1
    name: str | None = None
    book: Name | None = None
    snapshot: Name
    as_of: Annotated[
        datetime | None, BeforeValidator(lambda value: value if value is None else _moment(value), json_schema_input_type=str | None)
    ] = None
    reporting_currency: Name | None = None
    scenarios: Annotated[tuple[Name, ...], BeforeValidator(as_list)]
    margin: Name
    margin_model: Name | None = None
    keep: Literal["all", "breaches", "worst"] = "breaches"
    headline: Annotated[tuple[Name, ...] | None, BeforeValidator(as_list)] = None
    on_missing: Literal["refuse", "exclude"] = "refuse"
    max_excluded: MaxExcluded = MaxExcluded()
    max_price_age: Annotated[Annotated[Number, Field(gt=0)] | None, BeforeValidator(_age, json_schema_input_type=float | str | None)] = None
    reconciliation_tolerance: Annotated[Tolerance, BeforeValidator(tolerance, json_schema_input_type=Tolerance | float)] = Tolerance()
    resources: Resources = Resources()
    limits: Annotated[tuple[Limit, ...], AfterValidator(no_name_twice)] = ()
    compare: Compare = Compare()
    statistics: Statistics = Statistics()
    funding: Flag | None = None
    attribution: Attribution = Attribution()
    reverse: Reverse = Reverse()
    executor: Annotated[Literal["threads", "processes"], BeforeValidator(_executor)] = "threads"
    threads: Count | None = None
    max_memory: Annotated[Count | None, BeforeValidator(_memory, json_schema_input_type=int | str | None)] = None
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    output: Output = Output()
    history: Annotated[Name | None, AfterValidator(_local)] = None
    against: Name | None = None
    # Not in any dump: where metrics go and who is told is no part of a result, and addresses are secrets.
    metrics: Annotated[Name | None, AfterValidator(for_the_collector)] = Field(None, exclude=True)
    notify: Annotated[Notify, BeforeValidator(as_section, json_schema_input_type=Notify | list[str] | str)] = Field(Notify(), exclude=True)
    cascade: Cascade | None = None
    waterfall: Waterfall | None = None
    report: ToCome = None
    _file: Path | None = PrivateAttr(None)

    @property
    def file(self) -> Path | None:
        """The run file that the settings come from; None where they were given as values."""
        return self._file
