"""Mistakes of a second look, of all kinds: state that is shared, arguments that are changed, options that are ignored.

Each is found by the rule that it names, or when the plugin is loaded.
"""

from collections.abc import Mapping

from tests.plugins.mistakes.mistake import Mistake

# Planted into the check that ``plugins new`` writes.
COUNT = "count = len(task.instruction.split())"
NAME = '    name: ClassVar[str] = "planted"\n'
HOOK = "@hookimpl\ndef register_checks() -> list[type[Any]]:\n    return [Check]"
COMPARES = "class Other:\n    name, stage, Config = 'planted', Stage.NEW, Options\n    def __init__(self, config): ...\n    def compare(self, tasks, earlier, held_out):\n        {}\n\n@hookimpl\ndef register_checks():\n    return [Other]"
FINDS = "has a finding for each task, whatever it holds"
ALIKE = "finds the same in other processes, under other hash seeds"
CHECK = {
    "a default of another type": Mistake("words: int = 4", 'words: int = "4"', "'<' not supported between", FINDS),
    "a file beside the module that was not packed": Mistake("self.words = config.words", "from pathlib import Path\n        self.words = len(Path(__file__).with_name('words.txt').read_text())", "FileNotFoundError", "is made from its options"),
    "a module that only a method needs": Mistake(COUNT, "import spacy_of_nobody\n        " + COUNT, "No module named 'spacy_of_nobody', line", FINDS),
    "an exit within a method": Mistake(COUNT, "raise SystemExit(2)\n        " + COUNT, "it raised SystemExit: 2, line", FINDS),
    "a task that is changed": Mistake(COUNT, "task.context['words'] = 3\n        " + COUNT, "it changed the task", "leaves tasks as they were"),
    "a feedback that is no text": Mistake(COUNT, "return Finding.failed('no', 3)\n        " + COUNT, "the finding's feedback gave", FINDS),
    "a finding that hangs on a hash": Mistake(COUNT, "if hash(task.instruction) % 2: return Finding.failed('odd')\n        " + COUNT, "in one process and", ALIKE),
    "a finding that hangs on the order of a set": Mistake(COUNT, "words = task.instruction.split()\n        if list(set(words)).index(words[0]) % 2: return Finding.failed('odd')\n        " + COUNT, "in one process and", ALIKE),
    "a find_obstacle that raises": Mistake(NAME, NAME + "    @classmethod\n    def find_obstacle(cls, config): return config.path\n", "no attribute 'path', line 23 of", "answers what is asked before it is made"),
    "a comparison that forgets tasks": Mistake(HOOK, COMPARES.format("return [Finding.passed() for _ in tasks[1:]]"), "findings", FINDS),
    "a comparison that is a dict": Mistake(HOOK, COMPARES.format("return {task.id: Finding.passed() for task in tasks}"), "not a list of findings", FINDS),
    "a comparison that yields": Mistake(HOOK, COMPARES.format("yield from (Finding.passed() for _ in tasks)"), "Other.compare yields"),
}  # fmt: skip

# Planted into sound_world.py.
CALL = "return ToolResult(FUNCTIONS[name](self.state, *args, **kwargs))"
TASKS = 'return [\n            TestTask(task_id({}, text), text, {}, {"answer": answer}) for text, (_, answer) in TASKS.items()\n        ]'
OWN = "answers and arguments are the caller's own"
PROMISED = "gives what its contract promises"
DIGEST = "digest and difference agree"
WORLD = {
    "an answer that is the state itself": Mistake('return state["stock"][item]\n', 'return state["stock"] if item == "rye" else state["stock"][item]\n', "is a part of the world", OWN),
    "a call that changes its arguments": Mistake(CALL, "answer = " + CALL[7:] + "\n            kwargs.clear()\n            return answer", "changes the arguments", OWN),
    "test tasks that can be read once": Mistake(TASKS, f"self.made = getattr(self, 'made', None) or iter({TASKS[7:]})\n        return self.made", "other ids each time", "test tasks have ids of their own, always the same"),
    "a user that is a text": Mistake("return None\n\n\n@hookimpl", "return 'somebody'\n\n\n@hookimpl", "nobody with open() and reply()", PROMISED),
    "a close that raises": Mistake("    def user(self", "    def close(self):\n        self.server.stop()\n\n    def user(self", "no attribute 'server'", PROMISED),
    "a canonical hash of nothing": Mistake("    def canonical_sha256(self):\n        return hashlib.sha256(json.dumps(self.state, sort_keys=True).encode())", "    def canonical_sha256(self):\n        return hashlib.sha256(b'')", "one state has two digests", DIGEST),
    "a difference that lacks what is new": Mistake('state["sold"] += count\n', 'state["sold"] += count\n    state.setdefault("log", []).append(item)\n', "leaves something out", DIGEST),
    "an oracle that yields": Mistake('return ["Action:\\n"', 'yield from ["Action:\\n"', "Shop.oracle yields"),
}  # fmt: skip

# Planted into sound_trainer.py.
LOSS = "loss = -(rewards * chosen).mean()"
TASK = "task = training.tasks[(step - 1) % len(training.tasks)]"
STEPS = "        for step in range(first"
MOVES = "moves the agent's tokens alone"
RESUMES = "stopped and resumed it ends in the same weights"
TRAINER = {
    "a mask that is ignored": Mistake(" * mask[:, 1:]", "", "carry gradient", MOVES),
    "a mask that is not shifted": Mistake("mask[:, 1:]", "mask[:, :-1]", "carry gradient", MOVES),
    "all that follows the first turn trained on": Mistake("mask[:, 1:]", "(mask.cumsum(-1) > 0)[:, 1:]", "carry gradient", MOVES),
    "padding that is trained on": Mistake("one.mask + [0] * (longest", "one.mask + [1] * (longest", "carry gradient", MOVES),
    "a seed of the run that is ignored": Mistake("seed=step + 1_000 * training.seed", "seed=step", "training.seed is not used", "trains otherwise with another seed"),
    "a budget that is ignored": Mistake("if progress.is_over():", "if False:", "it rolled out 3 times more", "rolls out nothing more once the budget is used up"),
    "an update where every episode failed": Mistake(LOSS, "loss = -((rewards - 0.5) * chosen).mean()", "every reward was 0, and the weights changed", "learns nothing where no episode earned a reward"),
    "weights that decay where there is nothing to learn": Mistake('["weight_decay"] = 0.0', '["weight_decay"] = 0.1', "every reward was 0, and the weights changed", "learns nothing where no episode earned a reward"),
    "tasks in the order of their hashes": Mistake(TASK, "task = sorted(training.tasks, key=lambda one: hash(one.id))[(step - 1) % len(training.tasks)]", "in one process and", "trains alike in other processes, under other hash seeds"),
    "a rate that begins again": Mistake(STEPS, "        for group in optimizer.param_groups: group['lr'] = 0.01 / (1 + first)\n" + STEPS, "a stop led to other weights", RESUMES),
    "a generator that is not saved": Mistake(LOSS, "self.draw = getattr(self, 'draw', None) or torch.Generator().manual_seed(training.seed)\n                    loss = -((0.5 + torch.rand(1, generator=self.draw)) * rewards * chosen).mean()", "a stop led to other weights", RESUMES),
    "tasks that are used up": Mistake(TASK, "task = training.tasks.pop()", "a stop led to other weights", RESUMES),
    "a task by chance": Mistake(TASK, "import random\n            task = random.choice(training.tasks)", "the same seed gave other weights", "trains alike with the same seed"),
    "a count that is a fraction": Mistake("* self.group_size()", "* self.group_size() / 1", "count_episodes(8) gave 64.0", "says what it needs and how many episodes it compares"),
    "an update before the first": Mistake(STEPS, "        progress.log(0, {})\n" + STEPS, "were logged as [0, 1", "trains in place, and tells the model and the progress"),
}  # fmt: skip

# Planted into the model that ``plugins new`` writes.
GIVEN = "return Generation(tuple(ids)"
STREAM = "return TurnStream(self.generate, sampling)"
KEEPS = "keeps to temperature and top_p"
MODEL = {
    "top_p that is ignored": Mistake("sampling.top_p * sum(weights)", "sum(weights)", "at top_p 0.0001 it draws", KEEPS),
    "a temperature that is ignored": Mistake("(logprobs[id_] - most) / sampling.temperature", "(logprobs[id_] - most)", "at temperature 0.001 it draws", KEEPS),
    "log-probabilities at the temperature asked for": Mistake(GIVEN, "logprobs = [one / (sampling.temperature or 1.0) for one in logprobs]\n        " + GIVEN, "at temperature 0.5", "says log-probabilities at temperature 1"),
    "stop strings of one letter alone": Mistake("any(text.endswith(stop) for stop in sampling.stop)", "text[-1:] in sampling.stop", "stop string", "ends a turn at a stop string"),
    "a conversation that is changed": Mistake('        return self._close("".join(f"{one.role}', "        messages.append(Message('user', 'Be short.')) if isinstance(messages, list) else None\n        return self._close(\"\".join(f\"{one.role}", "two texts for one conversation", "renders a conversation to ids that only grow"),
    "the first prompt for every row": Mistake("self._speak(ids[-1], sampling, i)", "self._speak(prompts[0][-1] - (i == 0), sampling, i)", "another turn than alone", "answers each prompt by itself"),
    "a stream that loses who joins late": Mistake(STREAM, "stream = TurnStream(self.generate, sampling)\n        join = stream.join\n        stream.join = lambda key, prompt: join(min(key, 1), prompt)\n        return stream", "turns of [0, 1, 1] came", "streams every turn to its end, whenever it joined"),
    "a seed that is a hash": Mistake("seed_of(sampling.seed, row)", "hash((str(last), sampling.seed, row))", "in one process and", "speaks alike in other processes, under other hash seeds"),
    "a context length that is a text": Mistake("context_length = 100_000", "context_length = '100000'", "context_length gave '100000'", "has all that its contract reads"),
    "provides that asks what is not loaded": Mistake("return frozenset({Capability.TEXT, ", "return frozenset({Capability.TEXT, cls.loaded, ", "no attribute 'loaded'", "says what it gives without being loaded"),
    "an encode that yields": Mistake('return [IDS.get(character, IDS["?"])', 'yield from [IDS.get(character, IDS["?"])', "Model.encode yields"),
}  # fmt: skip

# Planted into the synthesizer that ``plugins new`` writes.
SPEAKS = "speaks in messages"
REPEATS = "proposes the same in other processes, under other hash seeds"
SYNTHESIZER = {
    "held-out tasks of a second environment": Mistake("seen = self._world.initial_observation(self._start)", "import selfchal\n        other = selfchal.open_environment(self._world.name)\n        seen = other.test_tasks(other.splits()[0])[0].id", "asked the environment for held-out tasks", "never looks at held-out tasks"),
    "a reward that is not a number": Mistake("float(verdict.passed), reason", "float('nan'), reason", "set the reward nan", "rewards its episode in the end"),
    "an async step": Mistake("    def step(self, text", "    async def step(self, text", "a coroutine (it is async)", SPEAKS),
    "an answer in the model's own role": Mistake('return Message("user", f"{verdict', 'return Message("assistant", f"{verdict', "in the model's own role", SPEAKS),
    "a task of another environment": Mistake("id_, self._world.name, self._start", "id_, 'shop', self._start", "proposed a task of 'shop'", "keeps no task with code that the judge has not passed"),
    "tools in the order of their hashes": Mistake("for tool in self._world.tools)", "for tool in sorted(self._world.tools, key=lambda one: hash(one.name)))", "message 0 to the model", REPEATS),
    "the number of the process in a proposal": Mistake("self._start = dict(", "self._start = {'pid': __import__('os').getpid()} | dict(", "the proposal is", REPEATS),
}  # fmt: skip

# Planted into the sandbox that ``plugins new`` writes.
RUN = "return self._record.add(program.source, self._inner.run(program, tools, limits))"
SESSION = "return RecordedSession(self._inner.session(tools, limits), self._record)"
SANDBOX = {
    "a file that is left for the next program": Mistake(RUN, "from selfchal.testing.in_process import InProcessSandbox\n        return (InProcessSandbox() if 'open(' in program.source else self._inner).run(program, tools, limits)", "a file that one program wrote", "forgets between programs"),
    "one session for every conversation": Mistake(SESSION, f"if not hasattr(self, 'kept'): self.kept = {SESSION[7:]}\n        self.kept.close = lambda: None\n        return self.kept", "the variables of the one before", "begins each session anew"),
    "limits that a session ignores": Mistake(SESSION, SESSION.replace("limits", "Limits(seconds=4.5)"), "in a session took", "stops what takes too long in a session"),
    "no time measured": Mistake(RUN, "return replace(self._inner.run(program, tools, limits), seconds=0.0)", "took 0.0 s, says its Execution", "stops what takes too long"),
    "a close that raises": Mistake("        self._stack.close()\n", "        self._stack.close()\n        raise OSError('still running')\n", "it raised OSError: still running, line", "states all guarantees"),
    "a session without its tools": Mistake(SESSION, SESSION.replace("tools", "None"), "a session forgot", "keeps the variables of a session"),
    "the program before": Mistake(RUN, "self.last = getattr(self, 'last', program)\n        given, self.last = self.last, program\n        return self._inner.run(given, tools, limits)", "of the last program is left", "forgets between programs"),
}  # fmt: skip

# Planted into sound_engine.py.
SCENES = "scenes: list[Any] = [self.here.make_scene(order) for order in orders]"
GIVEN_BACK = "yield Finished(index, episode, scenes[index].proposal if proposes else None)"
PLAYS = "plays every order as it is played here"
ENGINE = {
    "orders that are taken away": Mistake(SCENES, "orders.pop()\n        " + SCENES, "changed the list of orders", PLAYS),
    "a play that returns the first": Mistake(GIVEN_BACK, "return Finished(index, episode)", "play() gave Finished", PLAYS),
    "nothing played where there are few orders": Mistake(SCENES, SCENES + "\n        if len(orders) < 2: return", "of 1 orders it gave the episodes []", PLAYS),
    "a thread that nobody ends": Mistake("        self.here = here\n", "        self.here = here\n        import threading\n        threading.Thread(target=threading.Event().wait, args=(30,), daemon=True, name='planted').start()\n", "threads live on after close(): planted", "ends what it started"),
}  # fmt: skip

# Planted into the watcher that ``plugins new`` writes.
UPDATE = "self._write(f\"update {step}: reward {metrics.get('reward', 0.0):.2f}\")"
HEARS = "hears a whole run without raising"
CHANGES = "changes nothing of what it is told"
WATCHER = {
    "an async hook": Mistake("    def stage_started(self, run", "    async def stage_started(self, run", "its hook stage_started is async"),
    "a hook that yields": Mistake(UPDATE, "yield " + UPDATE, "its hook update_finished yields"),
    "a hook that exits": Mistake(UPDATE, "raise SystemExit('done')", "it raised SystemExit: done, line", HEARS),
    "a task that is changed": Mistake("if not verdict.passed:", "task.context['seen'] = True\n        if not verdict.passed:", "task_judged changed what it was told", CHANGES),
    "diagnostics that are changed": Mistake("if not verdict.passed:", "verdict.diagnostics['seen'] = True\n        if not verdict.passed:", "task_judged changed what it was told", CHANGES),
    "a file that is opened and closed": Mistake("self.file = config.file", "self.file = config.file.open('a')\n        self.file.close()", "no attribute 'open'", HEARS),
    "a program that is not there": Mistake(UPDATE, "import subprocess; subprocess.run(['no-such-program'], check=True)", "No such file or directory: 'no-such-program'", HEARS),
}  # fmt: skip

# By the sound source that they are planted into.
TABLES: list[tuple[str, Mapping[str, Mistake]]] = [
    ("check", CHECK),
    ("world", WORLD),
    ("trainer", TRAINER),
    ("model", MODEL),
    ("synthesizer", SYNTHESIZER),
    ("sandbox", SANDBOX),
    ("engine", ENGINE),
    ("watcher", WATCHER),
]
