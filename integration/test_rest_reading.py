"""Reading records by HTTP: pages, NDJSON, server-sent events and WebSockets, with clients of others, of what Kafka's
clients wrote with every codec, in transactions, into topics that are compacted, cut and deleted."""

import asyncio
import base64
import json
import subprocess
import threading
import time

import httpx
import httpx_sse
import pytest
import requests
import sseclient
import websockets
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from confluent_kafka import TopicPartition

from clients import Record
from clients.confluent import Confluent
from clients.kcat import kcat
from rest import SETTINGS as REST
from rest import refusal, rest_client, rest_port
from transactional import Transaction, confluent as transact

pytestmark = pytest.mark.furrow_only

SETTINGS = {
    **REST,
    "log.cleaner.backoff.ms": "100",
    "log.retention.check.interval.ms": "300",
    "auto.create.topics.enable": "true",
}
client = Confluent()


@pytest.fixture(scope="module")
def http(server):
    with rest_client(server) as made:
        yield made


@pytest.fixture
def base(server):
    return f"http://127.0.0.1:{rest_port(server)}"


def unpack(field):
    """Bytes of a key or value."""
    if field is None:
        return None
    if field["type"] == "BINARY":
        return base64.b64decode(field["data"], validate=True)
    assert field["type"] == "STRING"
    return field["data"].encode()


def record_of(item) -> Record:
    headers = tuple((h["name"], None if h["value"] is None else base64.b64decode(h["value"])) for h in item["headers"])
    return Record(unpack(item["value"]), unpack(item["key"]), headers, None, item["partition_id"], item["offset"])


def lines(http, topic, **parameters) -> list[dict]:
    """All that is stored."""
    answer = http.get(f"/topics/{topic}/records", params=parameters, headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def values(items) -> list[bytes]:
    return [unpack(item["value"]) for item in items if "mark" not in item]


class Follower:
    """A stream of NDJSON, read in a thread."""

    def __init__(self, http, path, count=None, **parameters):
        self.items: list[dict] = []
        self.ended = threading.Event()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(str(http.base_url), path, parameters), daemon=True)
        self.thread.start()
        assert self.started.wait(10)

    def run(self, base, path, parameters):
        with httpx.Client(base_url=base, timeout=30) as http:
            with http.stream("GET", path, params={"follow": "true", **parameters}) as answer:
                assert answer.status_code == 200
                self.started.set()
                for line in answer.iter_lines():
                    self.items.append(json.loads(line))
        self.ended.set()

    def await_items(self, wanted, seconds=15.0):
        deadline = time.monotonic() + seconds
        while not wanted(self.items):
            assert time.monotonic() < deadline, self.items[-5:]
            time.sleep(0.005)
        return self.items


# ---- what others wrote ----

BYTES = [b"", b"plain", b'"quoted" \\ and\nlines', "für 日本 \U0001f33e \u2028".encode(), bytes(range(256)), b"x" * 100000]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_was_written_is_read_byte_for_byte(http, server, topic, codec):
    written = [
        Record(value, key, headers)
        for value in [*BYTES, None]
        for key in (None, b"", b"k", b"\xff\xfe")
        for headers in ((), (("h", b"\x00\x01"), ("h", None), ("größe", b"")))
    ]
    producer = Producer({"bootstrap.servers": server.bootstrap, "compression.type": codec, "linger.ms": 50})
    for i, record in enumerate(written):
        producer.produce(topic, record.value, record.key, headers=list(record.headers), timestamp=1700000000000 + i)
    assert producer.flush(20) == 0
    read = lines(http, topic)
    assert [item["offset"] for item in read] == list(range(len(written)))
    for i, (item, record) in enumerate(zip(read, written)):
        found = record_of(item)
        assert (found.value, found.key, found.headers) == (record.value, record.key, record.headers)
        assert item["topic_name"] == topic and "timestamp_type" not in item
        assert item["timestamp"] == f"2023-11-14T22:13:20.{i:03d}Z"
    for one, item in zip((3, 17), (read[3], read[17])):
        assert http.get(f"/topics/{topic}/partitions/0/records/{one}").json() == item


@pytest.mark.parametrize("codec", ["none", "zstd", "gzip"])
def test_many_records_in_large_batches(http, server, topic, codec):
    """Batches of much more than one block, and from any place within one."""
    producer = Producer({"bootstrap.servers": server.bootstrap, "compression.type": codec, "linger.ms": 100})
    for i in range(30000):
        producer.produce(topic, b"%06d" % i + b"y" * 60)
        if i % 10000 == 0:
            producer.poll(0)
    assert producer.flush(20) == 0
    assert [item["offset"] for item in lines(http, topic)] == list(range(30000))
    for start in (1, 9999, 12345, 29999):
        page = http.get(f"/topics/{topic}/partitions/0/records", params={"offset": start, "limit": 700}).json()
        expected = list(range(start, min(start + 700, 30000)))
        assert [item["offset"] for item in page["data"]] == expected


def test_what_was_read_comes_in_equal(http, server, topic):
    written = [Record(value, key, (("h", b"\xff"),)) for value in [*BYTES, None] for key in (None, b"k", b"\xff")]
    client.produce(server.bootstrap, written, topic)
    exported = http.get(f"/topics/{topic}/records", headers={"Accept": "application/x-ndjson"})
    copy = f"{topic}.copy"
    client.create_topic(server.bootstrap, copy)
    answer = http.post(f"/topics/{copy}/records", content=exported.content.replace(topic.encode(), copy.encode()),
                       headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert [{**item, "topic_name": topic} for item in lines(http, copy)] == lines(http, topic)


def test_transactions_are_seen_when_they_are_committed(http, server, topic):
    transactions = [
        Transaction([(0, f"a{i}") for i in range(3)]),
        Transaction([(0, f"gone{i}") for i in range(3)], commit=False),
        Transaction([(0, "b")]),
    ]
    transact(server.bootstrap, f"{topic}.id", topic, f"{topic}.group", transactions)
    assert values(lines(http, topic)) == [b"a0", b"a1", b"a2", b"b"]
    assert values(lines(http, topic, isolation="read_uncommitted")) == [
        b"a0", b"a1", b"a2", b"gone0", b"gone1", b"gone2", b"b"
    ]  # fmt: skip
    end = http.get(f"/topics/{topic}/records").json()["metadata"]
    assert end["at_end"] is True
    assert refusal(http.get(f"/topics/{topic}/partitions/0/records/4")) == (404, 40404)
    assert values(http.get(f"/topics/{topic}/records", params={"last": 2}).json()["data"]) == [b"a2", b"b"]


def test_an_open_transaction_holds_its_followers_back(http, server, topic):
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": f"{topic}.open"})
    producer.init_transactions(20)
    client.create_topic(server.bootstrap, topic)
    follower = Follower(http, f"/topics/{topic}/records", since="all", threshold="false")
    hasty = Follower(http, f"/topics/{topic}/records", since="all", threshold="false", isolation="read_uncommitted")
    producer.begin_transaction()
    producer.produce(topic, b"in")
    producer.flush(20)
    assert values(hasty.await_items(lambda items: items)) == [b"in"]
    assert follower.items == []
    producer.commit_transaction(20)
    assert values(follower.await_items(lambda items: items)) == [b"in"]


def test_a_compacted_topic_has_gaps(http, server, topic):
    client.create_topic(server.bootstrap, topic, config={
        "cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"})  # fmt: skip
    day_ago = int(time.time() * 1000) - 86_400_000
    for first in range(0, 40, 5):  # a segment each
        records = [Record(b"%d" % i, b"k%d" % (i % 4), timestamp=day_ago + first * 1000) for i in range(first, first + 5)]
        client.produce(server.bootstrap, records, topic)
    deadline = time.monotonic() + 20
    while len(left := lines(http, topic)) > 25:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    by_kcat = kcat(server.bootstrap, "-C", "-t", topic, "-e", "-o", "beginning", "-q", "-f", "%o\n").stdout.split()
    assert len(by_kcat) <= 25
    offsets = [item["offset"] for item in lines(http, topic)]
    assert offsets == sorted(offsets) and offsets[-1] == 39 and offsets[0] > 0
    page = http.get(f"/topics/{topic}/records", params={"last": 1, "last_per": "key"}).json()
    assert [item["offset"] for item in page["data"]] == [36, 37, 38, 39]
    missing = next(offset for offset in range(40) if offset not in offsets)
    assert refusal(http.get(f"/topics/{topic}/partitions/0/records/{missing}")) == (404, 40404)


# ---- what goes while it is read ----

def delete_records(server, topic, before):
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.delete_records([TopicPartition(topic, 0, before)])[TopicPartition(topic, 0)].result(10)


def test_deleted_records_are_a_gap(http, server, topic):
    client.produce(server.bootstrap, [Record(b"%d" % i) for i in range(10)], topic)
    delete_records(server, topic, 4)
    assert [item["offset"] for item in lines(http, topic)] == [4, 5, 6, 7, 8, 9]
    gap = {"topic_name": topic, "partition_id": 0, "from_offset": 1, "to_offset": 4}
    page = http.get(f"/topics/{topic}/partitions/0/records", params={"offset": 1}).json()
    assert page["metadata"]["gaps"] == [gap] and len(page["data"]) == 6
    stream = lines(http, topic, **{"from": "0:1"})
    assert stream[0] == {"mark": "gap", **gap} and stream[1]["offset"] == 4
    assert refusal(http.get(f"/topics/{topic}/partitions/0/records/1")) == (404, 40404)


def test_a_slow_follower_is_told_what_retention_took(http, server, topic):
    """It does not read while the records that come next for it go away; then it is told which ones went."""
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": "1048576"})
    producer = Producer({"bootstrap.servers": server.bootstrap})
    for i in range(20000):
        producer.produce(topic, b"%08d" % i + b"x" * 200)
        producer.poll(0)
    assert producer.flush(20) == 0
    with httpx.stream("GET", f"{http.base_url}/topics/{topic}/records", timeout=20,
                      params={"since": "all", "follow": "", "limit": 10**6}) as answer:  # fmt: skip
        time.sleep(0.3)  # its queue and the socket's are full
        delete_records(server, topic, 19000)
        offsets, gaps = [], []
        for line in answer.iter_lines():
            item = json.loads(line)
            if item.get("mark") == "gap":
                gaps.append((item["from_offset"], item["to_offset"]))
            elif "mark" in item:
                break
            else:
                offsets.append(item["offset"])
    assert len(gaps) == 1 and gaps[0][1] == 19000
    assert offsets == [*range(gaps[0][0]), *range(19000, 20000)]


def test_followers_are_told_that_a_topic_goes(http, server, topic):
    client.produce(server.bootstrap, [Record(b"x")], topic)
    follower = Follower(http, f"/topics/{topic}/records", since="all")
    follower.await_items(lambda items: {"mark": "threshold"} in items)
    client.delete_topic(server.bootstrap, topic)
    assert follower.ended.wait(10)
    assert follower.items[-1] == {"mark": "deleted", "topic_name": topic, "partition_id": 0}
    assert refusal(http.get(f"/topics/{topic}/records")) == (404, 40401)


def test_partitions_and_topics_that_come_are_followed(http, server, topic):
    client.create_topic(server.bootstrap, f"{topic}.a")
    cluster = http.get("/version").json()["cluster_id"]
    follower = Follower(http, f"/v3/clusters/{cluster}/records", topics=f"{topic}.*", since="all")
    follower.await_items(lambda items: items == [{"mark": "threshold"}])
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_partitions([NewPartitions(f"{topic}.a", 3)])[f"{topic}.a"].result(10)
    client.create_topic(server.bootstrap, f"{topic}.b")
    client.produce(server.bootstrap, [Record(b"new", partition=2)], f"{topic}.a")
    client.produce(server.bootstrap, [Record(b"b")], f"{topic}.b")
    items = follower.await_items(lambda items: len(items) == 3)
    found = sorted((item["topic_name"], item["partition_id"], unpack(item["value"])) for item in items[1:])
    assert found == [(f"{topic}.a", 2, b"new"), (f"{topic}.b", 0, b"b")]


# ---- live, with clients of others ----

def test_curl_follows(http, server, base, topic):
    client.create_topic(server.bootstrap, topic)
    process = subprocess.Popen(["curl", "-sSN", f"{base}/topics/{topic}/records?follow&since=all"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert json.loads(process.stdout.readline()) == {"mark": "threshold"}
    for i in range(3):
        client.produce(server.bootstrap, [Record(b"%d" % i)], topic)
        assert unpack(json.loads(process.stdout.readline())["value"]) == b"%d" % i
    process.kill()
    process.wait(10)


def test_a_pulse_beats(http, server, topic):
    client.create_topic(server.bootstrap, topic)
    follower = Follower(http, f"/topics/{topic}/records", pulse="100ms")
    follower.await_items(lambda items: len(items) >= 3)
    assert {item["mark"] for item in follower.items} == {"pulse"}


def test_sseclient_goes_on_where_it_was(http, server, base, topic):
    client.create_topic(server.bootstrap, topic, partitions=3)
    client.produce(server.bootstrap, [Record(b"%d" % i, partition=i % 3) for i in range(30)], topic)
    seen, last_id = [], ""
    for _ in range(6):  # a connection for five of them
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        with requests.get(f"{base}/topics/{topic}/records?since=all", headers=headers, stream=True, timeout=20) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            events = sseclient.SSEClient(answer).events()
            for _ in range(5):
                event = next(events)
                seen.append(unpack(json.loads(event.data)["value"]))
                last_id = event.id
    assert sorted(seen) == sorted(b"%d" % i for i in range(30))
    assert all(set(part) == {"topic", "partition", "offset"} for part in json.loads(last_id))


def test_httpx_sse_hears_what_comes(http, server, base, topic):
    client.create_topic(server.bootstrap, topic)
    with httpx.Client(timeout=20) as own, httpx_sse.connect_sse(own, "GET", f"{base}/topics/{topic}/records") as source:
        assert source.response.headers["cache-control"] == "no-cache"
        client.produce(server.bootstrap, [Record(b"one"), Record(b"two")], topic)
        events = source.iter_sse()
        assert [unpack(next(events).json()["value"]) for _ in range(2)] == [b"one", b"two"]


def test_a_websocket_hears_what_comes(server, topic):
    client.produce(server.bootstrap, [Record(b"old"), Record(b"x" * 70000), Record(b"")], topic)

    async def talk():
        url = f"ws://127.0.0.1:{rest_port(server)}/topics/{topic}/records?since=all"
        async with websockets.connect(url) as socket:
            heard = [json.loads(await socket.recv()) for _ in range(4)]
            assert heard[3] == {"mark": "threshold"}
            assert values(heard) == [b"old", b"x" * 70000, b""]
            await asyncio.to_thread(client.produce, server.bootstrap, [Record(b"new")], topic)
            assert unpack(json.loads(await socket.recv())["value"]) == b"new"
            await socket.ping()

    asyncio.run(asyncio.wait_for(talk(), 20))


# ---- where it begins ----

def test_pages_lead_to_each_other(http, server, topic):
    client.create_topic(server.bootstrap, topic, partitions=2)
    client.produce(server.bootstrap, [Record(b"%d" % i, partition=i % 2) for i in range(25)], topic)
    seen, url = [], f"/topics/{topic}/records?limit=10"
    while url:
        page = http.get(url).json()
        assert page["kind"] == "KafkaRecordList"
        seen += values(page["data"])
        url = page["metadata"]["next"] if not page["metadata"]["at_end"] else None
    assert sorted(seen, key=int) == [b"%d" % i for i in range(25)]
    client.produce(server.bootstrap, [Record(b"late", partition=1)], topic)
    assert values(http.get(page["metadata"]["next"]).json()["data"]) == [b"late"]
    assert refusal(http.get(f"/topics/{topic}/partitions/0/records?offset=1000")) == (416, 41601)


def test_the_last_ones_of_several_partitions_are_the_newest(http, server, topic):
    client.create_topic(server.bootstrap, topic, partitions=3)
    producer = Producer({"bootstrap.servers": server.bootstrap})
    for i in range(60):
        producer.produce(topic, b"%d" % i, partition=i * i % 3, timestamp=1700000000000 + i)
    assert producer.flush(20) == 0
    for count in (1, 7, 59, 60, 100):
        page = http.get(f"/topics/{topic}/records", params={"last": count}).json()
        assert sorted(map(int, values(page["data"]))) == list(range(60))[-count:]


def test_filters(http, server, topic):
    producer = Producer({"bootstrap.servers": server.bootstrap})
    for i in range(100):
        producer.produce(topic, b"%d" % i, b"k%d" % (i % 10), timestamp=1700000000000 + i * 1000,
                         headers=[("kind", b"even" if i % 2 == 0 else b"odd")])  # fmt: skip
    assert producer.flush(20) == 0

    def read(**parameters):
        return [int(value) for value in values(lines(http, topic, **parameters))]

    assert read(key="k3") == list(range(3, 100, 10))
    assert read(header="kind:even", key="k4", limit=3) == [4, 14, 24]
    assert read(header="nothing") == [] and len(read(header="kind")) == 100
    assert read(timestamp_from="2023-11-14T22:13:25Z", timestamp_to="1700000008000") == [5, 6, 7]
    assert read(since="2023-11-14T22:14:55Z") == [95, 96, 97, 98, 99]
    assert read(timestamp=1700000097500) == [98, 99]
    assert read(key="k3", last=2) == [83, 93]
    assert read(last=1, last_per="key") == list(range(90, 100))
    assert read(header="kind:odd", last=2, last_per="key", key="k5") == [85, 95]


def test_a_page_waits_for_its_first_record(http, server, topic):
    client.create_topic(server.bootstrap, topic)
    begun = time.monotonic()
    assert http.get(f"/topics/{topic}/records", params={"max_wait_ms": 300}).json()["data"] == []
    assert 0.25 < time.monotonic() - begun < 5
    threading.Timer(0.3, lambda: client.produce(server.bootstrap, [Record(b"x")], topic)).start()
    begun = time.monotonic()
    assert values(http.get(f"/topics/{topic}/records", params={"max_wait_ms": 15000}).json()["data"]) == [b"x"]
    assert time.monotonic() - begun < 10


def test_a_record_has_an_etag(http, server, topic):
    client.produce(server.bootstrap, [Record(b"x")], topic)
    url = f"/v3/clusters/-/topics/{topic}/partitions/0/records/0"
    answer = http.get(url)
    assert answer.json()["offset"] == 0
    again = http.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_append_time_is_told(http, server, topic):
    client.create_topic(server.bootstrap, topic, config={"message.timestamp.type": "LogAppendTime"})
    client.produce(server.bootstrap, [Record(b"x")], topic)
    assert lines(http, topic)[0]["timestamp_type"] == "LOG_APPEND_TIME"


def test_a_stop_ends_its_followers(servers, topic):
    own = servers.start(SETTINGS)
    client.create_topic(own.bootstrap, topic)
    with rest_client(own) as http:
        follower = Follower(http, f"/topics/{topic}/records")
        own.stop()
        assert follower.ended.wait(5)
