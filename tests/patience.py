"""How long tests wait for what takes milliseconds.

A machine that runs other tests beside takes many times as long as a free one. What hangs, or grows with the square
of its input, takes far longer than this on either, so that a test which must not fall by chance still tells.
"""

SOON = 20.0  # seconds
