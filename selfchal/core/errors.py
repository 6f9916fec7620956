"""What can go wrong, one exception type a boundary.

Every message is a sentence for the person at the terminal: what was wrong, where, and what to do.
The command line prints it and exits with code 2; anything that is not a ``SelfchalError`` is a bug
and keeps its traceback. What the model writes never raises: a bad rollout is data (``Episode.end``,
``Verdict``).
"""

from __future__ import annotations


class SelfchalError(Exception):
    """Something the user can mend."""


class ManifestError(SelfchalError):
    """The manifest (or a ``--set`` override) cannot be used as written."""


class PluginError(SelfchalError):
    """A plugin is missing, broken, ambiguous, or cannot be combined with another."""


class EnvironmentDataError(SelfchalError):
    """An environment's data files are missing or malformed."""


class ModelError(SelfchalError):
    """A model's weights, tokenizer or server cannot be used."""


class PromptRefusedError(ModelError):
    """A model's endpoint would not answer this one prompt: that costs an episode, never the run."""


class SandboxUnavailableError(SelfchalError):
    """This machine cannot give what the sandbox promises; nothing untrusted was run."""


class SandboxError(SelfchalError):
    """The sandbox itself failed, again after retries: an infrastructure failure, never a verdict."""


class EngineError(SelfchalError):
    """No worker can be had to play or judge in, or one after the other is lost."""


class StoreError(SelfchalError):
    """The run directory cannot be read, written, or belongs to another manifest."""


class TrainingError(SelfchalError):
    """Training cannot go on: no task, no signal in any reward, or a gradient that is not finite."""
