"""What the host tells an instance about itself."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .consumer import ConsumerConfig
from .errors import Fatal
from .topics import consumers
from .values import Mistake, read

T = TypeVar("T")

MAPPINGS = "topic_mappings"


@dataclass(frozen=True)
class Context:
    """What the host tells an instance about itself."""

    connector_name: str
    """`connector_name` of the connector's file."""
    instance: int
    """Which of the connector's instances this is, from 0. Stays the same when an instance is made anew."""
    settings_json: str = field(repr=False)
    """The settings as JSON text. Secrets that the file refers to stand in it in clear text: do not log it."""

    def settings(self, type_: type[T]) -> T:
        """The settings as a `type_`, a dataclass for example. Raises `Fatal` with the key when they don't fit."""
        try:
            value: T = read(type_, self._table, strict=True, tolerated=frozenset({MAPPINGS}))
            return value
        except Mistake as mistake:
            raise Fatal(f"settings: {mistake}") from None

    def consumer_configs(self) -> list[ConsumerConfig]:
        """What the host shall consume according to the settings' `topic_mappings`. Raises `Fatal` when there is none."""
        try:
            configs = consumers(self._table.get(MAPPINGS, []), MAPPINGS)
        except Mistake as mistake:
            raise Fatal(f"settings: {mistake}") from None
        if not configs:
            hint = "add an entry to `topic_mappings` with `topic` and `subscription`"
            raise Fatal(f"settings: no topic to consume\nhelp: {hint}")
        return configs

    @functools.cached_property
    def _table(self) -> dict[str, Any]:
        try:
            table = json.loads(self.settings_json)
        except ValueError as error:
            raise Fatal(f"settings: {error}") from None
        if not isinstance(table, dict):
            raise Fatal("settings: expected a table")
        return table
