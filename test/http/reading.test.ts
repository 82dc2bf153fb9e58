import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { DEFAULT_PAGE_SIZE } from "../../src/task/query-fields.ts";
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

/** Unlike fetch, it neither unpacks nor keeps. */
async function ask(url: string, headers: Record<string, string> = {}, method = "GET") {
  const [answer] = (await once(request(url, { headers, method }).end(), "response")) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
}

it("an answer that is asked for again is sent again only if it or its warnings changed", async () => {
  here.root.writeStore([...TASKS, ...Array.from({ length: 50 }, (_, i) => record("carol", `t${i}`))]);
  const now = systemClock.now();
  const server = await here.serve("--no-sync", {}, { ...systemClock, now: () => now }); // counts have the time
  const common = { "cache-control": "private, no-cache", vary: "Accept-Encoding" };
  const paths = ["/voice-tasks?page_size=50", "/voice-tasks/t01?user_id=alice", "/stats?disk=false", "/stats/chart"];
  for (const path of paths) {
    const url = server.url + path;
    const { status, headers } = await ask(url);
    const etag = headers.etag!;
    expect([status, headers]).toMatchObject([200, common]);
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    for (const encoding of [{}, { "Accept-Encoding": "gzip" }]) {
      for (const method of ["GET", "HEAD"]) {
        const whole = await ask(url, encoding, method);
        expect([whole.status, whole.headers]).toMatchObject([200, { etag, vary: common.vary }]);
        for (const tags of [etag, etag.replace("W/", ""), `"x", ${etag}`, "*"]) {
          const again = await ask(url, { ...encoding, "If-None-Match": tags }, method);
          expect([again.status, again.body.length]).toEqual([304, 0]);
          expect(again.headers).toMatchObject({ etag, ...common, "x-content-type-options": "nosniff" });
        }
      }
    }
    expect((await ask(url, { "If-None-Match": '"x"' })).status).toBe(200);
  }
  const list = `${server.url}/voice-tasks?user_id=alice`;
  const first = (await ask(list)).headers;
  expect(first["ttsctl-source"]).toBe("file"); // Redis has never been filled
  await here.run("sync");
  await until(async () => (await ask(list)).headers["ttsctl-source"] === "redis");
  const synced = await ask(list, { "If-None-Match": first.etag! });
  expect([synced.status, synced.headers]).toMatchObject([200, { "ttsctl-source": "redis" }]);
  expect(synced.headers).not.toHaveProperty("ttsctl-warnings");
  await here.server.stop();
  await server.run.says(/reads use the store file/);
  const down = await ask(list, { "If-None-Match": `${first.etag}, ${synced.headers.etag}` });
  expect([down.status, down.headers]).toMatchObject([200, { "ttsctl-source": "file" }]);
  await here.server.start();
});

it("one task is its item; its files are beside it", async () => {
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

it("one answer has the audio of each task of a page, in the order asked", async () => {
  here.root.writeStore([record("alice", "t01"), record("alice", "t02"), record("bob", "t01"), record("小雨", "..")]);
  here.root.write("output/alice/t02/t02.wav", wav(1));
  here.root.write("output/alice/t02/notes.txt", "no audio");
  here.root.write("output/alice/t99/t99.wav", wav(1));
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
  expect((await users("USER-")).length).toBe(DEFAULT_PAGE_SIZE);
  expect((await users(""))[0]).toEqual(["alice", 2]);
  expect(await users("nobody")).toEqual([]);
  expect((await server.fetch("/stats/users?like=al")).status).toBe(400);
});

it("large answers are compressed for a client that takes gzip, and the same then", async () => {
  here.root.writeStore(Array.from({ length: 200 }, (_, i) => record("alice", `t${i}`)));
  const server = await here.serve("--read-only");
  const isPacked = ({ headers }: { headers: IncomingHttpHeaders }) => headers["content-encoding"] === "gzip";
  const takes = { "Accept-Encoding": "gzip, br" };
  for (const path of ["/voice-tasks?page_size=200", "/stats?disk=false"]) {
    const [packed, plain] = [await ask(server.url + path, takes), await ask(server.url + path)];
    expect([isPacked(packed), isPacked(plain)]).toEqual([true, false]);
    expect(packed.body.length).toBeLessThan(plain.body.length / 3);
    expect(gunzipSync(packed.body)).toEqual(plain.body);
  }
  expect(isPacked(await ask(`${server.url}/voice-tasks?page_size=1`, takes))).toBe(false);
  const identity = { "Accept-Encoding": "identity" };
  expect(isPacked(await ask(`${server.url}/voice-tasks?page_size=200`, identity))).toBe(false);
});

it("a method that a path does not take is 405, and says which it takes", async () => {
  const server = await here.serve("--read-only");
  const answer = await server.fetch("/voice-tasks/t01?user_id=alice", { method: "PUT" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, DELETE"]);
  expect((await server.fetch("/voice-tasks", { method: "DELETE" })).status).toBe(405);
  expect((await server.fetch("/nothing", { method: "POST" })).status).toBe(404);
});
