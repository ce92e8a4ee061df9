"""The tables of a snapshot."""

from __future__ import annotations

from stresstest.tables.model import Column, Rule, Table, Type


def _required(name: str, type_: Type, doc: str, unit: str = "", choices: tuple[str, ...] = (), refers_to: str = "") -> Column:
    return Column(name, type_, doc, unit, required=True, nullable=False, choices=choices, refers_to=refers_to)


ACCOUNTS = Table(
    "accounts",
    "Margin accounts. Without this table every account named by positions or collateral is its own owner.",
    (
        _required("account_id", "string", "the account"),
        Column("owner_id", "string", "legal entity behind the account; null = the account itself"),
        Column("name", "string", "display name"),
        Column("segment", "string", "business segment, shown beside the account"),
        Column("netting_group", "string", "accounts of one owner whose losses and margins net before Cover-N"),
        Column("margin_model", "string", "model of the margin file", default="default", refers_to="margin file.models"),
        Column("margin_multiplier", "float", "scales the requirements (the owner's credit tier)", "ratio", default=1.0),
        Column("max_leverage", "float", "cap on leverage: initial requirement at least notional / max_leverage", "ratio"),
        Column("reported_equity", "float", "equity the official system reports at base", "reporting currency"),
        Column("reported_initial_margin", "float", "initial margin the official system reports at base", "reporting currency"),
        Column("reported_maintenance_margin", "float", "maintenance margin the official system reports at base", "reporting currency"),
    ),
    key=("account_id",),
    rules=(
        Rule("multiplier above zero", "margin_multiplier > 0", "margin_multiplier", "Use 1.0 for an unscaled requirement."),
        Rule("leverage above zero", "max_leverage > 0", "max_leverage", "Leave it null where the account has no cap."),
    ),
    optional=True,
)

OWNERS = Table(
    "owners",
    "Legal entities, with their contributions to the default fund.",
    (
        _required("owner_id", "string", "the owner"),
        Column("name", "string", "display name"),
        Column("default_fund_contribution", "float", "paid into the default fund", "reporting currency", default=0.0),
        Column("assessment_cap", "float", "largest assessment that can be called", "reporting currency", default=0.0),
        Column("clearing_member_id", "string", "clearing member through which the owner clears", not_used_yet=True),
    ),
    key=("owner_id",),
    rules=(
        Rule("contribution not negative", "default_fund_contribution >= 0", "default_fund_contribution", "State it as a positive amount."),
        Rule("assessment not negative", "assessment_cap >= 0", "assessment_cap", "State it as a positive amount."),
    ),
    optional=True,
)

POSITIONS = Table(
    "positions",
    "Positions; several rows (lots) of one pool and instrument are netted by sums.",
    (
        _required("account_id", "string", "the account", refers_to="accounts.account_id"),
        _required("instrument_id", "string", "the instrument", refers_to="instruments.instrument_id"),
        _required("quantity", "float", "plus = long, minus = short", "contracts"),
        Column("entry_price", "float", "price from which P&L runs; null = settled to the mark", "quote currency"),
        Column("margin_mode", "string", "shared or separate pool", default="cross", choices=("cross", "isolated")),
        Column("isolated_margin", "float", "margin posted for an isolated position, not part of collateral", "settle asset"),
        Column("pool_id", "string", "margin pool; null = cross, for isolated positions instrument and side"),
        Column("leverage", "float", "chosen leverage: initial requirement at least notional / leverage", "ratio"),
        Column(
            "accrued_funding",
            "float",
            "funding accrued and not settled, plus = owed to the account; zero on spot and paid options",
            "settle asset",
            default=0.0,
        ),
    ),
    rules=(
        Rule(
            "isolated margin present",
            "margin_mode <> 'isolated' or isolated_margin is not null",
            "isolated_margin",
            "Give the margin posted for the isolated position, or set margin_mode to cross.",
        ),
        Rule(
            "isolated margin only when isolated",
            "margin_mode = 'isolated' or isolated_margin is null",
            "isolated_margin",
            "Cross positions are covered by the collateral table: leave isolated_margin null.",
        ),
        Rule("isolated margin not negative", "isolated_margin >= 0", "isolated_margin", "State the margin posted as a positive amount."),
        Rule(
            "isolated pool is not cross",
            "margin_mode <> 'isolated' or pool_id <> 'cross'",
            "pool_id",
            "Leave pool_id null or name the isolated pool.",
        ),
        Rule(
            "cross position in the cross pool",
            "margin_mode = 'isolated' or pool_id = 'cross'",
            "pool_id",
            "Set margin_mode to isolated, or leave pool_id null.",
        ),
        Rule("leverage above zero", "leverage > 0", "leverage", "Leave it null where none was chosen."),
    ),
)

COLLATERAL = Table(
    "collateral",
    "Token balances; negative quantities are borrows.",
    (
        _required("account_id", "string", "the account", refers_to="accounts.account_id"),
        _required("asset", "string", "the asset", refers_to="assets.asset"),
        _required("quantity", "float", "plus = deposit, minus = borrow", "units of the asset"),
        Column("location", "string", "custodian, chain or venue that holds it"),
        Column("pool_id", "string", "margin pool: cross, or the pool of an isolated position of the account", default="cross"),
    ),
    optional=True,
)

INSTRUMENTS = Table(
    "instruments",
    "What positions are held in.",
    (
        _required("instrument_id", "string", "the instrument"),
        _required("kind", "string", "kind of instrument", choices=("spot", "future", "perpetual", "option")),
        _required("underlying", "string", "asset it follows", refers_to="assets.asset"),
        _required("quote", "string", "asset in which its price is stated", refers_to="assets.asset"),
        Column("settle", "string", "asset in which P&L is paid; null = quote", refers_to="assets.asset"),
        Column("payoff", "string", "how price becomes value", default="linear", choices=("linear", "inverse", "quanto")),
        Column("contract_size", "float", "size of one contract", "units of the underlying; inverse: units of quote", default=1.0),
        _required("mark_price", "float", "price at which the venue values it", "quote currency"),
        Column("expiry", "timestamp", "moment of expiry, UTC"),
        Column("strike", "float", "strike of an option", "quote currency; inverse: price currency of the underlying"),
        Column("option_type", "string", "call or put", choices=("call", "put")),
        Column("exercise", "string", "exercise style", default="european", choices=("european", "american")),
        Column("implied_vol", "float", "annualised vol; null = implied from the mark", "decimal; normal: price units"),
        Column("vol_type", "string", "vol convention", default="lognormal", choices=("lognormal", "normal")),
        Column(
            "forward",
            "float",
            "forward price for the expiry; of an option on a future, that future's price",
            "quote currency; inverse: price currency of the underlying",
        ),
        Column(
            "settlement_averaging_seconds",
            "float",
            "window before expiry over which the settlement price is averaged, European options; null = none",
            "seconds",
        ),
        Column("settled_average", "float", "average over that window so far; null = the forward", "as forward"),
        Column("premium_style", "string", "premium paid up front or margined", default="paid", choices=("paid", "margined")),
        Column("risk_group", "string", "group inside which risk nets; null = underlying"),
        Column("margin_schedule", "string", "schedule of the margin file", refers_to="margin file.margin_schedules"),
        Column("open_interest", "float", "open contracts on the venue", "contracts"),
        Column("skew_scale", "float", "open interest scale of size-dependent margin", "contracts"),
        Column("confidence", "float", "how sure its source is of the price, 0 to 1; null = fully", "ratio"),
        Column("price_time", "timestamp", "moment of the price, UTC"),
    ),
    key=("instrument_id",),
    rules=(
        Rule("option has strike", "kind <> 'option' or strike is not null", "strike", "Give the strike of every option."),
        Rule("option has expiry", "kind <> 'option' or expiry is not null", "expiry", "Give the expiry of every option."),
        Rule("option has type", "kind <> 'option' or option_type is not null", "option_type", "State call or put."),
        Rule("vol not negative", "implied_vol >= 0", "implied_vol", "Leave it null to imply the vol from the mark."),
        Rule("open interest not negative", "open_interest >= 0", "open_interest", "Leave it null where it is not known."),
        Rule("skew scale above zero", "skew_scale > 0", "skew_scale", "Leave it null where the venue has none."),
        Rule("contract size above zero", "contract_size > 0", "contract_size", "Use 1.0 for one unit."),
        Rule("spot is linear", "kind <> 'spot' or payoff = 'linear'", "payoff", "Set payoff to linear, or kind to what it is."),
        Rule(
            "inverse mark above zero",
            "payoff <> 'inverse' or kind = 'option' or mark_price > 0",
            "mark_price",
            "Correct the mark: an inverse contract is valued at 1 / mark.",
        ),
        Rule(
            "inverse option in one coin",
            "payoff <> 'inverse' or kind <> 'option' or settle is null or settle = quote",
            "quote",
            "Quote a coin option in the coin that it settles in, mark and all; only its strike and forward are in the price currency.",
        ),
        Rule("confidence is a share", "confidence between 0 and 1", "confidence", "State 1 for a price that is sure, or leave it null."),
        Rule(
            "averaging window above zero",
            "settlement_averaging_seconds > 0",
            "settlement_averaging_seconds",
            "State its length in seconds, or leave it null where settlement is not averaged.",
        ),
        Rule(
            "averaging of European options",
            "settlement_averaging_seconds is null or (kind = 'option' and exercise = 'european')",
            "settlement_averaging_seconds",
            "Leave it null: the mark of a future says what it is worth, and an American option is settled at the price of its exercise.",
        ),
        Rule(
            "average has a window",
            "settled_average is null or settlement_averaging_seconds is not null",
            "settled_average",
            "State settlement_averaging_seconds, the window that it is the average of.",
        ),
    ),
)

ASSETS = Table(
    "assets",
    "Prices and terms of everything held as collateral, followed, quoted or settled in.",
    (
        _required("asset", "string", "the asset"),
        _required("price", "float", "price of one unit", "price currency"),
        Column("price_currency", "string", "asset in which the price is stated; null = reporting currency", refers_to="assets.asset"),
        Column(
            "asset_class",
            "string",
            "cash, stablecoin, crypto, staked, equity, rates, fx, commodity or any other word that shocks select by; "
            "a stablecoin is left out of `spot:*` only with class cash or the tag stablecoin, not by class stablecoin",
        ),
        Column("collateral_schedule", "string", "haircut schedule of the margin file", refers_to="margin file.collateral_schedules"),
        Column("margin_schedule", "string", "schedule for models that net by underlying", refers_to="margin file.margin_schedules"),
        Column("tags", "string list", "free tags that shocks can select; stablecoin: `spot:*` leaves the asset out"),
        Column("rate", "float", "interest or carry rate, continuously compounded", "decimal a year", default=0.0),
        Column("duration", "float", "price sensitivity to the asset's own rate", "years"),
        Column("convexity", "float", "second-order sensitivity to the rate", "years squared"),
        Column("may_be_negative", "boolean", "price can be zero or negative; it then moves additively", default=False),
        Column("daily_volume", "float", "traded volume a day; null = none", "reporting currency"),
        Column("daily_vol", "float", "vol of one day; null = not known", "decimal"),
        Column("depth", "float", "market depth: notional at this price that would take the price to zero; null = not known", "reporting currency"),
        Column("price_low", "float", "conservative low price; null = the price", "price currency"),
        Column("price_high", "float", "conservative high price; null = the price", "price currency"),
        Column("confidence", "float", "how sure its source is of the price, 0 to 1; null = fully", "ratio"),
        Column("pool_deposits", "float", "deposits on the venue", "units of the asset"),
        Column("pool_borrows", "float", "borrows on the venue", "units of the asset"),
        Column("price_time", "timestamp", "moment of the price, UTC"),
    ),
    key=("asset",),
    rules=(
        Rule("price above zero", "may_be_negative or price > 0", "price", "Set may_be_negative for an asset whose price can be zero or below."),
        Rule("volume not negative", "daily_volume >= 0", "daily_volume", "Leave it null where nothing is traded."),
        Rule("daily vol not negative", "daily_vol >= 0", "daily_vol", "Leave it null where it is not known."),
        Rule("depth above zero", "depth > 0", "depth", "Leave it null where it is not known: sales then move no price, and a cascade says so."),
        Rule("confidence is a share", "confidence between 0 and 1", "confidence", "State 1 for a price that is sure, or leave it null."),
        Rule("low price above zero", "price_low > 0", "price_low", "Leave it null where the venue has none."),
        Rule("high price above zero", "price_high > 0", "price_high", "Leave it null where the venue has none."),
        Rule("deposits not negative", "pool_deposits >= 0", "pool_deposits", "State what is deposited as a positive number of units."),
        Rule("borrows not negative", "pool_borrows >= 0", "pool_borrows", "State what is borrowed as a positive number of units."),
    ),
)

ORDERS = Table(
    "orders",
    "Open orders of cross pools, for models that ask for them.",
    (
        _required("account_id", "string", "the account", refers_to="accounts.account_id"),
        _required("instrument_id", "string", "the instrument", refers_to="instruments.instrument_id"),
        _required("side", "string", "side of the order", choices=("buy", "sell")),
        _required("quantity", "float", "size", "contracts"),
        _required("price", "float", "limit price", "quote currency"),
        Column(
            "reserved", "float", "balance set aside for it, in no row of collateral", "settle asset; of a sale of spot the underlying", default=0.0
        ),
    ),
    rules=(
        Rule("quantity above zero", "quantity > 0", "quantity", "State the size as a positive number: the side says buy or sell."),
        Rule("reserved not negative", "reserved >= 0", "reserved", "State what is set aside as a positive amount."),
    ),
    optional=True,
)

HISTORY = Table(
    "history",
    "Daily factor values, for generators and reverse stress tests.",
    (
        _required("date", "date", "the day"),
        _required("factor", "string", "factor, for example spot:BTC"),
        _required("value", "float", "its value that day; no row where it has none", "as the factor"),
    ),
    key=("date", "factor"),
    optional=True,
)

INPUT_TABLES: tuple[Table, ...] = (ACCOUNTS, OWNERS, POSITIONS, COLLATERAL, INSTRUMENTS, ASSETS, ORDERS, HISTORY)
