import type { en } from "./en.ts";

/** What every language has to say: the same keys, the same arguments. */
export type Messages = typeof en;
