"""REST v3's consumer groups: members, assignments and lags are what Kafka's protocol says of the same groups."""

import time
from urllib.parse import quote

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import rest
from clients import Record
from clients.confluent import Confluent
from members import wait_for
from rest import refusal

pytestmark = pytest.mark.furrow_only

SETTINGS = {**rest.SETTINGS, "group.initial.rebalance.delay.ms": "0"}
PARTITIONS = 3
client = Confluent()


@pytest.fixture(scope="module")
def http(server):
    with rest.rest_client(server) as client:
        yield client


@pytest.fixture(scope="module")
def admin(server) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.bootstrap})


@pytest.fixture(scope="module")
def groups(admin) -> str:
    """The path of the cluster's groups."""
    return f"/v3/clusters/{admin.list_topics(timeout=10).cluster_id}/consumer-groups"


@pytest.fixture
def filled(server, admin, topic) -> str:
    """A topic with ten records in each partition."""
    admin.create_topics([NewTopic(topic, PARTITIONS)])[topic].result(10)
    records = [Record(value=b"x", partition=partition) for partition in range(PARTITIONS) for _ in range(10)]
    client.produce(server.bootstrap, records, topic)
    return topic


class Members:
    """Consumers in this process; they stay members while they are polled."""

    def __init__(self, server, topic: str):
        self.server, self.topic = server, topic
        self.consumers: list[Consumer] = []

    def add(self, group: str, **config) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self.server.bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **config,
            }
        )
        consumer.subscribe([self.topic])
        self.consumers.append(consumer)
        self.settle()
        return consumer

    def settle(self) -> None:
        """All partitions are shared out among all members."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for consumer in self.consumers:
                consumer.poll(0.05)
            shares = [consumer.assignment() for consumer in self.consumers]
            if all(shares) and sum(map(len, shares)) == PARTITIONS:
                return
        raise AssertionError("the members do not come to an agreement")

    def end(self) -> None:
        for consumer in self.consumers:
            consumer.close()


@pytest.fixture
def members(server, filled):
    members = Members(server, filled)
    yield members
    members.end()


def get(http, path) -> dict:
    answer = http.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def described(admin, group):
    return admin.describe_consumer_groups([group])[group].result(10)


def head(http, groups, kind, group, path, name) -> dict:
    """How each resource of a group begins."""
    cluster = groups.split("/")[3]
    return {
        "kind": kind,
        "metadata": {
            "self": f"{http.base_url}{groups}/{group}{path}",
            "resource_name": f"crn:///kafka={cluster}/consumer-group={group}{name}",
        },
        "cluster_id": cluster,
        "consumer_group_id": group,
    }


def quoted(member_id: str) -> str:
    """librdkafka's are base64, which has slashes."""
    return quote(member_id, safe="")


def related(http, path) -> dict:
    return {"related": f"{http.base_url}{path}"}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_is_as_kafka_describes_it(http, groups, admin, members, topic, protocol):
    group = f"{topic}-{protocol}"
    members.add(group, **{"group.protocol": protocol, "client.id": "first"})
    members.add(group, **{"group.protocol": protocol, "client.id": "second", "group.instance.id": "static"})
    known = described(admin, group)
    shown = get(http, f"{groups}/{group}")
    assert shown == {
        **head(http, groups, "KafkaConsumerGroup", group, "", ""),
        "is_simple": False,
        "partition_assignor": known.partition_assignor,
        "state": "STABLE",
        "type": protocol.upper(),
        "is_mixed_consumer_group": False,
        "coordinator": related(http, groups.replace("consumer-groups", "brokers/1")),
        "consumers": related(http, f"{groups}/{group}/consumers"),
        "lag_summary": related(http, f"{groups}/{group}/lag-summary"),
    }
    assert shown in get(http, groups)["data"]

    listed = get(http, f"{groups}/{group}/consumers")["data"]
    assert [member["consumer_id"] for member in listed] == sorted(member.member_id for member in known.members)
    for member in known.members:
        path, name = f"/consumers/{quoted(member.member_id)}", f"/consumer={quoted(member.member_id)}"
        resource = {
            **head(http, groups, "KafkaConsumer", group, path, name),
            "consumer_id": member.member_id,
            "instance_id": member.group_instance_id or None,
            "client_id": member.client_id,
            "assignments": related(http, f"{groups}/{group}{path}/assignments"),
        }
        assert get(http, f"{groups}/{group}{path}") == resource
        assert resource in listed
        assigned = get(http, f"{groups}/{group}{path}/assignments")["data"]
        places = sorted((place.topic, place.partition) for place in member.assignment.topic_partitions)
        assert [(entry["topic_name"], entry["partition_id"]) for entry in assigned] == places and places
        for (in_topic, partition), entry in zip(places, assigned):
            place = f"{in_topic}/partitions/{partition}"
            assert entry == {
                **head(
                    http,
                    groups,
                    "KafkaConsumerAssignment",
                    group,
                    f"{path}/assignments/{place}",
                    f"{name}/assignment={in_topic}/partition={partition}",
                ),
                "consumer_id": member.member_id,
                "topic_name": in_topic,
                "partition_id": partition,
                "partition": related(http, groups.replace("consumer-groups", f"topics/{place}")),
                "lag": related(http, f"{groups}/{group}/lags/{place}"),
            }
            assert get(http, f"{groups}/{group}{path}/assignments/{place}") == entry
    assert refusal(http.get(f"{groups}/{group}/consumers/nobody")) == (404, 404)
    assert refusal(http.get(f"{groups}/{group}/consumers/nobody/assignments")) == (404, 404)
    taken = f"{groups}/{group}/consumers/{quoted(listed[0]['consumer_id'])}/assignments/{topic}/partitions"
    assert refusal(http.get(f"{taken}/99")) == (404, 404)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_lags_are_what_was_not_committed(http, groups, admin, members, topic, protocol):
    group = f"{topic}-{protocol}"
    consumer = members.add(group, **{"group.protocol": protocol, "client.id": "reader"})
    assert refusal(http.get(f"{groups}/{group}/lags")) == (404, 404)
    assert refusal(http.get(f"{groups}/{group}/lag-summary")) == (404, 404)
    offsets = {0: 10, 1: 4, 2: 12}  # one that is yet to come, too
    consumer.commit(offsets=[TopicPartition(topic, *place) for place in offsets.items()], asynchronous=False)
    stored = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
    member = described(admin, group).members[0]
    lags = get(http, f"{groups}/{group}/lags")
    assert lags["kind"] == "KafkaConsumerLagList"
    assert {lag["partition_id"]: lag["current_offset"] for lag in lags["data"]} == {
        place.partition: place.offset for place in stored.topic_partitions
    }
    assert [(lag["partition_id"], lag["lag"]) for lag in lags["data"]] == [(1, 6), (0, 0), (2, 0)]
    for lag in lags["data"]:
        partition = lag["partition_id"]
        assert lag == {
            **head(
                http,
                groups,
                "KafkaConsumerLag",
                group,
                f"/lags/{topic}/partitions/{partition}",
                f"/lag={topic}/partition={partition}",
            ),
            "topic_name": topic,
            "partition_id": partition,
            "consumer_id": member.member_id,
            "instance_id": None,
            "client_id": "reader",
            "current_offset": offsets[partition],
            "log_end_offset": 10,
            "lag": max(0, 10 - offsets[partition]),
        }
        assert get(http, f"{groups}/{group}/lags/{topic}/partitions/{partition}") == lag
    assert get(http, f"{groups}/{group}/lag-summary") == {
        **head(http, groups, "KafkaConsumerGroupLagSummary", group, "/lag-summary", "/lag-summary"),
        "max_lag_consumer_id": member.member_id,
        "max_lag_instance_id": None,
        "max_lag_client_id": "reader",
        "max_lag_topic_name": topic,
        "max_lag_partition_id": 1,
        "max_lag": 6,
        "total_lag": 6,
        "max_lag_consumer": related(http, f"{groups}/{group}/consumers/{quoted(member.member_id)}"),
        "max_lag_partition": related(http, groups.replace("consumer-groups", f"topics/{topic}/partitions/1")),
    }
    assert refusal(http.get(f"{groups}/{group}/lags/{topic}/partitions/99")) == (404, 404)
    assert refusal(http.get(f"{groups}/{group}/lags/other/partitions/0")) == (404, 404)


def test_a_group_without_members_has_lags_of_nobody(http, groups, admin, filled):
    group = f"{filled}-only-offsets"
    offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(filled, 2, 3)])
    admin.alter_consumer_group_offsets([offsets])[group].result(10)
    shown = get(http, f"{groups}/{group}")
    assert (shown["is_simple"], shown["state"], shown["partition_assignor"]) == (True, "EMPTY", "")
    assert get(http, f"{groups}/{group}/consumers")["data"] == []
    [lag] = get(http, f"{groups}/{group}/lags")["data"]
    assert (lag["consumer_id"], lag["instance_id"], lag["client_id"], lag["lag"]) == ("", None, "", 7)
    assert get(http, f"{groups}/{group}/lag-summary")["max_lag_consumer_id"] == ""


def test_lag_counts_what_transactions_have_committed(http, groups, admin, server, filled):
    group = f"{filled}-transactions"
    offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(filled, 0, 10)])
    admin.alter_consumer_group_offsets([offsets])[group].result(10)
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": filled})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(filled, b"open", partition=0)
    producer.flush(10)
    path = f"{groups}/{group}/lags/{filled}/partitions/0"
    assert get(http, path)["log_end_offset"] == 10
    producer.commit_transaction(10)
    wait_for(lambda: get(http, path)["log_end_offset"] == 12, what="the marker")


def test_groups_that_are_not_there(http, groups):
    for path in ("", "/consumers", "/consumers/c", "/consumers/c/assignments", "/lags", "/lag-summary"):
        answer = http.get(f"{groups}/nobody{path}")
        assert refusal(answer) == (404, 404)
        assert answer.json()["message"] == "Consumer Group nobody could not be found."


def test_a_group_may_be_called_anything(http, groups, admin, filled):
    group = "a/b?c=d&é \"%"
    offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(filled, 0, 1)])
    admin.alter_consumer_group_offsets([offsets])[group].result(10)
    [shown] = [entry for entry in get(http, groups)["data"] if entry["consumer_group_id"] == group]
    assert get(http, shown["metadata"]["self"]) == shown
    summary = get(http, shown["lag_summary"]["related"])
    assert get(http, summary["max_lag_partition"]["related"])["topic_name"] == filled
