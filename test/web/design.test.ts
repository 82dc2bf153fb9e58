import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { wav } from "../helpers/wav.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const WORDS = ["succeeded", "failed", "running", "queued"];
/** 50 tasks, newest first; a quarter of each status, two of the unfinished ones stuck. */
const TASKS = Array.from({ length: 50 }, (_, i) => {
  const status = WORDS[i % 4]!;
  const updated = i === 46 || i === 47 ? 200_000 : 60 + 10 * i;
  return record(i % 2 === 0 ? "alice" : "bob", `t${i + 10}`, {
    ...{ status, error: status === "failed" ? (i < 20 ? "显存不足" : "no voice") : null, voice: "zh-1" },
    ...{ created_at: ago(updated + 42), updated_at: ago(updated) },
  });
});
beforeEach(() => here.root.writeStore(TASKS));

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

const isFocused = (tab: Tab, selector: string) =>
  tab.page.locator(selector).evaluate((element) => element === document.activeElement);

it("every target is at least 40 px for fingers", async () => {
  const tab = await here.page("/#user=alice", PHONE);
  await tab.page.locator(".task-id").first().click();
  await tab.page.locator(".fields").waitFor();
  await tab.page.locator("input[name=task]").first().check();
  await tab.page.getByRole("button", { name: "More · 1" }).click(); // one part of a filter is applied
  await tab.page.getByRole("button", { name: "Clear" }).waitFor();
  const small = await tab.page.evaluate(() =>
    [...document.querySelectorAll("button, select, summary, a, label.choose, input:not([type=checkbox])")]
      .filter((target) => target.checkVisibility({ visibilityProperty: true }) && !target.closest(".bars, .skip"))
      .map((target) => [target.outerHTML.slice(0, 90), target.getBoundingClientRect()] as const)
      .filter(([, box]) => box.width > 1 && (box.width < 40 || box.height < 40))
      .map(([html, { width, height }]) => `${width}×${height} ${html}`),
  );
  expect(small).toEqual([]);
});

it("the tabs have the counts, are the filter by status, and stuck tasks are one of them", async () => {
  const tab = await here.page();
  const tabs = tab.page.locator(".status-tabs button");
  await expect
    .poll(() => tabs.allTextContents())
    .toEqual(["All 50", "wait 12", "run 12", "error 13", "done 13", "stuck 2"]);
  await tab.page.locator(".status-tabs .stuck").click();
  await tab.sees(["t57", "t56"], { count: 2 });
  expect(tab.hash()).toBe("#stuck=true");
  await tab.page.locator(".status-tabs .run").click();
  await tab.sees(["t12"], { count: 12 });
  expect(tab.hash()).toBe("#status=run");
  expect(await tab.page.locator(".task .duration").count()).toBe(0); // they aren't finished
  await tab.page.locator(".status-tabs .all").click();
  await tab.sees(["t10"], { count: 20 });
  await tab.page.getByRole("button", { name: "2 tasks are stuck" }).click();
  await tab.sees(["t57", "t56"], { count: 2 });
});

describe("the field that finds a task", () => {
  it("opens the one task of an id or of user:id, and searches for anything else", async () => {
    const tab = await here.page();
    for (const [words, id] of [
      ["t58", "t58"],
      [" bob:t59 ", "t59"],
    ] as const) {
      await tab.enters("search", words);
      await tab.sees([id], { count: 1 });
      await tab.row(id).locator(".fields").waitFor();
      expect(tab.hash()).toContain(`task=${id}`);
    }
    await tab.page.getByRole("button", { name: "Remove from the filter: bob" }).click();
    await tab.enters("search", "no voice");
    await tab.page.getByRole("heading", { name: "8 tasks found" }).waitFor();
    expect(tab.hash()).toBe("#search=no+voice");
    const unknown = ["wait", "run", "error", "done", "stuck"].map((name) => `${name} –`);
    expect(await tab.page.locator(".status-tabs button").allTextContents()).toEqual(["All 8", ...unknown]);
  });

  it("lists all tasks of an id that several users have", async () => {
    here.root.writeStore([...TASKS, record("carol", "t10", { updated_at: ago(5) })]);
    const tab = await here.page();
    await tab.enters("search", "t10");
    await tab.page.getByRole("heading", { name: "2 tasks found" }).waitFor();
    await tab.page.locator("input[name=user]").fill("carol");
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.page.getByRole("heading", { name: "1 task found" }).waitFor();
  });
});

it("the parts of a filter are chips that remove them", async () => {
  const tab = await here.page("/#user=alice&search=voice&since=24h");
  const chips = tab.page.locator(".applied button");
  await expect.poll(() => chips.allTextContents()).toEqual(["alice", "last 24 hours", "“voice”"]);
  await tab.page.getByRole("button", { name: "Remove from the filter: last 24 hours" }).click();
  await expect.poll(() => chips.allTextContents()).toEqual(["alice", "“voice”"]);
  expect(tab.hash()).toBe("#user=alice&search=voice");
  await chips.first().click();
  await expect.poll(() => tab.hash()).toBe("#search=voice");
  expect(await tab.page.locator("input[name=user]").inputValue()).toBe("");
});

it("all tasks of a search are chosen and retried", async () => {
  here.root.writeStore(TASKS.map((task) => ({ ...task, status: "failed", error: "显存不足" })));
  const tab = await here.page();
  await tab.page.locator("input[name=search]").fill("显存不足");
  await tab.page.getByRole("button", { name: "Apply" }).click();
  await tab.page.getByRole("heading", { name: "50 tasks found" }).waitFor();
  await tab.page.getByRole("checkbox", { name: "Choose all on this page" }).check();
  await tab.page.getByRole("button", { name: "Choose all 50 tasks" }).click();
  await tab.page.locator(".choice-bar").getByText("50 tasks chosen").waitFor();
  await tab.page.locator(".choice-bar").getByRole("button", { name: "Retry failed…" }).click();
  await tab.page.getByRole("dialog").getByRole("button", { name: "Retry 50 tasks" }).click();
  await tab.page.locator(".said").getByText("50 tasks marked as “wait”.").waitFor();
  expect(here.root.readStore().every(({ status }) => status === "queued")).toBe(true);
});

describe("an open row", () => {
  it("has error and audio first, other fields folded, and is copied as JSON", async () => {
    here.root.write("output/bob/t11/t11.wav", wav(1));
    const tab = await here.page("", { permissions: ["clipboard-read", "clipboard-write"] });
    const row = await tab.opens("t11");
    expect((await row.locator(".fields dt").allTextContents()).slice(0, 2)).toEqual(["error", "text"]);
    expect((await row.locator(".files").boundingBox())!.y).toBeLessThan(
      (await row.locator(".fields").boundingBox())!.y,
    );
    expect(await row.getByText("zh-1").isVisible()).toBe(false);
    await row.getByText(/more fields?$/).click();
    await row.getByText("zh-1").waitFor();
    await row.getByRole("button", { name: "Copy the task as JSON" }).click();
    const copied = JSON.parse(await tab.page.evaluate(() => navigator.clipboard.readText()));
    expect(copied).toMatchObject({ user_id: "bob", task_id: "t11", voice: "zh-1" });
  });

  it("retries, marks and deletes its task", async () => {
    const tab = await here.page();
    const row = await tab.opens("t11");
    await row.getByRole("button", { name: "Delete task t11" }).waitFor();
    await row.getByRole("button", { name: "Mark as…" }).waitFor();
    await row.getByRole("button", { name: "Retry…" }).click();
    await tab.page.getByRole("dialog").getByRole("button", { name: "Retry 1 task" }).click();
    await tab.row("t11").locator(".badge.wait").waitFor();
    expect(await (await tab.opens("t10")).getByRole("button", { name: "Retry…" }).count()).toBe(0);
  });

  it("shows how long the task took, and its time in UTC or the browser's zone", async () => {
    const tab = await here.page("", { timezoneId: "Asia/Shanghai" });
    const time = tab.row("t10").locator(".task-time");
    await expect.poll(() => time.textContent()).toBe("1 min. ago · 42s");
    await tab.inMenu((menu) => menu.locator("select[name=times]").selectOption("utc"));
    const { updated_at } = TASKS[0]!;
    expect(await time.textContent()).toBe(`${String(updated_at).slice(5, 19).replace("T", " ")} · 42s`);
    await tab.inMenu((menu) => menu.locator("select[name=times]").selectOption("local"));
    const local = new Date(Date.parse(`${String(updated_at).slice(0, 19)}Z`) + 8 * 3_600_000).toISOString();
    expect(await time.textContent()).toBe(`${local.slice(5, 19).replace("T", " ")} · 42s`);
  });
});

it("while another page is read, no row is opened", async () => {
  const tab = await here.page();
  await tab.sees(["t10"]);
  await tab.page.route(/page=2/, async (route) => {
    await new Promise((over) => setTimeout(over, 1_000));
    await route.continue();
  });
  await tab.page.getByRole("button", { name: "Next" }).click();
  await tab.page.locator(".list[aria-busy=true]").waitFor();
  await tab.opener("t10").click();
  await tab.sees(["t30"], { count: 20 });
  expect(tab.hash()).toBe("#page=2");
  await tab.page.goBack();
  await tab.sees(["t10"]);
  expect(await tab.page.locator(".fields").count()).toBe(0);
});

it("an address of a missing task leads to the notice", async () => {
  const tab = await here.page("/#task=t99&task-user=alice", {
    viewport: { width: 360, height: 300 },
  });
  const notice = tab.page.getByText("The task in the address is in neither store.");
  await notice.waitFor();
  await expect.poll(async () => (await notice.boundingBox())!.y).toBeLessThan(270);
});

it("the chart has 48 px, a scale, and a tooltip for pointer, keyboard and finger; on a phone it is closed at first", async () => {
  const { url } = await here.serveSynced();
  const tab = await here.open(url);
  await expect
    .poll(() => tab.page.locator(".scale span").allTextContents())
    .toEqual([expect.stringMatching(/^[2-5]\d$/), "0"]);
  expect((await tab.page.locator(".plot svg").boundingBox())!.height).toBe(48);
  const tooltip = tab.page.locator(".tooltip");
  await tab.page.locator(".bars button").last().hover();
  await tooltip.getByText(/^\d\d:00: .*done \d+/).waitFor();
  await tab.page.mouse.move(5, 5);
  await tooltip.waitFor({ state: "detached" });
  await tab.page.locator(".bars button").last().focus();
  await tooltip.waitFor();
  const phone = await here.open(url, PHONE);
  await phone.sees(["t10"]);
  expect(await phone.page.locator(".chart").count()).toBe(0);
  await phone.page.getByRole("button", { name: "Chart" }).tap();
  await phone.page.locator(".bars button").last().tap();
  await phone.page.locator(".tooltip").waitFor();
  const box = (await phone.page.locator(".tooltip").boundingBox())!;
  expect([box.x >= 0, box.x + box.width <= 360]).toEqual([true, true]);
});

it("keys find, walk, choose, open and explain", async () => {
  const tab = await here.page();
  await tab.sees(["t10"]);
  const { keyboard } = tab.page;
  await keyboard.press("/");
  expect(await isFocused(tab, "input[name=search]")).toBe(true);
  await keyboard.type("jx?");
  expect(await tab.page.locator("input[name=search]").inputValue()).toBe("jx?");
  await tab.page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await keyboard.press("j");
  await keyboard.press("j");
  expect(await tab.focused()).toBe("t11");
  await keyboard.press("k");
  expect(await tab.focused()).toBe("t10");
  await keyboard.press("x");
  await tab.page.locator(".choice-bar").getByText("1 task chosen").waitFor();
  await keyboard.press("Enter");
  await tab.row("t10").locator(".fields").waitFor();
  await keyboard.press("?");
  await tab.page.getByText("next, previous task").waitFor();
  await keyboard.press("Escape");
  await expect.poll(() => tab.page.locator("details.keys[open]").count()).toBe(0);
});
