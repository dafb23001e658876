"""The same requests to Apache Kafka and to furrowd, in every version, and the answers compared field by field. What
differs on purpose stands in INTENDED; anything else is a failure.

Apache Kafka writes for each change of a topic, so this takes a minute: tools/test runs it with --long only."""

import os
import re

import pytest
from differential import SCENARIOS
from differential.peers import Pair, Peer
from servers import ApacheKafka, Furrowd

pytestmark = [
    pytest.mark.furrow_only,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.environ.get("TEST_LENGTH", "long") != "long", reason="only with tools/test --long"),
]

# Regular expressions for lines `scenario | request vN note | .path: kafka …, furrowd …`, and why that is so.
INTENDED = {
    # Words are for people; where they could be Kafka's, they are.
    r"error_message: ": "our own words",
    # ---- ApiVersions
    r"^api_versions .*api_keys\[\d+\]: kafka \{.*\}, furrowd 'missing'": "APIs that are not served",
    r"^api_versions .*(finalized|supported)_features": "what is served, in one version each",
    # ---- frames
    r"^raw_frames \| (negative size|empty frame)": "closed at once",
    # ---- configuration
    r"\.configs\[(flush.ms|log.flush.interval.ms|max.connections|listeners|group.max.size|log.cleaner.dedupe.buffer.size|"
    r"log.cleaner.io.max.bytes.per.second|group.initial.rebalance.delay.ms|offsets.topic.segment.bytes)\]\.(value|synonyms)": "other defaults",
    r"\.configs\[(group\.)?consumer.assignment.interval.ms\]\.synonyms": "another default",
    r"\.configs\[transaction.state.log.[a-z.]+\]\.(value|(config_)?source|synonyms|config_type)": "one node, one partition",
    r"\.configs\[[^]]+\](\.synonyms\[[^]]+\])?: kafka \{.*\}, furrowd 'missing'": "settings that Furrow does not have",
    r"\.configs\[[^]]+\](\.synonyms\[[^]]+\])?: kafka 'missing', furrowd": "settings of Furrow's own, and derived ones",
    r"\.configs\[log\.[a-z.]+\]\.value: kafka None": "what is derived from another setting is shown",
    r"\.configs\[min.insync.replicas\].*(source|synonyms)": "Kafka 4.1 sets it for the cluster (KIP-966)",
    r"\.configs\[node.id\].*source": "Kafka has no default for it",
    r"\.configs\[.*message.timestamp.after.max.ms\].*(source|synonyms)": "servers.py sets it for Kafka",
    r"\.configs\[listeners\]\.read_only: kafka False, furrowd True": "sockets are opened at the start",
    r"broker, unknown": "a name that is not known is refused",
    r"\.min\.cleanable\.dirty\.ratio: kafka '0.25', furrowd '.25'": "a number is kept as it was written",
    r"(unknown|negative) operation\b.*error_code: kafka -1, furrowd 42": "Kafka fails without saying why",
    r"AlterConfigs v\d (twice|negative operation)\b.* \| : kafka 'no answer'": "Kafka does not answer",
    r"config with blanks.*\.value: kafka ' (7|TRUE) '": "blanks are not kept",
    r"validate only \| .*\.topic_id: kafka 'an id', furrowd 'no id'": "what is only checked has no id",
    r"DeleteTopics v6 id and name \| ": "both are told that they are twice",
    # ---- one node
    r"^quorum .*(leader_epoch|high_watermark|log_end_offset|_timestamp|\.port): ": "each has its own",
    # ---- Metadata
    r"^metadata \| Metadata v1[23] neither": "Kafka fails without saying why",
    r"(replica_election_results|config_resources)\[timeout0\]: kafka 'missing'": "Kafka had no time to make it",
    # ---- Produce
    r"(LogAppendTime set|producer without epoch|offsets [a-z ]+|trailing bytes) \| .*": "no client sends it: refused",
    r"(garbage in|wrong count in) .*": "compressed records are opened only where they must be",
    r"codec [57] \| .*(error_code: kafka -1, furrowd 76|log_start_offset)": "Kafka fails without saying why",
    r"transactional without producer \| ": "no client sends it: refused",
    r"(mixed|one partition twice|no partitions|a topic twice|(?<!a partition )twice|none) \| .*"
    r"(responses|topics)\[[^]]*\]": "repeated topics are answered as they were asked",
    r"unknown topic, acks -?\d \| .*error_code: kafka (3|100), furrowd 21": "acks are looked at first",
    r"record_errors\[0\]: kafka 'missing', furrowd": "which record it is",
    r"log_append_time_ms: kafka 160000000000\d, furrowd -1": "a duplicate has no time of its own",
    r"\.base_offset: |\d read back \| ": "not what was compared before is read back",
    r"^idempotence \| InitProducerId .*kafka (14|-1),": "Kafka is still starting",
    r"current (-1|0), epoch -2, partition [01] \| ": "a negative epoch is not known",
    # ---- Fetch
    r"isolation -?[12]\b.*(error_code: kafka -1|kafka -1, furrowd|kafka b'')": "unknown isolation reads all",
    r"isolation (2|-1) \| .*aborted_transactions": "unknown isolation reads all",
    r"replica \d \| .*current_leader: ": "no follower needs to be told who leads",
    r"bytes negative \| ": "as little as possible",
    r"bytes cut( in the second)? \| .*records": "no batch is cut",
    r"aborted_transactions: kafka \[\], furrowd None": "an error has none",
    r"three partitions, one unknown \| ": "Kafka answers what failed last",
    r"(begin|empty session, next) \| \.(session_id|error_code)": "no session without partitions",
    # ---- groups
    r"^odd_joins \| JoinGroup v9 a protocol without a name, .*protocol_name: kafka None": "it is the one that they have",
    r"^odd_joins \| LeaveGroup v2 after (no|negative) rebalance timeout .*(0|25), furrowd (25|0)": "the sync came too late",
    r"^odd_lists \| FindCoordinator v6 .* of type 2 .*kafka 15, furrowd 42": "there are no share groups",
    r"^odd_lists \| (DescribeGroups|ConsumerGroupDescribe) v\d \['(\S+)', '\2'\] \| .groups\[1\]": "it is told once",
    r"^odd_lists \| OffsetDelete v0 .* (no partitions|a topic twice) \| ": "topics are answered as they were asked",
    r"^odd_expressions \| ConsumerGroupHeartbeat v1 no names \| .*kafka 1, furrowd 2": "topics are looked up at once",
    r"^odd_instances \| .*group_state: kafka 'Stable', furrowd 'Reconciling'": "who joins again while it waits is never "
    "given in Kafka what it waits for",
    r"^odd_instances \| .* a leaves by another's name \| .*kafka 82, furrowd 25": "what c gave up is nobody's",
    # ---- administration
    r"^odd_(elections|reassignments) \| .* timeout (0|-1) \| .*kafka 7": "nothing takes any time",
    r"^odd_topics \| CreatePartitions v\d great \| .*kafka -1, furrowd 44": "Kafka fails without saying why",
    r"^odd_cursors \| .* from partition 2147483647": "Kafka counts on beyond the last number",
    # ---- transactions
    r"^produce_versions \| Produce v\d+ transaction \| .*kafka 19, furrowd 49": "Kafka has nobody yet to ask",
    r"^offsets_beside_others \| OffsetFetch v\d the second one ended first, (stable|all True)": "an offset that another "
    "one has overtaken in the log is of no matter any more, so what holds is final",
    r"^markers_of_tools \| WriteTxnMarkers v\d older epoch .*kafka -1, furrowd 47": "Kafka fails without saying why",
    r"^markers_of_tools \| WriteTxnMarkers v\d no topics": "each marker is answered",
    r"^describe_topic_partitions .*empty name \| ": "Kafka fails without saying why",
}


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("differential")
    # Kafka 4.3 puts assignments off, and has them made in the background.
    settings = {
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.consumer.assignment.interval.ms": "0",
    }
    at_once = {"group.consumer.assignor.offload.enable": "false"}
    kafka = ApacheKafka(folder / "kafka", {**settings, **at_once, "log.message.timestamp.after.max.ms": "3600000"}).start()
    furrowd = Furrowd(folder / "furrowd", settings, request.config.getoption("furrowd").resolve()).start()
    yield Pair(Peer(kafka), Peer(furrowd))
    kafka.kill()
    furrowd.stop()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_answers_as_kafka_does(pair, scenario):
    pair.scenario, pair.differences = scenario.__name__, []
    scenario(pair)
    pair.furrowd.server.check()
    known = [re.compile(pattern) for pattern in INTENDED]
    found = [line for line in map(str, pair.differences) if not any(pattern.search(line) for pattern in known)]
    assert not found, f"{len(found)} differences:\n" + "\n".join(line[:400] for line in found[:40])
