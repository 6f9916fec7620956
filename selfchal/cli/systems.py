"""What selfchal can do on each operating system, and what to do where it cannot, for ``selfchal doctor``.

Only Linux is tested. What is said of the others follows from what selfchal uses of the system.
"""

from __future__ import annotations

_CONTAINER = (
    "All of selfchal works in its container, which is Linux: docker build -f Containerfile -t selfchal . "
    "(docs/install.md)."
)
_LINUX = ("Everything can work here.",)
_MACOS = (
    "Tasks are made and judged with sandbox docker (Docker Desktop, Podman or Colima). Sandbox process needs "
    "Linux.",
    "Agents act, and models are measured, also with sandbox monty: pip install 'selfchal[monty]'. It runs a "
    "subset of Python, in which the check strength cannot be made.",
    "Models: openai, and transformers on the CPU. vllm needs Linux. Trainers: all, on the CPU; for larger "
    "models train on Linux with a GPU.",
    _CONTAINER,
    "macOS is not tested.",
)
_WINDOWS = (
    "A run cannot be made on Windows itself, and no task judged: both need what only Unix has.",
    "Use WSL 2 (wsl --install), which is Linux, and install selfchal in it: everything can work there.",
    _CONTAINER,
    "Windows is not tested.",
)
_OTHER = ("This system is not known to selfchal.", _CONTAINER)


def describe_system(platform: str) -> tuple[str, ...]:
    """Sentences for ``sys.platform``: what works, with what, and what to do about the rest."""
    known = {"linux": _LINUX, "darwin": _MACOS, "win32": _WINDOWS}
    return known.get(platform, _OTHER)
