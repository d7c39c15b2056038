/**
 * Decoders of a slot's attach stream. Docker wraps what a container writes in packets (8-byte header: stream, three
 * zeros, big-endian length); inside stdout the supervisor writes frames (4-byte big-endian length, JSON).
 * Iterative and bounded, unlike docker-modem's demuxStream, which recurses once a packet.
 */

/** Stream numbers of Docker's packets. */
const STDERR = 2;

/** The longest frame that a supervisor writes: 4 MiB of answers in base64, and some. */
export const MAX_FRAME = 16 * 1024 * 1024;

/** Collects chunks and hands them out by exact lengths. */
class Chunks {
  private parts: Array<Buffer> = [];
  length = 0;

  push(chunk: Buffer): void {
    this.parts.push(chunk);
    this.length += chunk.length;
  }

  /** The next `size` bytes; only where `length` is at least that. */
  take(size: number): Buffer {
    const [only] = this.parts;
    const whole = only !== undefined && this.parts.length === 1 ? only : Buffer.concat(this.parts);
    const rest = whole.subarray(size);
    this.parts = rest.length > 0 ? [rest] : [];
    this.length = rest.length;
    return whole.subarray(0, size);
  }
}

export interface Sinks {
  readonly stdout: (bytes: Buffer) => void;
  readonly stderr: (bytes: Buffer) => void;
}

/** Feeds Docker's packets to the two streams; partial packets pass through as they come. */
export const demux = (sinks: Sinks): ((chunk: Buffer) => void) => {
  const waiting = new Chunks();
  let left = 0;
  let sink = sinks.stdout;
  return (chunk) => {
    waiting.push(chunk);
    while (waiting.length > 0) {
      if (left === 0) {
        if (waiting.length < 8) return;
        const header = waiting.take(8);
        left = header.readUInt32BE(4);
        sink = header[0] === STDERR ? sinks.stderr : sinks.stdout;
        continue;
      }
      const piece = waiting.take(Math.min(left, waiting.length));
      left -= piece.length;
      sink(piece);
    }
  };
};

/** Feeds whole frames' bodies to `onFrame`; `onBad` once where a length is out of bounds. */
export const frames = (
  onFrame: (body: Buffer) => void,
  onBad: (reason: string) => void,
): ((bytes: Buffer) => void) => {
  const waiting = new Chunks();
  let size = -1;
  let bad = false;
  return (bytes) => {
    if (bad) return;
    waiting.push(bytes);
    for (;;) {
      if (size < 0) {
        if (waiting.length < 4) return;
        size = waiting.take(4).readUInt32BE(0);
        if (size > MAX_FRAME) {
          bad = true;
          return onBad(`frame of ${size} bytes`);
        }
      }
      if (waiting.length < size) return;
      const body = waiting.take(size);
      size = -1;
      onFrame(body);
    }
  };
};

/** One frame. */
export const frame = (message: unknown): Buffer => {
  const body = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};
