"""Real Kafka clients behind one face, so that each test is written once.

A client makes topics, writes records and reads them back; what it cannot do it says in its attributes. Errors come out
as ClientError with the client's own word for them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

BEGINNING = "beginning"
END = "end"


@dataclass(frozen=True)
class At:
    """The first record at or after a time."""

    timestamp: int


@dataclass(frozen=True)
class Record:
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int | None = None  # milliseconds; None: the client's clock
    partition: int = 0
    offset: int | None = None  # of a record that was read

    def __repr__(self) -> str:
        def short(data):
            return data if data is None or len(data) < 60 else f"<{len(data)} bytes>"

        return (
            f"Record({self.partition}@{self.offset} t={self.timestamp} key={short(self.key)} value={short(self.value)} "
            f"headers={self.headers})"
        )


def content(records: list[Record]) -> list[Record]:
    """Records without what only the server and the clock know, to compare what was read with what was written."""
    return [replace(record, offset=None, timestamp=None) for record in records]


class ClientError(Exception):
    """str() is the name of the error in the client's own words."""


class Tail:
    """A consumer that stands at the end of a partition."""

    def take(self, count: int) -> list[Record]:
        raise NotImplementedError


class Client:
    name: str
    codecs: tuple[str, ...] = ("none", "gzip", "snappy", "lz4", "zstd")
    creates_topics = True
    sets_timestamps = True
    null_headers = True
    empty_values_without_key = True
    # What the client says of a topic that is not there, of a record above the topic's limit, of a topic name that is
    # none.
    unknown_topic: tuple[str, ...] = ("UNKNOWN_TOPIC_OR_PARTITION",)
    too_large: tuple[str, ...] = ("MESSAGE_TOO_LARGE",)
    invalid_name: tuple[str, ...] = ("INVALID_TOPIC_EXCEPTION",)

    def create_topic(
        self, bootstrap: str, topic: str, partitions: int = 1, config: dict[str, str] | None = None
    ) -> None:
        raise NotImplementedError

    def produce(
        self,
        bootstrap: str,
        records: list[Record],
        topic: str,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
    ) -> list[int] | None:
        """The offsets that the server gave, None where the client does not tell."""
        raise NotImplementedError

    def consume(
        self, bootstrap: str, topic: str, count: int, partition: int = 0, start: str | int | At = BEGINNING
    ) -> list[Record]:
        """At least `count` records; more only if the server has them."""
        raise NotImplementedError

    def tail(self, bootstrap: str, topic: str, partition: int = 0) -> AbstractContextManager[Tail]:
        raise NotImplementedError

    def close(self) -> None:
        pass
