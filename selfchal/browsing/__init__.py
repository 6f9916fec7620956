"""Finds things in runs, large or under way: episodes by what they are and what was said, runs side by side.

Stands on the store alone. An index beside a run's store makes every question fast; it is made from the
store, follows it while the run goes on, and can be thrown away.
"""
