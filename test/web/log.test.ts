import { appendFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const RUNNING = record("alice", "t01", { status: "running", updated_at: ago(60) });
const LOG = "Logs/20260101/08/t01.log";
const HOSTILE = `<img src=x onerror="document.title='taken'"> \u001b[31m\u202egnp\u0007`;
beforeEach(() => {
  here.root.writeStore([
    RUNNING,
    record("alice", "t02", { updated_at: ago(70) }),
    record("alice", "t04", { status: "queued", updated_at: ago(90) }),
    record("alice", "t03", { status: "running", updated_at: ago(80) }),
  ]);
  here.root.write(LOG, `one\n${HOSTILE}\n10%\r100%\n`);
  here.root.write("Logs/20260101/08/t03.log", "of t03\n");
});

const panel = (tab: Tab, taskId = "t01") => tab.row(taskId).getByRole("tabpanel");

async function opensLog(tab: Tab, taskId = "t01"): Promise<void> {
  await tab.opens(taskId);
  await tab.row(taskId).getByRole("tab", { name: "Log" }).click();
  await panel(tab, taskId).locator(".log-bar").waitFor();
}

it("the log of an open row shows the last lines as texts, follows new ones until the task is finished", async () => {
  const tab = await here.open((await here.serveSynced(new FastClock())).url);
  await opensLog(tab);
  await panel(tab).getByText("New lines appear as they come.").waitFor();
  const log = panel(tab).locator(".log");
  await expect.poll(() => log.textContent()).toContain("taken'\"> \\u202egnp\\u0007\n100%");
  expect(await log.textContent()).not.toContain("10%\r");
  expect(await tab.page.locator("#app img").count()).toBe(0);
  expect(await panel(tab).getByRole("button", { name: "Follow" }).getAttribute("aria-pressed")).toBe("true");
  appendFileSync(here.root.at(LOG), "语音完成\n");
  await log.getByText("语音完成").waitFor();
  await here.mirrored({ ...RUNNING, status: "succeeded", updated_at: ago(1) });
  await panel(tab).getByText("The task is finished.").waitFor();
  expect(await panel(tab).getByRole("button", { name: "Follow" }).getAttribute("aria-pressed")).toBe("false");
  await opensLog(tab, "t02");
  await panel(tab, "t02").getByText("There is no log.").waitFor();
  expect(await panel(tab, "t02").locator("button, a").count()).toBe(0);
  await tab.opener("t02").click();
  await opensLog(tab, "t04");
  await panel(tab, "t04").getByText("New lines appear as they come. There is no log.").waitFor();
  expect(await panel(tab, "t04").getByRole("link").count()).toBe(0);
});

it("is not followed in a hidden tab, which has no other connection either", async () => {
  const tab = await here.open((await here.serveSynced(new FastClock())).url);
  await opensLog(tab);
  await panel(tab).getByText("New lines appear as they come.").waitFor();
  const ended = tab.page.waitForEvent("requestfailed", (request) => request.url().includes("/logs/stream"));
  await tab.setHidden(true);
  await ended;
  appendFileSync(here.root.at(LOG), "while hidden\n");
  await tab.setHidden(false);
  await expect.poll(() => panel(tab).locator(".log").textContent()).toContain("while hidden");
  await panel(tab).getByText("New lines appear as they come.").waitFor();
});

it("that the server refuses says why; a lost connection is made again", async () => {
  const served = await here.serveSynced(new FastClock());
  const tab = await here.open(served.url);
  await tab.page.route(/logs\/stream/, (route) =>
    route.fulfill({
      status: 503,
      json: { status: 503, code: "BUSY", detail: "32 logs are being followed", hint: null },
    }),
  );
  await opensLog(tab);
  await panel(tab).getByText("The log could not be followed.").waitFor();
  await panel(tab).getByText("32 logs are being followed").waitFor();
  await tab.page.unroute(/logs\/stream/);
  await panel(tab).getByRole("button", { name: "Follow" }).click();
  await panel(tab).getByText("New lines appear as they come.").waitFor();
  await tab.page.context().setOffline(true);
  await tab.page.context().setOffline(false);
  await tab.expectsRefusals();
});

it("of many lines keeps to its end, unless one has scrolled up", async () => {
  here.root.write(LOG, Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(""));
  const tab = await here.open((await here.serveSynced(new FastClock())).url, { viewport: { width: 360, height: 740 } });
  await opensLog(tab);
  const box = panel(tab).getByRole("group", { name: "Log of task t01" });
  const fromEnd = () => box.evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  await box.waitFor();
  await expect.poll(fromEnd).toBeLessThan(8);
  appendFileSync(here.root.at(LOG), "more\n".repeat(50));
  await panel(tab).getByText("more").first().waitFor();
  await expect.poll(fromEnd).toBeLessThan(8);
  await box.focus();
  await tab.page.keyboard.press("Home");
  await expect.poll(() => box.evaluate((el) => el.scrollTop)).toBe(0);
  appendFileSync(here.root.at(LOG), "last\n");
  await panel(tab).getByText("last").waitFor();
  expect(await box.evaluate((el) => el.scrollTop)).toBe(0);
  expect(await tab.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
});
