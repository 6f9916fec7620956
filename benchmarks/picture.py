"""Draws a stored run as one SVG picture: every way to use the model before and after, and the learning curve.

Used by write_results.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from selfchal.core.world import Json
from selfchal.pipeline.test_sets import count_tasks, list_measured
from selfchal.report.charts import CURVE_HEIGHT, CURVE_WIDTH, Bar, Curve, curves_of, score_bars

WIDTH, ROW, LABELS, BARS = 900, 30, 255, 260
RIGHT = LABELS + BARS + 110
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1b1f24 } .dim { fill: #5b6470; font-size: 12px }
.head { font-weight: 600 } .before { fill: #8a94a3 } .after { fill: #0b7a5e } .none { fill: #c3c9d1 }
.track { fill: #f0f2f4 } .line { stroke: #1b1f24 } .raw { fill: none; stroke: #c3c9d1 }
.smooth { fill: none; stroke: #0b7a5e; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) { text { fill: #e7eaee } .dim { fill: #9aa4b2 } .after { fill: #3fc79e }
.track { fill: #1d2127 } .line { stroke: #e7eaee } .smooth { stroke: #3fc79e } .none, .raw { fill: #4a525e }
.raw { fill: none; stroke: #4a525e } }
"""


def draw(results: Mapping[str, Json], rewards: Mapping[str, Sequence[float]]) -> str:
    """The whole SVG, of a run's results and of the reward of each update by stage of training."""
    ((name, part),) = list_measured(results)
    bars = score_bars(part)
    height = 70 + ROW * len(bars)
    title = f"{count_tasks(name, results)} {name}, share solved (95 % intervals)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -6 {WIDTH + 20} {height + 6}" role="img" '
        f'aria-label="Before and after training, and the reward over updates">',
        f"<style>{STYLE}</style>",
        f'<text class="head" x="0" y="20">{escape(title)}</text>',
        *(line for i, bar in enumerate(bars) for line in _bar(bar, 44 + ROW * i)),
        *_draw_rewards(rewards, height),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _bar(bar: Bar, y: int) -> Iterator[str]:
    middle = y + ROW / 2 - 5
    yield f'<text x="0" y="{middle + 5}">{escape(bar.label)}</text>'
    yield f'<rect class="track" x="{LABELS}" y="{y}" width="{BARS}" height="{ROW - 10}" rx="3"/>'
    width = max(bar.value * BARS, 0)
    yield f'<rect class="{bar.kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{ROW - 10}" rx="3"/>'
    if bar.low is not None and bar.high is not None:
        low, high = LABELS + bar.low * BARS, LABELS + bar.high * BARS
        path = f"M{low:.1f},{middle} H{high:.1f} M{low:.1f},{middle - 5} v10 M{high:.1f},{middle - 5} v10"
        yield f'<path class="line" fill="none" d="{path}"/>'
    yield f'<text x="{LABELS + BARS + 8}" y="{middle + 5}">{100 * bar.value:.1f} %</text>'


def _draw_rewards(rewards: Mapping[str, Sequence[float]], height: int) -> Iterator[str]:
    """The training reward of every round, one below the other."""
    found = [(stage, curve) for stage, values in rewards.items() for curve in curves_of({"reward": values})]
    space = (height - 40) / max(len(found), 1)
    for number, (stage, curve) in enumerate(found):
        yield from _draw_curve(stage, curve, 20 + number * space, space - 50)


def _draw_curve(stage: str, curve: Curve, y: float, height: float) -> Iterator[str]:
    scale = (
        f"translate({RIGHT} {y + 14}) scale({(WIDTH - RIGHT) / CURVE_WIDTH:.4f} {height / CURVE_HEIGHT:.4f})"
    )
    yield f'<text class="head" x="{RIGHT}" y="{y}">{escape(stage)}: reward of its rollouts</text>'
    yield f'<g transform="{scale}">'
    for name in ("raw", "smooth"):
        yield f'<path class="{name}" vector-effect="non-scaling-stroke" d="{getattr(curve, name)}"/>'
    yield "</g>"
    ends = f"{curve.first:.2f} at first, {curve.last:.2f} after {curve.updates} updates"
    yield f'<text class="dim" x="{RIGHT}" y="{y + height + 32}">{ends}</text>'
