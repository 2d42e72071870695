"""Who is calling: the gate finds it out, routes ask for it with `CurrentPerson`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from agent.store.states import PERSONS


class Person(NamedTuple):
    """Who is logged in: the account's id, its name, its role as it is now."""

    id: int
    name: str
    role: str

    def at_least(self, role: str) -> bool:
        """Whether his role is this one or a higher one. ValueError for what is no role."""
        return PERSONS.index(self.role) >= PERSONS.index(role)


def person_in(scope: Mapping[str, Any]) -> Person:
    """The person whom the gate put into an ASGI scope. LookupError where there is none, behind no gate."""
    found = scope.get("state", {}).get("person")
    if not isinstance(found, Person):
        raise LookupError("no person: this route is not behind the gate, or is open to anybody")
    return found


def _current(request: Request) -> Person:
    return person_in(request.scope)


CurrentPerson = Annotated[Person, Depends(_current)]
