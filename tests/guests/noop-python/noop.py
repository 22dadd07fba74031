"""Takes every record and does nothing with it: what is left is the cost of the call, the bindings and the SDK."""

from typing import Any

from danube_sink import Batch, Sink, register


@register
class Noop(Sink[dict[str, Any]]):
    def process_batch(self, batch: Batch) -> None:
        pass
