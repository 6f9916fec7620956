"""The judge and its checks: a task in, a verdict with its reason out, by running the task's code."""

from selfchal.core.judge import STAGES
from selfchal.core.judging.judge import Judge
from selfchal.core.judging.processes import JudgeProcesses, Recipe, enough_processes
from selfchal.core.judging.rows import judge_rows

__all__ = ["STAGES", "Judge", "JudgeProcesses", "Recipe", "enough_processes", "judge_rows"]
