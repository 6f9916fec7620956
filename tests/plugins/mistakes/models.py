"""Mistakes in models, planted into the one that ``plugins new`` writes."""

from tests.plugins.mistakes.mistake import Mistake

GIVEN = "Generation(tuple(ids), tuple(logprobs), text, finished)"
LOGPROBS = "logprobs = [self._logprobs[before][id_] for before, id_ in zip([last, *ids], ids, strict=False)]"
SEED = "random.Random(seed_of(sampling.seed, row))"
GENERATE = "return [self._speak(ids[-1], sampling, i) for i, ids in enumerate(prompts)]"
PROVIDES = "return frozenset({Capability.TEXT, Capability.TOKEN_IDS, Capability.LOGPROBS})"
TURN = 'return self._close(f"\\n{message.role}: {message.content}\\n")'
STREAM = "return TurnStream(self.generate, sampling)"

MODEL = {
    "provides of the object": Mistake("    @classmethod\n    def provides(cls, ", "    def provides(self, ", "must be a class method"),
    "provides without text": Mistake("{Capability.TEXT, ", "{", "leaves out Capability.TEXT"),
    "provides what there is not": Mistake(PROVIDES, "return frozenset({Capability.TEXT, 'speech'})", "which is no Capability"),
    "an async generate": Mistake("    def generate(", "    async def generate(", "Model.generate is async"),
    "a generate that yields": Mistake(GENERATE, "yield from [self._speak(ids[-1], sampling, i) for i, ids in enumerate(prompts)]", "Model.generate yields"),
    "no context length": Mistake("    context_length = 100_000\n", "", "it has no context_length"),
    "a context length that is called": Mistake("    context_length = 100_000\n", "    def context_length(self): return 100_000\n", "is a method, and it is read as context_length"),
    "no stream": Mistake("    def stream(", "    def streams(", "Model lacks stream"),
    "a stream that is None": Mistake(STREAM, "TurnStream(self.generate, sampling)", "NoneType"),
    "a turn too few": Mistake(GENERATE, GENERATE[:-1] + "][:1]", "2 prompts gave 1 turns"),
    "turns that are texts": Mistake("return " + GIVEN, "return text", "and not Generation"),
    "ids as a list": Mistake("Generation(tuple(ids), ", "Generation(list(ids), ", "and not tuple"),
    "ids of numpy": Mistake("Generation(tuple(ids), ", "Generation(tuple(__import__('numpy').array(ids)), ", "and no int"),
    "log-probabilities of numpy": Mistake("tuple(logprobs), text", "tuple(__import__('numpy').float32(one) for one in logprobs), text", "and no float"),
    "no log-probabilities": Mistake("tuple(logprobs), text", "(), text", "tokens and 0 log-probabilities"),
    "one log-probability too few": Mistake("tuple(logprobs), text", "tuple(logprobs[1:]), text", "log-probabilities"),
    "probabilities for log-probabilities": Mistake("tuple(logprobs), text", "tuple(math.exp(one) for one in logprobs), text", "these are no log-probabilities"),
    "log-probabilities off by one": Mistake("zip([last, *ids], ids, strict=False)", "zip(ids, [*ids[1:], END], strict=False)", "has log-probabilities from", "samples as its log-probabilities say"),
    "log-probabilities of another temperature": Mistake("tuple(logprobs), text", "tuple(one / 3 for one in logprobs), text", "by its log-probability"),
    "log-probabilities to the base of two": Mistake("tuple(logprobs), text", "tuple(one * 4 for one in logprobs), text", "by its log-probability"),
    "log-probabilities made up": Mistake("tuple(logprobs), text", "tuple(-0.01 * (i + 1) - 2 for i, _ in enumerate(logprobs)), text", "by its log-probability"),
    "a sampling that ignores the temperature": Mistake("if sampling.temperature == 0:", "if True:", "by its log-probability"),
    "a greedy turn that is drawn": Mistake("if sampling.temperature == 0:\n            return order[0]", "if sampling.temperature == 0:\n            return draw.choice(order[:9])", "greedy decoding depends on the seed"),
    "no seed": Mistake(SEED, "random.Random()", "gave other turns"),
    "one seed for every row": Mistake(SEED, "random.Random(seed_of(sampling.seed))", "by its log-probability"),
    "a seed that is ignored": Mistake(SEED, "random.Random(7)", "by its log-probability"),
    "stop strings that are ignored": Mistake("any(text.endswith(stop) for stop in sampling.stop)", "False", "stop string"),
    "stop strings cut off": Mistake("return " + GIVEN, "cut = text\n        for stop in sampling.stop: cut = cut.removesuffix(stop)\n        return Generation(tuple(ids), tuple(logprobs), cut, finished)", "must stay in"),
    "a turn that is never finished": Mistake("tuple(logprobs), text, finished)", "tuple(logprobs), text, False)", "finished"),
    "turns longer than asked": Mistake("len(ids) < sampling.max_tokens and", "len(ids) < 60 and", "at most"),
    "a template with the clock": Mistake('return self._close("".join(f"{one.role}', 'import time\n        return self._close(str(time.time_ns()) + "".join(f"{one.role}', "two texts for one conversation"),
    "a template that does not append": Mistake(TURN, 'return [*self.render_prompt([Message("system", "Answer in one word."), Message("user", "How many days has a week?")]), *self.encode(message.content), END]', "gives the whole conversation again"),
    "a template that drops the message": Mistake(TURN, 'return self._close(f"\\n{message.role}\\n")', "what was said is lost"),
    "a template that cuts": Mistake(TURN, 'return self._close(f"\\n{message.role}: {message.content[:100]}\\n")', "what was said is cut"),
    "a template that raises for odd letters": Mistake("return [IDS.get(character, IDS[\"?\"]) for character in text]", "return [IDS[character] for character in text]", "KeyError"),
    "a prompt that is a text": Mistake('return self._close("".join(f"{one.role}: {one.content}\\n" for one in messages))', 'return "".join(one.content for one in messages)', "and not list"),
    "marks around every piece of text": Mistake("return [IDS.get(character", "return [END] + [IDS.get(character", "encode('') gave ids"),
    "a prompt that is changed": Mistake(GENERATE, "for ids in prompts: ids.append(END)\n        " + GENERATE, "changed the prompts"),
    "memory of earlier turns": Mistake(GENERATE, "self.seen = getattr(self, 'seen', 0) + 1\n        return [self._speak(ids[-1], Sampling(sampling.temperature, 1.0, sampling.max_tokens, sampling.stop, sampling.seed + self.seen), i) for i, ids in enumerate(prompts)]", "gave other turns after reset_cache()"),
    "a close that works once": Mistake('        """Nothing is held."""', "        del self._logprobs", "AttributeError"),
}  # fmt: skip
