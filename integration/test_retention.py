"""What is deleted, when, and what is left: by time, by size, by count, by the size of all, and on request.

Where Apache Kafka has the thing, the same tests run against it (integration/run --server kafka)."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition as PlainPartition

from clients import Record
from clients.confluent import Confluent
from installed import java
from servers import Server, free_port
from test_storage import check_files

client = Confluent()

SEGMENT = 1 << 20
# The kernel of a test machine may not say that its clock is right; Kafka has no such key.
OFTEN = {"log.retention.check.interval.ms": "300"}


def settings(server_kind: str, **more: str) -> dict[str, str]:
    own = {"furrow.clock.trusted": "true"} if server_kind == "furrowd" else {"log.initial.task.delay.ms": "300"}
    return {**OFTEN, **own, **{key.replace("_", "."): value for key, value in more.items()}}


@pytest.fixture(scope="module")
def server(request, module_servers) -> Server:
    return module_servers.start(settings(request.config.getoption("server")))


def admin_of(server: Server) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.bootstrap})


def offset_at(server: Server, topic: str, partition: int, which: OffsetSpec) -> int:
    place = TopicPartition(topic, partition)
    admin = admin_of(server)  # it has to live until the answer has come
    return admin.list_offsets({place: which})[place].result(15).offset


def earliest(server: Server, topic: str, partition: int = 0) -> int:
    return offset_at(server, topic, partition, OffsetSpec.earliest())


def latest(server: Server, topic: str, partition: int = 0) -> int:
    return offset_at(server, topic, partition, OffsetSpec.latest())


def eventually(condition, seconds: float = 15.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(0.05)
    return found


def megabytes(server: Server, topic: str, count: int, age_ms: int = 0, partition: int = 0, start: int = 0) -> None:
    """So many segments of 1 MiB and a little, 64 records each."""
    stamp = int(time.time() * 1000) - age_ms
    records = [
        Record(b"%06d" % number + bytes(16 << 10), timestamp=stamp, partition=partition)
        for number in range(start, start + 64 * count)
    ]
    client.produce(server.bootstrap, records, topic)


def segments(server: Server, topic: str, partition: int = 0) -> list[int]:
    return sorted(int(file.stem) for file in server.partition_folder(topic, partition).glob("*.log"))


def logs_size(server: Server, topic: str, partition: int = 0) -> int:
    total = 0
    for file in server.partition_folder(topic, partition).glob("*.log*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            pass  # gone meanwhile
    return total


def delete_before(server: Server, topic: str, offset: int, partition: int = 0) -> int:
    place = TopicPartition(topic, partition, offset)
    admin = admin_of(server)
    return admin.delete_records([place])[place].result(15).low_watermark


def refusal(call) -> str:
    try:
        call()
    except KafkaException as error:
        return error.args[0].name()
    return "nothing"


# ---- DeleteRecords


def test_records_are_deleted_up_to_an_offset(server, topic):
    client.create_topic(server.bootstrap, topic, 2, {"segment.bytes": str(SEGMENT)})
    client.produce(server.bootstrap, [Record(b"%d" % number, partition=0) for number in range(100)], topic)
    assert delete_before(server, topic, 30) == 30
    assert (earliest(server, topic), latest(server, topic)) == (30, 100)
    assert [record.value for record in client.consume(server.bootstrap, topic, 70)] == [
        b"%d" % number for number in range(30, 100)
    ]
    assert delete_before(server, topic, 10) == 30  # what is gone stays gone
    assert delete_before(server, topic, -1) == 100  # the high watermark
    assert (earliest(server, topic), latest(server, topic)) == (100, 100)
    assert delete_before(server, topic, 0, 1) == 0
    client.produce(server.bootstrap, [Record(b"after", partition=0)], topic)
    assert [(record.offset, record.value) for record in client.consume(server.bootstrap, topic, 1)] == [(100, b"after")]


def test_what_cannot_be_deleted_is_refused(server, topic):
    client.create_topic(server.bootstrap, topic)
    client.create_topic(server.bootstrap, topic + "-compact", config={"cleanup.policy": "compact"})
    client.create_topic(server.bootstrap, topic + "-both", config={"cleanup.policy": "compact,delete"})
    client.produce(server.bootstrap, [Record(b"value", b"key")] * 3, topic)
    client.produce(server.bootstrap, [Record(b"value", b"key")] * 3, topic + "-compact")
    client.produce(server.bootstrap, [Record(b"value", b"key")] * 3, topic + "-both")
    assert refusal(lambda: delete_before(server, topic, 4)) == "OFFSET_OUT_OF_RANGE"
    assert refusal(lambda: delete_before(server, topic + "-compact", 1)) == "POLICY_VIOLATION"
    assert refusal(lambda: delete_before(server, topic, 1, 1)) in ("UNKNOWN_TOPIC_OR_PART", "_NOENT")
    assert delete_before(server, topic + "-both", 2) == 2
    assert earliest(server, topic) == 0


def test_every_client_can_delete(server, topic, tmp_path):
    client.create_topic(server.bootstrap, topic, 2)
    client.produce(server.bootstrap, [Record(b"%d" % number, partition=number % 2) for number in range(40)], topic)
    plain = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    found = plain.delete_records({PlainPartition(topic, 0): 3, PlainPartition(topic, 1): 4})
    plain.close()
    assert {place.partition: answer["low_watermark"] for place, answer in found.items()} == {0: 3, 1: 4}
    asked = tmp_path / "offsets.json"
    places = f'{{"topic": "{topic}", "partition": 0, "offset": 7}}, {{"topic": "{topic}", "partition": 1, "offset": -1}}'
    asked.write_text(f'{{"version": 1, "partitions": [{places}]}}')
    said = subprocess.run(
        java("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", server.bootstrap)
        + ["--offset-json-file", str(asked)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"partition: {topic}-0\tlow_watermark: 7" in said.stdout, said.stdout + said.stderr
    assert f"partition: {topic}-1\tlow_watermark: 20" in said.stdout
    assert (earliest(server, topic, 0), earliest(server, topic, 1)) == (7, 20)


def test_a_reader_of_what_is_deleted_is_told(server, topic):
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(SEGMENT), "file.delete.delay.ms": "0"})
    megabytes(server, topic, 4)
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": 64,
            "fetch.message.max.bytes": 16 << 10,
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert consumer.poll(15).offset() == 0
    assert delete_before(server, topic, 200) == 200
    eventually(lambda: segments(server, topic)[0] > 100)
    seen = []
    while not seen or not seen[-1].error():
        message = consumer.poll(15)
        assert message is not None
        seen.append(message)
    consumer.close()
    offsets = [message.offset() for message in seen[:-1]]
    assert offsets == list(range(1, 1 + len(offsets))) and len(offsets) < 199
    assert seen[-1].error().name() == "_AUTO_OFFSET_RESET"
    assert [record.offset for record in client.consume(server.bootstrap, topic, 5)] == list(range(200, 205))


@pytest.mark.furrow_only  # Kafka writes its checkpoint once a minute
def test_what_was_deleted_is_deleted_after_a_kill(servers, topic):
    server = servers.start(settings("furrowd"), port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(SEGMENT)})
    megabytes(server, topic, 5)
    for offset in (10, 100, 200):
        assert delete_before(server, topic, offset) == offset
        server.kill()
        server.start()
        assert (earliest(server, topic), latest(server, topic)) == (offset, 320)
    values = [record.value[:6] for record in client.consume(server.bootstrap, topic, 120)]
    assert values == [b"%06d" % number for number in range(200, 320)]
    eventually(lambda: segments(server, topic)[0] > 64)
    server.stop()
    first = segments(server, topic)[0]
    check_files(server.partition_folder(topic), 320 - first)


@pytest.mark.furrow_only
def test_a_new_topic_has_nothing_of_a_deleted_one(servers, topic):
    server = servers.start(settings("furrowd"), port=free_port())
    for _ in range(2):
        client.create_topic(server.bootstrap, topic)
        client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(10)], topic)
        assert delete_before(server, topic, 8) == 8
        client.delete_topic(server.bootstrap, topic)
        server.kill()
        server.start()
        client.create_topic(server.bootstrap, topic)
        client.produce(server.bootstrap, [Record(b"new")] * 3, topic)
        server.kill()
        server.start()
        assert (earliest(server, topic), latest(server, topic)) == (0, 3)
        client.delete_topic(server.bootstrap, topic)


# ---- by time, size and count


def test_old_segments_go_by_time_and_young_ones_stay(server, topic):
    config = {"segment.bytes": str(SEGMENT), "retention.ms": "3600000", "file.delete.delay.ms": "0"}
    client.create_topic(server.bootstrap, topic, config=config)
    megabytes(server, topic, 3, age_ms=7200_000)
    megabytes(server, topic, 2, start=192)
    eventually(lambda: earliest(server, topic) > 128)
    time.sleep(1)
    start = earliest(server, topic)
    assert start == segments(server, topic)[0]
    assert start <= 192  # a segment with one young record stays
    values = [record.value[:6] for record in client.consume(server.bootstrap, topic, 320 - start)]
    assert values == [b"%06d" % number for number in range(start, 320)]


def test_the_last_segment_goes_too_when_all_of_it_is_too_old(server, topic):
    client.create_topic(server.bootstrap, topic, config={"retention.ms": "1000", "file.delete.delay.ms": "0"})
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(20)], topic)
    eventually(lambda: earliest(server, topic) == 20)
    eventually(lambda: segments(server, topic) == [20])
    assert latest(server, topic) == 20
    client.produce(server.bootstrap, [Record(b"after", timestamp=int(time.time() * 1000) + 60_000)], topic)
    assert [(record.offset, record.value) for record in client.consume(server.bootstrap, topic, 1)] == [(20, b"after")]


def test_by_size_no_less_than_the_limit_stays(server, topic):
    limit = 3 * SEGMENT
    config = {"segment.bytes": str(SEGMENT), "retention.bytes": str(limit), "file.delete.delay.ms": "0"}
    client.create_topic(server.bootstrap, topic, config=config)
    megabytes(server, topic, 8)
    eventually(lambda: logs_size(server, topic) < limit + SEGMENT)
    assert logs_size(server, topic) >= limit
    assert earliest(server, topic) == segments(server, topic)[0]
    assert latest(server, topic) == 512


def test_a_limit_that_is_set_later_counts(server, topic):
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(SEGMENT), "file.delete.delay.ms": "0"})
    megabytes(server, topic, 5)
    time.sleep(1)
    assert earliest(server, topic) == 0
    config = {"segment.bytes": str(SEGMENT), "file.delete.delay.ms": "0", "retention.bytes": str(SEGMENT)}
    changed = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config=config)
    admin = admin_of(server)
    admin.alter_configs([changed])[changed].result(15)
    eventually(lambda: SEGMENT <= logs_size(server, topic) < 2 * SEGMENT + 100_000)
    assert earliest(server, topic) > 128


def test_files_are_set_aside_for_a_while(server, topic):
    config = {"segment.bytes": str(SEGMENT), "retention.bytes": str(SEGMENT), "file.delete.delay.ms": "2500"}
    client.create_topic(server.bootstrap, topic, config=config)
    megabytes(server, topic, 4)
    folder = server.partition_folder(topic)
    aside = eventually(lambda: sorted(file.name for file in folder.glob("*.deleted")))
    assert {name.split(".", 1)[1] for name in aside} >= {"log.deleted", "index.deleted", "timeindex.deleted"}
    eventually(lambda: not list(folder.glob("*.deleted")))


def test_a_compacted_topic_keeps_its_old_records(server, topic):
    config = {"cleanup.policy": "compact", "retention.ms": "1000", "segment.bytes": str(SEGMENT)}
    client.create_topic(server.bootstrap, topic, config=config)
    client.produce(server.bootstrap, [Record(b"v", b"%d" % number) for number in range(20)], topic)
    time.sleep(2.5)
    assert earliest(server, topic) == 0
    assert len(client.consume(server.bootstrap, topic, 20)) == 20


@pytest.mark.furrow_only
def test_by_count_the_last_records_stay_to_the_record(servers, topic):
    server = servers.start(settings("furrowd"), port=free_port())
    client.create_topic(server.bootstrap, topic, config={"furrow.retention.records": "100"})
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(250)], topic)
    eventually(lambda: earliest(server, topic) == 150)
    eventually(lambda: f"{topic} 0 150" in (server.data / "log-start-offset-checkpoint").read_text().splitlines())
    server.kill()
    server.start()
    assert earliest(server, topic) == 150
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(250, 260)], topic)
    eventually(lambda: earliest(server, topic) == 160)
    assert [record.value for record in client.consume(server.bootstrap, topic, 100)] == [
        b"%d" % number for number in range(160, 260)
    ]


@pytest.mark.furrow_only
def test_ages_are_learnt_after_a_clean_start(servers, topic):
    server = servers.start(settings("furrowd", log_retention_check_interval_ms="3600000"), port=free_port())
    client.create_topic(server.bootstrap, topic, config={"segment.bytes": str(SEGMENT), "file.delete.delay.ms": "0"})
    megabytes(server, topic, 3, age_ms=86400_000 * 8)
    megabytes(server, topic, 2, start=192)
    server.stop()
    assert segments(server, topic)[0] == 0
    server.settings.update(OFTEN)
    server.start()
    assert 128 < eventually(lambda: earliest(server, topic)) <= 192


# ---- all of the data folder


@pytest.mark.furrow_only
def test_all_together_stays_below_its_limit_and_the_loud_pay_for_themselves(servers, topic):
    limit = 12 * SEGMENT
    server = servers.start(settings("furrowd", furrow_retention_total_bytes=str(limit)), port=free_port())
    quiet, loud, kept = topic + "-quiet", topic + "-loud", topic + "-kept"
    client.create_topic(server.bootstrap, quiet, config={"segment.bytes": str(SEGMENT), "retention.ms": "-1"})
    client.create_topic(server.bootstrap, loud, 2, {"segment.bytes": str(SEGMENT), "retention.ms": "-1"})
    client.create_topic(server.bootstrap, kept, config={"segment.bytes": str(SEGMENT), "cleanup.policy": "compact"})
    megabytes(server, quiet, 2, age_ms=86400_000 * 300)  # by far the oldest
    keyed = [Record(bytes(16 << 10), b"%d" % number) for number in range(128)]
    client.produce(server.bootstrap, keyed, kept)

    def size() -> int:
        places = ((quiet, 0), (loud, 0), (loud, 1), (kept, 0))
        return sum(logs_size(server, name, partition) for name, partition in places)

    largest = 0
    for round_number in range(10):
        for partition in (0, 1):
            megabytes(server, loud, 1, partition=partition, start=64 * round_number)
        time.sleep(0.2)
        largest = max(largest, size())
    eventually(lambda: size() <= limit)
    assert largest < limit + 8 * SEGMENT
    assert size() > limit - 4 * SEGMENT
    assert (earliest(server, quiet), earliest(server, kept)) == (0, 0)
    assert all(0 < earliest(server, loud, partition) < 640 for partition in (0, 1))
    server.stop()
    server.settings["furrow.retention.total.bytes"] = str(5 * SEGMENT)
    server.start()
    eventually(lambda: size() <= 5 * SEGMENT)
    assert earliest(server, kept) == 0


@pytest.mark.furrow_only
def test_segments_that_are_appended_to_go_when_there_is_nothing_else(servers, topic):
    server = servers.start(settings("furrowd", furrow_retention_total_bytes=str(SEGMENT)), port=free_port())
    client.create_topic(server.bootstrap, topic, 8)
    for partition in range(8):
        client.produce(server.bootstrap, [Record(bytes(16 << 10), partition=partition)] * 16, topic)
    eventually(lambda: sum(logs_size(server, topic, partition) for partition in range(8)) <= SEGMENT)
    assert all(latest(server, topic, partition) == 16 for partition in range(8))
    client.produce(server.bootstrap, [Record(b"after", partition=3)], topic)
    assert client.consume(server.bootstrap, topic, 1, 3, start=16)[0].value == b"after"


@pytest.mark.furrow_only
def test_records_come_in_while_old_ones_go(servers, topic):
    """Nothing that is younger than what is kept is lost, and nobody waits."""
    config = {"segment.bytes": str(SEGMENT), "retention.bytes": str(2 * SEGMENT), "file.delete.delay.ms": "0"}
    server = servers.start(settings("furrowd", log_retention_check_interval_ms="50"), port=free_port())
    client.create_topic(server.bootstrap, topic, 2, config)
    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(megabytes, server, topic, 30, 0, partition) for partition in (0, 1)]
        for writer in writers:
            writer.result(60)
    for partition in (0, 1):
        eventually(lambda: logs_size(server, topic, partition) < 3 * SEGMENT)
        start = earliest(server, topic, partition)
        assert latest(server, topic, partition) == 30 * 64
        values = [record.value[:6] for record in client.consume(server.bootstrap, topic, 30 * 64 - start, partition)]
        assert values == [b"%06d" % number for number in range(start, 30 * 64)]
    server.stop()
    for partition in (0, 1):
        first = segments(server, topic, partition)[0]
        check_files(server.partition_folder(topic, partition), 30 * 64 - first)


@pytest.mark.furrow_only
def test_a_topic_is_deleted_in_the_midst_of_it(servers, topic):
    config = {"segment.bytes": str(SEGMENT), "retention.bytes": "0", "file.delete.delay.ms": "500"}
    server = servers.start(settings("furrowd", log_retention_check_interval_ms="20"), port=free_port())
    for _ in range(5):
        client.create_topic(server.bootstrap, topic, 3, config)
        for partition in range(3):
            megabytes(server, topic, 2, partition=partition)
        client.delete_topic(server.bootstrap, topic)
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"new")], topic)
    time.sleep(1)
    assert client.consume(server.bootstrap, topic, 1)[0].value == b"new"


# ---- the clock


@pytest.mark.furrow_only
def test_an_age_that_nobody_has_proven_deletes_nothing(servers, topic):
    """Without a clock that is known to be right, what a client says of the past is not believed."""
    server = servers.start({**OFTEN, "furrow.clock.trusted": "false"}, port=free_port())
    if "synchronised=yes" in server.log.read_text():
        pytest.skip("the clock of this machine is known to be right")
    config = {"segment.bytes": str(SEGMENT), "retention.ms": "3600000", "file.delete.delay.ms": "0"}
    client.create_topic(server.bootstrap, topic, config=config)
    megabytes(server, topic, 3, age_ms=86400_000)
    time.sleep(1.5)
    assert earliest(server, topic) == 0
    server.stop()
    server.settings["furrow.clock.trusted"] = "true"
    server.start()
    eventually(lambda: earliest(server, topic) == 192)
