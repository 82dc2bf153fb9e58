import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
beforeEach(() => {
  here.root.writeStore([
    record("alice", "t01", { updated_at: ago(10) }),
    record("alice", "t02", { updated_at: ago(20), status: "running" }),
    record("alice", "t03", { updated_at: ago(30) }),
  ]);
  here.root.writeArtifacts([record("alice", "t01")]);
});

const stored = () => here.root.readStore().map(({ task_id }) => task_id);

it("asks first, and then the task, its mirror and its audio are gone", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await (await tab.opens("t01")).getByRole("button", { name: "Delete task t01" }).click();
  const dialog = tab.page.getByRole("dialog", { name: "Delete this task?" });
  await dialog.waitFor();
  expect(await tab.focused()).toBe("Cancel");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  await until(async () => (await tab.focused()) === "Delete…");
  expect(stored()).toHaveLength(3);
  await tab.page.getByRole("button", { name: "Delete task t01" }).click();
  await tab.confirmsDeletion();
  await tab.sees(["t02", "t03"], { count: 2 });
  await tab.page.locator(".said").getByText("Task t01 was deleted.").waitFor();
  expect(stored()).toEqual(["t02", "t03"]);
  expect(await here.server.hash("tts:task:alice:t01")).toEqual({});
  expect(here.root.has("output/alice/t01")).toBe(false);
  await until(async () => (await tab.focused()) === "2 tasks");
});

it("of a task that is not finished needs a second decision, after a plain warning", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await (await tab.opens("t02")).getByRole("button", { name: "Delete task t02" }).click();
  const dialog = tab.page.getByRole("dialog", { name: "Delete this task?" });
  await dialog.getByText("for example after a crash").waitFor();
  await dialog.getByText("0 tasks will be deleted.").waitFor();
  expect(await dialog.getByRole("button", { name: /^Delete [\d,]+ tasks?$/ }).isDisabled()).toBe(true);
  await dialog.getByRole("checkbox", { name: "Also delete 1 unfinished task" }).check();
  await dialog.getByText("1 task will be deleted.").waitFor();
  expect(stored()).toContain("t02");
  await dialog.getByRole("button", { name: / anyway$/ }).click();
  await tab.sees(["t01", "t03"], { count: 2 });
  expect(stored()).toEqual(["t01", "t03"]);
  await until(async () => (await tab.focused()) === "2 tasks");
});
