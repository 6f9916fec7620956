from __future__ import annotations

import pytest

from selfchal.judging.reading.short_names import is_short_name

PAGE = "Head of office: Ulla Valcourt [Clickable]\n- Bettina Ueda, Surveyor\n- Edda Grady\n- Ulla Rourke"


@pytest.mark.parametrize("short", ["ms valcourt", "Mrs. Valcourt", "Valcourt", "U. Valcourt"])
def test_a_surname_is_enough_where_one_person_has_it(short: str) -> None:
    assert is_short_name(short, "Ulla Valcourt", [PAGE])


@pytest.mark.parametrize("short", ["Ulla", "ms rourke", "B. Valcourt", "Emil Valcourt", "valcourtine", "", 3])
def test_another_name_and_a_first_name_are_not(short: object) -> None:
    assert not is_short_name(short, "Ulla Valcourt", [PAGE])


def test_a_surname_that_two_people_have_settles_nothing() -> None:
    assert not is_short_name("ms valcourt", "Ulla Valcourt", [PAGE, "Given by: Emil Valcourt"])
    assert not is_short_name("ms valcourt", "Ulla Valcourt", ["Valcourt", "Ulla Valcourt"])
