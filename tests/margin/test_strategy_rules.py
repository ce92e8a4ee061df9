"""Models of kind strategy: what a margin file may say of them, and how what is wrong is reported."""

from __future__ import annotations

import pytest

from stresstest.documents import document_of, parse
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook, StrategyModel

RATE = "{rate: 0.2, minimum: 0.1}"
NAKED = "{maintenance: " + RATE + ", initial: " + RATE + "}"
PUTS = "{where: {option_type: put}, maintenance: " + RATE + ", initial: " + RATE + ", base: strike}"


def _model(text: str) -> StrategyModel:
    document = document_of("models: {s: {kind: strategy, " + text + "}}", "margin.yaml", Reason.MARGIN_FILE)
    model = parse(Rulebook, document, Reason.MARGIN_FILE).models["s"]
    assert isinstance(model, StrategyModel)
    return model


def test_defaults_of_a_strategy_model() -> None:
    model = _model("naked_shorts: [" + PUTS + ", " + NAKED + "]")
    assert (model.recognition, model.shares, model.round_to, model.long_option_credit.initial) == ("pairs", None, None, 1.0)
    assert [(rule.base, rule.initial_multiple, rule.maintenance.of_value) for rule in model.naked_shorts] == [("strike", 0, 0), ("underlying", 0, 0)]
    assert model.scheduled_kinds == {"spot", "future", "perpetual"}


def test_everything_of_a_strategy_model_is_read() -> None:
    model = _model(
        "recognition: expiry_max_loss, naked_shorts: ["
        + NAKED
        + "], long_options: [{where: {tenor_days: [271, null]}, rate: 0.75}], round_to: 0.01, "
        "leverage: [{factor: 2}], shares: {long: 0.5, short: {maintenance: 0.3, initial: 0.5}}, unpaired_scale: {maintenance: 1.1, initial: 1.2}"
    )
    assert model.shares is not None
    assert (model.shares.long.maintenance, model.shares.short.maintenance, model.unpaired_scale.initial) == (0.5, 0.3, 1.2)
    assert (model.long_options[0].rate.initial, model.leverage[0].factor, model.round_to) == (0.75, 2.0, 0.01)
    assert model.scheduled_kinds == {"future", "perpetual"}


@pytest.mark.parametrize(("text", "fault"), [
    ("naked_shorts: []", ".naked_shorts: has no entries. Add an entry without `where` at the end, so that every short option has a rule."),
    ("naked_shorts: [" + PUTS + "]",
     ".naked_shorts[0].where: leaves options without a rule. Add an entry without `where` at the end, so that every short option has a rule."),
    ("naked_shorts: [" + NAKED + ", " + NAKED + "]", ".naked_shorts[0]: hides the entries below it, for it is for all. Move it to the end."),
    ("naked_shorts: [" + NAKED + "], leverage: [{factor: 0}]", ".leverage[0].factor: must be above 0, not 0"),
    ("naked_shorts: [" + NAKED + "], round_to: 0", ".round_to: must be above 0, not 0"),
    ("naked_shorts: [" + NAKED + "], long_option_credit: 0.5",
     ".long_option_credit: options count in the balance of a strategy model at their value. Remove it; what long options need is `long_options`."),
    ("naked_shorts: [" + NAKED + "], unpaired_scale: 1.1",
     ".unpaired_scale: has no meaning with `recognition: pairs`. Remove it, or set `recognition: expiry_max_loss`."),
    ("naked_shorts: [" + NAKED + "], recognition: pair",
     ".recognition: must be one of pairs, expiry_max_loss, not 'pair'. Did you mean `pairs`?"),
])  # fmt: skip
def test_what_is_wrong_with_a_strategy_model(text: str, fault: str) -> None:
    with pytest.raises(StressTestError) as caught:
        _model(text)
    assert [each.text().removeprefix("margin.yaml:1, models.s") for each in caught.value.faults] == [fault]


def test_positions_have_no_location() -> None:
    with pytest.raises(StressTestError, match="has 1 fault") as caught:
        _model("naked_shorts: [{where: {location: vault}, maintenance: " + RATE + ", initial: " + RATE + "}, " + NAKED + "]")
    assert "cannot be filtered by `location`" in caught.value.faults[0].text()
