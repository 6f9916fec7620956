"""How many bytes a GPU needs, by part, worked out from a model's configuration before anything is loaded.

Light: pure functions of numbers, without torch. ``shape`` reads a network's configuration, ``plan`` says what
a model's and a trainer's options mean for memory, ``updating`` and ``sampling`` add up the two moments of a
training, and ``fitting`` finds the smallest change of options that fits a GPU.
"""

from selfchal.memory.plan import ModelPlan, TrainerPlan
from selfchal.memory.shape import NetworkShape, read_shape

__all__ = ["ModelPlan", "NetworkShape", "TrainerPlan", "read_shape"]
