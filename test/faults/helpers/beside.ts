import { afterEach, beforeEach, expect } from "vitest";
import { RecordRules } from "../../../src/task/rules.ts";
import { Zone } from "../../../src/task/time.ts";
import { type Place, usePlace } from "../../e2e/setup.ts";
import { FastClock } from "../../helpers/clock.ts";
import type { TestServer } from "../../helpers/deployments.ts";
import { putIntoMirror } from "../../helpers/doubles.ts";
import type { ServiceRoot } from "../../helpers/root.ts";
import { Service } from "../../helpers/service.ts";
import { type Run, type RunOptions, ttsctl } from "../../helpers/ttsctl.ts";
import { makeStore } from "../../interop/python.ts";
import { nameOf, type TestRecord } from "./stores.ts";
import { triedFault } from "./tally.ts";

export const ZONE = "Asia/Shanghai";

export const isFinished = ({ status }: TestRecord): boolean => status === "succeeded" || status === "failed";

/** On a slow machine one may wait longer for another than it is willing to; nothing else may go wrong. */
export function expectNoFailure(runs: readonly Run[], allowed: readonly number[] = [0]): void {
  const failed = runs.filter(({ code, stderr }) => !allowed.includes(code!) && !stderr.includes("LOCK_TIMEOUT"));
  expect(failed.map(({ code, stderr }) => ({ code, stderr }))).toEqual([]);
}

/** A root of the Python service, which runs beside ttsctl. */
export class BesideService {
  readonly #place: Place;
  service: Service | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  get root(): ServiceRoot {
    return this.#place.root;
  }

  get server(): TestServer {
    return this.#place.server;
  }

  /** An empty Redis and a root that has nothing but its settings. */
  async renew(): Promise<void> {
    await this.clear();
    await this.server.call("FLUSHALL");
    this.root.remove();
    this.root.write("config.ini", `[redis]\nport = ${this.server.port}\n[service]\ntimezone = ${ZONE}\n`);
  }

  /** Ends a service that still runs. */
  async clear(): Promise<void> {
    if (this.service?.hasEnded === false) {
      this.service.kill();
      await this.service.end();
    }
    this.service = undefined;
  }

  run(line: string, options: Partial<RunOptions> = {}): Promise<Run> {
    const clock = new FastClock();
    return ttsctl(line.split(" "), { cwd: this.root.path, clock, ...options });
  }

  records(): TestRecord[] {
    return this.root.readStore() as TestRecord[];
  }

  start(...args: (string | number)[]): Service {
    this.service = new Service(this.root.path, ZONE, ["--redis-port", this.server.port, ...args]);
    return this.service;
  }

  /** Old tasks with audio and logs, in both stores. Returns the finished ones. */
  async seeds(count: number): Promise<string[]> {
    const args = ["--tasks", count, "--users", 3, "--now", 1_700_000_000, "--seed", 5, "--artifacts", count];
    makeStore(this.root.path, ZONE, ...args);
    expect((await this.run("sync")).code).toBe(0);
    return this.records().filter(isFinished).map(nameOf);
  }

  /** Puts records into Redis as a sync does. */
  mirrored(...records: readonly TestRecord[]): Promise<void> {
    return putIntoMirror(this.server, records, new RecordRules(new Zone(ZONE)));
  }

  /**
   * File and Redis hold what the service said last of every task.
   * @param unsaid how many tasks may be newer than that: a service that was killed did not say its last write
   */
  async expectLastWords(unsaid = 0): Promise<void> {
    const inFile = new Map(this.records().map((record) => [nameOf(record), record]));
    const wrong: unknown[] = [];
    for (const [name, word] of this.service!.lastWords) {
      const record = inFile.get(name);
      const hash = await this.server.hash(`tts:task:${name}`);
      const scores = [
        await this.server.call("ZSCORE", "tts:tasks:index", name),
        await this.server.call("ZSCORE", `tts:user:${word.user_id}:index`, word.task_id),
      ].map(Number);
      const same = [record, hash].every((copy) => copy?.status === word.status && copy?.updated_at === word.updated_at);
      const score = Date.parse(`${`${word.updated_at}`.slice(0, 23).padEnd(23, "0")}+08:00`) / 1000;
      if (!same || scores.some((text) => Math.abs(text - score) > 0.01)) wrong.push({ word, record, hash, scores });
      const wav = `output/${word.user_id}/${word.task_id}/${word.task_id}.wav`;
      if (word.status === "succeeded" && !this.root.has(wav)) wrong.push({ word, audio: "is gone" });
    }
    triedFault(this.service!.writes, wrong.length > unsaid ? wrong.length : 0);
    if (wrong.length > unsaid) expect(wrong).toEqual([]);
  }
}

/** One Redis for the tests of a file, a new root for each; a service that still runs is ended. */
export function useService(): BesideService {
  const here = new BesideService(usePlace());
  beforeEach(() => here.renew());
  afterEach(() => here.clear());
  return here;
}
