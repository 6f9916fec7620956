"""The Calculation tools as M3ToolEval has them, quirks included, for scores that compare.

Names and parameters are the original's, because they show in the texts of Python's TypeErrors. What the
original does with ``eval`` is done by a bounded evaluator: it reads no variables, runs no code, never hangs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from selfchal.builtin_envs.arithmetic import product
from selfchal.builtin_envs.calculation.travel import TravelTables
from selfchal.builtin_envs.m3tooleval.functions import calculator

Function = Callable[..., Any]


def convert_hex_to_ascii(hex_string: Any) -> Any:
    return bytes.fromhex(str(hex_string)).decode("utf-8")


def reverse_string(string: Any) -> Any:
    if isinstance(string, dict):
        raise TypeError("unhashable type: 'slice'")  # what Python 3.11 says; since 3.12 it is a KeyError
    return string[::-1]


def caesar_decode(message: Any, shift: Any) -> Any:
    """Letters of any alphabet that have a case land between A and Z: ASCII is meant, all of Unicode taken."""
    by = int(shift)
    decoded = []
    for letter in message:
        if letter.isupper() or letter.islower():
            first = ord("A") if letter.isupper() else ord("a")
            letter = chr((ord(letter) - first - by) % 26 + first)
        decoded.append(letter)
    return "".join(decoded)


def string_length(string: Any) -> Any:
    return len(string)


def minimum_value(*args: Any) -> Any:
    return min(args)


def maximum_value(*args: Any) -> Any:
    return max(args)


_TO_MRNA = str.maketrans("ATCG", "UAGC")
_TO_DNA = str.maketrans("AUCG", "TAGC")
_AMINO_ACIDS = {"AUG": "Methionine", "UUU": "Phenylalanine", "UUC": "Phenylalanine"}


def count_nucleotides(dna_sequence: Any) -> Any:
    """Of an object the counts are its own values, of null there are none: what ``Counter`` makes of them."""
    return dict(Counter(dna_sequence))


def transcribe_dna_to_mrna(dna_sequence: Any) -> Any:
    return dna_sequence.translate(_TO_MRNA)


def translate_mrna_to_amino_acid(mrna_sequence: Any) -> Any:
    codons = [mrna_sequence[start : start + 3] for start in range(0, len(mrna_sequence), 3)]
    return "-".join(_AMINO_ACIDS.get(codon, "X") for codon in codons)


def find_max_nucleotide(*args: Any) -> Any:
    """A last nucleotide without a count is ignored, of two counts of one nucleotide the later holds, of
    equal counts the first wins."""
    counts = dict(zip(args[::2], args[1::2], strict=False))
    best = max(counts, key=lambda nucleotide: counts[nucleotide])
    return best, counts[best]


def is_valid_dna_sequence(dna_sequence: Any) -> Any:
    return set(dna_sequence) <= set("ATCG")


def reverse_transcribe_mrna_to_dna(mrna_sequence: Any) -> Any:
    return mrna_sequence.translate(_TO_DNA)


def convert_currency(base_price: Any, conversion_rate: Any) -> Any:
    return product(base_price, conversion_rate)


def calculate_tariff(price: Any, tariff_rate: Any) -> Any:
    return product(price, tariff_rate) / 100


def estimate_final_value(price: Any, tariff: Any) -> Any:
    return price + tariff


def find_minimum(*args: Any) -> Any:
    return min(args)


def find_maximum(*args: Any) -> Any:
    return max(args)


def budget_calculator(flight_price: Any, hotel_price_per_night: Any, num_nights: Any) -> Any:
    return flight_price + product(hotel_price_per_night, num_nights)


def lookups(tables: TravelTables) -> tuple[Function, Function]:
    """``find_flights`` and ``book_hotel`` on these tables: double quotes around a location do not matter
    (the original's tables have them), anything else must be exact."""
    locations = list(tables.locations)
    unquoted = {location_name.strip('"') for location_name in locations}

    def known(location: Any, kind: str, plural: str) -> Any:
        name = location.strip('"')
        if name not in unquoted:
            raise ValueError(f"{kind} [{name}] is not supported. Supported {plural}: {locations}")
        return name

    def find_flights(from_location: Any, to_location: Any, date: Any) -> Any:
        origin = known(from_location, "Origin", "from_locations")
        destination = known(to_location, "Destination", "to_locations")
        return [
            dict(flight)
            for flight in tables.flights
            if flight["to_location"].strip('"') == destination
            and flight["date"] == date
            and flight["from_location"].strip('"') == origin
        ]

    def book_hotel(location: Any, *preferences: Any) -> Any:
        location_name = known(location, "Location", "locations")
        return [
            {**hotel, "preferences": list(hotel["preferences"])}
            for hotel in tables.hotels
            if hotel["location"].strip('"') == location_name
            and all(preference in hotel["preferences"] for preference in preferences)
        ]

    return find_flights, book_hotel


def maximum(*args: Any) -> Any:
    return max(*args)


def minimum(*args: Any) -> Any:
    return min(*args)


def total(*args: Any) -> Any:
    return sum(args)


for _function, _name in ((maximum, "max"), (minimum, "min"), (total, "sum")):
    _function.__name__ = _function.__qualname__ = _name


def families(tables: TravelTables) -> dict[str, Sequence[Function]]:
    """The functions of each family, in the original's order."""
    return {
        "message_decoder": (
            convert_hex_to_ascii,
            reverse_string,
            caesar_decode,
            string_length,
            minimum_value,
            maximum_value,
        ),
        "cryptobotanists_plant_dna_sequencer": (
            count_nucleotides,
            transcribe_dna_to_mrna,
            translate_mrna_to_amino_acid,
            find_max_nucleotide,
            is_valid_dna_sequence,
            reverse_transcribe_mrna_to_dna,
        ),
        "trade_calculator": (
            convert_currency,
            calculate_tariff,
            estimate_final_value,
            calculator,
            find_minimum,
            find_maximum,
        ),
        "travel_itinerary_planning": (*lookups(tables), budget_calculator, maximum, minimum, total),
    }
