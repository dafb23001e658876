"""Compaction: what Apache Kafka promises of a compacted topic (its documentation, "Log Compaction"), held against a model
of the history that real clients have written; and the same history given to Kafka.

    offsets and order never change, and what is read at an offset is what was written there
    a reader from the start sees at least the final state of every key
    the segment that is written to is left alone, and what is younger than min.compaction.lag.ms
    a tombstone stays for delete.retention.ms from its first cleaning on
    a producer's sequence goes on over a compaction"""

import itertools
import random
import re
import subprocess
import time
from dataclasses import dataclass, replace

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from clients import Record
from clients.confluent import Confluent
from clients.driver import Java
from installed import java
from servers import ApacheKafka, Server, free_port
from test_storage import CLEAN, dump

client = Confluent()

EAGER = {"log.cleaner.backoff.ms": "100", "log.cleaner.min.cleanable.ratio": "0.01"}
DAY_MS = 86_400_000
SEGMENT_MS = 1000  # of records' time: what the history rolls segments by
GAPS = re.compile(r"Non-consecutive offsets in .*|  -?\d+ is followed by \d+")
QUIET_SECONDS = 1.5  # nothing has been compacted for so long: nothing more will be


@dataclass
class History:
    """What was written, by offset."""

    records: list[Record]

    def last_of(self, key_of=lambda record: record.key, keep=1) -> dict[bytes, list[Record]]:
        """The last records of each key; a tombstone leaves none."""
        last: dict[bytes, list[Record]] = {}
        for record in self.records:
            key = key_of(record)
            if key is None:
                continue
            last[key] = [] if record.value is None else [*last.get(key, []), record][-keep:]
        return {key: records for key, records in last.items() if records}


def generate(seed: int, rounds: int = 24, keys: int = 40) -> list[tuple[list[Record], str, bool]]:
    """Rounds of (records, codec, idempotent): few keys, some tombstones, and a segment's time from round to round."""
    chance = random.Random(seed)
    now = int(time.time() * 1000) - DAY_MS
    history = []
    numbers = itertools.count()
    for number in range(rounds):
        records = []
        for _ in range(chance.choice((1, 3, 20, 60))):
            key = b"key-%d" % int(keys * chance.random() ** 2)
            value = None if chance.random() < 0.12 else b"value-%d" % next(numbers) * chance.choice((1, 1, 40))
            headers = (("device", b"%d" % chance.randrange(9)),) if chance.random() < 0.3 else ()
            records.append(Record(value, key, headers, now + chance.randrange(SEGMENT_MS // 4)))
        history.append((records, chance.choice(client.codecs), chance.random() < 0.5))
        if chance.random() < 0.7:
            now += 2 * SEGMENT_MS
    return history


def write(server: Server, topic: str, rounds, other: Java | None = None, start: int = 0) -> History:
    written: list[Record] = []
    for number, (records, codec, idempotent) in enumerate(rounds):
        writer = other if other and number % 4 == 3 else client
        offsets = writer.produce(server.bootstrap, records, topic, codec, idempotent=idempotent)
        assert offsets == list(range(start + len(written), start + len(written) + len(records)))
        written += [replace(record, offset=offset) for record, offset in zip(records, offsets)]
    return History(written)


def roll(server: Server, topic: str, history: History) -> None:
    """One more record, so much later that it begins a segment: all before it may be compacted then."""
    latest = max(record.timestamp for record in history.records)
    record = Record(b"the last one", b"no key of the history", (("device", b"none"),), latest + 2 * SEGMENT_MS)
    [offset] = client.produce(server.bootstrap, [record], topic)
    assert offset == len(history.records)
    history.records.append(replace(record, offset=offset))


def end_of(server: Server, topic: str) -> int:
    """A server that has just been started may not lead its partitions yet."""
    deadline = time.monotonic() + 15
    while True:
        try:
            return client.end_offset(server.bootstrap, topic)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def read(server: Server, topic: str) -> list[Record]:
    """All that is there, by a client that starts at the beginning."""
    end = end_of(server, topic)
    consumer = client._consumer(server.bootstrap, topic, 0, "beginning")
    found: list[Record] = []
    deadline = time.monotonic() + 30
    try:
        while not found or found[-1].offset < end - 1:
            message = consumer.poll(0.5)
            assert time.monotonic() < deadline, f"{len(found)} records and no end"
            if message is not None:
                assert message.error() is None, message.error()
                found.append(
                    Record(
                        message.value(), message.key(), tuple(message.headers() or ()), message.timestamp()[1], 0,
                        message.offset(),
                    )
                )  # fmt: skip
    finally:
        consumer.close()
    return found


def read_when_compacted(server: Server, topic: str, most: int, seconds: float = 40.0) -> list[Record]:
    """What is left when nothing changes any more and there are at most so many records."""
    found = read(server, topic)
    deadline = time.monotonic() + seconds
    since = time.monotonic()
    while len(found) > most or time.monotonic() - since < QUIET_SECONDS:
        assert time.monotonic() < deadline, f"{len(found)} records are left, at most {most} should be"
        time.sleep(0.25)
        again = read(server, topic)
        if again != found:
            since = time.monotonic()
        found = again
    return found


def check_promises(history: History, found: list[Record], key_of=lambda record: record.key, keep: int = 1) -> None:
    by_offset = {record.offset: record for record in history.records}
    assert [record.offset for record in found] == sorted({record.offset for record in found})
    for record in found:
        assert record == by_offset[record.offset]
    assert found[-1].offset == len(history.records) - 1
    kept: dict[bytes, list[Record]] = {}
    for record in found:
        if (key := key_of(record)) is not None:
            kept[key] = [] if record.value is None else [*kept.get(key, []), record]
    final = history.last_of(key_of, keep)
    assert {key: records[-keep:] for key, records in kept.items() if records} == final


def check_files(server: Server, topic: str) -> None:
    """kafka-dump-log finds nothing wrong, but for the gaps between offsets, which it tells of."""
    logs = sorted(server.partition_folder(topic).glob("*.log"))
    command = java("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--print-data-log", "--files")
    done = subprocess.run([*command, ",".join(map(str, logs))], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not GAPS.fullmatch(line)] == []
    said = done.stdout.splitlines()
    batches = [line for line in said if line.startswith("baseOffset:")]
    assert batches and all("isvalid: true" in line for line in batches)
    assert [line for line in said if not CLEAN.fullmatch(line)] == []
    indexes = [file for log in logs for file in (log.with_suffix(".index"), log.with_suffix(".timeindex"))]
    for option in ("--index-sanity-check", "--verify-index-only"):
        assert [line for line in dump(indexes, option) if not CLEAN.fullmatch(line)] == []


def compacted_topic(server: Server, topic: str, **config) -> None:
    settings = {
        "cleanup.policy": "compact",
        "segment.ms": str(SEGMENT_MS),
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": str(DAY_MS),
    }
    settings |= {name.replace("_", "."): str(value) for name, value in config.items()}
    client.create_topic(server.bootstrap, topic, config=settings)


def keys_of(records: list[Record]) -> int:
    return len({record.key for record in records})


@pytest.mark.parametrize("seed", range(2))
def test_a_reader_from_the_start_sees_the_final_state(servers, topic, seed):
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic)
    other = Java()
    try:
        history = write(server, topic, generate(seed), other)
    finally:
        other.close()
    roll(server, topic, history)
    found = read_when_compacted(server, topic, keys_of(history.records))
    check_promises(history, found)
    # Tombstones are there for a day.
    assert {record.key: record for record in found} == {record.key: record for record in history.records}
    server.stop()
    check_files(server, topic)
    server.start()
    assert read(server, topic) == found
    server.kill()
    server.start()
    assert read(server, topic) == found


@pytest.mark.furrow_only
def test_kafka_leaves_the_same_records(servers, topic, tmp_path):
    """Not only the same state: the same records at the same offsets, for both roll segments by the same rule."""
    rounds = generate(100)
    left = []
    kafka = ApacheKafka(tmp_path / "kafka", {"auto.create.topics.enable": "false", **EAGER})
    servers.started.append(kafka)
    kafka.start()
    for server in (servers.start(EAGER, port=free_port()), kafka):
        compacted_topic(server, topic)
        history = write(server, topic, rounds)
        roll(server, topic, history)
        found = read_when_compacted(server, topic, keys_of(history.records))
        check_promises(history, found)
        left.append(found)
    assert left[0] == left[1]


def test_tombstones_go_when_their_time_is_over(servers, topic):
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic, delete_retention_ms=500)
    history = write(server, topic, generate(7))
    deadline = time.monotonic() + 40
    while True:  # each round makes something to compact; the horizon is counted from the first compaction on
        roll(server, topic, history)
        time.sleep(0.7)
        found = read(server, topic)
        if all(record.value is not None for record in found) and len(found) < 2 * keys_of(history.records):
            break
        assert time.monotonic() < deadline, [record for record in found if record.value is None]
    check_promises(history, found)


def test_what_is_younger_than_the_lag_is_left_alone(servers, topic):
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic, min_compaction_lag_ms=DAY_MS - 60_000)
    now = int(time.time() * 1000)
    old = [Record(b"old %d" % number, b"key", (), now - 2 * DAY_MS) for number in range(10)]
    young = [Record(b"young %d" % number, b"key", (), now - 1000 + number) for number in range(10)]
    history = write(server, topic, [(old, "none", False), (young, "lz4", True)])
    roll(server, topic, history)
    found = read_when_compacted(server, topic, 12)
    assert found == [record for record in history.records if record.value != b"old 9" or record.offset == 9][9:]


def test_a_topic_that_is_not_compacted_keeps_all_and_one_that_becomes_so_does_not(servers, topic):
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic, cleanup_policy="delete", retention_ms=-1)
    history = write(server, topic, generate(8, rounds=10))
    roll(server, topic, history)
    time.sleep(1)
    assert read(server, topic) == history.records
    client.change_topic_config(server.bootstrap, topic, {"cleanup.policy": "compact"})
    check_promises(history, read_when_compacted(server, topic, keys_of(history.records)))


def test_what_is_too_old_goes_and_the_rest_is_compacted(servers, topic):
    settings = EAGER | {"log.retention.check.interval.ms": "200", "log.segment.delete.delay.ms": "0"}
    if servers.config.getoption("server") == "furrowd":
        settings["furrow.clock.trusted"] = "true"
    server = servers.start(settings, port=free_port())
    compacted_topic(server, topic, cleanup_policy="compact,delete", retention_ms=2 * DAY_MS)
    now = int(time.time() * 1000)
    old = [Record(b"old %d" % number, b"key %d" % (number % 7), (), now - 9 * DAY_MS) for number in range(50)]
    young = [
        Record(b"young %d" % number, b"key %d" % (number % 5), (), now - 3_600_000 + number * 40) for number in range(100)
    ]
    # Compaction may put small neighbours into one segment, which is as old as its youngest record: one at a time.
    history = write(server, topic, [(old, "none", False), ([young[0]], "zstd", False)])
    deadline = time.monotonic() + 30
    while read(server, topic)[0].offset < len(old):
        assert time.monotonic() < deadline, "what is too old stays"
        time.sleep(0.2)
    rest = [([record], "zstd", False) for record in young[1:]]
    history.records += write(server, topic, rest, start=len(history.records)).records
    roll(server, topic, history)
    found = read_when_compacted(server, topic, 6)
    assert {record.key: record.value for record in found[:-1]} == {record.key: record.value for record in young}
    assert found == [record for record in history.records if record in found]


def test_a_producer_goes_on_over_compactions(servers, topic):
    """One idempotent producer, whose batches are compacted under its feet while the server is killed: no sequence is
    lost, nothing is there twice."""
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic)
    base = int(time.time() * 1000) - DAY_MS
    producer = client.producer(server.bootstrap, enable_idempotence=True)
    acknowledged: list[int] = []
    for number in range(24):
        for step in range(5):
            producer.produce(
                topic, b"%d" % (number * 5 + step), b"key", 0, timestamp=base + number * 3 * SEGMENT_MS,
                on_delivery=lambda error, message: acknowledged.append(message.offset()) if not error else None,
            )  # fmt: skip
        assert producer.flush(30) == 0
        if number % 8 == 7:
            time.sleep(0.8)
            server.kill()
            server.start()
    assert acknowledged == list(range(120))
    found = read_when_compacted(server, topic, 6)
    assert [(record.offset, record.value) for record in found] == [(n, b"%d" % n) for n in range(114, 120)][-len(found) :]


def test_what_a_crash_left_is_compacted_without_another_record(servers, topic):
    server = servers.start({"log.flush.interval.ms": "500"}, port=free_port())
    compacted_topic(server, topic)
    history = write(server, topic, generate(10))
    roll(server, topic, history)
    server.kill()
    server.settings |= EAGER
    server.start()
    check_promises(history, read_when_compacted(server, topic, keys_of(history.records)))


def committed(server: Server, group: str, topic: str, partitions: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
    try:
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        return [found.offset for found in consumer.committed(asked, 20)]
    finally:
        consumer.close()


@pytest.mark.furrow_only
def test_what_groups_have_committed_outlives_the_compaction_of_it(servers, topic):
    """Two segments and more of commits, of which all but the last are of no use."""
    server = servers.start(EAGER, port=free_port())
    partitions, rounds = 250, 150
    client.create_topic(server.bootstrap, topic, partitions)
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": topic, "enable.auto.commit": False})
    for number in range(rounds):
        offsets = [TopicPartition(topic, index, number * partitions + index) for index in range(partitions)]
        consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()
    expected = [(rounds - 1) * partitions + index for index in range(partitions)]
    deadline = time.monotonic() + 20
    while "partition=__consumer_offsets-0" not in server.tail(200) or "compacted" not in server.tail(200):
        assert time.monotonic() < deadline, "__consumer_offsets is not compacted"
        time.sleep(0.2)
    assert committed(server, topic, topic, partitions) == expected
    server.kill()
    server.start()
    assert committed(server, topic, topic, partitions) == expected


def device_of(record: Record) -> bytes | None:
    values = [value for name, value in record.headers if name == "device"]
    return values[-1] if values else None


@pytest.mark.furrow_only
@pytest.mark.parametrize(
    "setting, key_of, keep",
    [
        ("key", lambda record: record.key, 3),
        ("header:device", device_of, 1),
        ("header:device", device_of, 2),
        ("prefix:5", lambda record: record.key[:5] if len(record.key) >= 5 else None, 2),
    ],
    ids=["key", "header", "header-2", "prefix"],
)
def test_the_last_records_of_what_the_topic_takes_for_a_key_are_kept(servers, topic, setting, key_of, keep):
    server = servers.start(EAGER, port=free_port())
    compacted_topic(server, topic, furrow_compaction_keep=keep, furrow_compaction_key=setting)
    history = write(server, topic, generate(9))
    roll(server, topic, history)
    without = sum(key_of(record) is None for record in history.records)
    most = without + (keep + 1) * len({key_of(record) for record in history.records})
    found = read_when_compacted(server, topic, most)
    check_promises(history, found, key_of, keep)
    assert [r for r in found if key_of(r) is None] == [r for r in history.records if key_of(r) is None]


@pytest.mark.furrow_only
def test_more_keys_than_memory(servers, topic):
    """64 KiB hold the keys of a small part of the log at a time."""
    server = servers.start(EAGER | {"log.cleaner.dedupe.buffer.size": "65536"}, port=free_port())
    compacted_topic(server, topic, segment_bytes=1 << 20)
    chance = random.Random(5)
    now = int(time.time() * 1000) - DAY_MS
    rounds = []
    for number in range(30):
        records = [
            Record(chance.randbytes(30).hex().encode(), b"key-%d" % chance.randrange(20_000), (), now + number * 2 * SEGMENT_MS)
            for _ in range(2000)
        ]
        rounds.append((records, client.codecs[number % 5], False))
    history = write(server, topic, rounds)
    roll(server, topic, history)
    check_promises(history, read_when_compacted(server, topic, keys_of(history.records)))
    server.stop()
    check_files(server, topic)
