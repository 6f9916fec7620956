"""Episodes a second of the `transformers` model against plain `model.generate`, turn by turn, in one run.

    python benchmarks/rollouts.py [--path DIR] [--episodes 256] [--group 8] [--turns 3] [--threads 1]

Three ways to play the same episodes with the same network (groups share a prompt; every turn is
answered by an observation of its own length; a turn ends at a stop string, an end id or `--tokens`):

- ours: `TransformersModel.generate` on all conversations;
- generate, batched: one left-padded `model.generate` a turn, which feeds the whole conversation again;
- generate, one by one: `model.generate` on each conversation, as most tutorials show it.

The ways take turns, and the best of `--repeats` counts. With one thread, `--clock cpu` (the default) counts
the process's own time, so that other work on the machine does not show; `--clock wall` counts all of it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from selfchal.builtin_models.transformers_model import TransformersConfig, TransformersModel
from selfchal.core.actions import STOPS
from selfchal.core.model import Generation, Message, Sampling

Play = Callable[[list[list[int]]], list[Generation]]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        path = options.path or _default_model(Path(scratch))
        model = TransformersModel(TransformersConfig(path=str(path), batch=options.batch))
        sampling = Sampling(max_tokens=options.tokens, stop=STOPS)
        ways: dict[str, tuple[Play, int]] = {
            "ours": (lambda prompts: model.generate(prompts, sampling), options.episodes),
            "generate, batched": (lambda prompts: _generate(model, prompts, sampling), options.episodes),
            "generate, one by one": (lambda prompts: _one_by_one(model, prompts, sampling), options.single),
        }
        rates = _measure(model, ways, options)
    for name, rate in rates.items():
        print(f"{name:22} {rate:8.1f} episodes/s   ours is {rates['ours'] / rate:5.2f} times as fast")
    if options.json:
        Path(options.json).write_text(json.dumps(rates, indent=2))


def _measure(model: TransformersModel, ways: dict[str, tuple[Play, int]], options: Any) -> dict[str, float]:
    rates = dict.fromkeys(ways, 0.0)
    clock = {"cpu": time.process_time, "wall": time.perf_counter}[options.clock]
    for _ in range(options.repeats):
        for name, (play, episodes) in ways.items():
            model.weights_changed()  # nothing is left from the round before
            torch.manual_seed(0)
            started = clock()
            _episodes(model, play, episodes, options)
            rates[name] = max(rates[name], episodes / (clock() - started))
    return rates


def _episodes(model: TransformersModel, play: Play, episodes: int, options: Any) -> None:
    talks = [_prompt(model, number // options.group, options.prompt) for number in range(episodes)]
    for turn in range(options.turns):
        for talk, generation in zip(talks, play(talks), strict=True):
            talk += generation.ids
            seen = "Observation: " + "7" * (len(talk) % 8 + turn)
            talk += model.render_turn(generation, Message("user", seen))


def _prompt(model: TransformersModel, task: int, size: int) -> list[int]:
    text = f"Task {task}: find the price of {task % 7} parts, then convert it. "
    ids = model.render_prompt([Message("user", text * 4)])
    return ids[: size + task % 9]


def _generate(
    model: TransformersModel, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> list[Generation]:
    """What a user would write: pad left, generate, cut off the padding."""
    network, tokenizer = model.network, model._host.tokenizer
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
    sampled = output.sequences[:, longest:]
    logprobs = scores.gather(-1, sampled[:, :, None])[:, :, 0]
    return [_trimmed(model, row, line) for row, line in zip(sampled.tolist(), logprobs.tolist(), strict=True)]


def _trimmed(model: TransformersModel, ids: list[int], logprobs: list[float]) -> Generation:
    ends = model._host.renderer.ends
    size = next((place + 1 for place, token in enumerate(ids) if token in ends), len(ids))
    text = model._host.renderer.text(ids[:size])
    return Generation(tuple(ids[:size]), tuple(logprobs[:size]), text, True)


def _one_by_one(
    model: TransformersModel, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> list[Generation]:
    return [_generate(model, [prompt], sampling)[0] for prompt in prompts]


def _default_model(scratch: Path) -> Path:
    """The seedling; where its weights are absent, an untrained decoder of the same size."""
    packaged = Path(str(files("selfchal.builtin_models") / "seedling"))
    if any(packaged.glob("*.safetensors")):
        return packaged
    from tests.builtin_models.tiny import write_model

    print("no packaged weights: an untrained decoder of a million parameters instead")
    return write_model(scratch, "million", scale=1.0)


def _options() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--path", help="model directory; default: the seedling")
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--single", type=int, default=16, help="episodes for the one-by-one way")
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--prompt", type=int, default=40)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    parser.add_argument("--json", help="write the rates to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
