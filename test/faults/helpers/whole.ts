import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Reads the store file again and again while something works on it: it must be whole at every moment. */
export class WholeFile {
  readonly #path: string;
  readonly #done: Promise<void>;
  #stopped = false;
  readonly broken: string[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#done = this.#watch();
  }

  /** The reads that weren't JSON, or found no file. */
  async stop(): Promise<string[]> {
    this.#stopped = true;
    await this.#done;
    return this.broken;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      this.#look();
      await sleep(1);
    }
    this.#look();
  }

  #look(): void {
    try {
      JSON.parse(readFileSync(this.#path, "utf8"));
    } catch (error) {
      this.broken.push(String(error));
    }
  }
}
