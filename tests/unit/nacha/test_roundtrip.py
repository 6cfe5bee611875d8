"""What is written is read again, and no bytes make the reader fail."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paymentapp.nacha import File, NotNacha, acknowledgments, changes, read, returns, totals, write
from tests.unit.nacha.files import ODFI, files

SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SLOW
@given(files())
def test_what_is_written_is_read(file: File) -> None:
    data = write(file)
    assert read(data) == (file, ())
    assert read(write(file, newline="\r\n")) == (file, ())
    assert read(data.replace(b"\n", b"")) == (file, ())


@SLOW
@given(files())
def test_a_file_is_whole_blocks_of_94_characters(file: File) -> None:
    lines = write(file).decode("ascii").split("\n")
    assert lines.pop() == ""
    assert {len(line) for line in lines} == {94}
    assert len(lines) % 10 == 0
    assert "".join(lines).isprintable()
    control = next(line for line in reversed(lines) if set(line) != {"9"})
    assert int(control[7:13]) == len(lines) // 10


@SLOW
@given(files())
def test_the_controls_add_up(file: File) -> None:
    lines = write(file).decode("ascii").splitlines()
    control = next(line for line in reversed(lines) if set(line) != {"9"})
    entries = [line for line in lines if line[0] == "6"]
    addenda = [line for line in lines if line[0] == "7"]
    assert int(control[1:7]) == len(file.batches)
    assert int(control[13:21]) == len(entries) + len(addenda)
    assert control[21:31] == f"{sum(int(line[3:11]) for line in entries):010d}"[-10:]
    assert int(control[31:43]) == 0
    assert int(control[43:55]) == sum(int(line[29:39]) for line in entries)
    assert totals(file.batches).credits * 100 == Decimal(control[43:55])


def use(data: bytes) -> None:
    """Read, and view everything: only NotNacha may be raised."""
    try:
        file, findings = read(data)
    except NotNacha:
        return
    assert repr(findings)
    assert repr((list(returns(file)), list(changes(file)), list(acknowledgments(file))))
    assert repr(file)
    assert totals(file.batches).entry_count == sum(1 + len(e.addenda) for _, e in file.entries())


@SLOW
@given(st.binary(max_size=600))
@example(b"")
@example(b"\n\n")
@example(b"9" * 94)
@example(b"\xff" * 94)
@example(b"101 " + b"\x00" * 90)
def test_arbitrary_bytes_never_stop_it(data: bytes) -> None:
    use(data)


RECORDS = st.sampled_from(["101", "5220", "5225", "622", "621", "705", "798C01", "799R01"]) | (
    st.sampled_from(["799R61", "799R71", "798C61", "710", "8220", "9000001", "9" * 94, "x"])
)


@SLOW
@given(st.lists(st.tuples(RECORDS, st.text(max_size=95)), max_size=12), st.sampled_from("\n\r "))
def test_arbitrary_records_never_stop_it(records: list[tuple[str, str]], end: str) -> None:
    use(end.join((start + rest).ljust(94) for start, rest in records).encode())


@SLOW
@given(
    files(),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=20),
    st.data(),
)
def test_a_damaged_file_never_stops_it(
    file: File, damage: list[tuple[int, int]], data: st.DataObject
) -> None:
    damaged = bytearray(write(file))
    for position, byte in damage:
        damaged[position % len(damaged)] = byte
    use(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


def test_a_hundred_thousand_addenda_are_read_in_a_moment() -> None:
    start = f"5220{'X':16}{'':20}{'1':10}PPD{'X':10}{'':6}260115   1{ODFI}0000001\n"
    entry = f"62223138010412345            0000001000{'':15}{'X':22}  1{ODFI}0000001\n"
    addenda = f"705{'':80}00010000001\n" * 100_000
    file, findings = read((start + entry + addenda).encode())
    assert len(file.batches[0].entries[0].addenda) == 100_000
    assert findings
