import { createHash } from "node:crypto";
import type { ReplyShape } from "./reply-shape.ts";

/** A Lua script, which a server knows by its digest once it ran it. */
export class Script {
  /** The name of its method at a client. */
  readonly name: string;
  readonly source: string;
  readonly replies: ReplyShape;
  #digest: string | undefined;

  constructor(name: string, source: string, replies: ReplyShape = (reply) => typeof reply === "number") {
    this.name = name;
    this.source = source;
    this.replies = replies;
  }

  get digest(): string {
    this.#digest ??= createHash("sha1").update(this.source).digest("hex");
    return this.#digest;
  }
}
