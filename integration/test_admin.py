"""Topics and their configuration, through librdkafka's admin client."""

import time

import pytest
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from clients import Record
from clients.confluent import Confluent

client = Confluent()


@pytest.fixture(scope="module")
def admin(server) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.bootstrap})


def outcome(futures: dict) -> str:
    """The name of the error of the one thing that was asked for; "ok" without one."""
    [future] = futures.values()
    try:
        future.result(15)
        return "ok"
    except KafkaException as error:
        return error.args[0].name()


def config(admin: AdminClient, topic: str) -> dict[str, ConfigEntry]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(15)


def eventually(condition) -> None:
    """Apache Kafka does what it has promised a moment later."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_asked_of_a_new_topic_is_checked(server, admin, topic):
    def create(name=topic, **options):
        return outcome(admin.create_topics([NewTopic(name, **options)]))

    assert create(num_partitions=0) == "INVALID_PARTITIONS"
    assert create(num_partitions=1, replication_factor=2) == "INVALID_REPLICATION_FACTOR"
    assert create(num_partitions=1, config={"no.such.key": "1"}) == "INVALID_CONFIG"
    assert create(num_partitions=1, config={"max.message.bytes": "-5"}) == "INVALID_CONFIG"
    assert create(num_partitions=1, config={"cleanup.policy": "burn"}) == "INVALID_CONFIG"
    broker = client.broker_id(server.bootstrap)
    assert create(num_partitions=2, replica_assignment=[[broker], [broker + 7]]) in (
        "INVALID_REPLICA_ASSIGNMENT",
        "BROKER_NOT_AVAILABLE",
    )
    assert topic not in admin.list_topics(timeout=15).topics
    assert create(num_partitions=2, replica_assignment=[[broker], [broker]]) == "ok"
    eventually(lambda: len(admin.list_topics(topic, timeout=15).topics[topic].partitions) == 2)


def test_a_rehearsal_changes_nothing(admin, topic):
    assert outcome(admin.create_topics([NewTopic(topic, 2)], validate_only=True)) == "ok"
    assert topic not in admin.list_topics(timeout=15).topics
    assert outcome(admin.create_topics([NewTopic(topic, 2)])) == "ok"
    assert outcome(admin.create_topics([NewTopic(topic, 2)], validate_only=True)) == "TOPIC_ALREADY_EXISTS"
    assert outcome(admin.create_partitions([NewPartitions(topic, 5)], validate_only=True)) == "ok"
    assert len(admin.list_topics(topic, timeout=15).topics[topic].partitions) == 2


def test_defaults_of_a_new_topic(admin, topic):
    assert outcome(admin.create_topics([NewTopic(topic)])) == "ok"
    eventually(lambda: len(admin.list_topics(topic, timeout=15).topics[topic].partitions) == 1)
    found = config(admin, topic)
    assert ConfigSource.DYNAMIC_TOPIC_CONFIG.value not in {entry.source for entry in found.values()}
    assert found["cleanup.policy"].value == "delete"
    assert found["retention.ms"].value == "604800000"
    assert not found["retention.ms"].is_read_only and not found["retention.ms"].is_sensitive


def test_a_topic_grows(server, admin, topic):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"before")], topic)
    assert outcome(admin.create_partitions([NewPartitions(topic, 3)])) == "ok"
    eventually(lambda: len(admin.list_topics(topic, timeout=15).topics[topic].partitions) == 3)
    client.produce(server.bootstrap, [Record(b"after", partition=2)], topic)
    assert client.consume(server.bootstrap, topic, 1, 0)[0].value == b"before"
    assert client.consume(server.bootstrap, topic, 1, 2)[0].value == b"after"
    assert outcome(admin.create_partitions([NewPartitions(topic, 3)])) == "INVALID_PARTITIONS"
    assert outcome(admin.create_partitions([NewPartitions("no-such-topic", 3)])) == "UNKNOWN_TOPIC_OR_PART"


def test_single_keys_are_altered(server, admin, topic):
    client.create_topic(server.bootstrap, topic, config={"retention.ms": "1000000"})

    def alter(*entries: tuple[str, str | None, AlterConfigOpType]) -> str:
        changes = [ConfigEntry(key, value, incremental_operation=what) for key, value, what in entries]
        return outcome(
            admin.incremental_alter_configs(
                [ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=changes)]
            )
        )

    put, remove, append, subtract = (
        getattr(AlterConfigOpType, name) for name in ("SET", "DELETE", "APPEND", "SUBTRACT")
    )
    assert alter(("max.message.bytes", "2000", put), ("cleanup.policy", "compact", append)) == "ok"
    found = config(admin, topic)
    assert found["max.message.bytes"].value == "2000"
    assert found["max.message.bytes"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert sorted(found["cleanup.policy"].value.split(",")) == ["compact", "delete"]
    assert found["retention.ms"].value == "1000000"
    assert alter(("cleanup.policy", "compact", subtract), ("retention.ms", None, remove)) == "ok"
    found = config(admin, topic)
    assert found["cleanup.policy"].value == "delete"
    assert found["retention.ms"].value == "604800000"
    assert alter(("retention.ms", "soon", put)) == "INVALID_CONFIG"
    assert alter(("no.such.key", "1", put)) == "INVALID_CONFIG"
    assert alter(("segment.ms", "1", append)) == "INVALID_CONFIG", "not a list"
    assert config(admin, topic)["max.message.bytes"].value == "2000"


def test_all_keys_are_altered_at_once(server, admin, topic):
    """AlterConfigs, which replaces what was set before."""
    client.create_topic(server.bootstrap, topic, config={"retention.ms": "1000000"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config={"max.message.bytes": "3000"})
    assert outcome(admin.alter_configs([resource])) == "ok"
    found = config(admin, topic)
    assert (found["max.message.bytes"].value, found["retention.ms"].value) == ("3000", "604800000")


def test_configuration_of_what_is_not_there(admin):
    resource = ConfigResource(ConfigResource.Type.TOPIC, "no-such-topic")
    assert outcome(admin.describe_configs([resource])) == "UNKNOWN_TOPIC_OR_PART"


def test_a_topic_is_deleted_with_its_records(server, admin, topic):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"x")] * 10, topic)
    assert outcome(admin.delete_topics([topic])) == "ok"
    eventually(lambda: topic not in admin.list_topics(timeout=15).topics)
    assert outcome(admin.delete_topics([topic])) == "UNKNOWN_TOPIC_OR_PART"
    eventually(lambda: not server.partition_folder(topic).exists())


def test_the_cluster_is_one_node(server, admin):
    found = admin.describe_cluster().result(15)
    assert len(found.cluster_id) == 22
    [node] = found.nodes
    assert (node.host, node.port, node.id) == ("127.0.0.1", server.port, found.controller.id)
    assert admin.list_topics(timeout=15).cluster_id == found.cluster_id


def test_topics_are_described(server, admin, topic):
    client.create_topic(server.bootstrap, topic, 3)
    found = admin.describe_topics(TopicCollection([topic]))[topic].result(15)
    assert [(part.id, part.leader.port, len(part.replicas), len(part.isr)) for part in found.partitions] == [
        (number, server.port, 1, 1) for number in range(3)
    ]
    assert not found.is_internal


def test_offsets_are_listed(server, admin, topic):
    client.create_topic(server.bootstrap, topic)
    times = (1_700_000_000_000, 1_700_000_009_000, 1_700_000_005_000)
    client.produce(server.bootstrap, [Record(b"x", timestamp=timestamp) for timestamp in times], topic)

    def offset(spec: OffsetSpec) -> int:
        place = TopicPartition(topic, 0)
        return admin.list_offsets({place: spec})[place].result(15).offset

    assert (offset(OffsetSpec.earliest()), offset(OffsetSpec.latest())) == (0, 3)
    assert offset(OffsetSpec.max_timestamp()) == 1
    assert offset(OffsetSpec.for_timestamp(1_700_000_000_001)) == 1
