"""What pipelines of one process share, and that opening one leaves the process as it was."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent.answer import Query
from agent.lexer import lexer_of
from agent.opening import open_pipeline
from retrieval.text import cleaner_of
from standard.cycles import no_cycles
from standard.errors import InputError
from standard.lexicon import load_lexicon

NAMES = [
    "胸部CT平扫",
    "踝关节三维重建术(医保)",
    "左膝关节MR平扫 3.0T",
    "颅脑磁共振平扫+DWI+MRA",
    "肝胆胰脾彩超",
    "腰椎正侧位片",
]


def test_the_shipped_lexicon_is_compiled_once_and_another_one_for_itself() -> None:
    shipped = load_lexicon()
    fewer = replace(shipped, forms=tuple(form for form in shipped.forms if form.surface != "胸部"))
    assert lexer_of(shipped) is lexer_of(shipped)
    assert cleaner_of(shipped) is cleaner_of(shipped)
    assert len(lexer_of(fewer).words) == len(lexer_of(shipped).words) - 1
    assert cleaner_of(fewer) is not cleaner_of(shipped)
    assert cleaner_of(None)("胸部CT(医保)") == "胸部CT医保"


def test_pipelines_in_threads_answer_as_one_does() -> None:
    queries = [Query(f"{name}{at}号机", "") for at in range(40) for name in NAMES]
    wanted = open_pipeline().answer_compact(queries)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: open_pipeline().answer_compact(queries), range(4)))
    assert found == [wanted] * 4
    assert gc.isenabled()


def test_the_collector_is_on_again_whatever_happens() -> None:
    with pytest.raises(InputError):
        open_pipeline("no such edition")
    assert gc.isenabled()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with no_cycles():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with no_cycles():
        thread.start()
        inside.wait(60)
    assert not gc.isenabled()  # the other one is not done
    leave.set()
    thread.join()
    assert gc.isenabled()
    gc.disable()
    try:
        with no_cycles():
            pass
        assert not gc.isenabled()  # who has it off wants it so
    finally:
        gc.enable()
