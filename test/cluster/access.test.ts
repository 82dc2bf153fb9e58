import { describe, expect, it, onTestFinished } from "vitest";
import { Authority } from "../helpers/certificates.ts";
import { RedisCluster, sharedCluster } from "../helpers/cluster.ts";
import { RIGHTS } from "../helpers/deployments.ts";
import { record } from "../helpers/records.ts";
import { freePort } from "../helpers/redis.ts";
import { Place } from "./setup.ts";

const DOCUMENTED = [...RIGHTS.split(" "), "+cluster|slots", "+cluster|info", "+cluster|nodes"];
const TASKS = Array.from({ length: 50 }, (_, i) => record(`user${i % 5}`, `t${i}`));

async function place(cluster: RedisCluster, settings: string): Promise<Place> {
  const here = new Place(cluster);
  onTestFinished(() => here.remove());
  here.root.write("config.ini", `[redis]\n${settings}[service]\ntimezone = UTC\n`);
  here.root.writeStore(TASKS);
  return here;
}

async function checksOf(here: Place): Promise<Record<string, { status: string; detail: string }>> {
  const { stdout } = await here.run("doctor -o json");
  const { checks } = JSON.parse(stdout) as { checks: { check: string; status: string; detail: string }[] };
  return Object.fromEntries(checks.map((found) => [found.check, found]));
}

describe("an ACL user of a cluster", () => {
  /** Of a user with these rights. */
  async function placeFor(rights: readonly string[]): Promise<Place> {
    const cluster = await sharedCluster();
    const onAll = (...words: string[]) => Promise.all(cluster.nodes.map((node) => node.call("ACL", ...words)));
    await onAll("SETUSER", "tts", "reset", "on", ">s3cret", ...rights);
    onTestFinished(async () => void (await onAll("DELUSER", "tts")));
    return place(cluster, `${cluster.config}username = tts\npassword = s3cret\n`);
  }

  it("needs no more than the documentation says", async () => {
    const here = await placeFor(DOCUMENTED);
    expect(await here.json("sync")).toMatchObject({ code: 0, written: 50 });
    expect(await here.json("verify")).toMatchObject({ code: 0, inSync: 50 });
    expect(await here.json("delete --user user1 --yes")).toMatchObject({ code: 0, deleted: 10 });
    const checks = await checksOf(here);
    expect(checks["redis.rights"]).toMatchObject({ status: "ok" });
    expect(checks["redis.role"]).toMatchObject({ status: "ok" });
  });

  it("gets an error that names the missing rights", async () => {
    const here = await placeFor(RIGHTS.split(" "));
    const { code, stderr } = await here.run("sync -o json");
    expect(code).toBe(4);
    expect(JSON.parse(stderr)).toMatchObject({ code: "REDIS_DENIED", error: expect.stringContaining("cluster|slots") });
  });

  it("that only one node denies are named by doctor", async () => {
    const here = await placeFor(DOCUMENTED);
    await here.cluster.primaries[2]!.call("ACL", "SETUSER", "tts", "-zadd");
    expect((await checksOf(here))["redis.rights"]).toMatchObject({
      ...{ status: "fail", detail: expect.stringContaining("ZADD") },
    });
  });
});

it("TLS goes to the TLS ports of all nodes", async () => {
  const authority = new Authority();
  onTestFinished(() => authority.remove());
  const own = authority.sign("server", "IP:127.0.0.1");
  const client = authority.sign("client", "DNS:client");
  const files = ["--tls-cert-file", own.cert, "--tls-key-file", own.key, "--tls-ca-cert-file", authority.ca];
  const cluster = await RedisCluster.start({
    args: files,
    argsOfEach: async () => ["--tls-port", `${await freePort()}`],
  });
  onTestFinished(() => cluster.remove());
  const [, tlsPort] = (await cluster.nodes[0]!.call("CONFIG", "GET", "tls-port")) as string[];
  const tls = `tls = true\ntls_ca = ${authority.ca}\ntls_cert = ${client.cert}\ntls_key = ${client.key}\n`;
  const here = await place(cluster, `cluster = true\nport = ${tlsPort}\n${tls}`);
  expect(await here.json("sync")).toMatchObject({ code: 0, written: 50 });
  expect(await here.json("verify")).toMatchObject({ code: 0, inSync: 50 });
  for (const node of cluster.primaries) expect(await node.call("DBSIZE")).toBeGreaterThan(0);
});
