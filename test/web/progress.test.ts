import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();

it("of a running task is in its row, if the record has it, and moves on", async () => {
  const run = (taskId: string, seconds: number, more: object) =>
    record("alice", taskId, { status: "running", updated_at: ago(seconds), ...more });
  here.root.writeStore([
    run("segments", 10, { segments_done: 2, total_segments: 5, progress: 40 }),
    run("percent", 20, { progress: 66.7 }),
    run("none", 30, { progress: null }),
    run("odd", 40, { progress: "half", segments_done: 7, total_segments: 5 }),
    record("alice", "finished", { updated_at: ago(50), progress: 100, segments_done: 5, total_segments: 5 }),
  ]);
  const tab = await here.open((await here.serveSynced()).url);
  await tab.sees(["segments", "finished"], { count: 5 });
  const shown = tab.page.locator(".progress");
  expect(await shown.allTextContents()).toEqual(["2/5", "66%"]);
  const bar = tab.row("segments").getByRole("progressbar", { name: "Progress" });
  expect(await bar.evaluate((element) => (element as HTMLProgressElement).position)).toBe(0.4);
  await here.mirrored(run("segments", 1, { segments_done: 4, total_segments: 5 }));
  await tab.refreshes();
  await expect.poll(() => shown.first().textContent()).toBe("4/5");
  await tab.page.getByRole("button", { name: "切换到中文" }).click();
  await tab.row("segments").getByRole("progressbar", { name: "进度" }).waitFor();
});
