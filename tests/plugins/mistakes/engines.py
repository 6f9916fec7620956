"""Mistakes in engines, planted into ``sound_engine.py``."""

from tests.plugins.mistakes.mistake import Mistake

SCENES = "scenes: list[Any] = [self.here.make_scene(order) for order in orders]"
SAMPLES = "[order.sample for order in orders]"
GIVEN = "yield Finished(index, episode, scenes[index].proposal if proposes else None)"
JUDGED = "yield index, self.here.judge(environment, task, filters)"
LATER = "from dataclasses import replace\n        "

ENGINE = {
    "an async play": Mistake("    def play(", "    async def play(", "Engine.play is async"),
    "a play without a player": Mistake("orders: Sequence[Order], player: Player)", "orders: Sequence[Order])", "cannot be called"),
    "an open that takes no ask": Mistake("spec: WorkerSpec, ask: Ask)", "spec: WorkerSpec)", "cannot be called"),
    "a judge that is not there": Mistake("    def judge(", "    def verdicts(", "lacks judge"),
    "a close that is not there": Mistake("    def close(", "    def stop(", "lacks close"),
    "a close that raises": Mistake("        pass\n", "        raise OSError('gone')\n", "gone"),
    "the first order left out": Mistake(GIVEN, f"if index:\n                {GIVEN}", "it gave the episodes"),
    "every episode twice": Mistake(GIVEN, f"{GIVEN}\n            {GIVEN}", "it gave the episodes"),
    "indices that are those of the end": Mistake(GIVEN, "self.ended = getattr(self, 'ended', -1) + 1\n            yield Finished(self.ended, episode, None)", "of episode 0 is not what it is here"),
    "proposals lost": Mistake(GIVEN, "yield Finished(index, episode)", "the proposal of order"),
    "samples lost": Mistake(SAMPLES, "[0 for _ in orders]", "sample of episode"),
    "scores played with the users of training": Mistake(SCENES, LATER + "orders = [replace(o, measured=False) if hasattr(o, 'measured') else o for o in orders]\n        " + SCENES, "it asked for"),
    "tokens that it does not need taken away": Mistake(GIVEN, "episode.ids.clear()\n            " + GIVEN, "ids of episode"),
    "a reward of its own": Mistake(GIVEN, "episode.reward = episode.reward or 0.5\n            episode.reward = 1.0 - episode.reward\n            " + GIVEN, "reward of episode"),
    "errors swallowed": Mistake(SCENES, "try:\n            scenes: list[Any] = [self.here.make_scene(order) for order in orders]\n        except KeyError:\n            return", "was played"),
    "verdicts in another order": Mistake(JUDGED, "yield len(tasks) - 1 - index, self.here.judge(environment, task, filters)", "for task"),
    "verdicts without their index": Mistake(JUDGED, "yield self.here.judge(environment, task, filters)", "and not tuple"),
    "a verdict left out": Mistake(JUDGED, f"if index:\n                {JUDGED}", "it gave verdicts for"),
    "less of the judge than is asked for": Mistake(JUDGED, "yield index, self.here.judge(environment, task, selfchal.Filter.NONE)", "for task"),
    "more of the judge than is asked for": Mistake(JUDGED, "yield index, self.here.judge(environment, task)", "for task"),
    "a process that nobody ends": Mistake("        self.here = here\n", "        self.here = here\n        import subprocess\n        self.left = subprocess.Popen(['sleep', '60'])\n", "live on after close"),
}  # fmt: skip
