"""The lines of tests/bench/compare that give furrowd and Apache Kafka the same load."""
import dataclasses
import re
import time

import kafka
import servers
from lines import cpu_per_gigabyte, megabytes_per_second, timed_load
from table import against, interleaved, per

SHAPE_1K = ("--records", 100, "--value-size", 1000)
FETCHED_MB_PER_S = 8  # which of kafka-consumer-perf-test's columns
WARM_READS = 2  # of all that is measured
SPEED_UP = ("--connections", 4, "--in-flight", 5)


@dataclasses.dataclass
class Comparison:
    programs: servers.Programs
    rounds: int
    scale: float  # of all amounts; 1: as the table says

    def amount(self, full):
        return max(1, int(full * self.scale))

    def furrowd(self, settings=(), **arguments):
        return self.programs.furrowd_with_topic(settings, **arguments)

    def kafka(self, settings=(), **arguments):
        return kafka.with_topic(self.programs, settings, **arguments)

    def load(self, server, *arguments):
        return self.programs.load(*arguments, "--port", server.port)

    def in_turn(self, measure, ours, theirs):
        """Both measured in each round on servers of their own, made anew."""

        def one(start):
            self.programs.wait_for_quiet()
            with start() as server:
                return measure(server)

        return interleaved(self.rounds, lambda: one(ours), lambda: one(theirs))

    def side_by_side(self, measure):
        """measure(furrowd, kafka), while both run."""
        with self.furrowd() as ours, self.kafka() as theirs:
            return measure(ours, theirs)


def produce(c, arguments, requests, request_bytes):
    """Half of the load comes first, to warm up, whatever the scale."""
    warmth, requests = requests // 2, c.amount(requests)

    def measure(server):
        c.load(server, "produce", *arguments, "--requests", warmth)
        c.programs.recycle_pages(requests * request_bytes)
        return timed_load(c.programs, server, "produce", *arguments, "--requests", requests)

    return c.in_turn(measure, c.furrowd, c.kafka)


def produce_batches(c, value_size, requests, rate, cpu):
    arguments = ("--records", 100, "--value-size", value_size, *SPEED_UP)
    pairs = produce(c, arguments, requests, 100 * (value_size + 10) + 200)
    figure = f"produce 100 × {value_size} B, acks=1"
    yield against(f"{figure}: rate", per(pairs, megabytes_per_second), "MB/s", rate, True)
    yield against(f"{figure}: CPU", per(pairs, cpu_per_gigabyte), "s/GB", cpu, False)


def produce_1k(c):
    yield from produce_batches(c, 1000, 10_000, 2.2, 0.3)


def produce_100(c):
    yield from produce_batches(c, 100, 100_000, 2.5, 0.25)


def produce_one(c):
    arguments = ("--records", 1, "--value-size", 100, "--connections", 4, "--in-flight", 16)
    pairs = produce(c, arguments, 400_000, 300)
    figure = "produce 1 × 100 B, 4 connections, 16 in flight"
    yield against(f"{figure}: rate", per(pairs, requests_per_second), "/s", 10, True)
    yield against(f"{figure}: CPU a request", per(pairs, lambda r: r["cpu"] / r["requests"] * 1e6), "µs", 1 / 12, False)


def requests_per_second(result):
    return result["requests"] / result["seconds"]


def acks_all(c):
    """Kafka as shipped has nothing on the disk when it answers; with a sync for each record it has what Furrow has."""
    seconds = c.amount(8)
    arguments = ("produce", "--acks", -1, "--connections", 64)

    def measure(server):
        c.load(server, *arguments, "--seconds", 4)
        return requests_per_second(c.load(server, *arguments, "--seconds", seconds))

    synced, shipped = [], []
    for _ in range(c.rounds):
        ours, theirs = Comparison(c.programs, 1, c.scale).in_turn(
            measure, c.furrowd, lambda: c.kafka(["log.flush.interval.messages=1"]))[0]
        with c.kafka() as server:
            unsynced = measure(server)
        synced.append((ours, theirs))
        shipped.append((ours, unsynced))
    figure = "acks=all, 1 × 100 B, 64 connections"
    yield against(f"{figure}: Kafka syncs each record", synced, "/s", 12, True)
    yield against(f"{figure}: Kafka syncs nothing", shipped, "/s", 0.9, True)


def fetch(c):
    requests = c.amount(10_630)  # a GiB
    ways = ("fetch", *SHAPE_1K, "--end-offset", requests * 100)

    def measure(ours, theirs):
        for server in (ours, theirs):
            c.load(server, "produce", *SHAPE_1K, *SPEED_UP, "--requests", requests)
            for _ in range(round(WARM_READS / c.scale)):
                c.load(server, *ways)

        def one(server):
            c.programs.wait_for_quiet()
            return timed_load(c.programs, server, *ways)

        return interleaved(c.rounds, lambda: one(ours), lambda: one(theirs))

    pairs = c.side_by_side(measure)
    figure = "fetch, hot GiB of 1 KB records, 1 connection"
    yield against(f"{figure}: rate", per(pairs, megabytes_per_second), "MB/s", 1.4, True)
    yield against(f"{figure}: CPU", per(pairs, cpu_per_gigabyte), "s/GB", 0.6, False)


def round_trip(c):
    trips = c.amount(5_000)

    def measure(ours, theirs):
        offset = {}

        def one(server):
            c.programs.wait_for_quiet()
            start = offset.get(server, 0)
            offset[server] = start + trips
            return c.load(server, "round-trip", "--requests", trips, "--offset", start)

        for _ in range(round(1 / c.scale)):
            one(ours)
            one(theirs)
        return interleaved(c.rounds, lambda: one(ours), lambda: one(theirs))

    pairs = c.side_by_side(measure)
    yield against("one record, produced to consumed, raw: p50", per(pairs, lambda r: r["p50_us"]), "µs", 1 / 2, False)
    yield against("one record, produced to consumed, raw: p99", per(pairs, lambda r: r["p99_us"]), "µs", 1 / 5, False)


def memory(c):
    """After every kind of load."""
    requests = c.amount(10_000)

    def measure(server):
        c.load(server, "produce", *SHAPE_1K, *SPEED_UP, "--requests", requests)
        c.load(server, "fetch", *SHAPE_1K, "--connections", 4, "--end-offset", requests * 100)
        c.load(server, "produce", "--connections", 64, "--acks", -1, "--requests", requests * 2)
        c.load(server, "produce", "--connections", 4, "--in-flight", 16, "--requests", requests * 10)
        c.load(server, "produce", "--records", 100, *SPEED_UP, "--requests", requests * 2)
        return server.resident_mib()

    with c.furrowd() as ours:
        first = measure(ours)
    with c.kafka() as theirs:
        second = measure(theirs)
    yield against("resident memory after all these loads", [(first, second)], "MiB", 24, False, by_ratio=False)


def tools(c):
    """Kafka's own tools. Their client's work is the larger part of each rate, and the same on both sides."""
    records = c.amount(1_000_000)
    gigabytes = records * 1000 / 1e9

    def measured(server, *command):
        before, start = server.cpu_seconds(), time.monotonic()
        output = kafka.tool(*command)
        return output, {"cpu": (server.cpu_seconds() - before) / gigabytes, "seconds": time.monotonic() - start}

    def produced(server):
        output, result = measured(
            server, "org.apache.kafka.tools.ProducerPerformance", "--topic", "bench", "--num-records", records,
            "--record-size", 1000, "--throughput", -1, "--command-property",
            f"bootstrap.servers=127.0.0.1:{server.port}", "acks=1")
        last = output.strip().splitlines()[-1]
        return {**result, "rate": number_in(r"\(([\d.]+) MB/sec\)", last), "p99": number_in(r"(\d+) ms 99th", last)}

    def consumed(server):
        output, result = measured(
            server, "org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", f"127.0.0.1:{server.port}",
            "--topic", "bench", "--num-records", records, "--hide-header")
        return {**result, "rate": float(output.strip().splitlines()[-1].split(", ")[FETCHED_MB_PER_S])}

    def trip(server):
        c.programs.create_topic(server, 1, "--topic", "trips")
        output = kafka.tool("org.apache.kafka.tools.EndToEndLatency", "--bootstrap-server", f"127.0.0.1:{server.port}",
                            "--topic", "trips", "--num-records", c.amount(10_000), "--producer-acks", 1,
                            "--record-size", 100)
        return number_in(r"Avg latency: ([\d.]+) ms", output)

    def both(server):
        warm = ("--topic", "warm")
        c.programs.create_topic(server, 1, *warm)
        c.load(server, "produce", *warm, *SHAPE_1K, *SPEED_UP, "--requests", 5000)
        c.load(server, "fetch", *warm, *SHAPE_1K, "--end-offset", 500_000)
        return {"in": produced(server), "out": consumed(server), "trip": trip(server)}

    rounds = c.in_turn(both, c.furrowd, c.kafka)
    for name, side in (("kafka-producer-perf-test", "in"), ("kafka-consumer-perf-test", "out")):
        pairs = per(rounds, lambda r: r[side])
        yield against(f"{name}, 1 KB: rate", per(pairs, lambda r: r["rate"]), "MB/s", None, True)
        yield against(f"{name}: server's CPU", per(pairs, lambda r: r["cpu"]), "s/GB", None, False)
    yield against("kafka-producer-perf-test: p99", per(rounds, lambda r: r["in"]["p99"]), "ms", None, False)
    yield against("kafka-e2e-latency, 100 B: mean", per(rounds, lambda r: r["trip"]), "ms", None, False)


def number_in(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"nothing in it is like {pattern}:\n{text[-2000:]}")
    return float(found[1])
