"""How figures and names are written: literals first, then laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.report.formats import (
    chart_label,
    count,
    identified_label,
    money,
    named,
    number,
    percent,
    plural_count,
    scale_for,
    scaled,
    shortened,
    shown,
    significant,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3e-8, "0"),
        (0.4, "<1"),
        (-0.4, ">−1"),
        (0.5, "1"),
        (-0.5, "−1"),
        (999.4, "999"),
        (999.5, "1.0k"),
        (1_049.0, "1.0k"),
        (1_050.0, "1.1k"),
        (41_249_000.0, "41.2m"),
        (-41_250_000.0, "−41.3m"),
        (999_949.0, "999.9k"),
        (999_950.0, "1.0m"),
        (1.25e9, "1.3bn"),
        (7.0e12, "7.0tn"),
        (4.2e15, "4,200.0tn"),
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_money_in_a_sentence(value: float | None, text: str) -> None:
    assert money(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234567.5, 0, "1,234,568"),
        (2.675, 2, "2.68"),
        (-2.675, 2, "−2.68"),
        (0.004, 2, "<0.01"),
        (-0.004, 2, ">−0.01"),
        (0.0, 2, "0"),
        (None, 2, "—"),
    ],
)
def test_numbers_round_half_away_from_zero_as_written(value: float | None, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ([41_203_117.0, 812.0, 0.0], "USD k", ["41,203", "1", "0"]),
        ([3.2e9, -5.0e5], "USD m", ["3,200", "−1"]),
        ([950.0, 12.4], "USD", ["950", "12"]),
        ([999_999.0], "USD", ["999,999"]),
        ([2.5e13, 1.0], "USD bn", ["25,000", "<1"]),
        ([], "USD", []),
    ],
)
def test_one_unit_for_all_money_of_a_table(values: list[float], unit: str, texts: list[str]) -> None:
    scale = scale_for(values)
    assert scale.unit("USD") == unit
    assert [scaled(value, scale) for value in values] == texts


@pytest.mark.parametrize(
    ("value", "text"), [(0.634, "63\N{NO-BREAK SPACE}%"), (1.625, "163\N{NO-BREAK SPACE}%"), (0.001, "<1\N{NO-BREAK SPACE}%"), (None, "—")]
)
def test_percent(value: float | None, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0012345, "0.001235"),
        (0.0000213, "0.0000213"),
        (2.50, "2.5"),
        (93712.0, "93,712"),
        (-1.0, "−1"),
        (0.0, "0"),
        (1.5e-12, "1.500e−12"),
        (None, "—"),
    ],
)
def test_significant(value: float | None, text: str) -> None:
    assert significant(value) == text


def test_counts() -> None:
    assert (count(1234), count(None), plural_count(1, "account"), plural_count(0, "account"), plural_count(2, "box", "boxes")) == (
        "1,234",
        "—",
        "1 account",
        "0 accounts",
        "2 boxes",
    )


def test_names_show_what_would_hide_or_move_text() -> None:
    assert shown("חברה \u202egnp.exe\x00") == "חברה \\u202egnp.exe\\u0000"
    assert shown("<b>&\"'") == "<b>&\"'"  # escaping is the page's business, once
    assert (named("  ", "A-1"), named(None, "A-1"), named("Fund", "A-1")) == ("A-1", "A-1", "Fund")


def test_chart_labels_fit_and_fall_back_to_the_key_in_scripts_that_svg_text_would_garble() -> None:
    assert chart_label("شركة الاختبار", "A-1", 20) == "A-1"
    assert chart_label("नमस्ते", "A-2", 20) == "A-2"
    assert chart_label("Łódź Ωμέγα", "A-3", 20) == "Łódź Ωμέγα"
    assert len(chart_label("X" * 200, "A-4", 10)) == 13  # 12 capitals of 0.72 em and the dots of 0.9
    assert len(chart_label("i" * 200, "A-5", 10)) > 20


@given(st.floats(min_value=-1e14, max_value=1e14).filter(lambda value: abs(value) >= 1000))
def test_money_is_within_half_of_its_last_digit(value: float) -> None:
    text = money(value).replace("−", "-").replace(",", "")
    digits = text.rstrip("kmbtn")
    unit = {"k": 1e3, "m": 1e6, "bn": 1e9, "tn": 1e12}[text[len(digits) :]]
    assert abs(float(digits) * unit - value) <= 0.05 * unit * (1 + 1e-9)
    assert abs(float(digits)) >= 1.0


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_shortened_keeps_both_ends(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= limit
    assert short == text or (text.startswith(short.split("…")[0]) and len(text) > limit)


@given(st.text())
def test_shown_text_is_printable_on_one_line(text: str) -> None:
    assert not any(sign < " " or sign in "\u202e\u2066\u2028\x7f" for sign in shown(text))


@pytest.mark.parametrize(
    ("name", "key", "ems", "label"),
    [
        ("Alpha", "a1", 20.0, "a1  Alpha"),
        ("a1", "a1", 20.0, "a1"),
        (None, "a1", 20.0, "a1"),
        ("\u05d0\u05d1", "a1", 20.0, "a1"),  # a script that charts cannot set
        ("Alpha", "abcdefghij", 9.0, "abcdefghij"),  # no room
    ],
)
def test_the_id_comes_first_and_the_name_where_there_is_room(name: str | None, key: str, ems: float, label: str) -> None:
    assert identified_label(name, key, ems) == label
