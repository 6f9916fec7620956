"""Code that signals other processes, the host first.

Real signals go to the suite's own victim only; what is asked about others changes nothing there.
"""

from __future__ import annotations

from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught, system_call

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
    "asking for the parent": "import os\nos.kill(os.getppid(), 0)\nreturn 'it can be signalled'",
    "asking for everybody": "import os\nos.kill(-1, 0)\nreturn 'somebody can be signalled'",
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
