import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useProxies } from "./helpers/proxy.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const proxy = useProxies();
const STREAM = /\/stream$/;
let age = 50;

beforeEach(() => {
  age = 50;
  here.root.writeStore([record("alice", "t01", { updated_at: ago(60) }), record("bob", "t02")]);
});

/** A page with a stream, of a server whose pauses are short. */
async function live() {
  const served = await here.serveSynced(new FastClock("fast"));
  return { served, tab: await here.open(served.url, { live: true }) };
}

/** Lets the time until the page opens its stream go by. */
async function begins(tab: Tab): Promise<void> {
  const answered = tab.page.waitForResponse((response) => STREAM.test(new URL(response.url()).pathname));
  await tab.page.clock.fastForward(6_000);
  expect((await answered).status()).toBe(200);
}

/** Lets the page's time go by, ten times as fast, until something is shown. */
async function soon(tab: Tab, shown: Promise<unknown>): Promise<void> {
  let isShown = false;
  const end = shown.finally(() => {
    isShown = true;
  });
  while (!isShown) {
    await tab.page.clock.fastForward(1_000);
    await Promise.race([end, sleep(100)]);
  }
  await end;
}

/** Each is newer than the one before. */
const put = (taskId: string, status = "succeeded") => {
  age--;
  return here.mirrored(record("alice", taskId, { status, updated_at: ago(age) }));
};

it("with a stream, a change of the list and of the counts appears", async () => {
  const { tab } = await live();
  await tab.sees(["t01", "t02"], { count: 2 });
  await begins(tab);
  await put("t03");
  await soon(tab, tab.sees(["t03", "t01", "t02"], { count: 3 }));
  await tab.page.locator(".status-tabs .all").getByText("3", { exact: true }).waitFor();
  await put("t04");
  await soon(tab, tab.sees(["t04", "t03", "t01", "t02"], { count: 4 }));
  expect(tab.asked(STREAM)).toHaveLength(1);
  const rings = tab.asked(/voice-tasks$/).map((request) => Number(request.headers()["ttsctl-ring"]));
  expect(rings.some((ring) => ring > 0)).toBe(true);
});

it("if a proxy holds the stream back, the page asks again and again", async () => {
  const { url } = await here.serveSynced(new FastClock("fast"));
  const tab = await here.open(await proxy(url, { holds: true }), { live: true });
  await tab.sees(["t01", "t02"]);
  const asked = tab.page.waitForRequest((request) => STREAM.test(new URL(request.url()).pathname));
  await tab.page.clock.fastForward(6_000);
  await asked;
  await put("t03");
  const answered = tab.page.waitForResponse((response) => response.url().includes("/voice-tasks"));
  await tab.page.clock.fastForward(11_000);
  await answered;
  await tab.sees(["t03", "t01", "t02"], { count: 3 });
  const tried = tab.asked(STREAM).length;
  await put("t04");
  await tab.refreshes();
  await tab.sees(["t04", "t03", "t01", "t02"], { count: 4 });
  expect(tab.asked(STREAM)).toHaveLength(tried);
  expect(await tab.page.locator(".notice").count()).toBe(0);
});

it("a hidden tab has no stream, asks nothing, and asks at once when it is seen again", async () => {
  const { tab } = await live();
  await begins(tab);
  const ended = tab.page.waitForEvent("requestfailed", (request) => STREAM.test(request.url()));
  await tab.setHidden(true);
  await ended;
  await tab.page.waitForLoadState("networkidle");
  const asked = tab.requests.length;
  await put("t03");
  await tab.page.clock.fastForward(120_000);
  expect(tab.requests).toHaveLength(asked);
  await tab.sees(["t01", "t02"], { count: 2 });
  await tab.setHidden(false);
  await tab.sees(["t03", "t01", "t02"], { count: 3 });
  await begins(tab);
  await put("t04");
  await soon(tab, tab.sees(["t04", "t03", "t01", "t02"], { count: 4 }));
});

it("an outage of the stores and of the server is shown, and its end", async () => {
  const { served, tab } = await live();
  await begins(tab);
  await here.server.stop();
  await soon(tab, tab.page.locator(".dock").getByText("Redis cannot be reached.").waitFor());
  await tab.sees(["t01", "t02"], { count: 2 });
  await here.server.start();
  await soon(tab, tab.page.locator(".dock").getByText("Redis cannot be reached.").waitFor({ state: "detached" }));
  await served.stop();
  await soon(tab, tab.page.locator(".dock").getByText("The server does not respond.").waitFor());
  await tab.page.locator(".health").getByText("The server does not respond.").waitFor();
  await tab.sees(["t01", "t02"], { count: 2 });
  await here.serve(`--no-cleanup --port ${served.port}`, {}, new FastClock("fast"));
  await tab.refreshes();
  await tab.page.locator(".dock").getByText("The server does not respond.").waitFor({ state: "detached" });
  await tab.expectsRefusals();
});
