"""Tasks in other programs' formats. A format is a file; what all of them share stands in ``portable``."""
