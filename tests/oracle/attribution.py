"""Why margin balance less maintenance margin changed: factors switched from base to scenario one by one, in both orders (methodology, section 11)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from oracle.margin import Market, Pool, build_pools, counted, net_balances, pool_figures
from oracle.reading import Row, Snapshot
from oracle.shocks import BASE, State, holding_share, in_reporting_currency, resolve
from oracle.valuation import option_mark, option_terms, plain_mark, position_value, strike_currency, value_instruments

Factor = tuple[str, str]
"""Kind and the asset it is of."""
Lines = dict[tuple[str, str], float]
"""By kind and subject; requirement and margin parameters of all groups and names together, with the subject `all`."""


class Attribution:
    """The changes of accounts of one book in one scenario."""

    def __init__(self, snapshot: Snapshot, margin: Row, scenario: Row) -> None:
        self.snapshot, self.margin = snapshot, margin
        self.base = resolve(snapshot, BASE, {})
        self.terms = option_terms(snapshot, self.base)
        forwards = {name: term.base_forward for name, term in self.terms.items()}
        self.there = resolve(snapshot, scenario, forwards)
        shocks = list(scenario.get("shocks") or [])
        rates = [shock for shock in shocks if shock["factor"].startswith("rate:")]
        self.rated = resolve(snapshot, {**scenario, "shocks": rates}, forwards)
        try:
            self.shocked = resolve(snapshot, {**scenario, "shocks": [shock for shock in shocks if shock not in rates]}, forwards)
        except ValueError:
            self.shocked = self.there
        self.pools = build_pools(snapshot)
        self.markets: dict[tuple[bool, bool], Market] = {}
        self.marks: dict[tuple[str, frozenset[Factor]], tuple[float, State]] = {}

    # ------------------------------------------------------------ states between

    def state(self, on: frozenset[Factor]) -> State:
        """The state with some factors at the scenario and all others at base."""
        spot = {}
        for asset in self.snapshot.assets:
            shocked, rated = bool({("price", asset), ("fx", asset)} & on), ("rate", asset) in on
            source = {(False, False): self.base, (True, False): self.shocked, (False, True): self.rated, (True, True): self.there}[shocked, rated]
            spot[asset] = source.spot[asset]
        kinds = {kind for kind, _ in on}
        return replace(
            self.base,
            spot=spot,
            value=in_reporting_currency(self.snapshot, spot),
            rate={asset: (self.there if ("rate", asset) in on else self.base).rate[asset] for asset in spot},
            vol=self.there.vol if "vol" in kinds else self.base.vol,
            basis=self.there.basis if "basis" in kinds else self.base.basis,
            elapsed_years=self.there.elapsed_years if "time" in kinds else 0.0,
        )

    def moved(self, factor: Factor, instrument: str | None) -> bool:
        """Whether the scenario moves a factor."""
        kind, asset = factor
        if kind in ("price", "fx"):
            return self.shocked.spot[asset] != self.base.spot[asset]
        if kind == "rate":
            return self.there.rate[asset] != self.base.rate[asset]
        if kind == "time":
            return self.there.elapsed_years != 0.0
        assert instrument is not None
        return self.there.vol[instrument] != self.base.vol[instrument] if kind == "vol" else self.there.basis[instrument] != 0.0

    def chain(self, asset: str) -> list[str]:
        """The assets whose prices multiply to X, the one nearest the reporting currency first."""
        if asset == self.snapshot.reporting:
            return []
        return [*self.chain(self.snapshot.assets[asset]["price_currency"]), asset]

    def links(self, assets: list[str]) -> list[str]:
        """All assets that such assets meet: nearest the reporting currency first, then by name."""
        found = {link for asset in assets for link in self.chain(asset)}
        return sorted(found, key=lambda link: (len(self.chain(link)), link))

    def factors(self, name: str) -> list[Factor]:
        """What moves an instrument, in the first order."""
        row = self.snapshot.instruments[name]
        own, option = row["underlying"], row["kind"] == "option"
        met = self.links([own, row["quote"], row["settle"]])
        dated = [link for link in met if self.snapshot.assets[link].get("duration") is not None]
        rates = [strike_currency(self.snapshot, row)] if option else []
        ordered: list[Factor] = [
            ("price", own), *([("vol", own)] if option else []), *(("rate", asset) for asset in dict.fromkeys([*rates, *dated])),
            ("basis", own), *([("time", own)] if option else []), *(("fx", link) for link in met if link != own),
        ]  # fmt: skip
        return [factor for factor in ordered if self.moved(factor, name)]

    def mark(self, name: str, on: frozenset[Factor]) -> tuple[float, State]:
        """The mark of an instrument between, and the state there."""
        if (name, on) not in self.marks:
            row, state = self.snapshot.instruments[name], self.state(on)
            option = row["kind"] == "option"
            mark = option_mark(self.snapshot, row, self.terms[name], state) if option else plain_mark(self.snapshot, row, self.base, state)
            self.marks[name, on] = mark, state
        return self.marks[name, on]

    # ------------------------------------------------------------ lines of accounts

    def account(self, account_id: str) -> Lines:
        """All lines of an account."""
        lines: Lines = defaultdict(float)
        for pool in self.pools:
            if pool.account_id == account_id:
                self.add_positions(lines, pool)
                self.add_balances(lines, pool)
                self.add_not_counted(lines, pool)
                self.add_requirement(lines, pool)
        return lines

    def add_positions(self, lines: Lines, pool: Pool) -> None:
        """What factors do to the values of positions."""
        for name, position in pool.positions.items():
            row = self.snapshot.instruments[name]

            def value(on: frozenset[Factor], name: str = name, position=position, row: Row = row) -> float:  # type: ignore[no-untyped-def]
                mark, state = self.mark(name, on)
                return position_value(row, mark, position.quantity, position.cost, position.funding, state)

            for (kind, asset), effect in both_orders(self.factors(name), value).items():
                lines[kind, asset] += effect

    def add_balances(self, lines: Lines, pool: Pool) -> None:
        """What factors do to rows of collateral."""
        for asset, location, quantity in pool.balances:
            share = holding_share(self.snapshot, self.there, asset, location) if quantity > 0.0 else 1.0
            met = self.links([asset])
            dated = [link for link in met if self.snapshot.assets[link].get("duration") is not None]
            ordered = [("price", asset), *(("rate", link) for link in dated), *(("fx", link) for link in met if link != asset)]
            ordered = [factor for factor in ordered if factor[1] != self.snapshot.reporting and self.moved(factor, None)]

            def value(on: frozenset[Factor], asset: str = asset, quantity: float = quantity, share: float = share) -> float:
                return quantity * self.state(on).value[asset] * (share if ("holding", asset) in on else 1.0)

            for (kind, subject), effect in both_orders([*ordered, ("holding", asset)], value).items():
                lines[{"price": "collateral_price", "holding": "holding_loss"}.get(kind, kind), subject] += effect

    def market(self, state: State, parameters: State) -> Market:
        """The book in a state, with the margin parameters of another."""
        key = state is self.there, parameters is self.there
        if key not in self.markets:
            others = tuple(shock for shock in state.shocks if not shock["factor"].startswith("margin_rate:"))
            mixed = replace(state, shocks=(*others, *parameters.of_margin_rates))
            priced = value_instruments(self.snapshot, self.base, state, self.terms)
            self.markets[key] = Market(self.snapshot, self.margin, mixed, priced, self.base, self.terms)
        return self.markets[key]

    def add_not_counted(self, lines: Lines, pool: Pool) -> None:
        """What of the equity does not count, at base and in the scenario."""
        for state, sign in ((self.base, 1.0), (self.there, -1.0)):
            market = self.market(state, state)
            model = self.margin["models"][pool.model_name]
            tokens: dict[str, float] = defaultdict(float)
            for asset, location, quantity in pool.balances:
                tokens[asset] += quantity * state.value[asset] * (holding_share(self.snapshot, state, asset, location) if quantity > 0.0 else 1.0)
            values = {}
            for name, position in pool.positions.items():
                row = self.snapshot.instruments[name]
                values[name] = position_value(row, market.priced[name].mark, position.quantity, position.cost, position.funding, state)
                alone, beside = net_balances(market, pool, model, {}, {name: values[name]}, "maintenance")
                lines["not_counted", row["underlying"]] += sign * (values[name] - sum(alone.values()) - beside)
            net, _ = net_balances(market, pool, model, tokens, values, "maintenance")
            for asset, balance in net.items():
                lines["haircut", asset] += sign * (balance - counted(market, model, asset, balance, "maintenance"))

    def add_requirement(self, lines: Lines, pool: Pool) -> None:
        """The maintenance requirement in four states: margin parameters and everything else, each at base and in the scenario."""

        def required(state: State, parameters: State) -> float:
            return float(pool_figures(self.market(state, parameters), pool).requirement["maintenance"])

        base, there = required(self.base, self.base), required(self.there, self.there)
        parameters, rest = required(self.base, self.there), required(self.there, self.base)
        lines["requirement", "all"] -= ((rest - base) + (there - parameters)) / 2.0
        lines["margin_parameters", "all"] -= ((parameters - base) + (there - rest)) / 2.0


def both_orders(factors: list[Factor], value: Callable[[frozenset[Factor]], float]) -> dict[Factor, float]:
    """Per factor the mean of its steps where the factors go over in this order, and in the reverse one."""
    effects: dict[Factor, float] = dict.fromkeys(factors, 0.0)
    for order in (factors, factors[::-1]):
        on: frozenset[Factor] = frozenset()
        for factor in order:
            effects[factor] += (value(on | {factor}) - value(on)) / 2.0
            on |= {factor}
    return effects
