"""Partition folders that change hands: Furrow serves what Apache Kafka wrote, and Apache Kafka what Furrow wrote."""

import random
import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from clients import At, Record
from clients.confluent import Confluent, to_record
from servers import ApacheKafka, Server, free_port
from test_storage import check_files

pytestmark = [pytest.mark.furrow_only, pytest.mark.timeout(120)]

T0 = 1_700_000_000_000
KAFKA_SETTINGS = {
    "auto.create.topics.enable": "false",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "100",
}
SMALL = {"segment.bytes": str(1 << 20)}
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(1 << 20),
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "86400000",
}

client = Confluent()


@pytest.fixture
def kafka(tmp_path):
    server = ApacheKafka(tmp_path / "kafka", KAFKA_SETTINGS, free_port())
    yield server
    server.kill()


def read_all(server: Server, topic: str, isolation: str = "read_uncommitted") -> list[Record]:
    """Every record that the server has, from the beginning to the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": "assigned",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
        }
    )
    found: list[Record] = []
    consumer.assign([TopicPartition(topic, 0, -2)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            assert message.error().name() == "_PARTITION_EOF", message.error()
            consumer.close()
            return found
        found.append(to_record(message))
    raise AssertionError(f"no end after {len(found)} records")


def write_all_kinds(server: Server, topic: str, rounds: int = 10, keys: int = 50) -> None:
    """About 5 MB: every codec, with and without idempotence, headers, keys without a value."""
    for number in range(rounds):
        chance = random.Random(number)
        records = [
            Record(
                None if chance.random() < 0.1 else chance.randbytes(chance.randrange(2, 2500)).hex().encode(),
                b"key %d" % chance.randrange(keys),
                (("round", b"%d" % number), ("empty", b"")),
                T0 + number * 1000 + at,
            )
            for at in range(200)
        ]
        codec = client.codecs[number % len(client.codecs)]
        client.produce(server.bootstrap, records, topic, codec, idempotent=number % 3 == 0)


def write_transactions(server: Server, topic: str) -> None:
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": "folders"})
    producer.init_transactions(20)
    for number in range(4):
        producer.begin_transaction()
        for at in range(10):
            producer.produce(topic, b"in transaction %d" % number, b"t%d" % at)
        producer.flush(20)
        if number % 2 == 0:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)


def copy_partition(source: Path, target: Path, leave_out: tuple[str, ...] = ("partition.metadata",)) -> None:
    """As a person would: what is there is replaced, the topic's own identity stays."""
    target.mkdir(exist_ok=True)
    for file in target.iterdir():
        if file.name not in leave_out:
            file.unlink()
    for file in source.iterdir():
        if file.name not in leave_out:
            shutil.copy2(file, target / file.name)


def offsets_by_time(server: Server, topic: str) -> list[int | None]:
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "assigned"})
    times = [0, T0, T0 + 1, T0 + 1500, T0 + 4199, T0 + 5000, T0 + 9100, T0 + 9999]
    found = [consumer.offsets_for_times([TopicPartition(topic, 0, time)], 15)[0].offset for time in times]
    consumer.close()
    return found


# ---- Furrow serves what Kafka wrote ----


@pytest.mark.parametrize("is_clean", [True, False], ids=["stopped", "killed"])
def test_furrow_serves_a_folder_that_kafka_wrote(servers, kafka, topic, is_clean):
    kafka.start()
    client.create_topic(kafka.bootstrap, topic, config=SMALL)
    write_all_kinds(kafka, topic)
    write_transactions(kafka, topic)
    write_all_kinds(kafka, topic, 1)
    written = read_all(kafka, topic)
    committed = read_all(kafka, topic, "read_committed")
    assert len(committed) == len(written) - 20
    times = offsets_by_time(kafka, topic)
    end = client.end_offset(kafka.bootstrap, topic)
    kafka.stop() if is_clean else kafka.kill()
    source = kafka.partition_folder(topic)
    assert len(list(source.glob("*.log"))) > 3 and list(source.glob("*.txnindex"))

    server = servers.start(port=free_port())
    copy_partition(source, server.partition_folder(topic), ())
    client.create_topic(server.bootstrap, topic, config=SMALL)
    assert read_all(server, topic) == written
    assert read_all(server, topic, "read_committed") == committed
    assert offsets_by_time(server, topic) == times
    assert client.end_offset(server.bootstrap, topic) == end
    # It goes on, and is there again after a restart.
    client.produce(server.bootstrap, [Record(b"after", b"k", (), T0)], topic)
    for ending in (server.stop, server.kill):
        ending()
        server.start()
        assert read_all(server, topic, "read_committed")[:-1] == committed
        found = read_all(server, topic)
        assert found[:-1] == written and (found[-1].offset, found[-1].value) == (end, b"after")
    server.stop()
    check_files(server.partition_folder(topic), len(written) + 1 + 4)  # and the transactions' four ends


def test_furrow_serves_a_folder_that_kafka_compacted(servers, kafka, topic):
    kafka.start()
    client.create_topic(kafka.bootstrap, topic, config=COMPACTED)
    write_all_kinds(kafka, topic)
    wait_until_compacted(kafka, topic)
    written = read_all(kafka, topic)
    offsets = [record.offset for record in written]
    end = client.end_offset(kafka.bootstrap, topic)
    assert len(written) < end / 2
    kafka.stop()

    server = servers.start(port=free_port())
    copy_partition(kafka.partition_folder(topic), server.partition_folder(topic), ())
    client.create_topic(server.bootstrap, topic, config=COMPACTED)
    assert read_all(server, topic) == written
    assert client.end_offset(server.bootstrap, topic) == end
    for offset in range(0, end, 37):  # also where nothing is any more
        [expected] = [at for at in offsets if at >= offset][:1] or [None]
        if expected is not None:
            assert client.consume(server.bootstrap, topic, 1, start=offset)[0].offset == expected
    server.kill()
    server.start()
    assert read_all(server, topic) == written


def wait_until_compacted(server: Server, topic: str) -> None:
    """Until two looks a second apart find the same, less than was written."""
    sizes = [-1]
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        sizes.append(sum(file.stat().st_size for file in server.partition_folder(topic).glob("*.log")))
        if sizes[-1] == sizes[-2] and len(read_all(server, topic)) < client.end_offset(server.bootstrap, topic) / 2:
            return
        time.sleep(1)
    raise AssertionError(f"nothing was compacted: {sizes}")


def test_furrow_serves_a_folder_that_begins_late(servers, kafka, topic):
    """Kafka's retention has taken the first segments."""
    kafka.start()
    client.create_topic(kafka.bootstrap, topic, config=SMALL)
    write_all_kinds(kafka, topic)
    written = read_all(kafka, topic)
    kafka.stop()
    server = servers.start(port=free_port())
    folder = server.partition_folder(topic)
    copy_partition(kafka.partition_folder(topic), folder, ())
    first, second = sorted(folder.glob("*.log"))[:2]
    for file in folder.glob(f"{first.stem}.*"):
        file.unlink()
    start = int(second.stem)
    assert start > 0
    client.create_topic(server.bootstrap, topic, config=SMALL)
    assert read_all(server, topic) == [record for record in written if record.offset >= start]
    server.kill()
    server.start()
    assert read_all(server, topic) == [record for record in written if record.offset >= start]


def test_indexes_that_were_not_copied_are_made_again(servers, kafka, topic):
    kafka.start()
    client.create_topic(kafka.bootstrap, topic, config=SMALL)
    write_all_kinds(kafka, topic, 2)
    write_transactions(kafka, topic)
    write_all_kinds(kafka, topic)
    written, times = read_all(kafka, topic), offsets_by_time(kafka, topic)
    committed = read_all(kafka, topic, "read_committed")
    kafka.stop()
    server = servers.start(port=free_port())
    folder = server.partition_folder(topic)
    copy_partition(kafka.partition_folder(topic), folder, ())
    for file in folder.iterdir():
        if file.suffix != ".log":
            file.unlink()
    client.create_topic(server.bootstrap, topic, config=SMALL)
    assert read_all(server, topic) == written
    assert read_all(server, topic, "read_committed") == committed
    assert offsets_by_time(server, topic) == times
    server.stop()
    check_files(folder, len(written) + 4)


# ---- Kafka serves what Furrow wrote ----


@pytest.mark.parametrize("recovers", [False, True], ids=["trusted", "recovered"])
@pytest.mark.parametrize("is_clean", [True, False], ids=["stopped", "killed"])
def test_kafka_serves_a_folder_that_furrow_wrote(servers, kafka, topic, is_clean, recovers):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic, config=SMALL)
    write_all_kinds(server, topic)
    server.kill()  # the leader epoch rises
    server.start()
    write_transactions(server, topic)
    write_all_kinds(server, topic, 2)
    written, times = read_all(server, topic), offsets_by_time(server, topic)
    committed = read_all(server, topic, "read_committed")
    assert len(committed) == len(written) - 20
    end = client.end_offset(server.bootstrap, topic)
    server.stop() if is_clean else server.kill()

    kafka.start()
    client.create_topic(kafka.bootstrap, topic, config=SMALL)
    kafka.stop()
    copy_partition(server.partition_folder(topic), kafka.partition_folder(topic))
    if recovers:
        (kafka.data / ".kafka_cleanshutdown").unlink()
    kafka.start()
    assert read_all(kafka, topic) == written
    assert read_all(kafka, topic, "read_committed") == committed
    assert offsets_by_time(kafka, topic) == times
    assert client.end_offset(kafka.bootstrap, topic) == end
    client.produce(kafka.bootstrap, [Record(b"after", b"k", (), T0)], topic)
    assert read_all(kafka, topic)[:-1] == written
    assert client.consume(kafka.bootstrap, topic, 1, start=At(T0 + 1))[0].offset == times[2]
    kafka.stop()
    # And back again.
    third = servers.start(port=free_port())
    copy_partition(kafka.partition_folder(topic), third.partition_folder(topic), ())
    client.create_topic(third.bootstrap, topic, config=SMALL)
    assert [record.offset for record in read_all(third, topic)[:-1]] == [record.offset for record in written]
    assert read_all(third, topic, "read_committed")[:-1] == committed
