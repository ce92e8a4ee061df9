"""Collateral: what each account posts, where it lies, and how much of it there is.

An account posts a mix of tokens in the amount that meets its initial requirement with something to spare and that, for
most, survives the coarse shocks of `shocks.py`. A few owners keep less: they are the ones that a stress test should find.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from venue.holdings import Holdings, Market, position_values
from venue.members import Members
from venue.official_margin import INITIAL, margin_balances, position_share, requirements
from venue.planted import BY_ACCOUNT
from venue.underlyings import COLLATERAL_ASSETS, Floats

# style -> tokens with weights; an account draws a few of them
_MIXES: dict[str, dict[str, float]] = {
    "maker": {"USDC": 3.0, "USDT": 2.5, "BTC": 1.2, "ETH": 0.8, "UST-BILL-FEB27": 2.0, "USD": 1.5, "EUR": 0.5, "JPY": 0.4, "SOL": 0.2},
    "retail_perpetual": {"USDT": 5.0, "USDC": 2.0, "BTC": 1.2, "ETH": 0.9, "SOL": 0.5, "XRP": 0.3, "BNB": 0.3, "JITOSOL": 0.2},
    "retail_coin_margined": {"BTC": 2.5, "ETH": 2.0, "SOL": 1.0, "USDC": 0.5, "BNB": 0.4, "XRP": 0.4},
    "basis": {"BTC": 4.0, "ETH": 2.0, "STETH": 1.2, "USDC": 1.0},
    "miner": {"BTC": 8.0, "USD": 1.0},
    "directional_coins": {"USDC": 3.0, "USDT": 2.5, "BTC": 1.5, "ETH": 1.0, "USDE": 1.2, "STETH": 0.8, "SOL": 0.5},
    "funds": {"USD": 2.5, "UST-BILL-FEB27": 2.5, "USDC": 2.5, "UST-NOTE-NOV28": 0.8, "BTC": 0.8, "USDE": 0.7, "STETH": 0.5, "EUR": 0.5},
    "clearing": {"USD": 4.0, "UST-BILL-FEB27": 2.5, "EUR": 1.0, "JPY": 0.5, "UST-NOTE-NOV28": 1.0, "USDC": 0.8},
    "corporate": {"USD": 4.0, "EUR": 1.5, "JPY": 0.8, "UST-BILL-FEB27": 1.5},
}
_MIX_OF = {
    "retail_options": "retail_perpetual",
    "retail_spot": "retail_perpetual",
    "flat": "retail_perpetual",
    "concentrated": "directional_coins",
    "trend": "clearing",
    "short_vol": "funds",
    "long_vol": "funds",
    "relative_value": "funds",
    "macro": "funds",
    "oil_hedger": "corporate",
    "fx_hedger": "corporate",
    "farmer": "corporate",
    "futures_client": "clearing",
    "index_options": "clearing",
}
PLACES: dict[str, tuple[tuple[str, float], ...]] = {
    "USD": (("bank-alpine", 0.6), ("bank-pacific", 0.4)),
    "EUR": (("bank-alpine", 1.0),),
    "JPY": (("bank-pacific", 1.0),),
    "USDC": (("chain-ethereum", 0.42), ("custodian-northgate", 0.30), ("chain-solana", 0.15), ("bridge-span", 0.13)),
    "USDT": (("chain-tron", 0.45), ("chain-ethereum", 0.30), ("custodian-harbor", 0.25)),
    "USDE": (("chain-ethereum", 1.0),),
    "BTC": (("custodian-northgate", 0.50), ("custodian-harbor", 0.35), ("chain-bitcoin", 0.15)),
    "ETH": (("custodian-northgate", 0.45), ("chain-ethereum", 0.40), ("bridge-span", 0.15)),
    "SOL": (("chain-solana", 0.7), ("custodian-harbor", 0.3)),
    "JITOSOL": (("chain-solana", 1.0),),
    "STETH": (("chain-ethereum", 0.85), ("bridge-span", 0.15)),
    "XRP": (("custodian-harbor", 1.0),),
    "BNB": (("custodian-harbor", 1.0),),
    "UST-BILL-FEB27": (("triparty-lumen", 0.8), ("bank-alpine", 0.2)),
    "UST-NOTE-NOV28": (("triparty-lumen", 1.0),),
}
LOAN_SHARE = {
    "basis": 0.35,
    "directional_coins": 0.15,
    "miner": 0.2,
    "retail_coin_margined": 0.06,
    "retail_perpetual": 0.03,
    "macro": 0.15,
    "relative_value": 0.15,
    "maker": 0.15,
}
"""Share of the accounts of a style that borrow."""


def token_mixes(members: Members, market: Market, rng: np.random.Generator) -> Floats:
    """[accounts, assets]: how one net dollar of collateral is made up; loans are negative."""
    place = {asset: i for i, asset in enumerate(market.assets)}
    mixes = np.zeros((len(members.styles), len(market.assets)))
    for account, style in enumerate(members.styles):
        weights = _MIXES[_MIX_OF.get(style, style)]
        names = list(weights)
        shares = np.array([weights[name] for name in names])
        count = min(len(names), 1 + int(rng.poisson(3.0 if style == "maker" else 0.7 if style.startswith("retail") else 1.4)))
        chosen = rng.choice(len(names), size=count, replace=False, p=shares / shares.sum())
        parts = rng.dirichlet(shares[chosen] + 0.5)
        for name, part in zip(chosen, parts, strict=True):
            mixes[account, place[names[name]]] = part
        if rng.random() < LOAN_SHARE.get(style, 0.0):
            coins = any(mixes[account, place[coin]] > 0 for coin in ("BTC", "ETH", "SOL", "STETH"))
            loan = str(rng.choice(["USDT", "USDC", "USD"] if coins else ["EUR", "JPY", "BTC", "ETH"]))
            if mixes[account, place[loan]] == 0.0:
                size = float(rng.uniform(0.05, 0.35))
                mixes[account] *= 1.0 + size
                mixes[account, place[loan]] = -size
    for account, account_id in enumerate(members.accounts["account_id"]):
        if account_id in BY_ACCOUNT and BY_ACCOUNT[account_id].mix:
            mixes[account] = 0.0
            for asset, share in BY_ACCOUNT[account_id].mix.items():
                mixes[account, place[asset]] = share
    return mixes


def pool_mixes(mixes: Floats, holdings: Holdings, market: Market) -> Floats:
    """The mixes per pool: an isolated pool takes nothing but the settle asset of its instrument."""
    result = mixes[holdings.pool_account]
    place = {name: i for i, name in enumerate(market.instruments)}
    for pool, name in enumerate(holdings.pool_names):
        if name != "cross":
            result[pool] = 0.0
            result[pool, market.settle[place[name.rsplit(":", 1)[0]]]] = 1.0
    return result


def dollars_for_balance(h: Holdings, m: Market, accounts: pl.DataFrame, mixes: Floats, target: Floats, version: int) -> Floats:
    """Dollars of each pool's mix at which its margin balance is `target`: bisection, for all pools at once."""
    units = mixes / m.value
    share = position_share(h, m, accounts)

    def enough(dollars: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(margin_balances(share, m, units * dollars[:, None])[version] >= target)

    # From small amounts upward: with a loan in the mix and the upper bands counting nothing, very large ones fail again.
    high = np.full(len(target), 1e-3)
    for _ in range(44):
        high = np.where(enough(high), high, high * 2.0)
    low = np.where(high > 1e-3, high * 0.5, 0.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        reached = enough(middle)
        high = np.where(reached, middle, high)
        low = np.where(reached, low, middle)
    return high


def posted_dollars(
    h: Holdings, m: Market, members: Members, mixes: Floats, thin: npt.NDArray[np.bool_], shocks: Sequence[Market], rng: np.random.Generator
) -> Floats:
    """Dollars posted per pool: above the initial requirement, and (cross pools) enough for the coarse shocks times a cushion of the account's own."""
    needs = requirements(h, m, members.accounts)
    pools = len(h.pool_account)
    isolated = np.array([name != "cross" for name in h.pool_names])
    spare = 1.06 + rng.gamma(1.6, 0.35, pools)
    dollars = dollars_for_balance(h, m, members.accounts, mixes, needs[INITIAL] * spare, INITIAL)
    cushion = np.where(rng.random(pools) < 0.78, rng.uniform(1.25, 2.6, pools), rng.uniform(1.02, 1.25, pools))
    # Brokers let their clients keep more: a client in default is a broker in default.
    retail = (members.accounts["segment"] == "retail").to_numpy()[h.pool_account]
    cushion = np.where(retail, rng.uniform(1.45, 3.5, pools), cushion)
    cushion = np.where(thin[h.pool_account], rng.uniform(0.35, 0.85, pools), cushion)
    for pool in np.flatnonzero(~isolated):
        case = BY_ACCOUNT.get(members.accounts["account_id"][int(h.pool_account[pool])])
        cushion[pool] = case.cushion if case else cushion[pool]
    for after in shocks:
        loss = -np.bincount(h.pool, position_values(h, after), pools)
        kept = (mixes * (after.value / m.value)).sum(axis=1)
        wanted = cushion * (loss + 0.6 * needs[0]) / np.maximum(kept, 0.2)
        dollars = np.where(isolated, dollars, np.maximum(dollars, wanted))
    least = rng.lognormal(6.5, 1.2, pools)
    return np.where(isolated, dollars, np.maximum(dollars, least))


def _rounded(units: Floats, asset: str) -> Floats:
    step = COLLATERAL_ASSETS[asset][1]
    return np.round(np.round(units / step) * step, 4)


def collateral(h: Holdings, m: Market, members: Members, mixes: Floats, dollars: Floats, rng: np.random.Generator) -> pl.DataFrame:
    """The collateral table: tokens of the cross pools by location; a loan has none."""
    accounts = members.accounts["account_id"].to_numpy()
    cross = np.array([name == "cross" for name in h.pool_names])
    rows = []
    for asset, places in PLACES.items():
        column = m.assets.index(asset)
        units = _rounded(dollars * mixes[:, column] / m.value[column], asset)
        for pool in np.flatnonzero(cross & (units != 0.0)):
            account = str(accounts[h.pool_account[pool]])
            if units[pool] < 0:
                rows.append((account, asset, float(units[pool]), None))
                continue
            picks = rng.choice(
                len(places), size=min(len(places), 1 + int(rng.random() < 0.2)), replace=False, p=np.array([share for _, share in places])
            )
            where = BY_ACCOUNT[account].location if account in BY_ACCOUNT else None
            if where:
                rows.append((account, asset, float(units[pool]), where))
                continue
            part = _rounded(units[pool] * np.array([1.0] if len(picks) == 1 else [0.6, 0.4]), asset)
            rows += [(account, asset, float(p), places[k][0]) for p, k in zip(part, picks, strict=True) if p > 0]
    return pl.DataFrame(rows, orient="row", schema={"account_id": pl.String, "asset": pl.String, "quantity": pl.Float64, "location": pl.String}).sort(
        "account_id", "asset", "location", nulls_last=True
    )


def scaled(table: pl.DataFrame, factors: dict[str, float]) -> pl.DataFrame:
    """The table with all rows of some accounts multiplied (a deposit or withdrawal across the board), in whole units."""
    factor = np.array([factors.get(account, 1.0) for account in table["account_id"]])
    quantity = table["quantity"].to_numpy() * factor
    rounded = np.array([float(_rounded(np.array(q), a)) if f != 1.0 else q for q, a, f in zip(quantity, table["asset"], factor, strict=True)])
    return table.with_columns(pl.Series("quantity", rounded)).filter(pl.col("quantity") != 0.0)
