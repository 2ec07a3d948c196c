#!/usr/bin/env python3
"""A guest of a Tertulia lecture: python3 guest.py TICKET NAME"""
import hashlib, hmac, os, select, socket, struct, sys, time
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

P, PREAMBLE = 2**255 - 19, b"TERTULIA\x01\x01"
Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL = {(y | s << 255).to_bytes(32, "little") for y in (0, 1, P - 1, P, P + 1, Y8, P - Y8) for s in (0, 1)}
HELLO, BYE, PING, OK, ERROR, JOIN, WELCOME, ENTRY = 0, 2, 4, 6, 8, 0x40, 0x42, 0x44
DIGEST, FETCH, FORK, PRESENCE, WAITING, TELL, ASK = 0x46, 0x48, 0x4A, 0x4C, 0x50, 0x60, 0x62


def verify(key, domain, parts, signature):
    message = b"tertulia 1 " + domain + b":" + b"".join(parts)
    if key in SMALL or signature[:32] in SMALL:
        raise InvalidSignature(domain)
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def sign(secret, domain, *parts):
    return secret.sign(b"tertulia 1 " + domain + b":" + b"".join(parts))


def public(secret):
    return secret.public_key().public_bytes_raw()


class Channel:
    """Noise_XX_25519_ChaChaPoly_SHA256 as the initiator, then records."""

    def __init__(self, stream, identity, host):
        self.stream, self.h = stream, b"Noise_XX_25519_ChaChaPoly_SHA256"
        self.ck, self.k, self.n = self.h, None, 0
        s, e = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.mix_hash(PREAMBLE)
        self.mix_hash(public(e))
        self.mix_hash(b"")
        stream.sendall(PREAMBLE + b"\0\x20" + public(e))
        message = self.read_record()
        assert len(message) == 192, f"refused: {message.hex()}"
        re = message[:32]
        self.mix_hash(re)
        self.mix_key(e, re)
        rs = self.open(message[32:80])
        self.mix_key(e, rs)
        payload = self.open(message[80:])
        verify(payload[:32], b"handshake", [rs], payload[32:])
        assert payload[:32] == host, "somebody else answered"
        message = self.seal(public(s))
        self.mix_key(s, re)
        message += self.seal(public(identity) + sign(identity, b"handshake", public(s)))
        stream.sendall(struct.pack(">H", len(message)) + message)
        self.keys, self.counts = self.hkdf(b""), [0, 0]

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def hkdf(self, data):
        prk = hmac.digest(self.ck, data, "sha256")
        one = hmac.digest(prk, b"\1", "sha256")
        return one, hmac.digest(prk, one + b"\2", "sha256")

    def mix_key(self, secret, key):
        self.ck, self.k = self.hkdf(secret.exchange(X25519PublicKey.from_public_bytes(key)))
        self.n = 0

    def nonce(self):
        self.n += 1
        return struct.pack("<IQ", 0, self.n - 1)

    def seal(self, data):
        sealed = ChaCha20Poly1305(self.k).encrypt(self.nonce(), data, self.h)
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        data = ChaCha20Poly1305(self.k).decrypt(self.nonce(), sealed, self.h)
        self.mix_hash(sealed)
        return data

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.stream.recv(count - len(data))
            if not piece:
                sys.exit("cut off")
            data += piece
        return data

    def read_record(self):
        return self.read(struct.unpack(">H", self.read(2))[0])

    def send(self, kind, id, body):
        frame = struct.pack(">HHI", len(body), kind, id) + body
        nonce = struct.pack("<IQ", 0, self.counts[0])
        self.counts[0] += 1
        sealed = ChaCha20Poly1305(self.keys[0]).encrypt(nonce, frame, b"")
        self.stream.sendall(struct.pack(">H", len(sealed)) + sealed)

    def frames(self):
        nonce = struct.pack("<IQ", 0, self.counts[1])
        self.counts[1] += 1
        record = ChaCha20Poly1305(self.keys[1]).decrypt(nonce, self.read_record(), b"")
        while record:
            length, kind, id = struct.unpack_from(">HHI", record)
            yield kind, id, record[8 : 8 + length]
            record = record[8 + length :]


def option(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def text(data, size=1):
    length = int.from_bytes(data[:size], "big")
    return data[size : size + length].decode(), data[size + length :]


def show(*words):
    print("".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in " ".join(words)), flush=True)


class Guest:
    def __init__(self, ticket, name):
        keys, addresses = ticket.strip().removeprefix("tertulia:").removesuffix("/").split("@")
        meeting, self.host, *seed = map(bytes.fromhex, keys.split("."))
        self.meeting, self.name, self.heads, self.host_name = meeting, name, {}, "host"
        self.identity, self.requests, self.waiting = Ed25519PrivateKey.generate(), 1, {}
        self.talk, self.asked = {}, set()
        address, port = addresses.split(",")[0].rsplit(":", 1)
        stream = socket.create_connection((address.strip("[]"), int(port)), 3)
        stream.settimeout(15)
        self.channel = Channel(stream, self.identity, self.host)
        started = struct.pack(">Q", time.time_ns() // 10**6)
        nick, grease = name.encode(), option(0x3F01 | os.urandom(1)[0] & 0xF0, os.urandom(2))
        self.channel.send(HELLO, 0, b"\2" + meeting + started + option(0x10, bytes([len(nick)]) + nick) + grease)
        proof = b""
        if seed:
            ticket = Ed25519PrivateKey.from_private_bytes(seed[0])
            endorsement = seed[1] if seed[1:] else bytes(64)
            proof = public(ticket) + endorsement + sign(ticket, b"ticket proof", meeting, public(self.identity))
            proof = option(0x14, proof)
        self.join = meeting + proof

    def on_frame(self, kind, id, body):
        if kind == HELLO:
            self.channel.send(JOIN, 1, self.join)
        elif kind == WELCOME:
            length = int.from_bytes(body[:2], "big")
            charter, signature = body[2 : length - 62], body[length - 62 : length + 2]
            verify(charter[1:33], b"charter", [charter], signature)
            digest = hashlib.sha256(b"tertulia 1 charter:" + charter).digest()
            assert digest[:16] == self.meeting and charter[1:33] == self.host, "another meeting"
            show("*", "you attend", text(charter[91:])[0])
            self.channel.send(DIGEST, 0, b"\0\0")
        elif kind == ENTRY:
            self.on_entry(body)
        elif kind == TELL:
            show(f"[{self.host_name} -> you]", text(body[16:], 2)[0])
            self.channel.send(OK, id, b"")
        elif kind == OK:
            self.waiting.pop(id, None)
        elif kind == ERROR:
            line, token, anew = self.waiting.pop(id, ("", b"", 3))
            if body[:2] == b"\0\x3a" and anew < 3:
                return self.ask(line, token, anew + 1)
            show("! not sent:", line, "-", text(body[2:])[0])
        elif kind == WAITING:
            show("waiting to be let in, at place", int.from_bytes(body[:2], "big"))
        elif kind == BYE:
            sys.exit(f"goodbye: {int.from_bytes(body[:2], 'big'):#06x} {text(body[2:])[0]!r}")
        elif kind % 2 == 0 and kind not in (PING, PRESENCE, FORK):
            sys.exit(f"a frame that I do not know: {kind:#06x}")

    def on_entry(self, body):
        entry, signature, said = body[:117], body[117:181], body[182:][: int.from_bytes(body[115:117], "big")]
        author, stream, number = entry[:32], entry[:41], int.from_bytes(entry[41:49], "big")
        assert body[181] == 1, "the words are lacking"
        signed = entry + hashlib.sha256(said).digest()
        verify(author, b"entry", [self.meeting, signed], signature)
        assert author == self.host, "only the host writes"
        last, head = self.heads.get(stream, (number - 1, entry[49:81]))
        if number <= last:
            return
        assert entry[40] > 1 or number == last + 1 and entry[49:81] == head, "a gap or a fork"
        head = hashlib.sha256(b"tertulia 1 entry:" + self.meeting + signed).digest()
        self.heads[stream] = number, head
        if entry[40] == 1:
            self.talk[entry[32:40] + entry[41:49]] = head
        kind = int.from_bytes(entry[113:115], "big")
        if kind == 0x0200:
            self.host_name = text(said[1:])[0]
        elif kind == 0x0100:
            show(f"<{self.host_name}>", text(said[16:], 2)[0])
        elif kind == 0x0102:
            self.on_question(entry, said)

    def on_question(self, entry, said):
        asker, signed, heard, head, rest = said[:32], said[32:96], said[48:64], said[64:96], said[160:]
        (name, after), (words, _) = text(rest), text(text(rest)[1], 2)
        verify(asker, b"question", [self.meeting, signed, rest[: -len(after)], words.encode()], said[96:160])
        if said[:48] in self.asked:
            return
        self.asked.add(said[:48])
        at = entry[32:40] + entry[41:49]
        if any(heard) and (heard >= at or self.talk.get(heard, head) != head):
            show("! the host tells more than one story: compare with others what it said before this")
        show(f"Question from {name} ({asker.hex()[:8]}):", words)

    def ask(self, line, token=None, anew=0):
        words, name, token = line.encode(), self.name.encode(), token or os.urandom(16)
        at = max(self.talk, default=bytes(16))
        signed, name = token + at + self.talk.get(at, bytes(32)), bytes([len(name)]) + name
        signature = sign(self.identity, b"question", self.meeting, signed, name, words)
        self.requests += 1
        self.waiting[self.requests] = line, token, anew
        body = signed + signature + name + struct.pack(">H", len(words)) + words
        self.channel.send(ASK, self.requests, body)

    def digest(self):
        rows = [s + struct.pack(">QQ", 1, n + 1) + h for s, (n, h) in self.heads.items()][:256]
        self.channel.send(DIGEST, 0, struct.pack(">H", len(rows)) + b"".join(rows))

    def run(self):
        inputs, due = [self.channel.stream, sys.stdin], time.monotonic() + 5
        while True:
            ready = select.select(inputs, [], [], max(0, due - time.monotonic()))[0]
            if self.channel.stream in ready:
                for frame in self.channel.frames():
                    self.on_frame(*frame)
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if line.strip():
                    self.ask(line.strip())
                elif not line:
                    inputs.remove(sys.stdin)
            if time.monotonic() >= due:
                self.digest() if self.heads else self.channel.send(PING, 0, b"")
                due = time.monotonic() + 5


if __name__ == "__main__":
    try:
        Guest(sys.argv[1], sys.argv[2]).run()
    except (InvalidSignature, InvalidTag) as fault:
        sys.exit(f"a signature or seal does not hold: {fault!r}")
