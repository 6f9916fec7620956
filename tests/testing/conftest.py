"""The attack suite is tried on the same sandboxes as the sandboxes' own tests."""

from __future__ import annotations

from tests.sandbox.conftest import sandboxes

__all__ = ["sandboxes"]
