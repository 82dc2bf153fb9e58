import type { Readable, Writable } from "node:stream";
import { systemClock } from "../clock.ts";
import { printable } from "../printable.ts";
import { type LogEvent, logLine } from "../render/item-lines.ts";

/** What the outside gives a run: streams and what is known of them. Tests have a twin. */
export interface Streams {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
}

/** One stream to write to, at the reader's pace. A reader that went away is not an error: the rest is dropped. */
export class Output {
  readonly #stream: Writable;
  readonly #prepare: (text: string) => string;
  /** Whether its reader went away. */
  isGone = false;
  /** What the stream failed with otherwise. */
  failure: Error | undefined;
  /** What waits for the release; undefined where nothing is held. */
  #held: string[] | undefined;

  /** @param prepare given each text just before it is written, returns what is written */
  constructor(stream: Writable, prepare: (text: string) => string = (text) => text) {
    this.#stream = stream;
    this.#prepare = prepare;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") this.isGone = true;
      else this.failure = error;
    });
  }

  /** Whether anybody still reads. */
  get isOpen(): boolean {
    return !this.isGone && this.failure === undefined && !this.#stream.destroyed;
  }

  async write(text: string): Promise<void> {
    if (!this.isOpen || text === "") return;
    if (this.#held !== undefined) {
      this.#held.push(text);
      return;
    }
    const prepared = this.#prepare(text);
    await new Promise<void>((resolve) => {
      if (this.#stream.write(prepared, () => resolve())) resolve();
    });
  }

  /** Small pieces, written in larger ones. */
  async writeAll(pieces: Iterable<string>): Promise<void> {
    let held = "";
    for (const piece of pieces) {
      held += piece;
      if (held.length < 1 << 16) continue;
      await this.write(held);
      held = "";
    }
    await this.write(held);
  }

  /** Keeps what is written until the release. */
  hold(): void {
    this.#held ??= [];
  }

  async release(): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    await this.writeAll(held);
  }

  /** Waits until everything is handed to the system. */
  async flush(): Promise<void> {
    if (!this.isOpen) return;
    await new Promise<void>((resolve) => this.#stream.write("", () => resolve()));
  }
}

export const LOG_FORMATS = ["text", "json"] as const;

const PREFIXES = { info: "", warn: "warning: ", error: "error: " } as const;

/**
 * stderr: lines for people, or with `--log-format json` one JSON object a line, whoever writes. What is written as mere
 * text is then the message of such an object.
 */
export class Log extends Output {
  readonly isJson: boolean;

  constructor(stream: Writable, isJson: boolean, prepare: (text: string) => string) {
    super(stream, prepare);
    this.isJson = isJson;
  }

  override write(text: string): Promise<void> {
    if (!this.isJson) return super.write(text);
    const lines = text.split("\n").filter((line) => line !== "");
    return super.write(lines.map((msg) => jsonLine({ level: "info", msg })).join(""));
  }

  /** One line; for people it is `text`, if that is given, else the message. */
  say(event: LogEvent, text = PREFIXES[event.level] + printable(event.msg)): Promise<void> {
    return super.write(this.isJson ? jsonLine(event) : `${text}\n`);
  }

  /** One line with its time, for what runs unattended. */
  sayWhen(event: LogEvent): Promise<void> {
    return this.say(event, `${new Date(systemClock.now() * 1000).toISOString()} ${printable(event.msg)}`);
  }
}

function jsonLine(event: LogEvent): string {
  return `${logLine(event, systemClock.now())}\n`;
}
