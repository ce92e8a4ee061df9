"""Assets, instruments, accounts and owners: loaded, checked against each other and the margin file, and coded."""

from __future__ import annotations

from stresstest.errors import SHOWN_KEYS, Fault
from stresstest.snapshot.checks import Check, Finding, duplicates, find, table_checks
from stresstest.snapshot.session import Session, list_table, quoted
from stresstest.snapshot.sources import literal
from stresstest.snapshot.typing_sql import default_value, inexact_name, large_integers
from stresstest.tables import table


def load_reference(session: Session) -> list[Finding]:
    """Fill the temporary tables `assets` and `instruments`, with codes, and return what is wrong with their rows.

    The tables hold each key once and no null key, also where findings say otherwise, so that later joins stay sound.
    """
    findings: list[Finding] = []
    with session.reading("assets"):
        session.connection.execute("CREATE OR REPLACE TEMP TABLE assets_in AS SELECT * FROM raw_assets")
    findings += _check(session, "assets", "assets_in", _asset_relation(session), _asset_checks(session))
    findings += _price_cycles(session)
    _code_assets(session)
    with session.reading("instruments"):
        session.connection.execute("CREATE OR REPLACE TEMP TABLE instruments_in AS SELECT * FROM raw_instruments")
    findings += _check(session, "instruments", "instruments_in", _INSTRUMENT_RELATION, _instrument_checks(session))
    _code_instruments(session)
    return findings


def load_accounts(session: Session) -> list[Finding]:
    """Fill the temporary tables `accounts` (sorted by owner and account, with codes) and `owners_in`; return what is wrong with their rows.

    Without an accounts table the accounts are those that positions and collateral name.
    """
    derived = not session.has("accounts")
    given = [name for name in table("accounts").names if session.has("accounts", name) and name not in ("account_id", "owner_id")]
    replaced = session.request.margin_model
    if replaced is not None:
        given = [name for name in given if name != "margin_model"]
    if derived:
        names = "SELECT account_id FROM raw_positions UNION SELECT account_id FROM raw_collateral"
        source = f"SELECT account_id, account_id AS owner_id FROM ({names}) WHERE account_id IS NOT NULL"
    else:
        wide = [*given, *(inexact_name(name) for name in large_integers(table("accounts"), session.types["accounts"]))]
        source = f"SELECT {', '.join(['account_id', 'coalesce(owner_id, account_id) AS owner_id', *wide])} FROM raw_accounts"
    # Columns that the file lacks join after the sort: a million constants need no ordering.
    defaults = [
        f", {literal(replaced) if replaced is not None and column.name == 'margin_model' else default_value(column)} AS {column.name}"
        for column in table("accounts").columns[2:]
        if column.name not in given
    ]
    with session.reading("positions" if derived else "accounts"):
        session.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE accounts AS SELECT *{''.join(defaults)} FROM "
            f"(SELECT CAST(row_number() OVER (ORDER BY owner_id, account_id) - 1 AS INTEGER) AS code, * FROM ({source}))"
        )
    findings: list[Finding] = []
    if not derived:
        findings += _check(session, "accounts", "accounts", "accounts", _account_checks(session))
        findings += _netting_groups(session)
        if any(each.fault.rule == "unique key" for each in findings):
            session.connection.execute("DELETE FROM accounts WHERE code NOT IN (SELECT min(code) FROM accounts GROUP BY account_id)")
    else:
        findings += find(session.connection, "accounts", "accounts", "accounts", _account_checks(session))
    with session.reading("owners"):
        session.connection.execute("CREATE OR REPLACE TEMP TABLE owners_in AS SELECT * FROM raw_owners")
    findings += _check(session, "owners", "owners_in", "owners_in", [])
    return findings


def check_history(session: Session) -> list[Finding]:
    """What is wrong with the rows of history."""
    findings: list[Finding] = []
    if session.has("history"):
        with session.reading("history"):
            findings += _check(session, "history", "raw_history", "raw_history", [])
    return findings


def unknown_account(known: str) -> Check:
    """The check of an account that the accounts table does not have; `known` is SQL that is true where it has."""
    return Check(
        "account_id", "known account", "an account that the accounts table does not have",
        "Add it to accounts, or leave that table out altogether.", f"(account_id IS NOT NULL AND NOT coalesce({known}, false))",
    )  # fmt: skip


def unknown_instrument(known: str) -> Check:
    """The check of an instrument that the instruments table does not have."""
    return Check(
        "instrument_id", "known instrument", "an instrument that the instruments table does not have",
        "Add it to instruments.", f"(instrument_id IS NOT NULL AND NOT coalesce({known}, false))",
    )  # fmt: skip


def _check(session: Session, name: str, raw: str, relation: str, more: list[Check]) -> list[Finding]:
    if not session.has(name):
        return []
    definition = table(name)
    found = find(session.connection, relation, name, session.file(name), table_checks(definition, session.types[name]) + more)
    return found + duplicates(session.connection, raw, definition, session.file(name))


def _known_asset(column: str, session: Session) -> str:
    return f"({column} = {literal(session.currency)} OR {column} IN (SELECT asset FROM assets_in WHERE asset IS NOT NULL))"


def _asset_relation(session: Session) -> str:
    return f"(SELECT *, {_known_asset('price_currency', session)} AS currency_known FROM assets_in)"


def _named(column: str, names: frozenset[str], kind: str) -> Check:
    hint = f"Name one that it has ({', '.join(sorted(names)[:8])}), or add it there." if names else "It has none at all: add it there."
    return Check(
        column,
        f"known {kind}",
        f"a {kind} that the margin file does not have",
        hint,
        f"coalesce({column} NOT IN ({quoted(names)}), {column} IS NOT NULL)",
    )


def _asset_checks(session: Session) -> list[Check]:
    return [
        _named("collateral_schedule", session.request.collateral_schedules, "collateral schedule"),
        _named("margin_schedule", session.request.margin_schedules, "margin schedule"),
        Check("price_currency", "known asset", "a price currency that the assets table does not have", "Add it to assets.",
              "(price_currency IS NOT NULL AND NOT coalesce(currency_known, false))"),
    ]  # fmt: skip


def currency_findings(session: Session) -> list[Finding]:
    """The reporting currency, where assets lists it, has price 1 in itself. Not to be pinned on any account."""
    currency = literal(session.currency)
    relation = f"(SELECT * FROM assets_in WHERE asset = {currency})"
    checks = [
        Check("price", "reporting currency has price 1", "the reporting currency has another price than 1",
              "Set its price to 1: every figure is stated in it.", "coalesce(price <> 1, false)"),
        Check("price_currency", "reporting currency is its own price currency", "the reporting currency is priced in something else",
              "Leave its price_currency null.", f"coalesce(price_currency <> {currency}, false)"),
    ]  # fmt: skip
    return [Finding(each.fault) for each in find(session.connection, relation, "assets", session.file("assets"), checks)]


def _price_cycles(session: Session) -> list[Finding]:
    """Assets whose chain of price currencies never reaches the reporting currency because it runs in a circle."""
    rows = session.connection.sql("SELECT asset, price_currency FROM assets_in WHERE asset IS NOT NULL AND price_currency IS NOT NULL").fetchall()
    currency_of = {asset: other for asset, other in rows if asset != session.currency}
    ends: dict[str, bool] = {}
    for asset in currency_of:
        chain: list[str] = []
        here = asset
        while here in currency_of and here not in ends and here not in chain:
            chain.append(here)
            here = currency_of[here]
        circular = here in chain or ends.get(here, False)
        ends.update(dict.fromkeys(chain, circular))
    circular_assets = sorted(asset for asset, circular in ends.items() if circular)
    if not circular_assets:
        return []
    list_table(session, "circular", circular_assets)
    fault = Fault(
        "price currencies run in a circle", "Price one of them in the reporting currency.", file=session.file("assets"), table="assets",
        column="price_currency", rule="no circle of price currencies", rows=len(circular_assets), keys=tuple(circular_assets[:SHOWN_KEYS]),
    )  # fmt: skip
    return [Finding(fault, "asset", "SELECT item FROM circular")]


def _code_assets(session: Session) -> None:
    currency = literal(session.currency)
    session.connection.execute(
        "CREATE OR REPLACE TEMP TABLE assets AS SELECT CAST(row_number() OVER (ORDER BY asset) - 1 AS INTEGER) AS code, * FROM ("
        f"SELECT DISTINCT ON (asset) * REPLACE (coalesce(price_currency, {currency}) AS price_currency, coalesce(tags, []) AS tags) "
        "FROM assets_in WHERE asset IS NOT NULL)"
    )
    if session.count(f"SELECT count(*) FROM assets WHERE asset = {currency}") == 0:
        # The reporting currency needs no row of its own: price 1, haircut zero.
        session.connection.execute(
            "CREATE OR REPLACE TEMP TABLE assets AS SELECT CAST(row_number() OVER (ORDER BY asset) - 1 AS INTEGER) AS code, * FROM ("
            "SELECT * EXCLUDE (code) FROM assets UNION ALL BY NAME "
            f"SELECT {currency} AS asset, 1.0 AS price, {currency} AS price_currency, 'cash' AS asset_class, CAST([] AS VARCHAR[]) AS tags, "
            "0.0 AS rate, false AS may_be_negative)"
        )


_INSTRUMENT_RELATION = (
    "(SELECT i.*, u.asset IS NOT NULL AS underlying_known, q.asset IS NOT NULL AS quote_known, s.asset IS NOT NULL AS settle_known, "
    "coalesce(u.may_be_negative, false) AS may_be_negative FROM instruments_in i LEFT JOIN assets u ON i.underlying = u.asset "
    "LEFT JOIN assets q ON i.quote = q.asset LEFT JOIN assets s ON i.settle = s.asset)"
)


def _instrument_checks(session: Session) -> list[Check]:
    checks = [
        Check(
            column,
            "known asset",
            "an asset that the assets table does not have",
            "Add it to assets.",
            f"({column} IS NOT NULL AND NOT {column}_known)",
        )
        for column in ("underlying", "quote", "settle")
    ]
    return [
        *checks,
        _named("margin_schedule", session.request.margin_schedules, "margin schedule"),
        Check("mark_price", "mark above zero", "a mark at or below zero of something whose underlying may not be negative",
              "Set may_be_negative on the underlying asset if that is meant.",
              "coalesce(kind <> 'option' AND payoff <> 'inverse' AND underlying_known AND NOT may_be_negative AND mark_price <= 0, false)"),
        Check("mark_price", "option mark not negative", "an option with a mark below zero", "Correct the mark: an option is worth zero or more.",
              "coalesce(kind = 'option' AND mark_price < 0, false)"),
        Check("strike", "strike above zero", "a lognormal option with a strike at or below zero", "Set vol_type to normal if that is meant.",
              "coalesce(kind = 'option' AND vol_type = 'lognormal' AND strike <= 0, false)"),
    ]  # fmt: skip


def _code_instruments(session: Session) -> None:
    session.connection.execute(
        "CREATE OR REPLACE TEMP TABLE instruments AS "
        "SELECT CAST(row_number() OVER (ORDER BY i.instrument_id) - 1 AS INTEGER) AS code, i.*, "
        "coalesce(i.payoff = 'inverse' AND i.kind <> 'option', false) AS inverse, "
        "coalesce(i.kind = 'spot' OR i.kind = 'option' AND i.premium_style = 'paid', false) AS up_front, "
        "u.code AS underlying_code, q.code AS quote_code, s.code AS settle_code FROM ("
        "SELECT DISTINCT ON (instrument_id) * REPLACE (coalesce(settle, quote) AS settle, coalesce(risk_group, underlying) AS risk_group) "
        "FROM instruments_in WHERE instrument_id IS NOT NULL) i "
        "LEFT JOIN assets u ON i.underlying = u.asset LEFT JOIN assets q ON i.quote = q.asset LEFT JOIN assets s ON i.settle = s.asset"
    )


def _account_checks(session: Session) -> list[Check]:
    return [_named("margin_model", session.request.models, "margin model")]


def _netting_groups(session: Session) -> list[Finding]:
    """Netting groups belong to one owner: losses of different owners never offset."""
    if not session.has("accounts", "netting_group"):
        return []
    several = "(SELECT netting_group FROM accounts WHERE netting_group IS NOT NULL GROUP BY netting_group HAVING count(DISTINCT owner_id) > 1)"
    within = f"FROM accounts WHERE netting_group IN {several}"
    rows = session.count(f"SELECT count(*) {within}")
    if not rows:
        return []
    keys = session.connection.sql(f"SELECT netting_group AS key FROM {several} ORDER BY key LIMIT {SHOWN_KEYS}").fetchall()
    fault = Fault(
        "a netting group with accounts of several owners", "Losses net inside one owner only: name the group per owner.",
        file=session.file("accounts"), table="accounts", column="netting_group", rule="netting group of one owner",
        rows=rows, keys=tuple(str(key) for (key,) in keys),
    )  # fmt: skip
    return [Finding(fault, "account_id", f"SELECT DISTINCT account_id {within}")]
