"""The consumer protocol (KIP-848): the server assigns, and members follow at their own pace."""

import re
from functools import partial

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from groups import PARTITIONS, Writing, by_number, client, committed, fill, has_all, in_all_partitions, owns_all, shared
from kafka_tools import KafkaTools
from members import ConfluentMember, FranzGoMember, JavaMember, Member, wait_for

SETTINGS = {
    "group.min.session.timeout.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "200",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "3000",
}
CONSUMER = {"group.protocol": "consumer"}
MEMBERS = [JavaMember, ConfluentMember, FranzGoMember]

pytestmark = pytest.mark.timeout(240)
soon = partial(wait_for, seconds=60)  # a JVM takes its time to start
each_client = pytest.mark.parametrize("member_class", MEMBERS, ids=lambda found: found.name)


@pytest.fixture
def filled(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return fill(server, topic, 0, 100)


@pytest.fixture
def tool(server, kafka_tools):
    return lambda *arguments: kafka_tools.run(
        KafkaTools.CONSUMER_GROUPS, "--bootstrap-server", server.bootstrap, *arguments
    )


def everything(members, values):
    """All of it has been read, by whomever, and however often."""
    return lambda: {value for member in members for value in member.values} >= {*values}


@each_client
def test_no_record_is_lost_while_members_come_and_go(server, topic, member_class):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    group = f"group-{topic}"

    def join() -> Member:
        return member_class(server.bootstrap, group, topic, **CONSUMER)

    with Writing(server, topic) as writing:
        first = join()
        soon(owns_all(first), what="an assignment")
        second = join()
        soon(shared(first, second), what="a share for each")
        values = second.vanish()
        soon(owns_all(first), what="what the vanished one had")
        second = join()
        soon(shared(first, second), what="a share for each, again")
        values += first.leave()
        soon(owns_all(second), what="what the other one had")
    soon(lambda: {*values, *second.values} >= {*writing.values}, what="all that was written")
    second.leave()
    assert committed(server, group, topic) == in_all_partitions(len(writing.values) // PARTITIONS)
    again = join()
    last = fill(server, topic, len(writing.values), 8)
    soon(has_all([again], last), what="the last records")
    assert by_number(again.leave()) == last


# franz-go 1.22.1 leaves without its instance id, which Kafka refuses, too.
@pytest.mark.parametrize("member_class", [JavaMember, ConfluentMember], ids=lambda found: found.name)
def test_a_static_member_comes_back_to_what_it_had(server, topic, filled, kafka_tools, member_class):
    group = f"group-{topic}"
    entity = ("--bootstrap-server", server.bootstrap, "--entity-type", "groups", "--entity-name", group)
    kafka_tools.run(KafkaTools.CONFIGS, *entity, "--alter", "--add-config", "consumer.session.timeout.ms=40000")
    stays = member_class(server.bootstrap, group, topic, instance="one", **CONSUMER)
    soon(owns_all(stays), what="an assignment")
    restarted = member_class(server.bootstrap, group, topic, instance="two", **CONSUMER)
    soon(shared(stays, restarted), what="a share for each")
    before, rebalances = restarted.assigned.copy(), stays.rebalances
    restarted.leave()
    again = member_class(server.bootstrap, group, topic, instance="two", **CONSUMER)
    soon(lambda: again.assigned == before, what="the same partitions")
    soon(everything([stays, restarted, again], filled), what="all records")
    assert stays.rebalances == rebalances
    again.leave()
    stays.leave()


def test_members_of_all_clients_share_a_group(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    group = f"group-{topic}"
    members = [member_class(server.bootstrap, group, topic, **CONSUMER) for member_class in MEMBERS]
    soon(shared(*members), what="a share for each")
    filled = fill(server, topic, 0, 100)
    soon(has_all(members, filled), what="all records")
    assert by_number(value for member in members for value in member.leave()) == filled
    assert committed(server, group, topic) == in_all_partitions(25)


@each_client
def test_an_expression_names_topics_of_now_and_of_later(server, topic, filled, member_class):
    group = f"group-{topic}"
    member = member_class(server.bootstrap, group, f"^{topic}(-[a-z]+)?$", **CONSUMER)
    soon(everything([member], filled), what="the records of the first topic")
    client.create_topic(server.bootstrap, f"{topic}-later", PARTITIONS)
    client.create_topic(server.bootstrap, f"{topic}-2", PARTITIONS)
    later = fill(server, f"{topic}-later", 1000, 20)
    fill(server, f"{topic}-2", 5000, 20)
    soon(everything([member], later), what="the records of the topic that came")
    assert by_number({*member.leave()}) == filled + later


@pytest.mark.parametrize("expression", ["^(a", "^(?=a)a", "^a{1001}"])
def test_an_expression_that_is_none_is_refused(server, topic, expression):
    member = JavaMember(server.bootstrap, f"group-{topic}", expression, **CONSUMER)
    soon(lambda: "InvalidRegularExpression" in "".join(member.complaints), what="a refusal")
    member.vanish()


@each_client
def test_a_topic_may_come_and_grow(server, topic, member_class):
    group = f"group-{topic}"
    member = member_class(server.bootstrap, group, topic, **CONSUMER)
    client.create_topic(server.bootstrap, topic, 1)
    soon(lambda: member.assigned == {0}, what="the new topic")
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result(15)
    soon(owns_all(member), what="the new partitions")
    values = fill(server, topic, 0, 20)
    soon(everything([member], values), what="all records")
    member.leave()


@pytest.mark.parametrize("member_class", [JavaMember, ConfluentMember], ids=lambda found: found.name)
def test_range_gives_neighbours(server, topic, filled, member_class):
    config = {**CONSUMER, "group.remote.assignor": "range"}
    members = [member_class(server.bootstrap, f"group-{topic}", topic, **config) for _ in range(2)]
    soon(lambda: sorted(map(sorted, (m.assigned for m in members))) == [[0, 1], [2, 3]], what="neighbours")
    for member in members:
        member.leave()


@each_client
def test_an_empty_group_changes_its_protocol(server, topic, filled, member_class):
    """Classic, consumer, classic: each goes on where the other one has stopped."""
    group, config, seen = f"group-{topic}", {}, []
    for start in (100, 108, 116):
        member = member_class(server.bootstrap, group, topic, **config)
        soon(owns_all(member), what="an assignment")
        fill(server, topic, start, 8)
        soon(lambda: len(seen) + len(member.values) == start + 8, what="all records")
        seen += member.leave()
        config = {} if config else CONSUMER
    assert by_number(seen) == [b"%d" % number for number in range(124)]
    assert committed(server, group, topic) == in_all_partitions(31)


@each_client
def test_a_group_moves_to_the_consumer_protocol_and_back_while_it_reads(server, topic, member_class):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    group = f"group-{topic}"
    with Writing(server, topic) as writing:
        member, values = member_class(server.bootstrap, group, topic, session=4000), []
        soon(owns_all(member), what="an assignment")
        for config in (CONSUMER, {}):
            other = member_class(server.bootstrap, group, topic, session=4000, **config)
            soon(shared(member, other), what="a share for each")
            values += member.leave()
            member = other
            soon(owns_all(member), what="what the other one had")
    soon(lambda: {*values, *member.values} >= {*writing.values}, what="all that was written")
    member.leave()


@each_client
def test_members_go_on_when_the_server_was_killed(servers, topic, member_class):
    server = servers.start(SETTINGS)
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    group = f"group-{topic}"
    members = [member_class(server.bootstrap, group, topic, **CONSUMER) for _ in range(2)]
    soon(shared(*members), what="a share for each")
    values = fill(server, topic, 0, 40)
    soon(everything(members, values), what="all records")
    server.kill()
    server.start()
    values += fill(server, topic, 40, 40)
    soon(everything(members, values), what="the records of afterwards")
    soon(shared(*members), what="a share for each")
    for member in members:
        member.leave()
    assert committed(server, group, topic) == in_all_partitions(20)


def test_kafka_consumer_groups_shows_the_group(server, topic, filled, tool):
    group = f"group-{topic}"
    member = JavaMember(server.bootstrap, group, topic, instance="one", **CONSUMER, **{"client.id": "reader"})
    soon(everything([member], filled), what="all records")
    assert re.search(rf"{group} +Consumer +Stable", tool("--list", "--state", "--type"))
    assert group in tool("--list", "--type", "consumer") and group not in tool("--list", "--type", "classic")
    members = tool("--describe", "--group", group, "--members", "--verbose")
    assert re.search(rf"{group} +\S+ +one +/127.0.0.1 +reader +{PARTITIONS} ", members)
    assert re.search(rf"{group} +\S+ +\(1\) +uniform +Stable +1", tool("--describe", "--group", group, "--state"))
    refused = tool("--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
    assert "Assignments can only be reset if the group" in refused
    member.leave()
