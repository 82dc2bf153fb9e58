import type { Command } from "commander";
import type { Context } from "./context.ts";

/** What a command does with its context: returns the exit code. */
export type Action<F> = (context: Context, flags: F, args: string[]) => Promise<number>;

/** Gives a command its action: a context made for it, and released whatever happens. */
export type Attach = <F extends object>(command: Command, action: Action<F>) => void;
