"""Kafka's protocol by hand, for what no client would do: chosen versions, broken frames, exact timing.

Only versions before the flexible ones are written, but for ApiVersions, where the difference is what is tested."""

import socket
import struct
import time
from dataclasses import dataclass, field

from crc32c import crc32c

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = (
    0,
    1,
    2,
    3,
    18,
    19,
    20,
    22,
)
DELETE_RECORDS = 21
DESCRIBE_CONFIGS = 32


def string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text.encode())) + text.encode()


def array(*items: bytes) -> bytes:
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def batch(
    *values: bytes | None,
    producer: tuple[int, int, int] = (-1, -1, -1),
    timestamp: int | None = None,
    magic: int = 2,
    key: bytes | None = None,
) -> bytes:
    """A record batch without compression; `producer` is its id, epoch and first sequence; `key` is every record's."""

    def nullable(data: bytes | None) -> bytes:
        return varint(-1) if data is None else varint(len(data)) + data

    now = int(time.time() * 1000) if timestamp is None else timestamp
    records = b""
    for number, value in enumerate(values):
        record = b"\0" + varint(0) + varint(number) + nullable(key) + nullable(value) + varint(0)
        records += varint(len(record)) + record
    covered = struct.pack(">hiqqqhii", 0, len(values) - 1, now, now, *producer, len(values)) + records
    return struct.pack(">qiibI", 0, len(covered) + 9, -1, magic, crc32c(covered)) + covered


def request(key: int, version: int, body: bytes, correlation: int = 1, flexible: bool = False) -> bytes:
    """A whole frame, its length in front."""
    frame = struct.pack(">hhi", key, version, correlation) + string("wire") + (b"\0" if flexible else b"") + body
    return struct.pack(">i", len(frame)) + frame


def produce_request(
    topic: str, records: bytes, acks: int = -1, partition: int = 0, version: int = 7, correlation: int = 1
) -> bytes:
    data = struct.pack(">i", partition) + struct.pack(">i", len(records)) + records
    body = string(None) + struct.pack(">hi", acks, 10_000) + array(string(topic) + array(data))
    return request(PRODUCE, version, body, correlation)


def fetch_request(
    topics: dict[str, dict[int, int]],
    max_wait: int = 500,
    min_bytes: int = 1,
    max_bytes: int = 50 << 20,
    session: int = 0,
    epoch: int = -1,
    partition_bytes: int = 1 << 20,
    correlation: int = 1,
) -> bytes:
    """Fetch v11; topics are {name: {partition: offset}}."""
    asked = [
        string(name)
        + array(
            *(
                struct.pack(">iiqqi", partition, -1, offset, -1, partition_bytes)
                for partition, offset in partitions.items()
            )
        )
        for name, partitions in topics.items()
    ]
    body = struct.pack(">iiiibii", -1, max_wait, min_bytes, max_bytes, 0, session, epoch)
    return request(FETCH, 11, body + array(*asked) + array() + string(""), correlation)


class Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data), "the response is too short"
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind: str) -> int:
        return struct.unpack(">" + kind, self.take(struct.calcsize(">" + kind)))[0]

    def string(self) -> str | None:
        size = self.number("h")
        return None if size < 0 else self.take(size).decode()

    def bytes(self) -> bytes:
        return self.take(max(self.number("i"), 0))

    def array(self, read) -> list:
        return [read(self) for _ in range(max(self.number("i"), 0))]

    def end(self) -> None:
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes are left of the response"


@dataclass
class Fetched:
    error: int
    high_watermark: int
    records: bytes


@dataclass
class FetchResponse:
    error: int
    session: int
    partitions: dict[tuple[str, int], Fetched] = field(default_factory=dict)


class Connection:
    """A socket that speaks Kafka; works for TCP over IPv4 and IPv6 and for a socket in the file system."""

    def __init__(self, address: str | tuple[str, int], seconds: float = 10):
        if isinstance(address, str) and address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(seconds)
            self.socket.connect(address[5:])
        else:
            if isinstance(address, str):
                host, port = address.rsplit(":", 1)
                address = (host, int(port))
            self.socket = socket.create_connection(address, timeout=seconds)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        return bytes(data)

    def response(self, correlation: int = 1) -> Reader:
        """The next response; its header must carry this correlation id."""
        reader = Reader(self.read_exactly(struct.unpack(">i", self.read_exactly(4))[0]))
        assert reader.number("i") == correlation
        return reader

    def closed(self, seconds: float = 5) -> bool:
        """Whether the server closes the connection without an answer."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def api_versions(self, version: int = 0) -> dict[int, tuple[int, int]]:
        assert version < 3
        self.send(request(API_VERSIONS, version, b""))
        reader = self.response()
        assert reader.number("h") == 0
        return read_api_array(reader)

    def create_topic(self, topic: str, partitions: int = 1, **config: str) -> None:
        configs = array(*(string(key.replace("_", ".")) + string(value) for key, value in config.items()))
        body = array(string(topic) + struct.pack(">ih", partitions, 1) + array() + configs) + struct.pack(
            ">ib", 10_000, 0
        )
        self.send(request(CREATE_TOPICS, 2, body))
        reader = self.response()
        reader.number("i")
        [(name, error, words)] = reader.array(lambda r: (r.string(), r.number("h"), r.string()))
        assert (name, error) == (topic, 0), words
        # Apache Kafka makes partitions in the background.
        everything = {topic: {partition: 0 for partition in range(partitions)}}
        while any(found.error for found in self.fetch(everything, max_wait=0).partitions.values()):
            time.sleep(0.01)

    def delete_topic(self, topic: str) -> None:
        self.send(request(DELETE_TOPICS, 1, array(string(topic)) + struct.pack(">i", 10_000)))
        reader = self.response()
        reader.number("i")
        assert reader.array(lambda r: (r.string(), r.number("h"))) == [(topic, 0)]

    def produce(self, topic: str, *values: bytes, acks: int = -1, records: bytes | None = None) -> tuple[int, int]:
        """The error and the base offset; (0, -1) at once for acks=0."""
        self.send(produce_request(topic, batch(*values) if records is None else records, acks))
        return (0, -1) if acks == 0 else self.produced()

    def produced(self, correlation: int = 1) -> tuple[int, int]:
        reader = self.response(correlation)
        [(_, [(_, error, offset, _, _)])] = reader.array(
            lambda r: (
                r.string(),
                r.array(lambda p: (p.number("i"), p.number("h"), p.number("q"), p.number("q"), p.number("q"))),
            )
        )
        reader.number("i")
        reader.end()
        return error, offset

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        """ListOffsets; -1 is the end, -2 the start."""
        asked = array(string(topic) + array(struct.pack(">iq", partition, timestamp)))
        self.send(request(LIST_OFFSETS, 1, struct.pack(">i", -1) + asked))
        [(_, [(_, error, _, offset)])] = self.response().array(
            lambda r: (r.string(), r.array(lambda p: tuple(p.number(kind) for kind in "ihqq")))
        )
        assert error == 0, f"{topic}-{partition}: error {error}"
        return offset

    def start_offset(self, topic: str, partition: int = 0) -> int:
        return self.offset_at(topic, partition, -2)

    def end_offset(self, topic: str, partition: int = 0) -> int:
        return self.offset_at(topic, partition, -1)

    def delete_records(self, topic: str, before: int, partition: int = 0) -> tuple[int, int]:
        """The error and the log's start then."""
        asked = array(string(topic) + array(struct.pack(">iq", partition, before)))
        self.send(request(DELETE_RECORDS, 1, asked + struct.pack(">i", 10_000)))
        reader = self.response()
        reader.number("i")
        [(_, [(_, start, error)])] = reader.array(
            lambda r: (r.string(), r.array(lambda p: (p.number("i"), p.number("q"), p.number("h"))))
        )
        return error, start

    def fetch(self, topics: dict[str, dict[int, int]], **options) -> FetchResponse:
        self.send(fetch_request(topics, **options))
        return self.fetched()

    def fetched(self, correlation: int = 1) -> FetchResponse:
        reader = self.response(correlation)
        reader.number("i")
        answer = FetchResponse(reader.number("h"), reader.number("i"))

        def partition(r):
            index, error, high, _, _ = (r.number(kind) for kind in "ihqqq")
            r.array(lambda a: a.take(16))
            r.number("i")
            return index, Fetched(error, high, r.bytes())

        for name, partitions in reader.array(lambda r: (r.string(), r.array(partition))):
            answer.partitions.update({(name, index): fetched for index, fetched in partitions})
        reader.end()
        return answer


def read_api_array(reader: Reader) -> dict[int, tuple[int, int]]:
    return {
        key: (low, high) for key, low, high in reader.array(lambda r: (r.number("h"), r.number("h"), r.number("h")))
    }
