"""One GRPO update here against TRL's, on the same batch and the same network, in one process.

    python benchmarks/training.py [--episodes 64] [--repeats 5] [--threads 1] [--json]

Both sides do a whole update on rollouts that are already there: forward, loss, backward, clipping,
AdamW. TRL gets its tensors ready-made and in the micro-batch that suits it best of the ones tried; ours
starts from stored episodes. The losses are compared too: the work is the same. Times are CPU times of the
process. Needs selfchal[trl].
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from typing import Any

import click
import torch
from datasets import Dataset
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer

from selfchal.builtin_trainers.batch import agent_tokens
from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import update
from selfchal.builtin_trainers.optim import Optimizer
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.trl_runner import no_text
from selfchal.core.episode import Episode, Group

GROUP = 8
VOCABULARY = 2048
MICRO_BATCHES = (8, 32)  # episodes a forward pass that TRL may choose from


def network() -> LlamaForCausalLM:
    """1.1 million parameters, the size of the embedded model."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            tie_word_embeddings=True,
        )
    )


def batch(count: int) -> list[Episode]:
    """Multi-turn episodes of 60 to 200 ids, about half of them the agent's, half of each group passed."""
    draw, episodes = random.Random(0), []
    for n in range(count):
        episode = Episode(task=f"task{n // GROUP}", sample=n % GROUP, reward=float(n % 2))
        lengths = [draw.randint(20, 50), *(draw.randint(4, 30) for _ in range(draw.randint(2, 7)))]
        for turn, length in enumerate(lengths):
            episode.ids += [draw.randrange(VOCABULARY) for _ in range(length)]
            episode.mask += [turn % 2] * length
        episode.logprobs = [0.0] * len(episode.ids)
        episodes.append(episode)
    return episodes


def groups_of(episodes: list[Episode]) -> list[Group]:
    starts = range(0, len(episodes), GROUP)
    return [Group(episodes[i].task, tuple(episodes[i : i + GROUP])) for i in starts]


def trl_inputs(episodes: list[Episode], advantages: Tensor) -> dict[str, Tensor]:
    """Left-padded prompts and right-padded completions, as TRL's GRPO lays a batch out."""
    firsts = [episode.mask.index(1) for episode in episodes]
    prompt = max(firsts)
    rest = max(len(e.ids) - first for e, first in zip(episodes, firsts, strict=True))
    names = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "tool_mask")
    rows = {name: torch.zeros(len(episodes), prompt if "prompt" in name else rest).long() for name in names}
    for row, (episode, first) in enumerate(zip(episodes, firsts, strict=True)):
        length = len(episode.ids) - first
        rows["prompt_ids"][row, prompt - first :] = torch.tensor(episode.ids[:first])
        rows["prompt_mask"][row, prompt - first :] = 1
        rows["completion_ids"][row, :length] = torch.tensor(episode.ids[first:])
        rows["completion_mask"][row, :length] = 1
        rows["tool_mask"][row, :length] = torch.tensor(episode.mask[first:])
    return {**rows, "advantages": advantages}


def trl_trainer(model: Any, scratch: str, episodes: int) -> Any:
    arguments = GRPOConfig(
        output_dir=scratch,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        loss_type="dapo",
        per_device_train_batch_size=episodes,
        num_generations=GROUP,
    )
    rows = Dataset.from_list([{"prompt": "x"}] * episodes)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=lambda **_: [],
        args=arguments,
        train_dataset=rows,
        processing_class=no_text(),
    )
    trainer.model.train()
    return trainer


def trl_step(trainer: Any, optimizer: Any, whole: dict[str, Tensor], tokens: float, size: int) -> float:
    """What TRL does after generation, ``size`` episodes a forward pass; the update's loss."""
    count, total = len(whole["prompt_ids"]), 0.0
    trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation = -(-count // size)
    for first in range(0, count, size):
        part = {name: value[first : first + size] for name, value in whole.items()}
        part["num_items_in_batch"] = torch.tensor(tokens)
        loss = trainer._compute_loss(trainer.model, part)
        loss.backward()
        total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return total


def seconds(work: Any) -> float:
    """Of the processor: other work on the machine hardly shows in it."""
    began = time.process_time()
    work()
    return time.process_time() - began


@click.command()
@click.option("--episodes", default=64, show_default=True)
@click.option("--repeats", default=5, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(episodes: int, repeats: int, threads: int, as_json: bool) -> None:
    torch.set_num_threads(threads)
    played = batch(episodes)
    config = GrpoConfig(learning_rate=1e-6, importance_cap=None)
    algorithm = GrpoAlgorithm(config)
    chosen = algorithm.choose(groups_of(played))
    assert chosen is not None, "the made-up rewards differ"
    assert chosen.advantages is not None, "GRPO's batch has them"
    tokens = float(sum(map(agent_tokens, played)))
    ours_network, trl_network = network(), network()
    optimizer = Optimizer(ours_network, config, Team())
    trl_optimizer = torch.optim.AdamW(trl_network.parameters(), lr=config.learning_rate, weight_decay=0.0)
    inputs = trl_inputs(chosen.episodes, chosen.advantages)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = trl_trainer(trl_network, scratch, episodes)

        def ours() -> float:
            batch = algorithm.choose(groups_of(played))
            assert batch is not None
            return update(algorithm, optimizer, None, batch, 1)["loss"]

        def theirs(size: int) -> float:
            return trl_step(trainer, trl_optimizer, inputs, tokens, size)

        losses = ours(), theirs(min(32, episodes))  # also warms both up
        times: dict[str, list[float]] = {"ours": []}
        for _ in range(repeats):  # interleaved, so that a busy machine hits all alike
            times["ours"].append(seconds(ours))
            for size in MICRO_BATCHES:
                times.setdefault(f"trl, {size} a pass", []).append(seconds(lambda size=size: theirs(size)))
    best = min((name for name in times if name != "ours"), key=lambda name: statistics.median(times[name]))
    ratios = [mine / other for mine, other in zip(times["ours"], times[best], strict=True)]
    row = {
        "episodes": episodes,
        "agent_tokens": tokens,
        "all_tokens": sum(len(e.ids) for e in played),
        "threads": threads,
        "loss": losses,
        "median_cpu_seconds": {name: round(statistics.median(values), 4) for name, values in times.items()},
        "trl_at_its_best": best,
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
    click.echo(json.dumps(row) if as_json else "\n".join(f"{key}: {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
