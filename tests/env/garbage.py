"""garbage.py ADDRESS: whatever a server must live through, from sockets of ZeroMQ and from plain ones"""
import os
import random
import socket
import sys

import msgpack
import zmq

address = sys.argv[1]
host, port = address[len("tcp://"):].rsplit(":", 1)
rng = random.Random(1)
good = {"reverie": 1, "kind": "hello", "session": 5, "n": 1, "arguments": ""}
messages = [
    [b""], [b"x"], [b"", b""], [b"", b"", b""], [b"x", msgpack.packb(good)], [b"", msgpack.packb(good), b""],
    [b"", b"\x91" * 5000], [b"", b"\xdf\xff\xff\xff\xff"], [b"", b"\xc6\xff\xff\xff\xff"],
    [b"", msgpack.packb(3)], [b"", msgpack.packb([])], [b"", msgpack.packb({})], [b"", msgpack.packb({3: 4})],
    [b"", msgpack.packb({b"\xff": {"a": [1] * 100}})],
    *([b"", msgpack.packb({**good, **change})] for change in (
        {"n": -1}, {"n": 2**64 - 1, "session": True}, {"session": "5"}, {"kind": "dance"}, {"kind": ["hello"]},
        {"kind": "answer"}, {"reverie": 2}, {"arguments": 3}, {"arguments": "a" * 100000}, {"arguments": "=,=,="},
        {"arguments": "no_such=1"}, {"more": 1}, {"kind": "step"}, {"kind": "bye"}, {"n": 1.5})),
    *([b"", msgpack.packb({"reverie": 1, "session": 77, "n": 1, **request})] for request in (
        {"kind": "hello", "arguments": ""}, {"kind": "step", "action": [0.0]}, {"kind": "reset", "seed": -1},
        {"kind": "reset", "seed": 10**18}, {"kind": "step", "action": []}, {"kind": "step", "action": [1]},
        {"kind": "step", "action": [float("nan")]}, {"kind": "step", "action": [0.0, 1.0]},
        {"kind": "step", "action": [[0.0]]}, {"kind": "load", "state": b""}, {"kind": "load", "state": b"x" * 1000000},
        {"kind": "load", "state": "text"}, {"kind": "save"}, {"kind": "reset"}, {"kind": "bye"}, {"kind": "bye"})),
]
context = zmq.Context()
for _ in range(3):
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 1000
    dealer.connect(address)
    for message in messages:
        dealer.send_multipart(message)
    for _ in range(200):
        dealer.send_multipart([b"", os.urandom(rng.randrange(100))])
        flipped = bytearray(msgpack.packb(good))
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        dealer.send_multipart([b"", bytes(flipped)])
    dealer.send_multipart([b"", b"x" * (1 << 23)])  # more than is taken: this ends the connection
    dealer.close()
for n in (0, 1, 10, 64, 1000, 100000):
    with socket.create_connection((host, int(port))) as plain:
        try:
            plain.sendall(os.urandom(n))
        except OSError:
            pass
    with socket.create_connection((host, int(port))) as plain:
        try:
            plain.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + bytes(48) + os.urandom(n))
        except OSError:
            pass
context.term()
