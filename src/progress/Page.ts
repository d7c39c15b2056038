/** The web page of a run: one file without external resources, under a policy that admits nothing else. */
import { createHash } from "node:crypto";
import * as Fs from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import * as Effect from "effect/Effect";
import * as Access from "./Access.ts";
import { ProgressError } from "./ProgressError.ts";

const file = new URL("./dashboard/page.html", import.meta.url);

const hashOf = (html: string, element: "script" | "style"): string => {
  const text = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(html)?.[1] ?? "";
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
};

/** What answers plain HTTP requests: the page at `/`, nothing elsewhere. */
export const load = Effect.fn("Page.load")(function* (bound: string) {
  const html = yield* Effect.tryPromise({
    try: () => Fs.readFile(file, "utf8"),
    catch: (error) =>
      new ProgressError({
        reason: `the web page is missing: ${error instanceof Error ? error.message : String(error)}`,
        remedy: "install Drydock again",
      }),
  });
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": `default-src 'none'; script-src ${hashOf(html, "script")}; style-src ${hashOf(html, "style")}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
  return (request: IncomingMessage, response: ServerResponse): void => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
    };
    const refusal = Access.refusal(request, bound);
    if (refusal !== null) return answer(403, refusal);
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "only GET is answered");
    if ((request.url ?? "/").split("?")[0] !== "/") return answer(404, "the page is at /");
    response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : html);
  };
});
