"""The store: the database under review, memory, chat and jobs. docs/store.md shows tables and states.

    open_store ──▶ Store ──▶ a session ──▶ put, next_clusters, decide, undo, recall, progress, …

Every operation is a function that takes a session; what it writes is written when the transaction is committed, whole
or not at all. Times are given in, so that nothing depends on the clock.
"""

from agent.store import pieces
from agent.store.chat import (
    add_message,
    begin_conversation,
    conversation_of,
    conversations,
    delete_conversation,
    fill_message,
    last_answer,
    message_of,
    messages,
    purge_conversations,
)
from agent.store.columns import now
from agent.store.deciding import Order, Outcome, Rules, Told, decide, rules_of
from agent.store.engine import Store, open_store, open_url
from agent.store.intake import Entry, Put, put, put_before, put_since
from agent.store.jobs import end_job, jobs, open_job
from agent.store.memory import Remembered, recall
from agent.store.people import (
    add_token,
    add_user,
    check_password,
    check_token,
    find_user,
    revoke_token,
    set_active,
    set_password,
    set_role,
    users,
)
from agent.store.progress import Count, Progress, progress
from agent.store.queue import Card, Filter, card, names_of, next_clusters, peek, release, renew
from agent.store.undoing import Influence, influence, undo, undo_batch
from agent.store.web import (
    Caller,
    Limits,
    caller,
    close_session,
    forget_attempts,
    keep_upload,
    open_session,
    owns_upload,
    touch,
    try_login,
)

__all__ = [
    "Caller",
    "Card",
    "Count",
    "Entry",
    "Filter",
    "Influence",
    "Limits",
    "Order",
    "Outcome",
    "Progress",
    "Put",
    "Remembered",
    "Rules",
    "Store",
    "Told",
    "add_message",
    "add_token",
    "add_user",
    "begin_conversation",
    "caller",
    "card",
    "check_password",
    "check_token",
    "close_session",
    "conversation_of",
    "conversations",
    "decide",
    "delete_conversation",
    "end_job",
    "fill_message",
    "find_user",
    "forget_attempts",
    "influence",
    "jobs",
    "keep_upload",
    "last_answer",
    "message_of",
    "messages",
    "names_of",
    "next_clusters",
    "now",
    "open_job",
    "open_session",
    "open_store",
    "open_url",
    "owns_upload",
    "peek",
    "pieces",
    "progress",
    "purge_conversations",
    "put",
    "put_before",
    "put_since",
    "recall",
    "release",
    "renew",
    "revoke_token",
    "rules_of",
    "set_active",
    "set_password",
    "set_role",
    "touch",
    "try_login",
    "undo",
    "undo_batch",
    "users",
]
