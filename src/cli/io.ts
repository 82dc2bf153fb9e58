import { setMaxListeners } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type Clock, later } from "../clock.ts";
import { inLargePieces } from "../pool.ts";
import { printable, printableJson } from "../printable.ts";
import type { LogEvent } from "../render/item-lines.ts";

export interface Streams {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
}

/** Writes at the reader's pace. If the reader closes the pipe, the rest is dropped without an error. */
export class Output {
  readonly #stream: Writable;
  readonly #prepare: (text: string) => string;
  isGone = false;
  failure: Error | undefined;
  #hurry: { readonly stop: AbortSignal; readonly clock: Clock } | undefined;

  /** @param prepare called right before each write; returns the text to write */
  constructor(stream: Writable, prepare: (text: string) => string = (text) => text) {
    this.#stream = stream;
    this.#prepare = prepare;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") this.isGone = true;
      else this.failure = error;
    });
  }

  get isOpen(): boolean {
    return !this.isGone && this.failure === undefined && !this.#stream.destroyed;
  }

  async write(text: string): Promise<void> {
    if (!this.isOpen || text === "") return;
    const prepared = this.#prepare(text);
    await this.#untilTaken((taken) => {
      if (this.#stream.write(prepared, taken)) taken();
    });
  }

  /** After the stop, a reader that doesn't take a text within a second counts as gone. */
  hurryAfter(stop: AbortSignal, clock: Clock): void {
    setMaxListeners(0, stop); // each text that isn't taken yet has one
    this.#hurry = { stop, clock };
  }

  async #untilTaken(write: (taken: () => void) => void): Promise<void> {
    const { stop, clock } = this.#hurry ?? {};
    const over = new AbortController();
    const { signal } = over;
    await new Promise<void>((taken) => {
      const giveUp = () => {
        this.isGone = true;
        taken();
      };
      const hurry = () => void later(clock!, 1000, signal, giveUp);
      if (stop?.aborted) hurry();
      else stop?.addEventListener("abort", hurry, { signal });
      write(taken);
    });
    over.abort();
  }

  async writeAll(pieces: Iterable<string>): Promise<void> {
    for (const text of inLargePieces(pieces)) await this.write(text);
  }

  async flush(): Promise<void> {
    if (this.isOpen) await this.#untilTaken((taken) => this.#stream.write("", taken));
  }
}

export const LOG_FORMATS = ["text", "json"] as const;

const PREFIXES = { info: "", warn: "warning: ", error: "error: " } as const;

/** stderr. With `--log-format json` each line is a JSON object, with plain text as its message. */
export class Log extends Output {
  readonly isJson: boolean;
  readonly #clock: Clock;

  constructor(stream: Writable, isJson: boolean, clock: Clock, prepare: (text: string) => string) {
    super(stream, prepare);
    this.isJson = isJson;
    this.#clock = clock;
  }

  override write(text: string): Promise<void> {
    if (!this.isJson) return super.write(text);
    const lines = text.split("\n").filter((line) => line !== "");
    return super.write(lines.map((msg) => this.#jsonLine({ level: "info", msg })).join(""));
  }

  /** @param text the line for people */
  say(event: LogEvent, text = PREFIXES[event.level] + printable(event.msg)): Promise<void> {
    return super.write(this.isJson ? this.#jsonLine(event) : `${text}\n`);
  }

  /** With the time, for unattended runs. */
  sayWhen(event: LogEvent): Promise<void> {
    return this.say(event, `${this.#time()} ${printable(event.msg)}`);
  }

  /** The time in ISO 8601, UTC. */
  #jsonLine({ level, msg, fields }: LogEvent): string {
    return `${printableJson({ time: this.#time(), level, msg, ...fields })}\n`;
  }

  #time(): string {
    return new Date(this.#clock.now() * 1000).toISOString();
  }
}
