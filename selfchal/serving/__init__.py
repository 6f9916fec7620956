"""Environments for programs that are not selfchal: a session of calls, over MCP and as a command."""
