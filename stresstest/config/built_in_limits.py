"""The limits that need no SQL of one's own: each is a SELECT over the result tables, with its definition and unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["number", "count", "money", "share", "ratio", "days"]
"""What a value is counted in: money in the reporting currency, shares and ratios as decimals (shown as percent and as multiples)."""
UNITS: tuple[Unit, ...] = get_args(Unit)

Basis = Literal["stress_loss_over_margin", "uncollateralised_loss"]
BASIS: Basis = "stress_loss_over_margin"
"""The basis of owner losses where a limit states none: the one that a default fund is sized by."""
TOP = 5
"""Of how many a share is taken where a limit does not say."""


@dataclass(frozen=True)
class BuiltIn:
    """What a built-in limit measures. `subject` is what its rows are about (empty: one number); `no_value` says what it lacks where it is null."""

    name: str
    definition: str
    unit: Unit
    subject: str
    sql: str
    no_value: str
    parameters: tuple[Literal["basis", "top"], ...] = ()

    def query(self, basis: Basis | None = None, top: int | None = None) -> str:
        """The SELECT with its parameters in place: one of two words, and a whole number."""
        return self.sql.replace("{basis}", basis or BASIS).replace("{top}", str(top or TOP))


_HEADLINE = "the run has no headline scenario"
_RESOURCES = "the run states no resources, or none above zero"


def _to_resources(n: int) -> BuiltIn:
    owner = "the largest owner loss" if n == 1 else "the sum of the two largest owner losses"
    return BuiltIn(
        f"cover_{n}_to_resources",
        f"Cover-{n} over resources: {owner} of a headline scenario, in the basis, divided by insurance fund, skin in the game and default fund",
        "ratio",
        "scenario",
        f"SELECT scenario_id, cover_{n}_{{basis}} / nullif(resources.total, 0) FROM scenario_summary, resources WHERE headline",
        _RESOURCES,
        ("basis",),
    )


_ALL = (
    _to_resources(1),
    _to_resources(2),
    BuiltIn(
        "account_shortfall",
        "largest margin shortfall of one account in a headline scenario",
        "money",
        "account",
        "SELECT account_id, worst_headline_margin_shortfall FROM account_summary",
        _HEADLINE,
    ),
    BuiltIn(
        "account_loss",
        "largest uncollateralised loss of one account in its worst headline scenario, which is the one of its largest margin shortfall",
        "money",
        "account",
        "SELECT account_id, worst_headline_uncollateralised_loss FROM account_summary",
        _HEADLINE,
    ),
    BuiltIn(
        "owner_shortfall",
        "largest sum, over the accounts of one owner, of each account's margin shortfall in its own worst headline scenario: at least that of any "
        "one headline scenario",
        "money",
        "owner",
        "SELECT owner_id, sum(worst_headline_margin_shortfall) FROM account_summary GROUP BY owner_id",
        _HEADLINE,
    ),
    BuiltIn(
        "owner_loss",
        "largest loss of one owner in a headline scenario, in the basis",
        "money",
        "owner",
        "SELECT cover_owner_1_{basis}, cover_1_{basis} FROM scenario_summary WHERE headline",
        _HEADLINE,
        ("basis",),
    ),
    BuiltIn(
        "book_shortfall",
        "margin shortfall of all accounts together in a headline scenario",
        "money",
        "scenario",
        "SELECT scenario_id, margin_shortfall FROM scenario_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "accounts_in_default",
        "accounts with equity below zero in a headline scenario",
        "count",
        "scenario",
        "SELECT scenario_id, accounts_default FROM scenario_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "accounts_below_maintenance",
        "accounts in liquidation or default in a headline scenario",
        "count",
        "scenario",
        "SELECT scenario_id, accounts_liquidation + accounts_default FROM scenario_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "accounts_newly_breached",
        "accounts in liquidation or default in a headline scenario that are not at base",
        "count",
        "scenario",
        "SELECT scenario_id, accounts_newly_breached FROM scenario_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "owners_in_default",
        "owners with a cross pool below zero in a headline scenario",
        "count",
        "scenario",
        "SELECT scenario_id, owners_in_default FROM scenario_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "account_leverage",
        "largest gross notional over equity of one account at base; not known of an account with positions and without equity above zero",
        "ratio",
        "account",
        "SELECT account_id, CASE WHEN gross_notional = 0 THEN 0 WHEN equity > 0 THEN gross_notional / equity END FROM account_summary",
        "no equity above zero",
    ),
    BuiltIn(
        "book_leverage",
        "gross notional over equity of all accounts together, at base",
        "ratio",
        "",
        "SELECT sum(gross_notional) / CASE WHEN sum(equity) > 0 THEN sum(equity) END FROM account_summary",
        "no equity above zero",
    ),
    BuiltIn(
        "unshocked_notional",
        "share of gross notional in instruments whose value even the headline scenario that moves most of it leaves as it is",
        "share",
        "scenario",
        "SELECT arg_min(subject, value), min(value) FROM data_quality WHERE \"check\" = 'unshocked notional'",
        _HEADLINE,
    ),
    BuiltIn("failed_checks", "data checks that failed", "count", "", "SELECT count(*) FROM data_quality WHERE result = 'fail'", ""),
    BuiltIn("warned_checks", "data checks with a warning", "count", "", "SELECT count(*) FROM data_quality WHERE result = 'warn'", ""),
    BuiltIn("excluded_accounts", "accounts that `on_missing: exclude` left out", "count", "", "SELECT count(*) FROM excluded", ""),
)

BUILT_INS: dict[str, BuiltIn] = {each.name: each for each in _ALL}
"""Every built-in limit by its name."""
