import type { Context } from "hono";
import type { LayoutName } from "../task/layouts.ts";
import { API_MS } from "./api-ms.ts";
import { type Dialect, PLAIN } from "./dialect.ts";
import type { Env, ServerParts } from "./parts.ts";

const DIALECTS: Readonly<Record<LayoutName, Dialect>> = { plain: PLAIN, api_ms: API_MS };

/** Names the dialect of one request. The page of `serve` uses it, so it works under every setting. */
export const DIALECT_HEADER = "ttsctl-dialect";

/** The dialect of a request to a task endpoint: the one that it names, else the setting. */
export function dialectOf(c: Context<Env>, { dialect }: Pick<ServerParts, "dialect">): Dialect {
  const named = c.req.header(DIALECT_HEADER) ?? "";
  return DIALECTS[Object.hasOwn(DIALECTS, named) ? (named as LayoutName) : dialect];
}
