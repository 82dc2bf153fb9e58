/** The keys of the mirror that are the same in every layout (docs/contract.md, Redis). */
export const INDEX_KEY = "tts:tasks:index";
export const SYNCED_KEY = "tts:ttsctl:synced";
/** Only there while a full sync runs. */
export const SYNCING_KEY = "tts:ttsctl:syncing";
/** How many members the indexes had after the last sync or cleanup. */
export const COUNTED_KEY = "tts:ttsctl:counted";

/** Between them are the parts of a layout. */
export const TASK_PREFIX = "tts:task:";
export const USER_PREFIX = "tts:user:";
export const USER_SUFFIX = ":index";

export const LOOKUP_PREFIX = "tts:task_lookup:";

/** A pattern of SCAN. */
export const ALL_KEYS = "tts:*";
