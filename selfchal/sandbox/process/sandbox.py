"""``sandbox: {name: process}``: the default. See docs/sandbox.md for what each tier promises."""

from __future__ import annotations

import contextlib
import platform
import sys
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Level
from selfchal.sandbox.channel_sandbox import ChannelSandbox, cores
from selfchal.sandbox.process import guarantees as guarantees_of_tier
from selfchal.sandbox.process.pool import Pool
from selfchal.sandbox.protocol import InfrastructureError
from selfchal.sandbox.runner.forked import Child
from selfchal.sandbox.runner.spawn import ZygoteError, ZygoteSettings

TIERS = ("A", "B", "C")


class ProcessConfig(BaseModel):
    """Options of the process sandbox; every one may be left out."""

    model_config = ConfigDict(extra="forbid")

    require: Level = Field(Level.PARTIAL, description="refuse to run when any guarantee is below this level")
    tier: Literal["auto", "A", "B", "C"] = Field(
        "auto", description="which walls; auto takes the best this machine gives"
    )
    parallel: int = Field(
        0, ge=0, le=10_000, description="executions that run at the same time; 0: two for each core"
    )
    clock: float | None = Field(
        None,
        ge=0,
        lt=2**33,
        description="what time the code reads, in seconds since 1970 UTC; none: the real one",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="seed of the random module in each process; none: a fresh one",
    )


class ProcessSandbox(ChannelSandbox):
    """Processes behind namespaces, Landlock, seccomp and limits. On Linux, without containers."""

    name: ClassVar[str] = "process"
    Config: ClassVar[type[BaseModel]] = ProcessConfig
    same_python: ClassVar[bool] = True

    def __init__(self, config: ProcessConfig) -> None:
        """Start the zygote and let canary attacks loose in a real child.

        Raises SandboxUnavailableError where no tier can be had, a canary gets through, or ``require`` is
        not met.
        """
        super().__init__(config.parallel or 2 * cores())
        self._config = config
        self._pools: dict[int, Pool] = {}
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._tier, self._pools[0], passed_over = self._find_best_tier()
            self.guarantees = guarantees_of_tier.guarantees(
                self._tier, passed_over, watched=self._can_be_watched()
            )
            self._prove(config.require, "sandbox 'docker'")
            undo.pop_all()

    def _find_best_tier(self) -> tuple[str, Pool, list[str]]:
        """The tier, its first interpreter, and why better tiers were passed over."""
        if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
            raise SandboxUnavailableError(
                guarantees_of_tier.no_sandbox_here(f"{platform.system()} on {platform.machine()}")
            )
        reasons: list[str] = []
        for tier in TIERS if self._config.tier == "auto" else (self._config.tier,):
            try:
                return tier, self._start(tier, hash_seed=0), reasons
            except ZygoteError as error:
                reasons.append(f"tier {tier}: {error}")
        raise SandboxUnavailableError(guarantees_of_tier.no_sandbox_here("; ".join(reasons)))

    def _can_be_watched(self) -> bool:
        try:
            return self._pools[0].can_be_watched()
        except InfrastructureError as error:
            raise SandboxUnavailableError(f"the sandbox does not start: {error}") from error

    def _start(self, tier: str, hash_seed: int) -> Pool:
        settings = ZygoteSettings(tier, hash_seed, self._config.clock, self._config.seed)
        return Pool(settings, spares=2 * cores())

    def _take(self, hash_seed: int) -> Child:
        return self._get_pool(hash_seed).take()

    def _get_pool(self, hash_seed: int) -> Pool:
        """The interpreter with this hash seed; others than the first start when they are first asked for."""
        pool = self._pools.get(hash_seed)
        if pool is not None:
            return pool
        with self._lock:
            if self._closed:
                raise InfrastructureError("the sandbox is closed")
            if hash_seed not in self._pools:
                try:
                    self._pools[hash_seed] = self._start(self._tier, hash_seed)
                except ZygoteError as error:
                    raise InfrastructureError(str(error)) from error
            return self._pools[hash_seed]

    def _end(self) -> None:
        for pool in self._pools.values():
            pool.close()
