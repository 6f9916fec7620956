"""What an attack is: data that any sandbox can be tried with."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfchal.core.sandbox import Level, Limits, Status

# Tight, so that the whole suite takes less than a minute.
LIMITS = Limits(seconds=1.0, memory=256 * 2**20, stdout=64 * 2**10, value=256 * 2**10, calls=50)
ANY = frozenset(Status) - {Status.INFRA_ERROR}


@dataclass(frozen=True)
class Attack:
    """Source that defines ``attack(host)`` and returns None, or in words what it got through with.

    ``host`` is a dictionary of what the attacker may know (``traps.Traps.target``): process ids, ports,
    paths. The attack is stopped when its status is in ``stopped_by``, an ok one returned None, no trap on
    the host has sprung, and it was over in time. ``guarantee`` is the word of ``GUARANTEES`` it tries, and
    only a sandbox that claims at least ``needs`` for it is tried. ``first`` runs before, in an execution of
    its own. With ``then`` the attack runs in a session, ``then`` in the same one a second later, and what
    that answers decides. A ``blind`` one is told nothing of the host, and must not find out where selfchal is
    installed. ``host_memory`` is by how many bytes the host may grow meanwhile.
    """

    name: str
    kind: str
    guarantee: str
    must: str  # what must happen, for the table
    source: str
    stopped_by: frozenset[Status] = ANY
    needs: Level = Level.PARTIAL
    first: str | None = None
    limits: Limits = field(default=LIMITS)
    then: str | None = None
    blind: bool = False
    host_memory: int | None = None
