import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOSTILE = "<b>x</b>\u202e\u001b[31m";
const TASKS = [record("alice", "t01", { updated_at: ago(3000) }), record("alice", "t02", { updated_at: ago(2000) })];
const STUCK = record("bob", HOSTILE, { status: "running", updated_at: ago(200_000) });

const panel = (tab: Tab) => tab.page.locator("details.health-menu");

it("shows what needs attention, with commands to copy", async () => {
  here.root.writeStore([...TASKS, STUCK]);
  const served = await here.serveSynced();
  await here.server.call("HSET", "tts:task:alice:t01", "error", "other");
  const options = { viewport: { width: 360, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] };
  const tab = await here.open(served.url, options);
  await tab.page.locator(".health").filter({ hasText: "1 task is stuckthe store file and Redis differ" }).waitFor();
  const before = await tab.page.locator(".list").boundingBox();
  await panel(tab).locator("summary").click();
  await panel(tab).getByText("3 of 3 tasks compared: 1 differ.").waitFor();
  const text = (await panel(tab).textContent())!;
  expect(text).toContain("the oldest: bob:");
  expect(text).toContain("<b>x</b>\\u202e\\u001b[31m");
  expect(await panel(tab).locator("b").count()).toBe(0);
  const commands = ["ttsctl list --stuck", "ttsctl verify", "ttsctl cleanup --once --dry-run --summary"];
  expect(await panel(tab).locator("code").allTextContents()).toEqual(commands);
  for (const [i, command] of commands.entries()) {
    await panel(tab).getByRole("button").nth(i).click();
    expect(await tab.page.evaluate(() => navigator.clipboard.readText())).toBe(command);
  }
  expect(await tab.problems()).toEqual([]);
  expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await panel(tab).locator("summary").click();
  expect(await tab.page.locator(".list").boundingBox()).toEqual(before);
});
