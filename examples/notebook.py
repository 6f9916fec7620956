"""Judges a task, plays an episode, runs a small manifest and plots its curve, cell by cell."""

# %% [markdown]
# # selfchal from a notebook
#
# Judge a task, play an episode, run a small manifest and look at what it stored. Everything comes from
# `import selfchal`; `docs/python.md` says more. Jupyter, VS Code and PyCharm open this file as a
# notebook, and `python examples/notebook.py` runs it from start to end in less than a minute on
# two CPU cores.

# %%
import importlib.util

import selfchal

# %% [markdown]
# ## Judge a task
#
# A task is an instruction, a verification function, a solution that it must accept, and failure cases
# that it must refuse. The judge runs all of them in a sandbox.

# %%
task = {
    "instruction": "Decode the hexadecimal text 4869 and answer with the text.",
    "evaluate": "def evaluate(answer):\n    return answer == convert_hex_to_ascii('4869')",
    "solution": "result = convert_hex_to_ascii('4869')",
    "failures": ["result = 'hi'", "result = '4869'", "result = convert_hex_to_ascii('48')"],
}
verdict = selfchal.judge(task, "calculation")
print("the task:", verdict.outcome)

# %%
lenient = {**task, "evaluate": "def evaluate(answer):\n    return len(answer) == 2"}
verdict = selfchal.judge(lenient, "calculation")
print("with a lenient verification function:", verdict.outcome, "-", verdict.reason)

# %% [markdown]
# ## Play an episode
#
# The agent acts in turns, each of which is code or an answer. A list of turns plays an episode without a
# model; the name of a model has that model play it. `seedling` is the one that comes in the package.

# %%
environment = selfchal.open_environment("calculation")
held_out = environment.test_tasks("test")[0]
turns = environment.oracle(held_out)  # the turns that solve it
episode = selfchal.play(held_out, environment, turns)
print("these turns earn a reward of", episode.reward)

# %%
episode = selfchal.play(held_out, environment, "seedling", max_tokens=32, max_steps=5)
for message in episode.messages[1:]:  # the first one explains the tools
    print(f"{message.role}: {message.content}")
print("reward:", episode.reward)

# %% [markdown]
# ## Run a manifest
#
# `examples/quickstart.yaml` in a size that takes some ten seconds, which is too short to learn much: it
# writes its own tasks, judges them, trains on those that hold, and measures before and after on held-out
# tasks. A run that was interrupted goes on (`resume=True`), so this cell may be executed again.

# %%
manifest = selfchal.load_manifest(
    {
        "run": {"name": "notebook"},
        "environment": {"name": "calculation"},
        "model": {"name": "seedling"},
        "synthesizer": {"name": "code_as_task", "revisions": 0},
        "challenge": {"tasks": 8, "proposals": 24},
        "trainer": {
            "name": "ppo",
            "steps": 6,
            "tasks_per_step": 4,
            "group_size": 4,
            "learning_rate": 4.0e-4,
        },
        "rollout": {"max_steps": 5, "max_tokens": 32, "challenge_tokens": 250},
        "evaluation": {"tasks": 8, "samples": 1, "baselines": False},
    }
)
results = selfchal.run(manifest, "runs/notebook", resume=True, watch=["progress"])
print("pass@1 before", results["before"]["pass@1"], "and after", results["after"]["pass@1"])

# %% [markdown]
# ## Look at the run
#
# `open_run` gives plain rows, also while the run goes on. `pandas.DataFrame(view.metrics())` takes them
# as they are.

# %%
view = selfchal.open_run("runs/notebook")
for row in view.tasks()[:3]:
    print(f"{row['status']}: {row['instruction']}")
fallen = [row for row in view.proposals() if row["outcome"] == "failed"]
print(len(fallen), "proposals fell; the last one because", fallen[-1]["reason"])

# %%
steps = [row["step"] for row in view.metrics()]
rewards = [row["reward"] for row in view.metrics()]
if importlib.util.find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(steps, rewards, marker="o")
    axes.set_xlabel("update")
    axes.set_ylabel("mean reward")
    figure.savefig("runs/notebook/reward.png")
else:
    print("mean reward of each update")
    for step, reward in zip(steps, rewards, strict=True):
        print(f"{step:4}  {reward:.2f}  {'#' * round(40 * reward)}")
