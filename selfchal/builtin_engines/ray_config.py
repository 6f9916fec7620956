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
    for each ``cpus`` that the cluster has, those of nodes that join later too."""
    cpus: float = Field(1.0, gt=0, le=1_000)
    """CPUs that Ray sets aside for one worker. An autoscaling cluster grows by what is asked for."""
    resources: dict[str, float] = Field(default_factory=dict)
    """Custom resources that a node must have for a worker to live there, such as {"rollout": 1}."""
    servers: bool = False
    """Start the servers of a model ``vllm`` on the cluster's GPUs instead of on this machine: ``replicas`` of
    them, with ``tensor_parallel`` GPUs each."""
    ranks: int = Field(1, ge=1, le=4_096)
    """Processes that train together, as torchrun would start them: the first on this machine, which makes the
    run, the others where the cluster has room for them. Where one is lost all begin again from the last
    checkpoint."""
    rank_gpus: float = Field(1.0, ge=0, le=1)
    """GPUs of one rank; 0 where training runs on CPUs."""
    patience: float = Field(300.0, gt=0, le=86_400)
    """Seconds that a worker, a server or a rank may wait for a node, the growth of the cluster included."""
