"""From holdings, factor values and rules to the explanation: the order of the derivation, and what of it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from stresstest.margin.explain import collateral, positions, requirement, rules, scaling, states, strategies, totals
from stresstest.margin.explain.grid_terms import Market
from stresstest.margin.explain.holdings import Holdings
from stresstest.margin.explain.naming import Names
from stresstest.margin.explain.naming_portfolio import portfolio_frames
from stresstest.margin.explain.orders import NO_ORDERS, fill_losses, order_balances, ordered_requirements, sides_of
from stresstest.margin.explain.portfolio import NO_PARTS, PortfolioParts, portfolio_parts
from stresstest.margin.explain.sums import total
from stresstest.margin.rulebook import PortfolioModel, Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import Floats, UnitValues


@dataclass(frozen=True)
class Explanation:
    """The figures of some accounts in some scenarios, with everything they are made of; money in reporting currency unless said otherwise.

    Every frame starts with `account_id, pool_id, scenario_id` (accounts: without pool), and is sorted by account and pool in the order of the
    book, then scenario in file order, then its own key. `*_maintenance` and `*_initial` are the two versions of a figure.

    `positions`: one row per netted position: everything its value is made of (`style` = the row of the table in section 3 of the
    methodology; quantity, contract size, `cost` = sum q*e or sum q/e and the `mean_entry` it amounts to, funding, prices in the quote currency,
    X of quote and settle asset; of options forward, vol and `treatment`, where `units` were given), values, notional; what joins the balance
    of token `joins` or is added to the margin balance; its requirement by itself, and the `rule` that says what requires it.
    `charges`: one row per thing charged, a position or a net of an underlying: size in the schedule's `currency`, tiers, spread and
    leverage floor, `unscaled` = before margin rate and multiplier, `requirement` = after.
    `tiers`: tier by tier what is inside (`part`, in units of `basis`) and its charge in the schedule's currency.
    `strategies`: of strategy models one row per strategy recognised, numbered within its pool: `rule` (naked short, long option, shares,
    covered, equal legs, spread, strangle, expiry), `apart` = its legs one by one, `loss_value`, `unpaired` calls at their forward, `debit`
    (values of long less short legs) and `together` = their sum, at least zero; `unscaled` and `requirement` as above. `strategy_legs`:
    every leg: units with their sign, values, what one naked unit needs (`naked`, in the strike's currency) and what it is made of, and
    `apart`.
    `orders`, of models that count them: per instrument and side (bids, asks) what is `filled`, for what, and held after; of derivatives
    `asked` by the model for that, `lost` by the fills and `need`, the sum of both; of spot what the market's funds are `worth` then.
    `requirement` is on the worse side; of spot markets on a row of all together, and one for what is asked for every order.
    `balances`: collateral row by row, with location and holding share.
    `tokens`: net balance per token: rows, P&L and spot joined, ratio, and what counts after haircut or liability weight.
    `bands`: band by band: edges and part in reporting currency, haircut at base and stressed, value kept.
    `pools`, `accounts`: all measures and the status; `worst_row` of portfolio models: the grid row of the largest scan loss.

    `add_ons`, of models that have them: per line and net its `measure` with its sign, `size`, rate (null = tiers), `depeg`, `amount` (size *
    rate * depeg), `unscaled` (times the loss factor, where the line asks for it); `requirement` null for a floor, which is in its scan.
    `add_on_tiers`: tier by tier. Of accounts under portfolio models, whose requirement is the sum of `scans` and add-ons, besides:

    `scans`: one row per scan loss that enters the requirement, of a risk group, of a list of `offsets`, or (`correlation`) of the pool:
    `loss`, its factors, the sum of its `floor` lines, `unscaled` = max(factor * loss, floor), `requirement` after margin rate and multiplier.
    `groups`: per risk group its own `worst_row` with `worst_pnl` and `scan_loss`, the `row` of its scan (with offsets that of its list, else
    its own), and what became of the loss: `maximum_loss` (null = no cap), `delta` and `credit`, `correlated` = sum of rho_ij * L_i * L_j,
    and `loss` in the end. `credits`: the spread credits one by one.
    `rows`: the whole vector: per group and grid row the `move` of its prices, `pnl`, and what of it is `counted` in its scan.
    `expiries`: in the row of its scan, per expiry and currency of strikes (null = undated) what P comes from.
    `grid_positions`: every position and hedge in that row: changes per unit, and its `pnl` = quantity * change + cost * cost_change +
    funding * settle_change; of a hedge `value` * `move`; the `vol` of an option at the state and in the row. An expiry with two `forward`
    moves shows the worse.
    """

    reporting_currency: str
    positions: pl.DataFrame
    charges: pl.DataFrame
    tiers: pl.DataFrame
    strategies: pl.DataFrame
    strategy_legs: pl.DataFrame
    orders: pl.DataFrame
    balances: pl.DataFrame
    tokens: pl.DataFrame
    bands: pl.DataFrame
    pools: pl.DataFrame
    accounts: pl.DataFrame
    scans: pl.DataFrame
    groups: pl.DataFrame
    credits: pl.DataFrame
    rows: pl.DataFrame
    expiries: pl.DataFrame
    grid_positions: pl.DataFrame
    add_ons: pl.DataFrame
    add_on_tiers: pl.DataFrame


def explain(
    dimensions: Dimensions,
    holdings: Holdings,
    resolved: Resolved,
    marks: Floats,
    rulebook: Rulebook,
    scenario_positions: Sequence[int],
    units: UnitValues | None = None,
) -> Explanation:
    """Derives every figure of the accounts in `holdings`.

    All of it is held at once, about 3 kB a position and scenario: over a whole book ask for a few scenarios at a time.

    Args:
        dimensions: the dimension tables of the book.
        holdings: what the accounts hold: see `holdings_of`.
        resolved: factor values of every scenario.
        marks: f64[instruments, S] in quote units: `UnitValues.mark`.
        rulebook: the margin file.
        scenario_positions: which scenarios, by position in `resolved`; 0 is base.
        units: the valuation that `marks` are of, for the forwards and vols of options, which are shown; the grids of portfolio models start from it.

    Raises:
        IndexError: a scenario position that `resolved` does not have.
        ValueError: accounts of a portfolio model, and no `units`.
    """
    for position in scenario_positions:
        if not 0 <= position < resolved.scenarios:
            raise IndexError(f"no scenario at position {position}")
    # Changes and k of stress_loss_over_margin compare with base, so base is always derived and dropped at the end.
    scenarios = sorted({0, *scenario_positions})
    terms = rules.rules_of(rulebook, dimensions)
    assets = states.asset_states(dimensions, resolved, scenarios)
    pools = _pools(dimensions, holdings, terms)

    instruments = states.instrument_states(dimensions, assets, marks, scenarios).join(
        states.option_states(dimensions, resolved, units, scenarios), on=["instrument", "scenario"], how="left", maintain_order="left"
    )
    held = _with_terms(holdings.positions, pools, terms)
    valued = collateral.position_credits(scaling.conservative_positions(positions.value_positions(held, instruments)))
    rates = states.margin_rates(resolved, scenarios)
    markets = dimensions.instruments.with_row_index("instrument").select(pl.col("instrument").cast(pl.Int32), *states.MARKET)
    orders = holdings.orders.join(pools.filter("counts_orders").select("pool"), on="pool", how="semi", maintain_order="left")
    of_sides = orders.join(_derivatives(dimensions), on="instrument", how="semi", maintain_order="left")
    apart = valued.filter(pl.col("model_kind") != "portfolio").join(of_sides, on=["pool", "instrument"], how="anti", maintain_order="left")
    charges, tiers = _charges(apart, pools, assets, markets, terms, rates)
    legs = strategies.strategy_legs(valued, strategies.strategy_rules(rulebook.models, dimensions, resolved))
    recognised = strategies.strategy_requirements(legs, rates)
    balances = collateral.value_balances(holdings.collateral, assets, states.holding_shares(resolved, scenarios))
    tokens = collateral.net_tokens(
        order_balances(balances, orders, instruments),
        valued,
        assets,
        pools.select("pool", "view", "conservative_maintenance", "conservative_initial"),
        terms.of_assets,
    )
    bands = collateral.haircut_bands(tokens, terms.collateral_bands)
    tokens = collateral.margin_values(tokens, bands)
    parts = _portfolio(rulebook, dimensions, resolved, units, scenarios, pools, valued, balances, rates)
    sided = _sided(of_sides, holdings.positions, pools, instruments, assets, markets, terms, rates)
    ordered = ordered_requirements(orders, sided, pools, instruments, tokens, terms.collateral_bands)
    required = pl.concat([charges, recognised, parts.scans, parts.add_ons, ordered], how="diagonal_relaxed")
    wanted = pools.join(pl.DataFrame({"scenario": pl.Series(scenarios, dtype=pl.Int32)}), how="cross")
    totalled = totals.total_pools(wanted, valued, balances, tokens, required)
    totalled = totalled.join(parts.worst_rows, on=["pool", "scenario"], how="left", maintain_order="left")
    names = Names(dimensions, resolved, pools, sorted(set(scenario_positions)))
    pool_figures = names.pools(totalled)
    return Explanation(
        reporting_currency=dimensions.reporting_currency,
        positions=names.positions(valued, charges, of_sides),
        charges=names.charges(charges),
        tiers=names.tiers(tiers),
        strategies=names.strategies(recognised),
        strategy_legs=names.strategy_legs(legs),
        orders=names.orders(ordered),
        balances=names.balances(balances),
        tokens=names.tokens(tokens),
        bands=names.bands(bands),
        pools=pool_figures,
        accounts=totals.total_accounts(pool_figures),
        **portfolio_frames(names, parts),
    )


def _portfolio(
    rulebook: Rulebook,
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues | None,
    scenarios: list[int],
    pools: pl.DataFrame,
    valued: pl.DataFrame,
    balances: pl.DataFrame,
    rates: pl.DataFrame,
) -> PortfolioParts:
    """What no schedule charges, scaled."""
    ours = set(pools["model"])
    models = {name: model for name, model in rulebook.models.items() if name in ours and (isinstance(model, PortfolioModel) or model.add_ons)}
    if not models:
        return NO_PARTS
    of_pools = pools.select("pool", "model", "margin_multiplier")
    market = Market(dimensions, resolved.take(scenarios), None if units is None else units.take(scenarios), scenarios)
    parts = portfolio_parts(models, market, valued, balances.join(of_pools, on="pool", how="left", maintain_order="left"))

    def scaled(rows: pl.DataFrame) -> pl.DataFrame:
        rows = rows.join(of_pools, on="pool", how="left", maintain_order="left").with_columns(schedule=pl.lit(None, pl.String))
        return requirement.scale_requirements(rows, rates)

    lines = scaled(parts.add_ons).with_columns(
        pl.when(pl.col("combine") == "add").then(f"requirement_{version}").alias(f"requirement_{version}") for version in collateral.VERSIONS
    )
    return replace(parts, scans=scaled(parts.scans), add_ons=lines)


def _pools(dimensions: Dimensions, holdings: Holdings, terms: rules.Rules) -> pl.DataFrame:
    """The pools with their names and the terms of their account and its model."""
    accounts = dimensions.accounts.with_row_index("account").select(
        pl.col("account").cast(pl.Int32), "owner_id", "account_id", "margin_multiplier", model="margin_model"
    )
    pool_ids = dimensions.pools.with_row_index("pool").select(pl.col("pool").cast(pl.Int32), "pool_id")
    rows = holdings.pools.join(pool_ids, on="pool", how="left", maintain_order="left")
    rows = rows.join(accounts, on="account", how="left", maintain_order="left")
    return rows.join(terms.models, on="model", how="left", maintain_order="left").sort("pool")


def _with_terms(held: pl.DataFrame, pools: pl.DataFrame, terms: rules.Rules) -> pl.DataFrame:
    """Positions with the terms of their model and the schedules that may charge them."""
    held = held.join(pools.drop("owner_id", "account_id", "pool_id"), on="pool", how="left", maintain_order="left")
    held = held.join(terms.of_instruments, on=["view", "instrument"], how="left", maintain_order="left")
    short = terms.margin_schedules.select("schedule", *rules.SHORT_OPTION)
    return held.join(short, on="schedule", how="left", maintain_order="left").with_columns(pl.col("short_option").fill_null(False))


def _derivatives(dimensions: Dimensions) -> pl.DataFrame:
    """Codes of the instruments whose orders change a requirement, not balances."""
    codes = dimensions.instruments.with_row_index("instrument").filter(pl.col("kind") != "spot")
    return codes.select(pl.col("instrument").cast(pl.Int32))


def _sided(
    orders: pl.DataFrame,
    held: pl.DataFrame,
    pools: pl.DataFrame,
    instruments: pl.DataFrame,
    assets: pl.DataFrame,
    markets: pl.DataFrame,
    terms: rules.Rules,
    rates: pl.DataFrame,
) -> pl.DataFrame:
    """Both sides of the orders in derivatives: what the position after the fills is asked for, as any position, and what the fills lose."""
    if orders.is_empty():
        return NO_ORDERS
    before = held.select("pool", "instrument", held="quantity", leverage="leverage")
    sides = sides_of(orders).join(before, on=["pool", "instrument"], how="left", maintain_order="left")
    # A pool for each side, so that everything is derived as for any pool.
    twice = pools.join(pl.DataFrame({"side": [0, 1]}, schema={"side": pl.Int32}), how="cross").with_columns(of=pl.col("pool"), pool=_SIDE_POOL)
    sides = sides.with_columns(of=pl.col("pool"), pool=_SIDE_POOL)
    none = {"cost": pl.lit(0.0), "funding": pl.lit(0.0)}
    after = sides.select("pool", "instrument", "leverage", quantity=pl.col("held") + pl.col("filled"), **none)
    valued = scaling.conservative_positions(positions.value_positions(_with_terms(after, twice.drop("side", "of"), terms), instruments))
    charges, _ = _charges(valued, twice, assets, markets, terms, rates)
    key = ["pool", "scenario", "instrument"]
    asked = charges.group_by(key, maintain_order=True).agg(total(f"requirement_{v}").alias(f"asked_{v}") for v in collateral.VERSIONS)
    filled = sides.select("pool", "instrument", "leverage", "held", quantity="filled", cost="order_cost", funding=pl.lit(0.0))
    fills = fill_losses(positions.value_positions(_with_terms(filled, twice.drop("side", "of"), terms), instruments))
    rows = fills.select(*key, *(f"lost_{v}" for v in collateral.VERSIONS)).join(asked, on=key, how="left", maintain_order="left")
    rows = rows.join(sides.drop("leverage"), on=["pool", "instrument"], how="left", maintain_order="left")
    return rows.with_columns(pl.col("asked_maintenance", "asked_initial").fill_null(0.0), pool=pl.col("of")).drop("of")


_SIDE_POOL = pl.col("pool") * 2 + pl.col("side")


def _charges(
    valued: pl.DataFrame, pools: pl.DataFrame, assets: pl.DataFrame, markets: pl.DataFrame, terms: rules.Rules, rates: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Everything that is charged, and its tiers."""
    factors = pools.select("pool", "model", "margin_multiplier", "spread_rate_maintenance", "spread_rate_initial")
    tiered = pl.concat([requirement.charge_by_tiers(valued), requirement.charge_by_underlying(valued)]).with_row_index("charge")
    tiered = tiered.join(terms.margin_schedules.drop(rules.SHORT_OPTION), on="schedule", how="left", maintain_order="left")
    currency = assets.select("scenario", currency="asset", currency_value="value")
    tiered = tiered.join(currency, on=["currency", "scenario"], how="left", maintain_order="left")
    tiered = tiered.join(factors, on="pool", how="left", maintain_order="left").join(markets, on="instrument", how="left", maintain_order="left")
    tiered = requirement.sizes(tiered)
    tiers = requirement.tier_parts(tiered, terms.tiers)
    charges = pl.concat([requirement.tier_requirements(tiered, tiers), requirement.option_requirements(valued)], how="diagonal")
    strategic = terms.models.filter(pl.col("recognition").is_not_null())["model"]
    return requirement.scale_requirements(charges, rates, strategic), tiers
