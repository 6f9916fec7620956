"""The algorithm learns, resumes, moves the agent's tokens alone, and is found by its name."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from selfchal_reinforce import Reinforce, ReinforceConfig
from selfchal_reinforce.algorithm import ReinforceAlgorithm, RunningMean

from selfchal import Episode, Group, SelfchalError
from selfchal.cli.main import cli
from selfchal.on_policy import Preparation, Team, micro_batches, score
from selfchal.plugins import load_plugins
from selfchal.testing.conformance import Case, trainer_cases
from selfchal.testing.conformance.game import (
    VOCABULARY,
    MemoryProgress,
    TinyModel,
    pass_rate,
    tiny_network,
    training,
)
from selfchal.testing.gradient_watch import watch_gradient

torch.set_num_threads(1)  # the network is so small that threads would only wait for each other
MANIFEST = Path(__file__).parents[1] / "manifest.yaml"
OPTIONS = ReinforceConfig(steps=40, tasks_per_step=8, group_size=8, learning_rate=0.02)
SHORT = OPTIONS.model_copy(update={"steps": 6, "checkpoint_every": 3})
GAME = {"steps", "tasks_per_step", "group_size", "learning_rate"}
CONTRACT = {"steps": 6, "tasks_per_step": 4, "group_size": 8, "checkpoint_every": 2, "learning_rate": 0.02}


def episode(reward: float | None, tokens: int = 1) -> Episode:
    said = [1] * tokens
    return Episode("t", 0, ids=[0, *said], mask=[0, *said], logprobs=[0.0] * (1 + tokens), reward=reward)


def choose(algorithm: ReinforceAlgorithm, *rewards: float | None) -> list[float] | None:
    """The advantages of one update with these rewards."""
    batch = algorithm.choose([Group("t", tuple(map(episode, rewards)))])
    return None if batch is None or batch.advantages is None else batch.advantages.tolist()


@pytest.mark.parametrize("case", trainer_cases(Reinforce, CONTRACT), ids=str)
def test_the_trainer_keeps_the_contract(case: Case) -> None:
    case()


def test_it_learns_the_game() -> None:
    model = TinyModel()
    before = pass_rate(model.network)
    Reinforce(OPTIONS).train(training(model, MemoryProgress(model)))
    assert before < 2 / VOCABULARY
    assert pass_rate(model.network) > 0.9


def test_it_learns_from_one_episode_a_task() -> None:
    model = TinyModel()
    options = OPTIONS.model_copy(update={"group_size": 1, "steps": 80})
    Reinforce(options).train(training(model, MemoryProgress(model)))
    assert pass_rate(model.network) > 0.9


def test_stopped_and_resumed_it_ends_in_the_very_same_weights() -> None:
    undisturbed = TinyModel()
    Reinforce(SHORT).train(training(undisturbed, MemoryProgress(undisturbed)))

    stopped = TinyModel()
    progress = MemoryProgress(stopped, stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        Reinforce(SHORT).train(training(stopped, progress))
    resumed = TinyModel()
    after = MemoryProgress(resumed, kept=progress.kept)
    Reinforce(SHORT).train(training(resumed, after))

    for name, weight in undisturbed.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


def test_the_baseline_is_the_running_mean_of_earlier_updates() -> None:
    algorithm = ReinforceAlgorithm(ReinforceConfig(baseline_decay=0.5), RunningMean(0.5))
    assert choose(algorithm, 1, 0) == [1, 0]  # nothing came before
    assert choose(algorithm, 1, 1) == [0.5, 0.5]  # the mean of 0.5 alone
    assert choose(algorithm, 0) == pytest.approx([-(0.25 * 0.5 + 0.5 * 1) / 0.75])


def test_an_unjudged_episode_has_no_part_in_anything() -> None:
    algorithm = ReinforceAlgorithm(ReinforceConfig(), RunningMean(0.9))
    assert choose(algorithm, None) is None
    assert choose(algorithm, 1, None, 0) == [1, 0]
    assert algorithm.baseline.read() == pytest.approx(0.5)


def test_a_policy_that_always_passes_has_nothing_to_learn_after_a_while() -> None:
    algorithm = ReinforceAlgorithm(ReinforceConfig(), RunningMean(0.9))
    choose(algorithm, 1, 0)
    found = [choose(algorithm, 1, 1) is not None for _ in range(60)]
    assert found[0]
    assert not found[-1]


def test_the_gradient_is_that_of_the_mean_over_the_tokens_of_minus_advantage_times_log_probability() -> None:
    options = ReinforceConfig(entropy_bonus=0.5, importance_cap=None)
    algorithm = ReinforceAlgorithm(options, RunningMean(0.9))
    network, played = tiny_network(), [episode(1, tokens=3), episode(-1, tokens=1)]
    batch = algorithm.choose([Group("t", tuple(played))])
    assert batch is not None
    for part in algorithm.prepare(Preparation(network, None, Team(), options), batch):
        algorithm.loss(score(network, part.batch, entropy_gradient=True), part, tokens=4).loss.backward()
    found = gradients(network)

    network.zero_grad()
    total = torch.zeros(())
    for one in played:
        scores = score(network, *micro_batches([one], 1_000), entropy_gradient=True)
        total = total - (one.reward * scores.logprobs + 0.5 * scores.entropies).sum() / 4
    total.backward()
    torch.testing.assert_close(found, gradients(network))


def gradients(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


@pytest.mark.parametrize(
    "seams",
    [
        {"clip": "ppo", "clip_low": 0.2, "clip_high": 0.2, "epochs": 2},
        {"clip": "cispo", "minibatches": 2, "aggregation": "sequence"},
        {"ratio": "sequence", "importance": "mask", "aggregation": "constant", "length_budget": 1},
    ],
    ids=str,
)
def test_it_learns_the_game_with_every_seam_that_it_does_not_replace(seams: dict[str, Any]) -> None:
    model = TinyModel()
    Reinforce(ReinforceConfig(**{**OPTIONS.model_dump(include=GAME), **seams})).train(
        training(model, MemoryProgress(model))
    )
    assert pass_rate(model.network) > 0.9


def test_kl_lowers_what_the_tokens_are_worth_that_have_become_likelier() -> None:
    options = ReinforceConfig(kl=0.5)
    algorithm = ReinforceAlgorithm(options, RunningMean(0.9))
    network, reference = tiny_network(), tiny_network()
    with torch.no_grad():
        network.get_output_embeddings().weight.mul_(3)
    batch = algorithm.choose([Group("t", (episode(1),))])
    assert batch is not None
    preparation = Preparation(network, lambda: nullcontext(reference), Team(), options)
    (part,) = algorithm.prepare(preparation, batch)
    (micro,) = micro_batches(batch.episodes, 100)
    moved = score(network, micro).logprobs - score(reference, micro).logprobs
    assert part.advantages.tolist() == pytest.approx((1 - 0.5 * moved).tolist())


def test_only_the_agents_tokens_carry_gradient() -> None:
    model, played = TinyModel(), list[Episode]()
    options = OPTIONS.model_copy(update={"steps": 2, "kl": 0.1, "entropy_bonus": 0.01})
    with watch_gradient(model.network, played) as watch:
        Reinforce(options).train(training(model, MemoryProgress(model), played))
    assert watch.leaks == []
    assert watch.own > len(played) / 2


def test_one_pass_takes_each_group_once() -> None:
    assert Reinforce(ReinforceConfig(tasks_per_step=4)).one_pass(9).config.steps == 2


def test_without_torch_validation_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfchal.core.requirement.find_spec", lambda module: None)
    done = CliRunner().invoke(cli, ["validate", str(MANIFEST)])
    assert isinstance(done.exception, SelfchalError)
    assert "'reinforce'" in str(done.exception)
    assert "pip install 'selfchal[train]'" in str(done.exception)


def test_it_is_found_by_its_name_and_its_manifest_is_valid() -> None:
    assert load_plugins().find("trainer", "reinforce") is Reinforce
    done = CliRunner().invoke(cli, ["validate", str(MANIFEST)])
    assert done.exit_code == 0, done.output
