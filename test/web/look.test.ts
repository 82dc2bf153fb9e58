import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import type { Tab } from "./helpers/browser.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const LONG = "x".repeat(3000);
/** Texts that would do something if they were taken for anything but text. */
const HOSTILE = [
  `<img src=x onerror="document.title='taken'">`,
  `<script>document.title='taken'</script>`,
  `javascript:alert(1)`,
  "\u202egnp.exe\u202c",
  "\u0000\u0007\u001b[31m",
  "{{constructor.constructor('return 1')()}}",
];
beforeEach(() => {
  here.root.writeStore([
    ...HOSTILE.map((text, i) =>
      record(`u${i}${text.replaceAll(":", "")}`, `${i}${text}`, {
        ...{ updated_at: ago(5 * i), status: i % 2 === 0 ? text : "failed", error: { nested: text }, text },
        [text]: text,
        __proto__: { polluted: true },
      }),
    ),
    record("alice", LONG, { updated_at: ago(60), text: LONG, error: LONG, status: "failed", [LONG]: LONG }),
    record("alice", "numbers", { updated_at: 1795540076.5, created_at: 1e300, text: "a\nb" }),
  ]);
});

it("hostile texts are shown as texts, and can't turn or hide others, in lists, rows, dialogs and filters", async () => {
  const tab = await here.page();
  await expect.poll(() => tab.rows().count()).toBe(8);
  for (const opener of await tab.page.locator(".task-id").all()) await opener.click();
  await expect.poll(() => tab.page.locator(".fields").count()).toBe(8);
  await tab.rows().nth(3).getByText("\\u202egnp.exe\\u202c").first().waitFor();
  await tab.rows().nth(4).getByText("\\u0000\\u0007\\u001b[31m").first().waitFor();
  const press = (at: number, name: RegExp) => tab.rows().nth(at).getByRole("button", { name }).click();
  await press(0, /^Delete task/);
  await tab.page.getByRole("dialog").getByText(HOSTILE[0]!).first().waitFor();
  await tab.page.getByRole("button", { name: "Cancel" }).click();
  await press(1, /^Only tasks of/);
  await tab.page.locator(".applied").getByText("<script>").waitFor();
  expect(await tab.page.title()).toBe("Voice tasks · ttsctl");
  expect(await tab.page.locator("#app img, #app script").count()).toBe(0);
  expect(await tab.page.evaluate(() => "polluted" in {})).toBe(false);
});

it("languages follow the browser, can be changed, and are remembered", async () => {
  const tab = await here.page("", { locale: "zh-CN" });
  await tab.page.getByRole("heading", { name: "语音任务" }).waitFor();
  await tab.page.getByText("来自 Redis").waitFor();
  expect(await tab.page.locator("html").getAttribute("lang")).toBe("zh-CN");
  expect(await tab.page.title()).toBe("语音任务 · ttsctl");
  await tab.page.getByRole("button", { name: "Switch to English" }).click();
  await tab.page.getByRole("heading", { name: "Voice tasks" }).waitFor();
  await tab.page.reload();
  await tab.page.getByRole("heading", { name: "Voice tasks" }).waitFor();
  expect(tab.asked(/\/zh-\w+\.js$/)).toHaveLength(1); // not by the page in English
});

describe("errors of the server", () => {
  it("are in the language of the page, with the server's own words beside them", async () => {
    const tab = await here.page("", { locale: "zh-CN" });
    await tab.page.getByLabel("用户 ID", { exact: true }).fill("a:b");
    await tab.page.getByRole("button", { name: "应用筛选" }).click();
    const notice = tab.page.locator(".filter .notice");
    await notice.getByText("请求无效。", { exact: true }).waitFor();
    await notice.locator("[lang=en]").getByText("user_id").first().waitFor();
    await tab.expectsRefusals();
  });

  it.each([
    [
      { status: 503, json: { code: "LOCK_TIMEOUT", detail: "pid 7 holds it" } },
      "另一个 ttsctl 正在占用锁",
      "pid 7 holds it",
    ],
    [{ status: 500, json: { code: "constructor", detail: "odd" } }, "odd", "odd"],
    [{ status: 502, body: "<h1>Bad Gateway</h1>" }, "502 Bad Gateway", "502 Bad Gateway"],
  ])("of a deletion, %j", async (answer, said, detail) => {
    const tab = await here.page("", { locale: "zh-CN" });
    await tab.opens("numbers");
    await tab.page.route(/voice-tasks\/delete/, (route) =>
      route.request().postDataJSON().dry_run ? route.continue() : route.fulfill(answer),
    );
    await tab.page.getByRole("button", { name: "删除任务 numbers" }).click();
    const dialog = tab.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "删除 1 个任务" }).click();
    await dialog.getByText(said).waitFor();
    await dialog.getByText(detail).waitFor();
    await tab.expectsRefusals();
  });
});

const isDark = (tab: Tab) =>
  tab.page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.documentElement).backgroundColor)![0]) < 128);

it.each([
  [
    "denied",
    () =>
      Object.defineProperty(window, "localStorage", {
        get: () => {
          throw new DOMException("denied", "SecurityError");
        },
      }),
  ],
  [
    "full",
    () => {
      Storage.prototype.setItem = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
    },
  ],
])("the theme can be chosen where storage is %s", async (_, script) => {
  const tab = await here.page("", { colorScheme: "light" });
  await tab.page.addInitScript(script);
  await tab.page.reload();
  await expect.poll(() => tab.rows().count()).toBe(8);
  await tab.page.getByRole("button", { name: "Theme: system" }).click();
  await tab.page.getByRole("button", { name: "Theme: light" }).click();
  await tab.page.getByRole("button", { name: "Theme: dark" }).waitFor();
  expect(await isDark(tab)).toBe(true);
});
