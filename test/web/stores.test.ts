import { afterEach, beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
beforeEach(() => here.root.writeStore([record("alice", "t01", { updated_at: ago(60) })]));
afterEach(async () => {
  await here.server.stop();
  await here.server.start();
});

const REDIS_DOWN = "Redis cannot be reached. Tasks are read from the store file; no data is lost.";

it("shows the store in use, and that Redis stopped and came back under the open page", async () => {
  const served = await here.serveSynced();
  const tab = await here.open(served.url);
  await tab.sees(["t01"]);
  await tab.page.getByText("from Redis").waitFor();
  const health = tab.page.locator(".health").first();
  await health.getByText("Nothing needs attention").waitFor();
  await here.server.stop();
  await served.run.says(/reads use the store file/);
  await tab.refreshes();
  await tab.page.getByText("from the store file").first().waitFor();
  await tab.page.getByText(REDIS_DOWN).waitFor();
  await health.getByText("Redis cannot be reached").waitFor();
  expect(await health.textContent()).not.toContain("Nothing needs attention");
  await tab.page.getByText("Start Redis again").waitFor();
  await tab.sees(["t01"], { count: 1 });
  await here.server.start();
  await served.run.says(/is back/);
  await served.run.says(/1 task from the file to Redis.*1 task from the file to Redis/s);
  await tab.refreshes();
  await tab.page.getByText("from Redis", { exact: true }).waitFor();
  await tab.page.getByText(REDIS_DOWN).waitFor({ state: "detached" });
});

it("an unreadable store file is reported with a remedy; reads use Redis", async () => {
  const served = await here.serveSynced();
  here.root.write("voice_task.json", "[{");
  await here.server.stop();
  await served.run.says(/reads use the store file/);
  const tab = await here.open(served.url);
  await tab.page.getByText("The tasks could not be read.").waitFor();
  await tab.page.getByText("The store file cannot be read.").waitFor();
  await tab.page.getByText("ttsctl doctor").waitFor();
  await tab.expectsRefusals();
  here.root.writeStore([record("alice", "t02")]);
  await tab.page.getByRole("button", { name: "Try again" }).click();
  await tab.sees(["t02"], { count: 1 });
});
