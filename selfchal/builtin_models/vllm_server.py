"""One vLLM server over HTTP: what is asked of it, and how it is given weights.

Weights are loaded over its development endpoints, which let anyone who reaches them do anything: they are
for loopback, or for a network whose every user is trusted. Heavy: imports httpx.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfchal.builtin_models.completions import Completions
from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.builtin_models.rendering import Renderer
from selfchal.builtin_models.server_metrics import Sums, read_sums
from selfchal.builtin_models.transport import RetryableError
from selfchal.core.model import Generation, Sampling

ADAPTER = "selfchal"  # the name under which a server knows the adapter
ONCE = 0  # retries: a fleet asks another server, and gives this one its weights before it asks it again


class Server:
    """Raises UnansweredError where no whole answer came, and ModelError for what another try will not mend.

    ``context`` is the most ids of a conversation.
    """

    def __init__(self, address: str, renderer: Renderer) -> None:
        self.root = address.rstrip("/").removesuffix("/v1")
        self._admin = Endpoint(self.root, patience=Patience(timeout=600, retries=ONCE), concurrency=1)
        self._endpoint = Endpoint(
            f"{self.root}/v1", patience=Patience(timeout=3600, retries=ONCE), concurrency=1
        )
        self._base, self.context = self._endpoint.get("/models", read_card)
        self._completions = Completions(self._endpoint, renderer, self.context)

    def ask(self, prompt: Sequence[int], sampling: Sampling, seed: int, *, adapted: bool) -> Generation:
        """What is said after these ids; through the adapter, or by the weights below it."""
        model = ADAPTER if adapted else self._base
        return self._completions.ask(model, prompt, sampling, seed)

    def load_weights(self, directory: Path) -> None:
        """Take the weights of a transformers directory, which it reads itself."""
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(directory)}}
        self._admin.command("/collective_rpc", body)

    def load_adapter(self, directory: Path) -> None:
        body = {"lora_name": ADAPTER, "lora_path": str(directory), "load_inplace": True}
        self._endpoint.command("/load_lora_adapter", body)

    def read_metrics(self) -> Sums:
        """What it has done since it began."""
        return read_sums(self._admin.get_text("/metrics"))

    def reset_cache(self) -> None:
        """Empty the prefix cache."""
        self._admin.command("/reset_prefix_cache", {})

    def sleep(self, level: int) -> None:
        """Give GPU memory up. Level 1 keeps the weights in the host's memory, level 2 discards them."""
        self._admin.command(f"/sleep?level={level}", {})

    def wake(self, part: str) -> None:
        """Take memory back: that of ``weights`` or of ``kv_cache``."""
        self._admin.command(f"/wake_up?tags={part}", {})

    def close(self) -> None:
        self._endpoint.close()
        self._admin.close()


def read_card(answer: Any) -> tuple[str, int]:
    """The name and the context of the model that a server holds."""
    try:
        card = answer["data"][0]
        return str(card["id"]), int(card.get("max_model_len") or 4096)
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise RetryableError("a list of models that names none") from error
