/**
 * A small server that speaks what @huggingface/hub asks of the hub: a model's commit, its files, and the files in
 * ranges. It can cut connections and serve other bytes than it lists.
 */
import * as Crypto from "node:crypto";
import * as Http from "node:http";
import type { AddressInfo } from "node:net";

export interface Hub {
  readonly endpoint: string;
  /** Every request for a file: its name, and the first byte asked for. */
  readonly requests: Array<{
    readonly file: string;
    readonly from: number;
    readonly token: string | undefined;
  }>;
  /** File whose next answers end after this many bytes, and how many such answers there are. */
  cut: { readonly file: string; readonly after: number; times: number } | undefined;
  /** What is served in place of a file's bytes. */
  readonly swapped: Map<string, Uint8Array>;
  readonly close: () => Promise<void>;
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Files of this size and more are listed with a sha256, as those in LFS are. */
const LARGE = 10_000;

const hash = (algorithm: string, ...parts: ReadonlyArray<string | Uint8Array>): string => {
  const made = Crypto.createHash(algorithm);
  for (const part of parts) made.update(part);
  return made.digest("hex");
};

const entry = (path: string, bytes: Uint8Array) => ({
  type: "file",
  path,
  size: bytes.length,
  oid: hash("sha1", `blob ${bytes.length}\0`, bytes),
  ...(bytes.length < LARGE
    ? {}
    : { lfs: { oid: hash("sha256", bytes), size: bytes.length, pointerSize: 130 } }),
});

export const serve = async (repo: string, files: ReadonlyMap<string, Uint8Array>): Promise<Hub> => {
  const hub: Omit<Hub, "endpoint" | "close"> = { requests: [], cut: undefined, swapped: new Map() };
  const json = (response: Http.ServerResponse, status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  const file = (request: Http.IncomingMessage, response: Http.ServerResponse, name: string): void => {
    const bytes = hub.swapped.get(name) ?? files.get(name);
    if (bytes === undefined) {
      response.setHeader("x-error-code", "EntryNotFound");
      return json(response, 404, { error: "Entry not found" });
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = range === null ? 0 : Number(range[1]);
    const to = range === null || range[2] === "" ? bytes.length : Number(range[2]) + 1;
    // The look at a file's size.
    const isProbe = range !== null && from === 0 && to === 1;
    if (!isProbe) hub.requests.push({ file: name, from, token: request.headers.authorization });
    response.writeHead(range === null ? 200 : 206, {
      etag: `"${name}"`,
      "content-length": to - from,
      ...(range === null ? {} : { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    const { cut } = hub;
    if (cut !== undefined && cut.file === name && cut.times > 0 && !isProbe) {
      cut.times -= 1;
      response.write(bytes.subarray(from, Math.min(to, from + cut.after)), () => response.destroy());
    } else response.end(bytes.subarray(from, to));
  };
  const server = Http.createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://hub").pathname);
    if (path.startsWith(`/api/models/${repo}/revision/`)) {
      const revision = path.split("/").at(-1);
      if (revision !== "main" && revision !== COMMIT) return json(response, 404, { error: "Invalid rev id" });
      return json(response, 200, { _id: "1", id: repo, sha: COMMIT, cardData: { license: "mit" } });
    }
    if (path === `/api/models/${repo}/tree/${COMMIT}`) {
      return json(
        response,
        200,
        [...files].map(([name, bytes]) => entry(name, bytes)),
      );
    }
    const prefix = `/${repo}/resolve/${COMMIT}/`;
    if (path.startsWith(prefix)) return file(request, response, path.slice(prefix.length));
    // The hub's answer about a model that does not exist, to someone without a token.
    return json(response, 401, { error: "Invalid username or password." });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(hub, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
};
