"""Episodes a second of the rollout against plain `model.generate`, turn by turn, in one run.

    OMP_NUM_THREADS=1 python benchmarks/rollouts.py [--manifest examples/quickstart.yaml] [--tasks 64]
        [--samples 4] [--single 16] [--repeats 3] [--set KEY=VALUE ...]

Three ways to play the same held-out tasks (split dev) with the same network, sandbox and sampling:

- ours: the engine, which samples on while other conversations act, and keeps their caches from turn to turn;
- generate, batched: one left-padded `model.generate` a turn for all conversations that go on, each of which
  is fed again from its start; then each acts in turn;
- generate, one by one: `model.generate` on one conversation at a time, as most tutorials show it.

The ways take turns, and the best of `--repeats` counts. All have the same allocator settings. Wall clock.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

import selfchal
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Generation, Sampling
from selfchal.core.scene import Scene
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.environments import scene_of_test
from selfchal.pipeline.test_sets import held_out
from selfchal.rollout.rollout import Rollout

Play = Callable[[list[Scene]], object]


def measure(context: RunContext, tasks: int, samples: int, single: int, repeats: int) -> dict[str, float]:
    """Episodes a second of each way."""
    rollout = context.manifest.settings.rollout
    sampling = context.sampling(1.0, seed=5)
    model: Any = context.model
    ways: dict[str, tuple[Play, int]] = {
        "ours": (lambda scenes: Rollout(model, sampling, rollout.batch).roll(scenes), tasks * samples),
        "generate, batched": (partial(plain, model, sampling), tasks * samples),
        "generate, one by one": (partial(one_by_one, model, sampling), single),
    }
    rates = dict.fromkeys(ways, 0.0)
    for _ in range(repeats):
        for name, (play, episodes) in ways.items():
            torch.manual_seed(0)
            chosen = [task for task in held_out(context)[:tasks] for _ in range(samples)][:episodes]
            started = time.perf_counter()
            play(
                [
                    scene_of_test(task, context.environments[task.environment].measured_config)
                    for task in chosen
                ]
            )
            rates[name] = max(rates[name], episodes / (time.perf_counter() - started))
    return rates


def one_by_one(model: TransformersModel, sampling: Sampling, scenes: Sequence[Scene]) -> None:
    for scene in scenes:
        plain(model, sampling, [scene])


def plain(model: TransformersModel, sampling: Sampling, scenes: Sequence[Scene]) -> None:
    """What a user would write: generate for everybody, act for everybody, again."""
    going = [(scene, list(model.render_prompt(list(scene.start())))) for scene in scenes]
    while going:
        said = generate(model, [ids for _, ids in going], sampling)
        still = []
        for (scene, ids), generation in zip(going, said, strict=True):
            message = scene.step(generation.text)
            if message is None:
                scene.finish(None)
                continue
            ids += [*generation.ids, *model.render_turn(generation, message)]
            still.append((scene, ids))
        going = still


def generate(
    model: TransformersModel, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> list[Generation]:
    """Pad left, generate, cut off the padding; with the log-probabilities that a trainer needs."""
    network, tokenizer = model.network, model._loaded.tokenizer
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids = torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    with torch.inference_mode():
        output = network.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=sampling.max_tokens,
            stop_strings=list(sampling.stop),
            tokenizer=tokenizer,
            pad_token_id=pad,
            return_dict_in_generate=True,
            output_logits=True,
        )
    scores = torch.stack(output.logits, 1).log_softmax(-1)
    generated = output.sequences[:, longest:]
    logprobs = scores.gather(-1, generated[:, :, None])[:, :, 0]
    return [
        trimmed(model, row, line) for row, line in zip(generated.tolist(), logprobs.tolist(), strict=True)
    ]


def trimmed(model: TransformersModel, ids: list[int], logprobs: list[float]) -> Generation:
    ends = model._loaded.renderer.ends
    size = next((index + 1 for index, token in enumerate(ids) if token in ends), len(ids))
    text = model._loaded.renderer.text(ids[:size])
    return Generation(tuple(ids[:size]), tuple(logprobs[:size]), text, True)


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/quickstart.yaml"))
@click.option("--tasks", default=64, show_default=True)
@click.option("--samples", default=4, show_default=True)
@click.option("--single", default=16, show_default=True, help="Episodes for the one-by-one way.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE.")
def main(
    manifest: Path, tasks: int, samples: int, single: int, repeats: int, overrides: tuple[str, ...]
) -> None:
    chosen = selfchal.load_manifest(manifest, ["evaluation.split=dev", *overrides])
    with (
        tempfile.TemporaryDirectory() as scratch,
        selfchal.open_context(chosen, Path(scratch) / "run") as context,
    ):
        rates = measure(context, tasks, samples, single, repeats)
    for name, rate in rates.items():
        click.echo(f"{name:22} {rate:8.1f} episodes/s   ours is {rates['ours'] / rate:5.2f} times as fast")


if __name__ == "__main__":
    main()
