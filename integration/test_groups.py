"""Consumer groups of the classic protocol, with clients and tools as people use them."""

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from clients import Record
from clients.kcat import kcat
from groups import PARTITIONS, by_number, client, committed, fill, has_all, in_all_partitions, owns_all, shared
from members import ConfluentMember, KafkaPythonMember, wait_for
from servers import free_port


@pytest.fixture
def filled(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return fill(server, topic, 0, 100)


def test_kcat_reads_on_where_its_group_has_stopped(server, topic):
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"%d" % number) for number in range(10)], topic)
    options = ("-X", "auto.offset.reset=earliest", "-q")
    first = kcat(server.bootstrap, "-G", f"group-{topic}", "-c", "6", *options, topic)
    assert first.stdout.split() == [b"%d" % number for number in range(6)]
    rest = kcat(server.bootstrap, "-G", f"group-{topic}", "-c", "4", *options, topic)
    assert rest.stdout.split() == [b"%d" % number for number in range(6, 10)]


def test_cooperative_members_keep_what_they_need_not_give_up(server, topic, filled):
    group = f"group-{topic}"
    config = {"partition.assignment.strategy": "cooperative-sticky"}
    first = ConfluentMember(server.bootstrap, group, topic, **config)
    wait_for(has_all([first], filled), what="all records")
    second = ConfluentMember(server.bootstrap, group, topic, **config)
    wait_for(shared(first, second), what="a share for each")
    wait_for(lambda: len(second.values) == len(filled) // 2, what="the records of half of the partitions")
    second.leave()
    assert by_number(first.leave()) == filled  # of what it kept nothing was read twice


def test_members_without_a_common_protocol_do_not_meet(server, topic, filled):
    group = f"group-{topic}"
    first = ConfluentMember(server.bootstrap, group, topic, **{"partition.assignment.strategy": "range"})
    wait_for(owns_all(first), what="an assignment")
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
    assert committed(server, group, topic) == in_all_partitions(25)
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
