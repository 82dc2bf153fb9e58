import { SEED } from "./seed.ts";

/** Prints the one seed of a run and hands it to the workers, unless they have it from TTSCTL_SEED. */
export default function setup(): void {
  if (!Number.isInteger(SEED) || SEED < 0 || SEED >= 2 ** 31) {
    throw new Error(`TTSCTL_SEED is to be an integer from 0 to ${2 ** 31 - 1}, not "${process.env.TTSCTL_SEED}"`);
  }
  console.log(`TTSCTL_SEED=${SEED}`);
  process.env.TTSCTL_SEED = String(SEED);
}
