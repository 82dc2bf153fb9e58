import type { Figure } from "./figure.ts";

const GB = 1e9;
/** A node of this size, filled so far: the rest is for copies on write, buffers of replicas, and growth. */
const NODE_GB = 32;
const FILLED = 0.6;
const SIZES = [1e6, 1e7, 1e8, 1e9];
const NODES = [1, 3, 6, 12, 24];

/** Lines of a table in Markdown. */
type Table = readonly (readonly string[])[];

/** The memory of so many tasks in Redis, calculated from that of one. */
export function sizeTable(figures: readonly Figure[]): Table {
  const [task, packed, index] = ["memory", "memory-packed", "memory-index"].map((id) => figureOf(figures, id));
  const rows = SIZES.map((tasks) => {
    const gigabytes = (tasks * task!) / GB;
    const nodes = Math.ceil(gigabytes / (NODE_GB * FILLED));
    return [power(tasks), gb(gigabytes), gb((tasks * packed!) / GB), gb((tasks * index!) / GB), `${nodes}`];
  });
  const head = ["tasks", "total", "packed", "its global index", `primaries of ${NODE_GB} GB, not packed`];
  return [head, ...rows];
}

/**
 * How many tasks a second the busiest node lets through. Of what a write costs a cluster, the part that the busiest node
 * had more than the others is the global index, which stays on one node; the rest is shared by all.
 */
export function writeTable(figures: readonly Figure[]): Table {
  const [one, all, busiest] = ["one-cpu", "three-cpu", "three-busiest"].map((id) => figureOf(figures, id));
  const other = (all! - busiest!) / 2;
  const index = Math.max(0, busiest! - other);
  const rows = NODES.map((nodes) => {
    const micros = nodes === 1 ? one! : index + (other * 3) / nodes;
    return [`${nodes}`, `${micros.toPrecision(3)} µs`, `${Math.round(1e3 / micros)},000`];
  });
  return [["primaries", "busiest node, for each task", "tasks a second, at most"], ...rows];
}

function figureOf(figures: readonly Figure[], id: string): number {
  const figure = figures.find((one) => one.id === id);
  if (figure === undefined) throw new Error(`unknown figure ${id}`);
  return figure.value;
}

function gb(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} GB`;
}

function power(tasks: number): string {
  return `10^${Math.round(Math.log10(tasks))}`;
}
