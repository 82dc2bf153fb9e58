import { symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config/load.ts";
import type { ServerParts } from "../../src/http/parts.ts";
import { createHttpServer, listen } from "../../src/http/server.ts";
import { record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { refusalOf, type Served, useServer } from "./setup.ts";
import { posted, request, Wire } from "./wire.ts";

const here = useServer();
const SECRET = "only-for-the-operator-0123456789";
const JSON_TYPE = { "Content-Type": "application/json" };
const QUERY = { ...JSON_TYPE, "Content-Length": "2" };
let server: Served;

beforeEach(async () => {
  here.root.writeStore([record("alice", "t01")]);
  here.root.write("output/alice/t01/t01.wav", "RIFF");
  here.root.write("secret.txt", SECRET);
  here.root.write("output/.ttsctl-purge/alice/t01/kept.wav", SECRET);
  symlinkSync(here.root.at("secret.txt"), here.root.at("output/alice/t01/link.wav"));
  symlinkSync(here.root.path, here.root.at("output/alice/up"));
  symlinkSync(here.root.path, here.root.at("output/root"));
});

/** The server goes on, as it was. */
async function expectAlive(): Promise<void> {
  expect(await server.json("/voice-tasks")).toMatchObject({ total: 1 });
  expect(server.run.hasEnded).toBe(false);
}

async function raw(line: string, headers: Record<string, string> = {}, body = ""): Promise<Wire> {
  const wire = await Wire.open(server.port);
  await wire.say(request(line, headers, body));
  return wire;
}

const up = ["..", "%2e%2e", ".%2E", "%252e%252e", "..%2f", "..%5c", "..\\", "%c0%ae%c0%ae", "..;", "..%00"];
const paths = [
  ...up.map((dots) => `/output/alice/t01/${dots}/${dots}/${dots}/secret.txt`),
  ...up.map((dots) => `/output/${dots}/${dots}/secret.txt`),
  ...["..%2f..%2f..%2f", "%2e%2e%2f%2e%2e%2f%2e%2e%2f"].map((ups) => `/output/alice/t01/${ups}secret.txt`),
  ...["/output/alice/t01/t01.wav%00.txt", "/output//t01/t01.wav", "/output/alice/t01/link.wav"],
  ...["/output/alice/up/secret.txt", "/output/root/output/alice/t01/t01.wav"],
  ...["/output/.ttsctl-purge/alice/t01/kept.wav", "/output/.ttsctl-purge/alice/t01%2fkept.wav"],
  ...["/output/alice/t01/", "/output/alice/t01/.", "/output/alice/t01", "/output/alice/t01//etc/passwd"],
  ...["//etc/passwd", "/assets/..%2f..%2fpackage.json", "/assets/../../package.json", "/%2e%2e/config.ini"],
  ...["/config.ini", "/output/alice/t01/%E0%A4%A", "/output/%ff"],
];
it("no path leads out of output/: encoded, encoded twice, with NUL, through a symbolic link", async () => {
  server = await here.serve("--no-cleanup");
  for (const path of paths) {
    const wire = await raw(`GET ${path}`);
    expect([path, wire.text.includes(SECRET), wire.text.includes("root:x:")]).toEqual([path, false, false]);
    expect([path, [400, 404].includes(wire.status!)]).toEqual([path, true]);
  }
  expect(await (await server.fetch("/output/alice/t01/t01.wav")).text()).toBe("RIFF");
  await expectAlive();
});

describe("another site", () => {
  const sites = ["same-site", "cross-site", "", "SAME-ORIGIN", "same-origin, cross-site"];
  const origins = ["http://evil.example", "null", "", "file://", "http://evil@localhost", "http://localhost."];
  const cross = [...sites.map((site) => ({ "Sec-Fetch-Site": site })), ...origins.map((Origin) => ({ Origin }))];
  it("can change nothing, and read nothing", async () => {
    server = await here.serve("--no-cleanup");
    for (const headers of cross) {
      expect((await raw("DELETE /voice-tasks/t01?user_id=alice", { ...headers })).status).toBe(403);
      expect((await raw("POST /voice-tasks/query", { ...headers, ...QUERY }, "{}")).status).toBe(403);
    }
    for (const type of ["text/plain", "multipart/form-data", "application/jsonx", "text/plain; application/json"]) {
      expect((await raw("POST /voice-tasks/query", { ...QUERY, "Content-Type": type }, "{}")).status).toBe(415);
    }
    const otherPort = await raw("POST /voice-tasks/query", { ...QUERY, Origin: "http://localhost:8443" }, "{}");
    expect(otherPort.text).toMatch(/"code":"CROSS_SITE","hint":".*allowed_hosts/);
    expect((await raw("GET /voice-tasks", { Origin: "http://evil.example" })).text).not.toMatch(/allow-origin/i);
    expect((await raw("OPTIONS /voice-tasks", { Origin: "http://evil.example" })).text).not.toMatch(/allow-origin/i);
    await expectAlive();
  });

  it("whose name resolves to this machine is refused for every request", async () => {
    server = await here.serve("--no-cleanup");
    const hosts = ["evil.example", "x@localhost", "0.0.0.0", "[127.0.0.1]", "[::1%25lo]", "localhost:1:2", ""];
    for (const Host of hosts) {
      for (const path of ["/", "/voice-tasks", "/healthz", "/output/alice/t01/t01.wav", "/metrics"]) {
        const wire = await raw(`GET ${path}`, { Host });
        expect([Host, path, [400, 403].includes(wire.status!)]).toEqual([Host, path, true]);
        expect(wire.text).not.toMatch(/alice|RIFF/);
      }
    }
    await expectAlive();
  });

  it("cannot frame it, guess types in it, or run a script in it", async () => {
    here.root.write("output/alice/t01/page.html", "<script>alert(1)</script>");
    here.root.write("output/alice/t01/image.svg", "<svg onload='alert(1)'/>");
    server = await here.serve("--no-cleanup");
    for (const path of ["/", "/voice-tasks", "/nothing", "/healthz"]) {
      const { headers } = await server.fetch(path);
      expect(headers.get("content-security-policy")).not.toMatch(/unsafe|\*/);
      expect(Object.fromEntries(headers)).toMatchObject({
        "content-security-policy": expect.stringMatching(/^default-src 'none'.*frame-ancestors 'none'/),
        ...{ "x-content-type-options": "nosniff", "x-frame-options": "DENY" },
        "cross-origin-resource-policy": "same-origin",
      });
    }
    for (const name of ["page.html", "image.svg"]) {
      const { headers } = await server.fetch(`/output/alice/t01/${name}`);
      expect(Object.fromEntries(headers)).toMatchObject({
        ...{ "content-type": "application/octet-stream", "content-disposition": "attachment" },
        "content-security-policy": "default-src 'none'; sandbox",
      });
    }
  });
});

describe("without the token", () => {
  const TOKEN = "a-token-that-is-long-enough";
  const env = { TTSCTL_HTTP_TOKEN: TOKEN };

  it("no task is shown or changed", async () => {
    server = await here.serve("--no-cleanup --host 0.0.0.0", env);
    const local = `http://127.0.0.1:${server.port}`;
    const paths = [
      ...["/voice-tasks", "/voice-tasks/t01?user_id=alice", "/voice-tasks/t01/files?user_id=alice", "/nothing"],
      ...["/stats", "/stats/health", "/stats/chart", "/stream", "/metrics", "/output/alice/t01/t01.wav"],
      ...["/healthz/../voice-tasks", "/assets/%2e%2e/stats", "/healthz;/stats", "//stats", "/STATS", "/stats%00"],
    ];
    const authorizations = [
      ...[`Bearer ${TOKEN}x`, TOKEN, `Bearer\t${TOKEN}`, `Bearer "${TOKEN}"`, `Bearer ${TOKEN}, Bearer x`],
      `Basic ${btoa(`x:${TOKEN}`)}`,
    ];
    const session = `ttsctl_session_${server.port}`;
    const cookies = [`${session}=1.x`, `${session}=__proto__; ${session}=; =; ;;`];
    for (const path of paths) {
      for (const headers of [
        {} as Record<string, string>,
        ...authorizations.map((authorization) => ({ authorization })),
        ...cookies.map((cookie) => ({ cookie })),
      ]) {
        const answer = await fetch(local + path, { headers });
        const text = await answer.text();
        expect([path, answer.status, text]).toEqual([path, 401, expect.not.stringMatching(/alice|RIFF/)]);
      }
    }
    const gone = await fetch(`${local}/voice-tasks/t01?user_id=alice`, { method: "DELETE" });
    expect(gone.status).toBe(401);
    const health = await (await fetch(`${local}/healthz`)).text();
    expect([health, health]).toEqual([expect.stringContaining('"ok"'), expect.not.stringMatching(/\/|127\.0\.0\.1/)]);
    const with_ = await fetch(`${local}/voice-tasks`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(with_.status).toBe(200);
  });

  it("a browser logs in, has a session, and logs out; the token is in no log and in no answer", async () => {
    let later = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + later };
    server = await here.serve("--no-cleanup -vv", { ...env, TTSCTL_HTTP_BASE_PATH: "/tts" }, clock);
    const wrong = await server.post("/login", { token: "wrong-wrong-wrong-wrong" });
    expect(await refusalOf(wrong)).toEqual([401, "TOKEN_WRONG"]);
    for (const body of ["{", "[]", '{"token": 7}', "null"])
      expect((await server.post("/login", body)).status).toBe(400);
    const right = await server.post("/login", { token: TOKEN }, { "x-forwarded-proto": "https" });
    const set = right.headers.get("set-cookie")!;
    const attributes = "Max-Age=2592000; Path=/tts; HttpOnly; Secure; SameSite=Strict";
    const [cookie, ...rest] = set.split("; ");
    expect([right.status, rest.join("; ")]).toEqual([204, attributes]);
    expect(cookie).toMatch(`ttsctl_session_${server.port}=`); // another server on this host has another port
    const read = async (cookie: string) => (await server.fetch("/voice-tasks", { headers: { cookie } })).status;
    expect([await read(`a=b; ${cookie}; c=d`), await read(`${cookie}x`)]).toEqual([200, 401]);
    const deleted = await server.fetch("/voice-tasks/t01?user_id=alice", {
      method: "DELETE",
      headers: { cookie: cookie! },
    });
    expect(deleted.status).toBe(200);
    later = 2_592_001;
    expect(await read(cookie!)).toBe(401);
    const out = await server.post("/logout", {}, { cookie: cookie! });
    expect(out.headers.get("set-cookie")).toMatch(/Max-Age=0/);
    await server.fetch("/voice-tasks", { headers: { authorization: `Bearer ${TOKEN}` } });
    expect((await server.fetch(`/voice-tasks?token=${TOKEN}`)).status).toBe(401);
    await until(() => server.run.stderr.includes("/voice-tasks?token="));
    const said = server.run.stderr + server.run.stdout;
    expect(said).not.toMatch(new RegExp(`${TOKEN}|${cookie!.split("=")[1]}|wrong-wrong`));
  });

  it.each(["0.0.0.0", "::", "10.1.2.3", "example.org"])("it does not even listen on %s", async (host) => {
    const { code, stderr } = await here.runArgs(["serve", "--port", "0", "--no-cleanup", "--host", host]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: --host: .*no token is set \(/)]);
  });
});

describe("a malformed request", () => {
  beforeEach(async () => {
    server = await here.serve("--no-cleanup");
  });
  /** A request that must not be answered, in what another one brings. */
  const INNER = request("GET /output/alice/t01/t01.wav");
  const post = (header: string, body = "{}") =>
    `POST /voice-tasks/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n${header}\r\n\r\n${body}`;
  const chunked = (body: string) => post("Transfer-Encoding: chunked", body);
  const withInner = (line: string) => request(line, { "Content-Length": `${INNER.length}` }, INNER);
  /** With the statuses that it may have; 400 without any. One row for each kind that Node's parser refuses. */
  const malformed: [what: string, text: string | Buffer, ...statuses: number[]][] = [
    ["no HTTP", "hello\r\n\r\n"],
    ["binary", Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256))],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["line ends without CR", "GET /healthz HTTP/1.1\nHost: localhost\n\n"],
    ["a huge header", request("GET /healthz", { "X-Huge": "x".repeat(100_000) }), 431],
    ["a NUL in a header", request("GET /healthz", { X: "a\0b" })],
    ["no Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["two Hosts", request("GET /healthz", { Host: "localhost\r\nHost: evil.example" })],
    ["an absolute URL", request("GET http://evil.example/voice-tasks"), 400, 403, 404],
    ["no path but a star", request("OPTIONS *")],
    ["a backslash for a slash", request("GET /\\evil"), 400, 404],
    ["CONNECT", request("CONNECT evil.example:443"), 400, 404, 405],
    ["TRACE", request("TRACE /voice-tasks"), 400, 404, 405],
    ["an encoded line end", request("GET /voice-tasks/x%0d%0aset-cookie:%20a=b?user_id=alice"), 404],
    ["a broken escape in a parameter", request("GET /voice-tasks?user_id=%ff")],
    ["an unknown expectation", request("GET /voice-tasks", { Expect: "more" }), 200],
    ["a length and chunks", post("Content-Length: 6\r\nTransfer-Encoding: chunked", `0\r\n\r\n${INNER}`)],
    ["two transfer codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", `0\r\n\r\n${INNER}`)],
    ["a space before a colon", post("Content-Length : 2", `{}${INNER}`)],
    ["a length on the next line", post("Content-Length:\r\n 2", `{}${INNER}`)],
    ["the same length twice", post("Content-Length: 2\r\nContent-Length: 2", `{}${INNER}`)],
    ["a length beyond all numbers", post("Content-Length: 99999999999999999999")],
    ["a chunk beyond all numbers", chunked(`${"f".repeat(17)}\r\n{}\r\n0\r\n\r\n`)],
    ["a chunk with 100 kB of extensions", chunked(`2;${"a".repeat(100_000)}\r\n{}\r\n0\r\n\r\n`)],
    ["a chunk that is longer than its length", chunked(`2\r\n{}XX0\r\n\r\n${INNER}`)],
    ["a trailer of 20 kB", chunked(`2\r\n{}\r\n0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), 431],
    ["a trailer that is a Host", chunked("2\r\n{}\r\n0\r\nHost: evil\r\n\r\n"), 200],
    ["a GET whose body is a request", withInner("GET /healthz"), 200],
    ["a body that is a request, refused", withInner("POST /login"), 415],
    ["a body that is a request, not found", withInner("POST /no"), 404],
    ["a body that is too large for a request after it", posted("/login", "x".repeat(4000) + INNER.padEnd(1000)), 413],
    ["an endless body for nothing", request("POST /nope", { "Transfer-Encoding": "chunked" }, "5\r\nhello\r\n"), 404],
    [
      "another method in a header",
      posted("/voice-tasks/t01?user_id=alice", "", { "X-HTTP-Method-Override": "DELETE" }),
      405,
    ],
    ["1,500 ranges", request("GET /voice-tasks", { Range: `bytes=${"0-,".repeat(1500)}` }), 200],
    ["2,000 encodings", request("GET /voice-tasks", { "Accept-Encoding": "gzip,".repeat(2000) }), 200],
    ["an upgrade with a body", posted("/voice-tasks/query", "{}", { Upgrade: "h2c" }), 200],
  ];
  it.each(malformed)("%s: refused, and the server keeps running", async (_, text, ...statuses) => {
    const wire = await Wire.open(server.port);
    const said = wire.say(text);
    await until(() => wire.status !== null || wire.ended);
    wire.socket.end();
    await said;
    if (wire.status !== null) expect(statuses.length > 0 ? statuses : [400]).toContain(wire.status);
    if (wire.status !== null && wire.status >= 400)
      expect(wire.text).toMatch(/^content-type: application\/problem\+json/im);
    expect(wire.text).not.toMatch(/^set-cookie|RIFF/im);
    expect(wire.text.match(/^HTTP\/1\.1/gm)?.length ?? 0).toBeLessThan(2);
    await expectAlive();
  });

  it.each([
    ["of 10 MB", `{"user_id": "${"a".repeat(10_000_000)}"}`, 413],
    ["that isn't an object", "[]", 400],
    ["with a prototype", '{"__proto__": {"page": 2}}', 400],
    ["with a number beyond all numbers", '{"page": 1e400}', 400],
    ["that nests deeply", "[".repeat(1_000_000), 400],
  ])("a body %s: %#", async (_, body, status) => {
    const answer = await server.post("/voice-tasks/query", body);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/problem+json"]);
    await expectAlive();
  });

  it("a body of 10 MB in chunks, of undeclared length", async () => {
    const wire = await Wire.open(server.port);
    wire.socket.write(request("POST /voice-tasks/query", { ...JSON_TYPE, "Transfer-Encoding": "chunked" }));
    const chunk = `100000\r\n${" ".repeat(1 << 20)}\r\n`;
    for (let i = 0; i < 10 && !wire.ended; i++) wire.socket.write(chunk);
    await until(() => wire.status !== null || wire.ended);
    expect(wire.status).toBe(413);
    wire.socket.destroy();
    await expectAlive();
  });

  it("a body that is cut, or no UTF-8", async () => {
    const cut = await Wire.open(server.port);
    cut.socket.end(posted("/voice-tasks/query", "{", { "Content-Length": "100" }));
    await cut.end();
    const bad = { method: "POST", body: Buffer.from([0x22, 0xff, 0x22]), headers: JSON_TYPE };
    expect((await server.fetch("/voice-tasks/query", bad)).status).toBe(400);
    await expectAlive();
  });
});

/** Sends a byte or a header now and then, and returns what it got in the end. */
async function drips(port: number, everyMs: number, path: string): Promise<[headers: Wire, body: Wire]> {
  const slowHeaders = await Wire.open(port);
  slowHeaders.socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
  const slowBody = await Wire.open(port, true);
  slowBody.socket.write(posted(path, "{", { "Content-Length": "100" }));
  const drip = setInterval(() => {
    slowHeaders.socket.write("X: y\r\n");
    slowBody.socket.write(" ");
  }, everyMs);
  try {
    await until(() => slowHeaders.ended, 60);
    await until(() => slowBody.ended, 120);
  } finally {
    clearInterval(drip);
  }
  return [slowHeaders, slowBody];
}

function expectTimedOut([headers, body]: readonly Wire[]): void {
  expect([headers!.status, body!.status]).toEqual([408, 408]);
  expect(headers!.text).toMatch(/application\/problem\+json[\s\S]*"code":"REQUEST_TIMEOUT"/);
}

it("slow clients get 10 s for their headers and 30 s for their body, then 408; silent ones 120 s", async () => {
  const settings = await loadSettings({ flags: {}, env: { TTSCTL_HTTP_TOKEN: SECRET }, cwd: "/" });
  const run = { signal: new AbortController().signal, onRelease: () => {} };
  const watched = { metrics: { count() {} }, ended() {}, failed() {} };
  const parts = { clock: systemClock, settings, run, pageFolder: "", ...watched } as unknown as ServerParts;
  const http = createHttpServer(parts);
  expect([http.headersTimeout, http.requestTimeout, http.timeout]).toEqual([10_000, 30_000, 120_000]);
  [http.headersTimeout, http.requestTimeout] = [300, 600];
  try {
    const port = Number(new URL(await listen(http, "127.0.0.1", 0)).port);
    expectTimedOut(await drips(port, 50, "/login"));
    http.timeout = 300;
    await (await Wire.open(port)).end(); // is silent
  } finally {
    http.closeAllConnections();
    http.close();
  }
});
