import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseIni } from "../../src/config/ini-file.ts";
import { resolveSettings } from "../../src/config/load.ts";
import { type DeploymentKind, RIGHTS, settingsFor, startRedis } from "../helpers/deployments.ts";
import { record } from "../helpers/records.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";

const TEXT = readFileSync(new URL("../../docs/deployments.md", import.meta.url), "utf8");

/** Under each heading, the kind that is started for it, and what a check of doctor says of it. */
const SECTIONS: [string, DeploymentKind, string, RegExp][] = [
  ["One node", "single", "redis.version", /^Redis \d/],
  ["One node", "valkey", "redis.version", /^Valkey \d/],
  ["A unix socket", "socket", "redis", /^\/.*redis\.sock answers/],
  ["An ACL user", "acl", "redis.rights", /all commands/],
  ["TLS", "tls", "redis", /^127\.0\.0\.1:\d+ \(TLS\) answers/],
  ["Sentinel", "sentinel", "redis.sentinel", /^127\.0\.0\.1:\d+, named as the primary by 1 of 1 Sentinel$/],
  ["Cluster", "cluster", "redis", /answers/],
];

/** The config.ini under a heading. */
function sample(heading: string): string {
  const section = TEXT.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  return /```ini\n(.*?)```/s.exec(section ?? "")![1]!;
}

describe.each(SECTIONS)("the config.ini of %s (%s)", (heading, kind, check, detail) => {
  it("is right, and with the addresses of a real one it works", async () => {
    const file = parseIni(sample(heading), "/x/config.ini");
    const { redis } = resolveSettings({ flags: {}, env: {}, file, cwd: "/x" });
    expect(redis.enabled.value).toBe(true);
    const server = await startRedis(kind);
    onTestFinished(() => server.remove());
    for (const [, option] of settingsFor(server.port).matchAll(/^(\S+) = /gm)) {
      expect(file.options("redis")).toContain(option);
    }
    const root = new ServiceRoot(server.port);
    onTestFinished(() => root.remove());
    root.writeStore([record("alice", "t1")]);
    const run = (command: string) => ttsctl([command, "-o", "json"], { cwd: root.path });
    expect(await run("sync")).toMatchObject({ code: 0 });
    expect(await run("verify")).toMatchObject({ code: 0, stdout: expect.stringContaining('"inSync":1,') });
    const { stdout } = await run("doctor");
    const { checks } = JSON.parse(stdout) as { checks: { check: string; status: string; detail: string }[] };
    expect(checks.filter(({ check, status }) => check.startsWith("redis") && status === "fail")).toEqual([]);
    expect(checks.find((one) => one.check === check)?.detail).toMatch(detail);
  });
});

it("the rights of an ACL user are those that the tests log in with", () => {
  expect(TEXT).toContain(`ACL SETUSER tts on >secret ${RIGHTS}\n`);
});
