"""Remote: shards behind a URL read as from a disk, once; every failure of a server is one sentence, in bounded time."""

import functools
import http.server
import re
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
import torch

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

from foundation.data import remote
from foundation.data.manifest import ShardError
from foundation.data.places import place_of
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.errors import FoundationError
from foundation.tokens import Space, Tokens

BODY = Space("body", "discrete", 100)


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves byte ranges, and misbehaves on request."""

    faults: ClassVar = {}  # path ending -> what to do about it, once for each entry
    asked: ClassVar = []
    ranges = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        type(self).asked.append(self.path)
        fault = next((f.pop(0) for end, f in self.faults.items() if self.path.endswith(end) and f), None)
        if isinstance(fault, int):
            return self.send_error(fault)
        if fault == "hang":
            threading.Event().wait(2)
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            return self.send_error(404)
        content = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and self.ranges:
            content = content[int(asked[1]) : int(asked[2]) + 1]
        if fault == "flip":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(206 if asked and self.ranges else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def do_HEAD(self):
        self.send_error(405)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "tokens"
    samples = (TokenSample(f"s{i}", Tokens.of_space(BODY, torch.tensor([i, 2 * i]))) for i in range(24))
    write_tokens(samples, path, (BODY,), "h", samples_per_member=2, members_per_shard=4)
    return path


@pytest.fixture
def url(local, monkeypatch):
    kind = type("Kind", (Server,), {"faults": {}, "asked": [], "ranges": True})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(kind, directory=str(local.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(remote.time, "sleep", lambda _: None)
    yield Address(f"http://127.0.0.1:{server.server_address[1]}/{local.name}", kind)
    server.shutdown()
    thread.join()
    server.server_close()


class Address(str):
    def __new__(cls, text, server):
        self = super().__new__(cls, text)
        self.server = server
        return self


def same(shards, path):
    pairs = zip(shards, TokenShards(path), strict=True)
    return all(a.key == b.key and torch.equal(a.tokens.ids, b.tokens.ids) for a, b in pairs)


def test_the_same_samples_as_on_the_disk_and_each_byte_travels_once(url, local, tmp_path):
    shards = TokenShards(str(url), cache=tmp_path)
    assert same(shards, local)
    assert sum(p.endswith(".tar") for p in url.server.asked) == shards.members == 12
    url.server.faults.update({".tar": [500] * 99})
    assert same(TokenShards(str(url), cache=tmp_path), local)  # from the cache


def test_several_places_are_one_data_set(url, local, tmp_path):
    both = TokenShards([local, str(url)], cache=tmp_path)
    assert len(both) == 48 and [s.key for s in both] == 2 * [s.key for s in TokenShards(local)]
    assert both.manifest.statistics == {"body": {"count": 48, "fraction": 1.0, "tokens": 96}}
    assert both.manifest.fingerprint != TokenShards(local).manifest.fingerprint
    other = tmp_path / "other"
    write_tokens([TokenSample("a", Tokens.of_space(BODY, torch.tensor([1])))], other, (BODY,), "another")
    with pytest.raises(ShardError, match=r"other and .* different tokenizer hash"):
        TokenShards([local, other])


@pytest.mark.parametrize("fault", [503, "cut", "flip"])
def test_a_passing_failure_is_tried_again(url, local, tmp_path, fault):
    url.server.faults.update({"shard-000001.tar": [fault, fault], "manifest.json": [503]})
    assert same(TokenShards(str(url), cache=tmp_path), local)


@pytest.mark.parametrize(("fault", "words"), [(503, "4 attempts.*503"), ("cut", "4 attempts"), ("flip", "checksum")])
def test_a_lasting_failure_names_the_shard_and_spares_the_others(url, tmp_path, fault, words):
    shards = TokenShards(str(url), cache=tmp_path)
    url.server.faults.update({"shard-000001.tar": [fault] * 99})
    with pytest.raises(ShardError, match=rf"shard-000001.tar: cannot be read \(.*{words}"):
        shards.member(5)
    assert [s.key for s in shards.member(8)] == ["s16", "s17"]


def test_what_is_not_there_is_not_asked_for_again(url, tmp_path):
    url.server.faults.update({"shard-000001.tar": [404] * 99})
    shards = TokenShards(str(url), cache=tmp_path)
    with pytest.raises(ShardError, match=r"shard-000001.tar: cannot be read \(1 attempt; FileNotFoundError"):
        shards.member(5)
    with pytest.raises(ShardError, match=r"nowhere/manifest.json: cannot be read"):
        TokenShards(str(url) + "/nowhere", cache=tmp_path)


def test_a_server_that_does_not_answer_is_given_up(url, local, tmp_path):
    place = remote.Remote(str(url), tmp_path, attempts=2, seconds=0.3)
    manifest = place.manifest()
    url.server.faults.update({"shard-000000.tar": ["hang"] * 9})
    start = time.monotonic()
    with pytest.raises(ShardError, match=r"cannot be read \(2 attempts; FSTimeoutError"):
        place.read("shard-000000.tar", [manifest.members[0][1].arrays])
    assert time.monotonic() - start < 2.5


def test_a_server_without_byte_ranges_is_refused_with_the_reason(url, tmp_path):
    url.server.ranges = False
    with pytest.raises(ShardError, match=r"must serve byte ranges"):
        TokenShards(str(url), cache=tmp_path).member(0)


def test_a_changed_byte_in_the_cache_is_fetched_anew(url, local, tmp_path):
    assert same(TokenShards(str(url), cache=tmp_path), local)
    kept = next(p for p in tmp_path.rglob("*") if p.parent.name == "shard-000002.tar")
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert same(TokenShards(str(url), cache=tmp_path), local)


def test_other_protocols_are_those_of_fsspec(local, tmp_path):
    assert same(TokenShards(f"file://{local}", cache=tmp_path), local)
    TokenShards(f"file://{local}", cache=tmp_path).verify()
    with pytest.raises(FoundationError, match=r"Protocol not known: gopher.*s3://bucket"):
        place_of("gopher://host/tokens")
