import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOUR = 3600;
const DAY = 24 * HOUR;
/** By the status that the page shows, and how long ago they were changed. */
const TASKS = [
  record("alice", "minutes", { updated_at: ago(60), status: "succeeded" }),
  record("alice", "failing", { updated_at: ago(120), status: "failed" }),
  record("bob", "hours", { updated_at: ago(3 * HOUR), status: "succeeded" }),
  record("bob", "paused", { updated_at: ago(3 * DAY), status: "paused" }),
  record("bob", "weeks", { updated_at: ago(20 * DAY), status: "succeeded" }),
  record("bob", "old", { updated_at: ago(90 * DAY), status: "queued" }),
];
beforeEach(() => here.root.writeStore(TASKS));

const within = (tab: Tab) => tab.page.locator("select[name=within]");

it("the times of the filter are ages that move on, or exact times, in the address, with Back", async () => {
  const tab = await here.page();
  await tab.sees(["minutes"], { count: 6 });
  const applied = async (label: string, ids: string[]) => {
    await within(tab).selectOption({ label });
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.sees(ids, { count: ids.length });
    await tab.page.locator(".applied").getByText(label).waitFor();
  };
  await applied("last hour", ["minutes", "failing"]);
  await applied("last 24 hours", ["minutes", "failing", "hours"]);
  await applied("last 7 days", ["minutes", "failing", "hours", "paused"]);
  expect([tab.hash(), tab.lastQuery()]).toEqual(["#since=7d", { page: 1, page_size: 20, since: "7d" }]);
  await within(tab).selectOption({ label: "from … before …" });
  const [since, until] = [tab.page.getByLabel("From", { exact: true }), tab.page.getByLabel("Before", { exact: true })];
  await since.fill(ago(30 * DAY).slice(0, 16));
  await until.fill(ago(2 * DAY).slice(0, 19));
  await tab.page.getByRole("button", { name: "Apply" }).click();
  await tab.sees(["paused", "weeks"], { count: 2 });
  expect(tab.hash()).toMatch(/^#since=\d{4}-\d\d-\d\dT\d\d:\d\d:00&until=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  const address = tab.page.url();
  await tab.page.goBack();
  await tab.sees(["minutes", "failing", "hours", "paused"], { count: 4 });
  await expect.poll(() => within(tab).inputValue()).toBe("7d");
  expect(await since.count()).toBe(0);
  await tab.page.goto(address);
  await tab.page.reload();
  await tab.sees(["paused", "weeks"], { count: 2 });
  expect(await since.inputValue()).toBe(ago(30 * DAY).slice(0, 16));
});

it("a range that ends before it begins is one message at its fields, and isn't sent", async () => {
  const { url } = await here.serveSynced();
  const tab = await here.open(`${url}/#since=2026-01-02T00:00:00&until=2026-01-03T00:00:00`);
  const [since, until] = [tab.page.locator("input[name=since]"), tab.page.locator("input[name=until]")];
  await tab.page.locator(".empty").waitFor();
  await tab.inPanel("since");
  const before = tab.asked(/\/voice-tasks\/query$/).length;
  const alert = tab.page.locator(".filter").getByRole("alert");
  for (const end of ["2026-01-01T00:00", "2026-01-02T00:00"]) {
    await until.fill(end);
    await tab.page.locator("button[type=submit]").click();
    await alert.getByText("The end must be later than the beginning.").waitFor();
    expect(await tab.page.getByRole("alert").count()).toBe(1);
    for (const field of [since, until]) expect(await field.getAttribute("aria-invalid")).toBe("true");
    expect(await until.evaluate((field) => field === document.activeElement)).toBe(true);
  }
  expect(tab.asked(/\/voice-tasks\/query$/).length).toBe(before);
  await since.fill("2025-12-31T00:00");
  await tab.page.getByRole("alert").waitFor({ state: "detached" });
  await tab.page.locator("button[type=submit]").click();
  await expect.poll(() => tab.hash()).toBe("#since=2025-12-31T00:00:00&until=2026-01-02T00:00:00");
});
