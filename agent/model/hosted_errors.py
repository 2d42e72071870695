"""Every exception that the openai client can raise at us, and the outcome that it is.

The most specific class wins (order of the class's own ancestors). A test walks the client's tree and fails for a class
that is in neither table.
"""

from __future__ import annotations

import email.utils
import time

import openai

from agent.model.ask import SpeakFailure

# Class → (reason of outcomes.tsv, is it worth another try?)
REASONS: dict[type[Exception], tuple[str, bool]] = {
    openai.APITimeoutError: ("timeout", True),
    openai.APIConnectionError: ("connection", True),
    openai.APIResponseValidationError: ("bad_reply", False),
    openai.BadRequestError: ("bad_request", False),
    openai.AuthenticationError: ("auth", False),
    openai.PermissionDeniedError: ("auth", False),
    openai.NotFoundError: ("not_found", False),
    openai.ConflictError: ("server_error", True),
    openai.UnprocessableEntityError: ("bad_request", False),
    openai.RateLimitError: ("rate_limited", True),
    openai.InternalServerError: ("server_error", True),
    openai.LengthFinishReasonError: ("truncated", False),
    openai.ContentFilterFinishReasonError: ("content_filter", False),
    # Other statuses: the client raises the base class. 408 is worth another try, the rest is our request's fault.
    openai.APIStatusError: ("bad_request", False),
    openai.APIError: ("bad_reply", False),
}

# Classes that belong to parts of the client that are not used here (web sockets, streams, webhooks, workload identity,
# Azure, the module-level client); they are the base class's outcome if they come all the same.
UNUSED = frozenset(
    {
        "SubjectTokenProviderError",
        "WebSocketConnectionClosedError",
        "WebSocketQueueFullError",
        "StreamAlreadyConsumed",
        "MutuallyExclusiveAuthError",
        "APIRemovedInV1",
        "_AmbiguousModuleClientUsageError",
    }
)


def reason_of(err: openai.OpenAIError) -> tuple[str, bool]:
    """(reason, worth another try) of one exception."""
    if isinstance(err, openai.APIStatusError) and err.status_code == 408:
        return "timeout", True
    for cls in type(err).__mro__:
        if cls in REASONS:
            return REASONS[cls]
    return "bad_reply", False


def failure_of(err: openai.OpenAIError) -> SpeakFailure:
    """The outcome of one exception, with its text (never a key: the client's messages hold none)."""
    reason, _ = reason_of(err)
    text = str(err)
    cause = err.__cause__
    if cause is not None and str(cause):
        text += f" ({type(cause).__name__}: {cause})"
    return SpeakFailure(reason, text[:500])


def retry_after(err: BaseException | None) -> float | None:
    """Seconds that the endpoint asks us to wait, from Retry-After (seconds or a date); None where it says nothing."""
    if not isinstance(err, openai.APIStatusError):
        return None
    value = err.response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
