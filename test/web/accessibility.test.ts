import { beforeEach, expect, it } from "vitest";
import { first } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { wav } from "../helpers/wav.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
beforeEach(() => {
  here.root.writeStore(
    ["queued", "running", "succeeded", "failed", "odd"].map((status, i) =>
      record("alice", `t${i}`, {
        ...{ status, updated_at: ago(10 * i), error: status === "failed" ? "no voice" : null },
        ...(status === "succeeded" ? { text: "很长的文本\n".repeat(100), log: "a line\n".repeat(100) } : {}),
      }),
    ),
  );
  here.root.write("output/alice/t2/t2.wav", wav(60));
  here.root.write("Logs/20260101/08/t2.log", "a line\n".repeat(100));
});

const LOOKS = [
  { colorScheme: "light", locale: "en-US", width: 1280 },
  { colorScheme: "dark", locale: "zh-CN", width: 360 },
] as const;

it.each(first(1, LOOKS))("in $locale, $colorScheme, $width px, the page passes axe in every state", async (look) => {
  const { width, ...options } = look;
  const tab = await here.page("/#user=alice", { ...options, viewport: { width, height: 800 } });
  await tab.opens("t2");
  expect(await tab.problems()).toEqual([]);
  await tab.inPanel("ids");
  await tab.page.locator("select[name=within]").selectOption("exact");
  expect(await tab.problems()).toEqual([]);
  await tab.page.keyboard.press("Escape");
  await tab.row("t2").getByRole("tab").last().click();
  await tab.row("t2").locator(".log").waitFor();
  expect(await tab.problems()).toEqual([]);
  await tab.row("t2").locator(".task-play button").click();
  await tab.plays();
  await here.mirrored(record("alice", "t9", { updated_at: ago(0) }));
  await tab.refreshes();
  await tab.page.locator(".new-tasks").waitFor();
  expect(await tab.problems()).toEqual([]);
  await tab.row("t2").locator(".button.danger").click();
  await tab.page.getByRole("dialog").waitFor();
  expect(await tab.problems()).toEqual([]);
  await tab.page.keyboard.press("Escape");
  await tab.page.locator("input[name=page]").check();
  await tab.page.locator(".choice-bar").waitFor();
  expect(await tab.problems()).toEqual([]);
  await tab.page.locator(".choice-bar .danger").click();
  await tab.page.locator("input[name=force]").check();
  await tab.page.locator("dialog .by-status .badge.run").waitFor();
  expect(await tab.problems()).toEqual([]);
  await tab.page.keyboard.press("Escape");
  await tab.page.locator(".choice-bar .button:nth-last-child(2)").click();
  await tab.page.locator("dialog select").selectOption("error");
  await tab.page.locator("dialog .by-status li").first().waitFor();
  expect(await tab.problems()).toEqual([]);
});
