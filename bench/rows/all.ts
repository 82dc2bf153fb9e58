import type { Row } from "../row.ts";
import { CLUSTER_ROWS } from "./cluster.ts";
import { LIBRARY_ROWS } from "./library.ts";
import { LIMIT_ROWS } from "./limits.ts";
import { READ_ROWS } from "./read.ts";
import { REMOVAL_ROWS } from "./removal.ts";
import { SCALE_ROWS } from "./scale.ts";
import { SERVE_ROWS } from "./serve.ts";
import { START_ROWS } from "./start.ts";
import { STATS_ROWS } from "./stats.ts";
import { SYNC_ROWS } from "./sync.ts";

/** The lines of the table, in order. */
export const ROWS: readonly Row[] = [
  ...START_ROWS,
  ...READ_ROWS,
  ...SYNC_ROWS,
  ...SCALE_ROWS,
  ...REMOVAL_ROWS,
  ...STATS_ROWS,
  ...SERVE_ROWS,
  ...LIBRARY_ROWS,
  ...CLUSTER_ROWS,
  ...LIMIT_ROWS,
];
