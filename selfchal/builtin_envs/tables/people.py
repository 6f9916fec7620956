"""Invented people and places for the generated worlds."""

from __future__ import annotations

from random import Random
from typing import Any


def _split_words(text: str) -> list[str]:
    return " ".join(text.split()).split(", ")


FIRST_NAMES = _split_words(
    """
    Ada, Alba, Amara, Anders, Anouk, Aziz, Bela, Bruno, Carla, Cedric, Dalia, Dario, Edda, Elif,
    Emre, Farid, Fiona, Greta, Hana, Hugo, Ilse, Imani, Ines, Ivan, Jalen, Jonas, Kaito, Kamal,
    Kira, Laila, Leon, Lucia, Malik, Marta, Milo, Nadia, Nils, Noor, Oskar, Paloma, Petra, Quinn,
    Rafael, Rosa, Samir, Selma, Tariq, Tessa, Uma, Viktor, Wanda, Xenia, Yara, Yusra, Zane, Zoya
    """
)
LAST_NAMES = _split_words(
    """
    Abbott, Aguirre, Baker, Banerjee, Becker, Bianchi, Castillo, Chandra, Dubois, Eriksen, Farouk,
    Fischer, Garrido, Haddad, Hansen, Ibrahim, Ivanova, Jansen, Kaplan, Keller, Kimura, Lambert,
    Lindgren, Lopes, Mbeki, Meyer, Moreau, Nakamura, Novak, Okafor, Olsen, Pereira, Petrov, Quist,
    Rahman, Ricci, Romero, Sato, Schmidt, Silva, Suzuki, Tanaka, Torres, Ueda, Vargas, Vogel, Weber,
    Wright, Yilmaz, Zhou
    """
)
STREETS = _split_words(
    """
    Alder Court, Birch Lane, Canal Street, Cedar Road, Dock Street, Elm Avenue, Foundry Way, Garden
    Walk, Harbor View, Juniper Drive, Lantern Lane, Maple Street, Mill Road, Orchard Hill, Quarry
    Road, River Bend, Station Road, Summit Avenue, Tannery Row, Willow Crescent
    """
)
CITIES = (  # city, state, first three digits of a zip code
    ("San Diego", "CA", "921"),
    ("Portland", "OR", "972"),
    ("Seattle", "WA", "981"),
    ("Denver", "CO", "802"),
    ("Phoenix", "AZ", "850"),
    ("Austin", "TX", "787"),
    ("Houston", "TX", "770"),
    ("Chicago", "IL", "606"),
    ("Columbus", "OH", "432"),
    ("Charlotte", "NC", "282"),
    ("Nashville", "TN", "372"),
    ("Atlanta", "GA", "303"),
    ("Boston", "MA", "021"),
    ("Newark", "NJ", "071"),
    ("Philadelphia", "PA", "191"),
    ("Minneapolis", "MN", "554"),
)
BRANDS = ("visa", "mastercard")


class Numbers:
    """Numbers of a fixed length, none twice."""

    def __init__(self, random: Random, digits: int) -> None:
        self._random = random
        self._range = (10 ** (digits - 1), 10**digits - 1)
        self._given: set[int] = set()

    def next(self) -> str:
        number = self._random.randint(*self._range)
        while number in self._given:
            number = self._random.randint(*self._range)
        self._given.add(number)
        return str(number)


def address(random: Random) -> dict[str, Any]:
    city, state, zip_start = random.choice(CITIES)
    return {
        "address1": f"{random.randint(10, 990)} {random.choice(STREETS)}",
        "address2": f"Suite {random.randint(100, 999)}" if random.random() < 0.6 else "",
        "city": city,
        "country": "USA",
        "state": state,
        "zip": f"{zip_start}{random.randint(10, 99)}",
    }


def name(random: Random) -> dict[str, str]:
    return {"first_name": random.choice(FIRST_NAMES), "last_name": random.choice(LAST_NAMES)}


def user_id(person: dict[str, str], number: str) -> str:
    return f"{person['first_name']}_{person['last_name']}_{number}".lower()


def birth_date(random: Random) -> str:
    return f"{random.randint(1948, 2004)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
