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
    record("alice", "notes", { updated_at: ago(40) }),
  ]);
  here.root.write(`output/小雨/${HOSTILE}/声音 1.wav`, wav(30));
  here.root.write("output/alice/broken/broken.wav", "no audio");
});

it("plays, pauses, resumes and downloads, whatever its names", async () => {
  const tab = await here.page();
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

it("Play is offered only for audio that can be played; a task without any says so", async () => {
  here.root.write("output/alice/notes/notes.txt", "no audio");
  const tab = await here.page();
  await tab.page.getByRole("button", { name: `Play task ${HOSTILE}` }).waitFor();
  expect(await tab.page.getByRole("button", { name: /^Play task/ }).count()).toBe(1);
  await tab.opens("mute");
  await tab.row("mute").getByText("No files.").waitFor();
  await tab.opens("notes");
  await tab.row("notes").getByText("No audio that can be played.").waitFor();
  await tab.opens("broken");
  await tab.row("broken").getByText("No audio that can be played.").waitFor();
  await tab.row("broken").getByRole("link", { name: "Download broken.wav" }).waitFor();
  expect(await tab.row("broken").getByRole("button", { name: "Play broken.wav" }).count()).toBe(0);
});

it("one question tells of the audio of a page, and another one of a task that changed", async () => {
  const many = Array.from({ length: 20 }, (_, i) => record("alice", `t${i + 10}`, { updated_at: ago(60 + i) }));
  here.root.writeStore(many);
  here.root.write("output/alice/t20/t20.wav", wav(60));
  const tab = await here.page();
  await tab.page.getByRole("button", { name: "Play task t20" }).waitFor();
  const asked = () => tab.asked(/\/(audio|files)$/).map((request) => request.postDataJSON().tasks.length);
  expect(asked()).toEqual([20]);
  here.root.write("output/alice/t29/t29.wav", wav(60));
  await here.mirrored(record("alice", "t29", { updated_at: ago(1) }));
  await tab.refreshes();
  await tab.page.getByRole("button", { name: "Play task t29" }).waitFor();
  expect(asked()).toEqual([20, 1]);
});
