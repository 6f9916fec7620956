"""What a challenger is told of code that went wrong: the broken rule, the error, what tools refused.

A traceback alone does not help a small model. "string indices must be integers" comes of a tool that refused
a call with a text, and of code that read a field of that text. What has to be mended is the call. So the
calls that were refused are listed with their arguments, and one sentence says what rule the code broke.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.evidence import Trial
from selfchal.core.sandbox import Execution, Status
from selfchal.core.world import Call, Change, Json

_TRACEBACK = 1_500  # characters of an error that go back to the challenger
_MOST_CALLS = 3
_MOST_CHANGES = 8
_LONGEST_VALUE = 200  # characters of what a tool was given or answered

RUNS_ALONE = "Each piece of code runs alone: it sees no variable of another piece or of an action."
FAILURE_RUNS = "A failure case runs without an error, and is wrong in what it does."
EVALUATE_DECIDES = "evaluate gives True or False after every piece of code, whatever that did."
NO_NAMES = ("NameError", "UnboundLocalError")


def explain_error(what: str, execution: Execution) -> str:
    """What is said of code that did not run: ``what`` it is, as "the solution"."""
    rule = FAILURE_RUNS if what.startswith("failure case") else ""
    return _join(
        _find_rule(execution, rule), f"{what} failed:", format_error(execution), describe_refused(execution)
    )


def explain_evaluation_error(what: str, evaluation: Execution) -> str:
    """What is said where ``evaluate`` raised after this piece of code."""
    rule = _find_rule(evaluation, EVALUATE_DECIDES)
    return _join(
        rule, f"evaluate failed after {what}:", format_error(evaluation), describe_refused(evaluation)
    )


def explain_refusal(solution: Trial) -> str:
    """What is said where the solution ran and ``evaluate`` said False: what it gave, changed, was refused."""
    value, evaluation = solution.execution.value, solution.evaluation
    asserted = format_error(evaluation) if evaluation and evaluation.error else ""
    result = "" if value is None else f"Its result was {_cut(value)}. "
    return _join(
        f"The example solution ran, but evaluate then returned False. {result}Make the two agree.",
        "" if value is not None else _describe_changes(solution.world.difference()),
        describe_refused(solution.execution),
        describe_refused(evaluation) if evaluation else "",
        asserted,
    )


def _find_rule(execution: Execution, otherwise: str) -> str:
    lines = (execution.error or "").strip().splitlines()
    return RUNS_ALONE if lines and lines[-1].startswith(NO_NAMES) else otherwise


def describe_refused(execution: Execution) -> str:
    """The last calls that a tool refused, with arguments and answers; empty where there was none."""
    refused = list(dict.fromkeys(_describe_call(call) for call in execution.calls if not call.ok))
    return "\n".join(["A tool refused this:", *refused[-_MOST_CALLS:]]) if refused else ""


def _describe_call(call: Call) -> str:
    given = [*map(_cut, call.args), *(f"{name}={_cut(value)}" for name, value in call.kwargs.items())]
    return f"{call.name}({', '.join(given)}) answered {_cut(call.value)}"


def _describe_changes(changes: Sequence[Change]) -> str:
    if not changes:
        return "It changed nothing."
    lines = [
        f"{'/'.join(map(str, change.path))}: {_cut(change.before)} became {_cut(change.after)}"
        for change in changes[:_MOST_CHANGES]
    ]
    more = [f"and {len(changes) - _MOST_CHANGES} more"] if len(changes) > _MOST_CHANGES else []
    return "\n".join(["It changed this:", *lines, *more])


def format_error(execution: Execution) -> str:
    """The traceback's end, or how the execution was stopped."""
    error = (execution.error or f"stopped: {execution.status}").strip()
    return error if len(error) <= _TRACEBACK else f"...{error[-_TRACEBACK:]}"


def brief(execution: Execution) -> str:
    """Status and the last line of the error."""
    lines = (execution.error or "").strip().splitlines()
    last = lines[-1][:300] if lines else ""
    return last if execution.status is Status.EXCEPTION and last else f"{execution.status} {last}".strip()


def _cut(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _join(*parts: str) -> str:
    return "\n".join(filter(None, parts))
