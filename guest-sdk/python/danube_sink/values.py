"""Reads JSON values as the types of a sink, with mistakes that name the place and never show the value."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, cast, get_args, get_origin

#: Keys that may stand in a dataclass's table although it has no such field.
Tolerated = frozenset[str]


class Mistake(Exception):
    """A value that does not fit its type."""

    def __init__(self, place: str, what: str) -> None:
        self.place, self.what = place, what
        super().__init__(f"`{place}`: {what}" if place else what)


def read(type_: Any, value: Any, place: str = "", *, strict: bool, tolerated: Tolerated = frozenset()) -> Any:
    """Reads `value` as a `type_`; `strict` refuses keys that a dataclass does not have, but for the `tolerated` ones."""
    if isinstance(type_, typing.TypeVar) or type_ in (Any, object):
        return value
    reader = getattr(type_, "__read__", None) or getattr(get_origin(type_), "__read__", None)
    if reader is not None:
        return reader(type_, value, place)
    if type_ is None or type_ is type(None):
        return _expect(value is None, value, "null", place, value)
    if type_ is bool:
        return _expect(isinstance(value, bool), value, "true or false", place, value)
    if type_ is int:
        return _expect(isinstance(value, int) and not isinstance(value, bool), value, "an integer", place, value)
    if type_ is float:
        _expect(_is_number(value), value, "a number", place, value)
        return float(value)
    if type_ is Decimal:
        _expect(_is_number(value), value, "a number", place, value)
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if type_ is str:
        return _expect(isinstance(value, str), value, "a string", place, value)
    if dataclasses.is_dataclass(type_) and isinstance(type_, type):
        return _dataclass(type_, value, place, strict, tolerated)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return _enum(type_, value, place)
    return _composed(type_, value, place, strict)


@functools.lru_cache(maxsize=None)
def wants_decimals(type_: Hashable) -> bool:
    """Whether a `Decimal` stands somewhere in a type."""
    return _has_decimal(type_, set())


def _has_decimal(type_: Any, seen: set[Any]) -> bool:
    if type_ is Decimal:
        return True
    if type_ in seen:
        return False
    seen.add(type_)
    inner = list(get_args(type_)) if get_origin(type_) is not Literal else []
    plain = get_origin(type_) or type_
    if dataclasses.is_dataclass(plain) and isinstance(plain, type):
        inner += [hint for _, _, hint in _fields(plain)]
    return any(_has_decimal(part, seen) for part in inner)


def _dataclass(type_: type[Any], value: Any, place: str, strict: bool, tolerated: Tolerated) -> Any:
    if isinstance(value, type_):
        return value
    _expect(isinstance(value, Mapping), value, "a table", place, value)
    fields = _fields(cast(Hashable, type_))
    if strict:
        known = {key for _, key, _ in fields}
        for key in value:
            if key not in known and key not in tolerated:
                expected = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
                raise Mistake(place, f"unknown key `{key}`, expected {expected}")
    arguments = {}
    for field, key, hint in fields:
        if key in value:
            arguments[field.name] = read(hint, value[key], _inside(place, key), strict=strict)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if not _takes_none(hint):
                raise Mistake(place, f"missing key `{key}`")
            arguments[field.name] = None
    try:
        return type_(**arguments)
    except ValueError as error:
        # What `__post_init__` has to say.
        raise Mistake(place, str(error)) from error


@functools.lru_cache(maxsize=None)
def _fields(type_: Hashable) -> list[tuple[dataclasses.Field[Any], str, Any]]:
    """The fields that are read, their keys (`metadata={"key": ...}` renames one) and their types."""
    # Hashable, as a key of the cache.
    table: Any = type_
    hints = typing.get_type_hints(table)
    fields = (field for field in dataclasses.fields(table) if field.init)
    return [(field, field.metadata.get("key", field.name), hints[field.name]) for field in fields]


def _enum(type_: type[Enum], value: Any, place: str) -> Enum:
    try:
        return type_(value)
    except ValueError:
        raise _no_choice([member.value for member in type_], value, place) from None


def _composed(type_: Any, value: Any, place: str, strict: bool) -> Any:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Literal:
        if value not in arguments:
            raise _no_choice(arguments, value, place)
        return value
    if origin in (Union, types.UnionType):
        return _union(arguments, value, place, strict)
    if origin is typing.Annotated:
        return read(arguments[0], value, place, strict=strict)
    plain: Any = origin or type_
    if plain is tuple:
        return _tuple(arguments, value, place, strict)
    if plain in (list, set, frozenset, Sequence):
        _expect(isinstance(value, list), value, "a list", place, value)
        item = arguments[0] if arguments else Any
        items = [read(item, part, f"{place}[{index}]", strict=strict) for index, part in enumerate(value)]
        return items if plain in (list, Sequence) else plain(items)
    if plain in (dict, Mapping):
        _expect(isinstance(value, Mapping), value, "a table", place, value)
        part = arguments[1] if arguments else Any
        return {key: read(part, inner, _inside(place, key), strict=strict) for key, inner in value.items()}
    raise TypeError(f"`{type_}` cannot be read from JSON")


def _tuple(arguments: tuple[Any, ...], value: Any, place: str, strict: bool) -> tuple[Any, ...]:
    _expect(isinstance(value, list), value, "a list", place, value)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if arguments and len(arguments) != len(value):
        raise Mistake(place, f"expected {len(arguments)} entries, got {len(value)}")
    hints = arguments or (Any,) * len(value)
    pairs = enumerate(zip(hints, value))
    return tuple(read(hint, part, f"{place}[{index}]", strict=strict) for index, (hint, part) in pairs)


def _union(arguments: tuple[Any, ...], value: Any, place: str, strict: bool) -> Any:
    if value is None and type(None) in arguments:
        return None
    choices = [choice for choice in arguments if choice is not type(None)]
    if isinstance(value, int) and int in choices and not isinstance(value, bool):
        return value
    mistakes = []
    for choice in choices:
        try:
            return read(choice, value, place, strict=strict)
        except Mistake as mistake:
            mistakes.append(mistake)
    # The one that got furthest is the one that was meant.
    raise max(mistakes, key=lambda mistake: len(mistake.place))


def _takes_none(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _expect(fits: bool, value: Any, expected: str, place: str, result: Any) -> Any:
    if not fits:
        raise Mistake(place, f"expected {expected}, got {_kind(value)}")
    return result


def _no_choice(choices: Sequence[Any], value: Any, place: str) -> Mistake:
    found = _kind(value)
    if found in map(_kind, choices):
        found = f"another {found.split(' ', 1)[-1]}"
    return Mistake(place, f"expected {_choice([str(choice) for choice in choices])}, got {found}")


def _kind(value: Any) -> str:
    """What a value is, but not the value: it may be a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, (float, Decimal)):
        return "a number with a fraction"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "a table"


def _choice(choices: list[str]) -> str:
    quoted = [f"`{choice}`" for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _inside(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
