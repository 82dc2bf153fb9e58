import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { wav } from "../helpers/wav.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const TASKS = Array.from({ length: 20 }, (_, i) => record("alice", `t${i + 10}`, { updated_at: ago(600 + 10 * i) }));
beforeEach(() => {
  here.root.writeStore(TASKS);
  here.root.write("output/alice/t11/t11.wav", wav(60));
});

/** A new task comes, and one that is shown changes; both go to the top of the list. */
function newsComes(): Promise<void> {
  return here.mirrored(
    record("alice", "new", { updated_at: ago(5), status: "queued" }),
    record("alice", "t15", { updated_at: ago(15), status: "failed", error: "no voice" }),
  );
}

const newTasks = (tab: Tab) => tab.page.getByRole("button", { name: "1 new", exact: true });

/** Whatever keeps the rows: they stay where they are, with what is new in them, until they are let go. */
async function staysUntilAsked(tab: Tab): Promise<void> {
  await newsComes();
  await tab.refreshes();
  await newTasks(tab).waitFor();
  await tab.sees(["t10", "t11", "t14", "t15", "t29"], { count: 20 });
  await tab.row("t15").getByText("no voice").waitFor();
  await newTasks(tab).click();
  await tab.sees(["new", "t15", "t10", "t11", "t14"], { count: 20 });
}

describe("rows stay in their places", () => {
  it("not while the pointer rests on them, but while it is pressed", async () => {
    const tab = await here.page();
    await tab.row("t12").hover();
    await newsComes();
    await tab.refreshes();
    await tab.sees(["new", "t15", "t10", "t28"], { count: 20 });
    await tab.page.mouse.down();
    await here.mirrored(record("alice", "newer", { updated_at: ago(1) }));
    await tab.refreshes();
    await newTasks(tab).waitFor();
    await tab.page.mouse.up();
  });

  it("while one has the focus, and keeps it", async () => {
    const tab = await here.page();
    await tab.opener("t14").press("Shift");
    await newsComes();
    await tab.refreshes();
    await newTasks(tab).waitFor();
    expect(await tab.focused()).toBe("t14");
  });

  it("while one is open, which stays open", async () => {
    const tab = await here.page();
    await tab.opens("t14");
    await tab.page.mouse.move(5, 5);
    await staysUntilAsked(tab);
    await tab.row("t14").getByText("你好，世界").last().waitFor();
  });

  it("while audio plays, and continues, even for another list", async () => {
    const tab = await here.page();
    await tab.row("t11").getByRole("button", { name: "Play task t11" }).click();
    await tab.plays();
    await tab.page.mouse.move(5, 5);
    await tab.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await staysUntilAsked(tab);
    await tab.plays();
    await tab.enters("user", "nobody");
    await tab.page.getByText("No task matches the filter").waitFor();
    await tab.plays();
  });
});

it("the row of a task that left the page says so", async () => {
  const tab = await here.page();
  await tab.opens("t12");
  here.root.writeStore(here.root.readStore().filter(({ task_id }) => task_id !== "t13"));
  await here.server.call("DEL", "tts:task:alice:t13");
  for (const [key, member] of [
    ["tts:tasks:index", "alice:t13"],
    ["tts:user:alice:index", "t13"],
  ]) {
    await here.server.call("ZREM", key!, member!);
  }
  await tab.refreshes();
  await tab.row("t13").getByText("no longer on this page").waitFor();
  await tab.page.getByRole("button", { name: "The order changed · show" }).click();
  await tab.sees(["t12", "t14"], { count: 19 });
});

it("an open row of a task that was deleted elsewhere says so, in its status too, without its record", async () => {
  const tab = await here.page();
  const row = await tab.opens("t13");
  expect((await here.run("delete --user alice --ids t13 --yes")).code).toBe(0);
  await tab.refreshes();
  await row.getByText("This task is no longer in either store.").waitFor();
  expect(await row.locator(".fields").count()).toBe(0);
  await row.locator(".badge").getByText("deleted", { exact: true }).waitFor();
  await tab.page.getByRole("button", { name: "1 task deleted · update" }).waitFor();
  expect(await row.locator(".task-line").textContent()).not.toMatch(/done|no longer on this page/);
  await tab.expectsRefusals();
});
