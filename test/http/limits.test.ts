import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import { LIMITS } from "../../src/http/parts.ts";
import { record } from "../helpers/records.ts";
import type { Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { refusalOf, type Served, useServer } from "./setup.ts";
import { posted, request, Wire } from "./wire.ts";

const here = useServer();
/** Loose, for a busy machine: it was 6 to 45 s without a limit. */
const LATEST_MS = 5000;
const TOKEN = "a-token-that-is-long-enough";
let server: Served<Running>;

beforeEach(async () => {
  here.root.writeStore([record("alice", "t1")]);
});

async function serve(args = "", env = {}): Promise<void> {
  server = await here.serveBuilt(`--no-cleanup ${args}`.trim(), env);
}

const keepAlive = { Connection: "keep-alive" };
const health = request("GET /healthz", keepAlive);
const answersIn = ({ text }: Wire) => text.split("HTTP/1.1 200").length - 1;

/** Also of an answer that comes before the whole body is sent. */
async function statusOf(path: string, body: string): Promise<number | null> {
  const wire = await Wire.open(server.port);
  wire.socket.write(posted(path, body));
  await until(() => wire.status !== null || wire.ended);
  wire.socket.destroy();
  return wire.status;
}

it("docs/http.md has each limit", () => {
  const docs = readFileSync(new URL("../../docs/http.md", import.meta.url), "utf8");
  const table = /\| limit \|[\s\S]*?\n\n/.exec(docs)![0].replaceAll(",", "");
  for (const [name, limit] of Object.entries(LIMITS)) {
    const isBytes = /Bytes$|^unsent$/.test(name);
    const size = limit >= 1 << 20 ? `${limit >> 20} MiB` : `${limit >> 10} KiB`;
    expect([name, table]).toEqual([name, expect.stringContaining(isBytes ? size : `${limit}`)]);
  }
});

it("connections: one more than 512 is closed", async () => {
  await serve();
  const wires = await Promise.all(Array.from({ length: LIMITS.connections }, () => Wire.open(server.port)));
  wires.at(-1)!.socket.write(health);
  await until(() => answersIn(wires.at(-1)!) === 1);
  const more = await Wire.open(server.port);
  await more.end();
  expect([more.text, wires.some(({ ended }) => ended)]).toEqual(["", false]);
  for (const { socket } of wires) socket.destroy();
});

it("20 connections with 100,000 requests each: others are answered soon, also after their end", {
  timeout: 60_000,
}, async () => {
  await serve();
  const flood = health.repeat(100_000);
  const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.open(server.port)));
  for (const { socket } of wires) {
    socket.pause();
    socket.write(flood);
  }
  const slowest = async () => {
    const began = performance.now();
    expect((await server.fetch("/healthz")).status).toBe(200);
    return performance.now() - began;
  };
  for (let look = 0; look < 20; look++) {
    expect(await slowest()).toBeLessThan(LATEST_MS);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const { socket } of wires) socket.destroy();
  expect(await slowest()).toBeLessThan(LATEST_MS);
  expect(peakMemory()).toBeLessThan(300);
});

/** In MB. */
function peakMemory(): number {
  const [, kb] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.run.pid}/status`, "utf8"))!;
  return Number(kb) / 1024;
}

it("a request behind another one isn't begun when its connection has broken: no stream, no open file is left", async () => {
  here.root.write("output/alice/t1/t1.wav", Buffer.alloc(1 << 20));
  await serve();
  const openFiles = () => readdirSync(`/proc/${server.run.pid}/fd`).length;
  const before = openFiles();
  for (const path of ["/stream", "/output/alice/t1/t1.wav"]) {
    const wires = await Promise.all(Array.from({ length: LIMITS.streams }, () => Wire.open(server.port)));
    await Promise.all(wires.map((wire) => wire.say(`${health}${request(`GET ${path}`, keepAlive)}GARBAGE\r\n\r\n`)));
  }
  const stream = await server.fetch("/stream");
  expect(stream.status).toBe(200);
  await stream.body!.cancel();
  await until(() => openFiles() <= before + 5, 1); // later, the garbage collection closes them
});

it("chunks of a body: 1,000 may be small; with one more it is closed", async () => {
  await serve();
  const about = { "Content-Type": "application/json", "Transfer-Encoding": "chunked" };
  const small = (count: number) => `${"1\r\n \r\n".repeat(count - 1)}2\r\n{}\r\n0\r\n\r\n`;
  const statuses = [LIMITS.chunks, LIMITS.chunks + 1, 500_000].map(async (count) => {
    const wire = await Wire.open(server.port);
    await wire.say(request("POST /voice-tasks/query", about) + small(count));
    return wire.status;
  });
  expect(await Promise.all(statuses)).toEqual([200, null, null]);
});

it("a body of many levels takes no memory beyond its bytes", { timeout: 60_000 }, async () => {
  await serve();
  const half = LIMITS.bodyBytes / 2 - 10;
  const deep = `{"page":${"[".repeat(half)}${"]".repeat(half)}}`;
  for (let i = 0; i < 2; i++) expect((await server.post("/voice-tasks/query", deep)).status).toBe(400);
  expect(peakMemory()).toBeLessThan(300);
});

it("large bodies that come slowly hold no turn; more than 128 MiB of them are refused", {
  timeout: 60_000,
}, async () => {
  await serve();
  const about = { "Content-Length": `${LIMITS.bodyBytes}`, ...keepAlive };
  const wires = await Promise.all(Array.from({ length: 17 }, () => Wire.open(server.port)));
  for (const { socket } of wires) socket.write(posted("/voice-tasks/query", " ".repeat(100_000), about));
  const large = "{}".padEnd(1 << 20);
  expect(await statusOf("/voice-tasks/query", large)).toBe(200);
  const rest = " ".repeat(LIMITS.bodyBytes - 100_001); // all but the last byte
  for (const { socket } of wires) socket.write(rest);
  await until(() => wires.some(({ status }) => status === 503));
  expect(await statusOf("/voice-tasks/query", "{}")).toBe(200);
  for (const { socket } of wires) socket.destroy();
  await until(async () => (await statusOf("/voice-tasks/query", large)) === 200);
});

it("wrong tokens: after ten in a minute the right token isn't read at /login, but stays right elsewhere", async () => {
  await serve("", { TTSCTL_HTTP_TOKEN: TOKEN });
  const wrong: number[] = [];
  for (let i = 0; i < LIMITS.wrongTokens; i++) wrong.push((await server.post("/login", { token: "wrong" })).status);
  expect(new Set(wrong)).toEqual(new Set([401]));
  const refused = await server.post("/login", { token: TOKEN });
  expect(await refusalOf(refused)).toEqual([429, "TOO_MANY_TRIES"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  const read = async (token: string) =>
    (await server.fetch("/voice-tasks", { headers: { authorization: `Bearer ${token}` } })).status;
  expect([await read(TOKEN), await read("wrong")]).toEqual([200, 401]);
});

it("headers: less than 16 KiB, and 100, are read; more are refused", async () => {
  await serve();
  const long = (bytes: number) => ({ "X-Long": "x".repeat(bytes) });
  const many = (count: number) => Object.fromEntries(Array.from({ length: count - 2 }, (_, i) => [`x${i}`, ""]));
  for (const [headers, status] of [
    [long(LIMITS.headersBytes - 200), 200],
    [long(LIMITS.headersBytes + 1), 431],
    [many(LIMITS.headers), 200],
    [many(LIMITS.headers + 1), 431],
  ] as const) {
    const wire = await Wire.open(server.port);
    await wire.say(request("GET /healthz", headers));
    expect(wire.status).toBe(status);
  }
});

it("sessions: of 1,001 the oldest has ended; a log-out ends one for good", { timeout: 60_000 }, async () => {
  await serve("", { TTSCTL_HTTP_TOKEN: TOKEN });
  const logIn = async () => (await server.post("/login", { token: TOKEN })).headers.get("set-cookie")!.split(";")[0]!;
  const read = async (cookie: string) => (await server.fetch("/voice-tasks", { headers: { cookie } })).status;
  const [first, second] = [await logIn(), await logIn()];
  for (let i = 2; i < LIMITS.sessions; i++) await logIn();
  expect(await read(first)).toBe(200);
  const last = await logIn();
  expect([await read(first), await read(second), await read(last)]).toEqual([401, 200, 200]);
  await server.post("/logout", {}, { cookie: last });
  expect([await read(last), await read(second)]).toEqual([401, 200]);
});
