import { createHash } from "node:crypto";
import type { ReplyShape } from "./reply-shape.ts";

/** A Lua script, which the server knows by its digest once it has seen it. */
export class Script {
  readonly source: string;
  readonly replies: ReplyShape;
  #digest: string | undefined;

  constructor(source: string, replies: ReplyShape = (reply) => typeof reply === "number") {
    this.source = source;
    this.replies = replies;
  }

  /** Made when it is first asked for: what makes it takes its time to load, and a script that runs once needs none. */
  get digest(): string {
    this.#digest ??= createHash("sha1").update(this.source).digest("hex");
    return this.#digest;
  }
}
