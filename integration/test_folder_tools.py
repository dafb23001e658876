"""furrow verify, repair, backup and restore, on folders of real servers with real clients."""

import io
import json
import os
import random
import struct
import subprocess
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from clients import Record
from clients.confluent import Confluent
from installed import java
from servers import Server, free_port
from test_storage import CLEAN, check_files, dump

pytestmark = pytest.mark.furrow_only

client = Confluent()


@pytest.fixture
def furrow(request):
    """Runs the command line that was built beside the server."""
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"

    def run(*arguments: object, status: int | None = 0, **options) -> subprocess.CompletedProcess:
        command = [binary, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=120, **options)
        assert status is None or done.returncode == status, (done.stdout[-2000:], done.stderr)
        return done

    return run


def said(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def verify(furrow, data: Path, status: int = 0) -> dict:
    return said(furrow("verify", "--json", data, status=status))[-1]


@pytest.fixture
def filled(servers, topic):
    """A running server with a topic of several segments in every codec."""
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(1 << 20)})
    records = [Record(b"%d-" % number * 200, b"key-%d" % number) for number in range(1200)]
    for number, codec in enumerate(client.codecs):
        client.produce(server.bootstrap, records, topic, codec, idempotent=number % 2 == 0)
    return server


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content)


def test_a_stopped_server_s_folder_is_sound(furrow, filled, topic):
    records = 1200 * len(client.codecs)
    assert b"in use" in furrow("verify", filled.data, status=3).stderr
    filled.stop()
    summary = verify(furrow, filled.data)
    assert summary["verdict"] == "ok" and summary["last_stop"] == "clean"
    assert summary["notes"] == summary["damages"] == 0 and summary["records"] == records + 2
    lines = said(furrow("verify", "--json", "--partitions", filled.data))
    partition = next(line for line in lines if line.get("folder") == f"{topic}-0")
    assert (partition["first_offset"], partition["end_offset"]) == (0, records)
    filled.start()


def test_a_killed_server_s_folder_has_notes_at_most(furrow, filled):
    filled.kill()
    summary = verify(furrow, filled.data)
    assert summary["last_stop"] == "unclean" and summary["damages"] == 0
    filled.start()


def test_no_kill_looks_like_damage(furrow, busy, topic):
    """Whatever is under way: rolls, retention, a compaction that replaces segments, commits."""
    server = busy[0]
    for number in range(6):
        time.sleep(0.3 + 0.1 * number)
        server.kill()
        assert [line for line in said(furrow("verify", "--json", server.data, status=None)) if line.get("level") == "damage"] == []
        server.start()


def test_damage_is_told_by_place(furrow, filled, topic):
    filled.stop()
    segment = min(filled.partition_folder(topic).glob("*.log"))
    flip(segment, 5000)
    lines = said(furrow("verify", "--json", filled.data, status=1))
    (finding,) = [line for line in lines if line["kind"] == "finding"]
    assert finding["level"] == "damage" and finding["path"] == f"{topic}-0/{segment.name}"
    assert finding["position"] <= 5000 < finding["position"] + finding["bytes"]
    assert lines[-1]["verdict"] == "damaged"


# ---- backup and restore ----


class Writer:
    """Writes numbered records to a topic, acks=all, about a thousand a second; `acknowledged` grows: (number, offset)."""

    def __init__(self, server: Server, topic: str, keys: int = 0, size: int = 2000):
        self.acknowledged: list[tuple[int, int]] = []
        self.last: dict[bytes | None, int] = {}  # by key
        self.enough = threading.Event()
        self.producer = Producer(
            {
                "bootstrap.servers": server.bootstrap,
                "acks": "all",
                "linger.ms": 2,
                "enable.idempotence": True,
                "compression.type": "none",
            }
        )
        self.topic, self.keys, self.size = topic, keys, size
        self.chance = random.Random(1)
        self.thread = threading.Thread(target=self.write)
        self.thread.start()

    def write(self) -> None:
        number = 0
        while not self.enough.is_set():
            if len(self.producer) < 200:
                value = b"%d %s" % (number, self.chance.randbytes(self.size).hex().encode())
                key = b"key-%d" % self.chance.randrange(self.keys) if self.keys else None
                self.producer.produce(self.topic, value, key, 0, self.noted(number))
                number += 1
            self.producer.poll(0 if number % 10 else 0.01)
        self.producer.flush(5)

    def noted(self, number: int):
        def call(error, message):
            if not error:
                self.acknowledged.append((number, message.offset()))
                self.last[message.key()] = number

        return call

    def stop(self) -> None:
        self.enough.set()
        self.thread.join(90)


class Committer:
    """A consumer of a group that reads a topic and commits all the time; `committed` is the last offset."""

    def __init__(self, server: Server, topic: str):
        self.consumer = Consumer(
            {
                "bootstrap.servers": server.bootstrap,
                "group.id": "committers",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.consumer.subscribe([topic])
        self.committed = -1
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.enough.is_set():
            if messages := [m for m in self.consumer.consume(500, 0.02) if not m.error()]:
                offset = messages[-1].offset() + 1
                place = TopicPartition(messages[-1].topic(), 0, offset)
                try:
                    self.consumer.commit(offsets=[place], asynchronous=False)
                    self.committed = offset
                except KafkaException:
                    pass  # the server is down
        self.consumer.close()

    def stop(self) -> None:
        self.enough.set()
        self.thread.join(60)


def committed_by(server: Server, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "committers"})
    (place,) = consumer.committed([TopicPartition(topic, 0)], 20)
    consumer.close()
    return place.offset


def number_of(record: Record) -> int:
    return int(record.value.split(b" ", 1)[0])


def serve(servers, data: Path) -> Server:
    """A server on a folder that is there already."""
    server = servers.new(port=free_port())
    server.folder.mkdir(parents=True)
    data.rename(server.data)
    return server.start()


def end_offset_of(furrow, server: Server, topic: str) -> int:
    lines = said(furrow("verify", "--json", "--partitions", server.data))
    return next(line["end_offset"] for line in lines if line.get("folder") == f"{topic}-0")


@pytest.fixture
def busy(servers, topic):
    """A server with three topics under load: one that keeps all, one that forgets, one that is compacted."""
    settings = {
        "log.flush.interval.ms": "200",
        "log.retention.check.interval.ms": "100",
        "log.segment.delete.delay.ms": "100",
        "log.cleaner.backoff.ms": "50",
    }
    server = servers.start(settings, port=free_port())
    small = {"segment.bytes": str(1 << 20)}
    client.create_topic(server.bootstrap, topic, config=small)
    client.create_topic(server.bootstrap, topic + "-short", config={**small, "retention.bytes": str(3 << 20)})
    compacted = {**small, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.05"}
    client.create_topic(server.bootstrap, topic + "-last", config=compacted)
    writers = [Writer(server, topic), Writer(server, topic + "-short"), Writer(server, topic + "-last", keys=300)]
    committer = Committer(server, topic)
    deadline = time.monotonic() + 60
    first = f"{0:020}.log"
    cleaned = server.data / "cleaner-offset-checkpoint"
    while (
        len(list(server.partition_folder(topic).glob("*.log"))) < 5
        or (server.partition_folder(topic + "-short") / first).exists()
        or f"{topic}-last" not in (cleaned.read_text() if cleaned.exists() else "")
        or committer.committed < 0
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield server, writers, committer
    stop(*writers, committer)


def stop(*running) -> None:
    for one in running:
        one.stop()


@dataclass
class Known:
    """What was acknowledged, and committed, at one moment."""

    pairs: list[tuple[int, int]]
    short_end: int
    last: dict[bytes | None, int]
    committed: int


def known(writers: list, committer) -> Known:
    whole, short, compacted = writers
    return Known(
        list(whole.acknowledged),
        max((offset for _, offset in list(short.acknowledged)), default=-1) + 1,
        dict(compacted.last),
        committer.committed,
    )


def check_last(server: Server, topic: str, before: dict[bytes | None, int]) -> None:
    """Of each key the compacted topic has what was acknowledged last, or something newer."""
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "none", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    last: dict[bytes | None, int] = {}
    while (message := consumer.poll(20)) is not None and not message.error():
        last[message.key()] = int(message.value().split(b" ", 1)[0])
    consumer.close()
    assert [key for key, number in before.items() if last.get(key, -1) < number] == []


def check_restored(furrow, servers, data: Path, topic: str, before: Known) -> Server:
    """What was acknowledged before the backup began is in the restored folder. Gives the server on it, stopped."""
    assert verify(furrow, data)["damages"] == 0
    server = serve(servers, data)
    end = client.end_offset(server.bootstrap, topic)
    records = client.consume(server.bootstrap, topic, end)
    offsets = {number_of(record): record.offset for record in records}
    assert [pair for pair in before.pairs if offsets.get(pair[0]) != pair[1]] == []
    assert client.end_offset(server.bootstrap, topic + "-short") >= before.short_end
    check_last(server, topic + "-last", before.last)
    assert before.committed <= committed_by(server, topic) <= end
    client.produce(server.bootstrap, [Record(b"-1 more")], topic)
    server.stop()
    assert verify(furrow, server.data)["verdict"] == "ok"
    return server


def test_a_backup_of_a_busy_server_has_all_that_was_acknowledged(furrow, servers, busy, topic, tmp_path):
    server, writers, committer = busy
    moments = []
    for number in range(4):
        moments.append(known(writers, committer))
        (summary,) = said(furrow("backup", "--json", "--data", server.data, tmp_path / f"copy-{number}"))
        assert summary["partitions"] == 5 and summary["deleted_meanwhile"] == 0
        time.sleep(0.3)
    stop(*writers, committer)
    for number, before in enumerate(moments):
        data = tmp_path / f"data-{number}"
        (restored,) = said(furrow("restore", "--json", "--data", data, tmp_path / f"copy-{number}"))
        assert restored["damages"] == 0 and restored["records"] >= len(before.pairs)
        copy = check_restored(furrow, servers, data, topic, before)
    check_files(copy.partition_folder(topic), end_offset_of(furrow, copy, topic))


def test_an_archive_is_one_for_other_tars(furrow, servers, busy, topic, tmp_path):
    server, writers, committer = busy
    long = "a-topic-with-a-long-name-" + "x" * 200
    client.create_topic(server.bootstrap, long)
    client.produce(server.bootstrap, [Record(b"-1 long")], long)
    before = known(writers, committer)
    archive = furrow("backup", "--data", server.data, "-").stdout
    stop(*writers, committer)
    # Its own way back, GNU tar's, Python's: the same files.
    furrow("restore", "--data", tmp_path / "own", "-", input=archive)
    (tmp_path / "gnu").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "gnu", "-xf", "-"], input=archive, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(tmp_path / "python")
    os.unlink(tmp_path / "own/.lock")
    for other in ("gnu", "python"):
        subprocess.run(["diff", "-r", tmp_path / "own", tmp_path / other], check=True)
    # And archives that others make of such a folder.
    for form in ("gnu", "pax"):
        made = subprocess.run(["tar", f"--format={form}", "-C", tmp_path / "gnu", "-cf", "-", "."], stdout=-1, check=True)
        again = tmp_path / f"again-{form}"
        furrow("restore", "--data", again, "-", input=made.stdout)
        os.unlink(again / ".lock")
        subprocess.run(["diff", "-r", tmp_path / "own", again], check=True)
    check_restored(furrow, servers, tmp_path / "own", topic, before)


def test_topics_come_and_go_during_backups(furrow, servers, busy, topic, tmp_path):
    """Whatever the moment, the copy is one that a server starts from, with the topics that it knows."""
    server = busy[0]
    enough = threading.Event()

    def churn():
        for number in range(1000):
            if enough.is_set():
                return
            name = f"{topic}-{number % 3}-comes"
            client.create_topic(server.bootstrap, name, partitions=2)
            client.produce(server.bootstrap, [Record(b"%d in %d" % (number, number))], name)
            client.delete_topic(server.bootstrap, name)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for number in range(5):
            furrow("backup", "--data", server.data, tmp_path / f"copy-{number}")
    finally:
        enough.set()
        thread.join()
    for number in range(5):
        copy = serve(servers, tmp_path / f"copy-{number}")
        for name in client.topics(copy.bootstrap):
            end = client.end_offset(copy.bootstrap, name)
            if name == topic or name.endswith("-comes"):
                assert len(client.consume(copy.bootstrap, name, min(end, 10))) == min(end, 10)
        copy.stop()


def test_a_backup_of_a_stopped_server(furrow, servers, filled, topic, tmp_path):
    filled.stop()
    furrow("backup", "--data", filled.data, tmp_path / "copy")
    furrow("restore", "--data", tmp_path / "data", tmp_path / "copy")
    server = serve(servers, tmp_path / "data")
    count = 1200 * len(client.codecs)
    assert len(client.consume(server.bootstrap, topic, count)) == count
    server.stop()
    check_files(server.partition_folder(topic), count)


def test_what_is_not_whole_is_not_restored(furrow, filled, tmp_path):
    archive = furrow("backup", "--data", filled.data, "-").stdout
    for size in (0, 100, 512, 100_000, len(archive) - 2000, len(archive) - 1024):
        data = tmp_path / "data"
        assert furrow("restore", "--data", data, "-", input=archive[:size], status=1).stderr
        assert list(data.iterdir()) == []
    furrow("backup", "--data", filled.data, tmp_path / "copy")
    (tmp_path / "copy/meta.properties").unlink()
    assert b"not whole" in furrow("restore", "--data", data, tmp_path / "copy", status=1).stderr
    # Nor over something, nor from what a server runs on.
    (data / "letter").write_text("dear")
    assert b"not empty" in furrow("restore", "--data", data, "-", input=archive, status=1).stderr
    assert b"not empty" in furrow("backup", "--data", filled.data, data, status=1).stderr
    assert b"use furrow backup" in furrow("restore", "--data", tmp_path / "new", filled.data, status=1).stderr
    # Names that lead elsewhere are none.
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("../evil"))
    assert b"no file of a data folder" in furrow("restore", "--data", tmp_path / "new", "-", input=evil.getvalue(), status=1).stderr
    assert not (tmp_path / "evil").exists()


def test_damage_is_carried_along_and_told(furrow, filled, topic, tmp_path):
    filled.stop()
    flip(min(filled.partition_folder(topic).glob("*.log")), 5000)
    furrow("backup", "--data", filled.data, tmp_path / "copy")
    done = furrow("restore", "--json", "--data", tmp_path / "data", tmp_path / "copy", status=3)
    assert [line["level"] for line in said(done) if line["kind"] == "finding"] == ["damage"]


def test_a_closed_pipe_ends_a_backup_quietly(request, filled):
    binary = request.config.getoption("furrowd").resolve().parent / "furrow"
    command = f"{binary} backup --data {filled.data} - | head -c 1000 | wc -c"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert done.stderr == b"" and done.stdout.strip() == b"1000"


# ---- repair ----


def batches_in(content: bytes) -> list[tuple[int, bytes, int]]:
    """Position, bytes and first offset of each batch of a sound segment."""
    found, at = [], 0
    while at < len(content):
        offset, length = struct.unpack_from(">qi", content, at)
        found.append((at, content[at : at + 12 + length], offset))
        at += 12 + length
    return found


def offsets_left(before: bytes, after: bytes) -> set[int]:
    """Of the batches that are still there as they were."""
    left = set()
    for at, batch, offset in batches_in(before):
        if after[at : at + len(batch)] == batch:
            left |= set(range(offset, offset + 1 + struct.unpack_from(">i", batch, 23)[0]))
    return left


def kafka_reads(folder: Path) -> int:
    """Kafka's dump tool finds every batch right, and indexes that fit; gives the number of records."""
    logs, indexes = sorted(folder.glob("*.log")), sorted(folder.glob("*.*index"))
    command = java("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(map(str, logs)))
    said_of_logs = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    batches = [line for line in said_of_logs if line.startswith("baseOffset:")]
    assert batches and all("isvalid: true" in line for line in batches)
    assert not [line for line in said_of_logs if "invalid bytes" in line]
    for option in ("--verify-index-only", "--index-sanity-check"):
        assert [line for line in dump(indexes, option) if not CLEAN.fullmatch(line)] == []
    return sum(line.startswith("| offset:") for line in said_of_logs)


def damage_segments(folder: Path, chance: random.Random) -> set[int]:
    """Bits, stretches and ends of segments go wrong; gives the offsets that are whole still."""
    left = set()
    for number, segment in enumerate(sorted(folder.glob("*.log"))):
        before = segment.read_bytes()
        after = bytearray(before)
        if number % 3 == 0:
            for _ in range(3):
                after[chance.randrange(len(after))] ^= 1 << chance.randrange(8)
        elif number % 3 == 1:
            at = chance.randrange(len(after) - 5000)
            after[at : at + 5000] = chance.choice([bytes(5000), chance.randbytes(5000)])
        else:
            del after[chance.randrange(len(after)) :]
        segment.write_bytes(after)
        left |= offsets_left(before, bytes(after))
    return left


@pytest.mark.parametrize("killed", [False, True])
def test_a_damaged_folder_is_repaired_and_served(furrow, servers, filled, topic, killed, tmp_path):
    filled.kill() if killed else filled.stop()
    folder = filled.partition_folder(topic)
    end = 1200 * len(client.codecs)
    left = damage_segments(folder, random.Random(killed))
    assert 100 < len(left) < end
    (min(folder.glob("*.index"))).write_bytes(b"\1" * 80)
    (folder / "leader-epoch-checkpoint").write_bytes(b"\0\1garbage")
    (filled.data / "furrow.properties").write_bytes(b"nothing")
    (filled.data / "recovery-point-offset-checkpoint").write_bytes(b"0\n7\n") if killed else None
    files = {path: path.read_bytes() for path in filled.data.rglob("*") if path.is_file()}

    told = said(furrow("repair", "--json", filled.data, status=1))
    assert files == {path: path.read_bytes() for path in filled.data.rglob("*") if path.is_file()}
    aside = tmp_path / "aside"
    done = said(furrow("repair", "--json", "--yes", "--aside", aside, filled.data))
    assert [line["path"] for line in told if line["kind"] == "would"] == [
        line["path"] for line in done if line["kind"] == "repair"
    ]
    assert done[-1]["damages_left"] == 0 and done[-1]["bytes_aside"] > 0
    assert (aside / folder.name / "leader-epoch-checkpoint").read_bytes() == b"\0\1garbage"
    assert verify(furrow, filled.data)["damages"] == 0
    assert kafka_reads(folder) == len(left)

    filled.start()
    read = client.consume(filled.bootstrap, topic, len(left))
    assert {record.offset for record in read} == left
    assert client.produce(filled.bootstrap, [Record(b"more")], topic) == [end if not killed else max(left) + 1]
    filled.stop()
    assert verify(furrow, filled.data)["verdict"] == "ok"
    assert furrow("repair", filled.data).stdout


def test_a_repair_is_for_stopped_servers_and_real_folders(furrow, filled, tmp_path):
    assert b"in use" in furrow("repair", "--yes", filled.data, status=3).stderr
    assert furrow("repair", "--yes", tmp_path / "no-such", status=3).stderr
    assert furrow("repair", status=2).stderr
    filled.stop()
    lines = said(furrow("repair", "--json", "--yes", filled.data))
    assert [line["kind"] for line in lines] == ["summary"] and not list(filled.data.glob("repair-*"))


def test_wrong_use_is_told(furrow, tmp_path):
    assert furrow("verify", status=2).stderr
    assert b"no data folder" in furrow("verify", tmp_path, status=3).stderr
    assert b"no-such" in furrow("verify", tmp_path / "no-such", status=3).stderr
    for command in ("verify", "repair", "backup", "restore"):
        assert b"Examples:" in furrow(command, "--help").stdout
    assert furrow("backup", tmp_path / "copy", status=2).stderr
    assert furrow("restore", tmp_path / "copy", status=2).stderr
    assert furrow("backup", "--data", tmp_path, tmp_path / "copy", status=1).stderr
