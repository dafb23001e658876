"""The lines of reading by HTTP."""
import json
import os
import pathlib
import subprocess

from rest import with_http
from table import against, alone

STORED = 1_000_000  # records
VALUE = 100  # bytes
BATCH = 100  # records
FOLLOWERS = 1000
EVENTS = 200  # records, one by one
PACED = ["--records", 1, "--value-size", VALUE, "--rate", 50, "--requests", 200, "--acks", 1]


def follow_command(programs, what, rest_port, *arguments):
    return [str(part) for part in (programs.bin / "bench_follow", what, "--rest-port", rest_port, *arguments)]


def follow(programs, what, rest_port, *arguments):
    run = subprocess.run(follow_command(programs, what, rest_port, *arguments), stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def stored(programs, rounds):
    values = []
    for _ in range(rounds):
        server, rest_port = with_http(programs)
        with server:
            programs.load("produce", "--records", BATCH, "--value-size", VALUE, "--connections", 4, "--in-flight", 5,
                          "--requests", STORED // BATCH, "--port", server.port)
            programs.wait_for_quiet()
            found = follow(programs, "read", rest_port, "--records", STORED)
        values.append(found["records"] / found["seconds"] / 1e3)
    yield alone(f"NDJSON follow of 1 M stored records of {VALUE} B, one connection", values, "k/s", 1000, True)


class ahead:
    """The server and what measures it run before all others (with root's rights; without, as all others do): followers
    stand for other machines, and which of three programs gets one of two cores is not the server's doing."""

    def __init__(self, server):
        self.server = server

    @staticmethod
    def schedule(tasks, policy, priority):
        try:
            for task in tasks:
                os.sched_setscheduler(int(task), policy, os.sched_param(priority))
        except PermissionError:
            pass

    def __enter__(self):
        tasks = [task.name for task in pathlib.Path(f"/proc/{self.server.process.pid}/task").iterdir()]
        self.schedule([*tasks, 0], os.SCHED_RR, 1)

    def __exit__(self, *_):
        self.schedule([0], os.SCHED_OTHER, 0)


def fan_out(programs, rounds):
    latencies, memory = [], []
    for _ in range(rounds):
        server, rest_port = with_http(programs)
        with server:
            before = server.resident_mib()
            programs.wait_for_quiet()
            with holding(programs, rest_port):
                memory.append((server.resident_mib() - before) * 1024 / FOLLOWERS)
            with ahead(server):
                found = follow(programs, "fan-out", rest_port, "--port", server.port, "--followers", FOLLOWERS,
                               "--records", EVENTS, "--pause-ms", 20)
        latencies.append(found["p99_us"] / 1e3)
    yield alone(f"SSE, {FOLLOWERS} followers: one record in until the last has it, p99", latencies, "ms", 15, False)
    yield alone("  resident memory per follower", memory, "KiB", 8, False)


class holding:
    """Followers that read what comes, while the block runs."""

    def __init__(self, programs, rest_port):
        self.command = follow_command(programs, "hold", rest_port, "--followers", FOLLOWERS)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if json.loads(self.process.stdout.readline())["followers"] != FOLLOWERS:
            raise RuntimeError("followers are missing")

    def __exit__(self, *_):
        self.process.communicate(timeout=30)


def produce_beside(programs, rounds):
    """The same producer with and without the followers of its topic, on one server."""
    pairs = []
    for _ in range(rounds):
        server, rest_port = with_http(programs)
        with server:
            programs.wait_for_quiet()
            programs.load("paced", *PACED, "--port", server.port)
            with ahead(server):
                alone_us = programs.load("paced", *PACED, "--port", server.port)["p99_us"]
            with holding(programs, rest_port), ahead(server):
                beside_us = programs.load("paced", *PACED, "--port", server.port)["p99_us"]
        pairs.append((beside_us, alone_us))
    yield against(f"produce, acks=1, 50/s, while {FOLLOWERS} followers stream it, beside none: p99", pairs, "µs", 2, False)


LINES = {"follow-stored": stored, "fan-out": fan_out, "produce-beside-followers": produce_beside}
