"""Every setting there is, declared once. The YAML triplet has exactly these keys; nearly all defaults live there.

One class per stage, named like its module and its section. Percentages end in ``_pct``, basis points in ``_bps``,
fractions 0..1 in ``_ratio``. Money and what multiplies money is Decimal, thresholds of statistics are float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trader.settings.app import AppSettings, BarsSettings, CycleSettings, ExchangeSettings, SimulationSettings
from trader.settings.bounds import StrategyName
from trader.settings.evidence import NO_EVIDENCE, Evidence
from trader.settings.policy import (
    AllocationSettings,
    CostSettings,
    ExecutionSettings,
    ExitsSettings,
    RegimeSettings,
    RiskSettings,
    StrategySettings,
    TriggersSettings,
)
from trader.settings.universe import UniverseSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """The triplet as one value. ``digest`` names exactly this configuration in every audit record.

    ``evidence`` lies beside the triplet, is no part of the digest, and has one of its own.
    """

    app: AppSettings
    cycle: CycleSettings
    bars: BarsSettings
    exchange: ExchangeSettings
    simulation: SimulationSettings
    universe: UniverseSettings
    regime: RegimeSettings
    triggers: TriggersSettings
    strategies: Mapping[StrategyName, StrategySettings]
    exits: ExitsSettings
    allocation: AllocationSettings
    costs: CostSettings
    risk: RiskSettings
    execution: ExecutionSettings
    digest: str = ""
    evidence: Evidence = NO_EVIDENCE
