"""Puts every order under its own URL."""

from dataclasses import dataclass

from danube_sink import Context, Fatal, Record, Sink, http, register


@dataclass
class Config:
    """The connector's own table of its file."""

    url: str
    timeout_seconds: float = 10


@dataclass
class Order:
    """What a record carries. Other keys are passed on as they came."""

    id: int


@register
class MySink(Sink[Config]):
    def initialize(self, config: Config, context: Context) -> None:
        if not config.url.startswith(("http://", "https://")):
            raise Fatal("settings: `url`: expected an http:// or https:// URL")
        self.config = config

    def process(self, record: Record) -> None:
        order = record.as_type(Order)
        request = http.put(
            f"{self.config.url}/{order.id}",
            headers={"content-type": "application/json"},
            body=record.text,
            timeout=self.config.timeout_seconds,
        )
        request.send().check_status()

    def health_check(self) -> None:
        http.get(self.config.url, timeout=self.config.timeout_seconds).send()
