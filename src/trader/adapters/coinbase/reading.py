"""The rules by which everything the venue says is read.

Lenient to keys nobody asked for, strict on meaning: ``""`` and ``null`` are missing, a missing fact is never
replaced by a guess, a number is text or a number and never a binary fraction. What does not fit is VenueProtocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from trader.errors import VenueProtocol

_PROBLEMS_SHOWN = 3


def instant(text: Any) -> int:
    """Read an RFC 3339 time to the whole second it lies in. Raises: ValueError."""
    if not isinstance(text, str):
        raise ValueError("is no time")
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("has no time zone")
    return int(at.timestamp() // 1)


def _exact(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("is no exact number")
    return value


def _said(value: Any) -> Any:
    return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value


Number = Annotated[Decimal, BeforeValidator(_exact)]
At = Annotated[int, BeforeValidator(instant)]
#: An object of which the venue prints members it does not mean as null.
Said = BeforeValidator(_said)

W = TypeVar("W", bound="Wire")


def wired(**ours_for_theirs: str) -> ConfigDict:
    """Configure a wire object; each keyword is the venue's word for the field of ours it names."""
    ours = {name: theirs for theirs, name in ours_for_theirs.items()}
    # Built at first use: a cycle reads only some of these objects, and a cold start none.
    return ConfigDict(
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=lambda name: ours.get(name, name),
        defer_build=True,
    )


class Wire(BaseModel):
    """An object on the wire."""

    model_config = wired()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_missing(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None and value != ""}


def fit(kind: type[W], raw: Any, what: str) -> W:
    """Read an object. Raises: VenueProtocol naming *what* and the places that do not fit, not their content."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        problem = VenueProtocol(f"{what}: {places(error)}")
    raise problem


def places(error: ValidationError) -> str:
    """Say where an object does not fit, without what stands there."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'.'.join(map(str, each['loc'])) or 'all of it'}: {each['msg']}" for each in found[:_PROBLEMS_SHOWN]]
    return "; ".join(shown) + (f"; and {len(found) - len(shown)} more" if len(found) > len(shown) else "")


class _Page(Wire):
    has_next: bool | None = None
    cursor: str = ""
    proof_token_required: bool = False


def read_rows(raw: Any, key: str) -> list[Any]:
    """Take the list out of an answer; an answer without it is not an empty list. Raises: VenueProtocol."""
    rows = raw.get(key) if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        raise VenueProtocol(f"{key}: there is no list")
    return rows


def read_page(raw: Any, key: str) -> tuple[list[Any], str | None]:
    """Split a page into its rows and the cursor of the next page; None after the last one.

    Raises: VenueProtocol, also if the venue withholds rows.
    """
    rows = read_rows(raw, key)
    page = fit(_Page, raw, f"page of {key}")
    if page.proof_token_required:
        raise VenueProtocol(f"page of {key}: the venue asks for a proof token and withholds the history")
    has_next = bool(page.cursor) if page.has_next is None else page.has_next
    if has_next and not page.cursor:
        raise VenueProtocol(f"page of {key}: there is more, and no cursor to it")
    return rows, page.cursor if has_next else None


def first_words(found: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first of these texts that says something: not empty, and not that the reason is unknown."""
    for key in keys:
        text = found.get(key)
        if isinstance(text, str) and (words := text.removeprefix("PREVIEW_")) and not words.startswith("UNKNOWN"):
            return words
    return None
