/** The keys of the mirror that are the same in every layout (SPEC section 3). */
export const INDEX_KEY = "tts:tasks:index";
export const SYNCED_KEY = "tts:ttsctl:synced";
/** Only there while a full sync runs. */
export const SYNCING_KEY = "tts:ttsctl:syncing";

/** What the lookups of one layout begin with. */
export const LOOKUP_PREFIX = "tts:task_lookup:";

/** What all keys of the mirror begin with, as a pattern of SCAN. */
export const ALL_KEYS = "tts:*";
