/**
 * Who may connect. A page of another site can reach a server on this machine through a person's browser, so the
 * browser's word on where a page comes from (Origin) must match where it was asked for (Host), and Host must not
 * be a name that anyone else can point here (DNS rebinding). Clients that are not browsers send no Origin.
 */
import * as Net from "node:net";
import * as Os from "node:os";

/** Hosts that every client of this machine may name, and addresses: they cannot be rebound. */
const trusted = (name: string, bound: string): boolean =>
  name === "localhost" ||
  name.endsWith(".localhost") ||
  Net.isIP(name.replace(/^\[|\]$/g, "")) !== 0 ||
  name === bound.toLowerCase() ||
  name === Os.hostname().toLowerCase();

/** Why a request is refused, or null. `bound` is the host that the server listens on. */
export const refusal = (
  request: { readonly headers: { readonly host?: string | undefined; readonly origin?: string | undefined } },
  bound: string,
): string | null => {
  const host = request.headers.host?.toLowerCase();
  if (host === undefined || !URL.canParse(`http://${host}`)) return "the request names no host";
  const asked = new URL(`http://${host}`);
  if (!trusted(asked.hostname, bound)) return `${asked.hostname} is not a name of this server`;
  const origin = request.headers.origin;
  if (origin === undefined) return null;
  if (!URL.canParse(origin) || new URL(origin).host !== asked.host) {
    return `pages of ${origin.slice(0, 100)} may not connect`;
  }
  return null;
};
