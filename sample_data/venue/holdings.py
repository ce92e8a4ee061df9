"""A snapshot as arrays for the venue's own margin system: the market, positions netted per pool, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from venue.underlyings import Floats, reporting_values

Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


def _codes(values: pl.Series, names: dict[str, int]) -> Codes:
    return np.array([names[value] for value in values], dtype=np.int64)


@dataclass(frozen=True)
class Market:
    """Instruments and assets as arrays; `value` is X of every asset."""

    assets: tuple[str, ...]
    value: Floats
    haircut: tuple[str | None, ...]
    net_schedule: Names
    """Margin schedule of each asset for netting by underlying; empty = none."""
    instruments: tuple[str, ...]
    kind: Names
    payoff: Names
    margined: Flags
    underlying: Codes
    quote: Codes
    settle: Codes
    strike_currency: Codes
    size: Floats
    mark: Floats
    strike: Floats
    sign: Floats
    expiry: Codes
    schedule: Names
    """Margin schedule of each instrument; empty = none."""

    @property
    def is_option(self) -> Flags:
        """Which instruments are options."""
        return np.asarray(self.kind == "option")

    @property
    def is_asset_like(self) -> Flags:
        """Spot positions and options whose premium was paid: valued at their price, not as P&L."""
        return np.asarray((self.kind == "spot") | (self.is_option & ~self.margined))

    @property
    def notional(self) -> Floats:
        """Dollar notional of one contract."""
        follows = np.where(
            self.is_option, self.value[self.underlying], np.abs(self.mark) * self.value[np.where(self.payoff == "quanto", self.settle, self.quote)]
        )
        return self.size * np.where((self.payoff == "inverse") & ~self.is_option, self.value[self.quote], follows)


def market(instruments: pl.DataFrame, assets: pl.DataFrame) -> Market:
    """The tables of a snapshot as arrays."""
    names = {asset: place for place, asset in enumerate(assets["asset"])}
    values = reporting_values(assets)
    underlying = _codes(instruments["underlying"], names)
    currency = _codes(assets["price_currency"], names)
    quote = _codes(instruments["quote"], names)
    inverse_option = ((instruments["payoff"] == "inverse") & (instruments["kind"] == "option")).to_numpy()
    return Market(
        tuple(assets["asset"]),
        np.array([values[a] for a in assets["asset"]]),
        tuple(assets["collateral_schedule"]),
        assets["margin_schedule"].fill_null("").to_numpy().astype(np.str_),
        tuple(instruments["instrument_id"]),
        instruments["kind"].to_numpy().astype(np.str_),
        instruments["payoff"].to_numpy().astype(np.str_),
        (instruments["premium_style"].fill_null("paid") == "margined").to_numpy(),
        underlying,
        quote,
        _codes(instruments["settle"], names),
        np.where(inverse_option, currency[underlying], quote),
        instruments["contract_size"].to_numpy(),
        instruments["mark_price"].to_numpy(),
        instruments["strike"].fill_null(0.0).to_numpy(),
        np.where((instruments["option_type"].fill_null("call") == "put").to_numpy(), -1.0, 1.0),
        instruments["expiry"].dt.epoch("s").fill_null(0).to_numpy().astype(np.int64),
        instruments["margin_schedule"].fill_null("").to_numpy().astype(np.str_),
    )


@dataclass(frozen=True)
class Holdings:
    """Positions netted per pool and instrument, and posted margin per pool; a pool belongs to one account."""

    pool_account: Codes
    pool_names: tuple[str, ...]
    pool: Codes
    instrument: Codes
    quantity: Floats
    cost: Floats
    funding: Floats
    leverage: Floats
    posted: Floats
    """[pools, assets] units of isolated margin."""


def net_positions(positions: pl.DataFrame, accounts: pl.DataFrame, market_: Market) -> Holdings:
    """Sums of quantity and quantity times entry (inverse: quantity over entry) per pool and instrument; every account has a cross pool."""
    account_names = {account: place for place, account in enumerate(accounts["account_id"])}
    instrument_names = {name: place for place, name in enumerate(market_.instruments)}
    account = _codes(positions["account_id"], account_names)
    instrument = _codes(positions["instrument_id"], instrument_names)
    quantity = positions["quantity"].to_numpy()
    isolated = (positions["margin_mode"] == "isolated").to_numpy()
    label = np.where(isolated, instrument * 2 + (quantity < 0) + 1, 0)  # 0 = the cross pool; isolated: instrument and side
    stride = 2 * len(market_.instruments) + 2
    keys, pool = np.unique(np.concatenate([account * stride + label, np.arange(accounts.height) * stride]), return_inverse=True)
    pool = pool[: len(account)]
    pairs, row = np.unique(pool * len(market_.instruments) + instrument, return_inverse=True)
    entry = positions["entry_price"].to_numpy()
    inverse = (market_.payoff == "inverse")[instrument] & ~market_.is_option[instrument]
    chosen = positions["leverage"].fill_null(np.inf).to_numpy()
    cap = accounts["max_leverage"].fill_null(np.inf).to_numpy()[account]
    leverage = np.full(len(pairs), np.inf)
    np.minimum.at(leverage, row, np.minimum(chosen, cap))
    posted = np.zeros((len(keys), len(market_.assets)))
    np.add.at(posted, (pool, market_.settle[instrument]), positions["isolated_margin"].fill_null(0.0).to_numpy())
    labels = keys % stride
    names = tuple("cross" if i == 0 else f"{market_.instruments[(i - 1) // 2]}:{'short' if (i - 1) % 2 else 'long'}" for i in labels)
    return Holdings(
        keys // stride,
        names,
        pairs // len(market_.instruments),
        pairs % len(market_.instruments),
        np.bincount(row, quantity),
        np.bincount(row, np.where(inverse, quantity / entry, quantity * entry)),
        np.bincount(row, positions["accrued_funding"].to_numpy()),
        leverage,
        posted,
    )


def position_values(h: Holdings, m: Market) -> Floats:
    """Dollar value of each netted position: full value of what was paid for, P&L of the rest."""
    i = h.instrument
    price, size = m.mark[i], m.size[i]
    linear = size * (h.quantity * price - h.cost) * m.value[m.quote[i]]
    inverse = size * (h.cost - h.quantity / price) * m.value[m.settle[i]]
    quanto = size * (h.quantity * price - h.cost) * m.value[m.settle[i]]
    asset_like = size * h.quantity * price * m.value[m.quote[i]]
    payoff = m.payoff[i]
    pnl = np.where(payoff == "inverse", inverse, np.where(payoff == "quanto", quanto, linear))
    return np.where(m.is_asset_like[i], asset_like, pnl) + h.funding * m.value[m.settle[i]]


def posted_tokens(h: Holdings, m: Market, accounts: pl.DataFrame, collateral: pl.DataFrame) -> Floats:
    """Units per [pool, asset]: isolated margin, and the collateral table in the cross pools."""
    account_names = {account: place for place, account in enumerate(accounts["account_id"])}
    asset_names = {asset: place for place, asset in enumerate(m.assets)}
    cross = {int(a): place for place, (a, name) in enumerate(zip(h.pool_account, h.pool_names, strict=True)) if name == "cross"}
    tokens = h.posted.copy()
    pool = np.array([cross[account_names[account]] for account in collateral["account_id"]], dtype=np.int64)
    np.add.at(tokens, (pool, _codes(collateral["asset"], asset_names)), collateral["quantity"].to_numpy())
    return tokens
