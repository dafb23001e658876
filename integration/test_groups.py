"""Consumer groups of the classic protocol, with clients and tools as people use them."""

import re
import subprocess

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from clients import Record
from clients.confluent import Confluent
from clients.kcat import kcat
from installed import java
from members import MEMBERS, ConfluentMember, KafkaPythonMember, wait_for
from servers import free_port

PARTITIONS = 4

client = Confluent()


def fill(server, topic: str, start: int, count: int) -> list[bytes]:
    values = [b"%d" % number for number in range(start, start + count)]
    for partition in range(PARTITIONS):
        mine = [Record(value, partition=partition) for value in values[partition::PARTITIONS]]
        client.produce(server.bootstrap, mine, topic)
    return values


@pytest.fixture
def filled(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return fill(server, topic, 0, 100)


def by_number(values) -> list[bytes]:
    return sorted(values, key=int)


def committed(server, group: str, topic: str) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(15)
    return {part.partition: part.offset for part in found.topic_partitions if part.topic == topic}


def has_all(members, values):
    return lambda: sum(len(member.values) for member in members) >= len(values)


def shared(*members):
    """The members own all partitions, and none of them two."""
    owned = lambda: sorted(partition for member in members for partition in member.assigned)  # noqa: E731
    return lambda: owned() == list(range(PARTITIONS)) and all(member.assigned for member in members)


def test_kcat_reads_on_where_its_group_has_stopped(server, topic):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(10)], topic)
    options = ("-X", "auto.offset.reset=earliest", "-q")
    first = kcat(server.bootstrap, "-G", f"group-{topic}", "-c", "6", *options, topic)
    assert first.stdout.split() == [b"%d" % number for number in range(6)]
    rest = kcat(server.bootstrap, "-G", f"group-{topic}", "-c", "4", *options, topic)
    assert rest.stdout.split() == [b"%d" % number for number in range(6, 10)]


@pytest.mark.parametrize("member_class", MEMBERS, ids=lambda found: found.name)
def test_members_share_the_partitions_and_go_on_after_a_restart(server, topic, filled, member_class):
    group = f"group-{topic}"
    first = member_class(server.bootstrap, group, topic)
    wait_for(lambda: len(first.assigned) == PARTITIONS, what="an assignment")
    second = member_class(server.bootstrap, group, topic)
    wait_for(shared(first, second), 40, "a share for each")
    wait_for(has_all([first, second], filled), what="all records")
    values = second.leave()
    wait_for(lambda: len(first.assigned) == PARTITIONS, 40, "what the other one had")
    more = fill(server, topic, 100, 40)
    wait_for(lambda: set(more) <= set(first.values), what="the new records")
    values += first.leave()
    assert set(values) >= set(filled + more)
    assert committed(server, group, topic) == {partition: 35 for partition in range(PARTITIONS)}
    again = member_class(server.bootstrap, group, topic)
    last = fill(server, topic, 140, 8)
    wait_for(has_all([again], last), what="the last records")
    assert by_number(again.leave()) == last


def test_who_vanishes_is_replaced_when_its_session_ends(server, topic, filled):
    group = f"group-{topic}"
    gone = ConfluentMember(server.bootstrap, group, topic)
    wait_for(lambda: len(gone.assigned) == PARTITIONS, what="an assignment")
    wait_for(has_all([gone], filled), what="all records")
    gone.vanish()
    heir = KafkaPythonMember(server.bootstrap, group, topic)
    wait_for(lambda: len(heir.assigned) == PARTITIONS, 40, "what the other one had")
    wait_for(has_all([heir], filled), what="all records")  # nothing of them was committed
    assert by_number(heir.leave()) == filled


def test_a_static_member_comes_back_without_a_rebalance(server, topic, filled):
    group = f"group-{topic}"
    stays = ConfluentMember(server.bootstrap, group, topic, **{"group.instance.id": "one"})
    wait_for(lambda: len(stays.assigned) == PARTITIONS, what="an assignment")
    restarted = ConfluentMember(server.bootstrap, group, topic, **{"group.instance.id": "two"})
    wait_for(shared(stays, restarted), 40, "a share for each")
    wait_for(has_all([stays, restarted], filled), what="all records")
    before, rebalances = restarted.assigned.copy(), stays.rebalances
    restarted.leave()
    again = ConfluentMember(server.bootstrap, group, topic, **{"group.instance.id": "two"})
    wait_for(lambda: again.assigned == before, what="the same partitions")
    assert stays.rebalances == rebalances
    again.leave()
    stays.leave()


def test_cooperative_members_keep_what_they_need_not_give_up(server, topic, filled):
    group = f"group-{topic}"
    config = {"partition.assignment.strategy": "cooperative-sticky"}
    first = ConfluentMember(server.bootstrap, group, topic, **config)
    wait_for(lambda: len(first.assigned) == PARTITIONS, what="an assignment")
    second = ConfluentMember(server.bootstrap, group, topic, **config)
    wait_for(shared(first, second), 40, "a share for each")
    wait_for(has_all([first, second], filled), what="all records")
    assert by_number(first.leave() + second.leave()) == filled  # nothing was read twice


def test_members_without_a_common_protocol_do_not_meet(server, topic, filled):
    group = f"group-{topic}"
    first = ConfluentMember(server.bootstrap, group, topic, **{"partition.assignment.strategy": "range"})
    wait_for(lambda: len(first.assigned) == PARTITIONS, what="an assignment")
    other = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": group,
            "partition.assignment.strategy": "cooperative-sticky",
        }
    )
    other.subscribe([topic])
    told = []
    wait_for(lambda: (message := other.poll(0.1)) and told.append(message.error()) is None, what="a refusal")
    assert told[0].name() == "INCONSISTENT_GROUP_PROTOCOL"
    other.close()
    first.leave()


def test_commits_survive_the_end_of_the_server(servers, topic):
    server = servers.start()
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"x")] * 10, topic)
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "kept", "enable.auto.commit": False})
    for offset in range(1, 10):
        wanted = TopicPartition(topic, 0, offset, metadata=f"note {offset} ä")
        assert consumer.commit(offsets=[wanted], asynchronous=False)[0].error is None
    consumer.close()
    for end in (server.kill, server.stop):
        end()
        server.start()
        consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "kept"})
        found = consumer.committed([TopicPartition(topic, 0)], 15)[0]
        assert (found.offset, found.metadata) == (9, "note 9 ä")
        consumer.close()


def test_a_deleted_topic_takes_its_offsets_along(server, topic, filled):
    group = f"group-{topic}"
    member = KafkaPythonMember(server.bootstrap, group, topic)
    wait_for(has_all([member], filled), what="all records")
    member.leave()
    assert committed(server, group, topic) == {partition: 25 for partition in range(PARTITIONS)}
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.delete_topics([topic])[topic].result(15)
    wait_for(lambda: committed(server, group, topic) == {}, what="the end of the offsets")


def test_a_commit_that_is_refused_says_why(server, topic, filled):
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": f"group-{topic}"})
    with pytest.raises(KafkaException) as refused:
        consumer.commit(offsets=[TopicPartition(topic, 99, 1)], asynchronous=False)
    assert refused.value.args[0].name() == "UNKNOWN_TOPIC_OR_PART"
    with pytest.raises(KafkaException) as refused:
        consumer.commit(offsets=[TopicPartition(topic, 0, 1, metadata="x" * 5000)], asynchronous=False)
    assert refused.value.args[0].name() == "OFFSET_METADATA_TOO_LARGE"
    consumer.close()


# ---- Kafka's tool ----


@pytest.fixture
def tool(server):
    def run(*arguments: str) -> str:
        main_class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
        command = java(main_class, "--bootstrap-server", server.bootstrap, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    return run


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_kafka_consumer_groups_shows_members_and_lag(server, topic, filled, tool):
    group = f"group-{topic}"
    member = ConfluentMember(server.bootstrap, group, topic, **{"client.id": "reader"})
    wait_for(has_all([member], filled), what="all records")
    assert [group, "Stable"] in rows(tool("--list", "--state"))
    members = tool("--describe", "--group", group, "--members", "--verbose")
    assert re.search(rf"{group} +reader-\S+ +/127.0.0.1 +reader +{PARTITIONS} ", members)
    assert re.search(rf"{group} +\S+ +\S+ +range +Stable +1", tool("--describe", "--group", group, "--state"))
    member.leave()
    described = rows(tool("--describe", "--group", group, "--offsets"))
    assert [group, topic, "0", "25", "25", "0", "-", "-", "-"] in described


def test_kafka_consumer_groups_resets_and_deletes(server, topic, filled, tool):
    group = f"group-{topic}"
    reset = ("--group", group, "--topic", topic, "--reset-offsets", "--execute")
    tool(*reset, "--to-latest")
    assert committed(server, group, topic) == {partition: 25 for partition in range(PARTITIONS)}
    tool(*reset, "--shift-by", "-5")
    assert committed(server, group, topic) == {partition: 20 for partition in range(PARTITIONS)}
    tool(*reset, "--to-earliest")
    assert committed(server, group, topic) == {partition: 0 for partition in range(PARTITIONS)}
    tool(*reset, "--to-offset", "7")
    assert committed(server, group, topic) == {partition: 7 for partition in range(PARTITIONS)}
    tool("--group", group, "--delete-offsets", "--topic", f"{topic}:1")
    assert committed(server, group, topic) == {0: 7, 2: 7, 3: 7}
    assert "successful" in tool("--group", group, "--delete")
    assert [group] not in rows(tool("--list"))


def test_kafka_dump_log_decodes_what_is_kept(server, topic, filled, tool):
    group = f"group-{topic}"
    member = ConfluentMember(server.bootstrap, group, topic)
    wait_for(has_all([member], filled), what="all records")
    member.leave()
    files = sorted(server.partition_folder("__consumer_offsets").glob("*.log"))
    command = java(
        "org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, files))
    )
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    key = re.escape(f'{{"type":"1","data":{{"group":"{group}","topic":"{topic}","partition":2}}}}')
    assert re.search(rf'key: {key} payload: {{"version":"3","data":{{"offset":25,', dumped)
    assert re.search(rf'"data":{{"group":"{group}"}}}} payload: .*"protocol":"range","leader":"[^"]+"', dumped)
    assert "isvalid: false" not in dumped


def test_who_writes_to_the_topic_of_offsets_does_not_make_it_one_that_forgets(servers):
    server = servers.start({"auto.create.topics.enable": "true"})
    producer = Producer({"bootstrap.servers": server.bootstrap, "message.timeout.ms": 5000})
    producer.produce("__consumer_offsets", b"not for clients")
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    wait_for(lambda: "__consumer_offsets" in admin.list_topics(timeout=5).topics, what="the topic")
    resource = ConfigResource(ResourceType.TOPIC, "__consumer_offsets")
    config = admin.describe_configs([resource])[resource].result(15)
    assert config["cleanup.policy"].value == "compact"
    assert producer.flush(10) == 0


def test_damaged_offsets_stop_no_server_and_are_not_taken_for_none(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    for group in ("first", "second"):
        consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": group})
        consumer.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
        consumer.close()
    server.stop()
    [log] = server.partition_folder("__consumer_offsets").glob("*.log")
    log.write_bytes(log.read_bytes().replace(b"first", b"FIRST"))
    server.start()
    client.produce(server.bootstrap, [Record(b"served")], topic)
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "second"})
    with pytest.raises(KafkaException):
        consumer.committed([TopicPartition(topic, 0)], timeout=2)
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.delete_topics(["__consumer_offsets"])["__consumer_offsets"].result(15)
    consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert committed(server, "second", topic) == {0: 1}
    consumer.close()


def test_with_the_topic_of_offsets_all_that_was_committed_goes(servers, topic):
    server = servers.start(port=free_port())
    client.create_topic(server.bootstrap, topic)
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "committer"})
    consumer.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
    admin.delete_topics(["__consumer_offsets"])["__consumer_offsets"].result(15)
    for restarted in (False, True):
        assert committed(server, "committer", topic) == {}
        if not restarted:
            server.stop()
            server.start()
    consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert committed(server, "committer", topic) == {0: 1}
    consumer.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_topic_made_again_has_no_offsets_of_the_one_before(servers, topic, restarts):
    server = servers.start(port=free_port())
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    consumer = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "committer"})
    for _ in range(5):
        client.create_topic(server.bootstrap, topic)
        wait_for(lambda: topic in admin.list_topics(timeout=5).topics, what="the topic")
        assert committed(server, "committer", topic) == {}
        consumer.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
        consumer.commit(offsets=[TopicPartition(topic, 0, 6)], asynchronous=True)
        admin.delete_topics([topic])[topic].result(15)
        if restarts:
            server.stop()
            server.start()
    consumer.close()
