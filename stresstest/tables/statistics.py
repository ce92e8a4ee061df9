"""Statistics of the portfolio: who holds how much of what, how long it takes to sell, how accounts are spread."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

_MONEY = "reporting currency"

TOP_OWNERS = (1, 5, 10)
"""Numbers of owners whose share of an underlying is told."""


def _notionals(of: str) -> tuple[Column, ...]:
    return (
        Column("long_notional", "float", f"notional of {of}'s long positions", _MONEY, nullable=False),
        Column("short_notional", "float", f"notional of {of}'s short positions, as a positive amount", _MONEY, nullable=False),
        Column("net_notional", "float", "long less short; an option counts by its own side, puts too", _MONEY, nullable=False),
        Column("gross_notional", "float", "long plus short", _MONEY, nullable=False),
    )


_DAYS = "at statistics.volume_share of daily_volume a day; null: no volume is known"

CONCENTRATION = Table(
    "concentration",
    "Positions by underlying at base: sizes, how few owners hold them, and days to liquidate; spot positions included, collateral not.",
    (
        Column("underlying", "string", "the underlying", nullable=False),
        Column("asset_class", "string", "class of the underlying"),
        Column("positions", "integer", "netted positions", "rows", nullable=False),
        Column("accounts", "integer", "accounts with positions", "accounts", nullable=False),
        Column("owners", "integer", "owners of those accounts", "owners", nullable=False),
        *_notionals("the book"),
        Column("gross_share", "float", "share of the book's gross notional; null where that is zero", "ratio"),
        Column("open_interest", "float", "notional of derivatives on one side, long or short, whichever is more", _MONEY, nullable=False),
        Column("venue_open_interest", "float", "notional of the instruments' open_interest; null: none states it", _MONEY),
        Column("herfindahl", "float", "sum of squared owners' shares of gross notional: 1 = one owner has all; null: no notional", "ratio"),
        Column("herfindahl_long", "float", "the same of long notional; null: nothing is long", "ratio"),
        Column("herfindahl_short", "float", "the same of short notional; null: nothing is short", "ratio"),
        *(Column(f"top_{n}_share", "float", f"share of gross notional of the {n} largest owners by it", "ratio") for n in TOP_OWNERS),
        *(
            Column(
                f"top_{n}_open_interest_share",
                "float",
                f"the same of derivatives: {n} largest long owners of all long, or short of all short, whichever is more",
                "ratio",
            )
            for n in TOP_OWNERS
        ),
        Column("largest_net_owner_id", "string", "owner with the largest absolute net notional; null: all are zero"),
        Column("largest_net_notional", "float", "its net notional", _MONEY),
        Column("daily_volume", "float", "traded volume a day of the underlying; null: none is known", _MONEY),
        Column("days_to_liquidate_largest_owner", "float", f"days to close that owner's net notional {_DAYS}", "days"),
        Column("days_to_liquidate_gross", "float", f"days to close the gross notional {_DAYS}", "days"),
    ),
    key=("underlying",),
)

CONCENTRATION_OWNERS = Table(
    "concentration_owners",
    "The owners with the largest gross notional in each underlying at base; how many is statistics.top.",
    (
        Column("underlying", "string", "the underlying", nullable=False),
        Column("rank", "integer", "1 = largest gross notional", "rank", nullable=False),
        Column("owner_id", "string", "the owner", nullable=False),
        Column("name", "string", "display name"),
        Column("accounts", "integer", "accounts of the owner with positions in it", "accounts", nullable=False),
        *_notionals("the owner"),
        Column("share", "float", "share of the underlying's gross notional; null where that is zero", "ratio"),
        Column("days_to_liquidate", "float", f"days to close the net notional {_DAYS}", "days"),
    ),
    key=("underlying", "rank"),
)

DAYS_TO_LIQUIDATE = Table(
    "days_to_liquidate",
    "The 100 accounts that take longest to liquidate at base: the most days of any underlying, at statistics.volume_share of its daily volume.",
    (
        Column("rank", "integer", "1 = longest", "rank", nullable=False),
        Column("owner_id", "string", "the owner", nullable=False),
        Column("account_id", "string", "the account", nullable=False),
        Column("name", "string", "display name"),
        Column("days_to_liquidate", "float", "days to close the net notional in the underlying that takes longest", "days", nullable=False),
        Column("underlying", "string", "that underlying", nullable=False),
        Column("net_notional", "float", "the account's net notional in it", _MONEY, nullable=False),
        Column("daily_volume", "float", "traded volume a day of it", _MONEY, nullable=False),
        Column("gross_notional", "float", "the account's gross notional in all underlyings", _MONEY, nullable=False),
        Column("gross_without_volume", "float", "of that, in underlyings without a known volume, which the days leave out", _MONEY, nullable=False),
        Column("equity", "float", "the account's equity", _MONEY, nullable=False),
        Column("worst_headline_status", "string", "its status in its own worst headline scenario; null: no such scenario"),
    ),
    key=("rank",),
)

DISTRIBUTION_MEASURES = ("leverage", "margin_ratio")
DISTRIBUTION_STATES = ("base", "worst_headline")
DISTRIBUTION_KINDS = ("bucket", "quantile", "apart")

DISTRIBUTION = Table(
    "distribution",
    "How leverage and margin ratio are spread over accounts, at base and with every account in its own worst headline scenario.",
    (
        Column(
            "measure",
            "string",
            "leverage: gross notional / equity. margin_ratio: margin balance / maintenance margin; where a pool is short, "
            "1 - margin shortfall / maintenance margin",
            nullable=False,
            choices=DISTRIBUTION_MEASURES,
        ),
        Column("state", "string", "where accounts are measured", nullable=False, choices=DISTRIBUTION_STATES),
        Column("kind", "string", "bucket, quantile, or accounts counted apart", nullable=False, choices=DISTRIBUTION_KINDS),
        Column("place", "integer", "1 = first of its kind", "rank", nullable=False),
        Column("lower", "float", "of a bucket: smallest value inside; null: no bound", "ratio"),
        Column("upper", "float", "of a bucket: smallest value above; null: no bound", "ratio"),
        Column("level", "float", "of a quantile: share of accounts at or below it", "ratio"),
        Column("value", "float", "of a quantile: smallest value of an account with at least that share at or below", "ratio"),
        Column("reason", "string", "of accounts apart: why they have no value"),
        Column("accounts", "integer", "accounts in the bucket, at or below the quantile, or apart", "accounts", nullable=False),
        Column("gross_notional", "float", "their gross notional in that state", _MONEY, nullable=False),
    ),
    key=("measure", "state", "kind", "place"),
)

STATISTICS_TABLES: tuple[Table, ...] = (CONCENTRATION, CONCENTRATION_OWNERS, DISTRIBUTION, DAYS_TO_LIQUIDATE)
"""Made where a report is asked for, where the book is small, or where the run file asks for `statistics` or `limits`."""
