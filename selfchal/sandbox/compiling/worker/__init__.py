"""What runs in a compiling process: standard library only, started by a bare interpreter.

The host imports ``messages`` from here too, so that both sides speak alike.
"""
