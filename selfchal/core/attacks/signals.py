"""Code that signals other processes, the host first."""

from __future__ import annotations

from selfchal.core.attacks.attack import Attack
from selfchal.core.attacks.source import caught, system_call

_SOURCES = {
    "killing a process of the host": """
import os
os.kill(host['victim'], 9)
""",
    "asking for a process of the host": """
import os
os.kill(host['victim'], 0)
if host['victim'] not in (1, os.getpid()):
    return 'it answered'
""",
    "killing the group of the host": """
import os
os.killpg(host['victim'], 9)
""",
    "killing the parent": """
import os
os.kill(os.getppid(), 9)
return 'sent'
""",
    "killing everybody": """
import os
os.kill(-1, 9)
return 'sent'
""",
    "stopping everybody": """
import os
os.kill(-1, 19)
return 'sent'
""",
    "tracing a process of the host": """
import ctypes
if ctypes.CDLL(None).ptrace(16, host['victim'], None, None) == 0:
    return 'attached'
""",
    "limits of a process of the host": """
import resource
resource.prlimit(host['victim'], resource.RLIMIT_CPU, (1, 1))
return 'set'
""",
    "leaving its session": """
import os
os.setsid()
return 'left'
""",
}

ATTACKS = [
    Attack(name, "signals", "processes", "refused, and the host's processes live", caught(body))
    for name, body in _SOURCES.items()
] + [
    Attack(
        "a signal by thread",
        "signals",
        "processes",
        "refused",
        system_call(234, 131, "host['victim'], host['victim'], 9"),
    ),
    Attack(
        "a queued signal", "signals", "processes", "refused", system_call(129, 138, "host['victim'], 9, None")
    ),
]
