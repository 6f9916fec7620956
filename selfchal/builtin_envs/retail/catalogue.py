"""The fifty product types of the generated shop: name, usual price, options."""

from __future__ import annotations

COLORS = "black, white, red, blue, green, grey"

PRODUCTS = """\
Trail Backpack | 95 | color: {c} | volume: 20 L, 30 L, 45 L | frame: none, internal
Rain Jacket | 140 | color: {c} | size: XS, S, M, L, XL | lining: mesh, fleece
Running Shoes | 120 | color: {c} | size: 7, 8, 9, 10, 11 | sole: road, trail
Cotton Shirt | 35 | color: {c} | size: XS, S, M, L, XL | neck: round, V
Wool Sweater | 85 | color: {c} | size: S, M, L, XL | collar: crew, roll
Winter Gloves | 40 | color: black, grey, red | size: S, M, L | touchscreen: yes, no
Sun Hat | 30 | color: white, green, blue | size: S, M, L | brim: narrow, wide
Leather Belt | 45 | color: black, brown | length: 85 cm, 95 cm, 105 cm | buckle: plain, engraved
Travel Suitcase | 180 | color: {c} | size: cabin, medium, large | shell: hard, soft
Messenger Bag | 70 | color: black, grey, green | fabric: canvas, leather | laptop: 13 inch, 15 inch
Coffee Maker | 110 | color: black, white, red | capacity: 2 cups, 6 cups, 12 cups | type: drip, espresso
Tea Kettle | 50 | color: {c} | capacity: 1 L, 1.5 L, 2 L | heat: stovetop, electric
Stand Blender | 90 | color: black, white, red | power: 500 W, 800 W, 1200 W | jar: glass, plastic
Toaster Oven | 130 | color: black, white | capacity: 2 slices, 4 slices, 6 slices | controls: dial, digital
Chef Knife | 75 | blade: 6 inch, 8 inch, 10 inch | handle: wood, steel | edge: plain, hollow
Frying Pan | 60 | diameter: 20 cm, 24 cm, 28 cm | coating: ceramic, cast iron, steel | lid: yes, no
Dinner Plates | 55 | color: {c} | pieces: 4, 6, 12 | material: stoneware, porcelain
Storage Jars | 32 | pieces: 3, 5, 8 | lid: bamboo, steel | material: glass, ceramic
Table Lamp | 65 | color: {c} | light: warm, neutral, dimmable | base: wood, metal
Floor Rug | 150 | color: grey, blue, red | size: 120 x 170 cm, 160 x 230 cm, 200 x 290 cm | pile: flat, high
Throw Blanket | 48 | color: {c} | material: wool, cotton, fleece | size: small, large
Memory Pillow | 42 | firmness: soft, medium, firm | shape: classic, contour | cover: cotton, bamboo
Bed Sheets | 80 | color: {c} | size: twin, queen, king | material: cotton, linen
Desk Chair | 220 | color: black, grey, blue | armrests: fixed, adjustable | back: mesh, padded
Standing Desk | 410 | color: black, white, oak | width: 120 cm, 140 cm, 160 cm | drive: manual, electric
Bookcase | 160 | color: white, oak, black | shelves: 3, 4, 5 | back: open, closed
Wall Mirror | 90 | shape: round, oval, square | frame: wood, metal | size: small, medium, large
Picture Frame | 25 | color: black, white, oak | size: A5, A4, A3 | glass: clear, matte
Garden Hose | 45 | length: 10 m, 20 m, 30 m | nozzle: simple, spray | fabric: rubber, woven
Plant Pot | 28 | color: {c} | size: small, medium, large | material: clay, metal
Camping Tent | 240 | color: green, blue, red | people: 2, 3, 4 | seasons: 3, 4
Sleeping Bag | 110 | color: green, blue, grey | comfort: 5 C, 0 C, -10 C | filling: down, synthetic
Water Flask | 30 | color: {c} | capacity: 500 ml, 750 ml, 1 L | material: steel, glass
Hiking Poles | 70 | material: aluminium, carbon | grip: cork, foam | locking: twist, lever
Road Bicycle | 890 | color: {c} | frame: 52 cm, 55 cm, 58 cm | brakes: rim, disc
Bike Helmet | 65 | color: {c} | size: S, M, L | vents: standard, extra
Yoga Block | 18 | color: {c} | material: cork, foam | thickness: 3 inch, 4 inch
Exercise Mat | 38 | color: {c} | thickness: 4 mm, 6 mm, 10 mm | material: rubber, foam
Kettlebell | 55 | weight: 8 kg, 12 kg, 16 kg, 20 kg | finish: painted, vinyl | handle: narrow, wide
Jump Rope | 20 | color: black, red, blue | material: steel wire, nylon | handle: plain, weighted
Wireless Headphones | 190 | color: black, white, blue | fit: in-ear, over-ear | noise cancelling: yes, no
Bluetooth Speaker | 85 | color: {c} | battery: 8 hours, 16 hours, 24 hours | waterproof: yes, no
E-Book Reader | 150 | color: black, white | storage: 8 GB, 16 GB, 32 GB | light: yes, no
Desktop Monitor | 310 | size: 24 inch, 27 inch, 32 inch | panel: IPS, OLED | stand: fixed, tilting
Computer Mouse | 45 | color: black, white, grey | link: cable, wireless | hand: left, right
Laptop Stand | 50 | color: black, grey, white | material: wood, aluminium | height: fixed, adjustable
Portable Charger | 48 | color: black, white, blue | capacity: 5000 mAh, 10000 mAh, 20000 mAh | ports: 1, 2
Action Drone | 520 | color: black, white, grey | camera: 4K, 8K | range: 2 km, 5 km, 8 km
Board Game | 40 | players: 2, 4, 6 | level: family, expert | language: English, Spanish
Puzzle Box | 22 | pieces: 500, 1000, 2000 | motif: animals, cities, landscape | finish: glossy, matte
"""


def catalogue() -> list[tuple[str, int, dict[str, list[str]]]]:
    """Name, usual price in dollars, and the values of each option of every product type."""
    rows = []
    for line in PRODUCTS.splitlines():
        name, price, *options = (part.strip() for part in line.format(c=COLORS).split("|"))
        parsed = (option.split(": ") for option in options)
        rows.append((name, int(price), {key: values.split(", ") for key, values in parsed}))
    return rows
