"""What each tier promises, as data; docs/sandbox.md says what full and partial mean for each word."""

from __future__ import annotations

from selfchal.core.sandbox import GUARANTEES, Guarantees, Level

_NOTES = {
    "A": "own namespaces, Landlock and a seccomp allow-list",
    "B": "Landlock and a seccomp allow-list, no namespaces: names, sizes and dates of host files can be seen",
    "C": "own namespaces and a seccomp allow-list, no Landlock: one wall in front of files",
}
_PARTIAL = {"A": (), "B": ("file_reads",), "C": ("file_reads", "file_writes")}


def guarantees(tier: str, passed_over: list[str], *, watched: bool = True) -> Guarantees:
    """``watched``: whether the page tables of the children can be seen."""
    levels = {name: Level.PARTIAL if name in _PARTIAL[tier] else Level.FULL for name in GUARANTEES}
    notes = [_NOTES[tier], *passed_over]
    if not watched:
        levels["memory"] = Level.PARTIAL
        notes.append("/proc hides other processes here: their page tables can take twice their memory limit")
    return Guarantees("process", tier, levels, "; ".join(notes))


def no_sandbox_here(reason: str) -> str:
    """The message for a machine without an embedded sandbox, with what can be used instead."""
    return (
        f"no safe embedded sandbox on this machine ({reason}); it needs Linux on x86-64 or aarch64 with "
        "seccomp, and Landlock (5.13 or later) or user namespaces. Use sandbox 'docker' (needs a Docker or "
        "Podman socket), 'monty' (agent actions only, a subset of Python), or, for trusted code only, "
        "'unsafe-subprocess' together with SELFCHAL_ALLOW_UNSAFE=1. All of selfchal runs in its container, "
        "which is Linux (docs/install.md)"
    )
