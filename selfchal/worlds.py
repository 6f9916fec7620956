"""What an environment of somebody else's is written with, beyond ``small_environment``.

Tables with worlds that record what they changed, the comparison of answers, and simulated users
(docs/plugins/environment.md). The modules that these names come from may change. A name is looked up when it
is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfchal.lazy_names import look_up_names

if TYPE_CHECKING:
    from selfchal.builtin_envs.tables.database import Database
    from selfchal.builtin_envs.tables.overlay import Overlay, Table
    from selfchal.builtin_envs.tables.profiles import checked_toolset
    from selfchal.builtin_envs.tables.world import Refused, TableWorld, Toolset
    from selfchal.simulated_users.model_user import ModelUser
    from selfchal.simulated_users.scripted_user import ScriptedUser
    from selfchal.small_envs.matching import is_in_reply, is_match
    from selfchal.small_envs.users import make_user

__all__ = [
    "Database",
    "ModelUser",
    "Overlay",
    "Refused",
    "ScriptedUser",
    "Table",
    "TableWorld",
    "Toolset",
    "checked_toolset",
    "is_in_reply",
    "is_match",
    "make_user",
]

_NAMES_BY_MODULE = {
    "selfchal.builtin_envs.tables.database": ("Database",),
    "selfchal.builtin_envs.tables.overlay": ("Overlay", "Table"),
    "selfchal.builtin_envs.tables.profiles": ("checked_toolset",),
    "selfchal.builtin_envs.tables.world": ("Refused", "TableWorld", "Toolset"),
    "selfchal.simulated_users.model_user": ("ModelUser",),
    "selfchal.simulated_users.scripted_user": ("ScriptedUser",),
    "selfchal.small_envs.matching": ("is_in_reply", "is_match"),
    "selfchal.small_envs.users": ("make_user",),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name
    __getattr__ = look_up_names(__name__, _MODULES)
