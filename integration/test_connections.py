"""How a connection's requests begin and end: behind large answers, behind broken requests, with the peer gone."""

import os
import socket
import struct
import time

import pytest

from wire import API_VERSIONS, METADATA, Connection, fetch_request, request

FOREVER = 2**31 - 1
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def descriptors(server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def drops_to(server, count: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while descriptors(server) > count and time.monotonic() < deadline:
        time.sleep(0.02)
    return descriptors(server) <= count


def test_a_request_behind_a_large_answer_is_started_when_that_has_left(server, topic):
    """The answer must leave in one piece: the first ones let the kernel's buffers grow."""
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic, partitions=100)
        name = struct.pack(">h", len(topic)) + topic.encode()
        large = struct.pack(">i", 300) + 300 * name
        for _ in range(20):
            connection.send(request(METADATA, 1, large))
            connection.response()
        for _ in range(5):
            connection.send(request(METADATA, 1, large) + fetch_request({topic: {0: 0}}, max_wait=10, correlation=2))
            assert len(connection.response().data) > 1 << 19
            assert connection.fetched(2).error == 0


def test_what_stands_behind_a_request_that_cannot_be_decoded_does_not_keep_the_connection(server):
    broken = struct.pack(">ihhi", 10, METADATA, 1, 7) + b"ab"
    with Connection(server.bootstrap) as connection:
        connection.send(broken + request(API_VERSIONS, 0, b""))
        assert connection.closed()


@pytest.mark.furrow_only
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_long_poll_ends_with_its_peer(server, topic, how):
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
    before = descriptors(server)
    for _ in range(10):
        with Connection(server.bootstrap) as connection:
            connection.send(fetch_request({topic: {0: 0}}, max_wait=FOREVER))
            time.sleep(0.02)
            if how == "reset":
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    assert drops_to(server, before)


@pytest.mark.furrow_only
def test_a_peer_that_ends_gets_the_answer_to_its_long_poll_at_once(server, topic):
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        connection.send(fetch_request({topic: {0: 0}}, max_wait=FOREVER, correlation=1))
        connection.send(fetch_request({topic: {0: 0}}, max_wait=FOREVER, correlation=2))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.fetched(1).error == 0
        assert connection.fetched(2).error == 0
        assert connection.closed()


def test_fewer_bytes_than_none_are_not_waited_for(server, topic):
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        begun = time.monotonic()
        connection.fetch({topic: {0: 0}}, max_wait=3000, min_bytes=-1)
        assert time.monotonic() - begun < 2


@pytest.mark.furrow_only
def test_names_that_no_topic_can_have_are_not_remembered(server):
    with Connection(server.bootstrap) as connection:
        assert connection.fetch({"x" * 249: {0: 0}}, session=0, epoch=0, max_wait=0).session != 0
        assert connection.fetch({"x" * 250: {0: 0}}, session=0, epoch=0, max_wait=0).session == 0


@pytest.mark.furrow_only
def test_a_stop_does_not_wait_for_long_polls_not_even_for_one_behind_another(servers, topic):
    server = servers.start()
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        connection.send(fetch_request({topic: {0: 0}}, max_wait=FOREVER, correlation=1))
        connection.send(fetch_request({topic: {0: 0}}, max_wait=FOREVER, correlation=2))
        time.sleep(0.2)
        begun = time.monotonic()
        server.stop(seconds=4)
        assert time.monotonic() - begun < 3
