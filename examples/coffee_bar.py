"""A coffee bar: an environment of one's own in twenty lines of code."""

from selfchal import HeldOut, hookimpl, small_environment


def menu(state: dict) -> dict:
    """Show the price of each drink."""
    return state["menu"]


def order(state: dict, drink: str, cups: int) -> str:
    """Order cups of a drink; they go on the bill."""
    state["bill"] += state["menu"][drink] * cups
    return f"{cups} {drink}, coming"


START = {"menu": {"tea": 2, "mocha": 4}, "bill": 0}
TEST = [HeldOut("Two mochas, please.", [("order", {"drink": "mocha", "cups": 2})])]
CoffeeBar = small_environment("coffee_bar", start=START, reads=[menu], writes=[order], test_tasks=TEST)


@hookimpl
def register_environments():
    return [CoffeeBar]
