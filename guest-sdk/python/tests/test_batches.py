"""Batches: order, outcomes, and what becomes of unexpected exceptions."""

import dataclasses
import unittest
from collections.abc import Callable
from typing import Any

from danube_sink import Batch, Context, Error, Fatal, Order, Outcomes, Record, Rejected, Retryable, Sink, register, testing
from danube_sink.exports import failures, sink_error

TOPIC = "/default/orders"


def keyed(order: Order, keys: str) -> Batch:
    return testing.batch(TOPIC, [testing.record(0, routing_key=key) for key in keys], order=order)


def walk(batch: Batch, limit: int, outcome: Callable[[int], Error | None]) -> tuple[list[list[int]], Outcomes]:
    waves, seen = batch.waves(), []
    while wave := waves.next(limit):
        seen.append([index for index, _ in wave])
        for index, _ in wave:
            waves.set(index, outcome(index))
    return seen, waves.outcomes()


def busy_at(busy: int) -> Callable[[int], Error | None]:
    return lambda index: Retryable("busy", 2) if index == busy else None


def reasons(outcomes: Outcomes) -> dict[int, str]:
    return {index: failure.reason for index, failure in outcomes.failures.items()}


class WavesTest(unittest.TestCase):
    def test_without_order_a_wave_is_as_large_as_wanted(self) -> None:
        seen, outcomes = walk(keyed(Order.ANY, "aaaba"), 2, busy_at(0))
        self.assertEqual((seen, reasons(outcomes)), ([[0, 1], [2, 3], [4]], {0: "busy"}))

    def test_a_wave_has_one_record_of_a_key(self) -> None:
        batch = keyed(Order.BY_KEY, "aabacb")
        self.assertEqual(walk(batch, 8, lambda _: None)[0], [[0, 2, 4], [1, 5], [3]])
        self.assertEqual(walk(batch, 2, lambda _: None)[0], [[0, 2], [1, 4], [3, 5]])
        self.assertEqual(walk(batch, 0, lambda _: None)[0], [[0], [1], [2], [3], [4], [5]])

    def test_a_retry_holds_back_its_group_and_no_other(self) -> None:
        seen, outcomes = walk(keyed(Order.BY_KEY, "ababa"), 8, busy_at(2))
        self.assertEqual((seen, reasons(outcomes)), ([[0, 1], [2, 3]], {2: "busy", 4: "held back behind /default/orders@2: busy"}))
        self.assertEqual([failure.after for failure in outcomes.failures.values()], [2, 2])

    def test_a_strict_wave_has_one_record_of_a_partition(self) -> None:
        batch = testing.batch(TOPIC, [testing.record(0, partition=n) for n in (0, 1, 0, 1, 1)], order=Order.STRICT)
        seen, outcomes = walk(batch, 8, busy_at(0))
        self.assertEqual((seen, list(outcomes.failures)), ([[0, 1], [3], [4]], [0, 2]))

    def test_a_rejected_record_holds_up_nothing(self) -> None:
        seen, _ = walk(keyed(Order.STRICT, "aa"), 1, lambda index: Rejected("bad") if index == 0 else None)
        self.assertEqual(seen, [[0], [1]])

    def test_what_is_not_spoken_of_is_retried(self) -> None:
        waves = keyed(Order.BY_KEY, "ababc").waves()
        waves.next(2)
        waves.set(0, None)
        self.assertEqual(reasons(waves.retry_rest("no time")), dict.fromkeys([1, 2, 3, 4], "no time"))
        with self.assertRaises(Fatal):
            waves.set(0, None)


class Each(Sink[dict[str, Any]]):
    """Does with each record what its payload says."""

    def process(self, record: Record) -> None:
        match record.payload:
            case "crash":
                raise ValueError("told to\ncrash")
            case "busy":
                raise Retryable("busy")
            case "bad":
                raise Rejected("bad")
            case "fatal":
                raise Fatal("no such table")


class Whole(Each):
    """The same, but a crash costs the whole batch."""

    def process_batch(self, batch: Batch) -> Outcomes | None:
        self.calls = [*getattr(self, "calls", []), len(batch)]
        for record in batch:
            if record.payload in ("crash", "busy"):
                self.process(record)
        return None


def deliver(sink: type[Sink[Any]], payloads: list[str], kind: str = "Shared") -> Outcomes:
    mappings = [{"topic": TOPIC, "subscription": "s", "subscription_type": kind}]
    host = testing.Host(sink, {"topic_mappings": mappings})
    return host.deliver(TOPIC, [testing.record(payload) for payload in payloads])


class UnexpectedTest(unittest.TestCase):
    def test_each_record_has_its_own_outcome(self) -> None:
        with testing.logged() as lines:
            outcomes = deliver(Each, ["ok", "crash", "bad", "busy", "ok"])
        self.assertEqual(reasons(outcomes), {1: "ValueError: told to crash", 2: "bad", 3: "busy"})
        self.assertEqual([failure.retry for failure in outcomes.failures.values()], [True, False, True])
        [(level, line)] = lines
        self.assertEqual(level, "error")
        self.assertIn("/default/orders@1: Traceback", line)
        self.assertIn("test_batches.py", line)

    def test_order_is_kept_behind_a_crash(self) -> None:
        outcomes = deliver(Each, ["ok", "crash", "ok"], "Exclusive")
        self.assertEqual(reasons(outcomes)[2], "held back behind /default/orders@1: ValueError: told to crash")
        self.assertEqual(reasons(deliver(Whole, ["ok", "crash", "ok"], "Exclusive")), reasons(outcomes))

    def test_one_bad_record_costs_one_record(self) -> None:
        outcomes = deliver(Whole, ["ok"] * 5 + ["crash"] + ["ok"] * 10)
        self.assertEqual(reasons(outcomes), {5: "ValueError: told to crash"})

    def test_a_part_that_asks_for_another_try_gets_it(self) -> None:
        outcomes = deliver(Whole, ["crash", "ok", "busy", "ok"])
        self.assertEqual(reasons(outcomes), {0: "ValueError: told to crash", 2: "busy", 3: "busy"})

    def test_when_nothing_works_the_batch_is_retried(self) -> None:
        with self.assertRaises(Retryable) as caught:
            deliver(Whole, ["crash"] * 3)
        self.assertEqual(caught.exception.reason, "ValueError: told to crash")
        self.assertEqual(len(deliver(Each, ["crash"] * 3).failures), 3)

    def test_a_fatal_error_ends_the_call(self) -> None:
        with self.assertRaises(Fatal):
            deliver(Each, ["ok", "fatal"])

    def test_no_time_is_left_for_halves(self) -> None:
        from danube_sink.instance import Instance

        instance = Instance(Whole, Context("test", 0, "{}"))
        given = testing.batch(TOPIC, [testing.record(payload) for payload in ("ok", "crash")])
        with self.assertRaises(Retryable):
            instance.process_batch(dataclasses.replace(given, time_limit=-1))
        self.assertEqual(vars(instance.sink)["calls"], [2])

    def test_what_a_handler_must_not_say_is_an_error(self) -> None:
        class Talkative(Sink[dict[str, Any]]):
            def process_batch(self, batch: Batch) -> Any:
                return {1: "bad"}

            def initialize(self, config: Any, context: Context) -> Any:
                return config.get("say")

        with self.assertRaises(Retryable) as caught:
            testing.Host(Talkative, {}).deliver(TOPIC, [testing.record(1)])
        self.assertEqual(caught.exception.reason, "TypeError: `process_batch` gave `dict`, expected nothing or `Outcomes`")
        with self.assertRaises(Fatal) as stopped:
            testing.Host(Talkative, {"say": 1})
        self.assertIn("`initialize` gave `int`, expected nothing", stopped.exception.reason)

        class Beyond(Sink[dict[str, Any]]):
            def process_batch(self, batch: Batch) -> Outcomes:
                outcomes = Outcomes()
                outcomes.reject([len(batch)], "not there")
                return outcomes

        with self.assertRaises(Fatal) as stopped:
            testing.Host(Beyond, {}).deliver(TOPIC, [testing.record(1), testing.record(2)])
        self.assertEqual(stopped.exception.reason, "a bug in the sink: it gave an outcome for record 2 of a batch of 2")


class RegisterTest(unittest.TestCase):
    def test_what_cannot_work_is_refused_when_it_is_built(self) -> None:
        class Async(Sink[dict[str, Any]]):
            async def process(self, record: Record) -> None:  # type: ignore[override]
                pass

        class Idle(Sink[dict[str, Any]]):
            pass

        for sink, expected in [(Async, "`Async.process` is `async def`"), (Idle, "`Idle` has neither"), (dict, "derives from")]:
            with self.subTest(sink), self.assertRaisesRegex(TypeError, expected):
                register(sink)
        with self.assertRaisesRegex(TypeError, "register"):
            Sink()

    def test_outcomes_cross_with_index_and_pause(self) -> None:
        outcomes = Outcomes()
        outcomes.reject([4], "bad")
        outcomes.retry([1], "busy \ud800", 1.5)
        outcomes.retry([2], "busy", 1e12)
        retry, far, reject = failures(outcomes)
        self.assertEqual([failure.index for failure in (retry, far, reject)], [1, 2, 4])
        self.assertEqual((retry.failure.value.after_ms, far.failure.value.after_ms), (1500, 2**32 - 1))  # type: ignore[union-attr]
        self.assertEqual(sink_error(Retryable("r")).value.after_ms, None)  # type: ignore[union-attr]
