"""Environments that somebody else's program runs: OpenEnv servers, verifiers packages, Harbor
tasks, domains of tau2-bench.

Each is one ``Server`` of ``builtin_envs.mcp`` behind a connection of its own contract: it lists tools,
answers calls, begins an episode (``RESET``) and says what an episode is worth (``GRADE``). A world is the
calls that were made in it, and is brought back by making them again in a new session.
"""
