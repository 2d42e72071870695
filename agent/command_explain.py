"""`yingma explain NAME`: everything that led to one answer.

Words read and what each says, the exams they make, candidates with the rank each source gave them, the model's outcome,
the evidence whose sum is the score, the rule that routed it, and the versions it was made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.answer import Query, Suggestion
from agent.command_normalize import reason_sentence
from agent.command_standard import show_table
from agent.console import emit_json, language, say
from agent.memory import may_hold, memory_setting, open_memory
from agent.opening import chroma_server, device_setting, model_setting, open_pipeline
from standard import decode

if TYPE_CHECKING:
    from agent.decided import Similar
    from agent.reading import Reading
    from standard.edition import Catalogue

LONGEST = 400  # characters of a cell that are shown
BARE_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}


def run(
    name: str,
    modality: str,
    institution: str,
    edition: str | None,
    model: str | None,
    candidates: bool,
    device_codes: bool | None,
    memory: bool | None,
    as_json: bool,
) -> None:
    """Explain one name."""
    devices = device_setting(device_codes)
    pipeline = open_pipeline(edition, model_setting(model), retrieve=candidates, device_codes=devices)
    query = Query(name, modality, institution)
    remember = memory_setting(memory)
    if memory is not False:
        pipeline.memory = open_memory([query], remember)
    suggestion = pipeline.explain(query)
    decided = decided_like(query) if remember and candidates else []
    if as_json:
        emit_json(explained(suggestion, pipeline.catalogue) | {"decided": _plain(decided)})
    else:
        tell(suggestion, pipeline.catalogue)
        tell_decided(decided)


def decided_like(query: Query) -> list[Similar]:
    """Names like this one that people decided on; none without a database, or where nobody decided anything."""
    if not may_hold():
        return []
    from agent.decided import similar
    from agent.settings import load_settings
    from agent.store import open_store

    settings = load_settings()
    store = open_store(settings)
    try:
        return similar(store, settings.home, query, server=chroma_server(settings))
    finally:
        store.close()


def tell_decided(decided: Sequence[Similar]) -> None:
    """Decided names for a person, on stdout."""
    if not decided:
        return
    _section(say("相近的、已有人决定的名称", "names like it that people decided"))
    show_table(
        say("名称|机构|编码|谁|何时|相近", "name|institution|codes|by|at|likeness").split("|"),
        [
            (
                shown(each.name),
                shown(each.institution),
                "+".join(each.codes) or each.action,
                each.by,
                f"{each.at:%Y-%m-%d}",
                f"{each.score:.3f}",
            )
            for each in decided
        ],
    )


def explained(suggestion: Suggestion, catalogue: Catalogue) -> dict[str, Any]:
    """A suggestion as plain values."""
    reading = suggestion.reading
    return {
        "name": suggestion.query.name,
        "modality": suggestion.query.modality,
        "institution": suggestion.query.institution,
        "route": suggestion.route,
        "codes": list(suggestion.codes),
        "names": list(suggestion.names),
        "score": suggestion.score,
        "reason": {
            "id": suggestion.reason,
            "sentence": reason_sentence(suggestion.reason),
            "detail": suggestion.detail,
        },
        "edition": suggestion.edition,
        "slots": [decode(catalogue, code).to_dict() for code in suggestion.codes],
        "reading": None if reading is None else _reading_object(reading),
        "candidates": [
            {"code": each.code, "name": _name(catalogue, each.code), "score": each.score, "ranks": dict(each.ranks)}
            for each in suggestion.candidates
        ],
        "model": _plain(suggestion.model),
        "classifier": suggestion.classifier._asdict() if suggestion.classifier is not None else None,
        "evidence": [each._asdict() for each in suggestion.evidence],
        "versions": dict(suggestion.versions),
    }


def _reading_object(reading: Reading) -> dict[str, Any]:
    """A reading as plain values."""
    return {
        "canonical": reading.canonical,
        "spans": [span._asdict() for span in reading.spans],
        "exams": [exam._asdict() for exam in reading.exams],
        "problems": [
            {"reason": each.reason, "word": each.word, "spans": [span._asdict() for span in each.spans]}
            for each in reading.problems
        ],
        "unexplained": reading.unexplained.characters,
    }


def _plain(value: Any) -> Any:
    """A value of the model step as plain values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(each) for key, each in asdict(value).items()}
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def tell(suggestion: Suggestion, catalogue: Catalogue) -> None:
    """A suggestion for a person, on stdout."""
    query = suggestion.query
    print(say("名称", "name") + f"  {shown(query.name)}" + (f"  [{shown(query.modality)}]" if query.modality else ""))
    route = {"accepted": say("采用", "accepted"), "review": say("待审", "review")}[suggestion.route]
    detail = f" ({shown(suggestion.detail)})" if suggestion.detail else ""
    reason = f"{suggestion.reason}: {reason_sentence(suggestion.reason)}{detail}"
    print(say("去向", "route") + f"  {route}  {suggestion.score:.4f}  {reason}")
    for code, name in zip(suggestion.codes, suggestion.names, strict=True):
        print(say("编码", "code") + f"  {code}  {name}")
    if suggestion.reading is not None:
        _tell_reading(suggestion.reading)
    for code in suggestion.codes:
        _section(say(f"编码 {code} 的各段", f"fields of {code}"))
        print(decode(catalogue, code).drawing(language()))
    if suggestion.candidates:
        _section(say("检索到的候选项目", "candidates"))
        show_table(
            say("编码|名称|分|名次", "code|name|score|ranks").split("|"),
            [
                (each.code, _name(catalogue, each.code), f"{each.score:.4f}", _pairs(each.ranks))
                for each in suggestion.candidates
            ],
        )
    if suggestion.model is not None:
        outcome = suggestion.model
        _section(say("语言模型", "model"))
        print(f"{outcome.kind}  {outcome.reason}  {shown(outcome.detail)}".rstrip())
        for exam in outcome.exams:
            print("  " + "  ".join(str(value) for value in exam))
    if suggestion.evidence:
        _section(say("证据（权重之和为得分的对数几率）", "evidence (its sum is the score in log-odds)"))
        show_table(
            say("信号|值|权重", "signal|value|weight").split("|"),
            [(each.signal, shown(each.value), f"{each.weight:+.2f}") for each in suggestion.evidence],
        )
    _section(say("版本", "versions"))
    print(_pairs({"edition": suggestion.edition, **suggestion.versions}))


def _tell_reading(reading: Reading) -> None:
    """What each piece of the name says, and the exams that come of it."""
    _section(say("读到的词", "words read"))
    show_table(
        say("位置|文字|段|含义", "at|text|slot|element").split("|"),
        [(f"{span.start}-{span.end}", shown(span.text), span.slot, span.element) for span in reading.spans],
    )
    if reading.exams:
        _section(say("检查", "exams"))
        show_table(
            say("类型|部位|侧|扫描|其他|编码|规则", "family|part|side|scan|extra|code|rules").split("|"),
            [
                (each.family, each.part, each.side, each.scan, each.extra, each.code, " ".join(each.rules))
                for each in reading.exams
            ],
        )
    if reading.problems:
        _section(say("需要人看的地方", "why a person has to look"))
        for each in reading.problems:
            words = " / ".join(shown(span.text) for span in each.spans) or shown(each.word)
            print(f"{each.reason}: {reason_sentence(each.reason)}" + (f" ({words})" if words else ""))


def _section(title: str) -> None:
    """A heading."""
    print(f"\n{title}")


def _name(catalogue: Catalogue, code: str) -> str:
    """The name of an item; empty where a candidate is none."""
    item = catalogue.get(code)
    return item.name if item is not None else ""


def _pairs(values: Any) -> str:
    """Keys and values on one line."""
    return "  ".join(f"{key}={value}" for key, value in values.items())


def shown(text: str) -> str:
    """A text with its control characters drawn, so that it cannot steer a terminal."""
    text = text.translate(BARE_CONTROLS)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)})"


__all__: Sequence[str] = ["explained", "run", "shown", "tell"]
