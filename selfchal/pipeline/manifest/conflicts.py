"""What cannot go together in one manifest: parts that do not fit, and options that would be ignored."""

from __future__ import annotations

from collections.abc import Iterator

from selfchal.core.errors import ManifestError
from selfchal.core.model import Capability
from selfchal.pipeline.example import read_example
from selfchal.pipeline.manifest.asking import asks_judge, asks_user, is_trained
from selfchal.pipeline.manifest.choices import PROPOSING, Choice, Manifest
from selfchal.pipeline.requirements import (
    find_frozen_config,
    find_hosts_servers,
    find_known_environments,
    find_prices,
    find_staleness_obstacle,
    find_unfit_checks,
)
from selfchal.pipeline.store import DATABASE

NO_SECOND = (
    "is trained in place, and the weights that it begins with cannot be had beside it; name another model to "
    "play users (user) or to rate (judge)"
)


def list_conflicts(manifest: Manifest) -> Iterator[str]:
    """A sentence for each thing that is wrong, with what to do."""
    if manifest.trainer is None:
        yield from _list_useless_without_trainer(manifest)
    else:
        yield from _list_unfit_for(manifest.trainer, manifest)
    if manifest.synthesizer is None:
        yield from _list_useless_without_synthesizer(manifest)
    if manifest.settings.curriculum.train_challenger and manifest.challenger:
        yield (
            "curriculum.train_challenger trains the policy as its own challenger; leave out challenger, the "
            "other model that writes the tasks"
        )
    yield from _list_staleness_faults(manifest)
    yield from _list_source_faults(manifest)
    yield from _list_role_faults(manifest)
    yield from _list_missing_prices(manifest)
    yield from _list_example_faults(manifest)
    yield from _list_unfit_checks(manifest)


def _list_example_faults(manifest: Manifest) -> Iterator[str]:
    file = manifest.settings.evaluation.example
    try:
        if file:
            read_example(file)
    except ManifestError as error:
        yield str(error)


def list_strangers(manifest: Manifest) -> Iterator[str]:
    """A sentence for each model that would have to act or speak in an environment that it does not know."""
    names = [choice.name for choice in manifest.environments]
    for section, choice in (
        ("model", manifest.model),
        ("challenger", manifest.challenger),
        ("user", manifest.user),
        ("evaluation_user", manifest.evaluation_user),
        ("judge", manifest.judge),
    ):
        known = find_known_environments(choice.plugin, choice.config) if choice else None
        strange = [name for name in names if known is not None and name not in known]
        if choice and known is not None and strange:
            yield (
                f"{section}: {choice.name!r} with these options knows {', '.join(sorted(known))} alone and "
                f"would solve nothing in {', '.join(map(repr, strange))}; put a model there "
                "that can read: name: openai with base_url and model of an endpoint, or name: transformers "
                "with the path of a model"
            )


def _list_unfit_for(trainer: Choice, manifest: Manifest) -> Iterator[str]:
    model = manifest.model
    missing = trainer.plugin.needs - model.plugin.provides(model.config)
    if missing:
        yield (
            f"trainer {trainer.name!r} needs {', '.join(sorted(missing))} from the model, and model "
            f"{model.name!r} with these options does not give that; choose another model for this trainer "
            "(transformers, seedling, vllm), and this one as challenger, or as teacher of rft or dpo; or "
            "leave out trainer, to make tasks with this model and measure it"
        )
    if manifest.teacher and Capability.LOGPROBS in trainer.plugin.needs:
        yield (
            f"trainer {trainer.name!r} learns from its own rollouts, so a teacher cannot make them; leave "
            "teacher out, or train with rft (distillation) or dpo"
        )


def _list_useless_without_trainer(manifest: Manifest) -> Iterator[str]:
    settings = manifest.settings
    if manifest.teacher:
        yield "teacher makes the rollouts that a trainer learns from; name a trainer, or leave out teacher"
    if settings.curriculum.train_challenger:
        yield "curriculum.train_challenger needs a trainer; name one, or leave it out"
    if settings.evaluation.every:
        yield "evaluation.every measures the updates of a trainer; name one, or leave it out"
    if manifest.synthesizer is None and settings.rounds > 1:
        yield (
            "rounds: without a synthesizer and a trainer every round would do the same; leave it out, or "
            "name one of the two"
        )


def _list_staleness_faults(manifest: Manifest) -> Iterator[str]:
    """Where rollouts and updates cannot go on at the same time."""
    trainer, model = manifest.trainer, manifest.model
    if not manifest.settings.rollout.staleness:
        return
    if trainer is None:
        yield "rollout.staleness is about the updates of a trainer; name one, or leave it out"
        return
    obstacle = find_staleness_obstacle(trainer.plugin, trainer.config)
    if obstacle is None:
        yield (
            f"rollout.staleness: trainer {trainer.name!r} does not roll out and update at the same time; "
            "leave it out, or train with grpo or ppo"
        )
    elif obstacle:
        yield f"rollout.staleness: trainer {trainer.name!r}: {obstacle}"
    hosted = find_hosts_servers(manifest.engine.plugin, manifest.engine.config)
    obstacle = find_staleness_obstacle(model.plugin, model.config, hosted=hosted)
    if obstacle is None:
        obstacle = "cannot be sampled from while it is updated"
    if obstacle:
        yield (
            f"rollout.staleness: model {model.name!r} {obstacle}; leave staleness out, or let servers sample "
            "(model.name: vllm)"
        )


def _list_useless_without_synthesizer(manifest: Manifest) -> Iterator[str]:
    settings = manifest.settings
    useless = [section for section in PROPOSING if section in settings.model_fields_set]
    useless += ["challenger"] if manifest.challenger else []
    useless += ["curriculum.train_challenger"] if settings.curriculum.train_challenger else []
    useless += ["evaluation.exam"] if settings.evaluation.exam else []
    if useless:
        yield (
            f"{', '.join(useless)}: nothing is proposed where tasks are given and no synthesizer is named; "
            "name a synthesizer, or leave that out"
        )


def _list_role_faults(manifest: Manifest) -> Iterator[str]:
    named = {"user": manifest.user, "evaluation_user": manifest.evaluation_user}
    users = [section for section, choice in named.items() if choice]
    if users and asks_user(manifest) is False:
        yield (
            f"{', '.join(users)}: no model plays the users of environment {manifest.name_environments()!r} "
            "with these options; leave that out, or let one play them (environment.user: react, where there "
            "is such an option)"
        )
    if manifest.judge and asks_judge(manifest) is False:
        yield (
            "judge: no model rates anything in this run, since each task has an evaluate of its own; leave "
            "it out, or ask one (synthesizer pae, or the option reader of the check completeness)"
        )
    lacking = [
        section
        for section, choice, asks in (
            ("user", manifest.user, asks_user(manifest)),
            ("judge", manifest.judge, asks_judge(manifest)),
        )
        if asks and choice is None
    ]
    model = manifest.model
    if lacking and is_trained(manifest) and find_frozen_config(model.plugin, model.config) is None:
        yield (f"{', '.join(lacking)}: model {model.name!r} with these options {NO_SECOND}")


def _list_missing_prices(manifest: Manifest) -> Iterator[str]:
    settings = manifest.settings
    if settings.budget.money is None:
        return
    for section, choice in (
        ("model", manifest.model),
        ("challenger", manifest.challenger),
        ("teacher", manifest.teacher),
    ):
        if choice and find_prices(choice.plugin, choice.config) is None:
            yield (
                f"budget.money needs to know what {section} {choice.name!r} costs; give {section}.price_in "
                f"and {section}.price_out, of which one is above 0"
            )


def _list_unfit_checks(manifest: Manifest) -> Iterator[str]:
    unfit = find_unfit_checks(manifest.sandbox.plugin)
    for check in manifest.checks:
        if check.name in unfit:
            yield (
                f"sandbox {manifest.sandbox.name!r}: the check {check.name!r} cannot be made in it, so "
                "every task would be refused; judge in sandbox 'process' or 'docker', switch the check off "
                f"(checks: [{{name: {check.name}, enabled: false}}]), or measure alone (selfchal eval)"
            )


def _list_source_faults(manifest: Manifest) -> Iterator[str]:
    section = manifest.settings.tasks
    if section is None or section.source.is_file() or (section.source / DATABASE).is_file():
        return
    yield (
        f"tasks.from: {section.source} is neither a file, with a task a line as JSON, nor the directory of a "
        "run (a split of an environment cannot be a source so far)"
    )
