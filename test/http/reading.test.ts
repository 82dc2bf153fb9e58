import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { wav } from "../helpers/wav.ts";
import { useServer } from "./setup.ts";

const here = useServer();
const TASKS = [
  record("alice", "t01", { updated_at: ago(310) }),
  record("alice", "t02", { updated_at: ago(320), status: "running" }),
  record("bob", "t 3/%?", { updated_at: ago(330), status: "failed", error: "no\r\nvoice ✗" }),
];
beforeEach(() => here.root.writeStore(TASKS));

it("an answer that is asked for again is sent again only if it or its warnings changed", async () => {
  here.root.writeStore([...TASKS, ...Array.from({ length: 50 }, (_, i) => record("carol", `t${i}`))]);
  const now = systemClock.now();
  const server = await here.serve("--no-sync", {}, { ...systemClock, now: () => now }); // counts have the time
  const ask = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
    const asking = request(server.url + path, { headers, method }).end();
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    const body = await buffer(answer);
    return { status: answer.statusCode, headers: answer.headers, length: body.length };
  };
  const paths = ["/voice-tasks?page_size=50", "/voice-tasks/t01?user_id=alice", "/stats?disk=false", "/stats/chart"];
  for (const path of paths) {
    const { status, headers } = await ask(path);
    const etag = headers.etag!;
    expect([status, headers["cache-control"], headers.vary]).toEqual([200, "private, no-cache", "Accept-Encoding"]);
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    for (const encoding of [{}, { "Accept-Encoding": "gzip" }]) {
      for (const method of ["GET", "HEAD"]) {
        const whole = await ask(path, encoding, method);
        expect([whole.status, whole.headers.etag, whole.headers.vary]).toEqual([200, etag, "Accept-Encoding"]);
        for (const tags of [etag, etag.replace("W/", ""), `"x", ${etag}`, "*"]) {
          const again = await ask(path, { ...encoding, "If-None-Match": tags }, method);
          expect([again.status, again.length, again.headers.etag]).toEqual([304, 0, etag]);
          expect([again.headers["cache-control"], again.headers.vary]).toEqual([
            "private, no-cache",
            "Accept-Encoding",
          ]);
          expect(again.headers["x-content-type-options"]).toBe("nosniff");
        }
      }
    }
    expect((await ask(path, { "If-None-Match": '"x"' })).status).toBe(200);
  }
  const list = "/voice-tasks?user_id=alice";
  const first = (await ask(list)).headers;
  expect(first["ttsctl-source"]).toBe("file"); // Redis has never been filled
  await here.run("sync");
  await until(async () => (await ask(list)).headers["ttsctl-source"] === "redis");
  const synced = await ask(list, { "If-None-Match": first.etag! });
  expect([synced.status, synced.headers["ttsctl-source"], synced.headers["ttsctl-warnings"]]).toEqual([
    ...[200, "redis", undefined],
  ]);
  await here.server.stop();
  await server.run.says(/reads use the store file/);
  const down = await ask(list, { "If-None-Match": `${first.etag}, ${synced.headers.etag}` });
  expect([down.status, down.headers["ttsctl-source"]]).toEqual([200, "file"]);
  await here.server.start();
});

describe("one task", () => {
  it("is its item; its files are beside it", async () => {
    here.root.write("output/alice/t01/a b.wav", "RIFF");
    here.root.write("Logs/20260101/08/t01.log", "x");
    const server = await here.serve("--no-cleanup");
    expect(await server.json("/voice-tasks/t01?user_id=alice")).toMatchObject({ task_id: "t01", status: "done" });
    const id = encodeURIComponent("t 3/%?");
    expect(await server.json(`/voice-tasks/${id}?user_id=bob`)).toMatchObject({ error: "no\r\nvoice ✗" });
    const { files } = (await server.json("/voice-tasks/t01/files?user_id=alice")) as { files: { url: string }[] };
    expect(files).toMatchObject([
      { path: "output/alice/t01/a b.wav", bytes: 4, damaged: true, url: "output/alice/t01/a%20b.wav", audio: true },
      { path: "Logs/20260101/08/t01.log", url: null, audio: false },
    ]);
    const audible = (await server.json("/voice-tasks/t01/files?user_id=alice&logs=false")) as { files: object[] };
    expect(audible.files).toEqual(files.slice(0, 1));
    const audio = await server.fetch(`/${files[0]!.url}`, { headers: { range: "bytes=1-2" } });
    expect([audio.status, await audio.text()]).toEqual([206, "IF"]);
    expect((await server.fetch("/voice-tasks/t99?user_id=alice")).status).toBe(404);
  });
});

describe("for a page of tasks", () => {
  beforeEach(() => {
    here.root.writeStore([record("alice", "t01"), record("alice", "t02"), record("bob", "t01"), record("小雨", "..")]);
    here.root.write("output/alice/t02/t02.wav", wav(1));
    here.root.write("output/alice/t02/notes.txt", "no audio");
    here.root.write("output/alice/t99/t99.wav", wav(1));
  });

  it("one answer has the audio of each task, in the order asked", async () => {
    const server = await here.serve("--no-cleanup");
    const tasks = ["t01", "t02", "t99"].map((task_id) => ({ user_id: "alice", task_id }));
    const { audio } = (await (await server.post("/voice-tasks/audio", { tasks })).json()) as { audio: object[][] };
    expect(audio).toMatchObject([[], [{ url: "output/alice/t02/t02.wav", audio: true }], []]);
    expect(audio[1]).toHaveLength(1);
    for (const body of [{}, { tasks: "t01" }, { tasks: [{ task_id: "t01" }] }, { tasks, all: true }, { tasks: [null] }])
      expect((await server.post("/voice-tasks/audio", body)).status).toBe(400);
    const many = Array.from({ length: 1001 }, () => tasks[0]);
    expect((await server.post("/voice-tasks/audio", { tasks: many })).status).toBe(400);
  });
});
