"""A small Hub on loopback: enough of its protocol for the real loading code, and faults on demand."""

import base64
import hashlib
import json
import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "beef"
LARGE = (".safetensors", ".bin", ".parquet")  # stored with a sha256, as the Hub does
API = re.compile(r"/api/(models|datasets)/((?:[^/]+/)?[^/]+?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.+))?)?")
PUSH = re.compile(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main")
FILE = re.compile(r"/(datasets/)?((?:[^/]+/)?[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Fault:
    """What goes wrong with requests whose path holds `match`: "status" (with the Hub's `error` header), "hang",
    "reset", "portal" (a log-in page), "short" (half the body), "less" (half the body, under the right length of that),
    "flip" (one bit), "drip" (a byte now and then). `times` None is every time."""

    kind: str
    match: str = ""
    status: int = 500
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # more of them
    times: int | None = None


@dataclass
class FakeHub:
    """`repos` maps ("models" or "datasets", id) to files by path; `info` holds further answers (gated) by id."""

    port: int
    repos: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    info: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    outwaited: bool = False  # whether someone waited for a request that hangs until the Hub itself gave it up

    def start(self) -> None:
        """Serve until the process ends."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), type("Handler", (_Handler,), {"hub": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Forget everything; wake what hangs."""
        self.released.set()
        self.released, self.outwaited = threading.Event(), False
        for memory in (self.repos, self.info, self.faults, self.requests, self.headers):
            memory.clear()

    def model(self, id: str, folder: Path, **info: Any) -> str:
        """Serve the files of `folder` as a model."""
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return self.add("models", id, files, **info)

    def add(self, kind: str, id: str, files: dict[str, bytes], **info: Any) -> str:
        """Serve `files` as a repository; returns its id."""
        self.repos[kind, id], self.info[id] = files, info
        return id

    def fail(self, kind: str, **how: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(kind, **how))

    def due(self, path: str, *kinds: str) -> Fault | None:
        """The first fault of `kinds` that meets `path`, counted."""
        for fault in self.faults:
            if fault.kind in kinds and fault.match in path and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path, asked = unquote(url.path), parse_qs(url.query)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append((self.command, path))
        self.hub.headers.append(dict(self.headers))
        if fault := self.hub.due(path, "status", "hang", "reset", "portal"):
            return self.break_down(fault)
        if path == "/api/validate-yaml":  # of a card's head
            return self.send_json({"errors": [], "warnings": []})
        if self.command == "POST" and (path == "/api/repos/create" or PUSH.fullmatch(path)):
            return self.take(path, body)
        if found := FILE.fullmatch(path):
            return self.send_file("datasets" if found[1] else "models", found[2], found[3], found[4])
        if found := API.fullmatch(path):
            return self.send_api(found, asked, body)
        return self.refuse(404, "")

    def take(self, path: str, body: bytes) -> None:
        """What is pushed with the token "may-write": a new repository, and a commit of small files."""
        if self.headers.get("Authorization") != "Bearer may-write":
            return self.refuse(403, "")
        if path == "/api/repos/create":
            given = json.loads(body)
            id = f"{given['organization']}/{given['name']}"
            if ("models", id) in self.hub.repos:
                return self.refuse(409, "")
            self.hub.add("models", id, {}, private=given["visibility"] == "private")
            return self.send_json({"url": f"http://127.0.0.1:{self.hub.port}/{id}", "name": id})
        found = PUSH.fullmatch(path)
        assert found
        if found[2] == "preupload":
            files = json.loads(body)["files"]
            return self.send_json({"files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False,
                                              "oid": None} for file in files]})  # fmt: skip
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                value = line["value"]
                self.hub.repos["models", found[1]][value["path"]] = base64.b64decode(value["content"])
        self.send_json({"commitUrl": f"http://127.0.0.1:{self.hub.port}/{found[1]}/commit/{COMMIT}",
                        "commitOid": COMMIT, "hookOutput": ""})  # fmt: skip

    def break_down(self, fault: Fault) -> None:
        if fault.kind == "status":
            self.refuse(fault.status, fault.error, fault.headers)
        elif fault.kind == "portal":
            self.send(200, b"<html>Welcome! Please log in.</html>", {"Content-Type": "text/html"}, commit=False)
        elif fault.kind == "hang":
            self.hub.outwaited |= not self.hub.released.wait(60)
            self.close_connection = True
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def send(self, status: int, body: bytes, headers: dict[str, str], commit: bool = True, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        if commit:
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def drip(self, data: bytes, headers: dict[str, str]) -> None:
        """A byte every twentieth of a second, until nobody listens."""
        self.send(200, b"", {**headers, "Content-Length": str(len(data))})
        with suppress(OSError):
            for place in range(len(data)):
                self.wfile.write(data[place : place + 1])
                if self.hub.released.wait(0.05):
                    break
        self.close_connection = True

    def send_json(self, value: Any) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        names = {"disabled": ("", "Access to this resource is disabled.")}
        code, message = names.get(error, (error, error))
        told = {name: text for name, text in (("X-Error-Code", code), ("X-Error-Message", message)) if text}
        self.send(status, b"{}", told | (headers or {}))

    def send_api(self, found: re.Match[str], asked: dict[str, list[str]], body: bytes) -> None:
        kind, id, what, revision, folder = found.groups()
        files = self.hub.repos.get((kind, id))
        if files is None:
            return self.refuse(401, "RepoNotFound")
        if revision not in (None, "main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        if what in (None, "revision"):
            siblings = [
                {"rfilename": name, "size": len(data), "blobId": "0" * 40, **_lfs(name, data)}
                for name, data in files.items()
            ]
            return self.send_json({"id": id, "sha": COMMIT, "private": False, "gated": False, "disabled": False,
                                   "siblings": siblings, **self.hub.info[id]})  # fmt: skip
        if what == "paths-info":
            wanted = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
            return self.send_json([_entry(name, files[name]) for name in wanted if name in files])
        inside = {name: data for name, data in files.items() if name.startswith(f"{folder}/" if folder else "")}
        if not inside:
            return self.refuse(404, "EntryNotFound")
        if asked.get("recursive", ["false"])[0].lower() == "true":
            return self.send_json([_entry(name, data) for name, data in inside.items()])
        depth = len(folder.split("/")) + 1 if folder else 1
        here = {"/".join(name.split("/")[:depth]): data for name, data in inside.items()}
        return self.send_json([_entry(name, data if name in files else None) for name, data in here.items()])

    def send_file(self, kind: str, id: str, revision: str, name: str) -> None:
        files = self.hub.repos.get((kind, id))
        if files is None:
            return self.refuse(401, "RepoNotFound")
        if revision not in ("main", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        data, status = files[name], 200
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        if part := re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(part[1]), min(int(part[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        fault = self.hub.due(self.path, "short", "less", "flip", "drip") if self.command == "GET" else None
        if fault and fault.kind == "flip":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault and fault.kind == "drip":
            return self.drip(data, headers)
        if fault and fault.kind == "less":
            data = data[: len(data) // 2]
        self.send(status, data, headers, cut=fault is not None and fault.kind == "short")


def _lfs(name: str, data: bytes) -> dict[str, Any]:
    if not name.endswith(LARGE):
        return {}
    return {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}


def _entry(name: str, data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": name}
    return {"type": "file", "oid": hashlib.sha1(data).hexdigest(), "size": len(data), "path": name}
