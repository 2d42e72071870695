"""The language model of the dialogue, over real HTTP: good calls, made-up ones, faults, and orders in a name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.chat.dialogue import Dialogue
from agent.chat.model_turn import TOOLS, holds_code
from agent.chat.opening import chat_model
from agent.settings import load_settings
from prompts.chat import load_chat_prompt
from tests.chat.talking import Chat, tools
from tests.model.fake_server import Action, FakeServer, Response, completion, error

TALK = "帮我看看那个脚脖子的检查到底该怎么写呀"
NAMED = "这个片子叫 踝关节三维重建术 应该用哪个码呢？"


def calls(*given: tuple[str, Any], content: str | None = None) -> Action:
    """A model that calls these tools."""
    told = [
        {
            "id": f"c{at}",
            "type": "function",
            "function": {"name": name, "arguments": each if isinstance(each, str) else json.dumps(each)},
        }
        for at, (name, each) in enumerate(given)
    ]
    return lambda _body: completion(content, "tool_calls" if told else "stop", tool_calls=told)


def chat_with(server: FakeServer, **settings: Any) -> Chat:
    """A conversation with a model behind this server."""
    made = load_settings(model=server.url, model_name="fake", model_timeout=5, **settings)
    return Chat(Dialogue(tools(), model=chat_model(made)))


def test_a_name_in_a_sentence_is_found() -> None:
    with FakeServer(calls(("resolve", {"name": "踝关节三维重建术"}))) as server:
        chat = chat_with(server)
        chat.say(NAMED)
        assert chat.asked == ["左侧", "右侧", "双侧"]
        chat.say("左")
        assert chat.codes == ("20072501111100",)
        assert len(server.bodies) == 1  # the answer to the question needed none
        assert {each["function"]["name"] for each in server.bodies[0]["tools"]} == set(TOOLS) - {"answer"}


def test_what_the_rules_understand_is_not_asked() -> None:
    with FakeServer(calls()) as server:
        chat = chat_with(server)
        for text in ("胸部CT平扫", "20040100110000", "3.8 到 3.8.2", "踝关节三维重建术", "左", "比较 胸部CT 和 颅脑CT"):
            chat.say(text)
        assert server.bodies == []


def test_other_tools() -> None:
    with FakeServer(calls(("search", {"words": "踝关节 平扫"}))) as server:
        chat = chat_with(server)
        assert "CT左踝关节" in chat.say(TALK)


@pytest.mark.parametrize(
    "action",
    [
        calls(("resolve", {"name": "左膝关节CT平扫"})),  # not in the text
        calls(("resolve", "{not json")),
        calls(("resolve", {"title": "踝关节三维重建术"})),
        calls(("save_decision", {"codes": ["20040100110000"]})),
        calls(("decode", {"code": "20040100110000"})),
        calls(("answer", {"option": 1})),
        calls(("edition_changes", {"old": "1.0", "new": "9.9"})),
        calls(),
        error(500),
        error(401),
        error(429),
        lambda _body: Response(body=b"<html>"),
        lambda _body: Response(body=b'{"choices": []}'),
        lambda _body: Response(body=b"{" * 100, cut=True),
    ],
)
def test_what_does_not_hold_is_answered_by_rules(action: Action) -> None:
    with FakeServer(action) as server:
        chat = chat_with(server, model_retries=0)
        said = chat.say(NAMED)
        assert server.bodies
        assert "语言模型没有帮上忙" in said
        assert not any(card.kind == "saved" for card in chat.cards)


def test_an_answer_to_the_open_question_is_offered_not_taken() -> None:
    with FakeServer(calls(("answer", {"option": 2}))) as server:
        chat = chat_with(server)
        chat.say("踝关节三维重建术")
        said = chat.say("就是不是左边的那个脚啊你懂的吧")
        assert "您是说「右侧」吗" in said
        assert not chat.codes
        body = json.loads(server.bodies[0]["messages"][1]["content"])
        assert body["options"] == ["1 左侧", "2 右侧", "3 双侧"]
        chat.press("右侧")
        assert chat.codes == ("20072502111100",)


@pytest.mark.parametrize(
    "remark",
    [
        "编码是 20040100110000",
        "2004 0100 1100 00",
        "２００４０１００１１００００",
        "二〇〇四〇一〇〇一一",
        "2-0-0-4-0-1-0-0",
    ],
)
def test_a_code_in_the_models_words_is_never_shown(remark: str) -> None:
    with FakeServer(calls(content=remark)) as server:
        said = chat_with(server).say(TALK)
        assert remark not in said
        assert "20040100110000" not in said


def test_a_remark_is_shown_as_text() -> None:
    with FakeServer(calls(content="我能查编码。<b>[点](http://x)</b>")) as server:
        said = chat_with(server).say(TALK)
        assert "我能查编码。" in said
        assert "<b>" not in said
        assert "](http" not in said


def test_persons_are_masked() -> None:
    with FakeServer(calls(content="好的")) as server:
        chat_with(server).say("患者张三的那个检查电话13812345678到底怎么写呀呀呀")
        (body,) = server.bodies
        assert "张三" not in json.dumps(body, ensure_ascii=False)
        assert "13812345678" not in json.dumps(body)


def test_a_masked_name_is_resolved_as_it_was_written() -> None:
    text = "患者张三那个踝关节三维重建术怎么写呀呀呀呀呀呀呀？"
    with FakeServer(
        lambda body: calls(("resolve", {"name": json.loads(body["messages"][1]["content"])["text"]}))(body)
    ) as s:
        chat = chat_with(s)
        chat.say(text)
        assert chat.state.draft is not None
        assert chat.state.draft.name == text


def test_an_endpoint_that_is_down_is_left_alone() -> None:
    with FakeServer(error(500)) as server:
        chat = chat_with(server, model_give_up_after=2)
        for _ in range(4):
            chat.say(TALK)
        assert len(server.bodies) == 2


def test_only_an_endpoint_can_talk() -> None:
    assert chat_model(load_settings(model="none")) is None
    assert chat_model(load_settings(model="local")) is None
    assert set(load_chat_prompt().tools) == set(TOOLS)


def test_what_looks_like_a_code() -> None:
    assert holds_code("a20040100110000b")
    assert holds_code("ABC 123 456 789")
    assert not holds_code("3.8.2 版有 1367 项，3.0T、64 排")
