"""REST Proxy v2: consumer instances beside Kafka's own clients, and the words for what goes wrong."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from clients import Record
from groups import PARTITIONS, by_number, client, committed, fill, in_all_partitions
from members import MEMBERS, wait_for
from rest_v2 import BINARY, GENERAL, JSON, Proxy, places, values

pytestmark = pytest.mark.furrow_only

SETTINGS = {"rest.listeners": "127.0.0.1:0", "group.min.session.timeout.ms": "1000"}


@pytest.fixture(scope="module")
def proxy(server) -> Proxy:
    return Proxy(server)


@pytest.fixture
def group(topic) -> str:
    return f"group-{topic}"


@pytest.fixture
def filled(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return fill(server, topic, 0, 100)


@pytest.fixture
def one(server, topic):
    """A topic of one partition with ten records."""
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"%d" % n, key=b"k%d" % n) for n in range(10)], topic)
    return topic


def b64(data):
    return None if data is None else base64.b64encode(data).decode()


# ---- brokers, topics, partitions ----


def test_topics_and_partitions(proxy, server, topic):
    client.create_topic(server.bootstrap, topic, 2)
    client.produce(server.bootstrap, [Record(b"x", partition=1)] * 3, topic)
    assert proxy.ask("GET", "/brokers").body == {"brokers": [1]}
    listed = proxy.ask("GET", "/topics", accept=GENERAL)
    assert topic in listed.body and "__consumer_offsets" not in listed.body and listed.type == GENERAL
    shown = proxy.ask("GET", f"/topics/{topic}").body
    assert shown["name"] == topic and shown["configs"]["cleanup.policy"] == "delete"
    expected = [{"partition": n, "leader": 1, "replicas": [{"broker": 1, "leader": True, "in_sync": True}]} for n in (0, 1)]
    assert shown["partitions"] == expected
    assert proxy.ask("GET", f"/topics/{topic}/partitions").body == expected
    assert proxy.ask("GET", f"/topics/{topic}/partitions/1").body == expected[1]
    ends = proxy.ask("GET", f"/topics/{topic}/partitions/1/offsets", accept=GENERAL)
    assert ends.body == {"beginning_offset": 0, "end_offset": 3}


# ---- reading ----


def test_records_come_as_they_were_written(proxy, server, topic, group):
    written = [Record(b"\x00\xff", key=b"k"), Record(None, key=b"gone"), Record(b""), Record(b"\xc3\xa4" * 3000)]
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, written, topic)
    consumer = proxy.consumer(group).subscribe(topic)
    answer = consumer.ask("GET", "/records?timeout=3000", accept=BINARY)
    assert answer.type == BINARY
    assert answer.body == [
        {"topic": topic, "key": b64(record.key), "value": b64(record.value), "partition": 0, "offset": number}
        for number, record in enumerate(written)
    ]
    consumer.delete()


def test_every_codec_is_opened(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    written = []
    for codec in client.codecs:
        records = [Record(b"%s-%d" % (codec.encode(), number) * 10) for number in range(50)]
        client.produce(server.bootstrap, records, topic, codec=codec)
        written += [record.value for record in records]
    consumer = proxy.consumer(group).subscribe(topic)
    assert values(consumer.read_many(len(written))) == written
    consumer.delete()


def test_json_records_are_json(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    said = [{"a": [1, 2.50, None]}, "text", 18446744073709551615, True, "ä\u2028"]
    client.produce(server.bootstrap, [Record(json.dumps(value).encode(), key=b'{"k": 1}') for value in said], topic)
    consumer = proxy.consumer(group, format="json").subscribe(topic)
    answer = consumer.ask("GET", "/records?timeout=3000")
    assert answer.type == JSON
    assert [record["value"] for record in answer.body] == said
    assert all(record["key"] == {"k": 1} for record in answer.body)
    consumer.delete()


def test_what_is_no_json_is_named_and_can_be_sought_past(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"1"), Record(b"{nope"), Record(b"3")], topic)
    consumer = proxy.consumer(group, format="json").subscribe(topic)
    assert [record["value"] for record in consumer.read()] == [1]
    refused = consumer.ask("GET", "/records?timeout=1000")
    assert refused.error == (500, 50002) and f"partition {topic}-0 at offset 1" in refused.body["message"]
    consumer.must("POST", "/positions", {"offsets": places((topic, 0), offset=2)})
    assert [record["value"] for record in consumer.read()] == [3]
    consumer.delete()


def test_a_read_answers_as_soon_as_there_is_something(proxy, server, one, group):
    consumer = proxy.consumer(group, auto_offset_reset="latest").subscribe(one)
    assert consumer.read(timeout=100) == []
    write = threading.Timer(0.3, lambda: client.produce(server.bootstrap, [Record(b"now")], one))
    began = time.monotonic()
    write.start()
    assert values(consumer.read(timeout=20000)) == [b"now"]
    assert 0.25 < time.monotonic() - began < 10
    consumer.delete()


def test_a_read_without_records_ends_at_its_time(proxy, one, group):
    consumer = proxy.consumer(group, auto_offset_reset="latest", consumer_request_timeout_ms=300).subscribe(one)
    consumer.read(timeout=1)
    began = time.monotonic()
    assert consumer.ask("GET", "/records").body == []
    assert 0.25 < time.monotonic() - began < 5
    consumer.delete()


def test_max_bytes_counts_keys_and_values_and_gives_one_record(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"v" * 90, key=b"k" * 10)] * 7, topic)
    consumer = proxy.consumer(group).subscribe(topic)
    assert [len(consumer.read(more=f"&max_bytes={most}")) for most in (300, 250, 1, 1000)] == [3, 2, 1, 1]
    consumer.delete()


def test_reads_of_one_instance_come_one_after_the_other(proxy, server, one, group):
    consumer = proxy.consumer(group).subscribe(one)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: consumer.read(timeout=1000, more="&max_bytes=9"), range(4)))
    assert sorted(record["offset"] for answer in answers for record in answer) == list(range(12))[:len(sum(answers, []))]
    consumer.delete()


def test_what_nobody_heard_is_read_again(proxy, one, group):
    consumer = proxy.consumer(group, auto_offset_reset="latest").subscribe(one)
    with pytest.raises(TimeoutError):
        consumer.ask("GET", "/records?timeout=20000", seconds=0.3)
    consumer.must("POST", "/positions/beginning", {"partitions": places((one, 0))})
    assert len(consumer.read()) == 10
    consumer.delete()


# ---- groups ----


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.name)
def test_an_instance_shares_a_group_with(kind, proxy, server, topic, group, filled):
    consumer = proxy.consumer(group, auto_commit_enable="false").subscribe(topic)
    mine = consumer.read_many(len(filled))
    assert by_number(values(mine)) == filled
    consumer.must("POST", "/offsets", status=200)
    member = kind(server.bootstrap, group, topic)
    owned = lambda: [*consumer.assigned(), *((topic, partition) for partition in member.assigned)]  # noqa: E731
    everything = [(topic, partition) for partition in range(PARTITIONS)]
    wait_for(lambda: sorted(owned()) == everything and member.assigned and consumer.assigned(), what="a share for each")
    more = fill(server, topic, 100, 40)
    rest = consumer.read_many(len(consumer.assigned()) * 10)
    wait_for(lambda: len(member.values) + len(rest) >= 40, what="the rest of the records")
    consumer.must("POST", "/offsets", status=200)
    member.leave()
    assert by_number([*member.values, *values(rest)]) == more
    wait_for(lambda: len(consumer.assigned()) == PARTITIONS, what="all partitions for who is left")
    consumer.delete()
    assert committed(server, group, topic) == in_all_partitions(35)


def test_instances_share_a_group(proxy, server, topic, group, filled):
    first = proxy.consumer(group).subscribe(topic)
    second = proxy.consumer(group).subscribe(topic)
    wait_for(lambda: len(first.assigned()) == len(second.assigned()) == PARTITIONS // 2, what="a share for each")
    assert not first.assigned() & second.assigned()
    read = [*first.read_many(50), *second.read_many(50)]
    assert by_number(values(read)) == filled
    first.delete()
    wait_for(lambda: len(second.assigned()) == PARTITIONS, what="all partitions for who is left")
    assert second.read(timeout=100) == []  # what was deleted has committed what it read
    second.delete()


def test_an_instance_is_a_member_that_tools_show(proxy, kafka_tools, server, topic, group, filled):
    consumer = proxy.consumer(group, name="sensor 1").subscribe(topic)
    consumer.read()
    tell = ("--bootstrap-server", server.bootstrap, "--describe", "--group", group)
    shown = kafka_tools.run(kafka_tools.CONSUMER_GROUPS, *tell, "--members")
    assert "sensor 1" in shown and "/127.0.0.1" in shown and shown.split()[-1] == str(PARTITIONS)
    consumer.must("DELETE", "/subscription")
    assert consumer.must("GET", "/subscription", status=200) == {"topics": []}
    wait_for(lambda: "no active members" in kafka_tools.run(kafka_tools.CONSUMER_GROUPS, *tell), what="no members")
    consumer.delete()


def test_a_pattern_finds_topics_that_come_later(proxy, server, topic, group):
    consumer = proxy.consumer(group)
    consumer.must("POST", "/subscription", {"topic_pattern": f"{topic}-.*"})
    assert consumer.must("GET", "/subscription", status=200) == {"topics": []}
    names = [f"{topic}-{number}" for number in range(2)]
    for name in [*names, f"other-{topic}-x"]:
        client.create_topic(server.bootstrap, name)
        client.produce(server.bootstrap, [Record(name.encode())], name)
    assert sorted(values(consumer.read_many(2))) == [name.encode() for name in names]
    assert consumer.must("GET", "/subscription", status=200) == {"topics": names}
    consumer.delete()


def test_partitions_that_come_later_are_read(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    consumer = proxy.consumer(group).subscribe(topic)
    wait_for(lambda: len(consumer.assigned()) == 1)
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(15)
    wait_for(lambda: len(consumer.assigned()) == 3, what="the new partitions")
    client.produce(server.bootstrap, [Record(b"new", partition=2)], topic)
    assert values(consumer.read()) == [b"new"]
    consumer.delete()


# ---- offsets and positions ----


def test_the_next_instance_reads_on_where_the_last_one_committed(proxy, server, one, group):
    first = proxy.consumer(group, auto_commit_enable=False).subscribe(one)
    assert len(first.read()) == 10
    told = {"offsets": places((one, 0), offset=3, metadata="here")}
    assert first.must("POST", "/offsets", told, status=200) == []
    asked = {"partitions": [*places((one, 0)), *places((one, 1))]}
    expected = {"offsets": places((one, 0), offset=4, metadata="here")}
    assert first.must("GET", "/offsets", asked, status=200) == expected
    first.delete()
    assert committed(server, group, one) == {0: 4}
    second = proxy.consumer(group).subscribe(one)
    assert [record["offset"] for record in second.read()] == list(range(4, 10))
    second.delete()
    assert committed(server, group, one) == {0: 10}


def test_what_was_read_is_committed_by_and_by(proxy, server, one, group):
    consumer = proxy.consumer(group).subscribe(one)
    consumer.read()
    consumer.read(timeout=1)  # says that the first answer has come
    wait_for(lambda: committed(server, group, one) == {0: 10}, what="a commit")
    consumer.delete()


def test_partitions_assigned_by_hand(proxy, server, topic, group, filled):
    consumer = proxy.consumer(group).assign((topic, 2), (topic, 0))
    assert consumer.assigned() == {(topic, 0), (topic, 2)}
    read = consumer.read_many(50)
    assert {record["partition"] for record in read} == {0, 2} and len(read) == 50
    consumer.must("POST", "/offsets", {"offsets": places((topic, 2), offset=6)}, status=200)
    assert committed(server, group, topic) == {2: 7}
    consumer.assign((topic, 1))
    assert {record["partition"] for record in consumer.read_many(25)} == {1}
    consumer.delete()


def test_positions(proxy, server, topic, group):
    client.create_topic(server.bootstrap, topic)
    start = 1_700_000_000_000
    client.produce(server.bootstrap, [Record(b"%d" % n, timestamp=start + 1000 * n) for n in range(10)], topic)
    consumer = proxy.consumer(group).subscribe(topic)
    first = lambda: [record["offset"] for record in consumer.read(timeout=100)][:1]  # noqa: E731
    assert first() == [0]
    consumer.must("POST", "/positions", {"offsets": places((topic, 0), offset=7)})
    assert first() == [7]
    consumer.must("POST", "/positions/beginning", {"partitions": places((topic, 0))})
    assert first() == [0]
    consumer.must("POST", "/positions/end", {"partitions": places((topic, 0))})
    assert first() == []
    consumer.must("POST", "/positions", {"timestamps": places((topic, 0), timestamp="2023-11-14T22:13:24.500Z")})
    assert first() == [5]
    consumer.must("POST", "/positions", {"timestamps": places((topic, 0), timestamp="2033-01-01T00:00:00Z")})
    assert first() == []
    consumer.must("POST", "/positions", {"offsets": places((topic, 0), offset=500)})  # where there is nothing
    assert first() == [0]
    consumer.delete()


def test_without_a_policy_there_is_no_beginning(proxy, one, group):
    consumer = proxy.consumer(group, auto_offset_reset="none").subscribe(one)
    refused = consumer.ask("GET", "/records?timeout=1000")
    assert refused.error == (500, 50002)
    assert refused.body["message"] == f"Kafka error: Undefined offset with no reset policy for partitions: [{one}-0]"
    consumer.delete()


# ---- refusals ----

PATH = "/consumers/some/instances/none"
REFUSED = [
    ("GET", "/topics/missing", None, {}, 404, 40401),
    ("GET", "/topics/missing/partitions", None, {}, 404, 40401),
    ("GET", "/topics/missing/partitions/0/offsets", None, {"accept": GENERAL}, 404, 40401),
    ("GET", "/topics/{topic}/partitions/7", None, {}, 404, 40402),
    ("GET", "/topics/{topic}/partitions/7/offsets", None, {"accept": GENERAL}, 404, 40402),
    ("GET", "/topics", None, {"accept": "text/html"}, 406, 406),
    ("GET", PATH + "/records", None, {}, 404, 40403),
    ("GET", PATH + "/subscription", None, {}, 404, 40403),
    ("POST", PATH + "/subscription", {"topics": ["a"]}, {}, 404, 40403),
    ("POST", PATH + "/offsets", None, {}, 404, 40403),
    ("POST", PATH + "/positions", {"offsets": []}, {}, 404, 40403),
    ("DELETE", PATH, None, {}, 404, 40403),
    ("POST", "/consumers/some", {"format": "xml"}, {}, 422, 422),
    ("POST", "/consumers/some", {"format": "avro"}, {}, 422, 42204),
    ("POST", "/consumers/some", {"auto.offset.reset": "middle"}, {}, 422, 42204),
    ("POST", "/consumers/some", {"auto.commit.enable": "perhaps"}, {}, 422, 42204),
    ("POST", "/consumers/some", {"fetch.min.bytes": -10}, {}, 422, 40001),
    ("POST", "/consumers/some", {"unknown": 1}, {}, 422, 422),
    ("POST", "/consumers/some", '{"name":', {}, 400, 400),
    ("POST", "/consumers/some", "<a/>", {"content": "text/xml"}, 415, 415),
]


@pytest.mark.parametrize(("method", "path", "body", "options", "status", "code"), REFUSED)
def test_refused(proxy, one, method, path, body, options, status, code):
    answer = proxy.ask(method, path.format(topic=one), body, **options)
    assert answer.error == (status, code), answer.body
    assert answer.type == GENERAL and answer.body["message"]


def test_refused_by_an_instance(proxy, one, group):
    consumer = proxy.consumer(group, name="it", format="json", auto_offset_reset="latest")
    again = proxy.ask("POST", f"/consumers/{group}", {"name": "it"})
    assert again.error == (409, 40902)
    unread = consumer.ask("GET", "/records")
    assert unread.error == (500, 50002)
    assert unread.body["message"].endswith("Consumer is not subscribed to any topics or assigned any partitions")
    both = consumer.ask("POST", "/subscription", {"topics": [one], "topic_pattern": "a"})
    assert both.error == (409, 40903)
    consumer.subscribe(one)
    consumer.read(timeout=1000)
    for method, below, body, error in [
        ("POST", "/assignments", {"partitions": places((one, 0))}, (409, 40903)),
        ("POST", "/subscription", {"topic_pattern": "a"}, (409, 40903)),
        ("POST", "/subscription", {}, (409, 40903)),
        ("POST", "/positions", {"offsets": places((one, 5), offset=1)}, (409, 40903)),
        ("POST", "/positions/end", {"partitions": places(("other", 0))}, (409, 40903)),
        ("POST", "/positions", {"offsets": places((one, 0), offset=-1)}, (422, 422)),
        ("POST", "/positions", {"timestamps": places((one, 0), timestamp="yesterday")}, (400, 400)),
        ("POST", "/offsets", {"offsets": places(("other", 0), offset=1)}, (404, 40401)),
        ("POST", "/offsets", {"offsets": places((one, 9), offset=1)}, (404, 40402)),
        ("GET", "/offsets", None, (404, 40402)),
        ("POST", "/subscription", {"topics": ["no topic"]}, (422, 422)),
    ]:
        answer = consumer.ask(method, below, body)
        assert answer.error == error, (below, body, answer.body)
    assert consumer.ask("GET", "/records", accept=BINARY).error == (406, 40601)
    assert consumer.ask("GET", "/records?timeout=soon").error == (400, 400)
    consumer.delete()
    assert consumer.ask("GET", "/records").error == (404, 40403)


def test_names_are_quoted_in_the_base_uri(proxy, one, topic):
    consumer = proxy.consumer(f"a/b {topic}", name="ä:1/2")
    assert consumer.path == f"/consumers/a%2Fb%20{topic}/instances/%C3%A4:1%2F2"
    consumer.subscribe(one)
    assert len(consumer.read()) == 10
    consumer.delete()


# ---- ends ----


def test_the_idle_go_and_the_many_are_refused(servers, topic):
    settings = {**SETTINGS, "consumer.instance.timeout.ms": "4000", "furrow.rest.consumers.max": "2"}
    proxy = Proxy(servers.start(settings))
    idle, asked = proxy.consumer("g"), proxy.consumer("g")
    assert proxy.ask("POST", "/consumers/g").error == (429, 42901)
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert asked.ask("GET", "/subscription").status == 200
        time.sleep(0.2)
    assert idle.ask("GET", "/subscription").error == (404, 40403)
    proxy.consumer("g")


def test_a_stop_commits_and_leaves_and_does_not_wait_for_readers(servers, topic):
    server = servers.start(SETTINGS)
    proxy = Proxy(server)
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"%d" % n) for n in range(10)], topic)
    consumer = proxy.consumer("g").subscribe(topic)
    assert len(consumer.read()) == 10
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(consumer.read, timeout=60000)
        time.sleep(0.3)
        began = time.monotonic()
        server.stop()
        assert waiting.result(5) == [] and time.monotonic() - began < 5
    server.start()
    proxy = Proxy(server)
    assert proxy.ask("GET", consumer.path + "/records").error == (404, 40403)
    assert committed(server, "g", topic) == {0: 10}
    again = proxy.consumer("g").subscribe(topic)
    client.produce(server.bootstrap, [Record(b"next")], topic)
    assert values(again.read()) == [b"next"]
