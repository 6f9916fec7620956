"""Tools out of typed Python functions: what a model is told of them, and how a call's arguments reach them."""
