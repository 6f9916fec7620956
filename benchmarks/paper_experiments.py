"""What the paper's tables and figures compare, as variants of the small manifests (examples/paper/small)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL = Path(__file__).parents[1] / "examples" / "paper" / "small"
CALCULATION, WEB_BROWSING = SMALL / "calculation.yaml", SMALL / "web_browsing.yaml"
FAMILIES = {
    "decoder": "message_decoder",
    "dna": "cryptobotanists_plant_dna_sequencer",
    "trade": "trade_calculator",
    "travel": "travel_itinerary_planning",
}


@dataclass(frozen=True)
class Variant:
    """One row of a table: a manifest and what is set in it. Variants of a seed that are ``made`` alike share
    their first evaluation and their tasks."""

    label: str
    file: Path = CALCULATION
    made: tuple[str, ...] = ()  # what decides about the tasks
    trained: tuple[str, ...] = ()  # what decides about the training alone
    has_teacher: bool = False  # by what GRPO made of the same model, on the same tasks
    every: int | None = None  # updates between the points of a curve


@dataclass(frozen=True)
class Experiment:
    """``families``: the tasks of each of them are measured too, also those that were not trained on."""

    title: str
    variants: tuple[Variant, ...]
    families: Mapping[str, str] | None = None


def _train(*texts: str) -> tuple[str, ...]:
    return tuple(f"trainer.{text}" for text in texts)


def _set_rft(**options: object) -> tuple[str, ...]:
    return _train(*(f"only.rft.{name}={value}" for name, value in options.items()))


EXPERIMENTS: Mapping[str, Experiment] = {
    "table1": Experiment(
        "Self-improvement and distillation",
        (
            Variant("calculation, self-improvement"),
            Variant("calculation, distillation", trained=_set_rft(keep="all"), has_teacher=True),
            Variant("web browsing, self-improvement", WEB_BROWSING),
        ),
    ),
    "table2": Experiment(
        "Joint training and transfer between families of calculation",
        (
            Variant("all families"),
            *(
                Variant(f"{name} alone", made=(f"environment.family={family}",))
                for name, family in FAMILIES.items()
            ),
        ),
        families=FAMILIES,
    ),
    "table3": Experiment(
        "Distillation with failed episodes and without",
        (
            Variant("all episodes", trained=_set_rft(keep="all"), has_teacher=True),
            Variant("successes alone", trained=_set_rft(keep="successes"), has_teacher=True),
        ),
    ),
    "figure3": Experiment(
        "Algorithms over updates",
        tuple(
            Variant(name, trained=_train(f"name={name}"), every=every)
            for name, every in {"rft": 45, "dpo": 10, "ppo": 4, "grpo": 4}.items()
        ),
    ),
    "figure6": Experiment(
        "Tasks by episodes a task, with as many episodes in all",
        tuple(
            Variant(
                f"{tasks} tasks, {episodes} episodes each",
                made=(f"challenge.tasks={tasks}",),
                trained=_set_rft(group_size=episodes),
            )
            for tasks, episodes in ((150, 8), (75, 16), (38, 32))
        ),
    ),
}
# What of the paper is no experiment of this kind, and where it is.
ELSEWHERE = {
    "table4, figure4": "python benchmarks/ablation.py (filters, and how many tasks are what they say)",
    "figure5": "needs a stronger challenger: examples/paper/figure5.yaml",
    "figure7": "needs tasks written by hand: examples/paper/figure7.yaml",
}
