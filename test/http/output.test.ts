import { utimesSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { type Served, useServer } from "./setup.ts";

const here = useServer();
const AUDIO = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
const PATH = "/output/alice/t01/a%20b.wav";
let server: Served;

beforeEach(async () => {
  here.root.writeStore([]);
  here.root.write("output/alice/t01/a b.wav", AUDIO);
  here.root.write("output/alice/t01/part/x.mp3", "mp3");
  here.root.write("output/alice/t01/empty.wav", "");
  here.root.write("output/小雨/任务/声.ogg", "ogg");
  server = await here.serve("--read-only");
});

const get = (headers: Record<string, string> = {}, path = PATH, method = "GET") =>
  server.fetch(path, { headers, method });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

describe("audio", () => {
  it("is served completely, with the headers that a player needs", async () => {
    const answer = await get();
    expect([answer.status, (await bytesOf(answer)).equals(AUDIO)]).toEqual([200, true]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...{ "content-type": "audio/wav", "content-length": "300000", "accept-ranges": "bytes" },
      etag: expect.stringMatching(/^"[\w-]+"$/),
      "last-modified": expect.stringMatching(/GMT$/),
    });
    expect(answer.headers.has("content-disposition")).toBe(false);
    expect((await get({}, "/output/alice/t01/part/x.mp3")).headers.get("content-type")).toBe("audio/mpeg");
    expect(
      await (await get({}, `/output/${encodeURIComponent("小雨/任务/声.ogg").replaceAll("%2F", "/")}`)).text(),
    ).toBe("ogg");
    expect((await bytesOf(await get({}, "/output/alice/t01/empty.wav"))).length).toBe(0);
  });

  it.each([
    ["bytes=100-199", 206, 100, 200],
    ["bytes=-10", 206, 299_990, 300_000],
    ["bytes=0-1,5-6", 200, 0, 300_000],
  ])("in the part %s", async (range, status, from, end) => {
    const answer = await get({ range });
    expect([answer.status, (await bytesOf(answer)).equals(AUDIO.subarray(from, end))]).toEqual([status, true]);
    expect(answer.headers.get("content-range")).toBe(status === 206 ? `bytes ${from}-${end - 1}/300000` : null);
    expect(answer.headers.get("content-length")).toBe(String(end - from));
  });

  it("is not sent again if unchanged; a range of an old version is not mixed with the current one", async () => {
    const { headers } = await get();
    const [etag, changed] = [headers.get("etag")!, headers.get("last-modified")!];
    expect((await get({ "if-none-match": etag })).status).toBe(304);
    expect((await get({ "if-none-match": `W/"x", ${etag}` })).status).toBe(304);
    expect((await get({ "if-modified-since": changed })).status).toBe(304);
    expect((await get({ "if-none-match": '"x"', "if-modified-since": changed })).status).toBe(200);
    for (const condition of [etag, changed]) {
      expect((await get({ range: "bytes=0-9", "if-range": condition })).status).toBe(206);
    }
    here.root.write("output/alice/t01/a b.wav", AUDIO.subarray(1));
    utimesSync(here.root.at("output/alice/t01/a b.wav"), 1_700_000_000, 1_700_000_000);
    expect((await get({ "if-none-match": etag })).status).toBe(200);
    for (const condition of [etag, changed, `W/${etag}`]) {
      const answer = await get({ range: "bytes=0-9", "if-range": condition });
      expect([answer.status, (await bytesOf(answer)).length]).toEqual([200, 299_999]);
    }
  });
});
