"""Writes orders to an HTTP API, those of a batch in one request."""

from dataclasses import asdict, dataclass

from danube_sink import Batch, Context, Outcomes, Rejected, Sink, http, log, register


@dataclass
class Config:
    """The table `[my-sink]` of the connector's file."""

    url: str
    timeout: float = 10


@dataclass
class Order:
    """What a record must be. What does not fit is rejected."""

    order: int
    customer: str
    item: str
    quantity: int
    price: float


@register
class MySink(Sink[Config]):
    def initialize(self, config: Config, context: Context) -> None:
        self.config = config
        log.info("%s writes to %s", context.connector_name, config.url)

    def process_batch(self, batch: Batch) -> Outcomes:
        outcomes, orders = Outcomes(), []
        for index, record in enumerate(batch):
            try:
                orders.append(record.as_type(Order))
            except Rejected as error:
                outcomes.set(index, error)
        if orders:
            # A refused connection or 503: all of the batch is tried again. 400: all of it is rejected.
            request = http.post(self.config.url, json=[asdict(order) for order in orders], timeout=self.config.timeout)
            request.send().check_status()
        return outcomes
