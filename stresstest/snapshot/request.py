"""What a staging is asked to do: a value that crosses the border to the reading process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from stresstest.errors import Fault, Reason, StressTestError

DEFAULTS_FILE = "snapshot.json"


@dataclass(frozen=True)
class StageRequest:
    """One staging of one snapshot.

    Args:
        snapshot: folder, or URL prefix that DuckDB reads.
        work: existing folder for everything that is written; the book goes to its subfolder `book`.
        as_of, reporting_currency: null = from the snapshot's own `snapshot.json`; both given must agree.
        on_missing: `refuse` any fault, or `exclude` the accounts that faults can be pinned on.
        max_excluded_accounts, max_excluded_notional: largest shares that `exclude` may leave out.
        max_price_age_seconds: older prices are reported in data quality; null = not checked.
        collateral_schedules, margin_schedules, models: names that the margin file has.
        margin_schedules_for_options: those that have nothing but a rule for short options.
        models_net_by_underlying: models under which an instrument may take its underlying's margin schedule.
        models_of_strategies: models of kind strategy, which have rules for options of their own.
        models_pnl_into_value: models under which P&L does not join a token balance, so its settle asset needs no schedule.
        models_free_of_margin_schedules, models_free_of_collateral_schedules: models under which nothing needs such a schedule of the snapshot,
            because they ask for none or give their own.
        models_of_orders: models under which open orders count.
        margin_model: the model of every account, in place of what the accounts table says; null = as it says.
        models_compared: models that every account is looked at under besides its own, so that held things need their schedules too.
        max_memory: bytes for the whole staging; null = no limit of its own. threads: null = all cores.
    """

    snapshot: str
    work: Path
    as_of: datetime | None = None
    reporting_currency: str | None = None
    on_missing: Literal["refuse", "exclude"] = "refuse"
    max_excluded_accounts: float = 0.01
    max_excluded_notional: float = 0.005
    max_price_age_seconds: float | None = None
    collateral_schedules: frozenset[str] = frozenset()
    margin_schedules: frozenset[str] = frozenset()
    margin_schedules_for_options: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset({"default"})
    models_net_by_underlying: frozenset[str] = frozenset()
    models_of_strategies: frozenset[str] = frozenset()
    models_pnl_into_value: frozenset[str] = frozenset()
    models_free_of_margin_schedules: frozenset[str] = frozenset()
    models_free_of_collateral_schedules: frozenset[str] = frozenset()
    models_of_orders: frozenset[str] = frozenset()
    margin_model: str | None = None
    models_compared: frozenset[str] = frozenset()
    max_memory: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class SnapshotDefaults:
    """What `snapshot.json` says. `sha256` maps file paths relative to the snapshot, with forward slashes, to hex digests."""

    as_of: datetime | None = None
    reporting_currency: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; without a zone it is meant as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_defaults(text: str, file: str) -> SnapshotDefaults:
    """The content of a `snapshot.json`.

    Raises:
        StressTestError: INPUT_DATA, with every key that is wrong or unknown.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _refused(
            [Fault(f"not valid JSON: {error}", 'Write {"as_of": "2026-01-14T13:23:30Z", "reporting_currency": "USD"}.', file=file)]
        ) from None
    if not isinstance(data, dict):
        raise _refused([Fault("not a JSON object", "Its keys are as_of, reporting_currency and sha256.", file=file)])
    faults = [
        Fault("unknown key", "Its keys are as_of, reporting_currency and sha256.", file=file, path=key)
        for key in data
        if key not in {"as_of", "reporting_currency", "sha256"}
    ]
    as_of = None
    if data.get("as_of") is not None:
        try:
            as_of = in_utc(datetime.fromisoformat(data["as_of"]))
        except (TypeError, ValueError):
            faults.append(Fault(f"not a moment: {data['as_of']!r}", "Write ISO 8601, for example 2026-01-14T13:23:30Z.", file=file, path="as_of"))
    currency = data.get("reporting_currency")
    if currency is not None and (not isinstance(currency, str) or not currency):
        faults.append(Fault(f"not the name of an asset: {currency!r}", "Write a name, for example USD.", file=file, path="reporting_currency"))
        currency = None
    hashes = data.get("sha256") or {}
    if not isinstance(hashes, dict) or not all(isinstance(digest, str) for digest in hashes.values()):
        faults.append(Fault("not a map of file names to digests", 'Write {"positions.parquet": "9f86d0..."}.', file=file, path="sha256"))
        hashes = {}
    if faults:
        raise _refused(faults)
    return SnapshotDefaults(as_of, currency, {name: digest.lower() for name, digest in hashes.items()})


def read_snapshot_defaults(snapshot: str | Path) -> SnapshotDefaults:
    """What the `snapshot.json` of a local snapshot says; empty where there is none, and for URLs (their staging reads it).

    Raises:
        StressTestError: INPUT_DATA, where the file is not what it should be.
    """
    path = Path(snapshot) / DEFAULTS_FILE
    if "://" in str(snapshot) or not path.is_file():
        return SnapshotDefaults()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused([Fault(f"cannot be read: {error}", "Check its permissions, and that it is UTF-8 text.", file=str(path))]) from None
    return parse_defaults(text, str(path))


def _refused(faults: list[Fault]) -> StressTestError:
    return StressTestError(Reason.INPUT_DATA, "the snapshot's own description is refused", faults)
