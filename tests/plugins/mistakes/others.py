"""Mistakes in synthesizers, sandboxes, watchers and checks, planted into what ``plugins new`` writes."""

from tests.plugins.mistakes.mistake import Mistake

FINISH = "return SceneResult(cut or End.ANSWER, float(verdict.passed), reason,"
JUDGED = "self._propose(self._context.judge(task), task, text)"
LAST = "if verdict.outcome is not Outcome.FAILED or self._turns >= self._attempts:\n            return None"
START = (
    'return [Message("system", f"{self._world.policy}\\n\\nThe tools:\\n{tools}"), Message("user", asked)]'
)

SYNTHESIZER = {
    "a scene that is None": Mistake("return Scene(request, context, self.attempts)", "Scene(request, context, self.attempts)", "scene"),
    "an async scene": Mistake("    def scene(", "    async def scene(", "Synthesizer.scene is async"),
    "a scene without a name": Mistake('return f"proposal-{self._request.round}-{self._request.index}"', "return None", "a scene's name gave None"),
    "a scene of another environment": Mistake("return self._world.name", "return 'shop'", "a scene says it plays in 'shop'"),
    "a start without messages": Mistake(START, "return []", "start() gave no message"),
    "a start of texts": Mistake(START, "return [asked]", "and not Message"),
    "a start that the system ends": Mistake(START, 'return [Message("user", asked), Message("system", tools)]', "the first messages end with one of 'system'"),
    "an answer that is a text": Mistake('return Message("user", f"{verdict.feedback or verdict.reason}\\nAnswer with the whole object, mended.")', "return verdict.reason", "and not Message"),
    "a scene that never ends": Mistake(LAST, "if verdict.passed:\n            return None", "has not ended"),
    "a model's words that raise": Mistake("except (ValueError, RecursionError) as error", "except KeyError as error", "raised"),
    "the number of the request lost": Mistake("return Proposal(self._request.index, self._request.round,", "return Proposal(0, 0,", "is number (0, 0) of its round"),
    "a proposal that JSON does not hold": Mistake('counts: Mapping[str, int] = {"turns": self._turns}', 'counts: Any = {"turns": {self._turns}}', "JSON"),
    "a reward that is never set": Mistake(FINISH, "return SceneResult(cut or End.ANSWER, None, reason,", "left the reward"),
    "a reward beyond one": Mistake(FINISH, "return SceneResult(cut or End.ANSWER, 10.0, reason,", "set the reward 10.0"),
    "a reward that is a verdict": Mistake(FINISH, "return SceneResult(cut or End.ANSWER, verdict, reason,", "set a reward"),
    "an end that is forgotten": Mistake(FINISH, "return SceneResult(End.ANSWER, float(verdict.passed), reason,", "the end is"),
    "a finish that takes no refusal": Mistake('def finish(self, cut: End | None, refusal: str = "")', "def finish(self, cut: End | None)", "finish"),
    "a result that is not given": Mistake("return SceneResult(", "SceneResult(", "finish() gave None"),
    "a judge that is not asked": Mistake(JUDGED, "self._propose(Verdict(Outcome.PASSED, Stage.KEPT), task, text)", "never asked the judge"),
    "tasks by chance": Mistake("id_ = task_id(self._start,", "import random\n        id_ = task_id({'chance': random.random()},", "gave two proposals"),
    "a prompt by chance": Mistake('asked = "\\n"', 'import random\n        asked = str(random.random()) + "\\n"', "told two ways"),
    "turns counted for all scenes": Mistake("        self._turns += 1\n", "        Scene.count = self._turns = getattr(Scene, 'count', 0) + 1\n", "told two ways"),
    "one scene for all requests": Mistake("return Scene(request, context, self.attempts)", "self.made = getattr(self, 'made', None) or Scene(request, context, self.attempts)\n        return self.made", "beside another scene"),
    "a look at held-out tasks": Mistake("seen = self._world.initial_observation(self._start)", "seen = self._world.test_tasks(self._world.splits()[0])[0].instruction", "held-out"),
}  # fmt: skip

RUN = "return self._record.add(program.source, self._inner.run(program, tools, limits))"
SESSION = "return RecordedSession(self._inner.session(tools, limits), self._record)"
SANDBOX = {
    "guarantees as a method": Mistake("    @property\n    def guarantees(self)", "    def guarantees(self)", "is a method, and it is read as guarantees"),
    "no guarantees": Mistake("    def guarantees(self)", "    def promises(self)", "it has no guarantees"),
    "no guarantee stated": Mistake('return replace(self._inner.guarantees, sandbox="planted")', 'return Guarantees("planted", "none")', "its guarantees do not say"),
    "a level that is none": Mistake('sandbox="planted")', 'sandbox="planted", levels={**self._inner.guarantees.levels, "network": "yes"})', "and no Level"),
    "a guarantee that there is not": Mistake('sandbox="planted")', 'sandbox="planted", levels={**self._inner.guarantees.levels, "gpu": "full"})', "name gpu, which there is not"),
    "a run that gives nothing": Mistake(RUN, RUN[7:], "run() gave None"),
    "a run that gives the value": Mistake(RUN, RUN + ".value", "and not Execution"),
    "an async run": Mistake("    def run(self, program", "    async def run(self, program", "Sandbox.run is async"),
    "stdout lost": Mistake(RUN, "return replace(self._inner.run(program, tools, limits), stdout='')", "stdout was lost"),
    "the call ignored": Mistake(RUN, "return self._inner.run(Program(program.source), tools, limits)", "gave"),
    "the arguments ignored": Mistake(RUN, "return self._inner.run(replace(program, args=()), tools, limits)", "gave"),
    "calls not recorded": Mistake(RUN, "return replace(self._inner.run(program, tools, limits), calls=())", "the calls were not recorded"),
    "an exception that is OK": Mistake(RUN, "from selfchal import Status\n        done = self._inner.run(program, tools, limits)\n        return replace(done, status=Status.OK) if done.error else done", "ended as ok"),
    "a traceback lost": Mistake(RUN, "return replace(self._inner.run(program, tools, limits), error='failed')", "the traceback was lost"),
    "limits of its own": Mistake(RUN, "return self._inner.run(program, tools, Limits())", "of 1,000 bytes allowed"),
    "the hash seed ignored": Mistake(RUN, "return self._inner.run(replace(program, hash_seed=0), tools, limits)", "hash seeds 0 and 1 gave one order"),
    "one session for all": Mistake(RUN, "self.kept = getattr(self, 'kept', None) or self._inner.session(tools, limits)\n        return self.kept.run(program.source)", "calls a function"),
    "a session that forgets": Mistake("return self._record.add(source, self._session.run(source))", "self._session.run('globals().clear()')\n        return self._record.add(source, self._session.run(source))", "a session forgot its variables"),
    "a session that is None": Mistake(SESSION, SESSION[7:], "NoneType"),
    "a session without with": Mistake("    def __enter__(self) -> Self:\n        return self\n", "", "context manager"),
}  # fmt: skip

UPDATE = "self._write(f\"update {step}: reward {metrics.get('reward', 0.0):.2f}\")"
WATCHER = {
    "a hook without its mark": Mistake("    @hookimpl\n    def stage_started", "    def stage_started", "stage_started is named as a hook and is not marked"),
    "a misspelt hook": Mistake("def task_judged(", "def task_juged(", "which there is not"),
    "an argument that there is not": Mistake("def update_finished(self, step: int,", "def update_finished(self, epoch: int, step: int,", "takes epoch, which it is not given"),
    "no self": Mistake("def stage_started(self, run: RunInfo, stage: str)", "def stage_started(run: RunInfo, stage: str)", "raised"),
    "results that are always there": Mistake('self._write(f"{run.name} was stopped" if results is None else f"{run.name} is done")', 'self._write(str(results["after"]))', "raised TypeError"),
    "a total that is always there": Mistake('def stage_started(self, run: RunInfo, stage: str) -> None:\n        self._write(', 'def stage_started(self, run: RunInfo, stage: str, total: Any) -> None:\n        self._write(str(total + 0) + ', "raised TypeError"),
    "metrics that are always there": Mistake(UPDATE, 'self._write(str(metrics["loss"]))', "raised KeyError"),
    "metrics that are changed": Mistake(UPDATE, 'metrics["reward"] = 0', "changed what it was told"),
    "a manifest that is changed": Mistake('self._write(f"{run.name}: {stage} begins")', 'run.manifest["run"]["name"] = stage', "changed what it was told"),
    "a hook that waits": Mistake(UPDATE, "import time; time.sleep(2)", "s for"),
    "a folder that is not there": Mistake('self.file.open("a"', 'Path("/nowhere/at/all").open("a"', "raised FileNotFoundError"),
    "a constructor that raises": Mistake("self.file = config.file", "self.file = config.files", "AttributeError"),
}  # fmt: skip

COUNT = "count = len(task.instruction.split())"
FAILED = (
    'return Finding.failed(f"the instruction has {count} words; say what is wanted in full", words=count)'
)
PASSED = "return Finding.passed(words=count)"
CHECK = {
    "a finding that is None": Mistake(PASSED, "Finding.passed(words=count)", "which is no Finding"),
    "a finding that is a truth": Mistake(PASSED, "return True", "which is no Finding"),
    "a finding that is a verdict": Mistake(PASSED, "import selfchal\n        return selfchal.Verdict(selfchal.Outcome.PASSED, Stage.KEPT)", "which is no Finding"),
    "an outcome that is a text": Mistake(PASSED, 'return Finding("passed")', "outcome"),
    "a check that raises": Mistake(COUNT, "count = task.diagnostics['words']", "raised KeyError"),
    "a check that raises for odd words": Mistake(COUNT, "count = len(task.instruction.encode().split())", "raised UnicodeEncodeError"),
    "diagnostics that are no JSON": Mistake(PASSED, "return Finding.passed(words={count})", "are no JSON"),
    "diagnostics that are NaN": Mistake(PASSED, "return Finding.passed(words=float('nan'))", "are no JSON"),
    "a refusal without a reason": Mistake(COUNT, "return Finding.failed('')", "without a reason"),
    "a refusal of everything": Mistake(COUNT, "return Finding.failed('no')", "it refuses sound tasks too"),
    "chance": Mistake(COUNT, "import random\n        count = random.choice([1, 9, 1, 9])\n        if random.random() < 0.5: return Finding.failed('chance')\n        count = 9", "it found"),
    "memory of earlier tasks": Mistake(COUNT, "self.words += 4\n        " + COUNT, "after other tasks"),
    "a constructor that raises": Mistake("self.words = config.words", "self.words = config.length", "AttributeError"),
}  # fmt: skip
