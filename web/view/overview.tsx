import type { StatsChart } from "../../src/http/routes/stats.ts";
import type { BarStatus } from "../../src/render/hour-chart.ts";
import type { Span } from "../../src/task/spans.ts";
import { Failure } from "../api/failure.ts";
import { BAR_ORDER } from "../chart/bars.ts";
import { ServiceClock } from "../time/service-clock.ts";
import { Chart } from "./chart.tsx";
import { useApp, useMessages, useTimes } from "./context.ts";
import { HealthPanel } from "./health-panel.tsx";
import { FailureText, Line } from "./parts.tsx";

/** Filters the list by a status, or no longer by it. */
function StatusButton({ status }: { status: BarStatus }) {
  const { tasks, form } = useApp();
  const text = useMessages();
  const { filter } = tasks.request.value;
  const isPressed = filter.statuses.join() === status;
  return (
    <button
      type="button"
      aria-label={text.onlyStatus(text.status[status])}
      aria-pressed={isPressed}
      onClick={() => void form.refine({ statuses: isPressed ? [] : [status] })}
    >
      {text.status[status]}
    </button>
  );
}

const NO_TASKS = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };
const BARS: Readonly<Record<Span, number>> = { "24h": 24, "7d": 28, "30d": 30 };

/** Has the shape of the counts, for their place on the page. */
function unknownStats(span: Span): StatsChart {
  const at = new Date(0).toISOString();
  const bars = Array.from({ length: BARS[span] }, (_, i) => ({
    from: `1970-01-01T00:00:00.${100 + i}Z`,
    until: at,
    ...NO_TASKS,
  }));
  return { source: "redis", at, user: null, total: 0, byStatus: NO_TASKS, span, bars };
}

/** How many tasks there are, by status, and when they changed. */
export function Overview() {
  const { overview, preferences } = useApp();
  const { clock } = useTimes();
  const text = useMessages();
  const { span } = preferences;
  const known = overview.stats.value;
  // The same boxes from the first frame on, so nothing moves when the counts arrive.
  const isLoading = known === null || clock === null;
  const stats = known ?? unknownStats(span.value);
  if (stats instanceof Failure) {
    return (
      <section class="card overview" aria-label={text.overview}>
        <p class="quiet">{text.overviewFailed}</p>
        <FailureText failure={stats} />
      </section>
    );
  }
  const times = clock ?? new ServiceClock("UTC");
  const shown = BAR_ORDER.filter((status) => status !== "other" || stats.byStatus.other > 0).toReversed();
  return (
    <section class={`card overview ${isLoading ? "is-loading" : ""}`} aria-label={text.overview} aria-busy={isLoading}>
      <div class="counts">
        <p class="total">
          <Line text={stats.user === null ? text.total(stats.total) : text.totalOf(stats.total, stats.user)} />
        </p>
        <dl>
          {shown.map((status) => (
            <div key={status} class={status}>
              <dt>
                <StatusButton status={status} />
              </dt>
              <dd>{text.number(stats.byStatus[status])}</dd>
            </div>
          ))}
        </dl>
        <p class="quiet as-of">{text.updated(times.time(times.epochOf(stats.at)))}</p>
      </div>
      <Chart span={stats.span} bars={stats.bars} clock={times} />
      <HealthPanel />
    </section>
  );
}
