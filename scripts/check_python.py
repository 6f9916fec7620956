"""Says in a sentence that this Python is too old, before pip says it in a page. Runs on any Python 3."""

# ruff: noqa: UP036, UP031
# It must say its sentence on the very Pythons that are too old for this project.

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "selfchal needs Python 3.11 or newer and this is %d.%d; try: make PYTHON=python3.12 …"
        % sys.version_info[:2]
    )
