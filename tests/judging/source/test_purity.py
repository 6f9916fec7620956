"""Plain code is what neither the hash seed nor a clock nor company can reach; the rest is perturbed, and run alone."""

from __future__ import annotations

import pytest

from selfchal.judging.source.purity import all_pure

PLAIN = [
    "def evaluate():\n    return get_order('W1')['status'] == 'done'\n",
    "import math\nresult = math.floor(sum(float(x) for x in get_user('ann')['prices']))",
    "for key, value in get_user('ann').items():\n    total = len(key) * 2\nresult = total",
    "def evaluate(answer):\n    try:\n        assert get_order('W1') and answer\n"
    "    except (AssertionError, KeyError) as error:\n        return False\n    return True\n",
    "try:\n    get_order('W1')\nexcept ToolError:\n    result = sorted(get_user('ann'), key=len)[0]",
    "try:\n    get_order('W1')\nexcept KeyError:\n    result = sorted(get_user('ann'), key=len)[0]",
    "try:\n    get_order('W1')\nexcept Exception:\n    result = 1",
    "try:\n    get_order('W1')\nexcept:\n    result = 1",
    "match get_user('ann'):\n    case dict(): result = 1",
    "f_total = get_user('ann').get('total')\nresult = f_total is None",
    "import re\ndef evaluate(answer):\n    return bool(re.search('x+', str(answer).strip(), re.IGNORECASE))",
    "import json, string\nresult = json.loads(json.dumps(get_user('ann')))['name'].strip(string.punctuation)",
    "result = sorted(get_user('ann'), key=str.lower)",
    "try:\n    get_order('W1')\nexcept KeyError as error:\n    result = error.args",
]
NOT_PLAIN = [
    "result = list({'a', 'b'})[0]",
    "result = [x for x in {y for y in 'ab'}][0]",
    "result = list(set('ab'))[0]",
    "result = next(iter(frozenset('ab')))",
    "result = list(get_user('ann').keys() - {})[0]",
    "a, b = get_user('ann'), get_user('bob')\nresult = [*(a.items() ^ b.items())][0]",
    "a = get_user('ann').keys()\na |= get_user('bob').keys()\nresult = [*a][0]",
    "import time\nresult = 1",
    "import math as m, random\nresult = 1",
    "from random import random\nresult = random()",
    "result = hash('a') % 2",
    "result = id(get_order) % 2",
    "result = eval('1')",
    "result = getattr(get_order, 'x')",
    "result = globals()['x']",
    "result = ().__class__.__subclasses__()",
    "result = '{0.__class__}'.format(1)",
    "result = __builtins__",
    "class A: pass\nresult = str(A())",
    "result = some_other_name",
    "result = hash('a') % 2\nhash = 1",
    # what company could be told by: frames, ...
    "def look():\n    yield me.gi_frame\nme = look()\nresult = next(me) is None",
    "def look():\n    yield 1\nmatch look():\n    case object(gi_frame=frame): result = 1",
    "try:\n    get_order()\nexcept KeyError as error:\n    result = error.tb_frame",
    # ... what outlives a run, ...
    "get_order.seen = 1",
    "def f(): pass\nf.x, y = 1, 2",
    # ... the tools themselves, ...
    "result = repr(get_order)",
    "ask = get_order\nresult = ask('W1')",
    "result = get_order.args",
    # ... addresses, which the text of a function or of an object's method shows, ...
    "import re\nresult = str(re.search)",
    "import json\nresult = json.decoder",
    "import re\nkept = re\nresult = 1",
    "import re\nresult = str(re.compile('a').finditer('a'))",
    "result = str([].append)",
    "match []:\n    case list(append=method): result = str(method)",
    # ... which objects are one, ...
    "a, b = get_user('ann'), get_user('bob')\nresult = [*a][0] is [*b][0]",
    # ... or an error that ends without a handler.
    "try:\n    get_order('W1')\nexcept KeyError.mro()[2]:\n    result = 1",
    "def f():\n    try:\n        get_order('W1')\n    finally:\n        return 1",
]


@pytest.mark.parametrize("source", PLAIN)
def test_plain(source: str) -> None:
    assert all_pure([source], ["get_order", "get_user"])


@pytest.mark.parametrize("source", NOT_PLAIN)
def test_not_plain(source: str) -> None:
    assert not all_pure([PLAIN[0], source], ["get_order", "get_user"])
