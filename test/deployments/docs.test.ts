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
    const real = new Map(
      settingsFor(server.port)
        .split("\n")
        .map((line) => line.split(" = ") as [string, string]),
    );
    for (const option of real.keys()) expect(file.options("redis")).toContain(option);
    const root = new ServiceRoot(server.port);
    onTestFinished(() => root.remove());
    root.writeStore([record("alice", "t1")]);
    expect(await ttsctl(["sync"], { cwd: root.path })).toMatchObject({ code: 0 });
    const verify = await ttsctl(["verify", "-o", "json"], { cwd: root.path });
    expect(verify.code).toBe(0);
    expect(JSON.parse(verify.stdout)).toMatchObject({ inSync: 1 });
    const doctor = await ttsctl(["doctor", "-o", "json"], { cwd: root.path });
    const { checks } = JSON.parse(doctor.stdout) as { checks: { check: string; status: string; detail: string }[] };
    expect(checks.filter(({ check, status }) => check.startsWith("redis") && status === "fail")).toEqual([]);
    expect(checks.find((one) => one.check === check)?.detail).toMatch(detail);
  });
});

describe("the rights of an ACL user", () => {
  it("are those that the tests log in with", () => {
    expect(TEXT).toContain(`ACL SETUSER tts on >secret ${RIGHTS}\n`);
  });
});
