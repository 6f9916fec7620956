"""Tools out of typed Python functions: what a model is told of them, and how they are called."""
