"""Reads CSV by blocks and keeps going over lines that are broken.

Promise: every line of the file comes out exactly once, as part of a row or as a `BadLine` with its number
and the reason. A broken line never takes a sound one with it: after a quoted field that is not closed, or
that has text behind its closing quote, only the line it began on is bad and reading goes on with the next.

The dialect is RFC 4180: `"` quotes, `""` stands for a quote, a line end inside quotes belongs to the value.
An unquoted field equal to the null text is NULL; a quoted one never is.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from headrace.errors import HeadraceError

Row = list[str | None]

_BLOCK_BYTES = 1 << 20
_LONGEST_RECORD_BYTES = 32 << 20
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Dialect:
    """How the file is written.

    Attributes:
        delimiter: one character or more, no quote and no line end in it.
        encoding: a Python codec name; a byte order mark of UTF-8 is skipped.
        null: what an unquoted field must be to stand for NULL.
        header: whether the first line names the columns.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    null: str = ""
    header: bool = True


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be loaded; `content` is what stood there, undecodable bytes written as `\\xNN`."""

    line: int
    reason: str
    content: str


@dataclass
class Batch:
    """Rows in file order, the numbers of the lines they begin on, and the bad lines met on the way."""

    lines: list[int] = field(default_factory=list[int])
    rows: list[Row] = field(default_factory=list[Row])
    bad: list[BadLine] = field(default_factory=list[BadLine])


@contextmanager
def open_plain(raw: BinaryIO) -> Generator[BinaryIO]:
    """The uncompressed bytes of `raw`, gzip told by its content whatever its name says; `raw` stays open."""
    buffered = io.BufferedReader(cast(io.RawIOBase, raw))
    try:
        if buffered.peek(2)[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=buffered, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield cast(BinaryIO, buffered)
    finally:
        buffered.detach()


class CsvReader:
    """One pass over one stream. `columns` is known at once, `batches` yields the rest."""

    def __init__(self, stream: BinaryIO, dialect: Dialect) -> None:
        self._dialect = dialect
        self._encoding = _line_encoding(dialect)
        self._blocks = _blocks(stream, dialect.encoding if self._encoding != dialect.encoding else None)
        self._rest = b""
        self._first_line = 1
        self._width = 0
        self._ended = False
        self._pending: Batch | None = None
        self.columns: tuple[str, ...] | None = None
        self._begin()

    def batches(self) -> Iterator[Batch]:
        """The rows, a block of the file at a time, in file order."""
        if self._pending is not None:
            yield self._pending
            self._pending = None
        while not self._ended:
            yield self._next_batch()

    @property
    def width(self) -> int:
        """Fields that every row has."""
        return self._width

    def _begin(self) -> None:
        """Read as far as the first row: it gives the number of fields, and their names if it is a header."""
        batch = Batch()
        while not batch.rows and not self._ended:
            more = self._next_batch()
            batch.lines += more.lines
            batch.rows += more.rows
            batch.bad += more.bad
            if batch.bad and not batch.rows:
                break
        header = self._dialect.header
        if batch.bad and (not batch.rows or (header and batch.bad[0].line < batch.lines[0])):
            raise HeadraceError(
                "csv-header-unreadable",
                "the header cannot be read" if header else "no line at the beginning of the file can be read",
                cause=f"line {batch.bad[0].line}: {batch.bad[0].reason}",
                hint="check --encoding and --delimiter" + (", or give --no-header" if header else ""),
            )
        if batch.rows and header:
            self.columns = tuple(name or "" for name in batch.rows.pop(0))
            batch.lines.pop(0)
        self._pending = batch

    def _next_batch(self) -> Batch:
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
        data = self._rest + (block or b"")
        if self._ended:
            complete, self._rest = data, b""
        else:
            cut = data.rfind(b"\n") + 1
            if not cut and len(data) > _LONGEST_RECORD_BYTES:
                raise HeadraceError(
                    "csv-line-too-long",
                    f"a line is longer than {_LONGEST_RECORD_BYTES >> 20} MB",
                    cause=f"it begins as line {self._first_line}, and no line feed comes",
                    hint="nothing was loaded; check --encoding; lines that end with a carriage return alone:"
                    " tr '\\r' '\\n' < FILE",
                )
            complete, self._rest = data[:cut], data[cut:]
        batch = Batch()
        if complete:
            consumed_all = self._parse(complete, batch)
            self._rest = consumed_all + self._rest
        return batch

    def _parse(self, data: bytes, batch: Batch) -> bytes:
        """Turn whole lines into rows; returns the tail that belongs to a record still open."""
        lines, broken = self._decode(data)
        delimiter, null = self._dialect.delimiter, self._dialect.null
        index, count = 0, len(lines)
        while index < count:
            line = lines[index]
            number = self._first_line + index
            if self._width == 0 and "\r" in line:
                _check_line_end(number, line, delimiter)
            if index in broken:
                batch.bad.append(BadLine(number, broken[index], line))
                index += 1
            elif '"' not in line:
                index += 1
                if line.endswith("\r"):
                    line = line[:-1]
                if not line and self._width != 1:
                    continue
                fields: Row = list(line.split(delimiter))
                if null in fields:
                    fields = [None if value == null else value for value in fields]
                self._take(batch, number, fields, line)
            else:
                record = parse_quoted(lines, index, delimiter, null)
                if record.open and not self._ended and len(data) < _LONGEST_RECORD_BYTES:
                    self._first_line += index
                    return b"\n".join(data.split(b"\n")[index:])
                end = self._take_quoted(batch, number, record, lines, index, broken)
                index = end
        self._first_line += count
        return b""

    def _take_quoted(
        self, batch: Batch, number: int, record: Record, lines: list[str], index: int, broken: dict[int, str]
    ) -> int:
        if record.reason is not None:
            batch.bad.append(BadLine(number, record.reason, lines[index]))
            return index + 1
        text = "\n".join(lines[index : record.end])
        spoiled = [broken[at] for at in range(index, record.end) if at in broken]
        if spoiled:
            batch.bad.append(BadLine(number, spoiled[0], text))
        else:
            self._take(batch, number, record.fields, text)
        return record.end

    def _take(self, batch: Batch, number: int, fields: Row, text: str) -> None:
        if len(fields) != self._width:
            if self._width == 0:
                self._width = len(fields)
            else:
                batch.bad.append(BadLine(number, f"{len(fields)} fields instead of {self._width}", text))
                return
        batch.lines.append(number)
        batch.rows.append(fields)

    def _decode(self, data: bytes) -> tuple[list[str], dict[int, str]]:
        """Lines as text, and why the ones that are no text are none."""
        if self._first_line == 1 and data.startswith(codecs.BOM_UTF8):
            data = data[len(codecs.BOM_UTF8) :]
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError:
            text = None
        if text is not None and "\0" not in text:
            lines = text.split("\n")
            if lines[-1] == "":
                lines.pop()
            return lines, {}
        lines: list[str] = []
        broken: dict[int, str] = {}
        pieces = data.split(b"\n")
        if pieces[-1] == b"":
            pieces.pop()
        for index, piece in enumerate(pieces):
            try:
                line = piece.decode(self._encoding)
            except UnicodeDecodeError:
                broken[index] = f"not valid {self._encoding}"
                line = piece.decode(self._encoding, "backslashreplace")
            if "\0" in line:
                broken[index] = "a NUL byte, which PostgreSQL cannot store in text"
                line = line.replace("\0", "\\x00")
            lines.append(line)
        return lines, broken


@dataclass(frozen=True)
class Record:
    """What stood at a line with quotes: fields and the line after the record, or the reason it is none."""

    fields: Row
    end: int
    reason: str | None = None
    open: bool = False


def parse_quoted(lines: list[str], start: int, delimiter: str, null: str) -> Record:
    """The record that begins at `lines[start]`, over as many lines as its quotes span."""
    text, at, last = lines[start], 0, start
    fields: Row = []
    while True:
        if text[at : at + 1] == '"':
            pieces: list[str] = []
            at += 1
            while True:
                end = text.find('"', at)
                if end < 0:
                    pieces.append(text[at:])
                    last += 1
                    if last >= len(lines):
                        return Record([], start, "a quoted field that is not closed", open=True)
                    pieces.append("\n")
                    text, at = lines[last], 0
                    continue
                pieces.append(text[at:end])
                at = end + 1
                if text[at : at + 1] != '"':
                    break
                pieces.append('"')
                at += 1
            fields.append("".join(pieces))
            if text[at:] in ("", "\r"):
                return Record(fields, last + 1)
            if not text.startswith(delimiter, at):
                return Record([], start, "text behind a closing quote, or a quoted field that is not closed")
            at += len(delimiter)
            continue
        end = text.find(delimiter, at)
        if end < 0:
            value = text[at:].removesuffix("\r")
            fields.append(None if value == null else value)
            return Record(fields, last + 1)
        fields.append(None if text[at:end] == null else text[at:end])
        at = end + len(delimiter)


def _check_line_end(number: int, line: str, delimiter: str) -> None:
    """Refuse a file whose lines end with a carriage return alone: all of it would be one line."""
    unquoted = re.sub(rf'(^|{re.escape(delimiter)})"(?:[^"]|"")*("|$)', r"\1", line)
    if "\r" in unquoted.removesuffix("\r"):
        raise HeadraceError(
            "csv-line-ends",
            "lines of the file end with a carriage return alone",
            cause=f"line {number} has one that is neither quoted nor before a line feed",
            hint="nothing was loaded; turn them into line feeds: tr '\\r' '\\n' < FILE",
        )


def _line_encoding(dialect: Dialect) -> str:
    """The encoding in which a line feed is one byte: the file's own, or UTF-8 it is first turned into."""
    if not dialect.delimiter or any(sign in dialect.delimiter for sign in '"\r\n'):
        raise HeadraceError("csv-delimiter", "the delimiter may hold no quote and no line end")
    try:
        one_byte = "a\n".encode(dialect.encoding).endswith(b"\n") and "\n".encode(dialect.encoding) == b"\n"
    except LookupError:
        raise HeadraceError(
            "csv-encoding", f"no encoding is called {dialect.encoding}", hint="for instance utf-8 or cp1252"
        ) from None
    return dialect.encoding if one_byte else "utf-8"


def _blocks(stream: BinaryIO, recode_from: str | None) -> Iterator[bytes]:
    """The file in blocks, turned into UTF-8 first when its line ends are more than one byte (UTF-16)."""
    decoder = codecs.getincrementaldecoder(recode_from)() if recode_from else None
    try:
        while block := stream.read(_BLOCK_BYTES):
            yield decoder.decode(block).encode() if decoder else block
        if decoder:
            yield decoder.decode(b"", final=True).encode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise HeadraceError(
            "csv-gzip-broken",
            "the compressed file is damaged or cut short",
            cause=str(error),
            hint="nothing was loaded; fetch the file again",
        ) from error
    except UnicodeDecodeError as error:
        raise HeadraceError(
            "csv-encoding",
            f"the file is not valid {recode_from}",
            cause=f"{error.reason} at byte {error.start} of a block",
            hint="give the right --encoding",
        ) from error
