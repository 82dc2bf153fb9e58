/** `import { openTaskStore } from "ttsctl"` (SPEC section 9); docs/library.md tells how to use it. */
export { type ErrorCode, isRedisError, TtsctlError } from "../errors.ts";
export { openTaskStore } from "./open-task-store.ts";
export type * from "./types.ts";
