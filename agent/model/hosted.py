"""A model behind an OpenAI-compatible endpoint: hosted services, vLLM, SGLang, llama_cpp.server.

Before a name leaves the machine it is masked (masking.py). Questions are repeated a bounded number of times with
growing waits, honouring Retry-After; the client's own repetition is off. Tokens and cost are counted against a budget;
an endpoint that keeps failing is left alone for a while. How structured output is asked for is a data row
(data/dialects.toml); `auto` begins with the first and remembers the one that the endpoint speaks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import openai
import tenacity
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.ask import Conversation, Reply, SpeakFailure, ask
from agent.model.endpoint import Usage, breaker_of, budget_of, open_client
from agent.model.hosted_errors import failure_of, reason_of, retry_after
from agent.model.masking import mask
from agent.model.protocol import ModelOutcome, ModelRequest, ReaderSpan
from agent.model.tables import dialects, outcomes
from agent.settings import Settings
from prompts.templates import load_prompt
from standard.errors import ModelError

FIRST_DIALECT = "json_schema"
PROMPT = "fill-slots"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore")
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What of a chat completion is used; checked here, because the client does not check."""

    model_config = ConfigDict(extra="ignore")
    choices: list[_Choice] = Field(min_length=1)
    usage: Usage | None = None


class HostedModel:
    """The model of a URL setting."""

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        if not settings.model_name:
            raise ModelError(
                "没有说用模型服务里的哪个模型；请设 YINGMA_MODEL_NAME（不用模型则设 YINGMA_MODEL=none）。",
                "Which model of the endpoint to use is not said; set YINGMA_MODEL_NAME "
                "(or YINGMA_MODEL=none to go on without).",
            )
        self._host = _host(settings.model)
        self._settings = settings
        self._sleep = sleep
        self._prompt = load_prompt(PROMPT)
        self._client = open_client(settings)
        auto = settings.model_dialect == "auto"
        self._dialect = dialects()[FIRST_DIALECT if auto else settings.model_dialect]
        self._settled = not auto
        self._slots = threading.BoundedSemaphore(settings.model_concurrency)
        self.budget = budget_of(settings)
        self.breaker = breaker_of(settings)

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._settings.model_name

    @property
    def provenance(self) -> Mapping[str, str]:
        """Endpoint (without user or key), model, dialect, prompt. A hosted model has no hash that we could know."""
        return {
            "model": self._settings.model_name,
            "hash": "",
            "endpoint": self._host,
            "regime": "hosted/temperature=0,seed=0",
            "dialect": self._dialect.id,
            "prompt": self._prompt.id,
            "prompt_version": self._prompt.version,
            "prompt_hash": self._prompt.hash,
            "masked": str(self._settings.model_mask).lower(),
        }

    @property
    def concurrency(self) -> int:
        """Questions that it may be asked at once."""
        return self._settings.model_concurrency

    def fill(self, request: ModelRequest) -> ModelOutcome:
        """The outcome of one request."""
        spent_out = self.budget.spent_out()
        if spent_out:
            return ModelOutcome(outcomes()[spent_out].kind, spent_out)
        if not self.breaker.lets_through():
            return ModelOutcome(outcomes()["given_up"].kind, "given_up")
        outcome = ask(
            masked(request) if self._settings.model_mask else request,
            self._prompt,
            self._speak,
            name_limit=self._settings.model_name_limit,
            timeout=self._settings.model_timeout,
            max_exams=self._settings.model_max_exams,
        )
        if outcome.kind in ("unreachable", "timed_out"):
            self.breaker.failed()
        elif outcome.kind not in ("skipped", "over_budget"):
            self.breaker.answered()
        return outcome

    def ask_again(self) -> None:
        """Ask at once, also where the endpoint is left alone for a while."""
        self.breaker.answered()

    def fill_many(self, requests: Sequence[ModelRequest]) -> list[ModelOutcome]:
        """The outcomes in order; at most `model_concurrency` questions under way."""
        if len(requests) < 2 or self._settings.model_concurrency == 1:
            return [self.fill(request) for request in requests]
        with ThreadPoolExecutor(self._settings.model_concurrency, thread_name_prefix="yingma-model") as pool:
            return list(pool.map(self.fill, requests))

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _speak(self, conversation: Conversation) -> Reply:
        spent_out = self.budget.spent_out()
        if spent_out:
            raise SpeakFailure(spent_out, "")
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._settings.model_retries + 1),
            wait=self._wait,
            retry=tenacity.retry_if_exception(self._worth_another_try),
            sleep=self._sleep,
            reraise=True,
        )
        with self._slots:
            try:
                text, dialect = attempts(self._post, conversation)
            except openai.OpenAIError as err:
                raise failure_of(err) from err
        return self._reply(text, dialect)

    def _worth_another_try(self, err: BaseException) -> bool:
        if not isinstance(err, openai.OpenAIError) or not reason_of(err)[1]:
            return False
        asked = retry_after(err)
        return asked is None or asked <= self._settings.model_backoff_max

    def _wait(self, state: tenacity.RetryCallState) -> float:
        grown = self._settings.model_backoff * 2.0 ** (state.attempt_number - 1)
        asked = retry_after(state.outcome.exception() if state.outcome else None)
        return min(max(grown, asked or 0.0), self._settings.model_backoff_max)

    def _post(self, conversation: Conversation) -> tuple[str, str]:
        """The body of one reply and the dialect it was asked in.

        Until an endpoint has answered once, `auto` goes on to the next dialect where one is refused; the one that is
        answered stays.
        """
        dialect = self._dialect
        while True:
            body: dict[str, Any] = {
                "model": self._settings.model_name,
                "messages": conversation.messages(),
                "response_format": dialect.format_for(conversation.schema.json_schema()),
                "temperature": 0,
                "seed": 0,
                "max_tokens": self._settings.model_max_tokens,
            }
            try:
                raw = self._client.chat.completions.with_raw_response.create(**body)
            except openai.APIStatusError as err:
                refused = dialect.next and dialect.refused_by(err.status_code, err.response.text)
                if self._settled or not refused:
                    raise
                dialect = dialects()[dialect.next]
                continue
            self._dialect, self._settled = dialect, True
            return raw.text, dialect.id

    def _reply(self, text: str, dialect: str) -> Reply:
        try:
            completion = _Completion.model_validate_json(text)
        except ValidationError as err:
            raise SpeakFailure("bad_reply", f"{err.errors()[0]['msg']}: {text[:200]!r}") from err
        choice = completion.choices[0]
        usage = completion.usage or Usage()
        cost = self.budget.add(usage.prompt_tokens, usage.completion_tokens)
        if choice.message.refusal:
            raise SpeakFailure("content_filter", choice.message.refusal[:500])
        return Reply(
            choice.message.content or "",
            choice.finish_reason or "missing",
            usage.prompt_tokens,
            usage.completion_tokens,
            cost,
            dialect,
        )


def masked(request: ModelRequest) -> ModelRequest:
    """The request without persons: name and modality masked; a span's text only where it still stands in the name."""
    name = mask(request.name).text
    return replace(
        request,
        name=name,
        modality=mask(request.modality).text,
        spans=tuple(
            ReaderSpan(span.slot, span.text if span.text in name else "", span.element) for span in request.spans
        ),
    )


def _host(url: str) -> str:
    """The address without user and password. ModelError where it is none."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts = None
    if parts is None or not parts.hostname:
        raise ModelError(
            f"{url!r} 不是模型服务的地址；请写成 http://主机:端口/v1。",
            f"{url!r} is no address of an endpoint; write http://host:port/v1.",
        )
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
