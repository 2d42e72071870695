"""What a text asks for: the examples of the table, other ways to say the same, and names that are none of it."""

from __future__ import annotations

import csv
import re
import signal
from pathlib import Path

import pytest

from agent.chat.dialogue import Dialogue
from agent.chat.intents import intent_of, is_code, number_of, rules, splits
from standard.lexicon import load_lexicon
from tests.chat.talking import Chat, tools
from tests.serving import ROOT
from tests.store.world import pipeline

PHRASINGS = """
help: 帮助 | 怎么使用 | 你能做什么？ | 有什么功能 | 谢谢 | help me | what can you do? | ？ | 请问怎么用 | 可以问什么
help: How do I use this? | 怎么操作 | 你会什么 | 有哪些命令 | 你是干什么的 | 怎么问 | 新手怎么用 | 能问什么
help: 有什么用 | how do i start | what do you do? | commands
why: 为什么 | 为什么是这个编码 | 依据是什么 | 怎么得出来的？ | 理由呢 | 为什么不采用 | why this one?
why: show me the evidence | how do you know | 请解释一下 | 为啥 | 为什么是平扫 | why not? | 为什么会这样
why: 你凭什么这么说 | 这个结果怎么来的 | 依据呢？ | 看依据 | 说明理由 | 给我依据 | 什么原因 | 为什么选这个编码
why: why was this chosen | what is the evidence? | show evidence | explain why | 讲讲为什么
enqueue: 放入队列 | 把它放进队列 | 加到审核队列里 | 送审 | 请提交审核 | 转人工 | 交给审核员 | 把这个名称加入队列吧
enqueue: add it to the review queue | queue this | put this in the queue please | 入队 | 把 胸部CT平扫 放入队列
enqueue: 加入队列 胸部CT平扫 | 加入队列：胸部CT平扫 | 把「胸部CT平扫」放到审核队列里 | 将胸部CT平扫送审
enqueue: 把第2行放入队列 | add 胸部CT平扫 to the queue | queue 胸部CT平扫 | 请把胸部CT平扫加到队列 | 请帮我放入队列
enqueue: 放进审核 | 加进队列 | 放队列 | 排队 | 进队列 | 请审核员看一下 | 交审核 | 让审核员决定 | 提交给审核员
enqueue: 放入待审队列 | 把这条放入队列 | 将它加入队列 | send it for review | add to queue | put in queue
enqueue: send to review | 把名称胸部CT平扫放入队列 | 放入队列：胸部CT平扫 | 请将 胸部CT平扫 提交审核
save: 保存 | 保存决定 | 保存这个决定 | 存一下 | 记住 | 把它保存下来 | save it | save this decision | remember this
save: 请保存 | 保存吧 | 把胸部CT平扫保存 | 保存 胸部CT平扫 | save 胸部CT平扫 | 确认保存 | 保存这个 | 保存一下
save: 存下来 | 记下来 | 保存结果 | 保存该决定 | 把决定保存 | 保存为决定 | 存为决定 | save please | please save
save: save decision
editions: V3.8.2版改了什么 | 新版改了什么 | 3.8.2 新增了什么 | 3.8.2有哪些变化 | 新版本有什么变化？
editions: 最新版更新了什么 | 3.8.2和上一版有什么区别 | what's new in 3.8.2 | what changed in the new edition?
editions: changes in 3.8.2 | 标准更新了什么 | 版本比较 | 3.8.2比3.8多了什么 | 3.8.2相比3.8改了哪些编码
editions: 从3.8升级到3.8.2有什么变化 | 3.8 3.8.2 | 3.8→3.8.2 | compare 3.8 and 3.8.2 | 新版增加了哪些项目
editions: ３．８．２ 改了什么 | 改了哪些编码 | 哪些编码改了 | what is new? | 新旧版本有什么不同
editions: V3.8.2版本有什么新内容 | 3.8.2版新增哪些编码 | 3.8.2有哪些新项目 | 3.8.2版本更新了哪些内容
editions: 3.8.2有什么不同 | 3.8.2和3.8有什么不同 | 3.8与3.8.2的区别 | 3.8和3.8.2比较 | 比较3.8和3.8.2
editions: 对比 V3.8 与 V3.8.2 | 新版本新增了多少项目 | 新版新增哪些项目 | 新标准改了啥 | 版本有哪些更新
editions: 3.8.2版本更新内容 | 3.8.2 更新说明 | radiology-3.8 到 radiology-3.8.2
editions: what's different in the new version | what was added in 3.8.2 | differences between 3.8 and 3.8.2
editions: 3.8 vs 3.8.2 | 3.8.2的变化 | 最近改了什么 | 新版变了什么 | 3.8升到3.8.2改了什么 | 从 3.8 到 3.8.2
editions: 这一版改了什么 | what changed between 3.8 and 3.8.2 | 3.8.2 changes
compare: 比较 20040100110000 20040100210000 | 比较 左膝关节CT平扫 右膝关节CT平扫
compare: 20040100110000 和 20040100210000 一样吗 | 把20040100110000和20040100210000比较一下
compare: compare 20040100110000 20040100210000 | 20040100110000 vs 20040100210000 | 胸部CT平扫与胸部CT增强有何不同
compare: 胸部CT平扫和胸部CT增强哪里不一样 | 胸部CT平扫和胸部CT增强的区别
compare: what's the difference between 20040100110000 and 20040100210000? | 对比一下20040100110000、20040100210000
compare: 比较第1行和第2行 | how do 胸部CT平扫 and 胸部CT增强 differ | 请比较20040100110000与20040100210000
compare: 20040100110000 20040100210000 区别 | 胸部CT平扫和胸部CT增强是同一个项目吗 | 20040100110000 20040100210000
compare: 比一比 20040100110000 和 20040100210000 | 20040100110000跟20040100210000差在哪
compare: 20040100110000 与 20040100210000 的差别是什么 | 20040100110000和20040100210000哪里不同
compare: 区别：20040100110000 20040100210000 | 比较20040100110000/20040100210000
compare: 请问胸部CT平扫和胸部CT增强有什么区别 | diff 20040100110000 20040100210000
compare: 胸部CT平扫和胸部CT增强是一样的吗 | 20040100110000 20040100210000 有什么不同
compare: compare 20040100110000 with 20040100210000 | 这两个有什么区别 20040100110000 20040100210000
search: 找一下胸部增强的项目 | 找胸部增强的项目 | 列出胸部增强的项目 | 胸部增强有哪些 | 胸部增强有什么项目
search: 有没有膝关节增强的项目 | 膝关节有没有增强的项目 | 所有膝关节的编码 | 关于膝关节的项目 | 膝关节的项目
search: 哪些项目有三维重建 | find 膝关节 | list all 膝关节 items | show me 膝关节 items | which items have 三维重建
search: are there any items for 膝关节 | 请帮我找膝关节的项目 | 包含三维重建的项目 | 查一下膝关节 | 查：膝关节
search: 搜索膝关节平扫 | 膝关节相关编码 | 我想找膝关节的编码 | 膝关节都有哪些编码？ | 找胸部增强 | 搜胸部增强
search: 胸部增强的有哪些 | 有哪些胸部增强的项目 | 胸部有哪些增强项目 | 给我找胸部增强的项目 | 列出所有胸部增强项目
search: 帮我查一下胸部增强的编码有哪些 | 胸部增强项目列表 | 胸部增强相关的项目有哪些 | 查询 胸部增强 | 搜一下 胸部
search: 标准里有没有胸部增强 | 有胸部增强的项目吗 | 有没有胸部增强这个项目 | 哪些是胸部增强的项目
search: 含三维重建的项目有哪些 | what items are there for 胸部 | items for 胸部 | show items with 三维重建
search: search for 胸部 CT | 膝关节MR有哪些
code: 20010701111100 | 20010701111100是什么 | 这个编码20010701111100是什么意思？ | 解释一下20010701111100
code: what is 20010701111100? | what does 20010701111100 mean | 20010701111100 对应哪个项目
code: 20010701111100各段分别代表什么 | 检查一下 20010701111100 对不对 | is 20010701111100 valid? | 查 20010701111100
code: 编码：20010701111100 | ２００１０７０１１１１１００ | 20010701111100。 | 20010701111100的意思
code: 解释「20010701111100」 | look up 20010701111100 | 20 01 07 01 11 11 00 | 2001-0701-1111-00
code: 20010701111100有没有错 | 20010701111100错在哪里 | 20010701111100代表啥 | 20010701111100对应的项目
code: 20010701111100 是哪个项目的编码 | 查一下编码20010701111100 | 请解释20010701111100这个编码
code: 这是什么编码 20010701111100 | 20010701111100这个编码对吗 | 20010701111100 什么意思 | 20010701111100 怎么拆
code: 20010701111100每一段是什么 | decode 20010701111100 please | 20010701111100? | 验证编码 20010701111100
code: 20010701111100 是否存在 | 帮我看看20010701111100 | 代码20010701111100的含义是什么 | meaning of 20010701111100
code: 20010701111100 meaning
line: 第2行 | 第 3 行 | 第二行 | 看第十二行 | line 2 | show line 3 | 第2行呢 | row 4 | 第2行是什么 | 第2行呢？
line: 看第2行 | 说第2行 | 第 2 条 | 选第2行 | 2行 | 第２行 | 继续第3行 | go to line 2
name: 胸部CT平扫怎么编码 | 胸部CT平扫的编码是什么 | 胸部CT平扫的编码 | 请问 胸部CT平扫 | 胸部CT平扫是什么编码
name: what is the code for 胸部CT平扫? | code for 胸部CT平扫 | 帮我看看胸部CT平扫 | 胸部CT平扫用什么编码
name: how do I code 胸部CT平扫 | 胸部CT平扫对应什么编码 | 胸部CT平扫该用哪个编码 | 胸部CT平扫应该怎么编
name: 胸部CT平扫编码是多少 | 胸部CT平扫的码 | 给胸部CT平扫编码 | code of 胸部CT平扫 | 胸部CT平扫属于哪个项目
name: 胸部CT平扫是哪个编码
explain: 解释 胸部CT平扫 | 解释一下胸部CT平扫 | 胸部CT为什么待定 | explain 胸部CT平扫
"""


@pytest.mark.parametrize("row", [row for row, _ in rules()], ids=lambda row: row.example)
def test_each_rule_fits_its_example(row: object) -> None:
    assert intent_of(row.example).kind == row.id  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("胸部CT平扫", "name"),
        ("头部和颈部CTA", "name"),
        ("查体 胸部正位", "name"),
        ("128排CT", "name"),
        ("2.5T MRI", "name"),
        ("12345678", "code"),
        ("20 01 07 01 11 11 00", "code"),
        ("2001O701111100", "code"),
        ("A010A100A000", "code"),
        ("胸部CT\n\n 颅脑MR \r\n", "names"),
        ("  \n\t", "empty"),
        ("?", "help"),
        ("Compare 20040100110000 with 20040100210000", "compare"),
        ("what changed from 3.8 to 3.8.2?", "editions"),
        ("v3.8与V3.8.2有什么区别", "editions"),
        ("膝关节MR和CT的区别", "compare"),
        ("search knee", "search"),
        ("查找" + "膝" * 300, "name"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert intent_of(text).kind == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kind, text.strip())
        for kind, texts in (line.split(": ", 1) for line in PHRASINGS.strip().splitlines())
        for text in texts.split(" | ")
    ],
)
def test_many_ways_to_ask(kind: str, text: str) -> None:
    assert intent_of(text).kind == kind


def only_names(texts: list[str]) -> None:
    """Nothing among them is taken for anything but the name of an exam."""
    taken = {text: found for text in texts if (found := intent_of(text)).kind != "name" or found.groups}
    assert not taken


def test_what_the_standard_and_the_lexicon_call_an_exam_is_a_name() -> None:
    lexicon = load_lexicon()
    only_names([item.name for item in pipeline().catalogue.items.values()])
    only_names([form.example for form in lexicon.forms if form.example])


def labelled(file: Path) -> list[str]:
    """The names of a labelled file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [row["name"] for row in csv.DictReader(lines, delimiter="\t")]


def test_a_name_of_a_hospital_is_a_name() -> None:
    names = [name for file in sorted((ROOT / "evals" / "data").glob("*.tsv")) for name in labelled(file)]
    assert len(names) > 5000
    only_names(names)


def test_a_name_of_the_development_set_is_a_name(shared: Path) -> None:
    file = shared / "gold" / "dev.tsv"
    if not file.is_file():
        pytest.skip("the labelled names are not here")
    only_names(labelled(file))


def test_what_a_doctor_writes_behind_a_name_is_no_question() -> None:
    only_names(
        ["胸部CT看有没有结节", "胸部CT平扫(有没有)", "对比剂费", "对比增强 MRA", "查体 胸部正位", "CT检查的项目费"]
    )


@pytest.mark.parametrize("order", ["放入队列", "保存决定", "保存", "送审", "put it in the queue", "save it"])
def test_a_name_with_an_order_behind_it_is_a_name(order: str) -> None:
    only_names([f"胸部CT平扫 {order}", f"胸部CT平扫{order}", f"胸部CT平扫，{order}。"])


@pytest.mark.parametrize("text", ["第三一行", "第十十行", "第一二行"])
def test_what_is_no_number_is_no_line(text: str) -> None:
    only_names([text])


@pytest.mark.parametrize(
    "text",
    ["查找 「 」 的项目", "查找   的项目", "比较 ", "保存 「」", "解释 ：", "find  items", "有哪些 ", "\u3000的项目"],
)
def test_a_command_about_nothing_is_answered(text: str) -> None:
    assert all(intent_of(text).groups.values())
    Chat(Dialogue(tools())).say(text)


def test_groups() -> None:
    assert intent_of("把「胸部 CT平扫」放到审核队列里").groups == {"name": "胸部 CT平扫"}
    assert intent_of("加入队列：胸部（CT）").groups == {"name": "胸部（CT）"}  # as it was written
    assert intent_of("膝关节有没有增强的项目").groups == {"words": "膝关节", "more": "增强"}
    assert intent_of("３．８．２ 改了什么").groups == {"new": "3.8.2"}
    assert intent_of("3.8.2比3.8多了什么").groups == {"old": "3.8", "new": "3.8.2"}
    assert splits("20040100110000 20040100210000") == [("20040100110000", "20040100210000")]
    assert splits("left hand and foot") == [("left hand", "foot")]
    assert [number_of(text) for text in ("7", "十", "十二", "二十", "三十四", "九")] == [7, 10, 12, 20, 34, 9]
    assert intent_of("3.8 到 3.8.2 改了什么").groups == {"old": "3.8", "new": "3.8.2"}
    assert intent_of("解释 20 01 07 01 11 11 00").groups == {"code": "20 01 07 01 11 11 00"}
    assert splits("头部和颈部CTA 和 胸部CT") == [("头部", "颈部CTA 和 胸部CT"), ("头部和颈部CTA", "胸部CT")]
    assert not is_code("MRCP3D2026")


def test_any_text_is_understood_or_not_but_soon() -> None:
    """Repeated words of the rules themselves: a pattern that tries them in ever more ways would not come to an end."""

    def over(*_: object) -> None:
        raise TimeoutError

    words = {word for _, pattern in rules() for word in re.findall(r"[一-龥]{1,4}|[a-z]{2,8}", pattern.pattern)}
    before = signal.signal(signal.SIGALRM, over)
    try:
        for word in sorted(words):
            for text in (word * (190 // len(word)), "20010701111100" + word * (170 // len(word))):
                signal.alarm(60)
                intent_of(text + "X")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "text",
    ["放入队列审核", "放入队列了吗？", "左膝、右膝DR对比", "右膝正侧位/左膝正侧位对比", "第 ٢ 行", "看" * 40],
)
def test_what_orders_nothing_is_a_name(text: str) -> None:
    assert intent_of(text).kind == "name"
