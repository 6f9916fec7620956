"""What a manifest's plugins ask of models beside the policy: to play users, to rate episodes.

An answer is None where a plugin does not say, and the model is then loaded when it is first asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.judge import STANDARD_CHECKS
from selfchal.core.model import Capability
from selfchal.pipeline.manifest.choices import Manifest
from selfchal.pipeline.requirements import find_asks_model


def asks_user(manifest: Manifest) -> bool | None:
    """Does a model play the users of an environment?"""
    return _any_asks([find_asks_model(one.plugin, one.config) for one in manifest.environments])


def asks_judge(manifest: Manifest) -> bool | None:
    """Does a model rate episodes, or read instructions for a check of the judge?"""
    known = [
        # a standard check asks no model unless it says so
        find_asks_model(check.plugin, check.config) or (False if check.name in STANDARD_CHECKS else None)
        for check in manifest.checks
    ]
    if manifest.synthesizer is not None:
        known.append(find_asks_model(manifest.synthesizer.plugin, manifest.synthesizer.config))
    if manifest.settings.tasks is not None:
        known.append(None)  # any of them may come without an evaluate
    return _any_asks(known)


def _any_asks(known: Sequence[bool | None]) -> bool | None:
    return True if True in known else None if None in known else False


def is_trained(manifest: Manifest) -> bool:
    """Does this run change the weights of its policy?"""
    return manifest.trainer is not None and Capability.GRADIENTS in manifest.trainer.plugin.needs
