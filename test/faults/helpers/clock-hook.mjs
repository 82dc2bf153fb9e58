/**
 * Loaded into a ttsctl before its own code (NODE_OPTIONS=--import). Its wall clock is off by what a file says, and its
 * long waits (those of a watcher between two passes) end when that file lets them. TTSCTL_FALSE_CLOCK says which file,
 * where each long wait is noted, and whether its time goes by on both clocks of the process.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { performance } from "node:perf_hooks";
import timers from "node:timers/promises";

const { control, waits, passing } = JSON.parse(process.env.TTSCTL_FALSE_CLOCK);
const LONG_MS = 20_000;

const { now: wall } = Date;
const monotonic = performance.now.bind(performance);
const monotonicNs = process.hrtime.bigint;
const sleep = timers.setTimeout;
const { appendFileSync, readFileSync } = fs;
/** What the long waits took that have ended. */
let passedMs = 0;
let ended = 0;

const settings = () => JSON.parse(readFileSync(control, "utf8"));

Date.now = () => Math.floor(wall() + passedMs + settings().offset * 1000);
performance.now = () => monotonic() + passedMs;
process.hrtime.bigint = () => monotonicNs() + BigInt(Math.round(passedMs * 1e6));

timers.setTimeout = async (ms, value, options) => {
  if (ms < LONG_MS) return sleep(ms, value, options);
  appendFileSync(waits, `${ms / 1000}\n`);
  while (settings().ending <= ended) await sleep(5, undefined, options);
  ended++;
  if (passing) passedMs += ms;
  return value;
};
syncBuiltinESMExports();
