"""Disks that are full or fail: what clients are told, what goes on, and what comes back by itself."""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from clients import ClientError, Record
from clients.confluent import Confluent
from clients.driver import Java
from faults import Faults
from installed import java
from servers import Server, free_port
from test_storage import check_files
from wire import METADATA, Connection, Reader, array, request, string

pytestmark = [pytest.mark.furrow_only, pytest.mark.timeout(90)]

STORAGE_ERROR = 56
CORRUPT_MESSAGE = 2
LEADER_NOT_AVAILABLE = 5
MIB = 1 << 20
SETTINGS = {"log.segment.bytes": str(MIB), "log.flush.interval.ms": "200"}

client = Confluent()


def wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.02)


def said(server: Server, words: str) -> int:
    return server.log.read_text().count(words)


@contextmanager
def steady_producer(server: Server, topic: str):
    """Sends numbers until the block ends, and repeats what is refused. Gives what was acknowledged, in order."""
    acknowledged: list[int] = []
    problems: list[str] = []
    ended = threading.Event()
    producer = Producer(
        {
            "bootstrap.servers": server.bootstrap,
            "enable.idempotence": True,
            "message.timeout.ms": 60_000,
            "linger.ms": 5,
            "retry.backoff.ms": 50,
            "topic.metadata.refresh.interval.ms": 500,
        }
    )

    def delivered(number):
        def call(error, _):
            if error:
                problems.append(error.name())
            else:
                acknowledged.append(number)

        return call

    def run():
        number = 0
        while not ended.is_set():
            producer.produce(topic, b"%d" % number, partition=0, on_delivery=delivered(number))
            producer.poll(0.002)
            number += 1
        producer.flush(30)
        if len(acknowledged) + len(problems) != number:
            problems.append(f"{number - len(acknowledged)} without an answer")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        thread.join()
    assert problems == []


def partitions_of(connection: Connection, topic: str) -> dict[int, tuple[int, int, list[int]]]:
    """Of each partition the error, the leader and the replicas that are offline."""
    connection.send(request(METADATA, 5, array(string(topic)) + b"\0"))
    reader = connection.response()
    reader.number("i")
    reader.array(lambda r: (r.number("i"), r.string(), r.number("i"), r.string()))
    reader.string()
    reader.number("i")

    def partition(r: Reader):
        error, index, leader = r.number("h"), r.number("i"), r.number("i")
        _, _, offline = (r.array(lambda n: n.number("i")) for _ in range(3))
        return index, (error, leader, offline)

    [(_, _, _, partitions)] = reader.array(
        lambda r: (r.number("h"), r.string(), r.number("b"), r.array(partition))
    )
    return dict(partitions)


def log_dirs(server: Server) -> dict[str, tuple[str | None, set[str]]]:
    """What Kafka's own tool shows: of each log dir its error and its partitions."""
    done = subprocess.run(
        java("org.apache.kafka.tools.LogDirsCommand", "--bootstrap-server", server.bootstrap, "--describe"),
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    [broker] = json.loads(done.stdout.splitlines()[-1])["brokers"]
    return {
        found["logDir"]: (found["error"], {partition["partition"] for partition in found["partitions"]})
        for found in broker["logDirs"]
    }


# ---- full ----


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB. Only root can have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield folder
    # The server's end comes behind this one's; what it holds open goes then.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_bytes(folder: Path) -> int:
    done = subprocess.run(["stat", "-f", "-c", "%a %S", str(folder)], capture_output=True, text=True, check=True)
    blocks, size = map(int, done.stdout.split())
    return blocks * size


def fill(connection: Connection, topic: str) -> int:
    """Until the server refuses; how many records it took."""
    count = 0
    while True:
        start = time.monotonic()
        error, offset = connection.produce(topic, b"x" * 100_000, acks=1)
        if error:
            assert (error, offset) == (STORAGE_ERROR, -1)
            assert time.monotonic() - start < 1, "it was not refused at once"
            return count
        assert offset == count
        count += 1


@pytest.mark.parametrize("reserve", [6 * MIB, 0])
def test_a_disk_that_is_full_is_read_from_and_recovers_by_itself(servers, topic, small_disk, reserve):
    settings = {"furrow.disk.reserve.bytes": str(reserve), "furrow.retention.total.bytes": "-1"}
    server = servers.new({**SETTINGS, **settings}, free_port())
    server.data = small_disk / "data"
    other = small_disk / "of-another-program"
    other.write_bytes(bytes(4 * MIB))
    server.start()
    with Connection(server.bootstrap) as connection:
        for name in ("steady", "ballast"):
            connection.create_topic(name)
        with steady_producer(server, "steady") as acknowledged:
            wait_for(lambda: len(acknowledged) > 100)
            ballast = fill(connection, "ballast")
            assert free_bytes(small_disk) < reserve + 2 * MIB
            wait_for(lambda: said(server, "the disk is full") > 0)
            before = len(acknowledged)
            time.sleep(1.2)
            assert free_bytes(small_disk) >= reserve - MIB
            # Everything can be read, and the partitions have their leader.
            assert partitions_of(connection, "ballast") == {0: (0, 1, [])}
            found = client.consume(server.bootstrap, "ballast", ballast)
            assert [record.offset for record in found] == list(range(ballast))
            assert [int(r.value) for r in client.consume(server.bootstrap, "steady", before)][:before] == list(
                range(before)
            )
            # What makes space goes through.
            if reserve == 0:
                other.unlink()
            else:
                client.delete_topic(server.bootstrap, "ballast")
            wait_for(lambda: connection.produce("steady-other", b"x")[0] in (0, 3))
            count = len(acknowledged)
            wait_for(lambda: len(acknowledged) > count + 100)
        assert acknowledged == list(range(len(acknowledged)))
    assert said(server, "the disk is full") <= 3
    found = client.consume(server.bootstrap, "steady", len(acknowledged))
    assert [int(record.value) for record in found] == acknowledged
    server.stop()
    check_files(server.data / "steady-0", len(acknowledged))


def test_a_small_disk_never_fills(servers, small_disk):
    """As furrowd comes: old records go before new ones are refused."""
    server = servers.new({"log.segment.bytes": str(MIB)}, free_port())
    server.data = small_disk / "data"
    server.start()
    with Connection(server.bootstrap) as connection:
        connection.create_topic("orders")
        with steady_producer(server, "orders") as acknowledged:
            for _ in range(1000):  # 100 MB
                deadline = time.monotonic() + 15
                while connection.produce("orders", b"x" * 100_000, acks=1)[0] != 0:
                    assert time.monotonic() < deadline, "no space was made"
                    time.sleep(0.05)
                assert free_bytes(small_disk) > 0
        assert acknowledged == list(range(len(acknowledged)))
    newest = client.end_offset(server.bootstrap, "orders") - 1
    assert client.consume(server.bootstrap, "orders", 1, start=newest)
    assert said(server, "No space left") == 0


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EIO"])
def test_writes_that_fail_are_refused_and_taken_again_by_themselves(servers, topic, error):
    server = servers.new(SETTINGS, free_port())
    faults = Faults(server)
    server.start()
    other = topic + "-other"
    client.create_topic(server.bootstrap, topic)
    client.create_topic(server.bootstrap, other)
    with Connection(server.bootstrap) as connection, steady_producer(server, topic) as acknowledged:
        wait_for(lambda: len(acknowledged) > 100)
        faults.set(f"write {error} {topic}-0/", f"open {error} {topic}-0/")
        wait_for(lambda: connection.produce(topic, b"-1")[0] == STORAGE_ERROR)
        if error == "EIO":
            assert connection.produce(other, b"x")[0] == 0
        before = len(acknowledged)
        assert partitions_of(connection, topic) == {0: (0, 1, [])}
        assert len(client.consume(server.bootstrap, topic, before)) >= before
        time.sleep(0.5)
        faults.clear()
        wait_for(lambda: len(acknowledged) > before + 100)
        assert connection.produce(other, b"x")[0] == 0
    found = [int(record.value) for record in client.consume(server.bootstrap, topic, len(acknowledged))]
    assert [value for value in found if value >= 0] == acknowledged == list(range(len(acknowledged)))
    server.stop()
    check_files(server.partition_folder(topic), len(found))


def test_no_topic_is_made_on_a_full_disk_and_one_can_be_deleted(servers, topic):
    server = servers.new({**SETTINGS, "furrow.disk.reserve.bytes": "1000000"}, free_port())
    faults = Faults(server)
    server.start()
    client.create_topic(server.bootstrap, topic)
    faults.set("space 999999 -")
    with Connection(server.bootstrap) as connection:
        wait_for(lambda: connection.produce(topic, b"x")[0] == STORAGE_ERROR)
        with pytest.raises(Exception, match="KAFKA_STORAGE_ERROR"):
            client.create_topic(server.bootstrap, topic + "-new")
        client.delete_topic(server.bootstrap, topic)
        assert topic not in client.topics(server.bootstrap)
        faults.set("space 2000000 -")
        wait_for(lambda: topic + "-new" in client.topics(server.bootstrap) or make(server, topic + "-new"))
        assert connection.produce(topic + "-new", b"x") == (0, 0)


def make(server: Server, topic: str) -> bool:
    try:
        client.create_topic(server.bootstrap, topic)
    except Exception as error:  # noqa: BLE001
        assert "KAFKA_STORAGE_ERROR" in str(error)
    return False


# ---- failing ----


def test_a_partition_whose_sync_fails_is_offline_alone(servers, topic):
    server = servers.new(SETTINGS, free_port())
    faults = Faults(server)
    server.start()
    client.create_topic(server.bootstrap, topic, 2)
    with Connection(server.bootstrap) as connection:
        assert connection.produce(topic, b"before") == (0, 0)
        faults.set(f"sync EIO {topic}-0/")
        assert connection.produce(topic, b"lost") == (STORAGE_ERROR, -1)
        faults.clear()
        # It stays so, for what the disk holds is unknown until it was read again.
        assert connection.produce(topic, b"lost") == (STORAGE_ERROR, -1)
        assert partitions_of(connection, topic) == {0: (LEADER_NOT_AVAILABLE, -1, [1]), 1: (0, 1, [])}
    assert said(server, f"topic={topic} partition=0") > 0
    folder = str(server.data)
    assert log_dirs(server) == {
        folder: (None, {f"{topic}-1"}),
        f"{folder}/{topic}-0": ("org.apache.kafka.common.errors.KafkaStorageException", {f"{topic}-0"}),
    }
    assert kcat_takes(server, topic, 1)
    server.kill()
    server.start()
    with Connection(server.bootstrap) as connection:
        assert partitions_of(connection, topic) == {0: (0, 1, []), 1: (0, 1, [])}
        error, offset = connection.produce(topic, b"after")
        assert error == 0 and offset in (1, 2)
    assert client.consume(server.bootstrap, topic, 1)[0].value == b"before"


def kcat_takes(server: Server, topic: str, partition: int) -> bool:
    done = subprocess.run(
        ["kcat", "-b", server.bootstrap, "-P", "-t", topic, "-p", str(partition), "-X", "message.timeout.ms=5000"],
        input=b"a record\n",
        capture_output=True,
        timeout=20,
    )
    return done.returncode == 0


@pytest.mark.parametrize("is_clean", [True, False], ids=["clean", "killed"])
def test_a_partition_that_cannot_be_opened_is_offline_alone_until_the_next_start(servers, topic, is_clean):
    server = servers.new(SETTINGS, free_port())
    faults = Faults(server)
    server.start()
    client.create_topic(server.bootstrap, topic, 2)
    with Connection(server.bootstrap) as connection:
        for number in range(5):
            assert connection.produce(topic, b"%d" % number, acks=1) == (0, number)
    server.kill()
    log = server.partition_folder(topic) / "00000000000000000000.log"
    log.write_bytes(log.read_bytes()[:-2] + b"xx")
    faults.set(f"open EIO {topic}-0/")
    server.start()
    with Connection(server.bootstrap) as connection:
        assert partitions_of(connection, topic) == {0: (LEADER_NOT_AVAILABLE, -1, [1]), 1: (0, 1, [])}
        assert connection.produce(topic, b"x")[0] == STORAGE_ERROR
        assert connection.fetch({topic: {0: 0}}).partitions[topic, 0].error == STORAGE_ERROR
    assert kcat_takes(server, topic, 1)
    faults.clear()
    if is_clean:
        server.stop()
    else:
        server.kill()
    server.start()
    # What it had not recovered then, it recovers now.
    assert said(server, f"partition={topic}-0 offset=4 cut_bytes=") == 1
    assert [r.value for r in client.consume(server.bootstrap, topic, 4)] == [b"%d" % number for number in range(4)]
    with Connection(server.bootstrap) as connection:
        assert connection.produce(topic, b"4") == (0, 4)


# ---- bit rot ----


def damage(log: Path, value: bytes) -> None:
    """In place: the server has the file open."""
    position = log.read_bytes().index(value)
    with log.open("r+b") as file:
        file.seek(position)
        file.write(value.swapcase())


def values_from(server: Server, topic: str, offset: int, count: int) -> list[bytes]:
    return [record.value for record in client.consume(server.bootstrap, topic, count, start=offset)]


def test_bit_rot_is_found_by_the_scrub_and_not_served_from_then_on(servers, topic):
    server = servers.start({**SETTINGS, "furrow.scrub.interval.hours": "0.0003"}, free_port())
    client.create_topic(server.bootstrap, topic)
    with Connection(server.bootstrap) as connection:
        for number in range(30):
            assert connection.produce(topic, b"value %d" % number * 10_000)[0] == 0
        wait_for(lambda: said(server, "damaged=0 looked through") > 0)
        assert len(values_from(server, topic, 0, 30)) == 30
        log = sorted(server.partition_folder(topic).glob("*.log"))[0]
        damage(log, b"value 7" * 10_000)
        wait_for(lambda: said(server, f"ERROR scrub partition={topic}-0 segment=0 offset=7") > 0)
        # The batches before it, its own, those behind it.
        assert connection.fetch({topic: {0: 6}}).partitions[topic, 0].error == 0
        assert connection.fetch({topic: {0: 7}}).partitions[topic, 0].error == CORRUPT_MESSAGE
        assert values_from(server, topic, 8, 22) == [b"value %d" % number * 10_000 for number in range(8, 30)]
        assert partitions_of(connection, topic) == {0: (0, 1, [])}
        assert connection.produce(topic, b"after") == (0, 30)
    assert said(server, f"ERROR read partition={topic}-0 offset=7") > 0
    server.stop()
    server.start()
    assert values_from(server, topic, 30, 1) == [b"after"]


def test_a_consumer_is_told_of_damage_and_may_go_on_behind_it(servers, topic):
    server = servers.start(SETTINGS, free_port())
    client.create_topic(server.bootstrap, topic)
    for number in range(5):
        client.produce(server.bootstrap, [Record(b"value %d" % number * 100)], topic)
    server.stop()
    damage(server.partition_folder(topic) / "00000000000000000000.log", b"value 2" * 100)
    server.start()
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "assigned", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen: list[int | str] = []
    deadline = time.monotonic() + 20
    while len(seen) < 6 and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if not message.error():
            seen.append(message.offset())
        elif 3 not in seen:
            seen.append(message.error().name())
            consumer.seek(TopicPartition(topic, 0, 3))
    consumer.close()
    assert [at for at in seen if isinstance(at, int)] == [0, 1, 3, 4], seen
    assert "INVALID_MSG" in seen or "_BAD_MSG" in seen, seen
    java_client = Java()
    try:
        assert [r.offset for r in java_client.consume(server.bootstrap, topic, 2, start=3)] == [3, 4]
        with pytest.raises(ClientError):
            java_client.consume(server.bootstrap, topic, 3, start=1)
    finally:
        java_client.close()


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as opened, suppress(OSError):
        while True:
            opened.write(bytes(4096))


def write_fifty(server: Server) -> None:
    with Connection(server.bootstrap) as connection:
        connection.create_topic("orders", 2)
        for number in range(50):
            assert connection.produce("orders", b"%d" % number) == (0, number)


FIFTY = [b"%d" % number for number in range(50)]


def test_it_serves_on_a_disk_that_another_program_has_filled(servers, small_disk):
    server = servers.new(SETTINGS, free_port())
    server.data = small_disk / "data"
    other = small_disk / "of-another-program"
    server.start()
    write_fifty(server)
    server.stop()
    fill_up(other)
    server.start()
    with Connection(server.bootstrap) as connection:
        for _ in range(3):
            assert connection.produce("orders", b"50")[0] == STORAGE_ERROR
            time.sleep(0.5)  # and nothing is given up for it
        assert values_from(server, "orders", 0, 50) == FIFTY
        other.unlink()
        wait_for(lambda: connection.produce("orders", b"50") == (0, 50))


def test_a_start_that_must_recover_waits_for_a_disk_with_space(servers, small_disk):
    server = servers.new(SETTINGS, free_port())
    server.data = small_disk / "data"
    other = small_disk / "of-another-program"
    server.start()
    write_fifty(server)
    server.kill()
    fill_up(other)
    with pytest.raises(RuntimeError, match="No space left"):
        server.start()
    server.down_on_purpose = True
    other.unlink()
    server.start()
    assert values_from(server, "orders", 0, 50) == FIFTY
