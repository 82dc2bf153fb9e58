import { once } from "node:events";
import { get, type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
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

it("users are suggested by a part of their ids, those with the most tasks first", async () => {
  const many = Array.from({ length: 30 }, (_, i) => record(`user-${i + 10}`, "t1"));
  here.root.writeStore([...TASKS, ...many, record('<b>"\u202e AL', "t1")]);
  const server = await here.serve("--no-cleanup");
  const users = async (search: string) => {
    const answer = (await server.json(`/stats/users?search=${encodeURIComponent(search)}`)) as {
      users: number;
      byUser: { user_id: string; total: number }[];
    };
    expect(answer.users).toBe(33);
    return answer.byUser.map(({ user_id, total }) => [user_id, total]);
  };
  expect(await users("al")).toEqual([
    ["alice", 2],
    ['<b>"\u202e AL', 1],
  ]);
  expect(await users("\u202e")).toEqual([['<b>"\u202e AL', 1]]);
  expect((await users("USER-")).length).toBe(20);
  expect((await users(""))[0]).toEqual(["alice", 2]);
  expect(await users("nobody")).toEqual([]);
  expect((await server.fetch("/stats/users?like=al")).status).toBe(400);
});

it("large answers are compressed for a client that takes gzip, and the same then", async () => {
  here.root.writeStore(Array.from({ length: 200 }, (_, i) => record("alice", `t${i}`)));
  const server = await here.serve("--read-only");
  const ask = async (path: string, headers: Record<string, string>) => {
    const [answer] = (await once(get(server.url + path, { headers }), "response")) as [IncomingMessage];
    return { isPacked: answer.headers["content-encoding"] === "gzip", body: await buffer(answer) };
  };
  const takes = { "Accept-Encoding": "gzip, br" };
  for (const path of ["/voice-tasks?page_size=200", "/stats?disk=false"]) {
    const [packed, plain] = [await ask(path, takes), await ask(path, {})];
    expect([packed.isPacked, plain.isPacked]).toEqual([true, false]);
    expect(packed.body.length).toBeLessThan(plain.body.length / 3);
    expect(gunzipSync(packed.body)).toEqual(plain.body);
  }
  expect((await ask("/voice-tasks?page_size=1", takes)).isPacked).toBe(false);
  expect((await ask("/voice-tasks?page_size=200", { "Accept-Encoding": "identity" })).isPacked).toBe(false);
});

it("a method that a path does not take is 405, and says which it takes", async () => {
  const server = await here.serve("--read-only");
  const answer = await server.fetch("/voice-tasks/t01?user_id=alice", { method: "PUT" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, DELETE"]);
  expect((await server.fetch("/voice-tasks", { method: "DELETE" })).status).toBe(405);
  expect((await server.fetch("/nothing", { method: "POST" })).status).toBe(404);
});
