"""Power cuts under a real server and real clients: what was acknowledged with acks=all is there afterwards, whatever the
disk forgets, tears and reorders of the rest (power.py).

FURROW_POWER_SEED makes the cuts of one seed again. The timing is the machine's, so a failure may need a few runs."""

import itertools
import os
import random
import re
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from crc32c import crc32c

from clients.confluent import Confluent
from power import Power
from servers import free_port
from test_storage import check_files
from wire import Connection, batch, produce_request

LONG = os.environ.get("TEST_LENGTH") == "long"
ROUNDS = 12 if LONG else 4
SEEDS = [int(os.environ["FURROW_POWER_SEED"])] if "FURROW_POWER_SEED" in os.environ else range(25 if LONG else 2)
SETTINGS = {
    "auto.create.topics.enable": "false",
    "log.segment.delete.delay.ms": "100",
    "log.cleaner.backoff.ms": "50",
    "log.flush.interval.ms": "150",
}

pytestmark = [pytest.mark.furrow_only, pytest.mark.timeout(900 if LONG else 200)]

client = Confluent()


@pytest.fixture
def powered(servers):
    """Makes a server, not yet started, and its power supply."""

    def make(seed: int, deaf: str = "", settings: dict[str, str] | None = None) -> Power:
        return Power(servers.new({**SETTINGS, **(settings or {})}, free_port()), seed, deaf)

    return make


# ---- what the server holds ----


def records_in(data: bytes) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Offsets, keys and values of whole batches without compression or headers, each with the right CRC."""
    at = 0
    while at + 12 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        whole = data[at : at + 12 + length]
        if len(whole) < 12 + length:
            return
        [crc] = struct.unpack_from(">I", whole, 17)
        assert crc == crc32c(whole[21:]), f"the batch at {base} is torn"
        [count] = struct.unpack_from(">i", whole, 57)
        position = 61
        for _ in range(count):
            _, position = read_varint(whole, position)
            _, position = read_varint(whole, position + 1)  # behind the attributes: the timestamp
            delta, position = read_varint(whole, position)
            key, position = read_nullable(whole, position)
            value, position = read_nullable(whole, position)
            _, position = read_varint(whole, position)
            yield base + delta, key, value
        at += 12 + length


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return (value >> 1) ^ -(value & 1), at


def read_nullable(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = read_varint(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)


def read_all(
    connection: Connection, topic: str, partition: int = 0
) -> dict[int, tuple[bytes | None, bytes | None]]:
    """Key and value by offset, from the log's start."""
    found: dict[int, tuple[bytes | None, bytes | None]] = {}
    start = connection.start_offset(topic, partition)
    while True:
        fetched = connection.fetch({topic: {partition: start}}, max_wait=0).partitions[topic, partition]
        assert fetched.error == 0, f"{topic}-{partition} at {start}: error {fetched.error}"
        ends = [start]
        for offset, key, value in records_in(fetched.records):
            ends.append(offset + 1)
            if offset >= start:
                found[offset] = key, value
        if len(fetched.records) < 61 or start == fetched.high_watermark:
            assert start == fetched.high_watermark, f"{topic}-{partition} ends at {start}, not {fetched.high_watermark}"
            return found
        start = max(*ends, last_offset(fetched.records) + 1)


def last_offset(data: bytes) -> int:
    """Of the last whole batch, which may have lost its records to compaction."""
    at, last = 0, -1
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            break
        last = base + struct.unpack_from(">i", data, at + 23)[0]
        at += 12 + length
    return last


# ---- who writes ----


class Writer(threading.Thread):
    """Until the connection breaks."""

    def __init__(self, bootstrap: str, seed: str):
        super().__init__()
        self.bootstrap = bootstrap
        self.chance = random.Random(seed)
        self.problem: Exception | None = None
        self.start()

    def run(self):
        try:
            with Connection(self.bootstrap) as connection:
                while True:
                    self.write(connection)
        except OSError:
            pass
        except Exception as problem:
            self.problem = problem

    def write(self, connection: Connection) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.join(30)
        assert not self.is_alive()
        if self.problem is not None:
            raise self.problem


class Producer(Writer):
    """Numbers its batches; what it was told of them is in `acknowledged`, what it sent in `sent`, by partition."""

    numbers = itertools.count()

    def __init__(self, bootstrap: str, seed: str, topic: str, acks: int, largest: int, partitions: int = 1):
        self.topic, self.acks, self.largest, self.partitions = topic, acks, largest, partitions
        self.sent: list[set[bytes]] = [set() for _ in range(partitions)]
        self.acknowledged: list[dict[int, bytes]] = [{} for _ in range(partitions)]
        super().__init__(bootstrap, seed)

    def write(self, connection):
        partition = self.chance.randrange(self.partitions)
        values = [
            b"%d:%s" % (next(self.numbers), self.chance.randbytes(self.chance.randrange(self.largest // 2)).hex().encode())
            for _ in range(self.chance.randint(1, 4))
        ]
        self.sent[partition].update(values)
        connection.send(produce_request(self.topic, batch(*values), self.acks, partition))
        error, base = connection.produced()
        assert error == 0
        self.acknowledged[partition].update({base + number: value for number, value in enumerate(values)})


class Keyed(Writer):
    """Writes numbered values under few keys with acks=all, now and then a tombstone, to a compacted topic."""

    numbers = itertools.count()

    def __init__(self, bootstrap: str, seed: str, topic: str):
        self.topic = topic
        self.sent: dict[bytes, list[bytes | None]] = {}
        self.acknowledged: list[tuple[int, bytes, bytes | None]] = []
        super().__init__(bootstrap, seed)

    def write(self, connection):
        key = b"key-%d" % self.chance.randrange(20)
        value = b"%d:" % next(self.numbers) + b"x" * self.chance.randrange(60000)
        value = None if self.chance.random() < 0.1 else value
        self.sent.setdefault(key, []).append(value)
        connection.send(produce_request(self.topic, batch(value, key=key)))
        error, offset = connection.produced()
        assert error == 0
        self.acknowledged.append((offset, key, value))


class Deleter(Writer):
    """Moves the start of a topic, a little at a time."""

    def __init__(self, bootstrap: str, seed: str, topic: str):
        self.topic = topic
        self.asked = self.answered = 0
        super().__init__(bootstrap, seed)

    def write(self, connection):
        time.sleep(self.chance.uniform(0, 0.1))
        start, end = connection.start_offset(self.topic), connection.end_offset(self.topic)
        self.asked = start + (end - start) // 4
        assert connection.delete_records(self.topic, self.asked) == (0, self.asked)
        self.answered = self.asked


class Creator(Writer):
    """Makes and deletes topics. `known` are there, but that of `in_doubt` nobody was told."""

    numbers = itertools.count()

    def __init__(self, bootstrap: str, seed: str, known: set[str]):
        self.known = set(known)
        self.in_doubt = ""
        super().__init__(bootstrap, seed)

    def write(self, connection):
        if self.known and self.chance.random() < 0.4:
            self.in_doubt = self.chance.choice(sorted(self.known))
            connection.delete_topic(self.in_doubt)
            self.known.remove(self.in_doubt)
        else:
            self.in_doubt = f"made-{next(self.numbers)}"
            connection.create_topic(self.in_doubt, partitions=self.chance.randint(1, 3))
            self.known.add(self.in_doubt)
            connection.produce(self.in_doubt, b"first")


# ---- the checker ----


class Expected:
    """What must be in one topic: the records that were acknowledged as durable, and nothing but what was sent. Its start
    lies between what was answered of deletions and what was asked."""

    def __init__(self, topic: str, partitions: int = 1):
        self.topic = topic
        self.durable: list[dict[int, bytes]] = [{} for _ in range(partitions)]
        self.sent: list[set[bytes]] = [set() for _ in range(partitions)]
        self.answered = self.asked = 0

    def note(self, producer: Producer) -> None:
        for partition, sent in enumerate(producer.sent):
            self.sent[partition] |= sent
            if producer.acks == -1:
                self.durable[partition].update(producer.acknowledged[partition])

    def note_deletion(self, deleter: Deleter) -> None:
        self.answered, self.asked = max(self.answered, deleter.answered), max(self.asked, deleter.asked)

    def check(self, connection: Connection) -> None:
        for partition, durable in enumerate(self.durable):
            found = {offset: value for offset, (_, value) in read_all(connection, self.topic, partition).items()}
            name = f"{self.topic}-{partition}"
            start = connection.start_offset(self.topic, partition)
            assert self.answered <= start <= self.asked, f"{name}: starts at {start}"
            for offset, value in durable.items():
                assert offset < start or found.get(offset) == value, f"{name}: the record at {offset} is lost or another"
            assert set(found.values()) <= self.sent[partition], f"{name}: holds what nobody has sent"
            assert len(set(found.values())) == len(found), f"{name}: holds a record twice"
            assert sorted(found) == list(range(start, start + len(found))), f"{name}: has a hole"


class ExpectedKeys:
    """What must be in a compacted topic: of each key the last record that was acknowledged, or a later one; a tombstone
    may be gone; offsets never change."""

    def __init__(self, topic: str):
        self.topic = topic
        self.sent: dict[bytes, list[bytes | None]] = {}
        self.durable: dict[int, tuple[bytes, bytes | None]] = {}

    def note(self, writer: Keyed) -> None:
        for key, values in writer.sent.items():
            self.sent.setdefault(key, []).extend(values)
        self.durable.update({offset: (key, value) for offset, key, value in writer.acknowledged})

    def check(self, connection: Connection) -> int:
        found = read_all(connection, self.topic)
        for offset, record in found.items():
            assert self.durable.get(offset, record) == record, f"{self.topic}: another record stands at {offset}"
            assert record[1] in self.sent[record[0]], f"{self.topic}: holds what nobody has sent"
        latest = {key: offset for offset, (key, _) in sorted(found.items())}
        for key, offset in {key: offset for offset, (key, _) in sorted(self.durable.items())}.items():
            gone = self.durable[offset][1] is None and key not in latest
            assert gone or latest.get(key, -1) >= offset, f"{self.topic}: the last record of {key!r}, at {offset}, is lost"
        return len(self.durable) - len(found)


def restart(power: Power, chance: random.Random) -> None:
    """With the power gone once more now and then, in the middle of the recovery."""
    while chance.random() < 0.3:
        power.cut_in(chance.randrange(60))
        try:
            power.server.start()
        except RuntimeError:
            power.cut()
            continue
        power.cut_in(None)
        power.cut()
    power.cut_in(None)
    power.server.start()


@pytest.mark.parametrize("seed", SEEDS)
def test_acknowledged_records_survive_power_cuts(powered, seed):
    chance = random.Random(seed)
    power = powered(seed)
    server = power.server.start()
    with Connection(server.bootstrap) as connection:
        connection.create_topic("all", 3, segment_bytes=str(1 << 20))
        connection.create_topic("one", 1, segment_bytes=str(1 << 20))
        connection.create_topic("counted", 1)
        connection.create_topic("trimmed", 1, segment_bytes=str(1 << 20))
        connection.create_topic(
            "keyed", 1, segment_bytes=str(1 << 20), cleanup_policy="compact", min_cleanable_dirty_ratio="0.01",
            delete_retention_ms="300",
        )  # fmt: skip
    every, one, trimmed, keyed = Expected("all", 3), Expected("one"), Expected("trimmed"), ExpectedKeys("keyed")
    expected = {topic.topic: topic for topic in (every, one, trimmed)}
    made: set[str] = set()
    compacted = 0
    with client.count(server.bootstrap, "counted", codec="lz4") as pairs:
        for cut in range(ROUNDS):
            producers = [
                Producer(server.bootstrap, f"{seed} {cut} {number}", "all", -1, chance.choice((10, 3000, 60000)), 3)
                for number in range(3)
            ]
            producers.append(Producer(server.bootstrap, f"{seed} {cut}", "one", 1, 20000))
            producers.append(Producer(server.bootstrap, f"{seed} {cut}", "trimmed", -1, 20000))
            deleter = Deleter(server.bootstrap, f"{seed} {cut}", "trimmed")
            writer = Keyed(server.bootstrap, f"{seed} {cut}", "keyed")
            creator = Creator(server.bootstrap, f"{seed} {cut}", made)
            time.sleep(chance.uniform(0.05, 1))
            power.cut()
            for thread in (*producers, deleter, writer, creator):
                thread.end()
            for producer in producers:
                expected[producer.topic].note(producer)
            trimmed.note_deletion(deleter)
            keyed.note(writer)
            restart(power, chance)
            with Connection(server.bootstrap) as connection:
                for topic in expected.values():
                    topic.check(connection)
                compacted = keyed.check(connection)
                found = {name for name in client.topics(server.bootstrap) if name.startswith("made-")}
                assert found - {creator.in_doubt} == creator.known - {creator.in_doubt}
                for topic in creator.known - {creator.in_doubt}:
                    assert read_all(connection, topic) == {0: (None, b"first")}
                for topic in found & {creator.in_doubt}:  # to begin the next round without doubt
                    connection.delete_topic(topic)
                made = creator.known - {creator.in_doubt}
        time.sleep(0.5)
    acknowledged = pairs.result()
    counted = client.consume(server.bootstrap, "counted", len(acknowledged))
    assert [record.value for record in counted] == [b"%d" % number for number in range(len(counted))]
    assert sorted(acknowledged) == [[int(record.value), record.offset] for record in counted]
    assert every.durable[0] and trimmed.answered > 0 and len(acknowledged) > 50
    assert not LONG or compacted > 0
    records = [len(read_all(Connection(server.bootstrap), "all", partition)) for partition in range(3)]
    server.stop()
    for partition in range(3):
        check_files(server.partition_folder("all", partition), records[partition])


@pytest.mark.parametrize("deaf", ["files", "folders"])
def test_a_disk_that_lies_is_found_out(powered, deaf):
    """So the checker can fail: syncs that do nothing lose what was acknowledged."""
    for seed in range(8):
        power = powered(seed, deaf)
        server = power.server.start()
        with Connection(server.bootstrap) as connection:
            connection.create_topic("all", 1, segment_bytes=str(1 << 20))
        expected = Expected("all")
        producer = Producer(server.bootstrap, f"{seed}", "all", -1, 60000)
        time.sleep(0.5)
        power.cut()
        producer.end()
        expected.note(producer)
        assert expected.durable[0]
        try:
            server.start()
            with Connection(server.bootstrap) as connection:
                expected.check(connection)
        except (AssertionError, RuntimeError):
            return
        finally:
            server.kill()
    pytest.fail("acknowledged records survive without any sync")


def test_the_layer_knows_the_whole_data_folder(powered):
    """What its journal says was written is what stands in the folder after a clean stop, byte by byte; and a cut then
    changes nothing, so that the next start is a clean one."""
    power = powered(1)
    server = power.server.start()
    with Connection(server.bootstrap) as connection:
        connection.create_topic("kept", 2, segment_bytes=str(1 << 20))
        connection.create_topic("deleted")
    producer = Producer(server.bootstrap, "", "kept", 1, 60000, 2)
    with Connection(server.bootstrap) as connection:
        connection.produce("deleted", b"x")
        connection.delete_topic("deleted")
    time.sleep(1)
    server.stop()
    producer.end()
    before = {path.relative_to(server.data): path.read_bytes() for path in server.data.rglob("*") if path.is_file()}
    assert power.seen_files() == before
    power.cut()
    after = {path.relative_to(server.data): path.read_bytes() for path in server.data.rglob("*") if path.is_file()}
    assert after == before and sum(map(len, before.values())) > 1 << 20
    server.start()
    assert re.findall(r"last_stop=(\w+)", server.tail(2000)) == ["fresh", "clean"]
