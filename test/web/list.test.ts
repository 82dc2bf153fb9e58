import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
/** `t001` of alice was changed last; bob has the last five of fifty. */
const TASKS = Array.from({ length: 50 }, (_, i) =>
  record(i < 45 ? "alice" : "bob", `t${String(i + 1).padStart(3, "0")}`, {
    ...{ updated_at: ago(60 + 10 * i), status: i % 2 === 0 ? "succeeded" : "failed" },
    error: i % 2 === 0 ? null : "参考音频少于三秒",
  }),
);
beforeEach(() => here.root.writeStore(TASKS));

const LIST = /\/voice-tasks$/;
const QUERY = /\/voice-tasks\/query$/;

it("without a filter pages through GET, to the next, last, first and any page, and shows the position", async () => {
  const tab = await here.page();
  await tab.sees(["t001", "t020"], { count: 20 });
  await tab.page.getByText("from Redis").waitFor();
  await tab.page.getByRole("button", { name: "Next" }).click();
  await tab.sees(["t021", "t040"], { count: 20 });
  await expect.poll(() => tab.page.locator("input[name=page-number]").inputValue()).toBe("2");
  await tab.page.reload();
  await tab.sees(["t021", "t040"]);
  await tab.page.goBack();
  await tab.sees(["t001"]);
  await tab.page.getByRole("button", { name: "Last" }).click();
  await tab.sees(["t041", "t050"], { count: 10 });
  await tab.page.getByRole("button", { name: "First" }).click();
  await tab.sees(["t001"], { count: 20 });
  await tab.page.getByLabel("Page", { exact: true }).fill("2");
  await tab.page.getByLabel("Page", { exact: true }).press("Enter");
  await tab.sees(["t021", "t040"], { count: 20 });
  expect(tab.hash()).toBe("#page=2");
  expect(tab.asked(QUERY)).toEqual([]);
  expect(new Set(tab.asked(LIST).map((request) => request.method()))).toEqual(new Set(["GET"]));
  expect(tab.asked(LIST).map((request) => new URL(request.url()).search)).toContain("?page=2&page_size=20");
});

describe("a filter", () => {
  it("by user and ids is posted as JSON, and lists missing ids", async () => {
    const tab = await here.page();
    await tab.sees(["t001"]);
    await tab.page.locator("input[name=user]").fill(" bob ");
    await (await tab.inPanel("ids")).fill("t050, t047 t999");
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.sees(["t050", "t047"], { count: 2 });
    expect(await tab.page.getByLabel("Ids not found").inputValue()).toBe("t999");
    const [request] = tab.asked(QUERY);
    expect([request!.method(), request!.headers()["content-type"]]).toEqual(["POST", "application/json"]);
    expect(request!.postDataJSON()).toEqual({
      ...{ page: 1, page_size: 20, user_id: "bob", task_ids: ["t050", "t047", "t999"] },
    });
  });

  it("that was applied last is used by a refresh, whatever is half typed", async () => {
    const tab = await here.page();
    await tab.enters("user", "bob");
    await tab.sees(["t046", "t050"], { count: 5 });
    await tab.page.locator("input[name=user]").fill("ali");
    await tab.refreshes(QUERY);
    expect(tab.lastQuery()).toEqual({ page: 1, page_size: 20, user_id: "bob" });
    await tab.sees(["t046", "t050"], { count: 5 });
    expect(await tab.page.locator("input[name=user]").inputValue()).toBe("ali");
    await tab.page.getByRole("button", { name: "Clear" }).click();
    await tab.sees(["t001"], { count: 20 });
  });
});

it("ids that neither store has are all shown, and copied at once", async () => {
  const ids = Array.from({ length: 500 }, (_, i) => `missing-${i}`);
  const tab = await here.page();
  await tab.page.locator("input[name=user]").fill("alice");
  await (await tab.inPanel("ids")).fill(ids.join(" "));
  await tab.page.getByRole("button", { name: "Apply" }).click();
  await tab.page.getByText("500 ids found in neither store:").waitFor();
  expect(tab.hash()).toBe("#user=alice"); // the history entry has the ids
  await tab.page.reload();
  await tab.page.getByText("500 ids found in neither store:").waitFor();
  expect((await tab.page.getByLabel("Ids not found").inputValue()).split("\n")).toEqual(ids);
  await tab.page.getByRole("button", { name: "Copy all" }).click();
  await tab.page.locator(".said").getByText("500 ids copied.").waitFor();
  await tab.page.locator("input[name=user]").fill("");
  await tab.page.locator("input[name=user]").press("Control+v");
  expect((await tab.page.locator("input[name=user]").inputValue()).split(/\s/)).toEqual(ids);
});
