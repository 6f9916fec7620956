"""Episodes that could not be judged: how many of a score, why, and when they are too many to rely on it.

An episode is not judged where the sandbox, the machine or an endpoint failed and nothing that the agent did
can be the cause. Such a failure says nothing about the agent, and a score without its episodes may.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from selfchal.core.world import Json
from selfchal.pipeline.evaluation import Score

BOUND = 0.01  # the share of a score's episodes above which they are too many ...
LEAST = 5  # ... if they are at least as many as this
_CAUSE_CHARACTERS = 300


def describe_unjudged(scores: Sequence[Score]) -> dict[str, Json]:
    """What results say of them: number, share, the commonest cause, and whether they are too many."""
    episodes = sum(score.episodes for score in scores)
    count = sum(score.unjudged for score in scores)
    causes = sum((Counter(score.causes) for score in scores), Counter[str]())
    cause = causes.most_common(1)[0][0] if causes else ""
    return {
        "could_not_judge": count,
        "share_not_judged": count / max(1, episodes),
        "commonest_cause": cause.strip()[:_CAUSE_CHARACTERS],
        "too_many_not_judged": count >= LEAST and count > BOUND * episodes,
    }


def has_too_many_unjudged(results: Mapping[str, Json]) -> bool:
    """Whether the results of a run, or of one measurement, are not to be relied upon."""
    sets = [results, *([results["exam"]] if "exam" in results else [])]
    parts = [part for one in sets for part in (one, one.get("before", {}), one.get("after", {}))]
    return any(part.get("too_many_not_judged", False) for part in parts)
