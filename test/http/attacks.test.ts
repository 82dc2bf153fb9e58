import { symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config/load.ts";
import type { ServerParts } from "../../src/http/parts.ts";
import { createHttpServer, listen } from "../../src/http/server.ts";
import { record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";
import { request, Wire } from "./wire.ts";

const here = useServer();
const SECRET = "only-for-the-operator-0123456789";
const TASK = record("alice", "t01");
let server: Served;

beforeEach(async () => {
  here.root.writeStore([TASK]);
  here.root.write("output/alice/t01/t01.wav", "RIFF");
  here.root.write("secret.txt", SECRET);
  here.root.write("output/.ttsctl-purge/alice/t01/kept.wav", SECRET);
  symlinkSync(here.root.at("secret.txt"), here.root.at("output/alice/t01/link.wav"));
  symlinkSync(here.root.path, here.root.at("output/alice/up"));
  symlinkSync(here.root.path, here.root.at("output/root"));
});

/** The server goes on, as it was. */
async function expectAlive(): Promise<void> {
  const answer = await server.fetch("/voice-tasks");
  expect([answer.status, ((await answer.json()) as { total: number }).total]).toEqual([200, 1]);
  expect(server.run.hasEnded).toBe(false);
}

async function raw(line: string, headers: Record<string, string> = {}, body = ""): Promise<Wire> {
  const wire = await Wire.open(server.port);
  await wire.say(request(line, headers, body));
  return wire;
}

describe("out of output/", () => {
  const up = ["..", "%2e%2e", ".%2e", "%2E%2E", "%252e%252e", "..%2f", "..%5c", "..\\", "%c0%ae%c0%ae", "..;", "..%00"];
  const paths = [
    ...up.map((dots) => `/output/alice/t01/${dots}/${dots}/${dots}/secret.txt`),
    ...up.map((dots) => `/output/${dots}/${dots}/secret.txt`),
    ...["/output/alice/t01/..%2f..%2f..%2fsecret.txt", "/output/alice/t01/%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt"],
    ...[
      "/output/alice/t01/..%252f..%252f..%252fsecret.txt",
      "/output/alice/t01/t01.wav%00.txt",
      "/output//t01/t01.wav",
    ],
    ...["/output/alice/t01/link.wav", "/output/alice/up/secret.txt", "/output/root/output/alice/t01/t01.wav"],
    ...["/output/alice/up/output/alice/t01/t01.wav", "/output/.ttsctl-purge/alice/t01/kept.wav"],
    ...["/output/.ttsctl-purge/alice/t01%2fkept.wav", "/output/alice/t01/", "/output/alice/t01/.", "/output/alice/t01"],
    ...["/output/alice//etc/passwd", "/output/alice/t01//etc/passwd", "//etc/passwd", "/assets/..%2f..%2fpackage.json"],
    ...["/assets/../../package.json", "/%2e%2e/config.ini", "/config.ini", "/output/alice/t01/%E0%A4%A", "/output/%ff"],
  ];
  it("no path leads out: encoded, encoded twice, with NUL, through a symbolic link", async () => {
    server = await here.serve("--no-cleanup");
    for (const path of paths) {
      const wire = await raw(`GET ${path}`);
      expect([path, wire.text.includes(SECRET), wire.text.includes("root:x:")]).toEqual([path, false, false]);
      expect([path, wire.status]).toEqual([path, expect.any(Number)]);
      expect([path, [400, 404].includes(wire.status!)]).toEqual([path, true]);
    }
    expect(await (await server.fetch("/output/alice/t01/t01.wav")).text()).toBe("RIFF");
    await expectAlive();
  });
});

describe("another site", () => {
  const cross: Record<string, string>[] = [
    { Origin: "http://evil.example" },
    { Origin: "null" },
    { Origin: "http://localhost:3000", "Sec-Fetch-Site": "same-site" },
    { "Sec-Fetch-Site": "cross-site" },
    ...["", "SAME-ORIGIN", "same-origin, cross-site"].map((site) => ({ "Sec-Fetch-Site": site })),
    ...["", "file://", "ftp://localhost", "http://evil@localhost", "http://localhost/", "http://localhost."].map(
      (Origin) => ({ Origin }),
    ),
  ];
  it("can change nothing, and read nothing", async () => {
    server = await here.serve("--no-cleanup");
    for (const headers of cross) {
      expect((await raw("DELETE /voice-tasks/t01?user_id=alice", headers)).status).toBe(403);
      const body = { ...headers, "Content-Type": "application/json", "Content-Length": "2" };
      expect((await raw("POST /voice-tasks/query", body, "{}")).status).toBe(403);
    }
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "application/jsonx",
      "text/plain; application/json",
      "application/json, text/plain",
      "multipart/form-data; boundary=application/json",
    ]) {
      const wire = await raw("POST /voice-tasks/query", { "Content-Type": type, "Content-Length": "2" }, "{}");
      expect(wire.status).toBe(415);
    }
    expect(
      (await server.fetch("/voice-tasks", { headers: { origin: "http://evil.example" } })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    expect((await raw("OPTIONS /voice-tasks", { Origin: "http://evil.example" })).text).not.toMatch(/allow-origin/i);
    await expectAlive();
  });

  it("whose name resolves to this machine is refused for every request", async () => {
    server = await here.serve("--no-cleanup");
    const others = ["evil.example", "evil.example:9883", "127.0.0.1.evil.example", "[::1", "a b", "x@localhost"];
    const odd = ["localhost..", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "[127.0.0.1]", "[::]", "::1", ""];
    const ports = [
      "localhost:",
      "localhost:99999x",
      "localhost:1:2",
      "evil.localhost",
      "localhost,evil",
      "localhost/e",
    ];
    for (const Host of [...others, ...odd, ...ports]) {
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
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("content-security-policy")).not.toMatch(/unsafe|\*/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    }
    for (const name of ["page.html", "image.svg"]) {
      const { headers } = await server.fetch(`/output/alice/t01/${name}`);
      expect(headers.get("content-type")).toBe("application/octet-stream");
      expect(headers.get("content-disposition")).toBe("attachment");
      expect(headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
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
      "/voice-tasks",
      "/voice-tasks/t01?user_id=alice",
      "/stats",
      "/stats/health",
      "/stats/chart",
      "/stream",
      "/metrics",
      ...["/healthz/../voice-tasks", "/assets/%2e%2e/stats", "/healthz;/stats", "//stats", "/STATS", "/stats%00"],
    ];
    for (const path of [...paths, "/output/alice/t01/t01.wav", "/voice-tasks/t01/files?user_id=alice", "/nothing"]) {
      for (const headers of [
        {},
        { authorization: `Bearer ${TOKEN}x` },
        { authorization: TOKEN },
        ...[`Bearer\t${TOKEN}`, `Bearer "${TOKEN}"`, `Bearer ${TOKEN}, Bearer x`, `Basic ${btoa(`x:${TOKEN}`)}`].map(
          (authorization) => ({ authorization }),
        ),
        { cookie: `ttsctl_session_${server.port}=1.x` },
        { cookie: `ttsctl_session_${server.port}=__proto__; ttsctl_session_${server.port}=; =; ;;` },
      ]) {
        const answer = await fetch(local + path, { headers: headers as Record<string, string> });
        expect([path, answer.status, await answer.text()]).toEqual([
          path,
          401,
          expect.not.stringMatching(/alice|RIFF/),
        ]);
      }
    }
    const gone = await fetch(`${local}/voice-tasks/t01?user_id=alice`, { method: "DELETE" });
    expect(gone.status).toBe(401);
    expect(await (await fetch(`${local}/healthz`)).json()).toMatchObject({ status: "ok" });
    expect(JSON.stringify(await (await fetch(`${local}/healthz`)).json())).not.toMatch(/\/|127\.0\.0\.1/);
    const with_ = await fetch(`${local}/voice-tasks`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(with_.status).toBe(200);
  });

  it("a browser logs in, has a session, and logs out; the token is in no log and in no answer", async () => {
    server = await here.serve("--no-cleanup -vv", env);
    const wrong = await server.post("/login", { token: "wrong-wrong-wrong-wrong" });
    expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([401, "TOKEN_WRONG"]);
    for (const body of ["{", "[]", '{"token": 7}', "null"])
      expect((await server.post("/login", body)).status).toBe(400);
    const right = await server.post("/login", { token: TOKEN });
    const set = right.headers.get("set-cookie")!;
    expect([right.status, set]).toEqual([204, expect.stringMatching(/HttpOnly; SameSite=Strict$/)]);
    const cookie = set.split(";")[0]!;
    expect(cookie).toMatch(`ttsctl_session_${server.port}=`); // another server on this host has another port
    expect((await server.fetch("/voice-tasks", { headers: { cookie } })).status).toBe(200);
    const deleted = await server.fetch("/voice-tasks/t01?user_id=alice", { method: "DELETE", headers: { cookie } });
    expect(deleted.status).toBe(200);
    const out = await server.post("/logout", {}, { cookie });
    expect(out.headers.get("set-cookie")).toMatch(/Max-Age=0/);
    await server.fetch("/voice-tasks", { headers: { authorization: `Bearer ${TOKEN}` } });
    await until(() => server.run.stderr.includes("/logout"));
    expect(server.run.stderr + server.run.stdout).not.toMatch(
      new RegExp(`${TOKEN}|${cookie.split("=")[1]}|wrong-wrong`),
    );
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
  const query = { "Content-Type": "application/json" };
  const post = (header: string, body = "{}") =>
    `POST /voice-tasks/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n${header}\r\n\r\n${body}`;
  const chunked = (body: string) => post("Transfer-Encoding: chunked", body);
  /** With the statuses that it may have; 400 if there is none. */
  const malformed: [what: string, text: string | Buffer, ...statuses: number[]][] = [
    ["no HTTP", "hello\r\n\r\n"],
    ["TLS", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
    ["binary", Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256))],
    ["a huge header", request("GET /healthz", { "X-Huge": "x".repeat(100_000) }), 431],
    [
      "many headers",
      request("GET /healthz", Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`x-${i}`, "1"]))),
      431,
    ],
    ["a huge URL", request(`GET /${"a".repeat(100_000)}`), 431],
    ["no Host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["HTTP/1.0 without Host", "GET /healthz HTTP/1.0\r\n\r\n", 400, 403],
    ["two lengths", request("POST /voice-tasks/query", { "Content-Length": "2\r\nContent-Length: 3" }, "{}")],
    [
      "length and chunks",
      request("POST /voice-tasks/query", { "Content-Length": "2", "Transfer-Encoding": "chunked" }, "{}"),
    ],
    ["an absolute URL", request("GET http://evil.example/voice-tasks"), 400, 403, 404],
    ["no path", request("GET voice-tasks")],
    ["CONNECT", request("CONNECT evil.example:443"), 400, 404, 405],
    ["TRACE", request("TRACE /voice-tasks"), 400, 404, 405],
    ["an unknown method", request("FROB /voice-tasks")],
    ["a header that goes on", request("GET /healthz", { "X-A": "b\r\n c" }), 200, 400],
    ["a line end in a path", "GET /x\r\ny HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["an encoded line end", request("GET /voice-tasks/x%0d%0aset-cookie:%20a=b?user_id=alice"), 404],
    ["a broken escape", request("GET /voice-tasks/%zz?user_id=alice")],
    ["a broken escape in a parameter", request("GET /voice-tasks?user_id=%ff")],
    ["an unknown expectation", request("GET /voice-tasks", { Expect: "more" }), 200],
    [
      "a length and chunks before another request",
      post("Content-Length: 6\r\nTransfer-Encoding: chunked", `0\r\n\r\n${INNER}`),
    ],
    ["an unknown transfer coding", post("Transfer-Encoding: xchunked", `0\r\n\r\n${INNER}`)],
    ["two transfer codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", `0\r\n\r\n${INNER}`)],
    ["a space before a colon", post("Content-Length : 2", `{}${INNER}`)],
    ["a length with a sign", post("Content-Length: +2")],
    ["a list of lengths", post("Content-Length: 2, 2")],
    ["a negative length", post("Content-Length: -1")],
    ["a length beyond all numbers", post("Content-Length: 99999999999999999999")],
    ["a chunk beyond all numbers", chunked(`${"f".repeat(17)}\r\n{}\r\n0\r\n\r\n`)],
    ["a chunk with 100 kB of extensions", chunked(`2;${"a".repeat(100_000)}\r\n{}\r\n0\r\n\r\n`)],
    ["a trailer that is a Host", chunked("2\r\n{}\r\n0\r\nHost: evil\r\n\r\n"), 200],
    ["line ends without CR", "GET /healthz HTTP/1.1\nHost: localhost\n\n"],
    ["line ends without LF", "GET /healthz HTTP/1.1\rHost: localhost\r\r"],
    ["HTTP/1.2", "GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n"],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a GET whose body is a request", request("GET /healthz", { "Content-Length": `${INNER.length}` }, INNER), 200],
    ["a body that is a request, refused", request("POST /login", { "Content-Length": `${INNER.length}` }, INNER), 415],
    ["a body that is a request, not found", request("POST /no", { "Content-Length": `${INNER.length}` }, INNER), 404],
    [
      "a body that is too large for a request after it",
      request("POST /login", { ...query, "Content-Length": "5000" }, "x".repeat(4000) + INNER),
      413,
    ],
    ["a Host with a zone", request("GET /healthz", { Host: "[::1%25lo]" })],
    ["a Host with NUL", request("GET /healthz", { Host: "localhost\0.evil" })],
    [
      "another method in a header",
      request("POST /voice-tasks/t01?user_id=alice", { "X-HTTP-Method-Override": "DELETE", "Content-Length": "0" }),
      405,
    ],
    ["1,500 ranges", request("GET /voice-tasks", { Range: `bytes=${"0-,".repeat(1500)}` }), 200],
    ["2,000 encodings", request("GET /voice-tasks", { "Accept-Encoding": "gzip,".repeat(2000) }), 200],
    ["the same length twice", post("Content-Length: 2\r\nContent-Length: 2", `{}${INNER}`)],
    ["a length in hexadecimal", post("Content-Length: 0x2")],
    ["a length on the next line", post("Content-Length:\r\n 2", `{}${INNER}`)],
    ["a coding on the next line", post("Transfer-Encoding:\r\n chunked", `2\r\n{}\r\n0\r\n\r\n${INNER}`)],
    ["chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", `0\r\n\r\n${INNER}`)],
    ...["identity", "chunked, identity", "chunked;x=1", "\x0bchunked"].map((coding): [string, string] => [
      `the transfer coding ${JSON.stringify(coding)}`,
      post(`Transfer-Encoding: ${coding}`, `0\r\n\r\n${INNER}`),
    ]),
    ...["2\n{}\n0\n\n", "-2\r\n{}\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX0\r\n\r\n"].map(
      (chunks): [string, string] => [`the chunks ${JSON.stringify(chunks)}`, chunked(`${chunks}${INNER}`)],
    ),
    ["a length in a trailer", chunked(`2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n`)],
    ["a trailer of 20 kB", chunked(`2\r\n{}\r\n0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), 431],
    ["a CR in a header", request("GET /healthz", { X: "a\rb" })],
    ["a NUL in a header", request("GET /healthz", { X: "a\0b" })],
    ["a space in a header's name", request("GET /healthz", { "X y": "b" })],
    ["a method in small letters", request("get /healthz")],
    ["HTTP/0.9", "GET /healthz\r\n\r\n"],
    ["no path but a star", request("OPTIONS *")],
    ["a backslash for a slash", request("GET /\\evil"), 400, 404],
    [
      "another name for a length",
      request("POST /voice-tasks/query", { ...query, Content_Length: "99", "Content-Length": "2" }, "{}"),
      200,
    ],
    [
      "an upgrade with a body",
      request("POST /voice-tasks/query", { ...query, Upgrade: "h2c", "Content-Length": "2" }, "{}"),
      200,
    ],
    ["an endless body for nothing", request("POST /nope", { "Transfer-Encoding": "chunked" }, "5\r\nhello\r\n"), 404],
    ["an upgrade", request("GET /voice-tasks", { Connection: "Upgrade", Upgrade: "websocket" }), 200, 400],
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
    ["that isn't JSON", "{", 400],
    ["that isn't an object", "[]", 400],
    ["with a prototype", '{"__proto__": {"page": 2}}', 400],
    ["with an unknown key", '{"pages": 2}', 400],
    ["with a wrong type", '{"page": "2"}', 400],
    ["that nests deeply", "[".repeat(1_000_000), 400],
    ["with several levels of nothing", `{"user_id": "a", "zz": ${"[".repeat(4_000_000)}${"]".repeat(4_000_000)}}`, 400],
    ["that chooses twice", '{"page": 1e400}', 400],
    ["with a value that nests deeply", `{"page": ${"[".repeat(200_000)}${"]".repeat(200_000)}}`, 400],
  ])("a body %s: %#", async (_, body, status) => {
    const answer = await server.post("/voice-tasks/query", body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    await expectAlive();
  });

  it("a body of 10 MB in chunks, of undeclared length", async () => {
    const wire = await Wire.open(server.port);
    wire.socket.write(request("POST /voice-tasks/query", { ...query, "Transfer-Encoding": "chunked" }));
    const chunk = `100000\r\n${" ".repeat(1 << 20)}\r\n`;
    for (let i = 0; i < 10 && !wire.ended; i++) wire.socket.write(chunk);
    await until(() => wire.status !== null || wire.ended);
    expect(wire.status).toBe(413);
    wire.socket.destroy();
    await expectAlive();
  });

  it("a body that is cut, or no UTF-8", async () => {
    const cut = await Wire.open(server.port);
    cut.socket.end(request("POST /voice-tasks/query", { ...query, "Content-Length": "100" }, "{"));
    await cut.end();
    const latin = Buffer.from([0x22, 0xff, 0x22]);
    const bad = await fetch(`${server.url}/voice-tasks/query`, { method: "POST", body: latin, headers: query });
    expect(bad.status).toBe(400);
    await expectAlive();
  });
});

describe("slow clients", () => {
  /** Sends a byte or a header now and then, and returns what it got in the end. */
  async function drips(port: number, everyMs: number, path: string): Promise<[headers: Wire, body: Wire]> {
    const slowHeaders = await Wire.open(port);
    slowHeaders.socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
    const slowBody = await Wire.open(port, true);
    const headers = { "Content-Type": "application/json", "Content-Length": "100" };
    slowBody.socket.write(request(`POST ${path}`, headers, "{"));
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

  it("get 10 s for their headers and 30 s for their body, then 408; silent ones 120 s", async () => {
    const http = createHttpServer({
      ...{
        clock: systemClock,
        settings: await loadSettings({ flags: {}, env: { TTSCTL_HTTP_TOKEN: SECRET }, cwd: "/" }),
        run: { signal: new AbortController().signal, onRelease: () => {} },
        pageFolder: "",
      },
      ...{ metrics: { count() {} }, ended() {}, failed() {} },
    } as unknown as ServerParts);
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
});
