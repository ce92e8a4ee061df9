"""The tables of a liquidation cascade: what it does in every scenario, round by round, to whom, and who pays."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

_MONEY = "reporting currency"
_PRICE = "price currency of the asset"

CASCADE_ACTIONS = ("collateral", "position", "repayment")
CASCADE_MARGINS = ("cross", "isolated")
WATERFALL_LAYERS = (
    "defaulter_margin", "defaulter_contribution", "insurance_fund", "skin_in_the_game", "default_fund", "assessment", "gains_haircut", "adl_queue",
    "pro_rata", "uncovered",
)  # fmt: skip
PAYER_METHODS = ("adl_queue", "gains_haircut", "layer", "pro_rata")

_SCENARIO = Column("scenario_id", "string", "scenario", nullable=False)
_ROUND = Column("round", "integer", "round of the cascade, from 1 on", nullable=False)
_ASSET = Column("asset", "string", "asset whose price moves", nullable=False)


def _money(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, "float", doc, _MONEY, nullable=nullable)


def _count(name: str, doc: str, of: str = "accounts") -> Column:
    return Column(name, "integer", doc, of, nullable=False)


CASCADE_SUMMARY = Table(
    "cascade_summary",
    "The cascade in every scenario, base among them: how far it goes, what it costs beyond the shock, and whether it came to rest.",
    (
        _SCENARIO,
        Column("headline", "boolean", "whether the scenario counts for the headline", nullable=False),
        _count("rounds", "rounds in which something was liquidated", "rounds"),
        Column("converged", "boolean", "whether no pool breached any more; false: `max_rounds` ended it", nullable=False),
        _count("halted_rounds", "rounds in which nothing could be liquidated", "rounds"),
        _count("accounts_liquidated_direct", "accounts with a pool that the shock itself takes below its requirement"),
        _count("accounts_liquidated_feedback", "accounts liquidated only because of the sales of others"),
        _count("pools_liquidated", "margin pools liquidated, wholly or in part", "pools"),
        _money("notional_sold", "notional of all orders executed, bought or sold, collateral too, at execution prices"),
        _money("direct_loss", "loss of equity of the accounts that lose between base and the shocked prices"),
        _money("feedback_loss", "loss of equity of the accounts that lose between the shocked prices and the end"),
        Column(
            "amplification", "float",
            "price moves at the end over those of the shock, both weighted with gross notional at base; null: no price was shocked", "ratio",
        ),
        Column("loss_amplification", "float", "direct and feedback loss over direct loss; null: no direct loss", "ratio"),
        _money("uncollateralised_loss_static", "what accounts are below zero at the shocked prices"),
        _money("uncollateralised_loss", "what accounts are below zero at the end"),
        _count("owners_in_default_static", "owners in default at the shocked prices", "owners"),
        _count("owners_in_default", "owners in default at the end", "owners"),
        _money("cover_1", "largest uncollateralised loss of an owner at the end"),
        _money("cover_2", "the two largest together"),
        _money("liquidation_fees", "fees that liquidated accounts paid"),
        _money("fees_to_insurance_fund", "part of them that goes to the insurance fund"),
        _count("floored_assets", "assets whose price reached its floor or ceiling at some time", "assets"),
        _count("assets_without_impact", "assets traded without moving their price, for want of a parameter: losses are too low", "assets"),
        _money("unfunded_debts", "debts that no collateral was left to repay"),
        Column("worst_asset", "string", "asset whose price sales moved most, as a share of its snapshot price; null: none moved"),
        Column("worst_asset_change", "float", "its final less its shocked price, over the shocked one (without sign)", "ratio"),
    ),
    key=("scenario_id",),
)  # fmt: skip

CASCADE_PRICES = Table(
    "cascade_prices",
    "Prices of the assets of which something was sold or bought: in the snapshot, shocked, and at the end.",
    (
        _SCENARIO,
        _ASSET,
        Column("snapshot_price", "float", "price in the snapshot", _PRICE, nullable=False),
        Column("shocked_price", "float", "price in the scenario, before anything is liquidated", _PRICE, nullable=False),
        Column("final_price", "float", "price at the end", _PRICE, nullable=False),
        Column("net_quantity_sold", "float", "units sold less units bought, over all rounds", "units of the asset", nullable=False),
        _money("notional_sold", "notional of all orders in it, bought or sold, at execution prices"),
        Column("amplification", "float", "whole move of the price over that of the shock; null: it was not shocked", "ratio"),
        Column("floored", "boolean", "whether the price reached its floor or ceiling at some time", nullable=False),
    ),
    key=("scenario_id", "asset"),
)

CASCADE_PATH = Table(
    "cascade_path",
    "The price path: what was sold of each asset in every round, at which price, and what that did to it.",
    (
        _SCENARIO,
        _ROUND,
        _ASSET,
        Column("net_quantity_sold", "float", "units sold less units bought", "units of the asset", nullable=False),
        _money("notional", "notional of all orders in it, bought or sold, at execution prices"),
        Column("execution_price", "float", "average price of the round's net order", _PRICE, nullable=False),
        Column("price_before", "float", "price at which the round began", _PRICE, nullable=False),
        Column("price_after", "float", "price at which it ended", _PRICE, nullable=False),
    ),
    key=("scenario_id", "round", "asset"),
)

CASCADE_ROUND_TOTALS = Table(
    "cascade_round_totals",
    "Every round of every scenario: who was liquidated and what it cost them.",
    (
        _SCENARIO,
        _ROUND,
        _count("waiting", "pools below their requirement that were not liquidated in this round: trading halted, or one at a time", "pools"),
        _count("pools", "pools liquidated in this round, wholly or in part", "pools"),
        _count("accounts", "their accounts"),
        _money("margin_shortfall", "what the liquidated pools lacked before"),
        _money("notional", "notional of all orders executed, collateral too, at execution prices"),
        _money("fees", "liquidation fees paid"),
        _money("debts_repaid", "debts repaid from collateral"),
        _money("collateral_sold", "what collateral was sold for"),
        _money("equity_before", "equity of the liquidated pools before"),
        _money("equity_after", "equity of the same pools at the prices after the round"),
    ),
    key=("scenario_id", "round"),
)

CASCADE_ROUNDS = Table(
    "cascade_rounds",
    "Every order of the scenarios that are looked at closely: who sold what, when, at which price, and why.",
    (
        _SCENARIO,
        _ROUND,
        Column("account_id", "string", "margin account", nullable=False),
        Column("pool_id", "string", "`cross`, or the isolated pool", nullable=False),
        Column("action", "string", "what was traded: a position, collateral, or an asset that was owed", nullable=False, choices=CASCADE_ACTIONS),
        Column("instrument_id", "string", "instrument of a position; null: collateral or a repayment"),
        Column("asset", "string", "underlying of the position, or the asset itself", nullable=False),
        Column("quantity", "float", "sold, negative: bought", "contracts; of assets: units", nullable=False),
        Column(
            "execution_price",
            "float",
            "mark of the instrument, or price of the asset, at which it was executed; of options before `option_spread`",
            "quote units",
            nullable=False,
        ),
        _money("notional", "its notional there"),
        _money("fee", "liquidation fee of the order"),
        _money("equity_before", "equity of the pool before the round"),
        _money("equity_after", "equity of the pool at the prices after the round"),
        _money("margin_shortfall", "what the pool lacked before"),
        Column("trigger", "string", "asset of which the pool had lost most when it breached", nullable=False),
    ),
    key=("scenario_id", "round", "account_id", "pool_id", "action", "instrument_id", "asset"),
)

CONTAGION = Table(
    "contagion",
    "Who infects whom: what accounts brought down by one asset sold of another, and what that cost accounts that would have survived.",
    (
        _SCENARIO,
        Column("trigger", "string", "asset of which the liquidated pools had lost most when they breached", nullable=False),
        Column("sold", "string", "asset that they sold or bought", nullable=False),
        _money("notional", "notional of their orders in it, at execution prices"),
        _count("pools", "pools that traded it", "pools"),
        _money(
            "survivors_loss",
            "losses by the move of its price after the shock, of positions and collateral of accounts that the shock alone leaves standing; gains "
            "elsewhere not netted; shared out by what each trigger sold of it. Losses by assets of which nothing was sold count for those that moved "
            "them",
        ),
    ),
    key=("scenario_id", "trigger", "sold"),
)  # fmt: skip

CASCADE_VULNERABILITY = Table(
    "cascade_vulnerability",
    "How much each asset endangers the system: what its losers sold, and what that cost accounts that would have survived.",
    (
        _SCENARIO,
        Column("asset", "string", "asset as trigger", nullable=False),
        _count("pools", "liquidated pools of which it is the trigger", "pools"),
        _money("notional_sold", "what they sold of any asset"),
        _money("survivors_loss", "what that cost accounts that would have survived"),
        Column("share_of_equity", "float", "that loss over the equity of all accounts at base; null: the book has none", "ratio"),
    ),
    key=("scenario_id", "asset"),
)

CASCADE_ISOLATED = Table(
    "cascade_isolated",
    "The same book with every cross position in a margin pool of its own, beside it, in the scenarios that are looked at closely.",
    (
        _SCENARIO,
        Column("margin", "string", "cross: the book as it is; isolated: every position on its own", nullable=False, choices=CASCADE_MARGINS),
        _count("rounds", "rounds in which something was liquidated", "rounds"),
        Column("converged", "boolean", "whether no pool breached any more", nullable=False),
        _count("accounts_liquidated", "accounts of which a pool was liquidated"),
        _count("accounts_by_feedback", "of these, accounts that the shock alone leaves standing"),
        _money("notional_sold", "notional of all orders executed"),
        _money("feedback_loss", "loss of equity between the shocked prices and the end, of the accounts that lose"),
        _money("survivors_loss", "part of contagion: losses of accounts that the shock alone leaves standing"),
        _money("uncollateralised_loss", "what pools are below zero at the end"),
        _count("floored_assets", "as in cascade_summary", "assets"),
    ),
    key=("scenario_id", "margin"),
)

CASCADE_SENSITIVITY = Table(
    "cascade_sensitivity",
    "The cascade in markets that are shallower or deeper than assumed, in the scenarios that are looked at closely.",
    (
        _SCENARIO,
        Column("depth_multiple", "float", "depth of all markets over that of the run", "ratio", nullable=False),
        _count("rounds", "rounds in which something was liquidated", "rounds"),
        Column("converged", "boolean", "whether no pool breached any more", nullable=False),
        _count("accounts_liquidated", "accounts of which a pool was liquidated"),
        _money("notional_sold", "notional of all orders executed"),
        _money("feedback_loss", "loss of equity between the shocked prices and the end, of the accounts that lose"),
        _money("uncollateralised_loss", "what accounts are below zero at the end"),
        Column("amplification", "float", "as in cascade_summary", "ratio"),
        _count("floored_assets", "as in cascade_summary", "assets"),
    ),
    key=("scenario_id", "depth_multiple"),
)

CASCADE_PARAMETERS = Table(
    "cascade_parameters",
    "What the price impact of each asset is computed from, and where that comes from.",
    (
        Column("asset", "string", "asset", nullable=False),
        Column("kind", "string", "impact function", nullable=False),
        Column("parameter", "string", "parameter of it", nullable=False),
        Column("value", "float", "its value at base; null: there is none, and sales move no price", "as the parameter"),
        Column("source", "string", "where it comes from", nullable=False),
    ),
    key=("asset", "parameter"),
)

WATERFALL = Table(
    "waterfall",
    "Layer by layer, what is paid of the losses that are left after the cascade, in every scenario that leaves any.",
    (
        _SCENARIO,
        Column("ord", "integer", "place of the layer, from 1 on", nullable=False),
        Column("layer", "string", "layer; uncovered: what nobody pays", nullable=False, choices=tuple(sorted(WATERFALL_LAYERS))),
        _money("available", "what the layer has"),
        _money("used", "what of it is used"),
        _money("left", "loss that is left behind it"),
    ),
    key=("scenario_id", "ord"),
)

WATERFALL_PAYERS = Table(
    "waterfall_payers",
    "Who pays what, in the scenarios that are looked at closely: in the layers, and of what they leave by each of three rules side by side.",
    (
        _SCENARIO,
        Column(
            "method", "string", "layer: in the waterfall as it is; else how the loss behind all funds would be shared out under that rule",
            nullable=False, choices=PAYER_METHODS,
        ),
        Column("layer", "string", "layer of the waterfall; null: of a rule", choices=tuple(sorted(WATERFALL_LAYERS))),
        Column("owner_id", "string", "legal entity that pays", nullable=False),
        Column("account_id", "string", "its account; null: the owner as a whole"),
        Column("asset", "string", "asset in which positions are closed; null: none are"),
        Column("quantity_closed", "float", "net units of it that are closed; null: none are", "units of the asset"),
        Column("score", "float", "place in the queue, the largest first; null: no queue", "ratio"),
        _money("amount", "what is paid"),
    ),
    key=("scenario_id", "method", "layer", "owner_id", "account_id", "asset"),
)  # fmt: skip

CASCADE_TABLES: tuple[Table, ...] = (
    CASCADE_SUMMARY,
    CASCADE_PRICES,
    CASCADE_PATH,
    CASCADE_ROUND_TOTALS,
    CASCADE_ROUNDS,
    CONTAGION,
    CASCADE_VULNERABILITY,
    CASCADE_ISOLATED,
    CASCADE_SENSITIVITY,
    CASCADE_PARAMETERS,
    WATERFALL,
    WATERFALL_PAYERS,
)
"""Tables of a run whose run file has `cascade`."""
