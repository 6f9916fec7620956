"""Sessions by id: which makes room for another one, and which cannot be had."""

from __future__ import annotations

from itertools import count

import pytest

from selfchal.serving.sessions import SessionError, Sessions


def test_what_is_not_attached_makes_room_the_least_recently_used_first() -> None:
    numbers = count()
    sessions = Sessions(lambda: [next(numbers)], most=3)
    first, second, held = sessions.open(), sessions.open(), sessions.open(attached=True)
    assert sessions.use(first, sum) == 0
    sessions.open(attached=True)
    with pytest.raises(KeyError):
        sessions.use(second, sum)
    assert (sessions.use(first, sum), sessions.use(held, sum)) == (0, 2)
    sessions.attach(first)
    with pytest.raises(SessionError, match="all 3 sessions"):
        sessions.open(attached=True)


def test_a_session_is_one_connections_until_it_is_released_or_closed() -> None:
    sessions = Sessions(list)
    name = sessions.open(attached=True)
    with pytest.raises(SessionError, match="already"):
        sessions.attach(name)
    sessions.release(name)
    sessions.attach(name)
    sessions.close(name)
    for gone in (sessions.attach, sessions.close):
        with pytest.raises(KeyError):
            gone(name)
    sessions.release(name)
