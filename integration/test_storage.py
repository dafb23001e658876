"""The data folder: read by Apache Kafka's own dump tool, and kept over restarts."""

import random
import re
import subprocess
from pathlib import Path


from clients import Record, content
from clients.confluent import Confluent
from clients.driver import Java
from installed import java
from servers import Server, free_port

client = Confluent()

# What kafka-dump-log says of a file in which it finds nothing wrong.
CLEAN = re.compile(
    r"""Dumping\ .* | Log\ starting\ offset:\ .* | .*\ passed\ sanity\ check\. | .*\ is\ empty\.
    | (baseOffset|\|\ offset|offset|timestamp|producerId):\ .*""",
    re.X,
)


def dump(files: list[Path], *options: str) -> list[str]:
    command = java("org.apache.kafka.tools.DumpLogSegments", *options, "--files", ",".join(map(str, files)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # It expects every file to begin at offset 0, and says so of all but the first.
    said = re.sub(
        r"Non-consecutive offsets in .*/(\d{20})\.log\n(?=  -1 is followed by (\d+)\n)",
        lambda found: "" if int(found[1]) == int(found[2]) else found[0],
        done.stderr,
    )
    assert done.returncode == 0 and re.sub(r"  -1 is followed by \d+\n", "", said) == "", done.stderr
    return done.stdout.splitlines()


def check_files(folder: Path, values: int, running: bool = False) -> None:
    """kafka-dump-log finds nothing wrong, and all the values. The indexes of the last segment of a running server may
    be longer than what is in them, so they are left out."""

    def files(*suffixes):
        return sorted(file for file in folder.iterdir() if file.suffix in suffixes)

    logs = files(".log")
    said = dump(logs, "--deep-iteration", "--print-data-log")
    batches = [line for line in said if line.startswith("baseOffset:")]
    assert batches and all("isvalid: true" in line for line in batches)
    assert sum(line.startswith("| offset:") for line in said) == values
    assert [line for line in said if not CLEAN.fullmatch(line)] == []
    indexes = files(".index", ".timeindex")
    assert len(indexes) == 2 * len(logs)
    if running:
        indexes = indexes[:-2]
    for options in (["--verify-index-only"], ["--index-sanity-check"], []):
        assert [line for line in dump(indexes, *options) if not CLEAN.fullmatch(line)] == []
    if snapshots := files(".snapshot"):
        assert [line for line in dump(snapshots) if not CLEAN.fullmatch(line)] == []


def write_many(server: Server, topic: str, rounds: range) -> int:
    """About 500 KB in each round, every codec in turn; gives the number of records."""
    java_client = Java()
    try:
        for number in rounds:
            codec = client.codecs[number % len(client.codecs)]
            chance = random.Random(number)
            records = [Record(chance.randbytes(1250).hex().encode(), b"%d" % key) for key in range(200)]
            writer = (client, java_client)[number % 2]
            writer.produce(server.bootstrap, records, topic, codec, idempotent=number % 3 == 0)
    finally:
        java_client.close()
    return 200 * len(rounds)


def test_kafka_dump_log_finds_nothing_wrong(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(1 << 20)})
    folder = server.partition_folder(topic)
    values = write_many(server, topic, range(10))
    assert len(list(folder.glob("*.log"))) >= 3
    check_files(folder, values, running=True)
    server.stop()
    check_files(folder, values)
    server.start()
    values += write_many(server, topic, range(10, 15))
    server.kill()
    server.start()
    check_files(folder, values, running=True)
    values += write_many(server, topic, range(15, 17))
    server.stop()
    check_files(folder, values)


def test_a_clean_stop_keeps_everything(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, 2, {"retention.ms": "7654321", "max.message.bytes": "5000"})
    client.create_topic(server.bootstrap, topic + "-other")
    records = [
        Record(b"%d" % number, b"key", (("name", b"value"),), 1_700_000_000_000 + number, number % 2)
        for number in range(100)
    ]
    client.produce(server.bootstrap, records, topic, "zstd", idempotent=True)
    ids = client.topic_ids(server.bootstrap, topic, topic + "-other")
    read = [client.consume(server.bootstrap, topic, 50, partition) for partition in (0, 1)]
    for _ in range(3):
        server.stop()
        server.start()
    assert client.topic_ids(server.bootstrap, topic, topic + "-other") == ids
    assert [client.consume(server.bootstrap, topic, 50, partition) for partition in (0, 1)] == read
    assert client.topic_config(server.bootstrap, topic)["retention.ms"] == "7654321"
    client.produce(server.bootstrap, [Record(b"after")], topic)
    assert content(client.consume(server.bootstrap, topic, 1, start=50)) == [Record(b"after")]


def test_a_deleted_topic_stays_away_and_may_come_again(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"old")] * 3, topic)
    [old_id] = client.topic_ids(server.bootstrap, topic)
    client.delete_topic(server.bootstrap, topic)
    server.stop()
    server.start()
    assert topic not in client.topics(server.bootstrap)
    client.create_topic(server.bootstrap, topic)
    assert client.topic_ids(server.bootstrap, topic) != [old_id]
    client.produce(server.bootstrap, [Record(b"new")], topic)
    assert [(record.offset, record.value) for record in client.consume(server.bootstrap, topic, 1)] == [(0, b"new")]


def test_an_idempotent_producer_outlives_a_clean_stop(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    with client.count(server.bootstrap, topic) as pairs:
        for _ in range(3):
            server.stop()
            server.start()
    found = client.consume(server.bootstrap, topic, len(pairs.result()))
    assert [record.value for record in found] == [b"%d" % number for number in range(len(found))]


def test_a_damaged_batch_is_an_error_and_what_follows_it_is_not(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    for number in range(3):
        client.produce(server.bootstrap, [Record(b"value %d" % number * 100)], topic)
    server.stop()
    [log] = server.partition_folder(topic).glob("*.log")
    bytes_of_log = log.read_bytes()
    log.write_bytes(bytes_of_log.replace(b"value 1", b"VALUE 1", 1))
    server.start()
    assert client.consume(server.bootstrap, topic, 1, start=2)[0].value == b"value 2" * 100
    assert client.consume(server.bootstrap, topic, 1, start=0)[0].value == b"value 0" * 100
    assert log.read_bytes()[: len(bytes_of_log)] != bytes_of_log
