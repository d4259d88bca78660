"""Asks /health again and again from a process of its own, so that only the server's time is measured.

Usage: health_probe.py HOST PORT; until stdin ends, then prints a JSON object: milliseconds (a list, in order) and
statuses.
"""

import http.client
import json
import sys
import threading
import time

PAUSE = 0.01  # seconds


def wait_for_end(ended: threading.Event) -> None:
    """Tell when stdin has ended."""
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Ask until nobody listens."""
    ended = threading.Event()
    threading.Thread(target=wait_for_end, args=(ended,), daemon=True).start()
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=30)
    milliseconds: list[float] = []
    statuses: set[int] = set()
    while not ended.is_set():
        started = time.perf_counter()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        milliseconds.append(1000 * (time.perf_counter() - started))
        statuses.add(answer.status)
        time.sleep(PAUSE)
    print(json.dumps({"milliseconds": milliseconds, "statuses": sorted(statuses)}))


if __name__ == "__main__":
    main()
