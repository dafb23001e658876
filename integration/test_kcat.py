"""kcat alone: the shortest way through every room of the server, and the quick check of `integration/run --quick`."""

import json
import re

import pytest

from clients import At, Record, content
from clients.kcat import Kcat, kcat

SETTINGS = {"auto.create.topics.enable": "true"}

client = Kcat()


@pytest.mark.parametrize("codec", client.codecs)
def test_lines_come_back_as_they_went_in(server, topic, codec):
    lines = "".join(f"line {number} {'ä' * (number % 90)}\n" for number in range(1000))
    done = kcat(server.bootstrap, "-P", "-t", topic, "-z", codec, input=lines.encode())
    assert done.returncode == 0, done.stderr
    read = kcat(server.bootstrap, "-C", "-t", topic, "-e", "-q")
    assert read.stdout.decode() == lines


def test_a_new_topic_has_one_partition_led_by_this_server(server, topic):
    client.produce(server.bootstrap, [Record(b"first")], topic)
    listed = json.loads(kcat(server.bootstrap, "-L", "-J", "-t", topic).stdout)
    assert [broker["name"] for broker in listed["brokers"]] == [server.bootstrap]
    assert [(found["topic"], len(found["partitions"])) for found in listed["topics"]] == [(topic, 1)]
    partition = listed["topics"][0]["partitions"][0]
    broker = listed["brokers"][0]["id"]
    assert partition == {"partition": 0, "leader": broker, "replicas": [{"id": broker}], "isrs": [{"id": broker}]}


def test_reads_from_an_offset_and_a_time(server, topic):
    records = [Record(b"value %d" % number) for number in range(10)]
    client.produce(server.bootstrap, records, topic)
    read = client.consume(server.bootstrap, topic, 10)
    assert content(read) == records
    assert [record.offset for record in read] == list(range(10))
    assert client.consume(server.bootstrap, topic, 3, start=7) == read[7:]
    assert client.consume(server.bootstrap, topic, 10, start=At(read[0].timestamp)) == read
    offsets = kcat(server.bootstrap, "-Q", "-t", f"{topic}:0:{read[0].timestamp}").stdout.decode()
    assert re.search(r"offset (\d+)", offsets)[1] == "0"


def test_the_server_stays_after_a_clean_stop(servers):
    server = servers.start(SETTINGS)
    client.produce(server.bootstrap, [Record(b"before")], "stays")
    server.stop()
    server.start()
    client.produce(server.bootstrap, [Record(b"after")], "stays")
    assert [record.value for record in client.consume(server.bootstrap, "stays", 2)] == [b"before", b"after"]
