import { createHash } from "node:crypto";

/** A Lua script, which the server knows by its digest once it has seen it. */
export class Script {
  readonly source: string;
  readonly digest: string;

  constructor(source: string) {
    this.source = source;
    this.digest = createHash("sha1").update(source).digest("hex");
  }
}
