import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOSTILE = `<img src=x onerror=alert(1)>"'\u202e`;
const TASKS = [
  record("alice", "t1", { updated_at: ago(10), created_at: ago(400), text: "The Quick fox" }),
  record("bob", "t2", { updated_at: ago(20), created_at: ago(100), status: "failed", error: "no FOX here" }),
  record("carol", "fox-3", { updated_at: ago(30), created_at: ago(300) }),
  record(HOSTILE, "t4", { updated_at: ago(40), created_at: ago(200), text: "春眠" }),
  record("alice", "t5", { updated_at: ago(86_400), created_at: ago(86_500), status: "queued" }),
];
beforeEach(() => here.root.writeStore(TASKS));

it("the search finds a text in texts, errors and ids of any user, in the address, with Back", async () => {
  const { url } = await here.serveSynced();
  const tab = await here.open(url);
  const field = tab.page.locator("input[name=search]");
  const find = async (words: string, ids: string[]) => {
    await field.fill(words);
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.sees(ids, { count: ids.length });
  };
  await find(" FOX ", ["t1", "t2", "fox-3"]);
  expect([tab.hash(), tab.lastQuery()]).toEqual(["#search=FOX", { page: 1, page_size: 20, search: "FOX" }]);
  await tab.page.locator(".applied").getByText("“FOX”").waitFor();
  await find("ox h", ["t2"]);
  await find(HOSTILE, ["t4"]);
  await tab.page.locator(".applied").getByText("<img src=x").waitFor();
  await tab.page.reload();
  await tab.sees(["t4"], { count: 1 });
  expect(await field.inputValue()).toBe(HOSTILE);
  await tab.page.goBack();
  await tab.sees(["t2"], { count: 1 });
  await find("nowhere", []);
  await tab.page.locator(".empty").getByRole("button", { name: "Clear" }).click();
  await tab.sees(["t1"], { count: 5 });
  expect(tab.hash()).toBe("");
});

it("a search that stopped says where, and goes on from there", async () => {
  const tab = await here.page();
  await tab.sees(["t1"], { count: 5 });
  let stopped: object = { looked: 100_000, at: "2026-11-01T08:00:00.000001+00:00" };
  await tab.page.route(/\/voice-tasks\/query$/, async (route) => {
    const page = await (await route.fetch()).json();
    await route.fulfill({ json: "until" in route.request().postDataJSON() ? page : { ...page, stopped } });
  });
  await tab.enters("search", "fox");
  await tab.page.getByText("after the newest 100,000 tasks, at 2026-").waitFor();
  await tab.page.getByText("Narrow it by user, status or time.").waitFor();
  await tab.sees(["t1", "t2", "fox-3"], { count: 3 });
  expect(await tab.page.locator(".status-tabs .all").textContent()).toBe("All –"); // there may be more
  await tab.page.getByRole("button", { name: "Search older tasks" }).click();
  await tab.page.locator(".empty").waitFor();
  expect(tab.lastQuery()).toMatchObject({ search: "fox", until: "2026-11-01T08:00:00.000001+00:00" });
  expect(await tab.page.getByText("after the newest 100,000 tasks, at 2026-").count()).toBe(0);
  stopped = { looked: 250_000, at: null };
  await tab.page.goBack();
  await tab.page.getByText("250,000").waitFor();
  expect(await tab.page.getByRole("button", { name: "Search older tasks" }).count()).toBe(0);
});

const names = ["usual order", "by last change", "by creation", "by user", "by task id"];

it("the order is chosen above the list, at once, with what is half typed kept, in the address, with Back", async () => {
  const tab = await here.page();
  const order = tab.page.locator("select[name=sort]");
  expect(await order.locator("option").allTextContents()).toEqual(names);
  await tab.page.locator("input[name=search]").fill("half typed");
  const choose = async (name: string, ids: string[]) => {
    await tab.inMenu(() => order.selectOption({ label: name }));
    await tab.sees(ids, { count: 5 });
  };
  await choose(names[2]!, ["t2", "t4", "fox-3", "t1", "t5"]);
  expect(tab.hash()).toBe("#sort=created");
  await choose(names[3]!, ["t4", "t1", "t5", "t2", "fox-3"]);
  await choose(names[4]!, ["fox-3", "t1", "t2", "t4", "t5"]);
  expect(await tab.page.locator("input[name=search]").inputValue()).toBe("half typed");
  expect(await tab.page.locator(".applied li").count()).toBe(0);
  await tab.page.goBack();
  await tab.sees(["t4", "t1", "t5", "t2", "fox-3"], { count: 5 });
  await tab.page.reload();
  await tab.sees(["t4", "t1", "t5", "t2", "fox-3"], { count: 5 });
  expect(await order.inputValue()).toBe("user");
  await tab.enters("user", "alice");
  await tab.sees(["t1", "t5"], { count: 2 });
  expect(tab.hash()).toBe("#user=alice&sort=user");
  await (await tab.inPanel("ids")).fill("t5 t1");
  await tab.page.locator("input[name=ids]").press("Enter");
  await tab.sees(["t5", "t1"], { count: 2 });
  expect(await order.count()).toBe(0);
});
