import { useSignal } from "@preact/signals";
import type { StatsChart } from "../../src/http/schema.ts";
import { Failure } from "../api/failure.ts";
import { countOf, type Filter } from "../model/filter.ts";
import { BAR_ORDER, Chart } from "./chart.tsx";
import { useApp } from "./context.ts";
import { FailureText, IconButton } from "./parts.tsx";

/** How many tasks there are by status, which filters the list, and when they changed. */
export function Overview() {
  const { about, text } = useApp();
  const isOpen = useSignal(!matchMedia("(max-width: 40rem)").matches);
  const turn = () => (isOpen.value = !isOpen.value);
  const stats = about.stats.value;
  const failure = stats instanceof Failure ? stats : null;
  const known = stats instanceof Failure ? null : stats;
  return (
    <section class="overview" aria-label={text.regions.overview} aria-busy={stats === null}>
      <Tabs stats={known} />
      <IconButton name="columns" label={text.chart} aria-expanded={isOpen.value} press={turn} />
      {failure && (
        <div class="chart">
          <p class="quiet">{text.overviewFailed}</p>
          <FailureText failure={failure} />
        </div>
      )}
      {!failure && isOpen.value && <Chart stats={known} />}
    </section>
  );
}

/** Of this many tasks on, a count is shown rounded. */
const MANY = 100_000;

function Tabs({ stats }: { stats: StatsChart | null }) {
  const { tasks, form, text } = useApp();
  const { filter } = tasks.request.value;
  /** With a text, a time or ids, only the list knows how many it has. */
  const isCounted = countOf({ ...filter, users: [], statuses: [], stuck: [] }) === 0;
  const list = tasks.view.value?.request === tasks.request.value ? tasks.view.value.answer.body : null;
  const shown = BAR_ORDER.filter((status) => status !== "other" || (stats?.byStatus.other ?? 0) > 0).toReversed();
  const current = filter.stuck.length > 0 ? "stuck" : filter.statuses.join() || "all";
  const tab = (name: string, label: string, counted: number | undefined, filter: Partial<Filter>) => {
    const isCurrent = name === current;
    const count = isCounted ? counted : isCurrent && !list?.stopped ? list?.total : undefined;
    const exact = count === undefined ? "–" : text.number(count);
    return (
      <button
        key={name}
        type="button"
        class={name}
        title={`${label}: ${exact}`}
        aria-pressed={isCurrent}
        onClick={() => void form.refine({ statuses: [], stuck: [], ...(isCurrent ? {} : filter) })}
      >
        <span>{label}</span> <strong>{count !== undefined && count >= MANY ? text.rounded(count) : exact}</strong>
      </button>
    );
  };
  return (
    <fieldset class="status-tabs" aria-label={text.filterParts.statuses}>
      {tab("all", text.all, stats?.total, {})}
      {shown.map((name) => tab(name, text.status[name], stats?.byStatus[name], { statuses: [name] }))}
      {tab("stuck", text.filterParts.stuck, stats?.stuck, { stuck: ["true"] })}
    </fieldset>
  );
}
