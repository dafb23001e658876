"""Apache Kafka's command line tools on consumer groups, as people use them."""

import json
import re
import struct
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

import wire
from clients import Record
from groups import PARTITIONS, by_number, client, committed, fill, has_all, in_all_partitions
from installed import java
from kafka_tools import KafkaTools
from members import ConfluentMember, wait_for


@pytest.fixture
def filled(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    return fill(server, topic, 0, 100)


@pytest.fixture
def tool(server, kafka_tools):
    return lambda *arguments: kafka_tools.run(
        KafkaTools.CONSUMER_GROUPS, "--bootstrap-server", server.bootstrap, *arguments
    )


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


def test_what_a_member_has_is_not_reset(server, topic, filled, tool):
    group = f"group-{topic}"
    member = ConfluentMember(server.bootstrap, group, topic)
    wait_for(has_all([member], filled), what="all records")
    said = tool("--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
    assert "Assignments can only be reset if the group" in said and "Stable" in said
    member.leave()
    assert committed(server, group, topic) == in_all_partitions(25)


@pytest.fixture
def reset(server, topic, tool):
    group = f"group-{topic}"

    def reset(*scenario: str, of=("--topic", topic)) -> dict[int, int]:
        tool("--group", group, *of, "--reset-offsets", *scenario, "--execute")
        return committed(server, group, topic)

    reset.group = group
    return reset


def test_kafka_consumer_groups_resets_to_offsets(topic, filled, tool, reset):
    assert reset("--to-latest") == in_all_partitions(25)
    assert reset("--shift-by", "-5") == in_all_partitions(20)
    assert reset("--to-current") == in_all_partitions(20)
    assert reset("--to-earliest") == in_all_partitions(0)
    assert reset("--to-offset", "7") == in_all_partitions(7)
    assert reset("--to-offset", "99") == in_all_partitions(25)
    assert reset("--to-offset", "3", of=("--all-topics",)) == in_all_partitions(3)
    assert reset("--shift-by", "2", of=("--topic", f"{topic}:1,2")) == {0: 3, 1: 5, 2: 5, 3: 3}
    tool("--group", reset.group, "--topic", topic, "--reset-offsets", "--to-latest", "--dry-run")
    assert reset("--to-current") == {0: 3, 1: 5, 2: 5, 3: 3}


def test_kafka_consumer_groups_resets_to_times(server, topic, reset):
    client.create_topic(server.bootstrap, topic)
    now = datetime.now(timezone.utc)
    times = [now - timedelta(hours=hours) for hours in range(10, 0, -1)]
    records = [Record(b"%d" % number, timestamp=int(time.timestamp() * 1000)) for number, time in enumerate(times)]
    client.produce(server.bootstrap, records, topic)
    assert reset("--to-datetime", (times[4] - timedelta(minutes=1)).isoformat(timespec="milliseconds")) == {0: 4}
    assert reset("--to-datetime", (now + timedelta(days=1)).isoformat(timespec="milliseconds")) == {0: 10}
    assert reset("--by-duration", "PT3H30M") == {0: 7}


def test_kafka_consumer_groups_resets_from_a_file(topic, filled, tool, reset, tmp_path):
    reset("--to-offset", "4")
    exported = tool("--group", reset.group, "--topic", topic, "--reset-offsets", "--to-current", "--export", "--dry-run")
    plan = tmp_path / "plan.csv"
    plan.write_text("\n".join(line for line in exported.splitlines() if topic in line).replace(",4", ",9"))
    assert reset("--from-file", str(plan), of=()) == in_all_partitions(9)


def test_kafka_consumer_groups_resets_all_groups(server, topic, filled, tool):
    groups = [f"{name}-{topic}" for name in ("one", "two")]
    for group in groups:
        tool("--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
    tool("--all-groups", "--topic", topic, "--reset-offsets", "--to-offset", "8", "--execute")
    assert [committed(server, group, topic) for group in groups] == [in_all_partitions(8)] * 2


def test_kafka_consumer_groups_deletes(server, topic, filled, tool, reset):
    reset("--to-offset", "7")
    tool("--group", reset.group, "--delete-offsets", "--topic", f"{topic}:1")
    assert committed(server, reset.group, topic) == {0: 7, 2: 7, 3: 7}
    tool("--group", reset.group, "--delete-offsets", "--topic", topic)
    assert committed(server, reset.group, topic) == {}
    other = f"other-{topic}"
    tool("--group", other, "--topic", topic, "--reset-offsets", "--to-latest", "--execute")
    assert "successful" in tool("--group", other, "--delete")
    assert [other] not in rows(tool("--list"))
    assert "GroupIdNotFoundException" in tool("--group", other, "--delete")


def test_kafka_groups_lists(server, topic, filled, tool, kafka_tools, reset):
    reset("--to-latest")
    listed = kafka_tools.run(
        "org.apache.kafka.tools.GroupsCommand", "--bootstrap-server", server.bootstrap, "--list", "--consumer"
    )
    assert reset.group in [row[0] for row in rows(listed)]


def test_kafka_dump_log_decodes_what_is_kept(server, topic, filled, kafka_tools):
    group = f"group-{topic}"
    member = ConfluentMember(server.bootstrap, group, topic)
    wait_for(has_all([member], filled), what="all records")
    member.leave()
    files = sorted(server.data.glob("__consumer_offsets-*/*.log"))
    dumped = kafka_tools.run(
        "org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, files))
    )
    key = re.escape(f'{{"type":"1","data":{{"group":"{group}","topic":"{topic}","partition":2}}}}')
    assert re.search(rf'key: {key} payload: {{"version":"4","data":{{"offset":25,', dumped)
    assert re.search(rf'"data":{{"group":"{group}"}}}} payload: .*"protocol":"range","leader":"[^"]+"', dumped)
    assert "isvalid: false" not in dumped


def test_kafka_console_consumer_reads_on_in_its_group(server, topic, filled):
    def read(*options: str) -> list[bytes]:
        command = java(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            *("--bootstrap-server", server.bootstrap, "--topic", topic, "--group", f"group-{topic}", *options),
        )
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.split()

    assert by_number(read("--from-beginning", "--max-messages", "100")) == filled
    more = fill(server, topic, 100, 8)
    assert by_number(read("--max-messages", "8")) == more


def test_kafka_consumer_perf_test(server, topic, filled, kafka_tools):
    said = kafka_tools.run(
        "org.apache.kafka.tools.ConsumerPerformance",
        *("--bootstrap-server", server.bootstrap, "--topic", topic, "--num-records", "100", "--group", f"group-{topic}"),
    )
    lines = said.splitlines()
    at = next((i for i, line in enumerate(lines) if line.startswith("start.time")), None)
    assert at is not None, said
    assert int(dict(zip(lines[at].split(", "), lines[at + 1].split(", ")))["data.consumed.in.nMsg"]) == 100, said
    assert committed(server, f"group-{topic}", topic) == in_all_partitions(25)


def test_kafka_verifiable_producer_and_consumer_agree(server, topic):
    client.create_topic(server.bootstrap, topic, PARTITIONS)
    wrote = subprocess.run(
        java(
            "org.apache.kafka.tools.VerifiableProducer",
            *("--bootstrap-server", server.bootstrap, "--topic", topic, "--max-messages", "1000"),
        ),
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    acknowledged = [line for line in map(json.loads, wrote.splitlines()) if line["name"] == "producer_send_success"]
    assert len(acknowledged) == 1000
    read = subprocess.run(
        java(
            "org.apache.kafka.tools.VerifiableConsumer",
            *("--bootstrap-server", server.bootstrap, "--topic", topic, "--group-id", f"group-{topic}"),
            *("--max-messages", "1000", "--verbose", "--reset-policy", "earliest"),
        ),
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    events = list(map(json.loads, read.splitlines()))
    values = [event["value"] for event in events if event["name"] == "record_data"]
    assert by_number(values) == by_number(line["value"] for line in acknowledged)
    commits = [event for event in events if event["name"] == "offsets_committed"]
    assert commits and all(event["success"] for event in commits)
    assert sum(committed(server, f"group-{topic}", topic).values()) == 1000


def commit_for(server, group: str, topic: str, retention_ms: int) -> int:
    """OffsetCommit 4, of offset 7 of partition 0; the error code."""
    partition = struct.pack(">iq", 0, 7) + wire.string("")
    body = wire.string(group) + struct.pack(">i", -1) + wire.string("") + struct.pack(">q", retention_ms)
    with wire.Connection(server.bootstrap) as connection:
        connection.send(wire.request(8, 4, body + wire.array(wire.string(topic) + wire.array(partition))))
        answer = connection.response()
        answer.number("i")
        [(_, [(_, error)])] = answer.array(
            lambda r: (r.string(), r.array(lambda part: (part.number("i"), part.number("h"))))
        )
        return error


def test_an_old_client_says_how_long_its_offsets_are_kept(servers, topic, kafka_tools):
    server = servers.start({"offsets.retention.check.interval.ms": "300"})
    client.create_topic(server.bootstrap, topic)
    assert commit_for(server, "hour", topic, 3_600_000) == 0
    assert commit_for(server, "usual", topic, -1) == 0
    assert commit_for(server, "moment", topic, 1) == 0
    wait_for(lambda: committed(server, "moment", topic) == {}, what="the end of the moment")
    assert committed(server, "hour", topic) == committed(server, "usual", topic) == {0: 7}
    files = sorted(server.data.glob("__consumer_offsets-*/*.log"))
    dumped = kafka_tools.run(
        "org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, files))
    )
    values = dict(re.findall(r'"group":"(hour|usual)".*? payload: (\{.*)', dumped))
    hour = json.loads(values["hour"])
    assert hour["version"] == "1"
    assert hour["data"]["expireTimestamp"] - hour["data"]["commitTimestamp"] == 3_600_000
    usual = json.loads(values["usual"])
    assert usual["version"] == "4" and len(usual["data"]["topicId"]) == 22
