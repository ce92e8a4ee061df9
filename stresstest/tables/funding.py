"""The tables of funding: variation margin by currency of settlement, and how accounts find it."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

_MONEY = "reporting currency"
_SCENARIO = Column("scenario_id", "string", "base, or a headline scenario", nullable=False)
_CURRENCY = Column("currency", "string", "asset in which is settled", nullable=False)

_CALLS: tuple[Column, ...] = (
    Column("variation_call", "float", "unsettled losses of futures, perpetuals and margined options that settle in it", _MONEY, nullable=False),
    Column("from_balance", "float", "part paid from the balance of the same currency", _MONEY, nullable=False),
    Column("cash_to_find", "float", "the rest, which must be found elsewhere", _MONEY, nullable=False),
    Column("from_gains", "float", "part of that paid by unsettled gains in other currencies", _MONEY, nullable=False),
    Column("to_sell", "float", "part of that paid by sales of other collateral, at what it counts after maintenance haircut", _MONEY, nullable=False),
    Column("unpaid", "float", "part of that which the pool cannot pay", _MONEY, nullable=False),
)
_ACCOUNTS: tuple[Column, ...] = (
    Column("accounts_calling", "integer", "accounts with cash to find", "accounts", nullable=False),
    Column("accounts_selling", "integer", "accounts that must sell for it", "accounts", nullable=False),
    Column("accounts_not_paying", "integer", "accounts that cannot pay all of it", "accounts", nullable=False),
)
_OWNERS = Column("owners_not_paying", "integer", "owners of these", "owners", nullable=False)

FUNDING = Table(
    "funding",
    "Variation margin by currency of settlement against what accounts hold of it, at base and in every headline scenario; and what they sell for it.",
    (
        _SCENARIO,
        Column("currency", "string", "asset in which is settled, or which is sold", nullable=False),
        *_CALLS,
        Column("variation_gain", "float", "unsettled gains of the pools that have gains in it", _MONEY, nullable=False),
        Column("balances", "float", "positive balances of the asset at spot, P&L not included", _MONEY, nullable=False),
        Column("sold", "float", "part of the balances that is sold for calls in other currencies, at spot", _MONEY, nullable=False),
        Column("sold_for", "float", "what these sales count after maintenance haircut", _MONEY, nullable=False),
        *_ACCOUNTS,
        _OWNERS,
    ),
    key=("scenario_id", "currency"),
)
FUNDING_SUMMARY = Table(
    "funding_summary",
    "The same over all currencies, beside the call for initial margin, which is no part of it.",
    (
        _SCENARIO,
        *_CALLS,
        Column("sold", "float", "collateral that must be sold, at spot", _MONEY, nullable=False),
        Column("initial_margin_call", "float", "initial requirement not covered: collateral to be posted anew, in any form", _MONEY, nullable=False),
        *_ACCOUNTS,
        _OWNERS,
    ),
    key=("scenario_id",),
)
FUNDING_OWNERS = Table(
    "funding_owners",
    "The same by owner, of owners with cash to find: in each scenario the 100 with the largest unpaid calls, then with the most cash to find.",
    (_SCENARIO, Column("owner_id", "string", "the owner", nullable=False), Column("name", "string", "display name"), _CURRENCY, *_CALLS, *_ACCOUNTS),
    key=("scenario_id", "owner_id", "currency"),
)

FUNDING_TABLES: tuple[Table, ...] = (FUNDING, FUNDING_SUMMARY, FUNDING_OWNERS)
