"""Base prices in reporting currency and unsigned notionals of one contract, for shares and for data quality."""

from __future__ import annotations

import numpy as np

from stresstest.snapshot.book import Floats
from stresstest.snapshot.price_chains import along_chains
from stresstest.snapshot.session import Session


def asset_values(session: Session) -> Floats:
    """X of every asset code: price times X of its price currency; NaN where a chain is broken or a price on it is not one."""
    rows = session.connection.sql(
        "SELECT CASE WHEN a.may_be_negative OR a.price > 0 AND isfinite(a.price) THEN a.price END AS price, "
        "coalesce(c.code, -1) AS parent, a.asset AS asset "
        "FROM assets a LEFT JOIN assets c ON a.price_currency = c.asset ORDER BY a.code"
    ).to_arrow_table()
    price = rows.column("price").to_numpy()
    parent = rows.column("parent").to_numpy()
    root = rows.column("asset").to_pylist().index(session.currency)
    return along_chains(price, parent, root)[0]


def unit_notionals(session: Session) -> Floats:
    """Unsigned notional of one contract of every instrument code; NaN where it cannot be told.

    Linear and spot cs*|M|*X_quote, quanto cs*|M|*X_settle, inverse cs*X_quote, option cs*S_underlying.
    """
    return _by_kind(session)[0]


def notionals_per_price(session: Session) -> Floats:
    """Notional of one contract for each unit of its price, cs*X; NaN where it cannot be told and where the notional is not made of the price."""
    return _by_kind(session)[1]


def _by_kind(session: Session) -> tuple[Floats, Floats]:
    value = asset_values(session)
    rows = session.connection.sql(
        "SELECT kind, payoff, CASE WHEN contract_size > 0 THEN contract_size END AS contract_size, "
        "CASE WHEN mark_price > 0 OR underlying IN (SELECT asset FROM assets WHERE may_be_negative) THEN mark_price END AS mark_price, "
        "coalesce(underlying_code, -1) AS underlying, coalesce(quote_code, -1) AS quote, "
        "coalesce(settle_code, -1) AS settle FROM instruments ORDER BY code"
    ).to_arrow_table()
    option = np.asarray(rows.column("kind").to_pylist()) == "option"
    payoff = np.asarray(rows.column("payoff").to_pylist())
    size, mark = (np.asarray(rows.column(name).to_numpy(), np.float64) for name in ("contract_size", "mark_price"))
    by = {
        name: np.where(rows.column(name).to_numpy() >= 0, value[rows.column(name).to_numpy()], np.nan) for name in ("underlying", "quote", "settle")
    }
    per_price: Floats = size * np.where(payoff == "quanto", by["settle"], by["quote"])
    unit: Floats = np.where(option, size * by["underlying"], np.where(payoff == "inverse", size * by["quote"], np.abs(mark) * per_price))
    per_price = np.where(option | (payoff == "inverse"), np.nan, per_price)
    return np.where(np.isfinite(unit), np.abs(unit), np.nan), np.where(np.isfinite(per_price), np.abs(per_price), np.nan)
