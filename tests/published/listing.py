"""The generated part of docs/published-cases.md: every case with its source, what it shows, and whether it runs.

`python -m published.listing` in the folder tests writes it; test_all_cases.py fails while the page is not current.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from published.case_book import CaseBook, Differs, Outcome, Row, Runs
from published.venues import VENUES, collection, outcomes

PAGE = Path(__file__).parents[2] / "docs" / "published-cases.md"
PART = re.compile(r"(<!-- generated: cases -->\n).*?(<!-- end of cases -->)", re.DOTALL)
SHOWS = {
    "basis_contingency": "basis add-on",
    "boolean_outcome": "status at the threshold",
    "borrow_liability_weight": "weight of a debt",
    "cash_only": "cash alone",
    "closing_fee": "closing fee",
    "collateral_haircut": "haircut",
    "concentration_scaling": "concentration",
    "conservative_price": "conservative price",
    "delta_floor": "floor by delta",
    "equity": "equity",
    "forced_conversion": "forced conversion",
    "funding": "funding",
    "hedge_recognition": "hedge recognised",
    "isolated_vs_cross": "isolated beside cross",
    "leverage": "leverage",
    "liquidation_buffer": "liquidation buffer",
    "liquidation_price": "liquidation price",
    "max_loss_spread": "short options, spreads",
    "max_withdraw": "largest withdrawal",
    "missing_price_data": "missing price",
    "multi_expiry": "several expiries",
    "multi_underlying": "several underlyings",
    "open_orders": "open orders",
    "option_black76": "Black-76",
    "option_short_floor": "short option minimum",
    "oracle_confidence": "confidence of prices",
    "perp_linear": "linear perpetual or future",
    "price_stress": "price stress",
    "ratio": "margin level",
    "risk_offsetting_collateral": "collateral inside the grid",
    "scenario_grid": "grid of spot and vol",
    "short_option_value": "value of short options",
    "size_scaled_margin": "margin by size",
    "skew_shock": "skew shock",
    "stable_depeg": "depeg",
    "static_contingency": "static add-on",
    "strategy_based_margin": "rules for listed options",
    "tail_dampening": "dampened tail",
    "tiered_haircut": "haircut by bands",
    "tiered_maintenance": "tiered maintenance",
    "unrealized_pnl": "unrealised P&L",
    "user_leverage_cap": "leverage the user chose",
    "vol_shock_term_structure": "term structure of vol shocks",
}


def generated(files: Mapping[str, Row], found: Mapping[str, Outcome]) -> str:
    """The counts by venue, then every venue's cases."""
    lines = ["| venue | cases | run | differ |", "|---|---:|---:|---:|"]
    totals = [0, 0, 0]
    for name, file in files.items():
        of_venue = [found[case["id"]] for case in file["cases"]]
        counts = [len(of_venue), *(sum(isinstance(outcome, kind) for outcome in of_venue) for kind in (Runs, Differs))]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        lines.append(f"| {VENUES[name].title} | {' | '.join(map(str, counts))} |")
    lines.append(f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |")
    for name, file in files.items():
        lines += ["", f"## {VENUES[name].title}", "", _source(file), "", "| case | source | what it shows | runs, or differs |", "|---|---|---|---|"]
        lines += [_line(case, found[case["id"]]) for case in file["cases"]]
    return "\n".join(lines) + "\n"


def _source(file: Row) -> str:
    source = file["source"]
    repositories = source.get("repos", [source] if "repo" in source else [])
    places = [
        f"[{each['repo']}](https://github.com/{each['repo']}) at `{each['commit'][:12]}`"
        if "commit" in each and " " not in each["commit"]
        else f"[{each['repo']}](https://github.com/{each['repo']})"
        for each in repositories
    ]
    return f"Source: {', '.join(places)}." if places else "Source: the venues' help and documentation pages."


def _line(case: Row, outcome: Outcome) -> str:
    path, _, test = case["source_test"].partition(" : ")
    file = path.rpartition("/")[2]
    where = f"`{file}` {test}".strip() if re.search(r"\.\w+$", file) else case["source_test"]
    shows = ", ".join(SHOWS[feature] for feature in case["features"]) or "cash alone"
    return f"| {case['id']} | {where.replace('|', ' ')} | {shows} | {_said(outcome)} |"


def _said(outcome: Outcome) -> str:
    if isinstance(outcome, Differs):
        return f"differs: {outcome.why}"
    return f"runs: {outcome.how}" if outcome.how else "runs"


def current(page: str, files: Mapping[str, Row], found: Mapping[str, Outcome]) -> str:
    """The page with its generated part as it should be."""
    return PART.sub(lambda match: match[1] + generated(files, found) + match[2], page)


if __name__ == "__main__":
    cases = collection()
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8"), cases, outcomes(cases, CaseBook())), encoding="utf-8")
