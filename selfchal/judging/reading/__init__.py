"""Reads what people write: numbers, times, names and truths in words, and with a model what words alone leave
open."""
