import fc from "fast-check";

// That a test fails is all that is asked of it: no time goes into a smaller example.
fc.configureGlobal({ seed: Number(process.env.TTSCTL_SEED), endOnFailure: true });
