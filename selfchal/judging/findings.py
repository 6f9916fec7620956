"""What a check found, looked at before it is believed: a check may be anybody's."""

from __future__ import annotations

import json
from typing import Any

from selfchal.core.judge import Finding


def expect_finding(given: Any) -> Finding:
    """Raise TypeError for what is no finding, or one whose diagnostics cannot be stored as JSON."""
    if not isinstance(given, Finding):
        raise TypeError(f"it gave {given!r:.200}, which is no Finding")
    try:
        json.dumps(dict(given.diagnostics), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the diagnostics of its finding are no JSON: {error}") from error
    return given
