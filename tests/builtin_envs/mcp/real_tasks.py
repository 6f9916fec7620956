"""Ten tasks for each real server, written by hand: sound ones, and some that the judge must refuse."""

from __future__ import annotations

from typing import Any

Case = tuple[dict[str, Any], bool]  # a task, and whether it is sound


def task(instruction: str, evaluate: str, solution: str, *failures: str, sound: bool = True) -> Case:
    """``evaluate`` is one expression of the tools, and of ``answer`` where it names that."""
    parameter = "answer" if "answer" in evaluate else ""
    source = f"def evaluate({parameter}):\n    return {evaluate}"
    row = {"instruction": instruction, "evaluate": source, "solution": solution, "failures": list(failures)}
    return row, sound


def _observe(name: str, text: str) -> str:
    return f"add_observations(observations=[{{'entityName': {name!r}, 'contents': [{text!r}]}}])"


def _relate(verb: str, start: str, end: str, kind: str) -> str:
    return f"{verb}_relations(relations=[{{'from': {start!r}, 'to': {end!r}, 'relationType': {kind!r}}}])"


def _create(name: str, kind: str, text: str) -> str:
    entity = {"name": name, "entityType": kind, "observations": [text]}
    return f"create_entities(entities=[{entity!r}])"


GRAPH = [
    {"type": "entity", "name": "Ada", "entityType": "person", "observations": ["likes tea", "lives in Rome"]},
    {"type": "entity", "name": "Bob", "entityType": "person", "observations": ["likes coffee"]},
    {"type": "entity", "name": "Cleo", "entityType": "person", "observations": []},
    {"type": "entity", "name": "Acme", "entityType": "company", "observations": []},
    {"type": "entity", "name": "Zeta", "entityType": "company", "observations": ["makes bikes"]},
    {"type": "relation", "from": "Ada", "to": "Acme", "relationType": "works_at"},
    {"type": "relation", "from": "Bob", "to": "Zeta", "relationType": "works_at"},
]
_NAMES = "sorted(e['name'] for e in read_graph()['entities'])"
_OF = "open_nodes(names=[{0!r}])['entities'][0]['observations']"
MEMORY = [
    task(
        "Delete the entity Bob from the graph.",
        f"{_NAMES} == ['Acme', 'Ada', 'Cleo', 'Zeta']",
        "names = [e['name'] for e in read_graph()['entities']]\nassert 'Bob' in names\n"
        "delete_entities(entityNames=['Bob'])",
        "delete_entities(entityNames=['Ada'])",
        "delete_entities(entityNames=['Bob', 'Ada'])",
        "delete_entities(entityNames=['Acme'])",
    ),
    task(
        "For which company does Ada work? Give its name.",
        "answer == 'Acme'",
        "result = [r['to'] for r in open_nodes(names=['Ada'])['relations'] if r['from'] == 'Ada'][0]",
        "result = 'Zeta'",
        "result = 'Ada'",
        "result = 'Bob'",
    ),
    task(
        "Note about Bob: 'owns a red bike'.",
        f"{_OF.format('Bob')} == ['likes coffee', 'owns a red bike']",
        _observe("Bob", "owns a red bike"),
        _observe("Ada", "owns a red bike"),
        _observe("Bob", "owns a blue bike"),
        "delete_observations(deletions=[{'entityName': 'Bob', 'observations': ['likes coffee']}])",
    ),
    task(
        "How many entities of the type person are in the graph?",
        "answer == 3",
        "result = sum(e['entityType'] == 'person' for e in read_graph()['entities'])",
        "result = 2",
        "result = 4",
        "result = 5",
    ),
    task(
        "Cleo works at Zeta now: add that relation, as works_at.",
        "[(r['from'], r['to'], r['relationType']) for r in open_nodes(names=['Cleo'])['relations']]"
        " == [('Cleo', 'Zeta', 'works_at')]",
        _relate("create", "Cleo", "Zeta", "works_at"),
        _relate("create", "Cleo", "Acme", "works_at"),
        _relate("create", "Zeta", "Cleo", "works_at"),
        _relate("create", "Cleo", "Zeta", "owns"),
    ),
    task(
        "Forget the observation of Ada that is 'likes tea', and tell what else is noted about Ada.",
        f"answer == 'lives in Rome' and {_OF.format('Ada')} == ['lives in Rome']",
        "delete_observations(deletions=[{'entityName': 'Ada', 'observations': ['likes tea']}])\n"
        "result = open_nodes(names=['Ada'])['entities'][0]['observations'][0]",
        "result = 'lives in Rome'",
        "delete_observations(deletions=[{'entityName': 'Ada', 'observations': ['lives in Rome']}])\n"
        "result = 'likes tea'",
        "delete_observations(deletions=[{'entityName': 'Ada', 'observations': ['likes tea']}])\nresult = 'tea'",
    ),
    # doing nothing passes
    task(
        "Make sure that Ada is in the graph.",
        "'Ada' in [e['name'] for e in read_graph()['entities']]",
        _observe("Ada", "x"),
        "delete_entities(entityNames=['Ada'])",
        "delete_entities(entityNames=['Ada', 'Bob'])",
        "delete_entities(entityNames=['Ada', 'Zeta'])",
        sound=False,
    ),
    # nobody looks at what is noted
    task(
        "Create the entity Dan of the type person, with the observation 'plays golf'.",
        "[e['entityType'] for e in read_graph()['entities'] if e['name'] == 'Dan'] == ['person']",
        _create("Dan", "person", "plays golf"),
        _create("Dan", "company", "plays golf"),
        _create("Dora", "person", "plays golf"),
        "delete_entities(entityNames=['Acme'])",
        sound=False,
    ),
    # the solution does not do what evaluate asks for
    task(
        "Delete the entity Cleo from the graph.",
        "'Cleo' not in [e['name'] for e in read_graph()['entities']]",
        "delete_entities(entityNames=['Zeta'])",
        "delete_entities(entityNames=['Ada'])",
        "delete_entities(entityNames=['Acme'])",
        "delete_entities(entityNames=['Bob'])",
        sound=False,
    ),
    # a failure case is right
    task(
        "For which company does Bob work? Give its name.",
        "answer == 'Zeta'",
        "result = [r['to'] for r in open_nodes(names=['Bob'])['relations'] if r['from'] == 'Bob'][0]",
        "result = 'Zeta'",
        "result = 'Ada'",
        "result = 'Bob'",
        sound=False,
    ),
]


FILES = {
    "notes/monday.txt": "buy milk\ncall Emma\n",
    "notes/friday.txt": "water the plants\n",
    "prices.csv": "apple,3\npear,4\nplum,9\n",
}


def _read(path: str) -> str:
    return f"read_text_file(path='ROOT/{path}')['content']"


def _write(path: str, text: str) -> str:
    return f"write_file(path='ROOT/{path}', content={text!r})"


FILESYSTEM = [
    task(
        "Write a file ROOT/notes/sunday.txt whose only content is 'rest'.",
        f"{_read('notes/sunday.txt')} == 'rest'",
        _write("notes/sunday.txt", "rest"),
        _write("notes/sunday.txt", "work"),
        _write("notes/friday.txt", "rest") + "\n" + _write("notes/sunday.txt", "nothing"),
        _write("notes/sunday.txt", "rest\nrest"),
    ),
    task(
        "What does a plum cost, by the file ROOT/prices.csv?",
        "answer == 9",
        f"rows = [line.split(',') for line in {_read('prices.csv')}.split()]\n"
        "result = [int(price) for name, price in rows if name == 'plum'][0]",
        "result = 3",
        "result = 4",
        "result = 'plum'",
    ),
    task(
        "In ROOT/prices.csv the price of a pear shall be 5 instead of 4; nothing else changes.",
        f"{_read('prices.csv')} == 'apple,3\\npear,5\\nplum,9\\n'",
        "edit_file(path='ROOT/prices.csv', edits=[{'oldText': 'pear,4', 'newText': 'pear,5'}])",
        "edit_file(path='ROOT/prices.csv', edits=[{'oldText': 'apple,3', 'newText': 'apple,5'}])",
        "edit_file(path='ROOT/prices.csv', edits=[{'oldText': 'pear,4', 'newText': 'pear,6'}])",
        _write("prices.csv", "pear,5\n"),
    ),
    task(
        "Move the file ROOT/notes/friday.txt to ROOT/notes/saturday.txt.",
        f"{_read('notes/saturday.txt')} == 'water the plants\\n' and "
        "'friday.txt' not in list_directory(path='ROOT/notes')['content']",
        "move_file(source='ROOT/notes/friday.txt', destination='ROOT/notes/saturday.txt')",
        "move_file(source='ROOT/notes/monday.txt', destination='ROOT/notes/saturday.txt')",
        _write("notes/saturday.txt", "water the plants\n"),
        "move_file(source='ROOT/prices.csv', destination='ROOT/notes/saturday.txt')",
    ),
    task(
        "How many lines has the file ROOT/notes/monday.txt?",
        "answer == 2",
        f"result = len({_read('notes/monday.txt')}.splitlines())",
        "result = 1",
        "result = 3",
        "result = 17",
    ),
    task(
        "Whom shall I call, by the file ROOT/notes/monday.txt? Give the name.",
        "answer == 'Emma'",
        f"result = [line.split()[1] for line in {_read('notes/monday.txt')}.splitlines() if 'call' in line][0]",
        "result = 'milk'",
        "result = 'call'",
        "result = 'plants'",
    ),
    # doing nothing passes
    task(
        "Make sure that there is a file ROOT/prices.csv.",
        f"'plum' in {_read('prices.csv')}",
        _write("notes/x.txt", "x"),
        _write("prices.csv", "a"),
        _write("prices.csv", "b"),
        _write("prices.csv", "c"),
        sound=False,
    ),
    # any content passes
    task(
        "Write a file ROOT/notes/sunday.txt whose only content is 'rest'.",
        "'sunday.txt' in list_directory(path='ROOT/notes')['content']",
        _write("notes/sunday.txt", "rest"),
        _write("notes/tuesday.txt", "rest"),
        _write("notes/wednesday.txt", "rest"),
        _write("sunday.txt", "rest"),
        sound=False,
    ),
    # the solution fails
    task(
        "What does a pear cost, by the file ROOT/prices.csv?",
        "answer == 4",
        "result = 5",
        "result = 3",
        "result = 9",
        "result = 'pear'",
        sound=False,
    ),
    # a failure case is right
    task(
        "What does an apple cost, by the file ROOT/prices.csv?",
        "answer == 3",
        f"result = int({_read('prices.csv')}.split()[0].split(',')[1])",
        "result = 3",
        "result = 9",
        "result = 4",
        sound=False,
    ),
]


def _query(sql: str) -> str:
    return f"read_query(query={sql!r})"


def _run(sql: str) -> str:
    return f"write_query(query={sql!r})"


SQL = [
    "create table books (id integer primary key, title text, pages integer, lent_to text)",
    "insert into books (title, pages, lent_to) values ('Dune', 412, null), ('Emma', 474, 'Ann'), "
    "('Ulysses', 730, null), ('Persuasion', 249, 'Ben')",
]
_LENT = _query("select lent_to from books where title = 'Dune'")
SQLITE = [
    task(
        "Lend the book 'Dune' to 'Cleo': set its lent_to.",
        _query("select title, lent_to from books order by id")
        + " == \"[{'title': 'Dune', 'lent_to': 'Cleo'}, {'title': 'Emma', 'lent_to': 'Ann'}, "
        "{'title': 'Ulysses', 'lent_to': None}, {'title': 'Persuasion', 'lent_to': 'Ben'}]\"",
        _run("update books set lent_to = 'Cleo' where title = 'Dune'"),
        _run("update books set lent_to = 'Cleo' where title = 'Emma'"),
        _run("update books set lent_to = 'Ann' where title = 'Dune'"),
        _run("update books set lent_to = 'Cleo'"),
    ),
    task(
        "How many pages has the book 'Ulysses'?",
        "answer == 730",
        "import ast\nrows = ast.literal_eval("
        + _query("select pages from books where title = 'Ulysses'")
        + ")\nresult = rows[0]['pages']",
        "result = 412",
        "result = 474",
        "result = 249",
    ),
    task(
        "Remove the book 'Persuasion' from the table books.",
        _query("select title from books order by id")
        + " == \"[{'title': 'Dune'}, {'title': 'Emma'}, {'title': 'Ulysses'}]\"",
        _run("delete from books where title = 'Persuasion'"),
        _run("delete from books where title = 'Dune'"),
        _run("delete from books"),
        _run("update books set title = 'Emma' where title = 'Persuasion'"),
    ),
    task(
        "Who has the book 'Emma'? Give the name in lent_to.",
        "answer == 'Ann'",
        "import ast\nrows = ast.literal_eval("
        + _query("select lent_to from books where title = 'Emma'")
        + ")\nresult = rows[0]['lent_to']",
        "result = 'Ben'",
        "result = 'Dune'",
        "result = 'Emma'",
    ),
    task(
        "Add the book 'Middlemarch' with 880 pages; nobody has it.",
        _query("select title, pages, lent_to from books where id > 4")
        + " == \"[{'title': 'Middlemarch', 'pages': 880, 'lent_to': None}]\"",
        _run("insert into books (title, pages) values ('Middlemarch', 880)"),
        _run("insert into books (title, pages) values ('Middlemarch', 88)"),
        _run("insert into books (title, pages) values ('Emma', 880)"),
        _run("insert into books (title, pages, lent_to) values ('Middlemarch', 880, 'Ann')"),
    ),
    task(
        "How many books are not lent (their lent_to is null)?",
        "answer == 2",
        "import ast\nrows = ast.literal_eval("
        + _query("select count(*) as n from books where lent_to is null")
        + ")\nresult = rows[0]['n']",
        "result = 1",
        "result = 3",
        "result = 4",
    ),
    # doing nothing passes
    task(
        "Make sure that 'Dune' is not lent.",
        f"{_LENT} == \"[{{'lent_to': None}}]\"",
        _run("update books set pages = 413 where title = 'Dune'"),
        _run("update books set lent_to = 'A' where title = 'Dune'"),
        _run("update books set lent_to = 'B' where title = 'Dune'"),
        _run("update books set lent_to = 'C' where title = 'Dune'"),
        sound=False,
    ),
    # anybody may have it
    task(
        "Lend the book 'Dune' to 'Cleo': set its lent_to.",
        f"{_LENT} != \"[{{'lent_to': None}}]\"",
        _run("update books set lent_to = 'Cleo' where title = 'Dune'"),
        _run("update books set lent_to = 'Cleo' where title = 'Ulysses'"),
        _run("update books set lent_to = 'Cleo' where title = 'Emma'"),
        _run("update books set lent_to = 'Cleo' where title = 'Persuasion'"),
        sound=False,
    ),
    # the solution is refused: read_query only reads
    task(
        "Remove the book 'Emma' from the table books.",
        _query("select count(*) as n from books") + " == \"[{'n': 3}]\"",
        "assert 'Error' not in " + _query("delete from books where title = 'Emma'"),
        _run("delete from books"),
        _run("delete from books where id > 1"),
        _run("delete from books where id > 2"),
        sound=False,
    ),
    # a failure case is right
    task(
        "How many pages has the book 'Emma'?",
        "answer == 474",
        "import ast\nrows = ast.literal_eval("
        + _query("select pages from books where title = 'Emma'")
        + ")\nresult = rows[0]['pages']",
        "result = 474",
        "result = 412",
        "result = 730",
        sound=False,
    ),
]


_BRANCHES = "git_branch(branch_type='local')"
GIT = [
    task(
        "Create a branch 'dev' from 'main', without switching to it.",
        f"{_BRANCHES} == '  dev\\n* main\\n  old'",
        "git_create_branch(branch_name='dev', base_branch='main')",
        "git_create_branch(branch_name='devel', base_branch='main')",
        "git_create_branch(branch_name='dev', base_branch='main')\ngit_checkout(branch_name='dev')",
        "git_checkout(branch_name='old')",
    ),
    task(
        "Switch to the branch 'old'.",
        f"{_BRANCHES} == '  main\\n* old'",
        "git_checkout(branch_name='old')",
        "git_create_branch(branch_name='old2')",
        "git_create_branch(branch_name='x')\ngit_checkout(branch_name='x')",
        "git_create_branch(branch_name='older', base_branch='old')\ngit_checkout(branch_name='older')",
    ),
    task(
        "Commit what is staged with the message 'add b'.",
        "'Message: add b\\n' in git_log(max_count=1)",
        "git_commit(message='add b')",
        "git_commit(message='add')",
        "git_create_branch(branch_name='add-b')",
        "git_checkout(branch_name='old')",
    ),
    task(
        "What is the message of the latest commit on the present branch?",
        "answer == 'first'",
        "result = git_log().split('Message: ')[1].strip()",
        "result = 'second'",
        "result = 'main'",
        "result = 'one'",
    ),
    task(
        "Who is the author of the latest commit on the present branch? Give the name.",
        "answer == 'Ann'",
        "result = git_log().split('Author: ')[1].splitlines()[0]",
        "result = 'first'",
        "result = 'main'",
        "result = 'old'",
    ),
    task(
        "Which file is staged and not committed yet? Give its name.",
        "answer == 'b.txt'",
        "result = git_status().split('new file:')[1].split()[0]",
        "result = 'a.txt'",
        "result = 'main'",
        "result = 'old'",
    ),
    # doing nothing passes
    task(
        "Make sure that there is a branch 'old'.",
        f"'old' in {_BRANCHES}",
        "git_create_branch(branch_name='x')",
        "git_create_branch(branch_name='a')",
        "git_create_branch(branch_name='b')",
        "git_create_branch(branch_name='c')",
        sound=False,
    ),
    # any branch passes
    task(
        "Create a branch 'dev' from 'main', without switching to it.",
        f"len({_BRANCHES}.splitlines()) == 3",
        "git_create_branch(branch_name='dev', base_branch='main')",
        "git_checkout(branch_name='old')",
        "git_commit(message='x')",
        "git_commit(message='y')",
        sound=False,
    ),
    # the solution fails
    task(
        "Switch to the branch 'gone'.",
        f"'* gone' in {_BRANCHES}",
        "git_checkout(branch_name='gone')",
        "git_checkout(branch_name='old')",
        "git_create_branch(branch_name='a')",
        "git_create_branch(branch_name='b')",
        sound=False,
    ),
    # a failure case is right
    task(
        "How many local branches are there?",
        "answer == 2",
        f"result = len({_BRANCHES}.splitlines())",
        "result = 2",
        "result = 3",
        "result = 4",
        sound=False,
    ),
]


def _weather(town: str) -> str:
    return f"get_structured_content(location={town!r})"


EVERYTHING = [
    task(
        f"What is the {part} in {town}, by get_structured_content?",
        f"answer == {_weather(town)}[{part!r}]",
        f"result = {_weather(town)}[{part!r}]",
        *(f"result = {wrong!r}" for wrong in wrongs),
    )
    for town, part, wrongs in (
        ("New York", "temperature", (1, 2, 3)),
        ("Chicago", "temperature", (1, 2, 3)),
        ("Los Angeles", "temperature", (1, 2, 3)),
        ("New York", "humidity", (1, 2, 3)),
        ("Chicago", "conditions", ("snow", "hail", "fog")),
        ("Los Angeles", "conditions", ("snow", "hail", "fog")),
    )
] + [
    # any answer passes, doing nothing passes, the solution is wrong, a failure case is right
    task(
        "What is 17 plus 25?",
        "answer is not None",
        "result = get_sum(a=17, b=25)",
        "1/0",
        "2/0",
        "3/0",
        sound=False,
    ),
    task(
        "Say hello.",
        "echo(message='hello') == 'Echo: hello'",
        "echo(message='hello')",
        "1/0",
        "2/0",
        "3/0",
        sound=False,
    ),
    task(
        "What is 17 plus 25?",
        "answer == 42",
        "result = 43",
        "result = 1",
        "result = 2",
        "result = 3",
        sound=False,
    ),
    task(
        "What is 17 plus 25?",
        "answer == 42",
        "result = 42",
        "result = 42",
        "result = 2",
        "result = 3",
        sound=False,
    ),
]
