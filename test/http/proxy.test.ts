import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { lacks } from "../helpers/lacks.ts";
import { record } from "../helpers/records.ts";
import { freePort } from "../helpers/redis.ts";
import { until } from "../helpers/until.ts";
import { useEnds } from "../store/redis/setup.ts";
import { useServer } from "./setup.ts";

const here = useServer();
const DOCS = readFileSync(new URL("../../docs/http.md", import.meta.url), "utf8");
const [DIALECT, PREFIX] = [...DOCS.matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, text]) => text!);

describe.skipIf(lacks("nginx"))("nginx, as docs/http.md shows it,", () => {
  const ends = useEnds();

  /** Returns its address. @param ports that the locations name, and what they are here */
  async function nginx(locations: string, ports: Readonly<Record<string, number>>): Promise<string> {
    const port = await freePort();
    const text = Object.entries(ports).reduce((said, [from, to]) => said.replaceAll(`:${from}`, `:${to}`), locations);
    const folder = here.root.at("nginx");
    mkdirSync(folder);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (what) => `${what}_temp_path ${folder};`,
    );
    here.root.write(
      "nginx.conf",
      `daemon off; pid ${folder}/pid; error_log stderr; user ${process.getuid?.() === 0 ? "root" : "nobody"};
       events {}
       http { access_log off; ${temporary.join(" ")} server { listen 127.0.0.1:${port}; ${text} } }`,
    );
    const child = spawn("nginx", ["-p", folder, "-c", here.root.at("nginx.conf")], { stdio: "ignore" });
    ends.push(async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "close");
    });
    const url = `http://127.0.0.1:${port}`;
    await until(() =>
      fetch(url)
        .then(() => true)
        .catch(() => false),
    );
    return url;
  }

  it("hands tasks and audio to serve, and all else to the service", async () => {
    const result_url = "/output/alice/t1/t1.wav";
    here.root.writeStore([record("alice", "t1", { result_url })]);
    here.root.writeArtifacts([record("alice", "t1")]);
    const service = createServer((request, response) => response.end(`service ${request.url}`)).listen(0, "127.0.0.1");
    await once(service, "listening");
    ends.push(() => void service.close());
    const server = await here.serve("--dialect api_ms --no-cleanup");
    const url = await nginx(DIALECT!, { 9880: (service.address() as AddressInfo).port, 9883: server.port });
    for (const path of ["/", "/voice-models", "/voice-categories", "/outputs"]) {
      expect(await (await fetch(url + path)).text()).toBe(`service ${path}`);
    }
    expect(await (await fetch(`${url}/voice-tasks?user_id=alice`)).json()).toMatchObject({ data: { total: 1 } });
    expect((await fetch(url + result_url)).headers.get("content-type")).toBe("audio/wav");
    const origin = { method: "DELETE", headers: { origin: url } };
    expect(await (await fetch(`${url}/voice-tasks/t1`, origin)).json()).toMatchObject({ data: { removed: true } });
  });

  it("serves the page below a prefix, and its stream", async () => {
    here.root.writeStore([record("alice", "t1")]);
    here.root.configure(here.server.port, "[http]\nbase_path = /tts\n");
    const server = await here.serve("--no-cleanup");
    const url = await nginx(PREFIX!, { 9883: server.port });
    expect(await (await fetch(`${url}/tts/`)).text()).toContain("<title>ttsctl</title>");
    const stream = await fetch(`${url}/tts/stream`);
    const reader = stream.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain(": still here");
    await reader.cancel();
  });
});
