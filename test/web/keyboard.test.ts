import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { wav } from "../helpers/wav.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
beforeEach(() => {
  here.root.writeStore([
    record("alice", "t01", { updated_at: ago(10) }),
    record("alice", "t02", { updated_at: ago(20), status: "running" }),
    record("bob", "t03", { updated_at: ago(30) }),
  ]);
  here.root.write("output/alice/t01/t01.wav", wav(60));
});

/** Presses Tab until something of this name has the focus, which must be seen. */
async function tabTo(tab: Tab, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await tab.page.keyboard.press("Tab");
    const focus = await focusOf(tab);
    if (focus.name === name) return expect(focus.isSeen).toBe(true);
  }
  throw new Error(`the Tab key never came to ${name}`);
}

/** What has the focus, as an assistive technology names it, and whether it or its parent has an outline. */
function focusOf(tab: Tab) {
  return tab.page.evaluate(() => {
    const element = document.activeElement!;
    const label = (element as HTMLInputElement).labels?.[0]?.textContent;
    const name = (element.getAttribute("aria-label") ?? label ?? element.textContent ?? "").trim();
    const isSeen = [element, element.parentElement!].some((it) => getComputedStyle(it).outlineStyle === "solid");
    return { name, isSeen };
  });
}

it("everything can be done by keyboard, and the focus is seen", async () => {
  const tab = await here.page();
  const { keyboard } = tab.page;
  await tab.sees(["t01"]);
  await tabTo(tab, "Skip to the tasks");
  await keyboard.press("Enter");
  await tabTo(tab, "Live · 5 s");
  await tabTo(tab, "t01");
  await keyboard.press("Enter");
  await tab.row("t01").locator(".fields").waitFor();
  await tabTo(tab, "Play task t01");
  await keyboard.press("Space");
  await tab.plays();
  await tabTo(tab, "Delete task t01");
  await keyboard.press("Enter");
  await tab.page.getByRole("dialog").waitFor();
  const inside = new Set<string>();
  for (let presses = 0; presses < 6; presses++) {
    inside.add((await focusOf(tab)).name);
    await keyboard.press("Tab");
  }
  // Beyond a modal dialog the focus goes to the browser's own controls, when the body seems to have it.
  const others = [...inside].filter((name) => !name.includes("Skip to the tasks"));
  expect(others.filter((name) => !["Cancel", "Delete 1 task"].includes(name))).toEqual([]);
  await keyboard.press("Escape");
  await until(async () => (await focusOf(tab)).name === "Delete task t01");
  await tabTo(tab, "Close the player");
  await keyboard.press("Enter");
  await tab.page.locator("audio").waitFor({ state: "detached" });
});
