"""Apache Kafka's command line tools, all in one process that lives as long as the tests: a tool takes some tens of
milliseconds then, instead of the seconds that its JVM takes to start."""

import json
import subprocess

from installed import java


class KafkaTools:
    CONFIGS = "kafka.admin.ConfigCommand"
    CONSUMER_GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

    def __init__(self):
        self.process: subprocess.Popen | None = None

    def run(self, main_class: str, *arguments: str, fails: bool = False) -> str:
        """What the tool has printed; fails says what its exit code has to be."""
        if self.process is None:
            command = java("Tools")
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps({"class": main_class, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert (answer["code"] != 0) == fails, answer["output"]
        return answer["output"]

    def end(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.kill()
            self.process.wait()
            self.process = None
