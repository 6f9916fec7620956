"""Whatever Ray says of an actor that is gone, the actor is lost; what the actor's own code raised is no loss."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.builtin_engines.ray_connection import get_or_lose
from selfchal.hosting import HostLostError

ray: Any = pytest.importorskip("ray")

OWN_CODE = ray.exceptions.RayTaskError
LOSSES = [
    error
    for error in vars(ray.exceptions).values()
    if isinstance(error, type)
    and issubclass(error, ray.exceptions.RayError)
    and not issubclass(error, OWN_CODE)
]


def raise_from_get(monkeypatch: pytest.MonkeyPatch, kind: type[Exception], text: str) -> None:
    """``ray.get`` raises such an error; most of these cannot be made without the facts that Ray has."""
    made = type(kind.__name__, (kind,), {"__init__": lambda self: None, "__str__": lambda self: text})

    def get(reference: object) -> object:
        raise made()

    monkeypatch.setattr(ray, "get", get)


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_an_actor_that_is_gone_is_lost_however_it_went(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_from_get(monkeypatch, kind, "killed for memory\nand much more")
    with pytest.raises(HostLostError, match=r"a Ray actor was lost: killed for memory$"):
        get_or_lose(None)
    raise_from_get(monkeypatch, kind, "")
    with pytest.raises(HostLostError, match=f"a Ray actor was lost: {kind.__name__}"):
        get_or_lose(None)


def test_what_the_actors_own_code_raised_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    raise_from_get(monkeypatch, OWN_CODE, "a fault of the program")
    with pytest.raises(OWN_CODE, match="a fault of the program"):
        get_or_lose(None)
