"""The judge and its checks: a task in, a verdict with its reason out, by running the task's code."""

from selfchal.core.judge import STAGES
from selfchal.judging.judge import Judge
from selfchal.judging.processes import JudgeProcesses, JudgeSpec, enough_processes
from selfchal.judging.rows import format_verdict, judge_each

__all__ = [
    "STAGES",
    "Judge",
    "JudgeProcesses",
    "JudgeSpec",
    "enough_processes",
    "format_verdict",
    "judge_each",
]
