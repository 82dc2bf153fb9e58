import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import type { RedisCommands } from "../../../src/store/redis/commands.ts";
import { SLOTS, slotOf } from "../../../src/store/redis/slots.ts";
import { until } from "../../helpers/until.ts";
import { CUT, connectOnPaper, paperNodes, SILENCE, serves } from "./paper-cluster.ts";

const DOWN = "-CLUSTERDOWN Hash slot not served";

/** All that a walk returns; `onStep` is called at each step. */
async function walk(client: RedisCommands, words: readonly string[], onStep: (steps: number) => void = () => {}) {
  const found: string[] = [];
  let steps = 0;
  for await (const some of client.scan(words, "COUNT", 1)) {
    found.push(...(words[0] === "SCAN" ? some : some.filter((_, i) => i % 2 === 0)));
    onStep(++steps);
    if (steps === 100) break;
  }
  return found;
}

describe("a node that left its cluster", () => {
  it("ends the client, which may then enter by another node", async () => {
    const [left, other] = await paperNodes(2);
    const client = await connectOnPaper([left!, other!]);
    Object.assign(left!, { slots: [], isUp: false, answer: () => DOWN });
    const error = await client.command("GET", "n").catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "REDIS_CLUSTER" });
    expect(await client.lost).toBe(error);
    serves(other!, [other!]);
    expect(await (await connectOnPaper([left!, other!])).command("INCR", "n")).toBe("OK");
  });
});

it("a redirect by ASK to a node that is gone fails the command, not the process", async () => {
  const [from, to] = await paperNodes(2);
  const client = await connectOnPaper([from!, to!]);
  from!.answer = () => `-ASK ${slotOf("n")} ${to!.name}`;
  await to!.shutDown();
  expect(await client.command("GET", "n").catch((thrown) => thrown)).toBeInstanceOf(TtsctlError);
});

it.each(["the last", "one"])(
  "a command whose connection is cut is never sent twice: %s of a pipeline",
  async (which) => {
    const [cutting, other] = await paperNodes(2);
    const half = SLOTS / 2;
    for (const node of [cutting!, other!]) {
      node.slots = [
        [0, half - 1, cutting!.name], // with the slot of "n"
        [half, SLOTS - 1, other!.name],
      ];
    }
    const client = await connectOnPaper([cutting!, other!]);
    await client.command("SET", "n", 1);
    cutting!.answer = ([name]) => (name === "INCR" ? CUT : "OK");
    const more = which === "one" ? [["SET", "n", 2] as const] : [];
    const error = await client.pipeline([["GET", "n"], ["INCR", "n"], ...more]).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(await client.lost).toMatchObject({ message: error.message });
    await sleep(300); // by default ioredis tries again after 100 ms
    expect([...cutting!.heard, ...other!.heard].filter(([name]) => name === "INCR")).toHaveLength(1);
  },
);

it("a command in flight is not sent again if its node leaves the cluster", async () => {
  const [leaving, other, taking] = await paperNodes(3);
  const all = [leaving!, other!, taking!];
  const half = SLOTS / 2;
  for (const node of all) {
    node.slots = [
      [0, half - 1, leaving!.name], // with the slot of "n"
      [half, SLOTS - 1, other!.name],
    ];
  }
  const client = await connectOnPaper(all);
  leaving!.answer = () => SILENCE;
  const inFlight = client.command("INCR", "n").catch((thrown) => thrown);
  await until(() => leaving!.heard.length === 1);
  serves(taking!, all);
  other!.answer = () => `-MOVED ${slotOf("m")} ${taking!.name}`;
  expect(await client.command("GET", "m")).toBe("OK");
  expect(await inFlight).toBeInstanceOf(TtsctlError);
  expect(all.flatMap(({ heard }) => heard.filter(([name]) => name === "INCR"))).toHaveLength(1);
});

it("a command waits for a slot that both nodes refuse at the end of its move, each with the other's name", async () => {
  const [from, to] = await paperNodes(2);
  for (const node of [from!, to!]) {
    node.slots = [
      [0, SLOTS / 2 - 1, from!.name], // with the slot of "n"
      [SLOTS / 2, SLOTS - 1, to!.name],
    ];
  }
  const client = await connectOnPaper([from!, to!]);
  from!.answer = () => `-MOVED ${slotOf("n")} ${to!.name}`;
  let refused = 0;
  to!.answer = () => (refused++ < 9 ? `-MOVED ${slotOf("n")} ${from!.name}` : "OK");
  expect(await client.command("INCR", "n")).toBe("OK");
});

describe("a walk over the keys", () => {
  /** Three nodes; the third hasn't joined the cluster yet. */
  async function scene() {
    const [one, two, fresh] = await paperNodes(3);
    const halves = [
      [0, 99, one!.name],
      [100, SLOTS - 1, two!.name],
    ] as const;
    for (const node of [one!, two!]) node.slots = [...halves];
    const keys = new Map([
      [one!, ["a"]],
      [two!, ["b"]],
      [fresh!, [] as string[]],
    ]);
    for (const [node, own] of keys) node.answer = () => ["0", [...own]];
    const client = await connectOnPaper([one!, two!, fresh!], { seeds: [one!] });
    const move = (tellers = [one!, two!, fresh!]) => {
      for (const node of tellers) node.slots = [halves[0], [100, SLOTS - 1, fresh!.name]];
      keys.get(fresh!)!.push(...keys.get(two!)!.splice(0));
    };
    return { client, move, one: one!, two: two!, fresh: fresh! };
  }

  it("starts again if slots moved during the walk, even if only their old node knows yet", async () => {
    const { client, move, one, two, fresh } = await scene();
    const found = await walk(client, ["SCAN"], (step) => {
      if (step === 1) move([two, fresh]);
      if (step === 3) move([one]);
    });
    expect(new Set(found)).toEqual(new Set(["a", "b"]));
  });
});
