import { expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOSTILE = `<i>"&'\u202eA`;

const suggested = (tab: Tab) =>
  tab.page
    .locator("datalist option")
    .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value));

it("users are suggested while their id is typed, few and as they are, and one that is chosen can be applied", async () => {
  const many = Array.from({ length: 40 }, (_, i) => record(`user-${i}`, "t1"));
  here.root.writeStore([record("alice", "t1"), record("alice", "t2"), record(HOSTILE, "t3"), ...many]);
  const tab = await here.open((await here.serveSynced()).url);
  await expect.poll(() => tab.rows().count()).toBe(20);
  const field = tab.page.locator("input[name=user]");
  expect(await suggested(tab)).toEqual([]);
  await field.focus();
  await expect.poll(() => suggested(tab)).toHaveLength(20);
  expect((await suggested(tab))[0]).toBe("alice");
  await field.pressSequentially("ser-3", { delay: 20 });
  await expect.poll(() => suggested(tab)).toHaveLength(11);
  expect(tab.asked(/\/stats\/users$/).length).toBeLessThan(6);
  await field.fill("\u202ea");
  await expect.poll(() => suggested(tab)).toEqual([HOSTILE]);
  expect(await tab.page.locator("datalist i").count()).toBe(0);
  await field.fill((await suggested(tab))[0]!);
  await field.press("Enter");
  await tab.sees(["t3"], { count: 1 });
});
