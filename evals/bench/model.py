"""`model`: what the model step adds to llama.cpp itself, on the same prompt, grammar and tokens, in one run.

`fill` is the whole step; `engine` its decoding alone; `plain` llama.cpp's own sampler chain over the same kept prefix;
`binding` llama-cpp-python's create_completion. Each request goes through all four, in turning order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.bench.names import BenchName, bench_names
from standard.errors import ModelError

if TYPE_CHECKING:
    from agent.model import ModelRequest

COUNT, CANDIDATES = 10, 10


def requests_for(names: Sequence[BenchName]) -> list[ModelRequest]:
    """What the pipeline asks a model about names: the reader's spans, the candidates of the lexical index."""
    from agent.model import ModelRequest, ReaderSpan
    from agent.reader import Reader
    from prompts.rows import candidate_row, resolver
    from retrieval.documents import build_documents
    from retrieval.lexical import LexicalIndex
    from retrieval.text import cleaner_of
    from standard import load_catalogue
    from standard.lexicon import load_lexicon

    catalogue, lexicon = load_catalogue(), load_lexicon()
    reader, cleaner = Reader(catalogue, lexicon), cleaner_of(lexicon)
    index = LexicalIndex.build(build_documents(catalogue, lexicon))
    resolve = resolver(catalogue)
    found = index.search([cleaner(each.name) for each in names], CANDIDATES)
    requests = []
    for each, hits in zip(names, found, strict=True):
        spans = tuple(
            ReaderSpan(span.slot, span.text, span.element)
            for span in reader.read(each.name, each.modality).spans
            if span.slot not in ("noise", "separator", "unexplained")
        )
        rows = tuple(candidate_row(catalogue.items[code]) for code, _ in hits)
        requests.append(ModelRequest(each.name, each.modality, spans, rows, resolve))
    return requests


def run_model_bench(home: Path, count: int = COUNT) -> dict[str, Any]:
    """Seconds of each way and the parts that the step adds; `left_out` says why where there is no model."""
    from agent.model.overhead import measure
    from evals.bench.local_model import open_bench_model

    try:
        model = open_bench_model(home)
    except ModelError as error:
        return {"left_out": str(error)}
    try:
        requests = requests_for(bench_names(count))
        model.fill(requests[0])  # the first constrained call is slower
        found = measure(model, requests)
        return {
            "left_out": "",
            "model": dict(model.provenance),
            "requests": found.requests,
            "tokens": found.tokens,
            "seconds": {
                "fill": round(found.fill, 2),
                "engine": round(found.engine, 2),
                "plain": round(found.plain, 2),
                "binding": round(found.binding, 2),
            },
            "added": {
                "over_engine": round(found.over_engine, 3),
                "over_plain": round(found.over_plain, 3),
                "over_binding": round(found.over_binding, 3),
            },
            "same_text": {"plain": found.same_plain, "binding": found.same_binding},
        }
    finally:
        model.close()
