"""Streambed's own client (crates streambed and streambed-kafka, in rust/) against Furrow: nothing lost, nothing twice."""

import json
import os
import struct
import subprocess
import threading

import pytest

from clients import Record
from clients.confluent import Confluent
from installed import RUST_DRIVER
from rest import SETTINGS, rest_client, rest_port

pytestmark = pytest.mark.furrow_only
SETTINGS = {**SETTINGS, "auto.create.topics.enable": "true"}
LONG = os.environ.get("TEST_LENGTH", "long") == "long"
SMALL = (1, 300)  # bytes of a value
LARGE = (1, 256 << 10)

client = Confluent()


class Streambed:
    def __init__(self, server):
        self.url = f"http://127.0.0.1:{rest_port(server)}"

    def run(self, *arguments, seconds=60):
        command = [str(RUST_DRIVER), self.url, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def produce(self, topic, start, count, sizes):
        return self.run("produce", topic, 0, start, count, *sizes)

    def read(self, topic, count, sizes, after="-", idle=10000):
        """The first and the last offset; all between them came, once and as they were written."""
        found = self.run("read", "some-group", topic, after, idle, count, *sizes)
        assert found["wrong"] == 0 and found["count"] == count, found
        return found["first"], found["last"]


@pytest.fixture(scope="module")
def streambed(server) -> Streambed:
    return Streambed(server)


@pytest.fixture
def name(topic) -> str:
    return f"ns:{topic}"


def key(number: int) -> bytes:
    return struct.pack(">Q", number)


def write(server, topic, keys) -> None:
    client.produce(server.bootstrap, [Record(b"x", key=key(number)) for number in keys], topic)


def test_offsets_are_those_of_the_first_and_the_last_record(streambed, name):
    assert streambed.run("offsets", name, 0) is None
    assert streambed.produce(name, 0, 3, SMALL) == {"first": 0, "last": 2}
    assert streambed.run("offsets", name, 0) == [0, 2]


def test_records_come_from_the_start_and_from_offsets(streambed, name):
    streambed.produce(name, 0, 200, SMALL)
    assert streambed.read(name, 200, SMALL) == (0, 199)
    assert streambed.read(name, 80, SMALL, after=119) == (120, 199)


def test_a_subscription_waits_for_its_topic_and_follows_it(streambed, name):
    found = []
    reading = threading.Thread(target=lambda: found.append(streambed.read(name, 300, SMALL)))
    reading.start()
    streambed.produce(name, 0, 300, SMALL)
    reading.join(60)
    assert found == [(0, 299)]


@pytest.mark.timeout(1200 if LONG else 90)
def test_nothing_is_lost_or_doubled(streambed, server, name):
    """20 runs of 10 000 in the long form; half as many as in one of them in the short one."""
    runs, count = (20, 10_000) if LONG else (5, 1000)
    streambed.produce(name, 0, 100, SMALL)
    client.produce(server.bootstrap, [record(number) for number in range(100, count)], name)
    for _ in range(runs):
        assert streambed.read(name, count, SMALL) == (0, count - 1)


def record(number: int) -> Record:
    """As the driver writes it."""
    size = SMALL[0] + number * 2_654_435_761 % 2**64 % (SMALL[1] - SMALL[0] + 1)
    value = bytes((number * 31 + i) % 256 for i in range(size))
    return Record(value, key=key(number), headers=(("number", key(number)),))


def test_large_records_come_whole(streambed, name):
    count = 300 if LONG else 40
    streambed.produce(name, 0, count, LARGE)
    assert streambed.read(name, count, LARGE) == (0, count - 1)


def test_a_restart_of_the_server_is_nothing_to_its_clients(servers, name):
    server = servers.start(SETTINGS)
    port = rest_port(server)
    server.stop()
    server = servers.start({**SETTINGS, "rest.listeners": f"127.0.0.1:{port}"}, port=server.port)
    streambed = Streambed(server)
    streambed.produce(name, 0, 100, SMALL)
    found = []
    reading = threading.Thread(target=lambda: found.append(streambed.read(name, 200, SMALL, idle=30000)))
    reading.start()
    server.stop()
    server.start()
    streambed.produce(name, 100, 100, SMALL)
    reading.join(60)
    assert found == [(0, 199)]


def test_history_ends_where_its_last_record_is(streambed, server, name):
    """Behind it stand records that a subscription does not give: no value, no key, markers of transactions."""
    client.create_topic(server.bootstrap, name)
    assert streambed.run("history", name, 5000) == {"keys": []}
    write(server, name, range(5))
    left_out = [Record(None, key=key(9)), Record(b"x"), Record(b"x", key=b"short"), Record(b"x", key=key(1), headers=(("h", None),))]
    client.produce(server.bootstrap, left_out * 10, name)
    producer = client.producer(server.bootstrap, **{"transactional.id": f"id-{name}"})
    producer.init_transactions(20)
    for commits in (True, False):
        producer.begin_transaction()
        producer.produce(name, b"x", key=None if commits else key(7))
        producer.flush(20)
        producer.commit_transaction(20) if commits else producer.abort_transaction(20)
    assert streambed.run("history", name, 5000) == {"keys": [0, 1, 2, 3, 4]}
    assert streambed.run("offsets", name, 0) == [0, 4]


def test_kafka_clients_read_what_streambed_writes(streambed, server, name):
    streambed.produce(name, 0, 1, SMALL)
    found = client.consume(server.bootstrap, name, 1)[0]
    assert (found.key, found.value, found.headers) == (record(0).key, record(0).value, record(0).headers)


def test_end_offset_may_be_that_of_rest_proxies(servers, name):
    server = servers.start({**SETTINGS, "furrow.streambed.end.offset": "next"})
    streambed = Streambed(server)
    streambed.produce(name, 0, 3, SMALL)
    assert streambed.run("offsets", name, 0) == [0, 3]


RECORD = {"topic": "t", "headers": [], "timestamp": None, "key": 2**64 - 1, "value": "AQI=", "partition": 0}
REFUSED = [
    ({"key": 2**64}, 422),
    ({"key": -1}, 422),
    ({"key": "1"}, 422),
    ({"value": "AQI"}, 422),
    ({"value": None}, 422),
    ({"timestamp": "now"}, 422),
    ({"headers": [{"key": "h"}]}, 422),
    ({"partition": 2**31}, 422),
    ({"topic": "other"}, 422),
    ({"partition": 5}, 404),
]


@pytest.mark.parametrize(("wrong", "status"), REFUSED)
def test_what_no_record_is_is_refused(server, topic, wrong, status):
    client.create_topic(server.bootstrap, topic)
    with rest_client(server) as http:
        record = {**RECORD, "topic": topic}
        for body in ({"records": [{**record, **wrong}]}, {"records": [record, {**record, **wrong}]}):
            answer = http.post(f"/topics/{topic}", json=body)
            assert answer.status_code in (status, 200), answer.text
            if status == 422:
                assert answer.status_code == 422
        assert http.post(f"/topics/{topic}", json={"records": [record]}).json()["offsets"][0]["partition"] == 0
        assert http.post(f"/topics/{topic}", content="{").status_code == 415
        assert http.post("/consumers/g", json={"offsets": [], "subscriptions": []}).status_code == 422
