"""The words that Port Aster is made of."""

from __future__ import annotations

import random

_FIRST = (
    *("Ada", "Bram", "Celia", "Dorian", "Edda", "Fergus", "Greta", "Hamid", "Ines", "Jonas", "Katrin"),
    *("Leif", "Mira", "Niko", "Odile", "Pavel", "Quentin", "Rosa", "Silas", "Tova", "Ulla", "Viktor"),
    *("Wilma", "Xenia", "Yara", "Zeno", "Abel", "Bettina", "Caspar", "Delia", "Emil", "Flora"),
)
_LAST = (
    *("Ashby", "Bergman", "Corrigan", "Dahl", "Eriksen", "Falk", "Grady", "Holt", "Ivers", "Jansson"),
    *("Kerr", "Lindqvist", "Marlow", "Norgate", "Okafor", "Petrov", "Quill", "Rourke", "Sandoval"),
    *("Thorne", "Ueda", "Valcourt", "Weir", "Yeats", "Zeller", "Ambrose", "Bellamy", "Crane", "Duval"),
)
OFFICES = (
    *("Harbour Office", "Land Registry", "Water Works", "Lighthouse Service"),
    *("Tax Office", "School Board", "Forest Service", "Civil Records"),
)
ROLES = (
    *("Clerk", "Surveyor", "Inspector", "Archivist", "Engineer", "Accountant", "Secretary", "Planner"),
    *("Warden", "Translator"),
)
HOBBIES = (
    *("beekeeping", "chess", "choir singing", "rowing", "kite building", "pottery", "stargazing"),
    *("fencing", "mushroom picking", "accordion"),
)
SHIPS = ("Blue Heron", "Patience", "Northern Lamp", "Old Margaret", "Swift Petrel", "Halcyon")
DESTINATIONS = (
    *("Kettle Rock", "Saint Orla", "Greywick", "Tarn Head", "Mossport", "Lantern Bay", "Ravenholm"),
    "Eastlow",
)
STALLS = {
    "The Copper Kettle": ("tea tin", "honey cake", "copper pot", "mint syrup"),
    "Wool and Weather": ("fisher's jumper", "felt hat", "sheepskin", "striped scarf"),
    "Salt Barrel": ("smoked eel", "salted cod", "sea salt", "pickled herring"),
    "Green Ladder": ("early pears", "walnuts", "wild garlic", "quinces"),
    "Lamp and Wick": ("beeswax candle", "storm lantern", "oil can", "tinder box"),
    "Paper Boat": ("tide calendar", "sea chart", "ink bottle", "sketch book"),
    "Iron Thistle": ("garden fork", "door hinge", "fire poker", "horseshoe"),
    "The Cheese Loft": ("goat cheese", "blue wheel", "fresh curd", "smoked cheese"),
    "Rope Walk": ("hemp rope", "net float", "canvas sail", "boat hook"),
    "Little Orchard": ("apple juice", "plum jam", "dried figs", "pear brandy"),
    "Clay Corner": ("glazed bowl", "water jug", "flower pot", "tile set"),
    "Toy Harbour": ("wooden whale", "spinning top", "tin trumpet", "toy sloop"),
}
UNITS = {"Salt Barrel": "kilo", "Green Ladder": "kilo", "The Cheese Loft": "kilo", "Little Orchard": "jar"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
HALLS = {
    "Sea Hall": ("Bronze Compass", "Whale Jaw", "Pilot's Chair", "Wreck Bell", "Knotted Chart"),
    "Crafts Hall": ("Great Loom", "Glassblower's Pipe", "Carved Chest", "Painted Sledge", "Silver Thimble"),
    "Town Hall Room": ("First Charter", "Mayor's Chain", "Iron Ballot Box", "Curfew Drum", "Fire Bucket"),
    "Nature Hall": ("Stuffed Gannet", "Amber Beetle", "Giant Ammonite", "Pressed Ferns", "Meteor Stone"),
}
MATERIALS = ("oak", "bronze", "glass", "bone", "iron", "stone", "linen", "silver")
SHELVES = {
    "Navigation": ("Stars for Sailors", "The Pilot's Year", "Reading the Swell", "Harbours at Night"),
    "Gardens": ("Pears in Wind", "A Hedge Is a Wall", "Salt Soil", "The Bee Year"),
    "Tales": ("The Ninth Wave", "A Lamp for Orla", "Grey Seal Street", "Winter Ferry"),
    "Kitchen": ("Forty Soups", "Smoke and Salt", "Bread of the Isles", "The Quince Book"),
    "History": ("The Long Siege", "Salt Road", "Letters from Greywick", "Keepers of the Light"),
}
TRAILS = (
    *("Cormorant Path", "Old Mill Round", "Beacon Ridge", "Smugglers' Stair", "Fern Hollow", "Kelp Shore"),
    *("Quarry Loop", "Shepherd's Way", "Windmill Track", "Blackwater Walk"),
)
PLACES = ("North Pier", "Clock Square", "Orchard Gate", "Mill Bridge", "Chapel Green", "Fish Steps")
EVENTS = {
    "Friday": ("Lantern Parade", "Rope Pulling", "Choir Evening", "Night Market"),
    "Saturday": ("Oyster Opening", "Raft Race", "Puppet Play", "Fiddle Contest"),
    "Sunday": ("Bread Blessing", "Pony Ride", "Poetry Hour", "Closing Fireworks"),
}


def people(rng: random.Random, count: int) -> list[str]:
    """Different full names."""
    pairs = [f"{first} {last}" for first in _FIRST for last in _LAST]
    return rng.sample(pairs, count)


def slug(text: str) -> str:
    """A name as it stands in the name of a page."""
    return text.lower().replace("'", "").replace(" ", "_")
