declare const TTSCTL_VERSION: string | undefined;

/** The package's version, put in by the build. */
export const VERSION = typeof TTSCTL_VERSION === "string" ? TTSCTL_VERSION : "0.0.0-source";
