"""The text of a file's bytes. What isn't Unicode is guessed, with a doubt for the person to look at.

Knows nothing of tables.
"""

from dataclasses import dataclass, field

from distill_core.data.language import evidence
from distill_core.errors import DataError
from distill_core.messages import Message, message

GUESSED_BYTES = 200_000  # looked at for the guess
MOSTLY_UTF8 = 5  # letters in UTF-8 to a broken one, from which on a file is damaged and not in another encoding
EXAMPLE = 60  # characters of the line that shows how the guess reads
# What spreadsheets and older programs write, and how people call it. The library knows many more, and then guesses a
# Macintosh of 1990 for a short file with an accent.
ENCODINGS = {
    "cp1252": "Windows-1252 (Western Europe)", "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)", "gb18030": "GBK (Chinese)",
    "big5": "Big5 (Chinese)", "cp932": "Shift-JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)", "cp949": "CP949 (Korean)",
    "iso8859_2": "ISO 8859-2 (Central Europe)", "koi8_r": "KOI8-R (Russian)", "cp866": "CP866 (Russian)",
    "mac_roman": "Mac Roman (Western Europe)",
}  # fmt: skip


@dataclass(frozen=True)
class DecodedFile:
    """The text, the `encoding` it was in, and what a person should know of how it was read: `doubts` are to be looked
    at."""

    text: str
    encoding: str = "utf-8-sig"
    notes: list[Message] = field(default_factory=list)
    doubts: list[Message] = field(default_factory=list)


def decode(data: bytes, name: str) -> DecodedFile:
    """The text of the bytes of a file. Raises DataError where no reading fits."""
    found = _decode(data, name)
    place = found.text.find("\0")
    if place >= 0:
        line = found.text.count("\n", 0, place) + 1
        raise DataError(message(
            "Line {line:,} of {name} holds a NUL byte, so the file is damaged or not text. Export it again.", line=line,
            name=name))  # fmt: skip
    return found


def _decode(data: bytes, name: str) -> DecodedFile:
    wide = _utf16(data)
    if wide:  # Excel's "Unicode text"
        try:
            text = data.decode(wide).removeprefix("\ufeff")
            return DecodedFile(text, wide, [message("{name} was read as UTF-16.", name=name)])
        except UnicodeDecodeError:
            raise DataError(
                message("{name} begins like UTF-16 but isn't. Save it again as UTF-8.", name=name)
            ) from None
    try:
        return DecodedFile(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", "replace")
        broken, strange = text.count("\ufffd"), len(text) - len(text.encode("ascii", "ignore"))
        if strange > MOSTLY_UTF8 * broken:
            return DecodedFile(text, doubts=[message(
                "{name} is UTF-8 but for {n:character|characters}, the first in line {line:,}; {n:~it is|they are} "
                "read as �.", name=name, n=broken, line=data.count(b"\n", 0, error.start) + 1)])  # fmt: skip
        return _guess(data, name, error.start)


def _utf16(data: bytes) -> str | None:
    """The kind of UTF-16 that the bytes are in, by their mark or by the zeros in every other byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = data[:2000]
    odd, even = head[1::2].count(0), head[::2].count(0)
    if len(head) >= 8 and max(odd, even) > 0.3 * len(head) and min(odd, even) < 0.05 * len(head):
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _guess(data: bytes, name: str, place: int) -> DecodedFile:
    """The text of bytes that aren't UTF-8 from `place` on, in the encoding whose reading is most like a language."""
    from charset_normalizer import from_bytes

    first = data.count(b"\n", 0, place)
    lines = data.split(b"\n")
    # from the first strange line on, and the lines in front of it as a sample of what is plain
    sample = b"\n".join([*lines[:20], *lines[max(first, 20) :]])[:GUESSED_BYTES]
    likely = [match.encoding for match in from_bytes(sample, cp_isolation=list(ENCODINGS))]
    readings: list[tuple[int, str, str]] = []
    for encoding in [*likely, *(other for other in ("cp1252",) if other not in likely)]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        readings.append((evidence(text[:GUESSED_BYTES])[1], encoding, text))
    if not readings:
        raise DataError(message("Line {line:,} of {name} is not UTF-8 text. Save the file again as UTF-8.",
                               line=first + 1, name=name))  # fmt: skip
    _, encoding, text = max(readings, key=lambda reading: reading[0])  # the likeliest of equals comes first
    western = next((reading for reading in readings if reading[1] == "cp1252"), None)
    if western and western[2] == text:
        encoding = "cp1252"
    line = text.split("\n")[first].strip()
    strange = next((at for at, letter in enumerate(line) if not letter.isascii()), 0)
    shown = line[max(0, strange - EXAMPLE // 2) :][:EXAMPLE]
    return DecodedFile(text, encoding, doubts=[message(
        "{name} is not UTF-8; it was read as {encoding}. Line {line:,} then says “{text}”. If that is wrong, save the "
        "file as UTF-8.", name=name, encoding=ENCODINGS[encoding], line=first + 1, text=shown)])  # fmt: skip
