"""The rules by which everything the venue says is read.

Lenient to keys nobody asked for, strict on meaning: ``""`` and ``null`` are missing, a missing fact is never
replaced by a guess, a number is text or a number and never a binary fraction. What does not fit is VenueProtocol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar, get_origin, get_type_hints

# pydantic would import this with its first schema. Named here, it is part of the start and not of the first cycle.
import pydantic.fields  # noqa: F401
from pydantic import BeforeValidator, ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import core_schema

from trader.errors import VenueProtocol
from trader.model.ids import ClientOrderId, ProductId, VenueOrderId
from trader.model.inputs import OddRow

_PROBLEMS_SHOWN = 3
_NAME_LENGTH = 128


#: Half of a character, spelled out: text that holds one alone cannot be written down by anybody.
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def load_json(text: str) -> Any:
    """Decode an answer; numbers stay exact, and text that nobody could write down loses what spoils it.

    Raises: ValueError for what is not JSON, or no finite number; RecursionError where it is nested too deep.
    """
    value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_number)
    return _mend_text(value) if _HALF_CHARACTER.search(text) else value


def _refuse_number(text: str) -> Decimal:
    raise ValueError(f"{text} is not a number")


def _mend_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_mend_text(each) for each in value]
    if isinstance(value, dict):
        return {_mend_text(key): _mend_text(each) for key, each in value.items()}
    return value


def parse_instant(text: Any) -> int:
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
Timestamp = Annotated[int, BeforeValidator(parse_instant)]
#: An object of which the venue prints members it does not mean as null.
DropNulls = BeforeValidator(_said)

T = TypeVar("T")
W = TypeVar("W", bound="WireModel")


class WireModel:
    """An object on the wire: its annotated members are read, those without a default must be there.

    A subclass names what the venue calls otherwise: ``class _Account(WireModel, available_balance="available")``.
    It is a plain class that tells pydantic how to fill it: making it costs a cold start nothing, where a BaseModel for
    each, its schema deferred, costs 5 ms. The schema is built when the first such object comes in, for a cycle reads
    only some of them.
    """

    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")
    _theirs: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **ours_for_theirs: str) -> None:
        super().__init_subclass__()
        cls._theirs = {ours: theirs for theirs, ours in ours_for_theirs.items()}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        members: dict[str, core_schema.ModelField] = {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            if get_origin(hint) is ClassVar:
                continue
            read = handler.generate_schema(hint)
            if hasattr(cls, name):
                read = core_schema.with_default_schema(read, default=getattr(cls, name))
            members[name] = core_schema.model_field(read, validation_alias=cls._theirs.get(name))
        model = core_schema.model_schema(cls, core_schema.model_fields_schema(members, model_name=cls.__name__))
        return core_schema.no_info_before_validator_function(_empty_is_missing, model)


def _empty_is_missing(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return raw
    return {key: value for key, value in raw.items() if value is not None and value != ""}


# One for each class, made when it is first met.
_ADAPTERS: dict[type[WireModel], TypeAdapter[Any]] = {}


def read_answer(call: object, reader: Callable[..., T], raw: Any, *rest: Any) -> T:
    """Read the answer to a call. Raises: VenueProtocol that names the call, and then what the reader says."""
    try:
        return reader(raw, *rest)
    except VenueProtocol as error:
        # Raised outside of the handler: no error drags the answer it came from along.
        problem = VenueProtocol(f"{call}: {error}")
    raise problem


def read_row(call: object, reader: Callable[[Any], T], raw: Any) -> T | OddRow:
    """Read a row of a list by itself: one that does not fit says what it is about, and stops no other."""
    try:
        return read_answer(call, reader, raw)
    except (VenueProtocol, ArithmeticError) as error:
        reason = str(error)
    named = {key: _name_in(raw, key) for key in ("order_id", "client_order_id", "originating_order_id", "product_id")}
    return OddRow(
        reason=reason,
        venue_order_id=VenueOrderId(named["order_id"]) if named["order_id"] else None,
        client_order_id=ClientOrderId(named["client_order_id"]) if named["client_order_id"] else None,
        originating_order_id=VenueOrderId(named["originating_order_id"]) if named["originating_order_id"] else None,
        product_id=ProductId(named["product_id"]) if named["product_id"] else None,
    )


def _name_in(raw: Any, key: str) -> str:
    # What goes on record must be fit for it: no name of the venue's is long, or anything but plain characters.
    name = raw.get(key) if isinstance(raw, dict) else None
    return name if isinstance(name, str) and name.isascii() and len(name) <= _NAME_LENGTH else ""


def fit(kind: type[W], raw: Any, what: str = "") -> W:
    """Read an object. Raises: VenueProtocol naming *what* and the places that do not fit, not their content."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind, config=ConfigDict(hide_input_in_errors=True))
    try:
        found: W = adapter.validate_python(raw)
    except ValidationError as error:
        problem = VenueProtocol(f"{what}: {describe_misfits(error)}" if what else describe_misfits(error))
    else:
        return found
    raise problem


def describe_misfits(error: ValidationError) -> str:
    """Say where an object does not fit, without what stands there."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'.'.join(map(str, each['loc'])) or 'all of it'}: {each['msg']}" for each in found[:_PROBLEMS_SHOWN]]
    return "; ".join(shown) + (f"; and {len(found) - len(shown)} more" if len(found) > len(shown) else "")


class _Page(WireModel):
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


def find_first_words(found: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first of these texts that says something: not empty, and not that the reason is unknown."""
    for key in keys:
        text = found.get(key)
        if isinstance(text, str) and (words := text.removeprefix("PREVIEW_")) and not words.startswith("UNKNOWN"):
            return words
    return None
