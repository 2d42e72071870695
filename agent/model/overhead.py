"""The model step against llama.cpp itself, in one run: same prompt, same grammar, same tokens.

Four ways per request, the order of them turning from request to request, so that none is always first:
`fill` (the whole step: case, tokens, grammar, decoding, check), `engine` (its decoding alone), `plain` (llama.cpp's own
sampler chain of grammar and greedy over the same kept prefix, nothing around it but the loop), and `binding`
(llama-cpp-python's create_completion).
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import NamedTuple

from agent.model.local import LocalModel
from agent.model.protocol import ModelRequest


class Overhead(NamedTuple):
    """Seconds of each way over all requests, tokens of the answers, and how many answers were the same text."""

    requests: int
    fill: float
    engine: float
    plain: float
    binding: float
    tokens: int
    same_plain: int
    same_binding: int

    @property
    def over_engine(self) -> float:
        """Part that everything around the decoding adds to it; 0.15 is 15 %."""
        return self.fill / self.engine - 1

    @property
    def over_plain(self) -> float:
        """Part that the step adds to llama.cpp's own loop. Negative: the step is faster."""
        return self.fill / self.plain - 1

    @property
    def over_binding(self) -> float:
        """The same against the binding's create_completion."""
        return self.fill / self.binding - 1


def measure(model: LocalModel, requests: Sequence[ModelRequest], max_tokens: int = 200) -> Overhead:
    """Runs all requests in all ways. Not counted: a second question after an answer that
    does not hold, and bringing the prefix back after another way used the cache."""
    ways = {"engine": engine_alone, "plain": plain, "binding": binding}
    order = ["fill", *ways]
    spent = dict.fromkeys(order, 0.0)
    tokens = same_plain = same_binding = 0
    for turn, request in enumerate(requests):
        suffix, gbnf = model.question(request)
        texts: dict[str, str] = {}
        at = turn % len(order)
        for way in order[at:] + order[:at]:
            model.engine.rewind()
            start = time.perf_counter()
            if way == "fill":
                outcome = model.fill(request)
                spent["fill"] += time.perf_counter() - start - sum(one.seconds for one in outcome.attempts[1:])
                texts[way] = outcome.attempts[0].reply
                tokens += outcome.attempts[0].tokens_out
                continue
            texts[way] = ways[way](model, suffix, gbnf, max_tokens)
            spent[way] += time.perf_counter() - start
        same_plain += texts["fill"] == texts["plain"]
        same_binding += texts["fill"] == texts["binding"]
    return Overhead(
        len(requests),
        spent["fill"],
        spent["engine"],
        spent["plain"],
        spent["binding"],
        tokens,
        same_plain,
        same_binding,
    )


def engine_alone(model: LocalModel, suffix: Sequence[int], gbnf: str, max_tokens: int) -> str:
    """The step's own decoding."""
    return model.raw_fill(suffix, gbnf, max_tokens, float("inf")).text


def plain(model: LocalModel, suffix: Sequence[int], gbnf: str, max_tokens: int) -> str:
    """llama.cpp's loop: evaluate, sample by the chain grammar → greedy, until the end."""
    engine = model.engine
    lib = engine.lib
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_grammar(engine.vocab, gbnf.encode(), b"root"))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
    try:
        engine.rewind()
        feed = list(suffix)
        out: list[bytes] = []
        while len(out) < max_tokens:
            engine.llm.eval(feed)
            token = int(lib.llama_sampler_sample(chain, ctypes.c_void_p(engine.llm.ctx), -1))
            if lib.llama_vocab_is_eog(engine.vocab, token):
                break
            out.append(engine.piece(token))
            feed = [token]
    finally:
        lib.llama_sampler_free(chain)
    return b"".join(out).decode("utf-8", "replace")


def binding(model: LocalModel, suffix: Sequence[int], gbnf: str, max_tokens: int) -> str:
    """llama-cpp-python's create_completion on the same tokens; it reuses the prefix in its own way."""
    engine = model.engine
    grammar = engine.lib.LlamaGrammar.from_string(gbnf)
    reply = engine.llm.create_completion(
        [*engine.prefix, *suffix], max_tokens=max_tokens, temperature=0.0, repeat_penalty=1.0, grammar=grammar
    )
    engine.forget()
    return str(reply["choices"][0]["text"])
