"""What becomes of a model's proposals, by options of the challenger: how many are kept, and why others fall.

    python scripts/serve_gguf.py FILE.gguf       # prints a `model:` section, which goes into model.yaml
    python benchmarks/challenger.py model.yaml --proposals 24 --environments calculation retail
    python benchmarks/challenger.py model.yaml --variants shown '{prompt: shown, revisions: 3}' --json

model.yaml is a manifest, of which `model:` is needed; `challenger`, `rollout`, `limits`, `checks`,
`sandbox`, `plugins` and `run` are taken too, and its `environment:` where --environments is `own`. A
variant is a name below or options of the synthesizer `code_as_task`, so whatever wins can be set in any
manifest. Every check of the judge is on. Proposals are stored below --out as they come, `rollout.batch` at
a time; the same command goes on where it was stopped, also with more proposals.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

import selfchal
from selfchal.core.errors import ManifestError, SelfchalError
from selfchal.core.synthesizer import Proposal
from selfchal.core.world import Json
from selfchal.pipeline.challenge import challenge
from selfchal.pipeline.loop import time_stage
from selfchal.pipeline.manifest import read_manifest
from selfchal.pipeline.statistics import estimate

OWN = "own"  # the environment that the manifest names
ENVIRONMENTS = ("calculation", "web_browsing", "retail", "airline", OWN)
BASE: Mapping[str, Json] = {"exploration_steps": 4, "revisions": 1}  # where a variant says nothing else
VARIANTS: Mapping[str, Mapping[str, Json]] = {
    "described": {"prompt": "described"},
    "shown": {"prompt": "shown"},
    "suggested": {"prompt": "shown", "suggested_tools": 2},
    "completed": {"prompt": "shown", "suggested_tools": 2, "complete_drafts": True},
    "written": {
        "prompt": "shown",
        "suggested_tools": 2,
        "write_checks": True,
        "exploration_steps": 1,
        "revisions": 0,
    },
    "unexplored": {"prompt": "shown", "suggested_tools": 2, "exploration": False},
    "unrevised": {"prompt": "shown", "suggested_tools": 2, "revisions": 0},
}
ROLLOUT: Mapping[str, Json] = {"batch": 4, "temperature": 0.7, "lockstep": False}
TAKEN = ("model", "challenger", "rollout", "limits", "checks", "run", "sandbox", "plugins")
MANY = 100_000  # proposals that a run of a variant may come to; --proposals says how many now
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST_REASON = 90


@dataclass(frozen=True)
class Funnel:
    """What became of the proposals of one variant in one environment."""

    environment: str
    variant: str
    options: Mapping[str, Json]
    proposals: int
    kept: int
    share: float
    interval: tuple[float, float]
    chained: int  # kept tasks whose solution uses two tools or more
    revised: int  # kept after a revision
    falls: Mapping[str, int] = field(default_factory=dict)  # by the stage that was not reached, and its check
    reasons: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0  # sampled
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--variants", nargs="+", default=["described", "shown", "suggested"])
    parser.add_argument("--environments", nargs="+", default=["calculation"], choices=ENVIRONMENTS)
    parser.add_argument("--proposals", type=int, default=24, help="of each variant in each environment")
    parser.add_argument("--out", type=Path, default=Path("runs/challenger"))
    parser.add_argument("--json", action="store_true", help="one JSON object a variant and environment")
    options = parser.parse_args(arguments)
    try:
        given = read_manifest(options.manifest, [])
        variants = {text: read_variant(text) for text in options.variants}
        for environment in options.environments:
            funnels = [
                measure(given, environment, name, chosen, options.proposals, options.out)
                for name, chosen in variants.items()
            ]
            print(write_json(funnels) if options.json else write_table(funnels), flush=True)
    except SelfchalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


def read_variant(text: str) -> dict[str, Json]:
    """Options of the synthesizer by the name of a variant, or as they are written. Raises ManifestError."""
    if text.startswith("{"):
        return {**BASE, **yaml.safe_load(text)}
    if text not in VARIANTS:
        names = ", ".join(VARIANTS)
        cure = f"write one of {names}, or options as {{prompt: shown}}"
        raise ManifestError(f"there is no variant {text!r}; {cure}")
    return {**BASE, **VARIANTS[text]}


def measure(
    given: Mapping[str, Any],
    environment: str,
    variant: str,
    options: Mapping[str, Json],
    proposals: int,
    out: Path,
) -> Funnel:
    """Make as many proposals as are not stored yet, and count what became of them all."""
    sections = {name: given[name] for name in TAKEN if name in given}
    manifest = sections | {
        "environment": choose_environment(given, environment),
        "synthesizer": {"name": "code_as_task", **options},
        "challenge": {"tasks": MANY, "proposals": MANY},
        "rollout": {**ROLLOUT, **given.get("rollout", {})},
    }
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True, default=str).encode()).hexdigest()[:8]
    label = re.sub(r"\W+", "_", variant).strip("_")[:40]
    with selfchal.open_context(manifest, out / environment / f"{label}-{digest}") as context:
        settings = context.manifest.settings
        section = settings.challenge.model_copy(update={"proposals": proposals})
        settings = settings.model_copy(update={"challenge": section})
        with time_stage(context, "challenge 1"):
            made = challenge(replace(context, manifest=replace(context.manifest, settings=settings)), 1)
        seconds = context.store.fact("seconds")["challenge 1"]
        spent = context.ledger.total("challenge")
    return replace(
        count(made[:proposals], environment, variant, options),
        tokens=spent.sampled,
        seconds=round(seconds, 1),
    )


def choose_environment(given: Mapping[str, Any], environment: str) -> Mapping[str, Any]:
    """The manifest's section. Raises ManifestError."""
    if environment != OWN:
        return {"name": environment}
    if "environment" not in given:
        raise ManifestError(f"--environments {OWN} needs a section environment: in the manifest")
    section: Mapping[str, Any] = given["environment"]
    return section


def count(
    proposals: Sequence[Proposal], environment: str, variant: str, options: Mapping[str, Json]
) -> Funnel:
    """The funnel of these proposals; the share kept has its 95 % interval."""
    kept = [p for p in proposals if p.verdict.passed]
    share = estimate({str(p.index): [float(p.verdict.passed)] for p in proposals})
    fallen = [p for p in proposals if not p.verdict.passed]
    falls = Counter(name_fall(p) for p in fallen)
    reasons = Counter(generalise(p.verdict.reason) for p in fallen)
    return Funnel(
        environment,
        variant,
        options,
        len(proposals),
        len(kept),
        share.mean,
        (share.low, share.high),
        sum(len(list_tools(p)) > 1 for p in kept),
        sum(p.revisions > 0 for p in kept),
        dict(falls.most_common()),
        dict(reasons.most_common()),
    )


def name_fall(proposal: Proposal) -> str:
    verdict = proposal.verdict
    return f"{verdict.stage} ({verdict.check})" if verdict.check else str(verdict.stage)


def generalise(reason: str) -> str:
    """The reason without what is this task's own, so that equal falls are counted together."""
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason"
    return _NUMBER.sub("N", _QUOTED.sub("…", first))[:_LONGEST_REASON]


def list_tools(proposal: Proposal) -> list[str]:
    """The tools that the solution called."""
    return [use for use in proposal.verdict.diagnostics.get("uses", []) if "." not in use]


def write_json(funnels: Sequence[Funnel]) -> str:
    return "\n".join(json.dumps(vars(funnel), ensure_ascii=False) for funnel in funnels)


def write_table(funnels: Sequence[Funnel]) -> str:
    """A table of the variants in one environment, and under it the most frequent reasons."""
    stages = list(dict.fromkeys(stage for funnel in funnels for stage in funnel.falls))
    head = ["variant", "proposals", "kept", "95 %", "two tools", "revised"]
    head += [*(f"not {stage}" for stage in stages), "tokens", "seconds"]
    rows = [f"**{funnels[0].environment}**", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for funnel in funnels:
        low, high = funnel.interval
        cells = [
            funnel.variant,
            funnel.proposals,
            f"{funnel.kept} ({funnel.share:.1%})",
            f"{low:.1%} to {high:.1%}",
        ]
        cells += [funnel.chained, funnel.revised, *(funnel.falls.get(stage, 0) for stage in stages)]
        rows.append(f"| {' | '.join(map(str, [*cells, funnel.tokens, round(funnel.seconds)]))} |")
    for funnel in funnels:
        rows += ["", f"{funnel.variant}:", *(f"- {n} times: {why}" for why, n in funnel.reasons.items())]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
