import { leftOut, type Outcome, type Result } from "./result.ts";
import type { Row } from "./row.ts";
import { ROWS } from "./rows/all.ts";
import { type Place, Site } from "./site.ts";

export interface BenchOptions {
  /** The sizes of the stores. */
  readonly tasks: readonly number[];
  /** How often each row is run. */
  readonly runs: number;
  /** The rows to choose from; the table's if absent. */
  readonly rows?: readonly Row[];
  /** The rows wanted; empty for all. */
  readonly only: ReadonlySet<string>;
}

/** With how many tasks a large store is compared. */
const SMALL = 10_000;

/**
 * Measures every row at every size.
 * @param onResult gets each line of the table as soon as it is measured
 * @throws Error for an unknown row
 */
export async function bench(
  place: Place,
  options: BenchOptions,
  onResult: (result: Result) => void,
): Promise<Result[]> {
  const rows = wanted(options.rows ?? ROWS, options.only);
  const results: Result[] = [];
  for (const tasks of options.tasks) {
    const site = await Site.build(place, tasks, Math.min(SMALL, Math.ceil(tasks / 10)));
    try {
      results.push(...(await measure(site, rows, options.runs, onResult)));
    } finally {
      await site.remove();
    }
  }
  return results;
}

async function measure(site: Site, rows: readonly Row[], runs: number, onResult: (result: Result) => void) {
  const results = new Map<string, Result>();
  for (const { about, ...row } of rows) {
    const outcome = await row.measure(site, runs, results).catch(failed);
    const result = { ...about, tasks: site.tasks, ...outcome };
    results.set(about.id, result);
    onResult(result);
  }
  return results.values();
}

/** One row that fails must not cost the others. */
function failed(error: Error): Outcome {
  return { ...leftOut(error.message), failed: true };
}

function wanted(rows: readonly Row[], only: ReadonlySet<string>): Row[] {
  const ids = rows.map(({ about }) => about.id);
  for (const id of only) if (!ids.includes(id)) throw new Error(`unknown row ${id}; expected ${ids.join(", ")}`);
  return rows.filter(({ about }) => only.size === 0 || only.has(about.id));
}
