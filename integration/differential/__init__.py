"""The scenarios of test_differential.py: what both servers are asked. Each uses topics of its own."""

from differential.admin_edges import ADMIN_EDGES
from differential.configs import alter_configs, describe_configs, incremental_alter_configs
from differential.consumer_groups import CONSUMER_GROUPS
from differential.deletions import delete_records
from differential.disks import describe_log_dirs
from differential.group_edges import GROUP_EDGES
from differential.groups import GROUPS
from differential.handshake import api_versions, describe_cluster, describe_topic_partitions, metadata, raw_frames
from differential.offsets import leader_epochs, list_offsets
from differential.one_node import ONE_NODE
from differential.reads import fetch, sessions
from differential.records import idempotence, produce_versions
from differential.settings import SETTINGS
from differential.transactions import TRANSACTIONS
from differential.topics import create_partitions, create_topics, delete_topics

SCENARIOS = [
    api_versions,
    raw_frames,
    metadata,
    create_topics,
    delete_topics,
    delete_records,
    create_partitions,
    describe_configs,
    incremental_alter_configs,
    alter_configs,
    produce_versions,
    idempotence,
    fetch,
    sessions,
    list_offsets,
    leader_epochs,
    describe_cluster,
    describe_topic_partitions,
    describe_log_dirs,
    *GROUPS,
    *CONSUMER_GROUPS,
    *GROUP_EDGES,
    *ONE_NODE,
    *TRANSACTIONS,
    *SETTINGS,
    *ADMIN_EDGES,
]
