"""The standing audit: a random share of what is accepted unseen goes to people, who do not know it from other cards.

    accepted ─▶ draw (keyed hash, by exams) ─▶ a card like any other ─▶ right or wrong ─▶ bound, renewed each week
                                                                                    └──▶ tests ─▶ acceptance stops there

plan.py    audit.toml; how many draws a week the bound needs, and at what rate each modality is drawn
draw.py    whether a name is drawn: the same whatever the order and the number of workers
bound.py   Clopper-Pearson, and its hypergeometric counterpart, of what was found
detector.py    sequential tests, valid at any time of looking: where more is wrong than the target allows

Pure: no store, no HTTP. agent/store/audit.py keeps draws and stops.
"""

from agent.audit.bound import lower_bound, needed
from agent.audit.detector import EVERYWHERE, Detectors, Outcome, Scope, covers
from agent.audit.draw import chance, number
from agent.audit.plan import Plan, Rates, load_plan, rates_of

__all__ = [
    "EVERYWHERE",
    "Detectors",
    "Outcome",
    "Plan",
    "Rates",
    "Scope",
    "chance",
    "covers",
    "load_plan",
    "lower_bound",
    "needed",
    "number",
    "rates_of",
]
