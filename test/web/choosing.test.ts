import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const WORDS = ["succeeded", "failed", "running"];
/** 30 tasks of two users, newest first, of which 20 are on the first page. */
const TASKS = Array.from({ length: 30 }, (_, i) => {
  const status = WORDS[i % WORDS.length]!;
  const error = status === "failed" ? "no voice" : null;
  return record(i % 2 === 0 ? "alice" : "bob", `t${i}`, { status, error, updated_at: ago(100 * i + 60) });
});
beforeEach(() => here.root.writeStore(TASKS));

const stored = () => here.root.readStore().map(({ task_id }) => task_id as string);
const box = (tab: Tab, taskId: string) => tab.row(taskId).getByRole("checkbox");
const bar = (tab: Tab) => tab.page.locator(".choice-bar");
const says = (tab: Tab, count: string) => bar(tab).getByText(count, { exact: true }).waitFor();
const press = (tab: Tab, name: string) => bar(tab).getByRole("button", { name }).click();
const dialog = (tab: Tab) => tab.page.getByRole("dialog");

async function chosen(tab: Tab): Promise<string[]> {
  const rows = tab.rows().filter({ has: tab.page.locator("input[name=task]:checked") });
  return rows.locator(".task-id").allTextContents();
}

const statuses = () => here.root.readStore().map(({ status }) => status as string);

describe("rows are chosen", () => {
  it("one by one, in ranges, all of the page, and all of the filter", async () => {
    const tab = await here.page();
    expect(await bar(tab).count()).toBe(0);
    await box(tab, "t2").click();
    await says(tab, "1 task chosen");
    await box(tab, "t5").click({ modifiers: ["Shift"] });
    await says(tab, "4 tasks chosen");
    expect(await chosen(tab)).toEqual(["t2", "t3", "t4", "t5"]);
    expect(await tab.page.evaluate(() => getSelection()!.toString())).toBe("");
    await box(tab, "t4").click();
    await box(tab, "t2").click({ modifiers: ["Shift"] });
    expect(await chosen(tab)).toEqual(["t5"]);
    expect(await tab.page.locator(".fields").count()).toBe(0); // no row was opened
    const page = tab.page.getByRole("checkbox", { name: "Choose all on this page" });
    expect(await page.evaluate((input) => (input as HTMLInputElement).indeterminate)).toBe(true);
    await page.check();
    await says(tab, "20 tasks chosen");
    await press(tab, "Choose all 30 tasks");
    await says(tab, "30 tasks chosen");
    expect(await bar(tab).getByRole("button", { name: "Choose all" }).count()).toBe(0);
    await box(tab, "t0").uncheck();
    await says(tab, "19 tasks chosen");
    await press(tab, "Choose none");
    await bar(tab).waitFor({ state: "detached" });
  });

  it("and stay so over refreshes, in their places; rows that are gone, and another page, leave the choice", async () => {
    const tab = await here.page();
    await box(tab, "t1").check();
    await box(tab, "t3").check();
    await tab.page.mouse.move(0, 0);
    await tab.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await here.run("delete --user bob --ids t1 --yes");
    await here.mirrored(record("alice", "new", { updated_at: ago(1) }));
    await tab.refreshes();
    await tab.page.getByRole("button", { name: "1 new", exact: true }).waitFor();
    await says(tab, "2 tasks chosen");
    await tab.sees(["t0", "t1", "t2", "t3"]);
    await tab.page.getByRole("button", { name: "1 new", exact: true }).click();
    await tab.sees(["new", "t0", "t2", "t3"]);
    await says(tab, "1 task chosen");
    expect(await chosen(tab)).toEqual(["t3"]);
    await tab.page.getByRole("button", { name: "Next" }).click();
    await bar(tab).waitFor({ state: "detached" });
    await tab.page.getByRole("button", { name: "Previous" }).click();
    await tab.sees(["t3"]);
    expect(await chosen(tab)).toEqual([]);
  });
});

it("a task is deleted after a question: its record, its mirror and its audio are gone", async () => {
  here.root.writeArtifacts([record("alice", "t0")]);
  const tab = await here.page();
  await (await tab.opens("t0")).getByRole("button", { name: "Delete task t0" }).click();
  const asked = tab.page.getByRole("dialog", { name: "Delete this task?" });
  await asked.waitFor();
  expect(await tab.focused()).toBe("Cancel");
  await asked.getByRole("button", { name: "Cancel" }).click();
  await asked.waitFor({ state: "detached" });
  await until(async () => (await tab.focused()) === "Delete…");
  expect(stored()).toHaveLength(30);
  await tab.page.getByRole("button", { name: "Delete task t0" }).click();
  await tab.confirmsDeletion();
  await tab.page.locator(".said").getByText("Task t0 was deleted.").waitFor();
  await tab.sees(["t1", "t2"]);
  expect(stored()).toHaveLength(29);
  expect(await here.server.hash("tts:task:alice:t0")).toEqual({});
  expect(here.root.has("output/alice/t0")).toBe(false);
  await until(async () => (await tab.focused()) === "29 tasks");
  await (await tab.opens("t2")).getByRole("button", { name: "Delete task t2" }).click();
  await dialog(tab).getByText("0 tasks will be deleted.").waitFor();
  expect(await dialog(tab).getByRole("button", { name: "Delete 0 tasks" }).isDisabled()).toBe(true);
});

describe("chosen tasks", () => {
  it("are deleted after their plan was seen: in both stores, unfinished ones only by a decision", async () => {
    here.root.writeArtifacts([record("alice", "t0")]);
    const tab = await here.page();
    await box(tab, "t0").click();
    await box(tab, "t3").click({ modifiers: ["Shift"] });
    await press(tab, "Delete…");
    await dialog(tab).getByText("3 tasks will be deleted.").waitFor();
    await tab.page.getByRole("dialog", { name: "Delete 3 tasks?" }).waitFor();
    expect(await dialog(tab).locator(".by-status li").allTextContents()).toEqual(["done 2", "error 1"]);
    await dialog(tab).getByText("On the disk: 2 files, 110 bytes.").waitFor();
    await tab.confirmsDeletion();
    const result = tab.page.getByRole("dialog", { name: "3 tasks deleted." });
    const kept = result.locator(".unchanged li");
    await expect
      .poll(() => kept.allTextContents())
      .toEqual(["1 task kept: its status is run, so it may still be worked on (alice:t2)"]);
    await result.getByRole("button", { name: "Close" }).click();
    await tab.sees(["t2", "t4"]);
    await bar(tab).waitFor({ state: "detached" });
    expect(stored().slice(0, 2)).toEqual(["t2", "t4"]);
    expect(await here.server.hash("tts:task:alice:t0")).toEqual({});
    expect(here.root.has("output/alice/t0")).toBe(false);
    await until(async () => (await tab.focused()) === "27 tasks");
    await tab.page.getByRole("checkbox", { name: "Choose all on this page" }).check();
    await press(tab, "Delete…");
    await dialog(tab).getByText("for example after a crash").waitFor();
    await dialog(tab).getByRole("checkbox", { name: "Also delete 7 unfinished tasks" }).check();
    await dialog(tab).getByText("20 tasks will be deleted.").waitFor();
    await dialog(tab)
      .getByRole("button", { name: / anyway$/ })
      .click();
    await tab.page.locator(".said").getByText("20 tasks deleted.").waitFor();
    await tab.sees(["t23", "t24", "t29"], { count: 7 });
    expect(stored()).toHaveLength(7);
  });

  it("are never more than planned: then nothing is changed, and there is a new plan", async () => {
    const tab = await here.page("/#status=error");
    await tab.sees(["t1", "t4"], { count: 10 });
    const more = Array.from({ length: 15 }, (_, i) => record("bob", `m${i}`, { status: "failed", updated_at: ago(i) }));
    here.root.writeStore([...TASKS, ...more]);
    await here.run("sync");
    await tab.inMenu((menu) => menu.getByRole("button", { name: "Refresh now" }).click());
    await tab.sees(["m0", "m14", "t1"], { count: 20 });
    await tab.page.getByRole("checkbox", { name: "Choose all on this page" }).check();
    await press(tab, "Choose all 25 tasks");
    await press(tab, "Delete…");
    await dialog(tab).getByText("25 tasks will be deleted.").waitFor();
    here.root.writeStore([...TASKS, ...more, record("bob", "late", { status: "failed", updated_at: ago(0) })]);
    await tab.confirmsDeletion();
    await dialog(tab).getByText("More tasks match now than before.").waitFor();
    await dialog(tab).getByText("26 tasks will be deleted.").waitFor();
    await tab.expectsRefusals();
    expect(stored()).toHaveLength(46);
    await tab.confirmsDeletion();
    await tab.page.locator(".said").getByText("26 tasks deleted.").waitFor();
    expect(stored()).toHaveLength(20);
  });

  it("are still changed after the dialog is closed, and a failure is reported", async () => {
    const tab = await here.page();
    let let_go = () => {};
    const held = new Promise<void>((go) => {
      let_go = go;
    });
    await tab.page.route(/voice-tasks\/delete/, async (route) => {
      if (!route.request().postDataJSON().dry_run) await held;
      await route.continue();
    });
    await box(tab, "t0").check();
    await press(tab, "Delete…");
    await tab.confirmsDeletion();
    await dialog(tab).getByRole("button", { name: "Working…" }).waitFor();
    await tab.page.keyboard.press("Escape");
    await dialog(tab).waitFor({ state: "detached" });
    let_go();
    await tab.page.locator(".said").getByText("Task t0 was deleted.").waitFor();
    await tab.page.route(/voice-tasks\/delete/, (route) =>
      route.fulfill({ status: 503, json: { code: "BUSY", detail: "busy" } }),
    );
    await box(tab, "t1").check();
    await press(tab, "Delete…");
    await dialog(tab).getByText("The server is busy. Try again.").waitFor();
    await tab.page.unroute(/voice-tasks\/delete/);
    await dialog(tab).getByRole("button", { name: "Try again" }).click();
    await dialog(tab).getByText("1 task will be deleted.").waitFor();
    await tab.expectsRefusals();
  });

  it("are marked with the status that is chosen in the dialog, none at first", async () => {
    const tab = await here.page("", { locale: "zh-CN" });
    await box(tab, "t1").click();
    await box(tab, "t3").click({ modifiers: ["Shift"] });
    await says(tab, "已选 3 个任务");
    await press(tab, "标记为……");
    const asked = tab.page.getByRole("dialog", { name: /^标记 \d 个任务$/ });
    expect(await asked.getByLabel("新状态").inputValue()).toBe("");
    expect(await asked.getByRole("button", { name: /^标记/ }).isDisabled()).toBe(true);
    await asked.getByLabel("新状态").selectOption("出错");
    await asked.getByText("将把 2 个任务标记为“出错”。").waitFor();
    await asked.getByText("1 个任务已是该状态。").waitFor();
    await asked.getByLabel("新状态").selectOption("完成");
    await asked.getByText("将把 2 个任务标记为“完成”。").waitFor();
    await asked.getByRole("button", { name: /^标记/ }).click();
    await tab.page.locator(".said").getByText("已将 2 个任务标记为“完成”。").waitFor();
    expect(statuses().slice(1, 4)).toEqual(["succeeded", "succeeded", "succeeded"]);
    await bar(tab).waitFor({ state: "detached" });
  });
});
