import type { Clock } from "../clock.ts";
import type { Settings } from "../config/settings.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import type { RecordRules } from "../task/rules.ts";
import type { EventSource } from "./events.ts";
import type { MirrorNews } from "./mirror-news.ts";
import type { Logger } from "./types.ts";

/** What an open store is made of. */
export interface StoreParts {
  readonly settings: Settings;
  readonly rules: RecordRules;
  readonly link: MirrorLink;
  readonly news: MirrorNews;
  readonly events: EventSource;
  readonly logger: Logger;
  readonly clock: Clock;
}
