"""A plain subprocess for code that is trusted already: no sandbox, and it says so."""
