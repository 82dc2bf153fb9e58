import { useSignal } from "@preact/signals";
import type { StatsHours } from "../../src/http/routes/stats.ts";
import { BAR_ORDER, segmentsOf, topOf } from "../chart/bars.ts";
import type { Messages } from "../i18n/en.ts";
import type { ServiceClock } from "../time/service-clock.ts";
import { useApp, useMessages } from "./context.ts";

type Hour = StatsHours["perHour"][number];

/** Every so many bars get the hour beneath them. */
const LABELLED = 6;

/** Tasks by the hour of their last change, the last 24 hours of the service's clock; a table for who cannot see it. */
export function HourChart({ hours, clock }: { hours: readonly Hour[]; clock: ServiceClock }) {
  const text = useMessages();
  const top = topOf(hours);
  const labels = hours.map(({ from }) => clock.hour(from));
  const isQuiet = hours.every(({ total }) => total === 0);
  return (
    <figure class="chart">
      <figcaption>{isQuiet ? text.quietDay : text.perHour}</figcaption>
      <div class="plot">
        <span class="scale" aria-hidden="true">
          {text.number(top)}
        </span>
        <svg viewBox={`0 0 ${hours.length * 10} 100`} preserveAspectRatio="none" aria-hidden="true">
          {hours.map((hour, i) => (
            <g key={hour.from}>
              <rect class="slot" x={i * 10 + 1} y={0} width={8} height={100} />
              {segmentsOf(hour, top).map(({ status, from, height }) => (
                <rect key={status} class={status} x={i * 10 + 1} y={100 - from - height} width={8} height={height} />
              ))}
            </g>
          ))}
        </svg>
        <HourButtons hours={hours} labels={labels} clock={clock} />
        <ol class="hours" aria-hidden="true">
          {labels.map((label, i) => (
            <li key={hours[i]!.from}>{i % LABELLED === 0 || i === hours.length - 1 ? label : ""}</li>
          ))}
        </ol>
      </div>
      <HourTable hours={hours} labels={labels} />
    </figure>
  );
}

const HOUR_S = 3600;
/** How far a key moves the focus. */
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, Home: -24, End: 24 };

/** Over the bars: each filters the list to its hour, or no longer. One is reached by Tab, the others by the arrow keys. */
function HourButtons({
  hours,
  labels,
  clock,
}: {
  hours: readonly Hour[];
  labels: readonly string[];
  clock: ServiceClock;
}) {
  const { tasks, filter: apply } = useApp();
  const text = useMessages();
  const reached = useSignal<string | null>(null);
  const { filter } = tasks.request.value;
  const ranges = hours.map(({ from }) => {
    const epoch = clock.epochOf(from);
    return { since: [clock.iso(epoch)], until: [clock.iso(epoch + HOUR_S)] };
  });
  const pressed = ranges.findIndex(({ since, until }) => `${since} ${until}` === `${filter.since} ${filter.until}`);
  const known = hours.findIndex(({ from }) => from === reached.value);
  const tabbed = known >= 0 ? known : pressed >= 0 ? pressed : hours.length - 1;
  const move = (event: KeyboardEvent, i: number) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(hours.length - 1, Math.max(0, i + step));
    (event.currentTarget as Element).parentElement!.querySelectorAll("button")[next]!.focus();
  };
  return (
    <div class="bars" role="toolbar" aria-label={text.perHour}>
      {hours.map((hour, i) => {
        const title = text.hourTitle(labels[i]!, partsOf(hour, text));
        return (
          <button
            key={hour.from}
            type="button"
            aria-label={title}
            title={title}
            aria-pressed={i === pressed}
            tabIndex={i === tabbed ? 0 : -1}
            onFocus={() => (reached.value = hour.from)}
            onKeyDown={(event) => move(event, i)}
            onClick={() => void apply({ ...filter, ...(i === pressed ? { since: [], until: [] } : ranges[i]) })}
          />
        );
      })}
    </div>
  );
}

function HourTable({ hours, labels }: { hours: readonly Hour[]; labels: readonly string[] }) {
  const text = useMessages();
  return (
    <table class="visually-hidden">
      <thead>
        <tr>
          <th scope="col">{text.hour}</th>
          {BAR_ORDER.map((status) => (
            <th key={status} scope="col">
              {text.status[status]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {hours.map((hour, i) => (
          <tr key={hour.from}>
            <th scope="row">{labels[i]}:00</th>
            {BAR_ORDER.map((status) => (
              <td key={status}>{hour[status]}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function partsOf(hour: Hour, text: Messages): string {
  const parts = BAR_ORDER.filter((status) => hour[status] > 0).map(
    (status) => `${text.status[status]} ${text.number(hour[status])}`,
  );
  return parts.length === 0 ? text.noTasks : parts.toReversed().join(", ");
}
