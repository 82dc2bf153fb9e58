/** `import { openTaskStore } from "ttsctl"` (docs/contract.md, Library); see docs/library.md. */
export { type ErrorCode, isRedisError, TtsctlError } from "../errors.ts";
export { openTaskStore } from "./open-store.ts";
export type * from "./types.ts";
