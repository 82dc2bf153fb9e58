import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
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
async function slowly(viewport: { width: number; height: number }) {
  const tab = await here.page("", { viewport });
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

describe.each([
  [1280, 900, 220, 40, 14],
  [768, 900, 220, 40, 14],
  [360, 740, 300, 56, 7],
])("at %d × %d", (width, height, y, rowHeight, count) => {
  it(`the list begins above y=${y}, with rows of ${rowHeight} px, at least ${count} of them`, async () => {
    const tab = await here.page("", { viewport: { width, height } });
    await tab.sees(["t10", "t29"], { count: 20 });
    const boxes = await Promise.all((await tab.rows().all()).map(async (row) => (await row.boundingBox())!));
    expect(boxes[0]!.y).toBeLessThanOrEqual(y);
    expect(new Set(boxes.map((box) => box.height))).toEqual(new Set([rowHeight]));
    expect(boxes.filter((box) => box.y + box.height <= height).length).toBeGreaterThanOrEqual(count);
  });

  it("a click while the page loads opens the row under the pointer, and nothing moves", async () => {
    const { tab, answers } = await slowly({ width, height });
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
    const tab = await here.open(served.url, { viewport: { width, height } });
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

it("a click on a count or a bar keeps what is typed, and applies it", async () => {
  const tab = await here.page();
  await tab.sees(["t10"], { count: 20 });
  await tab.page.locator("input[name=user]").fill("alice");
  await tab.page.locator(".status-tabs .done").click();
  await tab.sees(["t10", "t38"], { count: 15 });
  expect(await tab.page.locator("input[name=user]").inputValue()).toBe("alice");
  expect(new URL(tab.page.url()).hash).toBe("#user=alice&status=done");
});
