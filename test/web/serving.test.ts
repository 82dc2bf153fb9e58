import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { wav } from "../helpers/wav.ts";
import { useProxies } from "./helpers/proxy.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const proxy = useProxies();
beforeEach(() => {
  here.root.writeStore([record("alice", "t01", { updated_at: ago(10) })]);
  here.root.write("output/alice/t01/t01.wav", wav(60));
});

const TOKEN = "a-token-of-32-characters-or-more";

it.each([
  ["takes its path away", true],
  ["leaves its path there", false],
])("behind a proxy that %s the page, its files and the API are found", async (_, strips) => {
  const served = await here.serve("--no-cleanup --base-path /tts/tasks");
  const url = await proxy(served.url, { path: "/tts/tasks", strips });
  const tab = await here.open(`${url}/`);
  await tab.sees(["t01"], { count: 1 });
  await tab.page.getByRole("button", { name: "Play task t01" }).click();
  await tab.plays();
  expect(tab.requests.filter((request) => !request.url().startsWith(url))).toEqual([]);
});

it("with a token the page asks for it, then gives the list the focus, keeps the session over a reload, and ends it", async () => {
  const served = await here.serve("--no-cleanup", { TTSCTL_HTTP_TOKEN: TOKEN });
  const tab = await here.open(served.url);
  await tab.page.getByRole("heading", { name: "Token required" }).waitFor();
  expect(await tab.page.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("token");
  await tab.page.getByLabel("Token").fill("wrong");
  await tab.page.getByRole("button", { name: "Sign in" }).click();
  await tab.page.getByText("The server rejects this token.").waitFor();
  await tab.expectsRefusals();
  await tab.page.getByLabel("Token").fill(TOKEN);
  await tab.page.getByRole("button", { name: "Sign in" }).click();
  await tab.sees(["t01"], { count: 1 });
  await until(async () => (await tab.focused()) === "1 task");
  await tab.page.getByRole("button", { name: "Play task t01" }).click();
  await tab.plays();
  expect(await tab.page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain(
    TOKEN.slice(0, 8),
  );
  await tab.page.reload();
  await tab.sees(["t01"], { count: 1 });
  await tab.page.getByRole("button", { name: "Sign out" }).click();
  await tab.page.getByRole("heading", { name: "Token required" }).waitFor();
  await tab.page.reload();
  await tab.page.getByRole("heading", { name: "Token required" }).waitFor();
  expect(await tab.rows().count()).toBe(0);
  await tab.expectsRefusals();
});
