"""Rows of a benchmark's table, and the machine that they were measured on."""
import dataclasses
import os
import pathlib
import platform
import statistics


@dataclasses.dataclass
class Row:
    figure: str
    furrowd: str
    other: str
    ratio: float | None
    value: float
    target: float | None  # None: nothing was promised
    at_least: bool
    by_ratio: bool  # the ratio is held against the target, not the value

    def met(self):
        if self.target is None:
            return None
        compared = self.ratio if self.by_ratio else self.value
        return compared >= self.target if self.at_least else compared <= self.target

    def target_text(self):
        if self.target is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.target:.3g}{' ×' if self.by_ratio else ''}"

    def cells(self):
        ratio = "" if self.ratio is None else f"{self.ratio:.3g} ×"
        return (self.figure, self.furrowd, self.other, ratio, self.target_text(),
                {True: "yes", False: "NO", None: ""}[self.met()])


def text_of(value, unit):
    return (f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}").rstrip()


def against(figure, pairs, unit, target, at_least, by_ratio=True):
    """A row from (furrowd, other) of each round: medians, and the median of the rounds' ratios."""
    ours = statistics.median(pair[0] for pair in pairs)
    theirs = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    return Row(figure, text_of(ours, unit), text_of(theirs, unit), ratio, ours, target, at_least, by_ratio)


def alone(figure, values, unit, target, at_least):
    value = statistics.median(values)
    return Row(figure, text_of(value, unit), "", None, value, target, at_least, False)


def interleaved(rounds, furrowd, other):
    """[(furrowd's, the other's)] of each round; who goes first changes."""
    pairs = []
    for turn in range(rounds):
        first, second = (furrowd, other) if turn % 2 == 0 else (other, furrowd)
        one, two = first(), second()
        pairs.append((one, two) if turn % 2 == 0 else (two, one))
    return pairs


def per(pairs, function):
    return [(function(ours), function(theirs)) for ours, theirs in pairs]


def machine(folder):
    """Processor, kernel, file system: one line."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "cpu model")):
            model = line.split(":", 1)[1].strip()
            break
    device, kind, mounted = "?", "?", ""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        source, point, type_ = line.split()[:3]
        if folder.resolve().is_relative_to(point) and len(point) >= len(mounted):
            device, kind, mounted = source, type_, point
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
            f"{kind} on {device}")


class Table:
    """Prints rows as they come."""

    WIDTHS = (60, 14, 14, 9, 10, 3)

    def __init__(self, other, ours="furrowd"):
        self.missed = 0
        self._print(("figure", ours, other, "ratio", "target", "met"))
        self._print(["---"] * len(self.WIDTHS))

    def add(self, row):
        self.missed += row.met() is False
        self._print(row.cells())

    def _print(self, cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, self.WIDTHS)) + " |", flush=True)
