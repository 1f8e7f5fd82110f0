"""Super resolution: `super_resolve`, the strategies that it knows, and what the enlarged picture is made of.

A strategy turns a `Problem` into a `Plan` or a `TiledPlan`; it never trains.
"""

from siren_sr.superres.options import STRATEGIES
from siren_sr.superres.plan import Plan, Problem, Strategy, TiledPlan
from siren_sr.superres.task import super_resolve

__all__ = ["STRATEGIES", "Plan", "Problem", "Strategy", "TiledPlan", "super_resolve"]
