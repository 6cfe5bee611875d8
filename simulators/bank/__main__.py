"""``python -m simulators.bank``: a bank that works on two folders until told to stop."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from simulators.bank.bank import AnswerDelays, BankSimulator


def main() -> None:
    """Work at intervals until a signal comes."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.bank",
        description="A local bank: takes NACHA files, keeps books, sends returns. Pays nobody.",
    )
    parser.add_argument("--outgoing", type=Path, required=True, help="the folder it takes from")
    parser.add_argument("--incoming", type=Path, required=True, help="the folder it answers into")
    parser.add_argument("--state", type=Path, required=True, help="its books and taken files")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks")
    parser.add_argument("--answer-delay", type=float, default=0.0, help="seconds")
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
