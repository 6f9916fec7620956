"""The tools of the four Calculation families as plain typed functions, in the mended (``fixed``) form.

They agree with M3ToolEval's wherever those give a sensible value; ``compat.py`` has the original's
quirks. Tools that look something up (flights, hotels) are methods of ``travel.Travel``. What a tool
cannot do it says with a ValueError, which the caller of the tool sees.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from selfchal.builtin_envs import arithmetic

# message_decoder


def convert_hex_to_ascii(hex_string: str) -> str:
    """Converts a hexadecimal string to text.

    Args:
        hex_string: two hexadecimal digits a character, e.g. "48656c6c6f"
    """
    return bytes.fromhex(hex_string).decode("utf-8")


def reverse_string(string: str) -> str:
    """Reverses a string.

    Args:
        string: the string to reverse
    """
    return string[::-1]


def caesar_decode(message: str, shift: int) -> str:
    """Decodes a string using the Caesar cipher: every letter moves back by the shift, case stays.

    Args:
        message: the encoded message; what is not a letter from A to Z is left as it is
        shift: how far the letters were moved when the message was encoded
    """
    return "".join(_shift_letters(letter, -shift) for letter in message)


def _shift_letters(letter: str, by: int) -> str:
    if not (letter.isascii() and letter.isalpha()):
        return letter
    first = ord("A") if letter.isupper() else ord("a")
    return chr((ord(letter) - first + by) % 26 + first)


def string_length(string: str) -> int:
    """Finds the length of a string.

    Args:
        string: the string to measure
    """
    return len(string)


def minimum_value(*args: float | list[float]) -> float:
    """Finds the minimum value among the given numbers.

    Args:
        *args: the numbers, one or more, or one list of them
    """
    return min(_check_numbers("minimum_value", args))


def maximum_value(*args: float | list[float]) -> float:
    """Finds the maximum value among the given numbers.

    Args:
        *args: the numbers, one or more, or one list of them
    """
    return max(_check_numbers("maximum_value", args))


def _check_numbers(name: str, args: Sequence[Any]) -> Sequence[float]:
    """The numbers of a call, given one by one or as one list."""
    values = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    if not values:
        raise ValueError(f"{name} needs at least one number")
    for value in values:
        if not isinstance(value, int | float):
            raise ValueError(f"{name} compares numbers, and {value!r} is not a number")
    return values


# cryptobotanists_plant_dna_sequencer

_TO_MRNA = str.maketrans("ATCG", "UAGC")
_TO_DNA = str.maketrans("AUCG", "TAGC")
_AMINO_ACIDS = {"AUG": "Methionine", "UUU": "Phenylalanine", "UUC": "Phenylalanine"}


def count_nucleotides(dna_sequence: str) -> dict[str, int]:
    """Counts the occurrences of each nucleotide in a DNA sequence.

    Args:
        dna_sequence: the sequence, e.g. "AGCT"
    """
    return dict(Counter(dna_sequence))


def transcribe_dna_to_mrna(dna_sequence: str) -> str:
    """Transcribes a DNA sequence to mRNA: A becomes U, T becomes A, C becomes G, G becomes C.

    Args:
        dna_sequence: the sequence, e.g. "AGCT"
    """
    return dna_sequence.translate(_TO_MRNA)


def translate_mrna_to_amino_acid(mrna_sequence: str) -> str:
    """Translates an mRNA sequence to a chain of amino acids joined by "-": AUG is Methionine, UUU and
    UUC are Phenylalanine, any other codon (an incomplete last one too) is X.

    Args:
        mrna_sequence: the sequence, e.g. "AUGUUU"
    """
    codons = (mrna_sequence[start : start + 3] for start in range(0, len(mrna_sequence), 3))
    return "-".join(_AMINO_ACIDS.get(codon, "X") for codon in codons)


def find_max_nucleotide(*args: str | float) -> list[str | float]:
    """Finds the nucleotide with the maximum count; returns the nucleotide and its count.

    Args:
        *args: nucleotides and counts in turn, e.g. "A", 3, "C", 5; of equal counts the first wins
    """
    if not args or len(args) % 2:
        raise ValueError('find_max_nucleotide needs nucleotides and counts in turn, e.g. "A", 3, "C", 5')
    counts = _check_numbers("find_max_nucleotide", args[1::2])
    best = max(range(len(counts)), key=lambda index: counts[index])
    return [args[2 * best], counts[best]]


def is_valid_dna_sequence(dna_sequence: str) -> bool:
    """Checks if a DNA sequence is valid: it holds only A, T, C and G.

    Args:
        dna_sequence: the sequence to check
    """
    return all(nucleotide in "ATCG" for nucleotide in dna_sequence)


def reverse_transcribe_mrna_to_dna(mrna_sequence: str) -> str:
    """Reverse transcribes an mRNA sequence to DNA: A becomes T, U becomes A, C becomes G, G becomes C.

    Args:
        mrna_sequence: the sequence, e.g. "UCGA"
    """
    return mrna_sequence.translate(_TO_DNA)


# trade_calculator


def convert_currency(base_price: float, conversion_rate: float) -> float:
    """Converts the commodity price to local currency.

    Args:
        base_price: the price before conversion
        conversion_rate: local currency for one unit of the price's currency
    """
    return base_price * conversion_rate


def calculate_tariff(price: float, tariff_rate: float) -> float:
    """Calculates the trade tariff of a converted price.

    Args:
        price: the converted price
        tariff_rate: the rate in percent, e.g. 7.5
    """
    return price * tariff_rate / 100


def estimate_final_value(price: float, tariff: float) -> float:
    """Estimates the final trade value: the price plus the tariff.

    Args:
        price: the converted price
        tariff: the tariff as an amount, not as a rate
    """
    return price + tariff


def calculator(expression: str) -> float:
    """Evaluates the given expression and returns the result, e.g. "2 + (3 * 4)" gives 14.

    Args:
        expression: numbers with + - * / // % ** and parentheses
    """
    if "^" in expression:
        raise ValueError("'^' is not a power here; write 2 ** 3")
    value = arithmetic.evaluate(expression)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{expression!r} is not a number; write 1000, not 1,000")
    return value


def find_minimum(*args: float | list[float]) -> float:
    """Finds the minimum value among the given numbers.

    Args:
        *args: the numbers, one or more, or one list of them
    """
    return min(_check_numbers("find_minimum", args))


def find_maximum(*args: float | list[float]) -> float:
    """Finds the maximum value among the given numbers.

    Args:
        *args: the numbers, one or more, or one list of them
    """
    return max(_check_numbers("find_maximum", args))


# travel_itinerary_planning, the part that needs no tables


def budget_calculator(flight_price: float, hotel_price_per_night: float, num_nights: int) -> float:
    """Calculates the total budget for a trip: the flight plus all nights in the hotel.

    Args:
        flight_price: the price of the flight, or of all flights
        hotel_price_per_night: the price of one night
        num_nights: how many nights
    """
    return flight_price + hotel_price_per_night * num_nights


def _bind_travel(name: str, summary: str, total: Callable[[Sequence[float]], float]) -> Callable[..., Any]:
    """max, min and sum of the travel family: in an agent's code they hide Python's own."""

    def function(*args: float | list[float]) -> float:
        return total(_check_numbers(name, args))

    function.__name__ = name
    function.__doc__ = f"{summary}\n\nArgs:\n    *args: the numbers, one or more, or one list of them"
    return function


TRAVEL_BUILTINS: tuple[Callable[..., Any], ...] = (
    _bind_travel("max", "Finds the maximum value among the given numbers.", max),
    _bind_travel("min", "Finds the minimum value among the given numbers.", min),
    _bind_travel("sum", "Sums the given numbers.", sum),
)
MESSAGE_DECODER: tuple[Callable[..., Any], ...] = (
    convert_hex_to_ascii,
    reverse_string,
    caesar_decode,
    string_length,
    minimum_value,
    maximum_value,
)
DNA: tuple[Callable[..., Any], ...] = (
    count_nucleotides,
    transcribe_dna_to_mrna,
    translate_mrna_to_amino_acid,
    find_max_nucleotide,
    is_valid_dna_sequence,
    reverse_transcribe_mrna_to_dna,
)
TRADE: tuple[Callable[..., Any], ...] = (
    convert_currency,
    calculate_tariff,
    estimate_final_value,
    calculator,
    find_minimum,
    find_maximum,
)
