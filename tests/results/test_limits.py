"""Status, utilisation and headroom of what was measured; what the light and the summary say of it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results.tables_for_tests import quality, scenario_summary

from stresstest.config.limits import Limit
from stresstest.results.light import status_of
from stresstest.results.limit_counts import LimitCounts, LimitFigures, limit_counts, told, worded
from stresstest.results.limit_sql import Measured
from stresstest.results.limits import judged, limits_table
from stresstest.results.store import polars_schema
from stresstest.tables import LIMITS


def limit(**given: Any) -> Limit:
    return Limit.model_validate({"name": "L", "sql": "SELECT 1", **given})


@pytest.mark.parametrize(
    ("thresholds", "value", "status", "utilisation", "headroom"),
    [
        ({"amber": 0.8, "red": 1.0}, 0.5, "green", 0.5, 0.5),
        ({"amber": 0.8, "red": 1.0}, 0.8, "green", 0.8, 0.2),  # on a threshold is within it
        ({"amber": 0.8, "red": 1.0}, 0.9, "amber", 0.9, 0.1),
        ({"amber": 0.8, "red": 1.0}, 1.0, "amber", 1.0, 0.0),
        ({"amber": 0.8, "red": 1.0}, 1.25, "red", 1.25, -0.25),
        ({"amber": 0.8, "red": 1.0}, -0.5, "green", None, 1.5),
        ({"amber": 2.0, "red": 1.0}, 4.0, "green", 0.25, 3.0),  # low is bad
        ({"amber": 2.0, "red": 1.0}, 1.0, "amber", 1.0, 0.0),
        ({"amber": 2.0, "red": 1.0}, 0.5, "red", 2.0, -0.5),
        ({"amber": 2.0, "red": 1.0}, -1.0, "red", None, -2.0),
        ({"amber": 0.0, "red": 2.0}, 1.0, "amber", 0.5, 1.0),
        ({"red": 0.0}, 1.0, "red", None, -1.0),  # no ratio to nothing
        ({"red": -5.0, "worse": "below"}, -6.0, "red", None, -1.0),
        ({"amber": 3.0}, 4.0, "amber", None, None),
        ({"red": 3.0}, 2.0, "green", 2.0 / 3.0, 1.0),
        ({"amber": 1.0, "red": 1.0, "worse": "above"}, 1.5, "red", 1.5, -0.5),
    ],
)
def test_status_utilisation_and_headroom(thresholds, value, status, utilisation, headroom):
    row = judged(limit(**thresholds), Measured(value))
    assert row["status"] == status
    assert row["utilisation"] == (None if utilisation is None else pytest.approx(utilisation))
    assert row["headroom"] == (None if headroom is None else pytest.approx(headroom))


finite = st.floats(-1e9, 1e9)


@given(value=finite, amber=finite, red=finite)
def test_a_limit_turned_round_has_the_same_status(value: float, amber: float, red: float):
    """High is bad of x as low is bad of -x; and what is beyond red is never green."""
    side, other = ("above", "below") if red >= amber else ("below", "above")
    one = judged(limit(amber=amber, red=red, worse=side), Measured(value))
    two = judged(limit(amber=-amber, red=-red, worse=other), Measured(-value))
    assert one["status"] == two["status"]
    assert one["headroom"] == two["headroom"]
    assert (one["headroom"] < 0) == (one["status"] == "red")


def test_what_is_not_known_is_never_green():
    for_all = {"amber": 1.0, "red": 2.0}
    assert judged(limit(**for_all), Measured(None, reason="it gave no row"))["status"] == "unknown"
    partly = judged(limit(**for_all), Measured(0.5, "a", "1 of 2 rows have no finite value"))
    assert (partly["status"], partly["value"], partly["reason"]) == ("unknown", 0.5, "1 of 2 rows have no finite value")
    assert judged(limit(**for_all), Measured(3.0, "a", "1 of 2 rows have no finite value"))["status"] == "red"


def test_a_built_in_says_what_it_lacks():
    fund = Limit.model_validate({"name": "Fund", "built_in": "cover_2_to_resources", "red": 1.0})
    assert (
        judged(fund, Measured(None, reason="it gave no row", lacking=True))["reason"]
        == "the run has no headline scenario, or states no resources above zero"
    )
    assert judged(fund, Measured(None, reason="it took longer than 30 s"))["reason"] == "it took longer than 30 s"
    assert judged(fund, Measured(0.5))["description"].startswith("Cover-2 over resources")


def test_without_limits_the_table_is_empty(tmp_path):
    assert limits_table((), tmp_path, None).equals(pl.DataFrame(schema=polars_schema(LIMITS)))


def rows(*statuses: str) -> pl.DataFrame:
    found = []
    for place, status in enumerate(statuses, start=1):
        value = {"green": 0.5, "amber": 0.9, "red": 1.5, "unknown": None}[status]
        reason = "it gave no row" if status == "unknown" else None
        found.append(judged(limit(name=f"L{place}", amber=0.8, red=1.0, unit="ratio"), Measured(value, "x", reason)) | {"place": place})
    return pl.DataFrame(found, schema=polars_schema(LIMITS))


def test_the_summary_counts_and_names_the_worst_first():
    found = limit_counts(rows("green", "amber", "unknown", "red", "amber"))
    assert (found.green, found.amber, found.unknown, found.red) == (1, 2, 1, 1)
    assert [(each.name, each.status) for each in found.breached] == [("L4", "red"), ("L3", "unknown"), ("L2", "amber"), ("L5", "amber")]


@pytest.mark.parametrize(
    ("statuses", "light", "reasons"),
    [
        (["green", "green"], "green", []),
        (["amber"], "amber", ["limit L1 is amber: 0.90 (x), beyond 0.80"]),
        (["green", "unknown"], "amber", ["limit L2 is unknown: it gave no row"]),
        (["amber", "red"], "red", ["limit L2 is red: 1.50 (x), beyond 1.00", "limit L1 is amber: 0.90 (x), beyond 0.80"]),
        (["red"] * 5, "red", ["5 limits are red: L1, L2, L3 and 2 more"]),
        (["red"] * 3, "red", ["3 limits are red: L1, L2, L3"]),
        (["unknown", "amber", "unknown", "amber"], "amber", ["2 limits are unknown: L1, L3", "2 limits are amber: L2, L4"]),
    ],
)
def test_the_light_follows_the_limits(statuses: list[str], light: str, reasons: list[str]):
    status = status_of(scenario_summary({"scenario_id": "dip"}), quality("pass"), 0, limit_counts(rows(*statuses)))
    assert (status.light, list(status.reasons)) == (light, reasons)


def test_reasons_call_scenarios_by_name():
    figures = LimitFigures(name="N", status="red", value=2.0, subject="dip", amber=None, red=1.0, worse="above", unit="ratio",
                           utilisation=2.0, owner=None, reason=None)  # fmt: skip
    status = status_of(scenario_summary({"scenario_id": "dip", "name": "The dip"}), quality(), 0, LimitCounts(red=1, breached=(figures,)))
    assert status.reasons == ("limit N is red: 2.00 (The dip), beyond 1.00",)


def test_the_sentence_says_that_a_limit_is_red():
    calm = scenario_summary({"scenario_id": "dip"})
    assert status_of(calm, quality(), 0, limit_counts(rows("red"))).sentence.endswith("at base. 1 limit is red.")
    assert status_of(calm, quality(), 0, limit_counts(rows("red", "red"))).sentence.endswith("at base. 2 limits are red.")
    assert status_of(calm, quality(), 0, limit_counts(rows("amber"))).sentence.endswith("at base.")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12.345, "money", "12.35"),
        (-2e6, "money", "-2,000,000"),
        (0.05, "share", "5%"),
        (12.0, "ratio", "12.00"),
        (1e6, "count", "1,000,000"),
        (0.00012, "number", "0.00012"),
        (1234.5, "days", "1,234.5 days"),
    ],
)
def test_values_in_words(value: float, unit: str, text: str):
    assert worded(value, unit) == text


def test_a_limit_without_limits_set_is_told_as_none():
    assert LimitCounts().breached == ()
    figures = LimitFigures(name="N", status="unknown", value=None, subject=None, amber=None, red=1.0, worse="above", unit="number",
                           utilisation=None, owner=None, reason="it gave no row")  # fmt: skip
    assert told(figures) == "limit N is unknown: it gave no row"
