"""Posts each batch as a JSON array that shows all of every record, and does what the answer says."""

import base64
import json
from dataclasses import dataclass

import uritools

from danube_sink import Batch, Context, Fatal, Kind, Outcomes, Record, Retryable, Sink, http, log, register


@dataclass
class Config:
    url: str
    health_url: str | None = None


@dataclass
class Said:
    """What the endpoint says of a record."""

    index: int
    retry: str | None = None
    reject: str | None = None
    after_ms: int | None = None


@register
class EchoHttp(Sink[Config]):
    def initialize(self, config: Config, context: Context) -> None:
        if not uritools.isabsuri(config.url):
            raise Fatal("settings: `url`: expected an absolute URL")
        self.config = config
        log.info("instance %d posts to %s", context.instance, config.url)

    def process_batch(self, batch: Batch) -> Outcomes:
        for record in batch:
            if is_told(record, "crash"):
                raise ValueError("told to crash")
        body = "[" + ",".join(shown(record, batch) for record in batch) + "]"
        request = http.post(self.config.url, headers={"content-type": "application/json"}, body=body)
        return outcomes(request.send().check_status())

    def health_check(self) -> None:
        if self.config.health_url is None:
            return
        response = http.get(self.config.health_url).send()
        if not response.ok:
            raise Retryable(f"health_url: status {response.status}")

    def shutdown(self) -> None:
        http.post(self.config.url, json={"shutdown": True}).send()


def is_told(record: Record, what: str) -> bool:
    if record.kind is not Kind.JSON or f'"{what}"' not in (record.text or ""):
        return False
    return isinstance(record.payload, dict) and record.payload.get(what) is True


def shown(record: Record, batch: Batch) -> str:
    schema = record.schema
    envelope = {
        "topic": record.topic,
        "offset": record.offset,
        "publish_time": record.publish_time,
        "producer": record.producer,
        "partition": record.partition,
        "key": record.routing_key,
        "attributes": record.attributes,
        "schema": schema
        and {"id": schema.id, "subject": schema.subject, "version": schema.version, "type": schema.type},
        "kind": record.kind.value,
        "attempt": batch.attempt,
        "order": batch.order.value,
    }
    # A JSON document goes on as it came, with every digit.
    match record.kind:
        case Kind.JSON:
            payload = record.text
        case Kind.TEXT:
            payload = json.dumps(record.text)
        case Kind.BINARY:
            payload = json.dumps(base64.b64encode(record.bytes).decode())
    return f'{json.dumps(envelope)[:-1]},"payload":{payload}}}'


def outcomes(response: http.Response) -> Outcomes:
    found = Outcomes()
    if not response.text.lstrip().startswith("["):
        return found
    for said in response.as_type(list[Said]):
        if said.retry is not None:
            found.retry([said.index], said.retry, None if said.after_ms is None else said.after_ms / 1000)
        elif said.reject is not None:
            found.reject([said.index], said.reject)
    return found
