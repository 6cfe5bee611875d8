"""The records of OpenACH, and what its nightly run makes of them."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from simulators.openach.settings import CREDIT_TYPE, DEBIT_TYPE

Record = dict[str, Any]

LEAD = timedelta(days=3)
_LONGEST_NUMBER = 17  # characters of an account; a longer one ends the nightly run
_OWNER = {"openach_accounts": "profile", "openach_schedules": "account"}
_RETURNED = re.compile(r"R[0-9]{2}")


@dataclass(frozen=True)
class OpenAchBooks:
    """All records, within one transaction."""

    db: sqlite3.Connection
    today: date
    credit_status: str

    def profile(self, profile_id: str) -> Record | None:
        """Return a profile by its id."""
        return self._one("SELECT record FROM openach_profiles WHERE id = ?", profile_id)

    def profile_of(self, external_id: str) -> Record | None:
        """Return a profile by the caller's id, which is case-sensitive."""
        return self._one("SELECT record FROM openach_profiles WHERE external_id = ?", external_id)

    def account(self, account_id: str) -> Record | None:
        """Return an account by its id."""
        return self._one("SELECT record FROM openach_accounts WHERE id = ?", account_id)

    def schedule(self, schedule_id: str) -> Record | None:
        """Return a schedule by its id."""
        return self._one("SELECT record FROM openach_schedules WHERE id = ?", schedule_id)

    def accounts(self, profile_id: str) -> list[Record]:
        """Return the accounts of a profile."""
        sql = "SELECT record FROM openach_accounts WHERE profile = ? ORDER BY id"
        return self._all(sql, profile_id)

    def schedules(self, profile_id: str) -> list[Record]:
        """Return the schedules of a profile, in no order that means anything."""
        sql = """SELECT s.record FROM openach_schedules s
                 JOIN openach_accounts a ON s.account = a.id WHERE a.profile = ? ORDER BY s.id"""
        return self._all(sql, profile_id)

    def save_profile(self, record: Record) -> Record:
        """Store a profile, with a new id where it has none."""
        record = self._with_id("openach_profiles", "payment_profile_id", record)
        self.db.execute(
            "INSERT INTO openach_profiles (id, external_id, record) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            (
                record["payment_profile_id"],
                record["payment_profile_external_id"],
                json.dumps(record),
            ),
        )
        return record

    def save_account(self, record: Record) -> Record:
        """Store an account, with a new id where it has none."""
        owner = record["external_account_payment_profile_id"]
        return self._save("openach_accounts", "external_account_id", owner, record)

    def save_schedule(self, record: Record) -> Record:
        """Store a schedule, with a new id where it has none."""
        owner = record["payment_schedule_external_account_id"]
        return self._save("openach_schedules", "payment_schedule_id", owner, record)

    def delete_profile(self, profile_id: str) -> None:
        """Delete a profile with its accounts and schedules; entries stay, and are paid."""
        self.db.execute(
            "DELETE FROM openach_schedules WHERE account IN"
            " (SELECT id FROM openach_accounts WHERE profile = ?)",
            (profile_id,),
        )
        self.db.execute("DELETE FROM openach_accounts WHERE profile = ?", (profile_id,))
        self.db.execute("DELETE FROM openach_profiles WHERE id = ?", (profile_id,))

    def payment_types(self) -> list[Record]:
        """Return the payment types of the originator: one that pays, and one that takes."""
        return [
            _payment_type(DEBIT_TYPE, "Payment", "debit", "enabled"),
            _payment_type(CREDIT_TYPE, "Refund", "credit", self.credit_status),
        ]

    def nightly_run(self) -> int:
        """Make entries of the schedules that are due, and file them; return their number.

        A record that it cannot write ends it: those behind wait for another run.
        """
        made = 0
        for schedule in self._all("SELECT record FROM openach_schedules ORDER BY seq"):
            account = self.account(schedule["payment_schedule_external_account_id"])
            if account is None or not self._is_due(schedule, account):
                continue
            number = account["external_account_number"]
            if not schedule["payment_schedule_amount"] or len(number) > _LONGEST_NUMBER:
                break
            self._enter(schedule, account)
            made += 1
        return made

    def all_schedules(self) -> list[Record]:
        """Return every schedule with its account and profile, in the order they were made."""
        found = self._all("SELECT record FROM openach_schedules ORDER BY seq")
        return [self._whole(schedule) for schedule in found]

    def newest(self, limit: int) -> list[Record]:
        """Return the newest schedules with their accounts and profiles, newest first."""
        newest = f"SELECT record FROM openach_schedules ORDER BY seq DESC LIMIT {int(limit)}"  # noqa: S608 - a number
        return [self._whole(schedule) for schedule in self._all(newest)]

    def entry_totals(self) -> list[tuple[bool, str | None, int, float]]:
        """Return filed, return code, number and dollars of the entries of each kind."""
        return self.db.execute(
            "SELECT filed, return_code, COUNT(*), SUM(amount) FROM openach_entries"
            " GROUP BY filed, return_code ORDER BY return_code, filed DESC"
        ).fetchall()

    def _whole(self, schedule: Record) -> Record:
        account = self.account(schedule["payment_schedule_external_account_id"]) or {}
        profile = self.profile(account.get("external_account_payment_profile_id", "")) or {}
        return profile | account | schedule

    def entries(self) -> list[Record]:
        """Return every entry, oldest first."""
        names = ("schedule", "external_id", "account", "amount", "direction", "entry_date")
        columns = (*names, "filed", "return_code")
        rows = self.db.execute(f"SELECT {', '.join(columns)} FROM openach_entries ORDER BY seq")  # noqa: S608 - constant names
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _is_due(self, schedule: Record, account: Record) -> bool:
        due = (self.today + LEAD).isoformat()
        profile = self.profile(account["external_account_payment_profile_id"]) or {}
        statuses = {
            schedule["payment_schedule_status"],
            account["external_account_status"],
            profile.get("payment_profile_status"),
            self._type_of(schedule)["payment_type_status"],
        }
        return (
            statuses == {"enabled"}
            and int(schedule["payment_schedule_remaining_occurrences"] or 0) > 0
            and schedule["payment_schedule_next_date"]
            <= due
            <= schedule["payment_schedule_end_date"]
            and not account["external_account_number"].startswith("WAIT")
        )

    def _enter(self, schedule: Record, account: Record) -> None:
        number = account["external_account_number"]
        profile = self.profile(account["external_account_payment_profile_id"]) or {}
        self.db.execute(
            "INSERT INTO openach_entries (schedule, external_id, account, amount, direction,"
            " entry_date, filed, return_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                schedule["payment_schedule_id"],
                profile.get("payment_profile_external_id", ""),
                number,
                schedule["payment_schedule_amount"],
                self._type_of(schedule)["payment_type_transaction_type"],
                (self.today + LEAD).isoformat(),
                # Of any other country it is made, and never filed.
                account["external_account_country_code"] == "US",
                number[:3] if _RETURNED.match(number) else None,
            ),
        )
        self.save_schedule(schedule | {"payment_schedule_remaining_occurrences": -1})

    def _type_of(self, schedule: Record) -> Record:
        wanted = schedule["payment_schedule_payment_type_id"]
        return next(each for each in self.payment_types() if each["payment_type_id"] == wanted)

    def _save(self, table: str, name: str, owner: str, record: Record) -> Record:
        record = self._with_id(table, name, record)
        self.db.execute(
            f"INSERT INTO {table} (id, {_OWNER[table]}, record) VALUES (?, ?, ?)"  # noqa: S608 - constant names
            " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            (record[name], owner, json.dumps(record)),
        )
        return record

    def _with_id(self, table: str, name: str, record: Record) -> Record:
        """Return a record with an id: for a new one in no order, and the same in each run."""
        if record.get(name):
            return record
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        number = row[0] + 1 if row else 1  # also after one was deleted
        return record | {name: str(uuid5(NAMESPACE_OID, f"{table} {number}"))}

    def _one(self, sql: str, *values: str) -> Record | None:
        return next(iter(self._all(sql, *values)), None)

    def _all(self, sql: str, *values: str) -> list[Record]:
        return [json.loads(row[0]) for row in self.db.execute(sql, values).fetchall()]


def _payment_type(type_id: str, name: str, kind: str, status: str) -> Record:
    return {
        "payment_type_id": type_id,
        "payment_type_name": name,
        "payment_type_transaction_type": kind,
        "payment_type_status": status,
        "payment_type_description": "",
    }
