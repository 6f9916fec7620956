"""Who plays the user of a small environment: a script, a model, or a class of the author's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from selfchal.core.environment import Chat, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json
from selfchal.simulated_users.model_user import ModelUser
from selfchal.simulated_users.scripted_user import ScriptedUser

UserKind = Literal["scripted", "llm", "react"]
USER_KINDS: tuple[str, ...] = get_args(UserKind)
MakeUser = Callable[[str, Mapping[str, Json], Chat | None], User]  # of the instruction and the context


def make_user(
    environment: str,
    chosen: UserKind | MakeUser,
    instruction: str,
    context: Mapping[str, Json],
    chat: Chat | None,
) -> User:
    """The user who wants this. Raises EnvironmentDataError where a model is to play and there is none."""
    if callable(chosen):
        return chosen(instruction, context, chat)
    if chosen == "scripted":
        return ScriptedUser(instruction)
    if chat is None:
        raise EnvironmentDataError(
            f"{environment} was made with user={chosen!r}, which needs a model to play the user, and there "
            "is none here; name one, or make the environment with user='scripted'"
        )
    return ModelUser(instruction, chat, thinks=chosen == "react")
