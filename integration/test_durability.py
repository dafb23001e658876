"""kill -9 in the middle of writing: what was acknowledged is there, once, in order."""

import itertools
import random
import threading
import time

import pytest

from clients import Record
from clients.aio import AioKafka
from clients.confluent import Confluent
from clients.driver import FranzGo, Java
from clients.kafka_python import KafkaPython
from servers import free_port
from wire import Connection, batch, produce_request

ROUNDS = 5

client = Confluent()


def read_all(bootstrap: str, topic: str) -> list[tuple[int, bytes]]:
    """Offset and value of every record."""
    end = client.end_offset(bootstrap, topic)
    return [(record.offset, record.value) for record in client.consume(bootstrap, topic, end)] if end else []


def kill_and_restart(server, chance: random.Random) -> None:
    time.sleep(chance.uniform(0.1, 0.6))
    server.kill()
    time.sleep(chance.uniform(0, 0.2))
    server.start()


@pytest.mark.parametrize("kind", [Confluent, Java, FranzGo], ids=lambda kind: kind.name)
def test_an_idempotent_producer_outlives_the_server(servers, topic, kind):
    """One producer through all rounds, which sends again what was not acknowledged: at the end every number it has sent
    is there, without a gap, a double or a change of order."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    producer = kind()
    chance = random.Random(kind.name)
    try:
        with producer.count(server.bootstrap, topic, codec="lz4") as pairs:
            for _ in range(ROUNDS):
                kill_and_restart(server, chance)
            time.sleep(1)
            deadline = time.monotonic() + 20  # a client that comes back late, on a busy machine
            while client.end_offset(server.bootstrap, topic) <= 100 and time.monotonic() < deadline:
                time.sleep(0.2)
        acknowledged = pairs.result()
    finally:
        producer.close()
    found = read_all(server.bootstrap, topic)
    assert [value for _, value in found] == [b"%d" % number for number in range(len(found))]
    assert len(acknowledged) == len(found) > 100
    assert sorted(acknowledged) == [[int(value), offset] for offset, value in found]


@pytest.mark.parametrize("kind", [Confluent, KafkaPython, AioKafka, Java, FranzGo], ids=lambda kind: kind.name)
def test_a_reader_outlives_the_server(servers, topic, kind):
    """It stands at the end while the server is killed and comes again, and sees what is written then."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    reader = kind()
    try:
        with reader.tail(server.bootstrap, topic) as tail:
            for number in range(3):
                client.produce(server.bootstrap, [Record(b"%d" % number)], topic)
                assert [(read.offset, read.value) for read in tail.take(1)] == [(number, b"%d" % number)]
                server.kill()
                server.start()
    finally:
        reader.close()


def test_each_round_has_a_new_producer(servers, topic):
    """Producers without idempotence that never send again: what was acknowledged stays through all later rounds; what
    was not may be there once, or not at all."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    chance = random.Random(1)
    acknowledged: dict[int, int] = {}
    for _ in range(ROUNDS):
        before = client.end_offset(server.bootstrap, topic)
        settings = {"enable.idempotence": False, "retries": 0, "message.timeout.ms": 1000}
        with client.count(server.bootstrap, topic, **settings) as pairs:
            time.sleep(chance.uniform(0.2, 0.6))
            server.kill()
        server.start()
        assert len(pairs.result()) > 0
        acknowledged.update((offset, number) for number, offset in pairs.result())
        found = dict(read_all(server.bootstrap, topic))
        for offset, number in acknowledged.items():
            assert found[offset] == b"%d" % number
        of_this_round = [int(value) for offset, value in sorted(found.items()) if offset >= before]
        assert of_this_round == sorted(set(of_this_round))


def test_topics_that_were_made_stay_and_deleted_ones_stay_away(servers):
    """Topics are made and deleted while the server is killed: what was answered is so afterwards."""
    server = servers.start(port=free_port())
    chance = random.Random(3)
    known: set[str] = set()
    for number in range(ROUNDS):
        in_doubt = ""
        killer = threading.Timer(chance.uniform(0.1, 0.4), server.kill)
        killer.start()
        try:
            with Connection(server.bootstrap) as connection:
                for step in itertools.count():
                    if known and chance.random() < 0.3:
                        in_doubt = chance.choice(sorted(known))
                        connection.delete_topic(in_doubt)
                        known.remove(in_doubt)
                    else:
                        in_doubt = f"topic-{number}-{step}"
                        connection.create_topic(in_doubt)
                        known.add(in_doubt)
        except OSError:
            killer.join()
        server.start()
        found = {name for name in client.topics(server.bootstrap) if not name.startswith("__")}
        assert found - {in_doubt} == known - {in_doubt}
        known = found
    assert known


@pytest.mark.furrow_only
def test_all_means_on_the_disk(servers, topic):
    """With a slow disk: acks=all waits for it, acks=1 does not."""
    server = servers.start({"log.flush.test.delay.ms": "400"})
    with Connection(server.bootstrap) as connection:
        connection.create_topic(topic)
        times = []
        for acks in (1, -1):
            before = time.monotonic()
            assert connection.produce(topic, b"x", acks=acks) == (0, len(times))
            times.append(time.monotonic() - before)
    assert times[0] < 0.3 and times[1] >= 0.4


@pytest.mark.furrow_only
def test_those_who_wait_share_a_sync(servers, topic):
    server = servers.start({"log.flush.test.delay.ms": "100"})
    connections = [Connection(server.bootstrap) for _ in range(16)]
    connections[0].create_topic(topic)
    before = time.monotonic()
    for _ in range(5):
        for connection in connections:
            connection.send(produce_request(topic, batch(b"x")))
        for connection in connections:
            assert connection.produced()[0] == 0
    took = time.monotonic() - before
    assert took < 16 * 5 * 0.1 / 4, "80 syncs one after the other would take 8 seconds"
    for connection in connections:
        connection.socket.close()
