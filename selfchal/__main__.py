"""``python -m selfchal``: the same as the program ``selfchal``."""

from selfchal.cli.main import main

main()
