"""The generated parts of docs/validation.md: what published cases came to, by engine, and what else the suite compares with what.

`python -m published.validation` in the folder tests runs the cases and writes it; test_all_cases.py fails while the page is not true.
"""

from __future__ import annotations

import ast
import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from published.case_book import CaseBook, Differs, Outcome, Row, Runs
from published.venues import VENUES, Results, collection, outcomes

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "validation.md"
LEAST = 1e-13
"""Errors are told as powers of ten down to this one, which is rounding."""


@dataclass(frozen=True)
class Errors:
    """The largest errors of an engine's cases: of amounts, and as a part of their tolerance; both at most so much."""

    absolute: float
    of_tolerance: float


@dataclass(frozen=True)
class Proof:
    """Something compared with something else: how closely they agree, and which tests of a file show it."""

    what: str
    against: str
    agreement: str
    file: str
    tests: tuple[str, ...]


PROOFS = (
    Proof("every figure of accounts, pools, scenarios and owners, on random books of tiered models", "the reference",
          "1e-9 of the figure and 1e-11 of all amounts that are added up; statuses, counts and names equal", "test_against_oracle.py",
          ("test_generated_books", "test_many_generated_books", "test_a_book_of_several_blocks", "test_what_is_kept_is_the_same")),
    Proof("portfolio models with every setting at random: grids, hedges, offsets, credits, correlation, add-ons; worst rows too", "the reference",
          "the same", "test_against_oracle.py", ("test_portfolio_models", "test_many_books_with_portfolio_models")),
    Proof("strategy models on chains of options", "the reference", "the same", "test_against_oracle.py", ("test_strategy_models",)),
    Proof("schedules given by models, open orders, rates and weights that follow size, interest and pools", "the reference", "the same",
          "test_against_oracle.py", ("test_models_with_schedules_of_their_own", "test_open_orders", "test_rates_and_weights_that_follow_something")),
    Proof("books whose options are all American, or settled at an average", "the reference, with a binomial tree of its own",
          "2e-4 (American), 1e-9 (averages)", "test_against_oracle.py", ("test_american_options", "test_options_settled_at_an_average")),
    Proof("the sample venue, and two recorded books", "the reference", "the same", "test_against_oracle.py",
          ("test_recorded_accounts", "test_sample_data")),
    Proof("the reference itself", "portfolio margins worked out by hand", "1e-12", "test_oracle_portfolio.py",
          ("test_scan_losses", "test_options_in_a_grid", "test_add_ons", "test_vols_of_rows")),
    Proof("`explain`, from the mark to the requirement", "the reference", "1e-9", "margin/test_explain_reference.py",
          ("test_generated_books", "test_models_with_schedules_of_their_own", "test_many_generated_books")),
    Proof("`explain` of portfolio models, row by row", "the reference and the engine", "1e-9", "margin/test_explain_portfolio_books.py",
          ("test_generated_books", "test_many_generated_books")),
    Proof("European options, lognormal and normal", "QuantLib, 8,000 random ones", "1e-9 of the price", "valuation/test_black.py",
          ("test_two_thousand_random_options_agree_with_quantlib",)),
    Proof("implied vols", "QuantLib, 2,000 random ones", "1e-9 of the vol, where the time value is above 1e-4 of the forward",
          "valuation/test_implied.py", ("test_a_thousand_vols_agree_with_quantlib",)),
    Proof("American options", "QuantLib, 3,080 random ones; a published premium",
          "0.001 on a strike of 100 (two boundaries: 0.01); 0.00001 of the premium", "valuation/test_american.py",
          ("test_thousands_of_options_agree_with_quantlib", "test_negative_rates_agree_with_quantlib", "test_published_premium")),
    Proof("options in the rows of a grid: lognormal, normal, in coin, American", "QuantLib",
          "2e-7 on an underlying of 50,000; American ones 0.5", "margin/test_grid_options.py",
          ("test_lognormal_options_paid_margined_and_in_coin_are_those_of_quantlib",
           "test_normal_options_on_what_may_be_negative_are_those_of_quantlib", "test_an_american_option_is_that_of_quantlib_in_a_row")),
    Proof("an account of Hyperliquid, 14 January 2026: maintenance margin, and ten liquidation prices", "what the venue reported",
          "0.001 dollars; at each liquidation price nothing is left to 1e-6 of the notional", "test_recorded_accounts.py",
          ("test_the_maintenance_margin_is_what_the_venue_reported", "test_at_each_reported_liquidation_price_nothing_is_left")),
    Proof("the same ten liquidation prices, searched for by `stresstest reverse --target shortfall:ACCOUNT`", "what the venue reported",
          "1e-6 of the price",
          "cli/test_venue_liquidation_prices.py", ("test_they_are_where_the_account_is_first_short_of_margin",)),
    Proof("replay of 26 years of 30 recorded prices by the command: oil below zero on 20 April 2020, weekends on which coins alone move",
          "the prices themselves, in plain Python", "1e-9 of the move", "cli/test_recorded_prices.py", ("test_every_move_is_what_the_prices_say",)),
    Proof("an account of Mango, 4 October 2021: initial and maintenance health", "what the venue reported", "1e-9", "test_recorded_accounts.py",
          ("test_both_healths_of_a_lending_account",)),
    Proof("margin schedules of Binance's 349 contracts, 2,805 brackets", "the venue's own maintenance amounts", "1e-12 of the notional",
          "published/test_brackets.py", ("test_all_brackets_of_binance",)),
    Proof("`explain`: every row of every grid, not the worst alone, and the basis add-on, of 118 portfolios: 3,770 profits and losses",
          "Derive v2, portfolio manager, second version", "1e-8 of the profit, of two portfolios 1e-7",
          "published/test_scenario_profits.py", ("test_every_row_of_every_grid",)),
    Proof("laws of any margin: order of rows, size of books, sides, rates, width of blocks", "nothing: they hold for every book",
          "to the bit where they say so", "test_laws.py",
          ("test_laws_of_accounts", "test_the_order_of_rows_does_not_matter", "test_a_linear_book_of_twice_the_size_has_twice_the_figures",
           "test_the_other_side_of_a_book_has_the_other_profit_and_the_same_requirement", "test_larger_rates_need_more")),
    Proof("liquidation cascades of random books: every order, prices, equities, contagion; all policies, impacts, payoffs, collateral sold for debts",
          "the reference, which integrates what the engine has in closed form, and bisects what it iterates",
          "1e-9 of the figure and 1e-9 of the largest equity or notional",
          "stress/cascade/test_against_reference.py",
          ("test_cascades_of_random_books", "test_cascades_of_many_random_books", "test_books_in_many_blocks", "test_books_of_every_kind",
           "test_more_books_of_every_kind")),
    Proof("the reference of cascades itself", "cascades worked out by hand, closed forms of impact", "1e-12 of a price", "test_oracle_cascade.py",
          ("test_four_longs", "test_what_longs_lose_shorts_and_buyers_gain", "test_thresholds_spread_evenly_fall_as_far_as_the_closed_form_says",
           "test_cross_margin_spreads_and_isolated_margin_leaves_a_hole", "test_averages_are_integrals_of_prices", "test_units_to_sell_for_a_need")),
    Proof("impact on summed sales, in models of fire sales", "Cont and Schaanning 2017; Greenwood, Landier and Thesmar 2015", "8 digits",
          "stress/cascade/test_published_models.py", ("test_banks_above_a_leverage_limit", "test_vulnerable_banks")),
    Proof("laws of any cascade: nothing moves without impact, depth and shocks in order, lots, halves, conservation, what is left stays",
          "nothing: they hold for every book", "to the bit where they say so", "stress/cascade/test_laws_of_cascade.py",
          ("test_books_of_longs", "test_what_is_transferred_adds_up_to_nothing", "test_the_log_adds_up_to_rounds_and_totals",
           "test_order_and_lots_do_not_matter", "test_an_account_in_two_halves_sells_what_it_sold",
           "test_a_second_run_on_what_is_left_does_nothing")),
)  # fmt: skip


def measured(files: Mapping[str, Row], found: Mapping[str, Outcome], results: Results) -> dict[str, Errors]:
    """The largest errors by engine, as they are."""
    errors = {}
    for name, file in files.items():
        pairs = [pair for case in file["cases"] if isinstance(outcome := found[case["id"]], Runs) for pair in _errors(outcome, results)]
        errors[name] = Errors(max((error for error, _ in pairs), default=0.0), max((part for _, part in pairs), default=0.0))
    return errors


def _errors(outcome: Runs, results: Results) -> list[tuple[float, float]]:
    """Of every amount compared the error, and that as a part of what is allowed; what must be exact has none."""
    found = []
    for check in outcome.checks:
        got = check.read(results.row(check))
        if isinstance(check.expected, float) and not isinstance(got, bool):
            allowed = max(check.abs, check.rel * abs(check.expected))
            error = abs(got - check.expected)
            found.append((error, error / allowed if allowed else 0.0))
    return found


def rounded_up(errors: Errors) -> Errors:
    """The same as powers of ten, with room for the last digits of another machine."""

    def power(size: float) -> float:
        return float(10.0 ** math.ceil(math.log10(max(2.0 * size, LEAST))))

    return Errors(power(errors.absolute), min(1.0, power(errors.of_tolerance)))


def stated(page: str) -> dict[str, Errors]:
    """The errors that the page states, by engine."""
    found = {}
    for name, venue in VENUES.items():
        line = re.search(rf"^\| {re.escape(venue.title)} \|.*$", page, re.MULTILINE)
        if line:
            absolute, part = (float(cell) for cell in line[0].split(" | ")[-3:-1])
            found[name] = Errors(absolute, part)
    return found


def published(files: Mapping[str, Row], found: Mapping[str, Outcome], errors: Mapping[str, Errors]) -> str:
    """The table by engine, and what differs."""
    lines = ["| engine | cases | reproduced | figures | largest error | of the tolerance | differ |", "|---|---:|---:|---:|---:|---:|---:|"]
    totals = [0, 0, 0, 0]
    differing = []
    for name, file in files.items():
        of_engine = [found[case["id"]] for case in file["cases"]]
        run = [outcome for outcome in of_engine if isinstance(outcome, Runs)]
        counts = [len(of_engine), len(run), sum(len(outcome.checks) for outcome in run), len(of_engine) - len(run)]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        cells = [f"{counts[0]}", f"{counts[1]}", f"{counts[2]:,}", _power(errors[name].absolute), _power(errors[name].of_tolerance), f"{counts[3]}"]
        lines.append(f"| {VENUES[name].title} | {' | '.join(cells)} |")
        differing += [(case["id"], outcome) for case in file["cases"] if isinstance(outcome := found[case["id"]], Differs)]
    lines += [f"| **all** | **{totals[0]}** | **{totals[1]}** | **{totals[2]:,}** | | | **{totals[3]}** |", ""]
    lines += [f"{100.0 * totals[1] / totals[0]:.1f} % of the cases are reproduced. What is not, and why:", "", "| case | why |", "|---|---|"]
    lines += [f"| {case} | {outcome.why} |" for case, outcome in differing]
    return "\n".join(lines) + "\n"


def _power(size: float) -> str:
    return f"{size:g}" if size > 1e-4 else f"1e{round(math.log10(size))}"


def proofs() -> str:
    """The table of what else is compared."""
    lines = ["| what | against | agreement | test |", "|---|---|---|---|"]
    lines += [f"| {each.what} | {each.against} | {each.agreement} | `tests/{each.file}`{_counted(each)} |" for each in PROOFS]
    return "\n".join(lines) + "\n"


def _counted(proof: Proof) -> str:
    """How often the tests of a proof run, and how often besides under `slow`, where there is more than one."""
    functions = {node.name: node for node in ast.parse((TESTS / proof.file).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}
    runs = {False: 0, True: 0}
    for test in proof.tests:
        decorators = functions[test].decorator_list
        runs[any(ast.unparse(each) == "pytest.mark.slow" for each in decorators)] += math.prod(map(_times, decorators))
    words = [f"{runs[False]} cases"] if runs[False] > 1 else []
    words += [f"{runs[True]} slow"] if runs[True] else []
    return f": {', '.join(words)}" if words else ""


def _times(decorator: ast.expr) -> int:
    """How often a decorator has a test run: the values of `parametrize`, the examples of hypothesis."""
    if not isinstance(decorator, ast.Call):
        return 1
    if ast.unparse(decorator.func) == "settings":
        return next((int(ast.literal_eval(each.value)) for each in decorator.keywords if each.arg == "max_examples"), 1)
    if ast.unparse(decorator.func) != "pytest.mark.parametrize":
        return 1
    values = decorator.args[1]
    if isinstance(values, ast.Call):
        return len(range(*(ast.literal_eval(each) for each in values.args)))
    assert isinstance(values, ast.List)
    return len(values.elts)


def current(page: str, files: Mapping[str, Row], found: Mapping[str, Outcome], errors: Mapping[str, Errors]) -> str:
    """The page with its generated parts as they should be, stating these errors."""
    parts = {"published": published(files, found, errors), "proofs": proofs()}
    for name, text in parts.items():
        part = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        page = part.sub(lambda match, text=text: match[1] + text + match[2], page)  # type: ignore[misc]
    return page


def write() -> None:
    """Run the cases and write the page."""
    files, book = collection(), CaseBook()
    found = outcomes(files, book)
    with tempfile.TemporaryDirectory() as folder:
        errors = measured(files, found, Results(book, Path(folder)))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(current(page, files, found, {name: rounded_up(each) for name, each in errors.items()}), encoding="utf-8")


if __name__ == "__main__":
    write()
