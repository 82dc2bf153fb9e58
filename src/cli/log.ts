import type { Writable } from "node:stream";
import { type Clock, systemClock } from "../clock.ts";
import { printable } from "../printable.ts";
import { type LogEvent, logLine } from "../render/item-lines.ts";
import { Output } from "./io.ts";

export const LOG_FORMATS = ["text", "json"] as const;

const PREFIXES = { info: "", warn: "warning: ", error: "error: " } as const;

/**
 * stderr: lines for people, or with `--log-format json` one JSON object a line, whoever writes. What is written as mere
 * text is then the message of such an object.
 */
export class Log extends Output {
  readonly #clock: Clock;
  readonly isJson: boolean;

  constructor(stream: Writable, isJson: boolean, prepare?: (text: string) => string, clock: Clock = systemClock) {
    super(stream, prepare);
    this.isJson = isJson;
    this.#clock = clock;
  }

  override write(text: string): Promise<void> {
    if (!this.isJson) return super.write(text);
    const lines = text.split("\n").filter((line) => line !== "");
    return super.write(lines.map((msg) => this.#jsonLine({ level: "info", msg })).join(""));
  }

  /** One line; for people it is `text`, if that is given, else the message. */
  say(event: LogEvent, text = PREFIXES[event.level] + printable(event.msg)): Promise<void> {
    return super.write(this.isJson ? this.#jsonLine(event) : `${text}\n`);
  }

  /** Many lines of a JSON log. */
  async sayAll(events: readonly LogEvent[]): Promise<void> {
    for (const event of events) await super.write(this.#jsonLine(event));
  }

  /** One line with its time, for what runs unattended. */
  sayWhen(event: LogEvent): Promise<void> {
    return this.say(event, `${new Date(this.#clock.now() * 1000).toISOString()} ${printable(event.msg)}`);
  }

  #jsonLine(event: LogEvent): string {
    return `${logLine(event, this.#clock.now())}\n`;
  }
}

/** Flags may be what is wrong, so the format is looked for without parsing them. */
export function wantsJsonLog(argv: readonly string[]): boolean {
  return argv.some((arg, i) => arg === "--log-format=json" || (arg === "--log-format" && argv[i + 1] === "json"));
}
