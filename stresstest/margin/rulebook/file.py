"""The margin file: collateral schedules, margin schedules and models, checked.

Formulas are in docs/methodology.md, section 4. Every pair `{maintenance, initial}` may also be one number for both.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from stresstest.documents import Found, Name, Version, expect, parse, problem, raise_all, read_document, resembling, with_rules
from stresstest.errors import Reason
from stresstest.margin.rulebook.models import TieredModel
from stresstest.margin.rulebook.pairs import Sourced
from stresstest.margin.rulebook.portfolio import PortfolioModel
from stresstest.margin.rulebook.presets import with_presets, with_presets_as_models
from stresstest.margin.rulebook.schedules import CollateralSchedule, MarginSchedule
from stresstest.margin.rulebook.strategy import StrategyModel
from stresstest.scenarios.names import MarginNames

AnyModel = TieredModel | PortfolioModel | StrategyModel
KINDS: dict[str, type[AnyModel]] = {"tiered": TieredModel, "portfolio": PortfolioModel, "strategy": StrategyModel}


def _of_its_kind(value: Any, _: ValidatorFunctionWrapHandler) -> AnyModel:
    """The model by its `kind`, so that only the keys of that kind are known, and faults stand where they are."""
    if isinstance(value, AnyModel):
        return value
    kind = value.get("kind", "tiered") if isinstance(value, dict) else "tiered"
    if not isinstance(kind, str) or kind not in KINDS:
        found: Found = [(("kind",), problem(f"must be one of {', '.join(KINDS)}, not {kind!r}", resembling(str(kind), list(KINDS))))]
        raise_all("model", found)
    return KINDS[kind].model_validate(value)


class FromPreset(BaseModel):
    """A shipped model, with any keys of its kind laid over it. Only for the schema: before anything is checked, it is written out."""

    model_config = ConfigDict(extra="allow")

    preset: Name


Model = Annotated[AnyModel, WrapValidator(_of_its_kind, json_schema_input_type=AnyModel | FromPreset)]


class Rulebook(Sourced):
    """A margin file. `models` always has `default`: kind tiered with all defaults where the file has none. Presets are written out."""

    version: Version = 1
    name: str | None = None
    collateral_schedules: dict[Name, CollateralSchedule] = Field(default={})
    margin_schedules: dict[Name, MarginSchedule] = Field(default={})
    models: Annotated[dict[Name, Model], AfterValidator(lambda models: {"default": TieredModel(), **models})] = Field(
        default={}, validate_default=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _presets(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        written, found = with_presets(data)
        return with_rules("margin file", handler, written, found)

    @model_validator(mode="after")
    def _assigned_schedules(self) -> Self:
        found: Found = []
        for name, model in self.models.items():
            for key, kind, existing in (
                ("assign", "margin_schedule", self.margin_schedules),
                ("assign_collateral", "collateral_schedule", self.collateral_schedules),
            ):
                for number, entry in enumerate(getattr(model, key)):
                    schedule = getattr(entry, kind)
                    if schedule not in existing:
                        what = f"no {kind.replace('_', ' ')} `{schedule}` in this file"
                        hint = resembling(schedule, list(existing)) or f"Define it under `{kind}s`."
                        found.append((("models", name, key, number, kind), problem(what, hint)))
        raise_all("margin file", found)
        return self

    def margin_names(self) -> MarginNames:
        """The names that `margin_rate` shocks may mean."""
        tiered = tuple(name for name, model in self.models.items() if model.kind == "tiered")
        others = tuple(name for name, model in self.models.items() if model.kind != "tiered")
        return MarginNames(schedules=tuple(self.margin_schedules), tiered_models=tiered, other_models=others)


def load_rulebook(path: Path | str, named: Iterable[str] = ()) -> Rulebook:
    """The margin file at `path`, with those shipped presets that are `named` as if they were models of its own.

    A model of the file goes before a preset of the same name.

    Raises:
        StressTestError: reason MARGIN_FILE with every fault and its line; NOT_IN_THIS_VERSION where a later version of the format
            is all that is wrong.
    """
    document = expect(read_document(path, Reason.MARGIN_FILE), "margin file", Reason.MARGIN_FILE)
    document.data = with_presets_as_models(document.data, named)
    return parse(Rulebook, document, Reason.MARGIN_FILE)
