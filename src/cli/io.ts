import type { Readable, Writable } from "node:stream";

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
  #gone = false;
  #failure: Error | undefined;
  /** What waits for the release; undefined where nothing is held. */
  #held: string[] | undefined;

  /** @param prepare given each text just before it is written, returns what is written */
  constructor(stream: Writable, prepare: (text: string) => string = (text) => text) {
    this.#stream = stream;
    this.#prepare = prepare;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") this.#gone = true;
      else this.#failure = error;
    });
  }

  /** What the stream failed with, other than that its reader went away. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether its reader went away. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Whether anybody still reads. */
  get isOpen(): boolean {
    return !this.#gone && this.#failure === undefined && !this.#stream.destroyed;
  }

  async write(text: string): Promise<void> {
    if (!this.isOpen || text === "") return;
    if (this.#held !== undefined) {
      this.#held.push(text);
      return;
    }
    if (this.#stream.write(this.#prepare(text))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ["drain", "error", "close"]) this.#stream.off(event, done);
        resolve();
      };
      for (const event of ["drain", "error", "close"]) this.#stream.on(event, done);
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
