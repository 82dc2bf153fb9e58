import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openTaskStore } from "../../src/library/index.ts";
import type { StoreOptions, TaskStore } from "../../src/library/types.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";

/** A program that has opened a store, with what its logger heard. */
export class LibraryPlace {
  readonly heard: string[] = [];
  server!: RedisServer;
  root!: ServiceRoot;
  #opened: TaskStore[] = [];

  async open(options: Partial<StoreOptions> = {}): Promise<TaskStore> {
    const logger = { info: (line: string) => this.heard.push(line), warn: (line: string) => this.heard.push(line) };
    const store = await openTaskStore({
      ...{ store: this.root.store, output: this.root.at("output"), logs: this.root.at("Logs") },
      ...{ redis: { port: this.server.port, timeout: "500ms" }, timezone: "UTC", logger },
      ...options,
    });
    this.#opened.push(store);
    return store;
  }

  async renew(): Promise<void> {
    await this.server.call("FLUSHALL");
    this.root = new ServiceRoot(this.server.port);
    this.heard.length = 0;
  }

  async clear(): Promise<void> {
    for (const store of this.#opened.splice(0)) await store.close();
    this.root.remove();
  }
}

/** One Redis for the tests of a file, empty for each, with a new root. */
export function useLibrary(): LibraryPlace {
  const here = new LibraryPlace();
  beforeAll(async () => {
    here.server = await RedisServer.start();
  });
  afterAll(() => here.server.remove());
  beforeEach(() => here.renew());
  afterEach(() => here.clear());
  return here;
}
