"""Where weights and tokenizers are meant to come from, checked before torch or transformers are loaded."""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from selfchal.core.errors import ModelError

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_HUB = "https://huggingface.co"
_SECONDS = 3.0  # for a connection to the hub
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def find_source_obstacle(path: str, option: str = "path", *, weights: bool = True) -> str:
    """Why nothing can be loaded from this directory or hub name; empty where it seems to be there.

    ``option`` of the model names it; without ``weights`` a tokenizer is all that is looked for.
    """
    try:
        check_source(path, option, weights=weights)
    except ModelError as error:
        return str(error)
    return "" if Path(path).expanduser().exists() else _find_hub_obstacle(path, option)


def check_source(path: str, option: str = "path", *, weights: bool = True) -> None:
    """Raise ModelError where ``path`` is meant as a directory and holds no transformers model."""
    if not path:
        raise ModelError(f"model.{option}: is empty. Give a directory, or a hub name (org/name).")
    directory = Path(path).expanduser()
    if not directory.exists():
        if path.startswith((".", "/", "~")) or path.count("/") > 1:
            raise ModelError(
                f"model.{option}: no directory {path!r}. Check the path, or give a hub name (org/name)."
            )
        return
    if not directory.is_dir():
        raise ModelError(f"model.{option}: {path!r} is a file. Point to the directory that it lies in.")
    if not weights:
        return
    if not (directory / "config.json").is_file():
        raise ModelError(
            f"model.{option}: {path!r} has no config.json, so it is no transformers model. "
            "Point to the directory that save_pretrained wrote."
        )
    if not any(file for pattern in WEIGHTS for file in directory.glob(pattern)):
        raise ModelError(
            f"model.{option}: {path!r} has no weights (*.safetensors). Download them into it, "
            "or, if they are Git LFS pointers, run `git lfs pull` there."
        )


def _find_hub_obstacle(name: str, option: str) -> str:
    """A hub name needs the network, unless it was downloaded before."""
    if find_spec("huggingface_hub") is None or _is_cached(name):
        return ""
    cure = "give the path of a directory, or download it where there is a network"
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false"):
        return f"model.{option}: {name!r} is not in the local cache, and HF_HUB_OFFLINE is set; {cure}"
    if any(os.environ.get(proxy) for proxy in _PROXIES):
        return ""  # only the proxy knows
    hub = urlsplit(os.environ.get("HF_ENDPOINT", _HUB))
    address = hub.hostname or "", hub.port or (80 if hub.scheme == "http" else 443)
    try:
        socket.create_connection(address, timeout=_SECONDS).close()
    except OSError as error:
        return (
            f"model.{option}: {name!r} is no directory and not in the local cache, and {address[0]} cannot "
            f"be reached ({error}); {cure}"
        )
    return ""


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json"), str)
