"""An endpoint that speaks OpenAI's protocol, by the settings: its client, its two guards, what a reply says it cost."""

from __future__ import annotations

import openai
from pydantic import BaseModel, ConfigDict, Field

from agent.model.guard import Breaker, Budget
from agent.settings import Settings
from standard.errors import ModelError


class Usage(BaseModel):
    """Tokens of a reply; none where the endpoint does not say."""

    model_config = ConfigDict(extra="ignore")
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


def open_client(settings: Settings) -> openai.OpenAI:
    """A client that does not repeat questions by itself. ModelError for a key that cannot be sent."""
    key = settings.model_key.get_secret_value().strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelError(
            "密钥里有不能发送的字符；请重新设 YINGMA_MODEL_KEY。",
            "The key holds characters that cannot be sent; set YINGMA_MODEL_KEY again.",
        )
    return openai.OpenAI(base_url=settings.model, api_key=key or "none", timeout=settings.model_timeout, max_retries=0)


def budget_of(settings: Settings) -> Budget:
    """What may be spent."""
    return Budget(
        settings.model_price_in, settings.model_price_out, settings.model_budget_cost, settings.model_budget_tokens
    )


def breaker_of(settings: Settings) -> Breaker:
    """When an endpoint that does not answer is left alone."""
    return Breaker(settings.model_give_up_after, settings.model_give_up_seconds)
