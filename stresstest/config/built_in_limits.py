"""The limits that need no SQL of one's own: each is a SELECT over the result tables, with its definition and unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["number", "count", "money", "share", "ratio", "days"]
"""What a value is counted in: money in the reporting currency, shares and ratios as decimals (shown as percent and as multiples)."""

Basis = Literal["stress_loss_over_margin", "uncollateralised_loss"]
BASIS: Basis = "stress_loss_over_margin"
"""The basis of owner losses where a limit states none: the one that a default fund is sized by."""
Top = Literal[1, 5, 10]
TOPS: tuple[Top, ...] = get_args(Top)
TOP: Top = 5
"""Of how many owners a share is taken where a limit does not say."""


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

    def query(self, basis: Basis | None = None, top: Top | None = None) -> str:
        """The SELECT with its parameters in place: one of two words, and one of three numbers."""
        return self.sql.replace("{basis}", basis or BASIS).replace("{top}", str(top or TOP))


_HEADLINE = "the run has no headline scenario"
_LARGE = "of underlyings with at least 1 % of the book's gross notional, or a tenth of that of the largest"
_IS_LARGE = "gross_share >= least(0.01, 0.1 * (SELECT max(gross_share) FROM concentration))"
_RESOURCES = "the run has no headline scenario, or states no resources above zero"


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
        "accounts in default in a headline scenario: equity below zero, of the account or of one of its isolated pools",
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
        "SELECT account_id, CASE WHEN gross_notional = 0 THEN 0 WHEN equity > greatest(0.01, 1e-9 * gross_notional) "
        "THEN gross_notional / equity END FROM account_summary",
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
        "concentration_herfindahl",
        f"largest Herfindahl index of owners' shares of the gross notional in one underlying, at base; {_LARGE}",
        "number",
        "underlying",
        f"SELECT underlying, herfindahl FROM concentration WHERE {_IS_LARGE}",
        "no underlying is held",
    ),
    BuiltIn(
        "open_interest_top_share",
        f"largest share of the open interest in one underlying that its `top` largest owners on one side hold, at base; {_LARGE}",
        "share",
        "underlying",
        f"SELECT underlying, top_{{top}}_open_interest_share FROM concentration WHERE {_IS_LARGE} AND open_interest > 0",
        "no underlying has open interest",
        ("top",),
    ),
    BuiltIn(
        "days_to_liquidate",
        "most days that one account takes to close its net notional in one underlying at base, at `statistics.volume_share` of its daily volume a "
        "day; underlyings without a known volume are left out",
        "days",
        "account",
        "SELECT account_id, days_to_liquidate FROM days_to_liquidate",
        "no position is in an underlying with a known volume",
    ),
    BuiltIn(
        "owner_days_to_liquidate",
        "most days that the owner with the largest net notional in an underlying takes to close it at base, at `statistics.volume_share` of its "
        "daily volume a day; underlyings without a known volume are left out",
        "days",
        "underlying",
        "SELECT underlying, days_to_liquidate_largest_owner FROM concentration WHERE days_to_liquidate_largest_owner IS NOT NULL",
        "no position is in an underlying with a known volume",
    ),
    BuiltIn(
        "unpaid_funding",
        "variation margin of a headline scenario that accounts can pay neither from balances and gains nor by selling collateral",
        "money",
        "scenario",
        "SELECT scenario_id, unpaid FROM funding_summary WHERE scenario_id <> 'base'",
        _HEADLINE,
    ),
    BuiltIn(
        "unpaid_funding_share",
        "share of the cash to find in a headline scenario, beyond balances of the currency of settlement, that accounts cannot pay",
        "share",
        "scenario",
        "SELECT scenario_id, CASE WHEN cash_to_find > 0 THEN unpaid / cash_to_find ELSE 0 END FROM funding_summary WHERE scenario_id <> 'base'",
        _HEADLINE,
    ),
    BuiltIn(
        "cascade_cover_2_to_resources",
        "Cover-2 at the end of the liquidation cascade over resources: the two largest uncollateralised losses of owners in a headline scenario "
        "together, divided by insurance fund, skin in the game and default fund",
        "ratio",
        "scenario",
        "SELECT scenario_id, cover_2 / nullif(resources.total, 0) FROM cascade_summary, resources WHERE headline",
        _RESOURCES,
    ),
    BuiltIn(
        "cascade_loss",
        "uncollateralised loss of all accounts together at the end of the cascade of a headline scenario",
        "money",
        "scenario",
        "SELECT scenario_id, uncollateralised_loss FROM cascade_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "cascade_uncovered",
        "part of that loss that no layer of the waterfall pays",
        "money",
        "scenario",
        "SELECT scenario_id, coalesce(used, 0) FROM cascade_summary "
        "LEFT JOIN (SELECT scenario_id, used FROM waterfall WHERE layer = 'uncovered') USING (scenario_id) WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "cascade_amplification",
        "price moves at the end of the cascade of a headline scenario over those of its shock, both weighted with gross notional at base; scenarios "
        "that move no price are left out",
        "ratio",
        "scenario",
        "SELECT scenario_id, amplification FROM cascade_summary WHERE headline AND amplification IS NOT NULL",
        "no headline scenario moves a price",
    ),
    BuiltIn(
        "cascade_accounts_by_feedback",
        "accounts liquidated in a headline scenario only because of the sales of others",
        "count",
        "scenario",
        "SELECT scenario_id, accounts_liquidated_feedback FROM cascade_summary WHERE headline",
        _HEADLINE,
    ),
    BuiltIn(
        "cascade_not_at_rest",
        "headline scenarios whose cascade had not come to rest after `max_rounds`",
        "count",
        "",
        "SELECT count(*) FROM cascade_summary WHERE headline AND NOT converged",
        "",
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
