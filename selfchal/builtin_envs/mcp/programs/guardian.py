"""Waits until the process that started it is gone, ends its servers, and removes their folder.

guardian.py FOLDER. Below FOLDER each server has a folder with a file ``pid``; a server leads a session of
its own, so the whole group ends with it.
"""

import os
import shutil
import signal
import sys
import time

ATTEMPTS = 50  # a server that is just being started or killed may write once more
PAUSE_SECONDS = 0.1


def end_group(pid: int) -> None:
    """Kill the session of this leader, if it still is one and is ours to kill."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def end_servers(folder: str) -> None:
    """End the group of every server that has a process id here."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name, "pid")
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                text = file.read()
            if text.isdigit():
                end_group(int(text))


if __name__ == "__main__":
    folder = sys.argv[1]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        continue
    for _ in range(ATTEMPTS):
        if not os.path.isdir(folder):
            break
        end_servers(folder)
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(PAUSE_SECONDS)
