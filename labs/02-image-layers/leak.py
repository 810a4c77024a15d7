"""A secret in the layers of an image: as it is, in another spelling, or in an archive."""

import base64
import binascii
import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONFIGURATION = "the image's configuration"
DEPTH = 4
"""How many archives may lie in one another."""
SAFE = bytes.maketrans(b"+/", b"-_")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}=*")
UNPACKERS = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ", lzma.decompress),
)
DAMAGED = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, tarfile.TarError)


def spellings(secret: bytes) -> dict[bytes, str]:
    """Return what a file may hold of a secret, and how that is called."""
    found = {secret: "", secret.hex().encode(): "in hexadecimal"}
    for shift in range(3):
        # The characters at both ends also depend on the neighbours
        text = base64.b64encode(bytes(shift) + secret)
        found[text[4 if shift else 0 : -4]] = "in base64"
    return found


def leaks(archive: Path, secret: str) -> dict[str, str]:
    """Return the files of a saved image that hold a secret, and how: empty if as it is."""
    known = spellings(secret.encode())
    found: dict[str, str] = {}
    with tarfile.open(archive) as image:
        for member in image:
            if not member.isfile():
                continue
            blob = image.extractfile(member).read()
            blob = gzip.decompress(blob) if blob.startswith(b"\x1f\x8b") else blob
            with suppress(ValueError):
                json.loads(blob)
                for form in forms(blob, known):
                    found.setdefault(CONFIGURATION, form)
                continue
            with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(blob)) as layer:
                for one in filter(tarfile.TarInfo.isfile, layer):
                    content = layer.extractfile(one).read()
                    for form in forms(content, known):
                        found.setdefault(one.name, form)
    return found


def forms(content: bytes, known: dict[bytes, str], depth: int = DEPTH) -> Iterator[str]:
    """Yield the forms in which a file holds a secret."""
    # A line may end within the text: `base64` writes 76 characters a line
    joined = content.replace(b"\n", b"")
    yield from (form for spelling, form in known.items() if spelling in joined)
    if depth:
        for how, inner in unpacked(content, joined):
            for form in forms(inner, known, depth - 1):
                yield f"{how} {form}".strip()


def unpacked(content: bytes, joined: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files that a file holds, and how."""
    with suppress(*DAMAGED):
        for begin, unpack in UNPACKERS:
            if content.startswith(begin):
                yield "compressed", unpack(content)
        if content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for one in filter(tarfile.TarInfo.isfile, archive):
                    yield "in an archive", archive.extractfile(one).read()
        if content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield "in an archive", archive.read(name)
        if BASE64.fullmatch(joined):
            with suppress(binascii.Error):
                yield "in base64", base64.urlsafe_b64decode(joined.translate(SAFE))
