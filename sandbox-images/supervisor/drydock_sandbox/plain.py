"""Plain data between processes that do not trust each other.

A frame is a 4-byte big-endian length and that many bytes of JSON. Values keep their exact Python type by tags:
null, booleans, strings and ints below 2**53 stand for themselves; {"i": hex} a larger int, {"f": repr} a float,
[...] a list, {"t": [...]} a tuple, {"d": [[key, value], ...]} a dict, {"s": [...]} a set, {"z": [...]} a frozenset,
{"b": hex} bytes, {"c": [re, im]} a complex, {"g": [...]} an iterator, {"k": name} one of the builtin classes,
{"x": name} anything else, equal to nothing.
Subclasses of builtins (Counter, namedtuple, IntEnum) are sent as the builtin that they extend.
"""
import collections.abc
import itertools
import json
import os
import struct

MAX_DEPTH = 64
MAX_FRAME = 8 << 20
PIECE = 1 << 16
MAX_ITERATOR = 100_000
CLASSES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)}


class BadValue(Exception):
    """What arrived is not plain data."""


class Opaque:
    """Stands for a value that is not plain data: equal to nothing, itself included."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return False

    __hash__ = None

    def __repr__(self):
        return f"<{self.name}>"


def encode(value, depth=0):
    if depth > MAX_DEPTH:
        return {"x": "too deep"}
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(1 << 53) < value < (1 << 53) else {"i": hex(value)}
    if kind is float:
        return {"f": float.__repr__(value)}
    deeper = depth + 1
    if kind is list:
        return [encode(item, deeper) for item in value]
    if kind is tuple:
        return {"t": [encode(item, deeper) for item in value]}
    if kind is dict:
        return {"d": [[encode(key, deeper), encode(item, deeper)] for key, item in value.items()]}
    if kind is set:
        return {"s": [encode(item, deeper) for item in value]}
    if kind is frozenset:
        return {"z": [encode(item, deeper) for item in value]}
    if kind is bytes or kind is bytearray:
        return {"b": value.hex()}
    if kind is complex:
        return {"c": [float.__repr__(value.real), float.__repr__(value.imag)]}
    if kind is type and CLASSES.get(value.__name__) is value:
        return {"k": value.__name__}
    # By the type's own ancestry: an instance can lie about its __class__.
    if issubclass(kind, int):
        return encode(int.__int__(value), deeper)
    if issubclass(kind, float):
        return encode(float.__float__(value), deeper)
    if issubclass(kind, str):
        return "".join(str.__iter__(value))
    if issubclass(kind, list):
        return encode(list(list.__iter__(value)), deeper)
    if issubclass(kind, tuple):
        return encode(tuple(tuple.__iter__(value)), deeper)
    if issubclass(kind, dict):
        return encode(dict(dict.items(value)), deeper)
    if issubclass(kind, set):
        return encode(set(set.__iter__(value)), deeper)
    if issubclass(kind, collections.abc.Iterator):
        items = list(itertools.islice(value, MAX_ITERATOR + 1))
        if len(items) <= MAX_ITERATOR:
            return {"g": [encode(item, deeper) for item in items]}
    return {"x": str(kind.__name__)[:64]}


def decode(value, depth=0):
    """The strict inverse. Raises BadValue for what `encode` never writes."""
    try:
        return _decode(value, depth)
    except (TypeError, ValueError, KeyError, IndexError, RecursionError, MemoryError) as error:
        raise BadValue(f"{type(error).__name__}: {error}"[:200]) from None


def _decode(value, depth):
    if depth > MAX_DEPTH + 2:
        raise BadValue("too deep")
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is int:
        return value
    deeper = depth + 1
    if kind is list:
        return [_decode(item, deeper) for item in value]
    if kind is not dict or len(value) != 1:
        raise BadValue("not plain data")
    ((tag, body),) = value.items()
    if tag == "i":
        return int(_text(body), 16)
    if tag == "f":
        return float(_text(body))
    if tag == "t":
        return tuple(_decode(item, deeper) for item in _items(body))
    if tag == "d":
        return {_decode(key, deeper): _decode(item, deeper) for key, item in _items(body)}
    if tag == "s":
        return {_decode(item, deeper) for item in _items(body)}
    if tag == "z":
        return frozenset(_decode(item, deeper) for item in _items(body))
    if tag == "b":
        return bytes.fromhex(_text(body))
    if tag == "c":
        real, imaginary = _items(body)
        return complex(float(_text(real)), float(_text(imaginary)))
    if tag == "g":
        return iter([_decode(item, deeper) for item in _items(body)])
    if tag == "k":
        return CLASSES[_text(body)]
    if tag == "x":
        return Opaque(_text(body)[:64])
    raise BadValue("unknown tag")


def _text(value):
    if type(value) is not str:
        raise BadValue("text expected")
    return value


def _items(value):
    if type(value) is not list:
        raise BadValue("list expected")
    return value


def frame(message):
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def send(fd, message):
    data = memoryview(frame(message))
    while data:
        data = data[os.write(fd, data) :]


def receive(fd):
    """The next message. Raises EOFError where the other side has gone, BadValue where it sent no frame of JSON."""
    (length,) = struct.unpack(">I", read_exactly(fd, 4))
    if length > MAX_FRAME:
        raise BadValue("frame too large")
    try:
        return json.loads(read_exactly(fd, length))
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadValue(f"not JSON: {error}"[:200]) from None


def read_exactly(fd, count):
    pieces = []
    while count > 0:
        piece = os.read(fd, min(count, PIECE))
        if not piece:
            raise EOFError
        count -= len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def read_all(fd):
    pieces = []
    while piece := os.read(fd, PIECE):
        pieces.append(piece)
    return b"".join(pieces)
