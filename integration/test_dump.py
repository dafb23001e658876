"""furrow dump, held against what Apache Kafka's dump tool says of the same files."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer

from clients import Record
from clients.confluent import Confluent
from clients.driver import Java
from installed import java
from servers import free_port

pytestmark = pytest.mark.furrow_only

client = Confluent()


@pytest.fixture
def furrow(request):
    """Runs the command line that was built beside the server."""
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [binary, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)

    return run


def dump(furrow, *arguments: object) -> list[dict]:
    done = furrow("dump", "--json", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def kafka_dump(*arguments: object) -> list[str]:
    command = java("org.apache.kafka.tools.DumpLogSegments", *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()


def said_by_kafka(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+): (\S+)", line))


@pytest.fixture
def folder(servers, topic) -> Path:
    """A stopped server's partition: every codec, idempotent and not, two segments."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(1 << 20)})
    records = [Record(b"%d-" % number * 200, b"key-%d" % number) for number in range(600)]
    for number, codec in enumerate(client.codecs):
        client.produce(server.bootstrap, records, topic, codec, idempotent=number % 2 == 0)
    java_client = Java()
    try:
        java_client.produce(server.bootstrap, [Record(None, b"\xff"), Record(b"", None)], topic, "none", idempotent=True)
    finally:
        java_client.close()
    server.stop()
    return server.partition_folder(topic)


def test_batches_are_those_that_kafka_sees(furrow, folder):
    for file in sorted(folder.glob("*.log")):
        kafka = [
            said_by_kafka(line)
            for line in kafka_dump("--files", file, "--skip-record-metadata")
            if line.startswith("baseOffset:")
        ]
        ours = [entry for entry in dump(furrow, file) if entry["kind"] == "batch"]
        assert [
            (b["base_offset"], b["last_offset"], b["records"], b["position"], b["bytes"], b["codec"], b["max_timestamp"])
            for b in ours
        ] == [
            (int(b["baseOffset"]), int(b["lastOffset"]), int(b["count"]), int(b["position"]), int(b["size"]),
             b["compresscodec"].lower(), int(b["CreateTime"]))
            for b in kafka
        ]  # fmt: skip
        assert [b.get("producer_id", -1) for b in ours] == [int(b["producerId"]) for b in kafka]
        assert {b["crc"] for b in ours} == {"ok"}


def test_indexes_are_those_that_kafka_sees(furrow, folder):
    entries = 0
    for file in sorted(folder.glob("*.index")):
        kafka = re.findall(r"^offset: (\d+) position: (\d+)", "\n".join(kafka_dump("--files", file)), re.M)
        ours = dump(furrow, file)
        assert [(entry["offset"], entry["position"]) for entry in ours] == [(int(o), int(p)) for o, p in kafka if p != "0"]
        entries += len(ours)
    for file in sorted(folder.glob("*.timeindex")):
        kafka = re.findall(r"^timestamp: (\d+) offset: (\d+)", "\n".join(kafka_dump("--files", file)), re.M)
        assert [(entry["timestamp"], entry["offset"]) for entry in dump(furrow, file)] == [(int(t), int(o)) for t, o in kafka]
    assert entries > 2


@pytest.fixture
def transactional_folder(servers, topic) -> Path:
    """A stopped server's partition: transactions of two producers between each other, every other one aborted."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    producers = [Producer({"bootstrap.servers": server.bootstrap, "transactional.id": name}) for name in "ab"]
    for producer in producers:
        producer.init_transactions(20)
        producer.begin_transaction()
    for number in range(6):
        for producer in producers:
            producer.produce(topic, b"%d" % number)
            producer.flush(20)
        ending = producers[number % 2]
        ending.abort_transaction(20) if number % 3 else ending.commit_transaction(20)
        ending.begin_transaction()
    for producer in producers:
        producer.commit_transaction(20)
    server.stop()
    return server.partition_folder(topic)


def test_aborted_transactions_are_those_that_kafka_sees(furrow, transactional_folder):
    [file] = transactional_folder.glob("*.txnindex")
    kafka = [said_by_kafka(line) for line in kafka_dump("--files", file) if "producerId" in line]
    ours = dump(furrow, file)
    assert [
        (entry["producer_id"], entry["first_offset"], entry["last_offset"], entry["last_stable_offset"]) for entry in ours
    ] == [
        tuple(int(entry[key]) for key in ("producerId", "firstOffset", "lastOffset", "lastStableOffset")) for entry in kafka
    ]
    assert len(ours) == 4
    [log] = transactional_folder.glob("*.log")
    markers = [re.search(r"endTxnMarker: (\w+)", line)[1] for line in kafka_dump("--print-data-log", "--files", log) if "endTxnMarker" in line]
    assert sorted(markers) == ["ABORT"] * 4 + ["COMMIT"] * 3
    assert furrow("verify", transactional_folder.parent).returncode == 0


def test_producers_are_those_that_kafka_sees(furrow, folder):
    file = max(folder.glob("*.snapshot"))
    kafka = {int(p["producerId"]): p for p in map(said_by_kafka, kafka_dump("--files", file)) if "producerId" in p}
    ours = dump(furrow, file)
    assert {p["producer_id"] for p in ours} == kafka.keys() and ours
    for producer in ours:
        theirs = kafka[producer["producer_id"]]
        assert producer["epoch"] == int(theirs["producerEpoch"])
        assert producer["last_sequence"] == int(theirs["lastSequence"])


def test_records_come_with_keys_and_values(furrow, folder):
    records = [e for file in sorted(folder.glob("*.log")) for e in dump(furrow, "--records", file) if e["kind"] == "record"]
    assert [record["offset"] for record in records] == list(range(len(records)))
    assert records[0]["key"] == "key-0" and records[0]["value"] == "0-" * 200
    assert records[-2]["key_base64"] == "/w==" and records[-2]["value"] is None
    assert records[-1]["key"] is None and records[-1]["value"] == ""


def test_small_files_are_told_line_by_line(furrow, folder):
    metadata = furrow("dump", folder / "partition.metadata").stdout
    assert 'text="version: 0"' in metadata and "topic_id: " in metadata
    assert dump(furrow, folder / "leader-epoch-checkpoint") == [{"kind": "epoch", "epoch": 0, "start_offset": 0}]
    points = dump(furrow, folder.parent / "recovery-point-offset-checkpoint")
    ends = {entry["topic"]: entry["offset"] for entry in points}
    assert ends[folder.name.rpartition("-")[0]] == 600 * len(client.codecs) + 2


def test_damage_is_told_and_is_the_exit_status(furrow, folder):
    file = min(folder.glob("*.log"))
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    done = furrow("dump", "--json", file)
    verdicts = [json.loads(line)["crc"] for line in done.stdout.splitlines()]
    assert done.returncode == 1 and verdicts[0] == "WRONG" and set(verdicts[1:]) == {"ok"}
    file.write_bytes(content[:-1])
    done = furrow("dump", file)
    assert done.returncode == 1 and "damage" in done.stdout.splitlines()[-1]
    done = furrow("dump", folder / "no-such.log")
    assert done.returncode == 1 and "no-such.log" in done.stderr
    done = furrow("dump", folder)
    assert done.returncode == 1 and f"{folder}: is a folder: name the files in it" in done.stderr
    assert furrow("dump").returncode == 2


def test_a_closed_pipe_ends_it_quietly(request, furrow, folder):
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"
    files = " ".join(map(str, folder.glob("*.log")))
    done = subprocess.run(f"{binary} dump --records {files} | head -n 1", shell=True, capture_output=True, timeout=60)
    assert done.stderr == b"" and done.stdout.count(b"\n") == 1
