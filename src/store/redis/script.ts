import type { ReplyShape } from "./reply-shape.ts";

/** A Lua script. */
export class Script {
  /** The name of its method at a client of ioredis. */
  readonly name: string;
  readonly source: string;
  readonly replies: ReplyShape;

  constructor(name: string, source: string, replies: ReplyShape = (reply) => typeof reply === "number") {
    this.name = name;
    this.source = source;
    this.replies = replies;
  }
}

/** One run of a script. */
export interface ScriptRun {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}
