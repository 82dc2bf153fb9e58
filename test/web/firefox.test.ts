import { appendFileSync } from "node:fs";
import puppeteer, { type Browser } from "puppeteer-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lacks } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { wav } from "../helpers/wav.ts";
import { useServer } from "../http/setup.ts";

const here = useServer();
const LOG = "Logs/20260101/08/t02.log";

beforeEach(() => {
  here.root.writeStore([
    record("alice", "t01", { updated_at: ago(60) }),
    record("alice", "t02", { updated_at: ago(70), status: "running" }),
    record("bob", "t03", { updated_at: ago(80), status: "failed", error: "no voice" }),
  ]);
  here.root.write("output/alice/t01/t01.wav", wav(30));
  here.root.write(LOG, "one\n");
});

describe.skipIf(lacks("firefox-esr"))("in Firefox", () => {
  let browser: Browser;
  beforeAll(async () => {
    const args = ["--pref=media.autoplay.default=0"];
    browser = await puppeteer.launch({ browser: "firefox", executablePath: "/usr/bin/firefox-esr", args });
  }, 60_000);
  afterAll(() => browser?.close());

  it("the page lists, filters, opens, plays, follows a log, deletes, and shows what changes", async () => {
    const served = await here.serve("--no-cleanup");
    await served.run.says(/from the file to Redis/);
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(served.url);
    const ids = () => page.$$eval(".task-id", (all) => all.map(({ textContent }) => textContent));
    const sees = (...taskIds: string[]) => until(async () => (await ids()).join() === taskIds.join());
    const button = (label: string) => page.locator(`::-p-aria([role="button"][name="${label}"])`);
    const row = (taskId: string) => `li.task:has([aria-label="Choose task ${taskId}"])`;
    await sees("t01", "t02", "t03");

    await page.locator("input[name=user]").fill("alice");
    await page.keyboard.press("Enter");
    await sees("t01", "t02");

    await page.locator(`${row("t02")} .task-id`).click();
    await page.waitForSelector(`${row("t02")} .fields`);
    await page.locator(`${row("t02")} [role=tab]:last-child`).click();
    const log = () => page.$eval(`${row("t02")} [role=tabpanel]`, ({ textContent }) => textContent);
    await until(async () => (await log()).includes("one"));
    appendFileSync(here.root.at(LOG), "two\n");
    await until(async () => (await log()).includes("two"));
    await page.locator(`${row("t02")} .task-id`).click();

    await button("Play task t01").click();
    await until(() => page.evaluate(() => (document.querySelector("audio")?.currentTime ?? 0) > 0));
    await button("Close the player").click();

    await page.locator(`${row("t01")} .task-id`).click();
    await button("Delete task t01").click();
    await button("Delete 1 task").click();
    await sees("t02");
    expect(here.root.readStore().map(({ task_id }) => task_id)).toEqual(["t02", "t03"]);

    await here.mirrored(record("alice", "t04", { updated_at: ago(1) }));
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await sees("t04", "t02");
    expect(complaints).toEqual([]);
  }, 60_000);
});
