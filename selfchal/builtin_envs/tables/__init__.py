"""A relational world: tables loaded once a process, tool calls on a copy-on-write overlay, digests by row."""
