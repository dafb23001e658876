"""Members of a consumer group, each in a process of its own and with the client that it is named after.

A member program (python_member.py, java/Member.java, go/member.go, node/member.js) is told by its last argument, a JSON
object, whom to join. It prints JSON lines: {"assigned": [partition…]} whenever it is given partitions or loses some,
{"values": [value…]} as it reads. A line on its stdin tells it to commit what it has read, to leave and to end. kcat is
one, too, with lines of its own."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from installed import GO_DRIVER, NODE, NODE_MODULES, PYTHON, java
from servers import die_with_parent

HERE = Path(__file__).resolve().parent


class Member:
    """Reads until it is told to leave, or is killed. Commits what it has read when it leaves."""

    name = ""
    instances = True  # can be a static member
    running: list["Member"] = []  # all that were started and have not been ended
    may_drop = 0  # records that it has marked as read, and throws away when it is told to leave

    def __init__(self, bootstrap: str, group: str, topic: str, instance: str | None = None, session: int = 6000, **config):
        self.told = {
            "bootstrap": bootstrap,
            "group": group,
            "topic": topic,
            "instance": instance,
            "session": session,
            "heartbeat": 300,
            "config": config,
        }
        self.values: list[bytes] = []
        self.assigned: set[int] = set()
        self.rebalances = 0
        self.errors: list[str] = []
        self.complaints: list[str] = []
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
            preexec_fn=die_with_parent,
        )
        Member.running.append(self)
        self.threads = [
            threading.Thread(target=self._follow, args=following, daemon=True)
            for following in ((self.process.stdout, self.note), (self.process.stderr, self.note_complaint))
        ]
        for thread in self.threads:
            thread.start()

    def command(self) -> list[str]:
        raise NotImplementedError

    def _follow(self, stream, note) -> None:
        for line in stream:
            note(line)

    def note(self, line: bytes) -> None:
        said = json.loads(line)
        if "assigned" in said:
            self.note_assigned(said["assigned"])
        if "error" in said:
            self.errors.append(said["error"])
        self.values += [value.encode() for value in said.get("values", [])]

    def note_assigned(self, partitions) -> None:
        self.rebalances += 1
        self.assigned = set(partitions)

    def note_complaint(self, line: bytes) -> None:
        self.complaints.append(line.decode(errors="replace"))

    def tell_to_leave(self) -> None:
        self.process.stdin.write(b"leave\n")
        self.process.stdin.flush()

    def end(self) -> None:
        Member.running.remove(self)
        for thread in self.threads:
            thread.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def leave(self) -> list[bytes]:
        self.tell_to_leave()
        try:
            code = self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self.end()
        assert code == 0, f"{self.name} ends with {code}: {''.join(self.complaints[-20:])}"
        return self.values

    def vanish(self) -> list[bytes]:
        """Ends without a word to the server."""
        self.process.kill()
        self.process.wait()
        self.end()
        return self.values


class PythonMember(Member):
    def command(self):
        return [str(PYTHON), str(HERE / "python_member.py"), self.name, json.dumps(self.told)]


class ConfluentMember(PythonMember):
    name = "confluent"


class KafkaPythonMember(PythonMember):
    name = "kafka-python"


class AiokafkaMember(PythonMember):
    name = "aiokafka"


class JavaMember(Member):
    name = "java"

    def command(self):
        options = ("-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        return java("Member", json.dumps(self.told), options=options)


class GoMember(Member):
    def command(self):
        return [str(GO_DRIVER), self.name, json.dumps(self.told)]


class FranzGoMember(GoMember):
    name = "franz-go"


class SaramaMember(GoMember):
    name = "sarama"


class KafkajsMember(Member):
    name = "kafkajs"
    instances = False

    def command(self):
        return [str(NODE), str(HERE / "node/member.js"), json.dumps(self.told)]


class KcatMember(Member):
    name = "kcat"
    may_drop = 1
    ASSIGNED = re.compile(r"rebalanced \(memberid .*\): assigned: (.*)$")

    def command(self):
        told = self.told
        config = {"session.timeout.ms": told["session"], "heartbeat.interval.ms": told["heartbeat"]}
        config |= {"auto.offset.reset": "earliest", **told["config"]}
        if told["instance"]:
            config["group.instance.id"] = told["instance"]
        options = [word for key, value in config.items() for word in ("-X", f"{key}={value}")]
        return ["kcat", "-b", told["bootstrap"], *options, "-u", "-f", "%s\n", "-G", told["group"], told["topic"]]

    def note(self, line):
        self.values.append(line.strip())

    def note_complaint(self, line):
        super().note_complaint(line)
        if "rebalanced" in self.complaints[-1]:
            assigned = self.ASSIGNED.search(self.complaints[-1])
            self.note_assigned(map(int, re.findall(r"\[(\d+)\]", assigned[1])) if assigned else ())

    def tell_to_leave(self):
        self.process.send_signal(signal.SIGINT)


MEMBERS = [
    ConfluentMember,
    KafkaPythonMember,
    AiokafkaMember,
    JavaMember,
    FranzGoMember,
    SaramaMember,
    KafkajsMember,
    KcatMember,
]


def wait_for(condition, seconds: float = 60.0, what: str = "it") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.02)
