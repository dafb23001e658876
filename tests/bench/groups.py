"""The lines of consumer groups and their offsets."""
import json
import signal
import subprocess
import time

import servers
from table import against, alone, interleaved, per

MEMBERS = 50
GROUPS = 1000
OFFSETS = 100_000
CONNECTIONS = 16


def run(programs, *arguments):
    command = [programs.bin / "bench_groups", *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def rebalance(programs, rounds):
    values = []
    for _ in range(rounds):
        programs.wait_for_quiet()
        with programs.furrowd_with_topic() as server:
            result = run(programs, "rebalance", "--connections", MEMBERS, "--requests", 20, "--port", server.port)
            values.append(result["p50_us"] / 1000)
    yield alone(f"{MEMBERS} members, last JoinGroup to last SyncGroup answered", values, "ms", 20, False)


def group_memory(programs, rounds):
    values = []
    for _ in range(rounds):
        with programs.furrowd_with_topic(partitions=10) as server:
            time.sleep(0.5)
            before = server.resident_mib()
            run(programs, "members", "--groups", GROUPS, "--partitions", 10, "--port", server.port)
            time.sleep(0.5)
            values.append(server.resident_mib() - before)
    yield alone(f"{GROUPS} groups of one member with 10 offsets: resident beyond idle", values, "MiB", 4, False)


def commits(programs, rounds):
    def rate(no_sync):
        syncs = servers.SyncCount(programs.bin / "bench_count_syncs.so", programs.where)

        def environment(folder):
            return {**syncs.environment(folder), **({"BENCH_NO_SYNC": "1"} if no_sync else {})}

        programs.wait_for_quiet()
        with programs.furrowd_with_topic(environment=environment) as server:
            ways = ("commits", "--connections", CONNECTIONS, "--port", server.port)
            run(programs, *ways, "--requests", 2000)
            result = run(programs, *ways, "--requests", 20_000)
            return result["requests"] / result["seconds"] / 1e3

    def per_sync():
        programs.wait_for_quiet()
        syncs = servers.SyncCount(programs.bin / "bench_count_syncs.so", programs.where)
        with programs.furrowd_with_topic(["log.flush.test.delay.ms=2"], syncs.environment) as server:
            ways = ("commits", "--connections", CONNECTIONS, "--port", server.port)
            run(programs, *ways, "--requests", 100)  # the topic is made, too
            before = syncs.value()
            return run(programs, *ways, "--requests", 4000)["requests"] / (syncs.value() - before)

    pairs = interleaved(rounds, lambda: rate(False), lambda: rate(True))
    yield against(f"offset commits, {CONNECTIONS} connections: rate; the other never syncs", pairs, "k/s", 0.5, True)
    values = [per_sync() for _ in range(rounds)]
    yield alone(f"offset commits, {CONNECTIONS} connections, 2 ms syncs: commits per sync", values, "", 15, True)


def start(programs, rounds):
    partitions = 100
    with programs.furrowd_with_topic(partitions=partitions) as server:
        def measure():
            programs.wait_for_quiet()
            return programs.load("startup", "--port", server.port, "--", *server.command)["ms"]

        server.stop(signal.SIGTERM)
        empty = [measure() for _ in range(2 * rounds + 1)]
        server.start()
        run(programs, "offsets", "--groups", OFFSETS // partitions, "--partitions", partitions, "--port", server.port)
        server.stop(signal.SIGTERM)
        values = [measure() for _ in range(2 * rounds + 1)]
    yield against(f"start with {OFFSETS:,} committed offsets; with none", list(zip(values, empty)), "ms", 60, False,
                  by_ratio=False)


LINES = {"rebalance": rebalance, "group-memory": group_memory, "commits": commits, "group-start": start}
