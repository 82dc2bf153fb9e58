import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const TASKS = Array.from({ length: 30 }, (_, i) =>
  record(i % 2 === 0 ? "alice" : "a-user-with-quite-a-long-name", `t${i + 10}`, { updated_at: ago(600 + 10 * i) }),
);
beforeEach(() => here.root.writeStore(TASKS));

const PARTS = [/healthz$/, /stats\/chart/, /stats\/health/, /voice-tasks(\?|$)/, /voice-tasks\/audio$/];
const MOST_SHIFT = 0.01;

/** Opens the page with answers that wait for `answers`, in the order of the parts if none is named. */
async function slowly(width: number): Promise<{ tab: Tab; answers: (part: RegExp) => Promise<void> }> {
  const tab = await here.open((await here.serveSynced()).url, { viewport: { width, height: 900 } });
  const gates = PARTS.map((part) => ({ part, gate: new AbortController() }));
  for (const { part, gate } of gates) {
    await tab.page.route(part, async (route) => {
      if (!gate.signal.aborted) await once(gate.signal, "abort");
      await route.continue().catch(() => {});
    });
  }
  await tab.page.reload();
  const answers = async (part: RegExp) => {
    gates.find((held) => held.part === part)!.gate.abort();
    await tab.page.waitForTimeout(300);
  };
  return { tab, answers };
}

/** The sum of all layout shifts since the page was loaded, also of those after a click. */
function shifts(tab: Tab): Promise<number> {
  return tab.page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) =>
          resolve(list.getEntries().reduce((sum, entry) => sum + (entry as unknown as { value: number }).value, 0)),
        ).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(0), 500); // without a shift there is no entry
      }),
  );
}

describe.each([360, 768, 1280])("at a width of %d", (width) => {
  it("a click while the page loads opens the row under the pointer, and nothing moves", async () => {
    const { tab, answers } = await slowly(width);
    const [health, chart, details, list, audio] = PARTS;
    await answers(list!);
    await tab.sees(["t10", "t29"], { count: 20 });
    const before = (await tab.row("t10").boundingBox())!;
    const text = (await tab.row("t10").locator(".task-text").boundingBox())!;
    await tab.page.mouse.move(text.x + 20, text.y + text.height / 2);
    await tab.page.mouse.down();
    for (const part of [health, chart, details, audio]) await answers(part!);
    expect(await tab.row("t10").boundingBox()).toEqual(before);
    expect(await shifts(tab)).toBeLessThanOrEqual(MOST_SHIFT);
    await tab.page.mouse.up();
    await tab.row("t10").locator(".fields").waitFor();
  });

  it("another user or another state of the stores doesn't move the list", async () => {
    const served = await here.serveSynced();
    const tab = await here.open(served.url, { viewport: { width, height: 900 } });
    await tab.sees(["t10", "t29"], { count: 20 });
    const top = async () => (await tab.rows().first().boundingBox())!.y;
    const before = await top();
    await tab.page.evaluate(() => {
      location.hash = "#user=a-user-with-quite-a-long-name&status=done";
    });
    await tab.sees(["t11", "t39"], { count: 15 });
    await tab.page.waitForTimeout(300);
    expect(await top()).toBe(before);
    await here.server.stop();
    await served.run.says(/reads use the store file/);
    await tab.refreshes(/voice-tasks\/query$/);
    await tab.page.getByText("Redis cannot be reached").first().waitFor();
    expect(await top()).toBe(before);
    await here.server.start();
  });
});

describe("the line about what needs attention", () => {
  const line = (tab: Tab) => tab.page.locator(".health").first();

  it("names a Redis that is down, and a server that is gone", async () => {
    const served = await here.serveSynced();
    const tab = await here.open(served.url);
    await line(tab).getByText("Nothing needs attention").waitFor();
    await here.server.stop();
    await served.run.says(/reads use the store file/);
    await tab.refreshes();
    await line(tab).getByText("Redis cannot be reached").waitFor();
    expect(await line(tab).textContent()).not.toContain("Nothing needs attention");
    await served.stop();
    await tab.page.clock.fastForward(6_000);
    await line(tab).getByText("The server does not respond.").waitFor();
    await here.server.start();
    tab.expectsRefusals();
  });
});

it("a click on a count or a bar keeps what is typed, and applies it", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await tab.sees(["t10"], { count: 20 });
  await tab.page.locator("input[name=user]").fill("alice");
  await tab.page.locator(".status-tabs .done").click();
  await tab.sees(["t10", "t38"], { count: 15 });
  expect(await tab.page.locator("input[name=user]").inputValue()).toBe("alice");
  expect(new URL(tab.page.url()).hash).toBe("#user=alice&status=done");
});

it("Mark as… begins with no status, and its button is off until one is chosen", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await tab.row("t10").getByRole("checkbox").check();
  await tab.page.locator(".choice-bar").getByRole("button", { name: "Mark as…" }).click();
  const dialog = tab.page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: /^Mark/ });
  expect(await dialog.getByLabel("New status").inputValue()).toBe("");
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel("New status").selectOption("error");
  await dialog.getByText("1 task will be marked as “error”.").waitFor();
  await until(() => confirm.isEnabled());
});

it("the dialog's title and button have the number of the plan", async () => {
  here.root.writeStore(TASKS.map((task, i) => (i < 4 ? { ...task, status: "running" } : task)));
  const tab = await here.open((await here.serveSynced()).url);
  await tab.page.getByRole("checkbox", { name: "Choose all on this page" }).check();
  await tab.page.locator(".choice-bar").getByRole("button", { name: "Delete…" }).click();
  const dialog = tab.page.getByRole("dialog", { name: "Delete 16 tasks?" });
  await dialog.getByText("16 tasks will be deleted.").waitFor();
  await dialog.getByRole("button", { name: "Delete 16 tasks", exact: true }).waitFor();
});

it("an open row whose task is deleted says so, in its status too", async () => {
  here.root.writeStore([record("alice", "t01", { status: "queued", updated_at: ago(5) }), ...TASKS.slice(0, 3)]);
  const tab = await here.open((await here.serveSynced()).url);
  await tab.opens("t01");
  await here.run("delete --user alice --ids t01 --yes --force");
  await tab.refreshes();
  const line = tab.row("t01").locator(".task-line");
  await line.locator(".badge").getByText("deleted", { exact: true }).waitFor();
  await tab.page.getByRole("button", { name: "1 task deleted · update" }).waitFor();
  expect(await line.textContent()).not.toMatch(/wait|no longer on this page/);
  tab.expectsRefusals();
});
