import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const DAY = 86_400;
const TASKS = Object.entries({ now: 60, days: 3 * DAY, weeks: 20 * DAY, months: 90 * DAY });
beforeEach(() => {
  here.root.writeStore(TASKS.map(([id, age]) => record("alice", id, { updated_at: ago(age) })));
});

it("the chart shows 24 hours, 7 days or 30 days, filters to a bar, and remembers the choice", async () => {
  const { url } = await here.serveSynced();
  const tab = await here.open(url);
  const bars = tab.page.getByRole("toolbar").getByRole("button");
  const choice = tab.page.getByLabel("Time of the chart");
  const filled = () => tab.page.getByRole("toolbar").getByRole("button", { name: "done 1" }).count();
  await expect.poll(() => bars.count()).toBe(24);
  await expect.poll(filled).toBe(1);
  await choice.selectOption({ label: "7 days" });
  await expect.poll(() => bars.count()).toBe(28);
  await expect.poll(filled).toBe(2);
  await choice.selectOption({ label: "30 days" });
  await expect.poll(() => bars.count()).toBe(30);
  await expect.poll(filled).toBe(3);
  expect(await choice.inputValue()).toBe("30d");
  const day = tab.page.getByRole("toolbar").getByRole("button", { name: ago(20 * DAY).slice(5, 10) });
  await day.click();
  await tab.sees(["weeks"], { count: 1 });
  await expect.poll(() => day.getAttribute("aria-pressed")).toBe("true");
  const { since, until } = tab.lastQuery();
  expect(Date.parse(until) - Date.parse(since)).toBe(DAY * 1000);
  await day.press("End");
  expect(await bars.last().evaluate((bar) => bar === document.activeElement)).toBe(true);
  await tab.page.reload();
  await expect.poll(() => bars.count()).toBe(30);
  await expect.poll(() => day.getAttribute("aria-pressed")).toBe("true");
  await day.click();
  await tab.sees(["now", "days", "weeks", "months"], { count: 4 });
});

it("a change of zone moves its days", async () => {
  const served = await here.serve("--no-cleanup", { TTSCTL_TIMEZONE: "Pacific/Kiritimati" });
  const tab = await here.open(served.url);
  await tab.page.getByLabel("Time of the chart").selectOption({ label: "30 days" });
  const day = new Date(Date.now() - 60_000 + 14 * 3_600_000).toISOString().slice(5, 10);
  const bars = tab.page.getByRole("toolbar");
  await bars.getByRole("button", { name: `${day}: done 1` }).waitFor();
});
