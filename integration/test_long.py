"""Programs that live on Kafka, for a minute each: Kafka Streams counts words exactly once, Kafka Connect copies a file."""

import os
import random
import subprocess
import time
from collections import Counter

import pytest
from confluent_kafka import Consumer, Producer

from clients.confluent import Confluent
from installed import LONG, java
from members import wait_for
from servers import die_with_parent, free_port

pytestmark = [
    pytest.mark.skipif(os.environ.get("TEST_LENGTH", "long") != "long", reason="only with tools/test --long"),
    pytest.mark.timeout(300),
]

SECONDS = 60
WORDS = ["apple", "bread", "cheese", "date", "egg", "fig", "grape"]

client = Confluent()


class Program:
    """A Java program that is told to end, or killed, and may be started again."""

    def __init__(self, log, main_class: str, *arguments: str):
        self.command = java(main_class, *arguments, classes=LONG)
        self.log = log.open("ab")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(30)


class Counts:
    """What is committed in the topic of counts: of each word the counts in their order."""

    def __init__(self, server):
        self.of: dict[str, list[int]] = {word: [] for word in WORDS}
        self.consumer = Consumer(
            {
                "bootstrap.servers": server.bootstrap,
                "group.id": "reader-of-counts",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self.consumer.subscribe(["counts"])

    def read(self) -> None:
        for message in self.consumer.consume(1000, 0.1):
            if not message.error():
                self.of[message.key().decode()].append(int(message.value()))

    def total(self) -> int:
        self.read()
        return sum(len(counts) for counts in self.of.values())


def test_streams_counts_words_exactly_once(servers, tmp_path):
    server = servers.start(port=free_port())
    for topic in ("lines", "counts"):
        client.create_topic(server.bootstrap, topic, 3)
    producer = Producer({"bootstrap.servers": server.bootstrap, "enable.idempotence": True})
    program = Program(tmp_path / "streams.log", "WordCount", server.bootstrap, str(tmp_path / "state"))
    written, shuffle, begin = Counter(), random.Random(1), time.monotonic()
    ends = [(SECONDS / 3, "program"), (SECONDS * 2 / 3, "server")]
    while time.monotonic() - begin < SECONDS:
        line = shuffle.choices(WORDS, k=5)
        written.update(line)
        producer.produce("lines", " ".join(line))
        producer.poll(0.01)
        if ends and time.monotonic() - begin > ends[0][0]:
            if ends.pop(0)[1] == "program":
                program.kill()
                program.start()
            else:
                server.kill()
                server.start()
    assert producer.flush(30) == 0
    counts = Counts(server)
    wait_for(lambda: counts.total() >= written.total(), 60, "a count for each word")
    program.stop()
    counts.consumer.close()
    assert counts.of == {word: list(range(1, count + 1)) for word, count in written.items()}


def properties(path, **values: str) -> str:
    path.write_text("".join(f"{key.replace('_', '.')}={value}\n" for key, value in values.items()))
    return str(path)


def test_connect_copies_a_file(servers, tmp_path):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, "copied")
    source, sink = tmp_path / "source.txt", tmp_path / "sink.txt"
    source.touch()
    worker = properties(
        tmp_path / "worker.properties",
        bootstrap_servers=server.bootstrap,
        key_converter="org.apache.kafka.connect.storage.StringConverter",
        value_converter="org.apache.kafka.connect.storage.StringConverter",
        offset_storage_file_filename=str(tmp_path / "offsets"),
        offset_flush_interval_ms="500",
        listeners=f"http://127.0.0.1:{free_port()}",
        plugin_discovery="only_scan",
    )
    reads = properties(
        tmp_path / "source.properties",
        name="source",
        connector_class="org.apache.kafka.connect.file.FileStreamSourceConnector",
        topic="copied",
        file=str(source),
    )
    writes = properties(
        tmp_path / "sink.properties",
        name="sink",
        connector_class="org.apache.kafka.connect.file.FileStreamSinkConnector",
        topics="copied",
        file=str(sink),
        consumer_override_auto_offset_reset="earliest",
    )
    log = tmp_path / "connect.log"
    program = Program(log, "org.apache.kafka.connect.cli.ConnectStandalone", worker, reads, writes)
    lines, begin, is_restarted = [], time.monotonic(), False
    with source.open("a", buffering=1) as file:
        while time.monotonic() - begin < SECONDS:
            lines.append(f"line {len(lines)}")
            file.write(lines[-1] + "\n")
            time.sleep(0.01)
            if not is_restarted and time.monotonic() - begin > SECONDS / 2:
                program.stop()
                program.start()
                is_restarted = True
    wait_for(lambda: sink.exists() and sink.read_text().splitlines()[-1:] == lines[-1:], 60, "the last line")
    program.stop()
    assert sink.read_text().splitlines() == lines
