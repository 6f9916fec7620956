"""Mistakes that are found when a plugin is loaded, planted into the check that ``plugins new`` writes."""

from tests.plugins.mistakes.mistake import Mistake

CLASS = "class Check:\n"
NAME = '    name: ClassVar[str] = "planted"\n'
STAGE = "stage: ClassVar[Stage] = Stage.STRONG"
CONFIG = "    Config: ClassVar[type[BaseModel]] = Options\n"
MADE = "def __init__(self, config: Options) -> None:"
METHOD = "    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:"
HOOK = "@hookimpl\ndef register_checks() -> list[type[Any]]:\n    return [Check]"

LOADING = {
    "a module that is not installed": Mistake("class Options", "import not_there_at_all\n\nclass Options", "needs the Python module 'not_there_at_all'"),
    "a name that selfchal lacks": Mistake("import Evidence,", "import Evidense,", "cannot import name 'Evidense' from 'selfchal'"),
    "a syntax error": Mistake("class Check:", "class Check", "SyntaxError"),
    "a division at import": Mistake("class Check:", "X = 1 / 0\n\nclass Check:", "ZeroDivisionError: division by zero, line"),
    "sys.exit at import": Mistake("class Check:", "import sys; sys.exit('no licence')\n\nclass Check:", "SystemExit: no licence"),
    "a file that is not there": Mistake("class Check:", "WORDS = open('words.txt').read()\n\nclass Check:", "FileNotFoundError"),
    "a field of a type that pydantic does not know": Mistake("words: int = 4", "words: 'Evidence' = None\n\nclass Odd: ...\n\nclass More(Options):\n    odd: Odd", "PydanticSchemaGenerationError"),
    "an async hook": Mistake("def register_checks", "async def register_checks", "its hook register_checks is async"),
    "a misspelt hook": Mistake("def register_checks", "def register_check", "Did it mean register_checks()?"),
    "a hook without its mark": Mistake("@hookimpl\n", "", "register_checks is named as a hook and is not marked"),
    "a second hook without its mark": Mistake("@hookimpl\n", "def register_watchers():\n    return []\n\n@hookimpl\n", "register_watchers is named as a hook and is not marked"),
    "a mark of another project": Mistake("@hookimpl\n", "import pluggy\n@pluggy.HookimplMarker('selfchall')\n", "is named as a hook and is not marked"),
    "a hook with an argument": Mistake("register_checks()", "register_checks(config)", "takes config, which it is not given"),
    "a hook that is a wrapper": Mistake("@hookimpl\n", "@hookimpl(hookwrapper=True)\n", "is marked as a wrapper"),
    "a hook that returns nothing": Mistake("return [Check]", "[Check]", "Does it lack a return?"),
    "a hook that returns a class": Mistake("return [Check]", "return Check", "must return a list of classes"),
    "a hook that returns an object": Mistake("return [Check]", "return [Check(Options())]", "return the class itself, without ()"),
    "a hook that returns a name": Mistake("return [Check]", "return ['planted']", "is not a class; return the class itself"),
    "a hook that returns a dict": Mistake("return [Check]", "return {'planted': Check}", "is not a class"),
    "a hook that raises": Mistake("return [Check]", "return [Checks]", "register_checks raised NameError"),
    "a hook that exits": Mistake("return [Check]", "raise SystemExit(3)", "register_checks raised SystemExit"),
    "a generator that raises": Mistake("return [Check]", "yield Check; raise ValueError('no more')", "raised ValueError: no more"),
    "one class twice": Mistake("return [Check]", "return [Check, type('Other', (Check,), {})]", "Give Other another name"),
    "a class of another kind": Mistake("def register_checks", "def register_trainers", "Check lacks count_episodes"),
    "no name": Mistake(NAME, "", "Check has no name"),
    "a name in capitals": Mistake('= "planted"', '= "Planted"', "use lower-case letters"),
    "a name with a blank": Mistake('= "planted"', '= "my check"', "use lower-case letters"),
    "a name that is a property": Mistake(NAME, "    @property\n    def name(self): return 'planted'\n", "Check has no name"),
    "the name of a built-in": Mistake('= "planted"', '= "novelty"', "one that comes with selfchal has that name"),
    "no Config": Mistake(CONFIG, "", "Check has no Config"),
    "a Config that is a dict": Mistake("= Options\n", "= {'words': 4}\n", "Check has no Config"),
    "a Config that is an object": Mistake("= Options\n", "= Options()\n", "Check has no Config"),
    "a Config that is a dataclass": Mistake("class Options(BaseModel):", "import dataclasses\n@dataclasses.dataclass\nclass Options:", "Check has no Config"),
    "a Config that is BaseModel": Mistake("= Options\n", "= BaseModel\n", "make a class of your own"),
    "requires as a list": Mistake(NAME, NAME + "    requires = ['spacy']\n", "requires must be a tuple of"),
    "requires as texts": Mistake(NAME, NAME + "    requires = ('spacy',)\n", "requires must be a tuple of"),
    "no method": Mistake("def check(", "def chek(", "Check lacks check; see Check in the docs"),
    "a method that only its protocol has": Mistake(HOOK, "import selfchal\n\nclass Other(selfchal.Check):\n    name = 'planted'; stage = Stage.STRONG; Config = Options\n    def __init__(self, config): ...\n\n@hookimpl\ndef register_checks():\n    return [Other]", "Other lacks check"),
    "an abstract method left": Mistake(CLASS, "import abc\n\nclass Check(abc.ABC):\n    @abc.abstractmethod\n    def count(self): ...\n", "leaves count abstract"),
    "a method too few arguments": Mistake("runner: TaskRunner, evidence: Evidence", "runner: TaskRunner", "cannot be called as Check.check"),
    "a method too many arguments": Mistake("evidence: Evidence)", "evidence: Evidence, model: Any)", "missing a required argument: 'model'"),
    "a method without self": Mistake("def check(self, ", "def check(", "cannot be called as Check.check"),
    "an async method": Mistake("    def check(", "    async def check(", "Check.check is async"),
    "a method that yields": Mistake("return Finding.passed(words=count)", "yield Finding.passed(words=count)", "Check.check yields"),
    "a static method": Mistake("    def check(self, ", "    @staticmethod\n    def check(self, ", "Check.check is a static method"),
    "a method that is a property": Mistake("    def check(self, task: Task, runner: TaskRunner, evidence: Evidence)", "    @property\n    def check(self)", "is a property, and it is called"),
    "a method that is a value": Mistake(METHOD, "    check = True\n\n    def looks(self, task, runner, evidence):", "Check.check is a bool"),
    "__init__ without the config": Mistake(MADE, "def __init__(self) -> None:\n        config = Options()", "__init__(self)"),
    "__init__ with options by name": Mistake(MADE, "def __init__(self, *, words: int = 4) -> None:\n        config = Options()", "cannot be called as Check.__init__"),
    "a stage that is none": Mistake(STAGE, "stage = 'last'", "a check stands at one of"),
    "a stage of the paper's filter": Mistake(STAGE, "stage = Stage.RAN", "a check stands at one of"),
    "no stage": Mistake("    " + STAGE + "\n", "", "Check lacks stage"),
    "find_obstacle that is no class method": Mistake(NAME, NAME + "    def find_obstacle(self, config): return ''\n", "write `@classmethod`"),
    "find_obstacle without the config": Mistake(NAME, NAME + "    @classmethod\n    def find_obstacle(cls): return ''\n", "find_obstacle(cls) cannot be called"),
    "an async find_unreachable": Mistake(NAME, NAME + "    @classmethod\n    async def find_unreachable(cls, config): return ''\n", "find_unreachable is async"),
    "asks_model as a value": Mistake(NAME, NAME + "    asks_model = True\n", "is asked of the class"),
    "only the hook's text": Mistake(HOOK, "", "it implements no hook"),
}  # fmt: skip

# Found by `plugins check` at its first level: what the class declares and what importing its module does.
DECLARED = {
    "options that are not closed": Mistake('    model_config = ConfigDict(extra="forbid")\n', "", "a misspelt option is not noticed"),
    "options that keep what they do not know": Mistake('extra="forbid"', 'extra="allow"', "a misspelt option is not noticed"),
    "find_obstacle that gives None": Mistake(NAME, NAME + "    @classmethod\n    def find_obstacle(cls, config): return None\n", "find_obstacle(config) gave None"),
    "find_obstacle that gives a truth": Mistake(NAME, NAME + "    @classmethod\n    def find_obstacle(cls, config): return True\n", "find_obstacle(config) gave True"),
    "asks_model that gives a text": Mistake(NAME, NAME + "    @classmethod\n    def asks_model(cls, config): return 'yes'\n", "asks_model(config) gave 'yes'"),
    "torch at import": Mistake("class Check:", "import torch\n\nclass Check:", "importing it imports torch"),
    "a slow import": Mistake("class Check:", "import time; time.sleep(3.5)\n\nclass Check:", "which every command would wait for"),
    "a print at import": Mistake("class Check:", "print('hello')\n\nclass Check:", "importing it prints 'hello"),
    "another directory at import": Mistake("class Check:", "import os; os.chdir('/')\n\nclass Check:", "the working directory"),
    "a variable at import": Mistake("class Check:", "import os; os.environ['TOKENIZERS_PARALLELISM'] = '0'\n\nclass Check:", "the environment variables"),
    "a seed at import": Mistake("class Check:", "import random; random.seed(0)\n\nclass Check:", "random generator"),
    "a handler of signals at import": Mistake("class Check:", "import signal; signal.signal(signal.SIGTERM, lambda *a: None)\n\nclass Check:", "how signals are handled"),
    "logging set up at import": Mistake("class Check:", "import logging; logging.basicConfig(level=10)\n\nclass Check:", "the root logger"),
    "a thread at import": Mistake("class Check:", "import threading, time; threading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n\nclass Check:", "the threads"),
    "a private module": Mistake("class Check:", "from selfchal.judging.judge import Judge\n\nclass Check:", "selfchal.judging.judge.Judge, which is not public"),
    "a public name from its private module": Mistake("class Check:", "from selfchal.core.model import Capability\n\nclass Check:", "from selfchal import Capability is"),
}  # fmt: skip
