"""The options of the engine ``ray``; light, so that a manifest is validated without Ray."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RayConfig(BaseModel):
    """What stands below an option is its documentation."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    address: str | None = Field(None, pattern=r"^(auto|local|[\w.-]+:\d+|ray://[\w.-]+:\d+)$")
    """The cluster: auto finds the one that this machine belongs to, host:port names its head, ray://host:port
    a client server. Without it, or with local, Ray is started on this machine for the run alone."""
    workers: int | None = Field(None, ge=1, le=100_000)
    """Workers in the whole cluster, at most; each has an environment and a sandbox of its own. Without it one
    for each ``cpus`` that the cluster has, counted when the run begins."""
    cpus: float = Field(1.0, gt=0, le=1_000)
    """CPUs that Ray sets aside for one worker. An autoscaling cluster grows by what is asked for."""
    resources: dict[str, float] = Field(default_factory=dict)
    """Custom resources that a node must have for a worker to live there, such as {"rollout": 1}."""
    patience: float = Field(300.0, gt=0, le=86_400)
    """Seconds that a worker may take until it is ready, the growth of the cluster included."""
