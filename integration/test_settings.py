"""Settings of brokers, groups and loggers that are made while the server runs, through kafka-configs and librdkafka."""

import contextlib
import json
import re
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, ConfigSource

from clients import ClientError, Record
from clients.confluent import Confluent
from differential.peers import INCREMENTAL_ALTER_CONFIGS, Peer
from wire import API_VERSIONS, Connection, request

furrow_only = pytest.mark.furrow_only
client = Confluent()


@pytest.fixture
def configs(server, kafka_tools):
    return lambda *arguments, **options: kafka_tools.run(
        "kafka.admin.ConfigCommand", "--bootstrap-server", server.bootstrap, *arguments, **options
    )


def alter(server, name: str, *changes: tuple[str, str | None]) -> None:
    """Of a broker, or of all: "", which librdkafka does not take. A value of None: deleted."""
    entries = [{"name": key, "config_operation": 1 if value is None else 0, "value": value} for key, value in changes]
    resource = {"resource_type": 4, "resource_name": name, "configs": entries}
    peer = Peer(server)
    [answer] = peer.call(INCREMENTAL_ALTER_CONFIGS, 1, {"resources": [resource]})["responses"]
    assert answer["error_code"] == 0, answer
    peer.close()


def described(server, kind, name: str) -> dict[str, ConfigEntry]:
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    resource = ConfigResource(kind, name)
    return admin.describe_configs([resource])[resource].result(15)


def settled(server, kind, name: str, key: str, value: str) -> dict[str, ConfigEntry]:
    """Apache Kafka shows a change a moment later."""
    deadline = time.monotonic() + (0 if server.kind == "furrowd" else 5)
    while (found := described(server, kind, name))[key].value != value:
        assert time.monotonic() < deadline, f"{key} of {name} is {found[key].value}"
        time.sleep(0.05)
    return found


def test_a_setting_holds_at_once_and_after_a_restart(servers):
    server = servers.start({"message.max.bytes": "100000"})
    broker, topic = ConfigResource.Type.BROKER, ConfigResource.Type.TOPIC
    client.create_topic(server.bootstrap, "plain")
    client.create_topic(server.bootstrap, "own", config={"max.message.bytes": "5000"})
    alter(server, "1", ("message.max.bytes", "1000"), ("max.connections.per.ip", "500"))
    alter(server, "", ("message.max.bytes", "2000"), ("log.retention.ms", "7000000"))
    for end in (server.kill, server.stop, None):
        found = settled(server, broker, "1", "message.max.bytes", "1000")
        assert not found["message.max.bytes"].is_read_only
        assert found["message.max.bytes"].source == ConfigSource.DYNAMIC_BROKER_CONFIG.value
        assert found["log.retention.ms"].source == ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG.value
        assert found["node.id"].is_read_only
        settled(server, topic, "plain", "max.message.bytes", "1000")
        settled(server, topic, "own", "max.message.bytes", "5000")
        client.produce(server.bootstrap, [Record(b"x" * 3000)], "own")
        with pytest.raises(ClientError):
            client.produce(server.bootstrap, [Record(b"x" * 3000)], "plain")
        if end:
            end()
            server.start()
    alter(server, "1", ("message.max.bytes", None))
    with pytest.raises(ClientError):
        client.produce(server.bootstrap, [Record(b"x" * 3000)], "plain")
    alter(server, "", ("message.max.bytes", None))
    client.produce(server.bootstrap, [Record(b"x" * 3000)], "plain")
    assert described(server, broker, "1")["message.max.bytes"].source == ConfigSource.STATIC_BROKER_CONFIG.value


def test_kafka_configs_of_brokers(configs):
    one, every = ["--entity-type", "brokers", "--entity-name", "1"], ["--entity-type", "brokers", "--entity-default"]
    configs("--alter", *one, "--add-config", "log.cleaner.backoff.ms=1234")
    configs("--alter", *every, "--add-config", "log.cleaner.backoff.ms=4321")
    said = configs("--describe", *one)
    assert re.search(r"log\.cleaner\.backoff\.ms=1234 .*DYNAMIC_BROKER_CONFIG:log\.cleaner\.backoff\.ms=1234", said)
    assert "DYNAMIC_DEFAULT_BROKER_CONFIG:log.cleaner.backoff.ms=4321" in said
    assert "log.cleaner.backoff.ms=4321" in configs("--describe", *every)
    configs("--alter", *one, "--delete-config", "log.cleaner.backoff.ms")
    assert "backoff.ms=1234" not in configs("--describe", *one)
    assert "Cannot update these configs dynamically: [node.id]" in configs(
        "--alter", *one, "--add-config", "node.id=7", fails=True
    )


@furrow_only
def test_a_name_that_is_not_known_is_refused(configs):
    one = ["--entity-type", "brokers", "--entity-name", "1"]
    said = configs("--alter", *one, "--add-config", "log.cleaner.backof.ms=7", fails=True)
    assert "did you mean log.cleaner.backoff.ms" in said


def test_kafka_configs_of_groups(configs):
    group = ["--entity-type", "groups", "--entity-name", "watched"]
    configs("--alter", *group, "--add-config", "consumer.session.timeout.ms=50000")
    said = configs("--describe", *group)
    assert re.search(r"consumer\.session\.timeout\.ms=50000 .*DYNAMIC_GROUP_CONFIG", said)
    assert "watched" in configs("--describe", "--entity-type", "groups")
    assert "consumer.session.timeout.ms must be less than or equal to" in configs(
        "--alter", *group, "--add-config", "consumer.session.timeout.ms=90000", fails=True
    )
    configs("--alter", *group, "--delete-config", "consumer.session.timeout.ms")
    assert "50000" not in configs("--describe", *group)


@furrow_only
def test_kafka_configs_of_the_log(configs, server):
    logger = ["--entity-type", "broker-loggers", "--entity-name", "1"]
    assert "root=INFO" in configs("--describe", *logger)
    before = server.log.read_text().count(" DEBUG ")
    configs("--alter", *logger, "--add-config", "root=DEBUG")
    assert "root=DEBUG" in configs("--describe", *logger)
    configs("--alter", *logger, "--add-config", "root=INFO")
    assert server.log.read_text().count(" DEBUG ") > before


@furrow_only
def test_the_total_of_all_topics_shrinks_at_once(servers):
    server = servers.start({"log.segment.bytes": "1048576", "log.segment.delete.delay.ms": "0"})
    client.create_topic(server.bootstrap, "much")
    client.produce(server.bootstrap, [Record(b"x" * 100_000)] * 80, "much")
    alter(server, "1", ("furrow.retention.total.bytes", "3000000"))
    deadline = time.monotonic() + 10
    while sum(file.stat().st_size for file in server.partition_folder("much").glob("*.log")) > 4_100_000:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(connection: Connection) -> bool:
    try:
        connection.send(request(API_VERSIONS, 0, b""))
        connection.response()
        return True
    except ConnectionError:
        return False


def connected(server) -> Connection:
    """Those closed before are gone a moment later."""
    deadline = time.monotonic() + 5
    while True:
        connection = Connection(server.bootstrap)
        if answers(connection):
            return connection
        connection.__exit__()
        assert time.monotonic() < deadline


@furrow_only
@pytest.mark.parametrize("key,most", [("max.connections.per.ip", 2), ("max.connections", 3)])
def test_connections_are_counted_by_the_new_limit(servers, key, most):
    server = servers.start()
    alter(server, "1", (key, str(most)))
    with contextlib.ExitStack() as kept:
        for _ in range(most):
            kept.enter_context(connected(server))
        with Connection(server.bootstrap) as another:
            assert not answers(another)
    connected(server).__exit__()


@furrow_only
def test_members_of_a_group_are_told_its_interval(server, configs):
    CONSUMER_GROUP_HEARTBEAT = 68

    def interval(group: str, epoch: int, member: str) -> int:
        body = {
            "group_id": group,
            "member_id": member,
            "member_epoch": epoch,
            "rebalance_timeout_ms": 60_000,
            "subscribed_topic_names": ["nothing"],
            "topic_partitions": [],
        }
        answer = peer.call(CONSUMER_GROUP_HEARTBEAT, 1, body)
        assert answer["error_code"] == 0, answer
        return answer["heartbeat_interval_ms"]

    peer = Peer(server)
    entity = ["--entity-type", "groups", "--entity-name", "slow"]
    configs("--alter", *entity, "--add-config", "consumer.heartbeat.interval.ms=9000")
    assert (interval("slow", 0, "one"), interval("quick", 0, "one")) == (9000, 5000)
    configs("--alter", *entity, "--add-config", "consumer.heartbeat.interval.ms=8000")
    assert interval("slow", 0, "two") == 8000
    peer.close()


@furrow_only
def test_furrow_dump_tells_them(servers):
    server = servers.start()
    alter(server, "1", ("log.retention.ms", "7000000"))
    alter(server, "1", ("log.retention.ms", None))
    server.stop()
    furrow = server.binary.parent / "furrow"
    told = subprocess.run(
        [furrow, "dump", "--json", "--records", *(server.data / "__furrow_metadata-0").glob("*.log")],
        check=True, capture_output=True, text=True,
    ).stdout
    records = [json.loads(line) for line in told.splitlines() if '"kind":2' in line.replace(" ", "")]
    assert records[0]["value"]["configs"] == [{"name": "log.retention.ms", "value": "7000000"}]
    assert records[1]["value"] is None
