"""The lines of the table: each measures and yields rows."""
import json
import pathlib
import resource
import subprocess
import tempfile
import time

import events
import followers
import groups
import rest
import servers
from table import against, alone, interleaved, per

GB = 1e9
BATCH_OVERHEAD = 200  # bytes of a request or a record beside its value, at most, for the room that it takes


def timed_load(programs, server, *arguments):
    """bench_load's result with the server's CPU seconds."""
    before = server.cpu_seconds()
    result = programs.load(*arguments, "--port", server.port)
    result["cpu"] = server.cpu_seconds() - before
    return result


def produce_rounds(programs, rounds, arguments, requests, request_bytes):
    def measure(start):
        programs.wait_for_quiet()
        programs.recycle_pages(int(requests * 1.2 * request_bytes))
        with start() as server:
            programs.load("produce", *arguments, "--requests", requests // 10, "--port", server.port)
            return timed_load(programs, server, "produce", *arguments, "--requests", requests)

    return interleaved(
        rounds, lambda: measure(programs.furrowd_with_topic), lambda: measure(lambda: programs.baseline("bench_receiver"))
    )


def megabytes_per_second(result):
    return result["bytes"] / 1e6 / result["seconds"]


def cpu_per_gigabyte(result):
    return result["cpu"] / (result["bytes"] / GB)


def produce_batches(programs, rounds, value_size, requests):
    arguments = ["--records", 100, "--value-size", value_size, "--connections", 4, "--in-flight", 5]
    pairs = produce_rounds(programs, rounds, arguments, requests, 100 * (value_size + 10) + BATCH_OVERHEAD)
    figure = f"produce 100 × {value_size} B, acks=1"
    yield against(f"{figure}: rate", per(pairs, megabytes_per_second), "MB/s", 0.75, True)
    yield against(f"{figure}: CPU", per(pairs, cpu_per_gigabyte), "s/GB", 1.4, False)


def produce_1k(programs, rounds):
    yield from produce_batches(programs, rounds, 1000, 10000)


def produce_100(programs, rounds):
    yield from produce_batches(programs, rounds, 100, 100000)


def produce_one(programs, rounds):
    arguments = ["--records", 1, "--value-size", 100, "--connections", 4, "--in-flight", 16]
    pairs = produce_rounds(programs, rounds, arguments, 500000, 100 + BATCH_OVERHEAD)
    figure = "produce 1 × 100 B, 4 connections, 16 in flight"
    yield against(f"{figure}: rate", per(pairs, lambda r: r["requests"] / r["seconds"] / 1e3), "k/s", 0.5, True)
    yield against(f"{figure}: CPU", per(pairs, lambda r: r["cpu"] / r["requests"] * 1e6), "µs", 2.5, False)


def fetch(programs, rounds):
    shape = ["--records", 100, "--value-size", 1000]
    requests = 10630  # a GiB
    ways = ["fetch", *shape, "--connections", 2, "--end-offset", requests * 100]

    def fill(server):
        programs.load("produce", *shape, "--connections", 4, "--in-flight", 5, "--requests", requests,
                      "--port", server.port)
        programs.load(*ways, "--port", server.port)

    programs.recycle_pages(2 << 30)
    with programs.furrowd_with_topic() as furrowd, programs.baseline("bench_receiver") as baseline:
        fill(furrowd)
        fill(baseline)

        def measure(server):
            programs.wait_for_quiet()
            return timed_load(programs, server, *ways)

        pairs = interleaved(rounds, lambda: measure(furrowd), lambda: measure(baseline))
    yield against("fetch a page-cached GiB: rate", per(pairs, megabytes_per_second), "MB/s", 0.85, True)
    yield against("fetch a page-cached GiB: CPU", per(pairs, cpu_per_gigabyte), "s/GB", 1.2, False)


def sync_latency(programs, rounds):
    arguments = ["produce", "--acks", -1]

    def measure(server):
        programs.wait_for_quiet()
        return programs.load(*arguments, "--requests", 500, "--port", server.port)["p50_us"]

    with programs.furrowd_with_topic() as furrowd, programs.baseline("bench_sync_echo") as baseline:
        measure(furrowd)
        measure(baseline)
        pairs = interleaved(4 * rounds, lambda: measure(furrowd), lambda: measure(baseline))
    yield against("acks=all, one record at a time: p50", pairs, "µs", 1.25, False)


def group_commit(programs, rounds):
    def measure():
        programs.wait_for_quiet()
        syncs = servers.SyncCount(programs.bin / "bench_count_syncs.so", programs.where)
        with programs.furrowd_with_topic(["log.flush.test.delay.ms=2"], syncs.environment) as server:
            before = syncs.value()
            result = programs.load("produce", "--acks", -1, "--connections", 16, "--requests", 8000, "--port", server.port)
            return result["records"] / (syncs.value() - before)

    values = [measure() for _ in range(rounds)]
    yield alone("acks=all, 16 connections, 2 ms syncs: records per sync", values, "", 15, True)


def memory(programs, _rounds):
    with programs.furrowd_with_topic() as server:
        time.sleep(0.5)
        yield alone("resident, idle", [server.resident_mib()], "MiB", 6, False)
        with IdleClients(programs, server, 1000):
            yield alone("resident, 1000 idle connections", [server.resident_mib()], "MiB", 8, False)
        shape = ["--records", 100, "--value-size", 1000, "--connections", 4]
        programs.load("produce", *shape, "--in-flight", 5, "--requests", 10000, "--port", server.port)
        programs.load("fetch", *shape, "--end-offset", 10000 * 100, "--port", server.port)
        programs.load("produce", *shape, "--in-flight", 5, "--requests", 10000, "--port", server.port)
        yield alone("resident, after 2 GB in and 4 GB out", [server.resident_mib()], "MiB", 24, False)


class IdleClients:
    """Connections that have asked one thing and then only stay."""

    def __init__(self, programs, server, connections):
        self.command = programs.load_command("idle", "--port", server.port, "--connections", connections)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("bench_load idle has failed")

    def __exit__(self, *_):
        self.process.communicate()


def startup(programs, rounds):
    values = []
    for _ in range(2 * rounds + 1):
        programs.wait_for_quiet()
        with tempfile.TemporaryDirectory(prefix="furrow-bench-", dir=programs.where) as folder:
            port = servers.free_port()
            command = programs.furrowd_command(port, pathlib.Path(folder))
            values.append(programs.load("startup", "--port", port, "--", *command)["ms"])
    yield alone("exec to the first answered ApiVersions, empty folder", values, "ms", 8, False)


def wakeups(programs, _rounds):
    seconds = 10
    with programs.furrowd_with_topic() as server, IdleClients(programs, server, 100):
        time.sleep(1)
        before = server.sleeps()
        time.sleep(seconds)
        yield alone("wake-ups per second, 100 idle clients", [(server.sleeps() - before) / seconds], "", 1, False)


def consumer_group(programs, rounds):
    settings = ["group.consumer.heartbeat.interval.ms=100", "group.consumer.min.heartbeat.interval.ms=100"]
    members, values = 50, []
    for _ in range(rounds):
        programs.wait_for_quiet()
        with programs.furrowd_with_topic(settings) as server:
            command = [programs.bin / "bench_consumers", "--members", members, "--topic", "all", "--port", server.port]
            run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, text=True)
            values.append(json.loads(run.stdout)["heartbeats"])
    figure = f"{members} members of the consumer protocol: heartbeats until all own their partitions"
    yield alone(figure, values, "", 3, False)


def transactions(programs, rounds):
    values = []
    for _ in range(rounds):
        syncs = servers.SyncCount(programs.bin / "bench_count_syncs.so", programs.where)
        with programs.furrowd_with_topic(environment=syncs.environment) as server:
            command = [programs.bin / "bench_transactions", server.port, 50, 100, syncs.file.name]
            run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, text=True)
            values.append(json.loads(run.stdout)["syncs_per_end"])
    yield alone("transactions of 100 records, one producer: syncs per EndTxn", values, "", 2, False)


LINES = {
    "produce-1k": produce_1k,
    "produce-100": produce_100,
    "produce-one": produce_one,
    "fetch": fetch,
    "sync-latency": sync_latency,
    "group-commit": group_commit,
    "memory": memory,
    "startup": startup,
    "wakeups": wakeups,
    "consumer-group": consumer_group,
    **groups.LINES,
    "transactions": transactions,
    **rest.LINES,
    **followers.LINES,
    **events.LINES,
}
ONLY_BY_NAME = events.LINES.keys()


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
