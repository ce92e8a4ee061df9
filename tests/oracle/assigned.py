"""The schedules that a model gives instruments and assets: the first entry that passes, else what the snapshot says (methodology, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.shocks import asset_or_group_fits, instrument_fits

if TYPE_CHECKING:
    from oracle.reading import Row, Snapshot

OF_INSTRUMENTS_ALONE = {"kind", "option_type", "tenor_days", "log_moneyness"}


def margin_schedule_of(snapshot: Snapshot, model: Row, instrument_id: str, base_forward: float | None) -> str | None:
    """The margin schedule of an instrument under a model; `base_forward` is that of an option."""
    instrument = snapshot.instruments[instrument_id]
    for entry in model.get("assign") or ():
        if instrument_fits(snapshot, instrument, base_forward, given(entry)):
            return str(entry["margin_schedule"])
    return instrument.get("margin_schedule")


def net_schedule_of(snapshot: Snapshot, model: Row, asset: str) -> str | None:
    """The margin schedule of an underlying, for nets: entries that ask for what only instruments have are not about it."""
    for entry in model.get("assign") or ():
        if not OF_INSTRUMENTS_ALONE & given(entry).keys() and asset_or_group_fits(snapshot, snapshot.assets[asset], given(entry)):
            return str(entry["margin_schedule"])
    return snapshot.assets[asset].get("margin_schedule")


def collateral_schedule_of(snapshot: Snapshot, model: Row, asset: str) -> str | None:
    """The collateral schedule of an asset under a model."""
    for entry in model.get("assign_collateral") or ():
        if asset_or_group_fits(snapshot, snapshot.assets[asset], given(entry)):
            return str(entry["collateral_schedule"])
    return snapshot.assets[asset].get("collateral_schedule")


def is_unhaircut_hedge(model: Row, asset: str) -> bool:
    """Whether an asset moves in the grid of the model in place of its haircut."""
    return asset in (model.get("hedges") or ()) and not model.get("haircut_and_grid", False)


def given(entry: Row) -> Row:
    """The filter of an entry, without keys that are null."""
    return {key: value for key, value in (entry.get("where") or {}).items() if value is not None}
