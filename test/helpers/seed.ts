/** What all random choices of a run begin with (see choose-seed.ts); set TTSCTL_SEED to see a failure again. */
export const SEED = Number(process.env.TTSCTL_SEED ?? Date.now() % 2 ** 31);
