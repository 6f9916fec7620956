"""Code that makes processes, threads, or becomes another program."""

from __future__ import annotations

from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.source import caught, system_call

_SOURCES = {
    "fork": """
import os
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
return 'forked'
""",
    "a fork bomb": """
import os
made = 0
for _ in range(50):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    made += 1
return f'forked {made} times'
""",
    "a daemon that outlives the answer": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(30)
    os._exit(0)
return 'left a daemon'
""",
    "a thread": """
import threading
t = threading.Thread(target=print)
t.start()
t.join()
return 'started a thread'
""",
    "a thread bomb": """
import _thread, time
for _ in range(200):
    _thread.start_new_thread(time.sleep, (1,))
return 'started threads'
""",
    "a subprocess": """
import subprocess
subprocess.run(['true'])
return 'ran a program'
""",
    "a shell": """
import os
if os.system('true') == 0:
    return 'ran a shell'
""",
    "posix_spawn": """
import os, sys
os.posix_spawn('/bin/sh', ['sh', '-c', 'true'], {})
return 'spawned'
""",
    "exec of a shell": """
import os
os.execv('/bin/sh', ['sh', '-c', 'echo breach'])
""",
    "exec of Python": """
import os, sys
os.execv(sys.executable or '/usr/bin/python3', ['python3', '-c', 'print(1)'])
""",
    "multiprocessing": """
import multiprocessing
multiprocessing.get_context('fork').Process(target=print).start()
return 'started a process'
""",
}

_CALLS: list[tuple[str, int | None, int | None, str]] = [
    ("clone", 56, 220, "17, 0, 0, 0, 0"),
    ("vfork", 58, None, ""),
    ("clone3", 435, 435, "ctypes.create_string_buffer(88), 88"),
    ("execveat", 322, 281, "-1, b'/bin/sh', None, None, 0"),
]

ATTACKS = [
    Attack(name, "processes", "processes", "refused", caught(body)) for name, body in _SOURCES.items()
] + [
    Attack(f"{name} by number", "processes", "processes", "refused", system_call(x86_64, aarch64, arguments))
    for name, x86_64, aarch64, arguments in _CALLS
]
