import { readFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { wav } from "../helpers/wav.ts";
import { useWeb } from "./helpers/setup.ts";

const here = useWeb();
const HOSTILE = "a b#?&%2e'\"<i>";
beforeEach(() => {
  here.root.writeStore([
    record("小雨", HOSTILE, { updated_at: ago(10) }),
    record("alice", "mute", { updated_at: ago(20) }),
    record("alice", "broken", { updated_at: ago(30) }),
  ]);
  here.root.write(`output/小雨/${HOSTILE}/声音 1.wav`, wav(30));
  here.root.write("output/alice/broken/broken.wav", "no audio");
});

it("plays, pauses and goes on, and gives the file, whatever its names hold", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await tab.page.getByRole("button", { name: `Play task ${HOSTILE}` }).click();
  await tab.plays();
  await tab.page.getByRole("button", { name: `Pause task ${HOSTILE}` }).click();
  const audio = tab.page.locator("audio");
  await expect.poll(() => audio.evaluate((element) => (element as HTMLAudioElement).paused)).toBe(true);
  expect(await audio.evaluate((element) => (element as HTMLAudioElement).duration)).toBeCloseTo(30, 1);
  await tab.page.getByRole("button", { name: `Play task ${HOSTILE}` }).click();
  await tab.plays();
  const download = tab.page.waitForEvent("download");
  await tab.page.locator(".player").getByRole("link", { name: "Download 声音 1.wav" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe("声音 1.wav");
  expect(readFileSync(await file.path())).toEqual(wav(30));
  await tab.page.getByRole("button", { name: "Close the player" }).click();
  await audio.waitFor({ state: "detached" });
});

it("an open row tells its files, with their length, and plays them", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await tab.page.getByRole("button", { name: HOSTILE, exact: true }).click();
  const files = tab.page.getByRole("list", { name: "Files" });
  await files.getByText("0:30.0").waitFor();
  await tab.page.getByRole("button", { name: "broken", exact: true }).click();
  await tab.row("broken").getByText("damaged").waitFor();
  await files.getByRole("button", { name: "Play 声音 1.wav" }).click();
  await tab.plays();
});

it("a task without audio, and audio that is none, are said", async () => {
  const tab = await here.open((await here.serveSynced()).url);
  await tab.page.getByRole("button", { name: "Play task mute" }).click();
  await tab.page.getByText("Task mute has no audio that can be played.").waitFor({ state: "attached" });
  await tab.row("mute").getByText("No files.").waitFor();
  await tab.page.getByRole("button", { name: "Play task broken" }).click();
  await tab.page.getByText("This audio could not be played.").waitFor();
});
