"""How often 95 % intervals cover: of scores, of paired differences, and of differences over several seeds.

    python benchmarks/interval_coverage.py [--repetitions 1000]

Tasks are drawn from populations whose difficulties have a Beta distribution around the success rate, from
one where nearly every task is always or never solved to one where all are alike. In each repetition tasks,
samples and seeds are drawn anew, the interval is made of their rewards as in results.json, and the true value
of the population is looked for in it. Each line tells of the population and number of samples where the
interval covered least. The bootstrap over tasks (percentiles) stands beside it for comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

import click
import numpy as np
import numpy.typing as npt

from selfchal.pipeline.statistics import Estimate, Rows, difference_over_seeds, estimate, paired_difference

Values = npt.NDArray[np.float64]
Change = tuple[float, float]  # rates of success before and after
RATES = (0.03, 0.13, 0.42)
TASKS = (5, 30, 48, 240)
# How alike tasks are: their chances are of Beta(rate * alike, (1 - rate) * alike).
ALIKE: Mapping[str, float] = {"all or nothing": 0.05, "very different": 0.3, "different": 2.0, "alike": 1e5}
SAMPLES = (1, 4)
CHANGES = ((0.03, 0.03), (0.03, 0.06), (0.13, 0.13), (0.13, 0.42), (0.42, 0.5))
SAME = (0.0, 0.5, 1.0)  # share of the tasks that are as hard after as before, compared with the others
SEEDS = (3, 5)
DEVIATIONS = (0.0, 0.3)  # of the rate after between seeds, as a share of that rate
POPULATION = 50_000
MANY_SEEDS = 40  # from which the seeds of a repetition are drawn
RESAMPLES = 400


# An estimate, and the value of each task that it was made of.
Drawn = tuple[Estimate, Values]


@dataclass(frozen=True)
class Coverage:
    """How often one population's true value was in the interval, and in the bootstrap's; the mean width."""

    case: str
    covered: float
    width: float
    bootstrap: float


@cache
def chances_of(rate: float, alike: float) -> Values:
    """The chances of success of a population of tasks, from the hardest to the easiest."""
    rng = np.random.default_rng(0)
    return np.sort(rng.beta(rate * alike, (1 - rate) * alike, POPULATION))


def play(rng: np.random.Generator, chances: Values, samples: int) -> Rows:
    """The rewards of tasks with these chances."""
    won = rng.random((len(chances), samples)) < chances[:, None]
    return {str(task): row for task, row in enumerate(won.astype(float).tolist())}


def means_of(rows: Rows) -> Values:
    """The mean reward of each task."""
    means: Values = np.array(list(rows.values()), dtype=float).mean(axis=1)
    return means


def repeat(case: str, truth: float, draws: Iterator[Drawn], repetitions: int) -> Coverage:
    found = list(islice(draws, repetitions))
    rng = np.random.default_rng(1)
    resampled = [rng.choice(values, (RESAMPLES, len(values))).mean(axis=1) for _, values in found]
    bootstrap = np.percentile(resampled, [2.5, 97.5], axis=1)
    return Coverage(
        case,
        _share_with(truth, np.array([(one.low, one.high) for one, _ in found]).T),
        float(np.mean([one.high - one.low for one, _ in found])),
        _share_with(truth, bootstrap),
    )


def _share_with(truth: float, ends: Values) -> float:
    """The share of intervals [2, repetitions] that hold the true value, which may be the end of one."""
    return float(np.mean((ends[0] - 1e-9 <= truth) & (truth <= ends[1] + 1e-9)))


def draw_scores(chances: Values, tasks: int, samples: int) -> Iterator[Drawn]:
    rng = np.random.default_rng(tasks)
    while True:
        rows = play(rng, rng.choice(chances, tasks), samples)
        yield estimate(rows), means_of(rows)


def cover_score(rate: float, tasks: int, repetitions: int) -> Iterator[Coverage]:
    """One score, for each kind of population and number of samples."""
    for (name, alike), samples in product(ALIKE.items(), SAMPLES):
        chances = chances_of(rate, alike)
        draws = draw_scores(chances, tasks, samples)
        yield repeat(f"{name}, {samples} each", float(chances.mean()), draws, repetitions)


def draw_differences(before: Values, after: Values, tasks: int, samples: int, same: float) -> Iterator[Drawn]:
    rng = np.random.default_rng(tasks)
    while True:
        ranks = rng.integers(POPULATION, size=tasks)
        later = np.where(rng.random(tasks) < same, ranks, rng.integers(POPULATION, size=tasks))
        first, last = play(rng, before[ranks], samples), play(rng, after[later], samples)
        yield paired_difference(first, last), means_of(last) - means_of(first)


def cover_difference(change: Change, tasks: int, repetitions: int) -> Iterator[Coverage]:
    """A paired difference, for each kind of population, number of samples, and share of the same tasks."""
    for (name, alike), samples, same in product(ALIKE.items(), SAMPLES, SAME):
        before, after = (chances_of(rate, alike) for rate in change)
        draws = draw_differences(before, after, tasks, samples, same)
        truth = float(after.mean() - before.mean())
        yield repeat(f"{name}, {samples} each, {same:.0%} the same", truth, draws, repetitions)


def draw_over_seeds(before: Values, after: Sequence[Values], tasks: int, seeds: int) -> Iterator[Drawn]:
    rng = np.random.default_rng(tasks + seeds)
    while True:
        ranks = rng.integers(POPULATION, size=tasks)
        chosen = [after[index] for index in rng.integers(len(after), size=seeds)]
        first = [play(rng, before[ranks], SAMPLES[-1]) for _ in chosen]
        last = [play(rng, chances[ranks], SAMPLES[-1]) for chances in chosen]
        values = [means_of(new) - means_of(old) for old, new in zip(first, last, strict=True)]
        yield difference_over_seeds(first, last), np.mean(values, axis=0)


def cover_seeds(change: Change, tasks: int, seeds: int, repetitions: int) -> Iterator[Coverage]:
    """The mean difference over several seeds, which end at rates that differ or do not."""
    for (name, alike), deviation in product(list(ALIKE.items())[1:3], DEVIATIONS):
        rates = np.full(MANY_SEEDS, change[1])
        if deviation:
            rng = np.random.default_rng(seeds)
            rates = np.clip(rng.gamma(deviation**-2, change[1] * deviation**2, MANY_SEEDS), 0.001, 0.99)
        before, after = chances_of(change[0], alike), [chances_of(float(rate), alike) for rate in rates]
        truth = float(np.mean([chances.mean() for chances in after]) - before.mean())
        draws = draw_over_seeds(before, after, tasks, seeds)
        yield repeat(f"{name}, seeds differ by {deviation:.0%}", truth, draws, repetitions)


def write_line(heads: Sequence[object], found: Iterable[Coverage]) -> str:
    """A line of a table: the least covered population, means over all, the bootstrap's least."""
    each = list(found)
    worst = min(each, key=lambda one: one.covered)
    cells = [
        *map(str, heads),
        f"{100 * worst.covered:.1f} ({worst.case})",
        f"{100 * np.mean([one.covered for one in each]):.1f}",
        f"{100 * np.mean([one.width for one in each]):.1f}",
        f"{100 * min(one.bootstrap for one in each):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def print_table(heads: Sequence[str], lines: Iterable[str]) -> None:
    """Each line as soon as it is known."""
    cells = [*heads, "least covered, %", "on average, %", "width, points", "bootstrap, least, %"]
    click.echo(f"\n| {' | '.join(cells)} |\n|{'---|' * len(cells)}")
    for one in lines:
        click.echo(one)


def show_change(change: Change) -> str:
    return f"{100 * change[0]:.0f} -> {100 * change[1]:.0f}"


@click.command(help=__doc__)
@click.option("--repetitions", default=1000, show_default=True, help="Of each population.")
def main(repetitions: int) -> None:
    print_table(
        ["tasks", "rate, %"],
        (
            write_line([tasks, f"{100 * rate:.0f}"], cover_score(rate, tasks, repetitions))
            for tasks, rate in product(TASKS, RATES)
        ),
    )
    print_table(
        ["tasks", "change, %"],
        (
            write_line([tasks, show_change(change)], cover_difference(change, tasks, repetitions))
            for tasks, change in product(TASKS, CHANGES)
        ),
    )
    print_table(
        ["seeds", "tasks", "change, %"],
        (
            write_line([seeds, tasks, show_change(change)], cover_seeds(change, tasks, seeds, repetitions))
            for seeds, tasks, change in product(SEEDS, TASKS[1:], CHANGES)
        ),
    )


if __name__ == "__main__":
    main()
