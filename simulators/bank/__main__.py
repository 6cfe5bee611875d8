"""``python -m simulators.bank``: a bank that works on two folders until it is stopped."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from simulators.bank.bank import AnswerDelays, BankSimulator


def main() -> None:
    """Run rounds of work until a signal comes."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.bank",
        description="A simulated bank: takes NACHA files, books entries, sends returns.",
    )
    parser.add_argument(
        "--outgoing", type=Path, required=True, help="the folder from which it takes files"
    )
    parser.add_argument(
        "--incoming", type=Path, required=True, help="the folder into which it puts answers"
    )
    parser.add_argument(
        "--state",
        type=Path,
        required=True,
        help="the folder of its books and of the files that it took",
    )
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rounds")
    parser.add_argument("--answer-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--late-delay", type=float, default=60.0, help="seconds until late returns")
    flags = parser.parse_args()
    delays = AnswerDelays(flags.answer_delay, flags.late_delay)
    bank = BankSimulator(flags.outgoing, flags.incoming, flags.state, delays=delays)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print(f"The bank takes files from {flags.outgoing}. Stop with Ctrl-C.", flush=True)
    while not stopping.wait(flags.every):
        bank.work()
    bank.close()


if __name__ == "__main__":
    main()
