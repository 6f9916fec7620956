"""Two checks of the judge: one looks at a task by itself, the other compares tasks with each other."""

from collections import Counter

from pydantic import BaseModel, Field

from selfchal import Finding, Stage, hookimpl


class LengthConfig(BaseModel, extra="forbid"):
    words: int = Field(40, description="The most words that an instruction may have.")


class Length:
    """Refuses tasks with a long instruction."""

    name = "length"
    stage = Stage.COMPLETE
    Config = LengthConfig

    def __init__(self, config):
        self.words = config.words

    def check(self, task, runner, evidence):
        count = len(task.instruction.split())
        if count > self.words:
            return Finding.failed(f"the instruction has {count} words", "Say it in fewer words.", words=count)
        return Finding.passed(words=count)


class QuotaConfig(BaseModel, extra="forbid"):
    each: int = Field(10, description="The most tasks that are kept of one context.")


class Quota:
    """Refuses further tasks of a context that has enough of them."""

    name = "quota"
    stage = Stage.NEW
    Config = QuotaConfig

    def __init__(self, config):
        self.each = config.each

    def compare(self, tasks, earlier, held_out):
        kept = Counter(str(task.context) for task in earlier)
        findings = []
        for task in tasks:
            context = str(task.context)
            full = kept[context] >= self.each
            kept[context] += not full
            findings.append(Finding.failed("its context has enough tasks") if full else Finding.passed())
        return findings


@hookimpl
def register_checks():
    return [Length, Quota]
