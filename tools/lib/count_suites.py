#!/usr/bin/env python3
"""Counts the tests inside the suites that ctest ran, and shows what the failed ones said.

usage: count_suites.py RESULTS.xml    (from ctest --output-junit)

A CUnit suite counts as many tests as it holds; a program without CUnit's summary (one that crashed, too) as one. Ends
with `N passed, N failed`.
"""
import re
import sys
import xml.etree.ElementTree

SUMMARY = re.compile(r"^ +tests +\d+ +(?P<ran>\d+) +(?P<passed>\d+) +(?P<failed>\d+)", re.MULTILINE)


def main(path):
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        output = case.findtext("system-out") or ""
        summary = SUMMARY.search(output)
        good = case.get("status") == "run"
        if summary:
            passed += int(summary["passed"])
            failed += max(int(summary["failed"]), 0 if good else 1)
        elif good:
            passed += 1
        else:
            failed += 1
        if not good:
            print(f"---- {case.get('name')} failed:\n{output}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
