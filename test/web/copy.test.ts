import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const ID = "a b#?&%2e'\"<i>";
const TEXT = "第一行\n  second \u202eline\u202c\tend";
beforeEach(() => here.root.writeStore([record("小雨", ID, { updated_at: ago(10), text: TEXT, error: "no voice" })]));

/** What the clipboard holds, as another program would get it. */
async function pasted(tab: Tab): Promise<string> {
  await tab.page.evaluate(() => document.body.append(document.createElement("textarea")));
  const field = tab.page.locator("body > textarea");
  await field.press("Control+v");
  const text = await field.inputValue();
  await field.evaluate((element) => element.remove());
  return text;
}

async function opened(script?: () => void): Promise<Tab> {
  const tab = await here.page();
  if (script !== undefined) {
    await tab.page.addInitScript(script);
    await tab.page.reload();
  }
  await tab.opens(ID);
  return tab;
}

const VALUES = Object.entries({ "user id": "小雨", "task id": ID, text: TEXT, error: "no voice" });

it.each([
  ["with the clipboard API", undefined],
  ["over plain HTTP", () => Object.defineProperty(navigator, "clipboard", { value: undefined })],
  [
    "where the clipboard API refuses",
    () =>
      Object.defineProperty(navigator, "clipboard", {
        value: { writeText: () => Promise.reject(new DOMException("no", "NotAllowedError")) },
      }),
  ],
])("copies ids, text and error as they are, %s, and says so", async (_, script) => {
  const tab = await opened(script);
  for (const [name, value] of VALUES) {
    await tab.page.getByRole("button", { name: `Copy the ${name}` }).click();
    await tab.page.locator(".said").getByText(`Copied the ${name}.`).waitFor();
    await tab.page.getByRole("status").getByText(`Copied the ${name}.`).waitFor();
    expect(await pasted(tab)).toBe(value);
  }
});

it("copies the address of a task, with its tab, which opens it from anywhere", async () => {
  const tab = await opened();
  const copy = tab.page.getByRole("button", { name: "Copy the link" });
  await copy.click();
  await tab.page.locator(".said").getByText("Copied the link.").waitFor();
  const record = await pasted(tab);
  await tab.page.getByRole("tab", { name: "Log" }).click();
  await copy.click();
  await expect.poll(() => pasted(tab)).toBe(`${record}&tab=log`);
  expect([new URL(record).origin, new URL(record).pathname]).toEqual([new URL(tab.page.url()).origin, "/"]);
  const other = await here.open(record);
  await other.row(ID).locator(".fields").waitFor();
});
