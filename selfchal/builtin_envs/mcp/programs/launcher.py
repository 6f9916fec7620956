"""Writes its process id into a file and becomes the server: launcher.py PID_FILE COMMAND ARGUMENT …

The process that started it thereby knows whom to watch and to end. A shell would start faster, but many
leave out variables whose names have dots or slashes, as npm's settings have.
"""

import os
import sys

if __name__ == "__main__":
    pid_file, *command = sys.argv[1:]
    with open(pid_file, "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
