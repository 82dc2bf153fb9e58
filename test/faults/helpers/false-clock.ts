import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lines } from "../../helpers/ttsctl.ts";
import { until } from "../../helpers/until.ts";

const HOOK = new URL("clock-hook.mjs", import.meta.url).href;

/** The clock of child processes, which can jump, and the long waits of theirs, which end when the test says so. */
export class FalseClock {
  readonly #folder = mkdtempSync(join(tmpdir(), "ttsctl-clock-"));
  readonly #passing: boolean;
  #offset = 0;
  #ending = 0;

  /** @param passing whether the time of a long wait goes by, on the wall clock and on the monotonic one */
  constructor({ passing = false } = {}) {
    this.#passing = passing;
    this.#write();
  }

  /** What a child that is to have this clock needs in its environment. */
  get env(): { NODE_OPTIONS: string; TTSCTL_FALSE_CLOCK: string } {
    const files = { control: this.#at("control.json"), waits: this.#at("waits"), passing: this.#passing };
    return { NODE_OPTIONS: `--import ${HOOK}`, TTSCTL_FALSE_CLOCK: JSON.stringify(files) };
  }

  /** From now on the wall clock is off by so many seconds. */
  set(offset: number): void {
    this.#offset = offset;
    this.#write();
  }

  /** Lets the wait in hand end, or that many waits. */
  endWaits(count = 1): void {
    this.#ending += count;
    this.#write();
  }

  /** The seconds of each long wait that was begun. */
  get waits(): number[] {
    return existsSync(this.#at("waits")) ? lines(readFileSync(this.#at("waits"), "utf8")).map(Number) : [];
  }

  /** The seconds of all waits that have ended, where their time goes by. */
  get passed(): number {
    const ended = this.waits.slice(0, this.#ending);
    return this.#passing ? ended.reduce((sum, seconds) => sum + seconds, 0) : 0;
  }

  /** Waits until so many long waits have begun: until then so many passes have ended. */
  async waited(count: number, seconds = 60): Promise<void> {
    await until(() => this.waits.length >= count, seconds);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }

  #write(): void {
    writeFileSync(this.#at("next"), JSON.stringify({ offset: this.#offset, ending: this.#ending }));
    renameSync(this.#at("next"), this.#at("control.json"));
  }
}
