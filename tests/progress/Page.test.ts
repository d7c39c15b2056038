/** The web page in a real browser: Debian's chromium, or the one that DRYDOCK_CHROMIUM names. */
import * as Fs from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { ProgressServer } from "../../src/progress/ProgressServer.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as StoreFixture from "../store/Fixture.ts";
import * as Requirements from "../support/Requirements.ts";
import * as Fixture from "./Fixture.ts";

const executablePath = [process.env["DRYDOCK_CHROMIUM"] ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && Fs.existsSync(path),
);
if (executablePath === undefined) {
  Requirements.skippedBecause("tests of the web page: no /usr/bin/chromium (or set DRYDOCK_CHROMIUM)");
}

const promise = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run);

/** A page of a browser, and what went wrong on it. */
const open = (url: string, options: BrowserContextOptions = {}) =>
  Effect.gen(function* () {
    const browser = yield* Effect.acquireRelease(
      promise(() =>
        chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox", "--disable-gpu"] }),
      ),
      (made) => promise(() => made.close()),
    );
    const page = yield* promise(() => browser.newPage(options));
    const faults: Array<string> = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(request.url());
    });
    yield* promise(() => page.goto(url));
    return { page, faults };
  });

const text = (page: Page, selector: string) => promise(() => page.locator(selector).innerText());
const shows = (page: Page, selector: string, what: string) =>
  promise(() => page.locator(selector).filter({ hasText: what }).first().waitFor());

/** A picture of the page where DRYDOCK_SCREENSHOTS names a folder. */
const picture = (page: Page, name: string) => {
  const folder = process.env["DRYDOCK_SCREENSHOTS"];
  return folder === undefined
    ? Effect.void
    : promise(() => page.screenshot({ path: `${folder}/${name}.png`, fullPage: true }));
};

const sideways = (page: Page) =>
  promise(() => page.evaluate("document.documentElement.scrollWidth - window.innerWidth"));

describe.skipIf(executablePath === undefined)("the web page", () => {
  it.live(
    "shows the stages, budget, evaluations and charts of a replayed run",
    () =>
      Effect.gen(function* () {
        const directory = yield* StoreFixture.temporary;
        yield* Effect.provide(Fixture.play(), Fixture.served(directory));
        // Another process's life: all that it knows is the log.
        yield* Effect.gen(function* () {
          const { url } = yield* ProgressServer;
          const { page, faults } = yield* open(url, { viewport: { width: 1200, height: 900 } });
          yield* shows(page, "#status", "finished");
          assert.strictEqual(yield* text(page, "h1"), "default");
          const stages = yield* text(page, "#stages");
          for (const label of ["base", "anchor", "critic", "tilt", "offline", "online"]) {
            assert.include(stages, label);
          }
          assert.include(yield* text(page, "#budget"), "40 / 40");
          const table = yield* text(page, "#evaluations");
          for (const part of ["31.0 %", "26.0 % – 37.0 %", "44.0 %", "52.0 %", "T=1", "greedy"]) {
            assert.include(table, part);
          }
          assert.strictEqual(yield* promise(() => page.locator("#evaluations tbody tr").count()), 6);
          assert.strictEqual(yield* promise(() => page.locator("#metrics svg").count()), 7);
          yield* picture(page, "light");
          yield* promise(() => page.emulateMedia({ colorScheme: "dark" }));
          yield* promise(() => page.setViewportSize({ width: 390, height: 800 }));
          assert.strictEqual(yield* sideways(page), 0);
          yield* picture(page, "phone-dark");
          assert.deepStrictEqual(faults, []);
        }).pipe(Effect.provide(Fixture.served(directory)));
      }),
    60_000,
  );

  it.live(
    "follows a run live, and gives it commands",
    () =>
      Fixture.withServer(
        Effect.gen(function* () {
          const store = yield* RunStore;
          const { url, token } = yield* ProgressServer;
          const { page, faults } = yield* open(url);
          yield* Fixture.play(1, false);
          yield* shows(page, "#status", "running");
          yield* shows(page, "#budget", "20 / 40");
          yield* store.append({ _tag: "RunPaused" });
          yield* shows(page, "#status", "paused");
          yield* promise(() => page.click("summary"));
          yield* promise(() => page.fill("#token", "wrong"));
          yield* promise(() => page.click("button[name=Stop]"));
          yield* shows(page, "#answer", "the token is wrong");
          yield* promise(() => page.fill("#token", token));
          yield* promise(() => page.fill("#limit", "55"));
          yield* promise(() => page.click("button[name=SetBudget]"));
          yield* shows(page, "#answer", "SetBudget: the run has it");
          assert.deepInclude((yield* (yield* Commands).take).command, { _tag: "SetBudget", limit: 55 });
          // What a run's texts hold is text.
          const reason = "<img src=x onerror=alert(1)>";
          yield* store.append({ _tag: "RunFailed", reason, remedy: "try again" });
          yield* shows(page, "#notice", reason);
          yield* picture(page, "failed");
          assert.deepStrictEqual(faults, []);
        }),
      ),
    60_000,
  );
});
