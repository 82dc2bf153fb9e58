import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOSTILE = `a b,c#?&%2e=+'"<i>/\u202e小雨`;
const TASKS = Array.from({ length: 25 }, (_, i) => record("alice", `t${i + 10}`, { updated_at: ago(60 + 10 * i) }));
beforeEach(() => here.root.writeStore([record("小雨 &b", HOSTILE, { updated_at: ago(10) }), ...TASKS]));

const linked = (tab: Tab) => tab.page.getByText("Task from the address, not on this page:");

it("goes back over a filter and a page to the list and the row that were there", async () => {
  const tab = await here.page("/#page=2");
  await tab.opens("t30");
  await tab.enters("user", "alice");
  await tab.sees(["t10", "t29"], { count: 20 });
  expect(tab.hash()).toBe("#user=alice");
  await tab.page.goBack();
  await tab.sees(["t30"], { count: 6 });
  await tab.row("t30").locator(".fields").waitFor();
  expect(tab.hash()).toBe("#page=2&task=t30&task-user=alice");
  await tab.page.goForward();
  await tab.sees(["t10", "t29"], { count: 20 });
});

it("of any characters opens a task that is not on the page, above the list, and keeps it up to date", async () => {
  const { url } = await here.serveSynced();
  const first = await here.open(url);
  await first.rows().first().locator(".task-id").click();
  await first.rows().first().locator(".fields").waitFor();
  const address = new URL(first.page.url()).hash;
  const tab = await here.open(`${url}/#user=alice&${address.slice(1)}`);
  await linked(tab).waitFor();
  const row = tab.rows().first();
  await row.locator(".fields").waitFor();
  expect(await tab.rows().count()).toBe(21);
  expect(await row.locator(".task-id").textContent()).toContain("a b,c#?&%2e=+'");
  await here.mirrored(record("小雨 &b", HOSTILE, { updated_at: ago(1), status: "failed", error: "no voice" }));
  await tab.refreshes(/\/query$/);
  await row.locator(".task-line").getByText("no voice").waitFor();
  expect(await tab.page.locator(".new-tasks").count()).toBe(0);
  await row.locator(".task-id").click();
  await linked(tab).waitFor({ state: "detached" });
  await tab.sees(["t10", "t29"], { count: 20 });
  expect(tab.hash()).toBe("#user=alice");
});

it("names the log of the open task, which is chosen again by reload, Back and Forward", async () => {
  here.root.write("Logs/20260101/08/t12.log", "the log of t12\n");
  const tab = await here.page();
  await tab.opens("t12");
  await tab.opens("t13");
  const chosen = (id: string, name: string) => tab.row(id).getByRole("tab", { name, selected: true }).waitFor();
  await tab.row("t12").getByRole("tab", { name: "Log" }).click();
  expect(tab.hash()).toBe("#task=t12&task-user=alice&tab=log");
  await tab.row("t12").getByText("the log of t12").waitFor();
  await chosen("t13", "Record");
  await tab.page.reload();
  await chosen("t12", "Log");
  await tab.row("t12").getByText("the log of t12").waitFor();
  await tab.row("t12").getByRole("tab", { name: "Record" }).click();
  expect(tab.hash()).toBe("#task=t12&task-user=alice");
  await tab.page.goBack();
  await chosen("t12", "Log");
  await tab.page.goForward();
  await chosen("t12", "Record");
  await tab.page.goBack();
  await chosen("t12", "Log");
  await tab.opener("t12").click();
  expect(tab.hash()).toBe("");
  await tab.opens("t12");
  await chosen("t12", "Record");
});

it.each([
  ["since=garbage", `"since": "garbage" isn't a time`],
  ["status=odd&user=alice", `unknown status "odd"`],
  ["sort=%3Ci%3Esize", `unknown order "<i>size"`],
  ["ids=t12", '"task_ids" needs'],
])("that makes no sense, %s, shows what was wrong beside the whole list", async (hash, detail) => {
  const tab = await here.page(`/#${hash}`);
  await tab.sees(["t10"], { count: 20 });
  const notice = tab.page.locator(".filter").getByRole("alert");
  await notice.getByText("The filter was not applied.").waitFor();
  await notice.getByText(detail).waitFor();
  expect(tab.hash()).toBe("");
  await tab.refreshes();
  expect(await notice.count()).toBe(1);
  await tab.enters("user", "alice");
  await notice.waitFor({ state: "detached" });
  await tab.page.goto(`${new URL(tab.page.url()).origin}/#since=later`);
  await notice.getByText('"since": "later" isn\'t a time').waitFor();
  await tab.expectsRefusals();
});
