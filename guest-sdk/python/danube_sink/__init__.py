"""Write a sink connector for danube-wasm: a class that gets records of Danube topics and writes them somewhere.

The host consumes, decodes by schema, batches, retries, acknowledges and dead-letters; a sink transforms and writes.
"""

from . import http
from .batch import Batch, Order
from .consumer import ConsumerConfig, PayloadFormat, SubscriptionType
from .context import Context
from .errors import Error, Fatal, Rejected, Retryable
from .exports import register
from .logs import log
from .outcomes import Failure, Outcomes
from .record import Kind, Record, SchemaInfo
from .sink import Sink
from .topics import TopicMapping, TopicMappings
from .waves import Waves

__all__ = [
    "Batch",
    "ConsumerConfig",
    "Context",
    "Error",
    "Failure",
    "Fatal",
    "Kind",
    "Order",
    "Outcomes",
    "PayloadFormat",
    "Record",
    "Rejected",
    "Retryable",
    "SchemaInfo",
    "Sink",
    "SubscriptionType",
    "TopicMapping",
    "TopicMappings",
    "Waves",
    "http",
    "log",
    "register",
]
