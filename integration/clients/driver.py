"""Clients that live in a process of their own, Java's kafka-clients and franz-go: a JSON line for each command and each
answer."""

import base64
import json
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from contextlib import contextmanager

from clients import BEGINNING, At, Client, ClientError, Record, Tail
from installed import GO_DRIVER, java


def encode(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def decode(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def to_json(record: Record) -> dict:
    return {
        "partition": record.partition,
        "timestamp": record.timestamp,
        "key": encode(record.key),
        "value": encode(record.value),
        "headers": [{"name": name, "value": encode(value)} for name, value in record.headers],
    }


def from_json(record: dict) -> Record:
    headers = tuple((header["name"], decode(header["value"])) for header in record["headers"])
    return Record(
        decode(record["value"]),
        decode(record["key"]),
        headers,
        record["timestamp"],
        record["partition"],
        record["offset"],
    )


class Driver(Client):
    seconds = 15

    def __init__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def command(self) -> list[str]:
        raise NotImplementedError

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)

    def tell(self, line: str) -> None:
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.ended()

    def ended(self):
        self.log.seek(0)
        raise RuntimeError(f"the {self.name} driver ended: {self.log.read().decode()}")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.ended()
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"], answer["detail"])
        return answer["result"]

    def call(self, op: str, bootstrap: str, topic: str, **arguments):
        self.tell(json.dumps({"op": op, "bootstrap": bootstrap, "topic": topic, "seconds": self.seconds, **arguments}))
        return self.answer()

    def create_topic(self, bootstrap, topic, partitions=1, config=None):
        self.call("create", bootstrap, topic, partitions=partitions, config=config or {})

    def produce(self, bootstrap, records, topic, codec="none", acks="all", idempotent=False):
        return self.call(
            "produce",
            bootstrap,
            topic,
            codec=codec,
            acks=acks,
            idempotent=idempotent,
            records=[to_json(record) for record in records],
        )

    @contextmanager
    def count(self, bootstrap: str, topic: str, codec: str = "none"):
        """Writes 0, 1, … to partition 0, idempotently and with acks=all, for as long as the context lasts. Gives a
        future of the acknowledged [number, offset] pairs."""
        self.tell(
            json.dumps(
                {
                    "op": "count",
                    "bootstrap": bootstrap,
                    "topic": topic,
                    "codec": codec,
                    "acks": "all",
                    "idempotent": True,
                    "seconds": self.seconds,
                }
            )
        )
        pairs = Future()
        try:
            yield pairs
        finally:
            self.tell("enough")
            watch = threading.Timer(60, self.process.kill)
            watch.start()
            pairs.set_result(self.answer())
            watch.cancel()

    def _start(self, start) -> dict:
        if isinstance(start, At):
            return {"start": "timestamp", "at": start.timestamp}
        return {"start": "offset", "at": start} if isinstance(start, int) else {"start": start, "at": 0}

    def consume(self, bootstrap, topic, count, partition=0, start=BEGINNING):
        read = self.call("consume", bootstrap, topic, partition=partition, count=count, **self._start(start))
        return [from_json(record) for record in read]

    @contextmanager
    def tail(self, bootstrap, topic, partition=0):
        self.call("tail", bootstrap, topic, partition=partition, **self._start("end"))
        driver = self

        class DriverTail(Tail):
            def take(self, count):
                return [from_json(record) for record in driver.call("take", bootstrap, topic, count=count)]

        yield DriverTail()
        self.call("untail", bootstrap, topic)


class Java(Driver):
    name = "java"
    unknown_topic = ("TimeoutException", "REQUEST_TIMED_OUT")

    def command(self):
        return java("Driver", options=("-Dorg.slf4j.simpleLogger.defaultLogLevel=error",))


class FranzGo(Driver):
    name = "franz-go"

    def command(self):
        return [str(GO_DRIVER)]
