"""Hostile peers: they are shut out, and nobody else notices."""

import random
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import Server
from wire import (
    API_VERSIONS,
    DESCRIBE_CONFIGS,
    FETCH,
    METADATA,
    PRODUCE,
    Connection,
    Reader,
    array,
    batch,
    fetch_request,
    produce_request,
    request,
    string,
)

PEERS = 2000
MEMORY_LIMIT = 32 << 20
SETTINGS = {"furrow.memory.limit.bytes": str(MEMORY_LIMIT), "socket.request.max.bytes": str(8 << 20)}


@pytest.fixture
def bystander(server, topic):
    """A connection that was there before, and must work after."""
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        assert connection.produce(topic, b"before") == (0, 0)
        yield connection
        assert connection.produce(topic, b"after") == (0, 1)


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


GOOD = produce_request("topic", batch(b"value"))

BROKEN = {
    "zero length": frame(b""),
    "negative length": struct.pack(">i", -1),
    "least length": struct.pack(">i", -(2**31)),
    "greatest length": struct.pack(">i", 2**31 - 1),
    "above the limit": struct.pack(">i", (8 << 20) + 1),
    "HTTP": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a1030300") + b"\0" * 200,
    "half a header": frame(b"\0\3\0"),
    "no client id": frame(struct.pack(">hhi", METADATA, 4, 1)),
    "client id beyond the frame": frame(struct.pack(">hhih", METADATA, 4, 1, 1000)),
    "body cut": frame(GOOD[4:-20]),
    "array beyond the frame": request(METADATA, 4, struct.pack(">i", 2**31 - 1)),
    "array of two billion nothings": request(FETCH, 11, b"\0" * 21 + struct.pack(">i", 2**31 - 1)),
    "string beyond the frame": request(METADATA, 4, array(struct.pack(">h", 30000))),
    "records beyond the frame": request(
        PRODUCE,
        7,
        string(None) + struct.pack(">hi", -1, 1000) + array(string("topic") + array(struct.pack(">ii", 0, 2**31 - 1))),
    ),
    "an endless varint": request(METADATA, 12, b"\xff" * 20, flexible=True),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_frame_closes_its_connection_only(server, bystander, what):
    with Connection(server.bootstrap) as connection:
        connection.send(BROKEN[what])
        assert connection.closed()


def test_what_came_before_a_broken_frame_is_answered(server, bystander):
    with Connection(server.bootstrap) as connection:
        connection.send(request(API_VERSIONS, 0, b"") + frame(b""))
        assert connection.response().number("h") == 0
        assert connection.closed()


def test_garbage_of_all_kinds(server, bystander):
    """Good requests with bytes changed, and noise in frames: whatever comes back, the server stays."""
    chance = random.Random(7)
    for _ in range(300):
        good = bytearray(
            chance.choice([GOOD, fetch_request({"topic": {0: 0}}, max_wait=0), request(API_VERSIONS, 0, b"")])
        )
        if chance.random() < 0.3:
            good[8:] = chance.randbytes(chance.randrange(200))
        for _ in range(chance.randrange(1, 6)):
            if len(good) > 8:
                good[chance.randrange(8, len(good))] = chance.randrange(256)
        with Connection(server.bootstrap) as connection:
            connection.send(frame(bytes(good[4:])))


@pytest.mark.furrow_only
def test_a_resource_that_is_named_often_is_described_once(server, bystander, topic):
    """So that a short request cannot ask for hours of work."""

    def resource(kind: int, name: str) -> bytes:
        return struct.pack(">b", kind) + string(name) + struct.pack(">i", -1)

    asked = [resource(2, "nope"), *[resource(2, topic)] * 10_000, *[resource(4, "1")] * 10_000, resource(3, topic)]
    with Connection(server.bootstrap, seconds=30) as connection:
        connection.send(request(DESCRIBE_CONFIGS, 1, array(*asked) + b"\0"))
        reader = connection.response()
        assert reader.number("i") == 0

        def config(reader: Reader):
            name = reader.string(), reader.string()
            reader.take(3)
            assert reader.array(lambda _: None) == []
            return name

        def result(reader: Reader):
            error, _, kind, name = reader.number("h"), reader.string(), reader.number("b"), reader.string()
            return error, kind, name, len(reader.array(config)) > 10

        assert reader.array(result) == [
            (3, 2, "nope", False),
            (0, 2, topic, True),
            (0, 4, "1", True),
            (42, 3, topic, False),
        ]
        reader.end()


def test_peers_that_go_away_in_the_middle(server, bystander):
    for size in range(0, len(GOOD), 7):
        with Connection(server.bootstrap) as connection:
            connection.send(GOOD[:size])
    for _ in range(50):
        with Connection(server.bootstrap) as connection:
            connection.send(fetch_request({"topic": {0: 0}}, max_wait=10_000))


@contextmanager
def attack(server: Server, topic: str):
    command = [sys.executable, str(Path(__file__).with_name("hostile.py")), str(server.port), topic, str(PEERS)]
    peers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert peers.stdout.readline() == b"ready\n"
        yield
    finally:
        peers.communicate()


def p99(connection: Connection, topic: str, seconds: float = 3) -> float:
    """In seconds, of one small produce or fetch after the other."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.perf_counter()
        assert connection.produce(topic, b"x" * 100, acks=1)[0] == 0
        between = time.perf_counter()
        assert connection.fetch({topic: {0: 0}}, partition_bytes=1000).error == 0
        times += [between - before, time.perf_counter() - between]
    return sorted(times)[len(times) * 99 // 100]


@pytest.fixture
def topics(server, topic):
    """One topic for the good client, one of a few megabytes for the others."""
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        connection.create_topic(topic + "-large")
        for _ in range(4):
            connection.produce(topic + "-large", b"x" * 900_000)
        yield topic, topic + "-large"


@pytest.mark.alone
def test_2000_hostile_peers_do_not_slow_others_down(server, topics):
    alone, attacked = [], []
    with Connection(server.bootstrap) as connection:
        p99(connection, topics[0])
        for _ in range(3):
            alone.append(p99(connection, topics[0]))
            with attack(server, topics[1]):
                attacked.append(p99(connection, topics[0]))
            time.sleep(0.5)
    print(f"p99 alone {sorted(alone)}, attacked {sorted(attacked)}")
    # The middle of three rounds each. Below half a millisecond the scheduler decides, not the server.
    assert sorted(attacked)[1] <= 3 * max(sorted(alone)[1], 0.0005), (alone, attacked)


@pytest.mark.alone
@pytest.mark.furrow_only
def test_2000_hostile_peers_stay_within_the_memory_limit(servers, topic):
    server = servers.start(SETTINGS)
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        for _ in range(4):
            connection.produce(topic, b"x" * 900_000)
    before = server.resident_bytes()
    with attack(server, topic):
        most = 0
        for _ in range(30):
            time.sleep(0.1)
            most = max(most, server.resident_bytes())
    print(f"resident before {before >> 10} KiB, at most {most >> 10} KiB")
    allowed = before + MEMORY_LIMIT + (8 << 20)
    assert most <= allowed * (3 if server.sanitized else 1), "a sanitizer triples what is allocated"


def test_an_address_has_its_share_of_connections(servers):
    server = servers.start({"max.connections.per.ip": "10"})
    connections = [Connection(server.bootstrap) for _ in range(10)]
    for connection in connections:
        connection.api_versions()
    with Connection(server.bootstrap) as one_too_many:
        assert one_too_many.closed()
    connections.pop().socket.close()
    time.sleep(0.2)
    with Connection(server.bootstrap) as again:
        again.api_versions()


def test_an_idle_connection_is_closed(servers):
    server = servers.start({"connections.max.idle.ms": "1500"})
    with Connection(server.bootstrap) as idle, Connection(server.bootstrap) as busy:
        for connection in (idle, busy):
            connection.api_versions()
        for _ in range(30):
            time.sleep(0.1)
            busy.api_versions()
        assert idle.closed(seconds=1)
