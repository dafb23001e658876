"""Apache Kafka's command line tools, as people use them."""

import json
import re

import pytest

from clients import Record
from clients.confluent import Confluent

client = Confluent()


@pytest.fixture
def topics(server, kafka_tools):
    return lambda *arguments, **options: kafka_tools.run(
        "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", server.bootstrap, *arguments, **options
    )


@pytest.fixture
def configs(server, kafka_tools):
    return lambda *arguments, **options: kafka_tools.run(
        "kafka.admin.ConfigCommand", "--bootstrap-server", server.bootstrap, *arguments, **options
    )


def test_kafka_topics_from_creation_to_deletion(topics, topic):
    assert f"Created topic {topic}" in topics(
        "--create",
        "--topic",
        topic,
        "--partitions",
        "2",
        "--replication-factor",
        "1",
        "--config",
        "retention.ms=3600000",
    )
    assert topic in topics("--list").split()
    described = topics("--describe", "--topic", topic)
    assert re.search(
        rf"Topic: {topic}\tTopicId: \S{{22}}\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: .*retention.ms=3600000",
        described,
    )
    assert len(re.findall(r"Partition: \d+\tLeader: (\d+)\tReplicas: \1\tIsr: \1", described)) == 2
    topics("--alter", "--topic", topic, "--partitions", "5")
    assert "PartitionCount: 5" in topics("--describe", "--topic", topic)
    topics("--delete", "--topic", topic)
    assert topic not in topics("--list").split()


def test_kafka_topics_says_what_is_wrong(topics, topic):
    topics("--create", "--topic", topic)
    for expected, arguments in (
        ("already exists", ["--create", "--topic", topic]),
        ("does not exist", ["--describe", "--topic", "no-such-topic"]),
        ("InvalidReplicationFactorException", ["--create", "--topic", topic + "x", "--replication-factor", "3"]),
        ("InvalidPartitionsException", ["--alter", "--topic", topic, "--partitions", "1"]),
        (
            "Invalid value soon for configuration retention.ms",
            ["--create", "--topic", topic + "y", "--config", "retention.ms=soon"],
        ),
    ):
        assert expected in topics(*arguments, fails=True)


def test_kafka_configs_of_a_topic(configs, topics, topic):
    topics("--create", "--topic", topic)
    entity = ["--entity-type", "topics", "--entity-name", topic]
    configs("--alter", *entity, "--add-config", "retention.ms=1234567,max.message.bytes=54321")
    described = configs("--describe", *entity)
    assert "retention.ms=1234567" in described and "max.message.bytes=54321" in described
    configs("--alter", *entity, "--delete-config", "max.message.bytes")
    described = configs("--describe", *entity)
    assert "retention.ms=1234567" in described and "max.message.bytes" not in described
    everything = configs("--describe", "--all", *entity)
    for key in (
        "cleanup.policy=delete",
        "segment.index.bytes=10485760",
        "max.message.bytes=1048588",
        "compression.type=producer",
    ):
        assert re.search(rf"^\s*{re.escape(key)} ", everything, re.M), key
    assert "InvalidConfigurationException" in configs(
        "--alter", *entity, "--add-config", "retention.ms=soon", fails=True
    )


def test_kafka_configs_of_the_broker(configs, server):
    described = configs(
        "--describe", "--all", "--entity-type", "brokers", "--entity-name", str(client.broker_id(server.bootstrap))
    )
    assert re.search(r"^\s*auto\.create\.topics\.enable=false ", described, re.M)
    assert re.search(r"^\s*message\.max\.bytes=1048588 ", described, re.M)


def test_kafka_get_offsets(server, topics, topic, kafka_tools):
    topics("--create", "--topic", topic, "--partitions", "2")
    records = [Record(b"%d" % number, timestamp=1_700_000_000_000 + number) for number in range(10)]
    client.produce(server.bootstrap, records, topic)

    def offsets(time: str) -> list[str]:
        return kafka_tools.run(
            "org.apache.kafka.tools.GetOffsetShell",
            "--bootstrap-server",
            server.bootstrap,
            "--topic",
            topic,
            "--time",
            time,
        ).split()

    assert offsets("latest") == [f"{topic}:0:10", f"{topic}:1:0"]
    assert offsets("earliest") == [f"{topic}:0:0", f"{topic}:1:0"]
    assert f"{topic}:0:9" in offsets("max-timestamp")
    assert f"{topic}:0:4" in offsets("1700000000004")


def test_kafka_features(server, kafka_tools):
    def features(*arguments: str, **options) -> str:
        return kafka_tools.run("org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", server.bootstrap, *arguments, **options)

    described = features("describe")
    for name, level in (("group.version", "1"), ("metadata.version", r"4\.\d+-IV\d+"), ("transaction.version", "2")):
        assert re.search(rf"Feature: {name}\s.*FinalizedVersionLevel: {level}\s", described), described
    features("upgrade", "--feature", "group.version=1")
    assert "group.version" in features("upgrade", "--feature", "group.version=9", fails=True)
    assert "no.such" in features("upgrade", "--feature", "no.such=1", fails=True)


def test_kafka_metadata_quorum(server, kafka_tools):
    def quorum(*arguments: str) -> str:
        return kafka_tools.run(
            "org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", server.bootstrap, "describe", *arguments
        )

    node = client.broker_id(server.bootstrap)
    status = dict(re.findall(r"^(\w+):\s+(.*)$", quorum("--status"), re.M))
    assert status["LeaderId"] == str(node) and len(status["ClusterId"]) == 22
    assert int(status["HighWatermark"]) >= 0 and status["MaxFollowerLag"] == "0"
    assert f'"id": {node}' in status["CurrentVoters"] and "CONTROLLER" in status["CurrentVoters"]
    [_, voter] = quorum("--replication").strip().splitlines()
    assert voter.split()[0] == str(node) and voter.split()[-1] == "Leader"


def test_kafka_leader_election(server, kafka_tools, topics, topic):
    topics("--create", "--topic", topic, "--partitions", "2")

    def elect(*arguments: str, **options) -> str:
        return kafka_tools.run(
            "org.apache.kafka.tools.LeaderElectionCommand",
            "--bootstrap-server",
            server.bootstrap,
            "--election-type",
            *arguments,
            **options,
        )

    said = elect("preferred", "--topic", topic, "--partition", "1")
    assert f"Valid replica already elected for partitions {topic}-1" in said
    elect("preferred", "--all-topic-partitions")
    assert f"Valid replica already elected for partitions {topic}-0" in elect("unclean", "--topic", topic, "--partition", "0")
    assert "UnknownTopicOrPartitionException" in elect("preferred", "--topic", topic, "--partition", "7", fails=True)


def test_kafka_log_dirs(server, kafka_tools, topics, topic):
    topics("--create", "--topic", topic, "--partitions", "2")
    client.produce(server.bootstrap, [Record(b"x" * 1000)] * 5, topic)
    said = kafka_tools.run(
        "org.apache.kafka.tools.LogDirsCommand",
        "--bootstrap-server",
        server.bootstrap,
        "--describe",
        "--topic-list",
        topic,
    )
    [told] = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    [folder] = told["brokers"][0]["logDirs"]
    sizes = {part["partition"]: part["size"] for part in folder["partitions"]}
    assert folder["error"] is None and sizes.keys() == {f"{topic}-0", f"{topic}-1"}
    assert sizes[f"{topic}-0"] > 5000 or sizes[f"{topic}-1"] > 5000


def test_kafka_producer_perf_test(server, topics, topic, kafka_tools):
    topics("--create", "--topic", topic)
    said = kafka_tools.run(
        "org.apache.kafka.tools.ProducerPerformance",
        "--topic",
        topic,
        "--num-records",
        "20000",
        "--record-size",
        "500",
        "--throughput",
        "-1",
        "--bootstrap-server",
        server.bootstrap,
        "--command-property",
        "acks=all",
    )
    assert "20000 records sent" in said
    assert len(client.consume(server.bootstrap, topic, 20000)) == 20000
