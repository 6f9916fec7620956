"""The code that runs inside the sandbox, beside the code of a task that it runs there many times.

Nothing imports these modules in the sandbox. ``selfchal.judging.guest_program`` makes one text of them, which
the sandbox runs like any other program. So they keep to a few rules, which
``tests/judging/test_guest_program.py`` checks:

- They import from the standard library and from each other. What they take from ``typing``, ``types`` and
  ``collections.abc`` stands in annotations alone, for those are left out of the text.
- No two of them use the same name at the top, since all of it lands in one namespace.
- They stand on small modules that a sandbox process has loaded anyway: each execution pays for an import.

Task code runs in namespaces of its own, so it sees none of these names. What it does get from here (the calls
that were written into its source) has an underscore in front.
"""
