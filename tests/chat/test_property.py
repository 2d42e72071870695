"""Any text in any state gets an answer, and no answer holds a code that is not in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.chat.dialogue import Dialogue
from agent.chat.facts import ItemFact, LineFact
from agent.chat.values import Option
from tests.chat.talking import Chat, tools
from tests.store.world import pipeline

CODE = re.compile(r"`([0-9A-Za-z]{10,})`")
WORDS = """
左 右 双侧 踝关节 膝关节 颅脑 头部 胸部 肝 血管 下肢 CT MRI DR 彩超 钼靶 PET 平扫 增强 平扫/增强 三维重建 MRA DWI 正侧位
床边 胶片费 会诊 [ ] ( ) + _ / 、 和 或 不含 左/右 单侧 比较 查找 有哪些 3.8 3.8.2 到 改了什么 解释 帮助 20040100110000
2004010011000O 保存 放入队列 把 第2行 新版 为什么 的项目 有哪些 怎么编码 1 2 3 9 都不是 <b> =cmd| $$ ` | 忽略以上 灵犀
"""
PIECES = [*WORDS.split(), "\n", "\u202e", "\x00"]
TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(" ".join),
    st.text(st.characters(), max_size=40),
)
STEP = st.one_of(TEXT, st.integers(0, 12))  # a number: that button, if there is one


def items_of(value: Any) -> Iterator[ItemFact | LineFact]:
    """Every item and every answered line in a fact."""
    if isinstance(value, ItemFact | LineFact):
        yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from items_of(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from items_of(each)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(STEP, min_size=1, max_size=6), st.sampled_from(["", "CT", "放射科", "超声"]), st.sampled_from(["zh", "en"])
)
def test_any_text_in_any_state(steps: list[str | int], modality: str, lang: Any) -> None:
    catalogue = pipeline().catalogue.items
    chat = Chat(Dialogue(tools()), lang=lang)
    for step in steps:
        if isinstance(step, int):
            if step >= len(chat.options):
                continue
            number, label = list(chat.options.items())[step]
            chat.say(label, number, modality)
        else:
            chat.say(step, modality=modality)
        assert chat.text.strip() or chat.cards
        for code in CODE.findall(chat.text):
            assert code in catalogue
        for card in chat.cards:
            for each in items_of(card):
                for code in each.codes if isinstance(each, LineFact) else (each.code,):
                    assert code in catalogue
        draft = chat.state.draft
        if draft is not None:
            assert set(draft.codes) <= set(catalogue)
        for option in chat.state.question.options if chat.state.question else ():
            assert option.draft is None or set(option.draft.codes) <= set(catalogue)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES[:26]), min_size=1, max_size=5).map("".join), st.data())
def test_answering_the_questions_comes_to_an_end(name: str, data: st.DataObject) -> None:
    """Each answer settles something: after a few there is a code, or none is offered any more."""
    comes_to_an_end(name, lambda options: data.draw(st.sampled_from(options)))


def test_an_exam_that_the_edition_has_not_is_not_asked_for_a_side() -> None:
    for first in (0, 1):  # 胸部 of ultrasound has no item, and 颅脑 none without a way
        comes_to_an_end("胸部彩超颅脑", lambda options, at=first: options[min(at, len(options) - 1)])


def comes_to_an_end(name: str, choose: Callable[[Sequence[Option]], Option]) -> None:
    """Say a name, and answer what is asked."""
    chat = Chat(Dialogue(tools()))
    chat.say(name)
    for _ in range(8):
        question = chat.state.question
        if question is None:
            break
        option = choose(question.options)
        chat.say(option.zh, option.id)
    assert chat.state.question is None
