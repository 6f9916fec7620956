"""The same batch gives the same loss and gradients as other people's code, and as the bare equations."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch import Tensor
from trl import GRPOConfig, GRPOTrainer

from selfchal.builtin_trainers.batch import agent_tokens
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import PolicyBatch, Preparation, update
from selfchal.builtin_trainers.optim import Optimizer
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.ppo.algorithm import PpoAlgorithm
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import HeadCritic
from selfchal.builtin_trainers.trl_runner import no_text
from selfchal.core.episode import Episode
from tests.builtin_trainers.episodes import agrees, all_logprobs, gradients, groups_of, multi_turn
from tests.builtin_trainers.toy import tiny_llama

pytestmark = pytest.mark.torch

KINDS = {"token": "dapo", "sequence": "grpo", "constant": "dr_grpo"}


def old_policy() -> Any:
    return tiny_llama(seed=7)


def reference_policy() -> Any:
    return tiny_llama(seed=9)


def ours(network: Any, episodes: list[Episode], config: GrpoConfig) -> tuple[float, Tensor]:
    """Loss and gradients of the second epoch, when the policy is no longer the one that sampled."""
    algorithm = GrpoAlgorithm(config)
    batch = algorithm.choose(groups_of(episodes))
    assert batch is not None
    reference = (lambda: nullcontext(reference_policy())) if config.kl else None
    tokens = sum(map(agent_tokens, batch.episodes))
    network.zero_grad()
    total = 0.0
    for prepared in algorithm.prepare(Preparation(old_policy(), reference, Team(), config), batch):
        scores = score(network, prepared.batch, entropy_gradient=config.entropy_bonus > 0)
        found = algorithm.loss(scores, prepared, tokens)
        found.loss.backward()
        total += float(found.loss.detach())
    return total, gradients(network)


def trl_inputs(episodes: list[Episode], advantages: Tensor, kl: bool) -> dict[str, Tensor]:
    """Left-padded prompts, right-padded completions, as TRL's GRPO lays a batch out."""
    firsts = [episode.mask.index(1) for episode in episodes]
    prompt, rest = max(firsts), max(len(e.ids) - f for e, f in zip(episodes, firsts, strict=True))
    names = ["prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "tool_mask"]
    rows = {name: torch.zeros(len(episodes), prompt if "prompt" in name else rest).long() for name in names}
    scored = {
        name: torch.zeros(len(episodes), rest) for name in ("old_per_token_logps", "ref_per_token_logps")
    }
    for row, (episode, first) in enumerate(zip(episodes, firsts, strict=True)):
        ids, mask, length = torch.tensor(episode.ids), torch.tensor(episode.mask), len(episode.ids) - first
        rows["prompt_ids"][row, prompt - first :] = ids[:first]
        rows["prompt_mask"][row, prompt - first :] = 1
        rows["completion_ids"][row, :length] = ids[first:]
        rows["completion_mask"][row, :length] = 1
        rows["tool_mask"][row, :length] = mask[first:]
        scored["old_per_token_logps"][row, :length] = all_logprobs(old_policy(), episode)[first - 1 :]
        scored["ref_per_token_logps"][row, :length] = all_logprobs(reference_policy(), episode)[first - 1 :]
    tokens = torch.tensor(float(sum(map(agent_tokens, episodes))))
    return {**rows, **scored, "advantages": advantages, "num_items_in_batch": tokens}


def theirs(network: Any, episodes: list[Episode], config: GrpoConfig, scratch: Path) -> tuple[float, Tensor]:
    arguments = GRPOConfig(
        output_dir=str(scratch),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        loss_type="cispo" if config.clip == "cispo" else KINDS[config.aggregation],
        importance_sampling_level=config.ratio,
        epsilon=config.clip_low,
        epsilon_high=config.clip_high + (config.clip == "cispo"),  # TRL's bound is the weight itself there
        max_completion_length=config.length_budget,
        per_device_train_batch_size=8,
        num_generations=4,
        entropy_coef=config.entropy_bonus,
    )
    trainer = GRPOTrainer(
        model=network,
        reward_funcs=lambda **_: [],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": "x"}] * 8),
        processing_class=no_text(),
    )
    trainer.beta = config.kl
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    batch = GrpoAlgorithm(config).choose(groups_of(episodes))
    assert batch is not None
    assert batch.advantages is not None
    advantages = batch.advantages
    network.zero_grad()
    loss = trainer._compute_loss(trainer.model, trl_inputs(episodes, advantages, config.kl > 0))
    loss.backward()
    return float(loss.detach()), gradients(network)


@pytest.mark.slow
@pytest.mark.parametrize("kl", [0.0, 0.05])
@pytest.mark.parametrize("kind", list(KINDS))
def test_grpo_is_trls(kind: Any, kl: float, tmp_path: Path) -> None:
    config = GrpoConfig(
        aggregation=kind,
        kl=kl,
        clip_low=0.1,
        clip_high=0.15,
        epochs=2,
        importance_cap=None,
        **({"length_budget": 32} if kind == "constant" else {}),
        micro_batch_tokens=40,
    )
    episodes = multi_turn()
    loss, gradient = ours(tiny_llama(seed=1), episodes, config)
    trl_loss, trl_gradient = theirs(tiny_llama(seed=1), episodes, config, tmp_path)
    assert loss == pytest.approx(trl_loss, rel=1e-5, abs=1e-7)
    agrees(gradient, trl_gradient)


def test_grpo_entropy_bonus_is_trls(tmp_path: Path) -> None:
    config = GrpoConfig(entropy_bonus=0.3, epochs=2, importance_cap=None)
    episodes = multi_turn()
    loss, gradient = ours(tiny_llama(seed=1), episodes, config)
    trl_loss, trl_gradient = theirs(tiny_llama(seed=1), episodes, config, tmp_path)
    assert loss == pytest.approx(trl_loss, rel=1e-5)
    agrees(gradient, trl_gradient)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seams",
    [
        # With a ratio by sequence TRL weighs its KL by that ratio too; ours keeps the token's (corrections.py).
        {"ratio": "sequence", "aggregation": "sequence", "clip_low": 0.02, "clip_high": 0.03},
        {"clip": "cispo", "ratio": "sequence", "clip_high": 0.02},
        {"clip": "cispo", "clip_high": 0.1, "kl": 0.05},
        {"advantage": "leave_one_out", "aggregation": "sequence", "kl": 0.05},
    ],
    ids=["gspo", "cispo by sequence", "cispo", "rloo"],
)
def test_the_seams_are_trls(seams: dict[str, Any], tmp_path: Path) -> None:
    config = GrpoConfig(**seams, epochs=2, importance_cap=None, micro_batch_tokens=40)
    episodes = multi_turn()
    loss, gradient = ours(tiny_llama(seed=1), episodes, config)
    trl_loss, trl_gradient = theirs(tiny_llama(seed=1), episodes, config, tmp_path)
    assert loss == pytest.approx(trl_loss, rel=1e-5, abs=1e-7)
    agrees(gradient, trl_gradient)


def test_rloo_is_the_policy_gradient_with_the_mean_of_the_others() -> None:
    """arXiv 2402.14740: the sum over episodes of (reward - mean of the others) times the episode's gradient."""
    config = GrpoConfig(advantage="leave_one_out", clip="none", aggregation="constant", length_budget=1)
    episodes, network = multi_turn(), tiny_llama(seed=7)
    _, gradient = ours(network, episodes, config.model_copy(update={"importance_cap": None}))
    network.zero_grad()
    total = torch.zeros(())
    for episode in episodes:
        others = [e.reward or 0.0 for e in episodes if e.task == episode.task and e is not episode]
        worth = (episode.reward or 0.0) - sum(others) / len(others)
        logprobs = torch.log_softmax(network(input_ids=torch.tensor([episode.ids])).logits[0], -1)
        own = [logprobs[i - 1, token] for i, token in enumerate(episode.ids) if episode.mask[i]]
        total = total - worth * torch.stack(own).sum()
    (total / len(episodes)).backward()
    agrees(gradient, gradients(network))


@pytest.mark.parametrize("aggregation", ["token", "sequence"])
def test_a_tiny_kl_does_not_rescale_the_policys_gradient(aggregation: str) -> None:
    """Its penalty brings in the groups without a signal, which do not count in the policy's mean."""
    episodes = multi_turn(count=16)
    for episode in episodes[8:]:
        episode.reward = 1.0
    config = GrpoConfig(aggregation=aggregation, epochs=2, importance_cap=None)
    _, without = ours(tiny_llama(seed=1), episodes, config)
    _, tiny = ours(tiny_llama(seed=1), episodes, config.model_copy(update={"kl": 1e-7}))
    agrees(tiny, without)


def test_each_minibatch_has_a_step_of_its_own_on_ratios_to_the_policy_before_all_of_them() -> None:
    config = GrpoConfig(minibatches=2, learning_rate=0.02, max_grad_norm=1e9, importance_cap=None)
    network, by_hand, episodes = tiny_llama(seed=7), tiny_llama(seed=7), multi_turn()
    algorithm = GrpoAlgorithm(config)
    batch = algorithm.choose(groups_of(episodes))
    assert batch is not None
    metrics = update(algorithm, Optimizer(network, config, Team()), None, batch, step=1)
    assert metrics["logprob_diff"] < 1e-6, "what sampled is the policy before the first step"

    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.02, betas=(0.9, 0.999), weight_decay=0.0)
    parts = batch.split(2, seed=1)
    assert sorted(e.sample for part in parts for e in part.episodes) == sorted(e.sample for e in episodes)
    for part in parts:
        optimizer.zero_grad()
        assert part.advantages is not None
        losses = []
        for episode, advantage in zip(part.episodes, part.advantages, strict=True):
            logprobs = torch.log_softmax(by_hand(input_ids=torch.tensor([episode.ids])).logits[0], -1)
            for i, token in enumerate(episode.ids):
                if episode.mask[i]:
                    ratio = torch.exp(logprobs[i - 1, token] - episode.logprobs[i])
                    clipped = ratio.clamp(0.9, 1.1)
                    losses.append(-torch.minimum(ratio * advantage, clipped * advantage))
        torch.stack(losses).mean().backward()
        optimizer.step()
    mine, hands = (torch.cat([p.detach().flatten() for p in n.parameters()]) for n in (network, by_hand))
    agrees(mine, hands, relative=1e-4)


def test_micro_batches_do_not_change_the_gradient() -> None:
    config = GrpoConfig(epochs=2)
    whole = ours(tiny_llama(seed=1), multi_turn(), config)
    cut = ours(tiny_llama(seed=1), multi_turn(), config.model_copy(update={"micro_batch_tokens": 30}))
    assert whole[0] == pytest.approx(cut[0], rel=1e-5, abs=1e-7)
    agrees(cut[1], whole[1])


def ppo_by_the_equations(
    network: Any, before: Any, head: Any, episodes: list[Episode], config: PpoConfig
) -> Tensor:
    """PPO with loops over episodes and tokens; ``before`` is the critic as it was, ``head`` as it is."""
    told: list[dict[str, Any]] = []
    for episode in episodes:
        places = [i for i, own in enumerate(episode.mask) if own]
        ids = torch.tensor([episode.ids])
        with torch.no_grad():
            hidden = old_policy().model(input_ids=ids).last_hidden_state[0]
        values = [float(before.layers(hidden[i - 1]).detach()) for i in places]
        old_logprobs = [float(all_logprobs(old_policy(), episode)[i - 1]) for i in places]
        ref_logprobs = [float(all_logprobs(reference_policy(), episode)[i - 1]) for i in places]
        rewards = [-config.kl * (o - a) for o, a in zip(old_logprobs, ref_logprobs, strict=True)]
        rewards[-1] += float(episode.reward or 0.0)
        advantages = []
        for start in range(len(places)):
            total = 0.0
            for later in range(start, len(places)):
                next_value = values[later + 1] if later + 1 < len(places) else 0.0
                surprise = rewards[later] + config.gamma * next_value - values[later]
                total += (config.gamma * config.gae_lambda) ** (later - start) * surprise
            advantages.append(total)
        told.append({"places": places, "ids": ids, "old": old_logprobs, "values": values, "raw": advantages})
    raw = torch.tensor([a for row in told for a in row["raw"]], dtype=torch.float64)
    mean, deviation = float(raw.mean()), float(raw.std(unbiased=False))
    loss = torch.zeros(())
    for episode, row in zip(episodes, told, strict=True):
        output = network(input_ids=row["ids"], output_hidden_states=True)
        logits, hidden = output.logits[0], output.hidden_states[-1][0]
        for n, i in enumerate(row["places"]):
            logprob = torch.log_softmax(logits[i - 1], -1)[episode.ids[i]]
            ratio = torch.exp(logprob - row["old"][n])
            advantage = (row["raw"][n] - mean) / deviation
            limited = min(max(float(ratio.detach()), 1 - config.clip_low), 1 + config.clip_high)
            # the smaller of the two; where it is the limited one, nothing is learnt
            better = (
                ratio * advantage
                if float(ratio.detach()) * advantage <= limited * advantage
                else limited * advantage
            )
            weight = min(torch.exp(torch.tensor(row["old"][n] - episode.logprobs[i])).item(), 2.0)
            value = head.layers(hidden[i - 1].detach())[0]
            goal, before = row["raw"][n] + row["values"][n], row["values"][n]
            near = before + torch.clamp(value - before, -config.value_clip, config.value_clip)
            loss = loss - weight * better + 0.5 * torch.maximum((value - goal) ** 2, (near - goal) ** 2)
    return loss / raw.numel()


@pytest.mark.parametrize("gae_lambda", [1.0, 0.8])
def test_ppo_is_the_equations(gae_lambda: float) -> None:
    config = PpoConfig(gae_lambda=gae_lambda, gamma=0.95, kl=0.1, clip_high=0.2, micro_batch_tokens=60)
    episodes, network = multi_turn(), tiny_llama(seed=1)
    before, head = HeadCritic(network, seed=5), HeadCritic(network, seed=5)
    for one in (before, head):  # the last layer begins at 0: give it something to say
        torch.manual_seed(11)
        torch.nn.init.normal_(one.layers[-1].weight, std=0.5)
    preparation = Preparation(old_policy(), lambda: nullcontext(reference_policy()), Team(), config)
    prepared_batches = PpoAlgorithm(config, before).prepare(preparation, PolicyBatch(episodes))
    torch.nn.init.normal_(head.layers[-1].weight, std=0.6)  # the critic has moved since
    torch.nn.init.normal_(network.lm_head.weight, std=0.15)
    tokens, total = sum(map(agent_tokens, episodes)), 0.0
    for prepared in prepared_batches:
        scores = score(network, prepared.batch)
        loss = PpoAlgorithm(config, head).loss(scores, prepared, tokens).loss
        loss.backward()
        total += float(loss.detach())
    mine = torch.cat([gradients(network), gradients(head)])

    network.zero_grad()
    head.zero_grad()
    expected = ppo_by_the_equations(network, before, head, episodes, config)
    expected.backward()
    assert total == pytest.approx(float(expected.detach()), rel=1e-5)
    agrees(mine, torch.cat([gradients(network), gradients(head)]))
