"""The margin file as checked values."""

from stresstest.margin.rulebook.add_ons import AddOn, Depeg
from stresstest.margin.rulebook.file import Model, Rulebook, load_rulebook
from stresstest.margin.rulebook.models import Assign, AssignCollateral, BalanceRules, TieredModel
from stresstest.margin.rulebook.pairs import AmountPair, CapPair, RatioPair
from stresstest.margin.rulebook.portfolio import GridRow, PortfolioModel
from stresstest.margin.rulebook.presets import file_of_preset, is_of_preset, presets
from stresstest.margin.rulebook.scaling import Concentration, ConservativePrices, LevelPair, OpenInterestScaling, RateScaling, WeightScaling
from stresstest.margin.rulebook.schedules import Band, CollateralSchedule, MarginSchedule, ShortOption, ShortOptionRate, Tier
from stresstest.margin.rulebook.strategy import NakedShort, StrategyModel

__all__ = [
    "AddOn",
    "AmountPair",
    "Assign",
    "AssignCollateral",
    "BalanceRules",
    "Band",
    "CapPair",
    "CollateralSchedule",
    "Concentration",
    "ConservativePrices",
    "Depeg",
    "GridRow",
    "LevelPair",
    "MarginSchedule",
    "Model",
    "NakedShort",
    "OpenInterestScaling",
    "PortfolioModel",
    "RateScaling",
    "RatioPair",
    "Rulebook",
    "ShortOption",
    "ShortOptionRate",
    "StrategyModel",
    "Tier",
    "TieredModel",
    "WeightScaling",
    "file_of_preset",
    "is_of_preset",
    "load_rulebook",
    "presets",
]
