"""`cascade` and `waterfall` of the run file: what follows a liquidation, and who pays for what is left."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from stresstest.config.impact import AnyImpact, LinearImpact, rest_last
from stresstest.documents import Amount, Count, Flag, Found, Name, Number, Part, Ratio, as_list, once, problem, raise_all, shown, with_rules

Policy = Literal["full", "partial_to_target", "worst_first", "pro_rata"]
Criterion = Literal["settle", "haircut", "liquidity"]
Layer = Literal[
    "defaulter_margin", "defaulter_contribution", "insurance_fund", "skin_in_the_game", "default_fund", "assessment",
    "gains_haircut", "adl_queue", "pro_rata",
]  # fmt: skip
ALLOCATIONS: tuple[Layer, ...] = ("gains_haircut", "adl_queue", "pro_rata")
"""Layers that share what is left among those who gained: at most one, and last."""

USUAL_WATERFALL: tuple[Layer, ...] = (
    "defaulter_margin", "defaulter_contribution", "insurance_fund", "skin_in_the_game", "default_fund", "assessment", "gains_haircut",
)  # fmt: skip
"""The order in which losses are borne where a run has a cascade and states no `waterfall`."""

_AIMED: tuple[Policy, ...] = ("partial_to_target", "worst_first")


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = sorted({str(each) for each in values if values.count(each) > 1})
    if twice:
        raise problem(f"{', '.join(twice)} stands twice", "Write each once, in order.")
    return values


def _detail(value: object) -> object:
    """A number, the word `all`, or ids; what `--set` gives as a list of one of the first two is that."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) and each for each in value):
        return value
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, str) and value:
        return (value,)
    raise problem(f"must be a number of scenarios, `all`, or a list of their ids, not {shown(value)}", "Write for example 5, all, or [crash].")


class CascadeFees(Part):
    """What liquidation costs. `liquidation`: share of the notional that is closed; `insurance_share` of it goes to the insurance fund.
    `option_spread`: share of its model price that an option is sold below and bought above. `collateral_bonus`: what a buyer of collateral
    gets beyond its price, a share of the debt repaid.
    """

    liquidation: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    insurance_share: Ratio = 0.0
    option_spread: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    collateral_bonus: Amount = 0.0


class Cascade(Part):
    """The liquidation cascade that is asked of every scenario. An `impact` for all assets, or a list, where the first entry that speaks of an asset
    counts; assets that none speaks of have no impact, and are told.

    `target_ratio`: margin balance over gross notional that a partial liquidation restores. `close_factor`: share of its debts that an account
    without positions repays in its first round. In the first `halt_rounds` rounds nothing can be liquidated. `detail`: headline scenarios,
    worst first, that are looked at closely. `isolated`: the same book under isolated margin beside them.
    """

    impact: Annotated[
        tuple[AnyImpact, ...], BeforeValidator(as_list, json_schema_input_type=AnyImpact | tuple[AnyImpact, ...]), AfterValidator(rest_last)
    ] = (LinearImpact(kind="linear"),)
    policy: Policy = "full"
    target_ratio: Annotated[Number, Field(gt=0, le=1)] | None = None
    sequence: Literal["simultaneous", "one_at_a_time"] = "simultaneous"
    collateral_order: Annotated[tuple[Criterion, ...], BeforeValidator(as_list), AfterValidator(_each_once), Field(min_length=1)] = (
        "settle", "haircut", "liquidity",
    )  # fmt: skip
    close_factor: Annotated[Number, Field(gt=0, le=1)] = 1.0
    fees: CascadeFees = CascadeFees()
    max_rounds: Count = 50
    halt_rounds: Annotated[int, Field(strict=True, ge=0)] = 0
    detail: Annotated[
        Annotated[int, Field(strict=True, ge=0)] | Literal["all"] | Annotated[tuple[Name, ...], AfterValidator(once)], BeforeValidator(_detail)
    ] = 5
    isolated: Flag = True
    depth_multiples: Annotated[tuple[Annotated[Number, Field(gt=0)], ...], BeforeValidator(as_list), AfterValidator(_each_once)] = (0.5, 2.0)

    @model_validator(mode="wrap")
    @classmethod
    def _rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return with_rules("cascade", handler, data, _contradictions(data) if isinstance(data, dict) else [])


def _contradictions(data: dict[str, Any]) -> Found:
    """What no single key shows; each at the key to look at."""
    found: Found = []
    policy, ratio = data.get("policy", "full"), data.get("target_ratio")
    if policy == "partial_to_target" and ratio is None:
        hint = "State the margin balance over gross notional to restore, for example target_ratio: 0.06."
        found.append((("policy",), problem("aims at a `target_ratio`, which is missing", hint)))
    if ratio is not None and policy not in _AIMED:
        hint = f"Remove it; policies that have it: {', '.join(_AIMED)}."
        found.append((("target_ratio",), problem(f"is no target of `policy: {policy}`", hint)))
    halted, most = data.get("halt_rounds", 0), data.get("max_rounds", Cascade.model_fields["max_rounds"].default)
    if isinstance(halted, int) and isinstance(most, int) and 1 <= most <= halted:
        found.append(
            (("halt_rounds",), problem("leaves no round in which anything is liquidated", f"Make it less than max_rounds, which is {most}."))
        )
    return found


def _order(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    found: Found = []
    if not layers:
        raise problem("an empty list pays for nothing", f"The usual order: {', '.join(USUAL_WATERFALL)}.")
    for number, layer in enumerate(layers):
        if layer in layers[:number]:
            found.append(((number,), problem(f"{layer} stands twice", "Write each layer once, in the order in which they pay.")))
        elif layer in ALLOCATIONS and number < len(layers) - 1:
            what = f"{layer} shares out whatever is left, and layers follow it"
            found.append(((number,), problem(what, f"Put it last; only one of {', '.join(ALLOCATIONS)} can stand in a waterfall.")))
        elif layer == "defaulter_margin" and number > 0:
            found.append(((number,), problem("the defaulter's margin pays before anything else", "Put it first: a loss is what it does not cover.")))
    raise_all("waterfall", found)
    return layers


Waterfall = Annotated[tuple[Layer, ...], BeforeValidator(as_list), AfterValidator(_order)]
"""Layers in the order in which they pay."""
