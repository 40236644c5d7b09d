"""What a newer release wrote into stored state and this one does not know: kept, and written back unchanged."""

from __future__ import annotations

from dataclasses import Field
from enum import StrEnum
from typing import Any, NewType, Self

#: Names of fields that a record's class does not have, each with the canonical JSON of its value.
UnknownFields = NewType("UnknownFields", tuple[tuple[str, str], ...])

#: The default of the field ``unknown``, which every class of stored state has as its last one.
NONE_UNKNOWN = UnknownFields(())


def is_for_unknown(each: Field[Any]) -> bool:
    """Whether this is the field that keeps what its class does not know."""
    return each.type in (UnknownFields, UnknownFields.__name__)


class OpenEnum(StrEnum):
    """Words of stored state, to which a newer release may add.

    A word that is none of the members is kept as a value of the class all the same: it is no member, equals only its
    own text, and is written back as that text. Only the reader of stored state makes one.
    """

    @classmethod
    def keep(cls, text: str) -> Self:
        """Make the value of a word that this release does not know."""
        kept = str.__new__(cls, text)
        kept._name_, kept._value_ = f"UNKNOWN({text})", text
        return kept

    @property
    def is_known(self) -> bool:
        """Whether it is one of the members."""
        return self._value_ in type(self)._value2member_map_
