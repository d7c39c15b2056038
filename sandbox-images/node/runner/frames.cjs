// Synchronous frames on descriptors: a 4-byte big-endian length and that many bytes of JSON.
const { readSync, writeSync } = require("node:fs");
const { alloc, concat, from } = Buffer;

const MAX_FRAME = 8 << 20;

exports.FIRST_FD = 100;

const writeAll = (fd, bytes) => {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
};
exports.writeAll = writeAll;

exports.send = (fd, text) => {
  const body = from(text);
  const head = alloc(4);
  head.writeUInt32BE(body.length);
  writeAll(fd, concat([head, body]));
};

// Null at the end.
const readExactly = (fd, count) => {
  const bytes = alloc(count);
  for (let at = 0; at < count; ) {
    const got = readSync(fd, bytes, at, count - at, null);
    if (got === 0) return null;
    at += got;
  }
  return bytes;
};

// The next frame's text; null where the other side has gone, "" where it sent no frame.
exports.receive = (fd) => {
  const head = readExactly(fd, 4);
  if (head === null) return null;
  const size = head.readUInt32BE(0);
  if (size > MAX_FRAME) return "";
  const body = readExactly(fd, size);
  return body === null ? null : body.toString("utf8");
};

exports.readAll = (fd) => {
  const parts = [];
  for (;;) {
    const bytes = alloc(1 << 16);
    const got = readSync(fd, bytes, 0, bytes.length, null);
    if (got === 0) return concat(parts).toString("utf8");
    parts.push(bytes.subarray(0, got));
  }
};
