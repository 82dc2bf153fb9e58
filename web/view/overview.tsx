import type { BarStatus } from "../../src/render/hour-chart.ts";
import { Failure } from "../api/failure.ts";
import { BAR_ORDER } from "../chart/bars.ts";
import { Chart } from "./chart.tsx";
import { useApp, useMessages, useTimes } from "./context.ts";
import { HealthPanel } from "./health-panel.tsx";
import { FailureText, Line } from "./parts.tsx";

/** Filters the list by a status, or no longer by it. */
function StatusButton({ status }: { status: BarStatus }) {
  const { tasks, filter: apply } = useApp();
  const text = useMessages();
  const { filter } = tasks.request.value;
  const isPressed = filter.statuses.join() === status;
  return (
    <button
      type="button"
      aria-label={text.onlyStatus(text.status[status])}
      aria-pressed={isPressed}
      onClick={() => void apply({ ...filter, statuses: isPressed ? [] : [status] })}
    >
      {text.status[status]}
    </button>
  );
}

/** How many tasks there are, by status, and when they changed. */
export function Overview() {
  const { overview } = useApp();
  const { clock } = useTimes();
  const text = useMessages();
  const stats = overview.stats.value;
  if (stats === null || clock === null)
    return <section class="card overview" aria-label={text.overview} aria-busy="true" />;
  if (stats instanceof Failure) {
    return (
      <section class="card overview" aria-label={text.overview}>
        <p class="quiet">{text.overviewFailed}</p>
        <FailureText failure={stats} />
      </section>
    );
  }
  const shown = BAR_ORDER.filter((status) => status !== "other" || stats.byStatus.other > 0).toReversed();
  return (
    <section class="card overview" aria-label={text.overview}>
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
        <p class="quiet as-of">{text.updated(clock.time(clock.epochOf(stats.at)))}</p>
      </div>
      <Chart span={stats.span} bars={stats.bars} clock={clock} />
      <HealthPanel />
    </section>
  );
}
