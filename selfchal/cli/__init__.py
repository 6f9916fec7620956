"""The command line: parses, then calls core; a file a command group."""
