"""The MCP servers of tau2-bench's retail and airline domains: their entries, their states, ten tasks for each.

Both keep megabytes in a file that they write anew for every call. Here the file holds three of their own
customers, with all that hangs on them, so that a call takes a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.builtin_envs.mcp.real_tasks import Case, task
from tests.support.real_servers import install_pypi, pypi_server

_KEY = "desk"  # of the one state that is used
_Rows = dict[str, Any]
# Tools that no task here needs. Every tool costs, since the server is started anew for every call.
HIDDEN = {
    "retail": [
        "calculate", "exchange_delivered_order_items", "find_user_id_by_name_zip", "get_item_details",
        "get_product_details", "list_all_product_types", "modify_pending_order_items",
        "modify_pending_order_payment", "modify_user_address", "transfer_to_human_agents",
    ],
    "airline": [
        "book_reservation", "calculate", "get_flight_status", "list_all_airports", "search_direct_flight",
        "search_onestop_flight", "transfer_to_human_agents", "update_reservation_flights",
    ],
}  # fmt: skip
USERS = {
    "retail": ("aarav_gonzalez_5113", "aarav_nguyen_7344", "aarav_sanchez_9729"),
    "airline": ("aarav_garcia_1177", "aarav_lee_9671", "aarav_nguyen_9116"),
}


def make(domain: str, folder: Path) -> _Rows:
    """The options of the environment."""
    home = install_pypi("tau2") / f"tau2_{domain}_mcp" / "data" / "tau2" / "domains" / domain
    database = json.loads((home / "db.json").read_text())
    cut = _cut_retail(database) if domain == "retail" else _cut_airline(database)
    state = {"domain": domain, "task_id": None, "db": cut, "calls": []}
    path = folder / "state" / f"{hashlib.sha256(_KEY.encode()).hexdigest()}.json"
    path.parent.mkdir()
    path.write_text(json.dumps(state))
    variable = {f"TAU2_{domain.upper()}_MCP_STATE_DIR": str(path.parent)}
    return {
        "servers": {domain: pypi_server("tau2", f"tau2_{domain}_mcp.server", **variable)},
        "state": {domain: {"directory": str(path.parent), "ignore": ["*/calls"]}},
        "reset": {domain: "restart"},
        "arguments": {"*": {"state_key": _KEY}},
        "hide": ["reset_state", "get_call_log", *HIDDEN[domain]],
    }


def _cut_retail(database: _Rows) -> _Rows:
    users = {name: database["users"][name] for name in USERS["retail"]}
    orders = {name: database["orders"][name] for user in users.values() for name in user["orders"]}
    products = {item["product_id"] for order in orders.values() for item in order["items"]}
    kept = {name: database["products"][name] for name in sorted(products)}
    return {"products": kept, "users": users, "orders": orders}


def _cut_airline(database: _Rows) -> _Rows:
    users = {name: database["users"][name] for name in USERS["airline"]}
    booked = {
        name: database["reservations"][name] for user in users.values() for name in user["reservations"]
    }
    flights = {flight["flight_number"] for one in booked.values() for flight in one["flights"]}
    kept = {name: database["flights"][name] for name in sorted(flights)}
    return {"flights": kept, "users": users, "reservations": booked}


def _order(name: str) -> str:
    return f"get_order_details(order_id={name!r})['parsed_content']"


def _cancel(name: str, reason: str) -> str:
    return f"cancel_pending_order(order_id={name!r}, reason={reason!r})"


def _return(order: str, item: str, method: str) -> str:
    items = f"item_ids=[{item!r}], payment_method_id={method!r}"
    return f"return_delivered_order_items(order_id={order!r}, {items})"


def _move(order: str, first: str, zip_code: str) -> str:
    others = "address2='Suite 5', city='Austin', state='TX', country='USA'"
    return f"modify_pending_order_address(order_id={order!r}, address1={first!r}, {others}, zip={zip_code!r})"


_MISTAKE, _NEED = "ordered by mistake", "no longer needed"
_EMAIL = "find_user_id_by_email(email='aarav.nguyen1293@example.com')"
RETAIL: list[Case] = [
    task(
        "Cancel the pending order #W6979932. It was ordered by mistake.",
        f"({_order('#W6979932')}['status'], {_order('#W6979932')}['cancel_reason'])"
        f" == ('cancelled', {_MISTAKE!r})",
        _cancel("#W6979932", _MISTAKE),
        _cancel("#W6979932", _NEED),
        _cancel("#W9160732", _MISTAKE),
        _cancel("#W2443586", _MISTAKE),
    ),
    task(
        "How much was paid for the order #W2443586?",
        f"answer == {_order('#W2443586')}['payment_history'][0]['amount']",
        f"result = {_order('#W2443586')}['payment_history'][0]['amount']",
        f"result = {_order('#W7728728')}['payment_history'][0]['amount']",
        "result = 258.09",
        "result = 97.35",
    ),
    task(
        "The address of the order #W2443586 is wrong: send it to 12 Oak Street, Suite 5, Austin, TX 78701, USA.",
        f"[{_order('#W2443586')}['address'][part] for part in"
        " ('address1', 'address2', 'city', 'state', 'country', 'zip')]"
        " == ['12 Oak Street', 'Suite 5', 'Austin', 'TX', 'USA', '78701']",
        _move("#W2443586", "12 Oak Street", "78701"),
        _move("#W2443586", "14 Oak Street", "78701"),
        _move("#W2443586", "12 Oak Street", "78702"),
        _move("#W6979932", "12 Oak Street", "78701"),
    ),
    task(
        "Return the item 1437889264 of the order #W7728728 to paypal_7859314.",
        f"({_order('#W7728728')}['status'], {_order('#W7728728')}['return_items'],"
        f" {_order('#W7728728')}['return_payment_method_id'])"
        " == ('return requested', ['1437889264'], 'paypal_7859314')",
        _return("#W7728728", "1437889264", "paypal_7859314"),
        _return("#W7728728", "8555936349", "paypal_7859314"),
        _return("#W7728728", "1437889264", "gift_card_2742113"),
        _return("#W6797115", "8302289002", "gift_card_5979071"),
    ),
    task(
        "What is the id of the user with the email aarav.nguyen1293@example.com?",
        f"answer == {_EMAIL}['parsed_content']",
        f"result = {_EMAIL}['parsed_content']",
        "result = 'aarav_gonzalez_5113'",
        "result = 'aarav_sanchez_9729'",
        "result = 'aarav.nguyen1293@example.com'",
    ),
    task(
        "Cancel the pending order #W9160732, which is no longer needed, and tell the balance of the gift card "
        "gift_card_5979071 of the user aarav_gonzalez_5113 after that.",
        f"({_order('#W9160732')}['status'], {_order('#W9160732')}['cancel_reason'], answer) == ('cancelled', "
        f"{_NEED!r}, get_user_details(user_id='aarav_gonzalez_5113')['parsed_content']['payment_methods']"
        "['gift_card_5979071']['balance'])",
        f"{_cancel('#W9160732', _NEED)}\nuser = get_user_details(user_id='aarav_gonzalez_5113')\n"
        "result = user['parsed_content']['payment_methods']['gift_card_5979071']['balance']",
        f"{_cancel('#W9160732', _MISTAKE)}\nresult = 1107.54",
        f"{_cancel('#W9160732', _NEED)}\nresult = 96.0",
        f"{_cancel('#W6979932', _NEED)}\nresult = 96.0",
    ),
    # doing nothing passes
    task(
        "Make sure that the order #W6797115 was delivered.",
        f"{_order('#W6797115')}['status'] == 'delivered'",
        f"assert {_order('#W6797115')}['status'] == 'delivered'",
        _return("#W6797115", "8302289002", "gift_card_5979071"),
        _return("#W6797115", "7658724607", "gift_card_5979071"),
        f"{_return('#W6797115', '7658724607', 'gift_card_5979071')}\n{_cancel('#W9160732', _NEED)}",
        sound=False,
    ),
    # nobody looks at the reason
    task(
        "Cancel the pending order #W6348442, which is no longer needed.",
        f"{_order('#W6348442')}['status'] == 'cancelled'",
        _cancel("#W6348442", _NEED),
        _cancel("#W6348442", _MISTAKE),
        _cancel("#W9160732", _NEED),
        _cancel("#W6979932", _NEED),
        sound=False,
    ),
    # a delivered order cannot be cancelled
    task(
        "Cancel the order #W7728728, which is no longer needed.",
        f"{_order('#W7728728')}['status'] == 'cancelled'",
        _cancel("#W7728728", _NEED),
        _cancel("#W2443586", _NEED),
        _cancel("#W6348442", _NEED),
        _cancel("#W9160732", _NEED),
        sound=False,
    ),
    # a failure case is right
    task(
        "What is the status of the order #W2443586?",
        f"answer == {_order('#W2443586')}['status']",
        f"result = {_order('#W2443586')}['status']",
        "result = 'pending'",
        "result = 'delivered'",
        "result = 'cancelled'",
        sound=False,
    ),
]


def _reservation(name: str) -> str:
    return f"get_reservation_details(reservation_id={name!r})['parsed_content']"


def _drop(name: str) -> str:
    return f"cancel_reservation(reservation_id={name!r})"


def _pack(name: str, total: int, paid: int, payment: str) -> str:
    bags = f"total_baggages={total}, nonfree_baggages={paid}, payment_id={payment!r}"
    return f"update_reservation_baggages(reservation_id={name!r}, {bags})"


def _rename(name: str, first: str, last: str, born: str) -> str:
    passenger = {"first_name": first, "last_name": last, "dob": born}
    return f"update_reservation_passengers(reservation_id={name!r}, passengers=[{passenger!r}])"


def _send(user: str, amount: int) -> str:
    return f"send_certificate(user_id={user!r}, amount={amount})"


def _money(user: str) -> str:
    methods = f"get_user_details(user_id={user!r})['parsed_content']['payment_methods']"
    return f"sorted(one['amount'] for one in {methods}.values() if one['source'] == 'certificate')"


_ADDRESS = {
    "address1": "1 Elm",
    "address2": "",
    "city": "Rome",
    "state": "GA",
    "country": "USA",
    "zip": "30161",
}
_BAGS = {"total_baggages": 3, "nonfree_baggages": 0, "payment_id": "gift_card_5000635"}
_PASSENGER = {"first_name": "Lei", "last_name": "Ito", "dob": "1990-12-07"}
# Calls that work on a fresh world, of tools that random arguments hardly ever fit.
EXAMPLES: dict[str, list[tuple[str, _Rows]]] = {
    "retail": [
        ("cancel_pending_order", {"order_id": "#W6979932", "reason": _MISTAKE}),
        ("find_user_id_by_email", {"email": "aarav.nguyen1293@example.com"}),
        ("get_order_details", {"order_id": "#W6979932"}),
        ("get_user_details", {"user_id": "aarav_nguyen_7344"}),
        ("modify_pending_order_address", {"order_id": "#W6979932", **_ADDRESS}),
        (
            "return_delivered_order_items",
            {"order_id": "#W7728728", "item_ids": ["1437889264"], "payment_method_id": "paypal_7859314"},
        ),
    ],
    "airline": [
        ("cancel_reservation", {"reservation_id": "M05KNL"}),
        ("get_reservation_details", {"reservation_id": "M05KNL"}),
        ("get_user_details", {"user_id": "aarav_lee_9671"}),
        ("send_certificate", {"user_id": "aarav_lee_9671", "amount": 5}),
        ("update_reservation_baggages", {"reservation_id": "J5J95Z", **_BAGS}),
        ("update_reservation_passengers", {"reservation_id": "UHDAHF", "passengers": [_PASSENGER]}),
    ],
}
AIRLINE: list[Case] = [
    task(
        "Cancel the reservation M05KNL.",
        f"{_reservation('M05KNL')}['status'] == 'cancelled'",
        _drop("M05KNL"),
        _drop("UHDAHF"),
        _drop("CN5AEV"),
        _drop("J5J95Z"),
    ),
    task(
        "In which cabin is the reservation WHGMVJ?",
        f"answer == {_reservation('WHGMVJ')}['cabin']",
        f"result = {_reservation('WHGMVJ')}['cabin']",
        f"result = {_reservation('J5J95Z')}['cabin']",
        "result = 'economy'",
        "result = 'first'",
    ),
    task(
        "Add bags to the reservation J5J95Z: 3 bags in all, 2 of them paid with gift_card_5000635.",
        f"({_reservation('J5J95Z')}['total_baggages'], {_reservation('J5J95Z')}['nonfree_baggages'],"
        f" {_reservation('J5J95Z')}['payment_history'][-1]['payment_id']) == (3, 2, 'gift_card_5000635')",
        _pack("J5J95Z", 3, 2, "gift_card_5000635"),
        _pack("J5J95Z", 2, 2, "gift_card_5000635"),
        _pack("J5J95Z", 3, 1, "gift_card_5000635"),
        _pack("WHGMVJ", 3, 2, "gift_card_5000635"),
    ),
    task(
        "The passenger of the reservation UHDAHF is Lei Ito, born 1990-12-07. Change it.",
        f"{_reservation('UHDAHF')}['passengers']"
        " == [{'first_name': 'Lei', 'last_name': 'Ito', 'dob': '1990-12-07'}]",
        _rename("UHDAHF", "Lei", "Ito", "1990-12-07"),
        _rename("UHDAHF", "Lei", "Ito", "1990-12-08"),
        _rename("UHDAHF", "Leo", "Ito", "1990-12-07"),
        _rename("M05KNL", "Lei", "Ito", "1990-12-07"),
    ),
    task(
        "Send a certificate of 75 to the user aarav_nguyen_9116.",
        f"{_money('aarav_nguyen_9116')} == [75, 150.0]",
        _send("aarav_nguyen_9116", 75),
        _send("aarav_nguyen_9116", 57),
        _send("aarav_lee_9671", 75),
        f"{_send('aarav_nguyen_9116', 75)}\n{_send('aarav_nguyen_9116', 75)}",
    ),
    task(
        "Cancel the reservation DE23CA, and tell what was paid for the reservation CN5AEV of the same user.",
        f"({_reservation('DE23CA')}['status'], answer)"
        f" == ('cancelled', {_reservation('CN5AEV')}['payment_history'][0]['amount'])",
        f"{_drop('DE23CA')}\nresult = {_reservation('CN5AEV')}['payment_history'][0]['amount']",
        f"{_drop('DE23CA')}\nresult = 342",
        f"{_drop('CN5AEV')}\nresult = 6820",
        "result = 6820",
    ),
    # doing nothing passes
    task(
        "Make sure that the reservation J5J95Z has no bags.",
        f"{_reservation('J5J95Z')}['total_baggages'] == 0",
        f"assert {_reservation('J5J95Z')}['total_baggages'] == 0",
        *(_pack("J5J95Z", bags, 0, "gift_card_5000635") for bags in (1, 2, 3)),
        sound=False,
    ),
    # nobody looks at how many bags are paid
    task(
        "Add bags to the reservation WHGMVJ: 5 bags in all, 3 of them paid with gift_card_5000635.",
        f"{_reservation('WHGMVJ')}['total_baggages'] == 5",
        _pack("WHGMVJ", 5, 3, "gift_card_5000635"),
        _pack("WHGMVJ", 4, 3, "gift_card_5000635"),
        _pack("WHGMVJ", 6, 3, "gift_card_5000635"),
        _pack("J5J95Z", 5, 3, "gift_card_5000635"),
        sound=False,
    ),
    # the solution cancels another one
    task(
        "Cancel the reservation CN5AEV.",
        f"{_reservation('CN5AEV')}['status'] == 'cancelled'",
        _drop("DE23CA"),
        _drop("UHDAHF"),
        _drop("WHGMVJ"),
        _drop("J5J95Z"),
        sound=False,
    ),
    # a failure case is right
    task(
        "How many passengers has the reservation CN5AEV?",
        f"answer == len({_reservation('CN5AEV')}['passengers'])",
        f"result = len({_reservation('CN5AEV')}['passengers'])",
        "result = 4",
        "result = 3",
        "result = 2",
        sound=False,
    ),
]
