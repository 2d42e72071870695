"""docs/store.md: the tables and the state machine, made of the models and of states.tsv."""

from __future__ import annotations

from collections.abc import Iterator

from agent.reference import markdown
from agent.store import schema, schema_acts, schema_audit, schema_chat, schema_pieces, schema_review, schema_web
from agent.store.schema import Base
from agent.store.states import ACTIONS, PERSONS, STATUSES, StateRow, table, word

TABLES: tuple[type[Base], ...] = (
    schema.Institution,
    schema.Name,
    schema.Cluster,
    schema.Suggestion,
    schema_acts.Decision,
    schema.Job,
    schema.Sighting,
    schema_pieces.JobShare,
    schema_pieces.JobPiece,
    schema.Counter,
    schema_acts.User,
    schema_acts.Token,
    schema_acts.Trail,
    schema_web.WebSession,
    schema_web.LoginAttempt,
    schema_web.Upload,
    schema_chat.Conversation,
    schema_chat.Message,
    schema_review.Assignment,
    schema_review.Control,
    schema_review.Bulk,
    schema_audit.AuditKey,
    schema_audit.AuditFlow,
    schema_audit.AuditDraw,
    schema_audit.AuditStop,
)
INTRO = """\
The database is the file `yingma.db` in `YINGMA_HOME` (SQLite), or PostgreSQL where `YINGMA_DATABASE_URL` names one. It
is made, and brought to the newest schema, when it is opened; one of a newer version is left alone, with a sentence. The
code is `agent/store/`; the steps from schema to schema are `agent/store/migrations/`.

- A **cluster** holds the names of one institution and one modality context that differ only in noise. One decision
  settles all of them. The queue is ordered by exams x doubt (1 - score).
- A **decision** is never changed. An undo is a decision of its own; the cluster is then what the others make of it.
- A decision names the **revision** of the cluster that its author saw. Where another one was first, nothing is written,
  and he is told what was decided; not while the cluster waits for a second look, which is blind.
- An order carries a **key** made by the client. The same order sent again is answered, and written once.
- **Memory** is what stands: settled, rejected, not in the standard. It answers the same name in the same modality and
  institution, where names without an institution are a context of their own; elsewhere only what was made group-wide
  (`widen`), which then also settles what waits there with the same names, unless a person has to look at it. What
  another institution's decision settles has *borrowed* it. When that decision or its widening falls, it borrows what
  another group-wide decision says, and where there is none it goes to the queue.
- A sure reading that nobody saw before, and that says otherwise than memory, puts the cluster in question (`contest`).
- **Counters** of clusters, names and exams change in the transaction that changes a cluster; progress counts nothing.
"""
STATES_INTRO = """\
A cell is the next status; `-` is refused; `back` is what the remaining decisions make of the cluster. Who decided on a
cluster before never decides what waits for a second person. The table is `agent/store/data/states.tsv`; lines that
refuse everybody are left out here.
"""


def store_page(made: str) -> str:
    """The whole page. `made`: the line that says that it is generated."""
    parts = [made, "# Store", "", INTRO, "## States", ""]
    parts += [f"- `{status}`: {word('status', status, 'en')}" for status in STATUSES]
    parts += ["", *(f"- *{action}*: {word('action', action, 'en')}" for action in ACTIONS), "", STATES_INTRO]
    parts += [*states_table(), "", "## Tables", ""]
    for model in TABLES:
        doc = " ".join((model.__doc__ or "").split())
        parts += [f"### `{model.__tablename__}`", "", doc, ""]
        parts += [*markdown(("column", "what it holds"), list(_columns(model))), ""]
    return "\n".join(parts)


def states_table() -> list[str]:
    """The state machine as a table, steps that everybody is refused left out."""
    rows = []
    for row in table().values():
        cells = [_cell(row, role) for role in (*PERSONS, "system")]
        if any(each != "-" for each in cells):
            rows.append((f"`{row.status}`", f"*{row.action}*", row.circumstance, *cells))
    return markdown(("status", "action", "circumstance", *PERSONS, "Yingma"), rows)


def _cell(row: StateRow, role: str) -> str:
    return str(getattr(row, role))


def _columns(model: type[Base]) -> Iterator[tuple[str, str]]:
    for name, each in model.model_fields.items():
        if name != "id":
            yield f"`{name}`", each.description or ""
