"""A hub on the loopback interface: the part of the protocol that huggingface_hub speaks for models, and faults."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Stored:
    """A repository: a folder, and the commit that it is."""

    folder: Path
    revision: str = "main"

    @cached_property
    def files(self) -> dict[str, bytes]:
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    @cached_property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(map(hash_of, self.files.items()))).encode()).hexdigest()

    def is_large(self, path: str) -> bool:
        return path.endswith((".safetensors", ".bin"))

    def digest(self, path: str) -> str:
        content = self.files[path]
        if self.is_large(path):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def listing(self) -> dict:
        return {"id": "x/y", "sha": self.commit, "siblings": [self._sibling(path) for path in self.files]}

    def _sibling(self, path: str) -> dict:
        size = len(self.files[path])
        told = {"rfilename": path, "size": size, "blobId": self.digest(path)[:40]}
        if self.is_large(path):
            told["lfs"] = {"sha256": self.digest(path), "size": size, "pointerSize": 134}
        return told


def hash_of(item: tuple[str, bytes]) -> tuple[str, str]:
    return item[0], hashlib.sha256(item[1]).hexdigest()


@dataclass
class Hub:
    """The server; a context manager.

    Attributes:
        stored: `owner/name` → repository.
        answers: `owner/name` → (status, error code) that every request gets; `owner/name/resolve` for its files only.
        broken: end of a path → how many of its downloads break off at 60 %, the connection reset.
        closed: the same, the connection closed as if the file were complete.
        wrong: end of a path → how many of its downloads have other bytes.
        slow: end of a path → event that its last bytes wait for.
        sent: path in a repository → bytes that left.
        requests: method and path of each, in order.
        tokens: what requests had in their header of that name.
    """

    stored: dict[str, Stored] = field(default_factory=dict)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    slow: dict[str, threading.Event] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def __enter__(self) -> Hub:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for event in self.slow.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def forget(self) -> None:
        """Count anew."""
        self.sent.clear()
        self.requests.clear()

    @property
    def weights(self) -> dict[str, int]:
        """Path of each weight file of which bytes left → how many."""
        return {path: count for path, count in self.sent.items() if path.endswith((".safetensors", ".bin"))}


def _due(faults: Counter[str], path: str) -> bool:
    for end in list(faults):
        if path.endswith(end) and faults[end] > 0:
            faults[end] -= 1
            return True
    return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {unquote(path)}")
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        # Split before it is decoded: the slashes of a revision such as refs/pr/3 are its own.
        parts = [unquote(part) for part in path.removeprefix("/api/models").strip("/").split("/")]
        name, kind, revision, file = "/".join(parts[:2]), parts[2], parts[3], "/".join(parts[4:])
        stored = self.hub.stored.get(name)
        answer = self.hub.answers.get(name) or self.hub.answers.get(f"{name}/{kind}")
        if answer is not None:
            self._refuse(*answer)
        elif stored is None:
            self._refuse(404, "RepoNotFound")
        elif revision not in (stored.revision, stored.commit):
            self._refuse(404, "RevisionNotFound")
        elif kind == "revision":
            self._send(200, json.dumps(stored.listing()).encode(), {"Content-Type": "application/json"}, body)
        elif file not in stored.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._file(name, stored, file, body)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code} if code else {}, True)

    def _file(self, name: str, stored: Stored, file: str, body: bool) -> None:
        content = stored.files[file]
        known = {"X-Repo-Commit": stored.commit, "ETag": f'"{stored.digest(file)}"', "Accept-Ranges": "bytes"}
        if stored.is_large(file):
            known |= {"X-Linked-Etag": known["ETag"], "X-Linked-Size": str(len(content))}
        asked = self.headers.get("Range")
        status, start, end, last = 200, 0, len(content), ""
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1 if last else end, end)
            status, known["Content-Range"] = 206, f"bytes {start}-{end - 1}/{len(content)}"
        if body and not asked and _due(self.hub.wrong, file):
            content = bytes(len(content))
        # What is asked for from a place to the end is a download that goes on.
        breaks = ""
        if body and not last:
            breaks = next((kind for kind in ("broken", "closed") if _due(getattr(self.hub, kind), file)), "")
        event = None if asked else next((one for end, one in self.hub.slow.items() if file.endswith(end)), None)
        self._send(status, content[start:end], known, body, file, breaks, event)

    def _send(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str],
        body: bool,
        file: str = "",
        breaks: str = "",
        event: threading.Event | None = None,
    ) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        part = content[: len(content) * 6 // 10] if breaks or event is not None else content
        # Counted first: the test may go on as soon as the last byte is there.
        self.hub.sent[file] += len(part)
        self.wfile.write(part)
        if breaks:
            self.wfile.flush()
            if breaks == "broken":
                # Closed with a reset, as a connection that is cut.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif event is not None:
            event.wait(20)
            self.hub.sent[file] += len(content) - len(part)
            self.wfile.write(content[len(part) :])
