"""``python -m simulators.bank``: run a bank on two folders until stopped."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from simulators.bank.bank import AnswerDelays, BankSimulator


def main() -> None:
    """Run the bank's work at intervals until a signal arrives."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.bank",
        description="A local bank: takes NACHA files, keeps books, sends returns. Pays nobody.",
    )
    parser.add_argument("--outgoing", type=Path, required=True, help="folder it takes files from")
    parser.add_argument("--incoming", type=Path, required=True, help="folder it answers into")
    parser.add_argument("--state", type=Path, required=True, help="its books and taken files")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rounds")
    parser.add_argument("--answer-delay", type=float, default=0.0, help="seconds until an answer")
    parser.add_argument("--late-delay", type=float, default=60.0, help="seconds, of late returns")
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
